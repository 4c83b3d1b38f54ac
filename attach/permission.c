#include "attach/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/cgroup.h"
#include "attach/procfs.h"
#include "attach/user_name.h"
#include "heaptop/base/cleanup.h"

#define CAPABILITY_SYS_PTRACE (UINT64_C(1) << 19)   /* include/uapi/linux/capability.h */
#define CAPABILITY_SYS_ADMIN (UINT64_C(1) << 21)
#define CAPABILITY_PERFMON (UINT64_C(1) << 38)
#define CAPABILITY_BPF (UINT64_C(1) << 39)
#define SECCOMP_FILTER 2

static bool read_status(const char *path, struct process_status *ret_status)
{
    char text[PROCESS_STATUS_SIZE];
    size_t length;
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, path, text, sizeof(text), &length);
    return !error && process_status_parse(text, length, ret_status);
}

int permission_yama_scope(void)
{
    char text[16];
    size_t length;
    uint64_t scope;
    _cleanup_error_ struct error *error =
        procfs_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text), &length);
    struct scanner scanner = scanner_over(text, error ? 0 : length);
    return scanner_number(&scanner, 10, &scope) && scope <= 3 ? (int)scope : YAMA_ABSENT;
}

static bool is_in_container(void)
{
    char text[4096], container[CGROUP_CONTAINER_SIZE];
    size_t length;
    if (access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0)
        return true;
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text), &length);
    return !error && cgroup_find_container(text, length, container);
}

/* The name in front of heaptop's own label, where one confines it: "docker-default (enforce)". */
static void read_security_module(char *buffer, size_t size)
{
    char text[256];
    size_t length;
    buffer[0] = '\0';
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, "/proc/self/attr/current", text, sizeof(text), &length);
    if (error || length == 0)
        return;
    length = strcspn(text, "\n");
    if (strncmp(text, "unconfined", 10) == 0 || strstr(text, ":unconfined_t") || length == 0)
        return;
    struct text escaped = {0};
    text_append_escaped(&escaped, text, length);
    if (!escaped.failed && escaped.data)
        snprintf(buffer, size, "%s", escaped.data);
    text_deinit(&escaped);
}

/* A first user namespace maps all ids to themselves (user_namespaces(7)). */
static bool is_in_user_namespace(void)
{
    char text[256];
    size_t length;
    uint64_t inside, outside, count;
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text), &length);
    struct scanner scanner = scanner_over(text, error ? 0 : length);
    bool is_read = scanner_number_word(&scanner, &inside) && scanner_number_word(&scanner, &outside) &&
                   scanner_number_word(&scanner, &count);
    return is_read && (inside != 0 || outside != 0 || count != UINT32_MAX);
}

static bool links_are_readable(pid_t pid)
{
    char path[64], link[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    _cleanup_error_ struct error *error = procfs_read_link(AT_FDCWD, path, link, sizeof(link));
    return !error;
}

void permission_gather(pid_t pid, struct permission_facts *ret_facts)
{
    struct permission_facts facts = {.pid = pid, .own_uid = getuid(), .own_gid = getgid(), .target_dumpable = true};
    char path[64];
    struct stat file;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    facts.own_known = read_status("/proc/self/status", &facts.own);
    facts.target_known = read_status(path, &facts.target);
    /* The kernel gives the files of a process that is not dumpable, but not their folder, to root (fs/proc/base.c
     * task_dump_owner). */
    if (facts.target_known && stat(path, &file) == 0)
        facts.target_dumpable = file.st_uid == facts.target.uids[1];
    facts.in_container = is_in_container();
    facts.yama_scope = permission_yama_scope();
    read_security_module(facts.security_module, sizeof(facts.security_module));
    facts.links_readable = links_are_readable(pid);
    facts.in_user_namespace = is_in_user_namespace();
    *ret_facts = facts;
}

bool permission_has_sys_ptrace(const struct permission_facts *facts)
{
    return facts->own_known && (facts->own.effective_capabilities & CAPABILITY_SYS_PTRACE);
}

bool permission_has_bpf(const struct permission_facts *facts)
{
    uint64_t have = facts->own_known ? facts->own.effective_capabilities : 0;
    return have & CAPABILITY_SYS_ADMIN || (have & CAPABILITY_BPF && have & CAPABILITY_PERFMON);
}

void permission_append_user(struct text *text, uid_t uid)
{
    char buffer[USER_NAME_BUFFER];
    const char *name = user_name_find(uid, buffer);
    if (name) {
        text_append_escaped(text, name, strlen(name));
        text_printf(text, " (uid %u)", (unsigned)uid);
    } else {
        text_printf(text, "uid %u", (unsigned)uid);
    }
}

static void suggest_privilege(const struct permission_facts *facts, struct text *remedy)
{
    /* Becoming root helps only where root still has the capability. */
    if (facts->own_uid != 0 && (facts->own.bounding_capabilities & CAPABILITY_SYS_PTRACE))
        text_printf(remedy, "sudo heaptop %d%s", (int)facts->pid,
                    facts->in_container ? " (or, where there is no sudo, heaptop's container as root: --user 0)" : "");
    else if (facts->in_container)
        text_append(remedy, "start heaptop's container with --cap-add=SYS_PTRACE, or run heaptop on the host");
    else
        text_append(remedy, "give heaptop CAP_SYS_PTRACE");
}

static bool all_alike(const unsigned *ids)
{
    return ids[0] == ids[1] && ids[1] == ids[2];
}

/* Whether to be of the process's own user and group would do. */
static bool suffices_to_be_the_user(const struct permission_facts *facts)
{
    const struct process_status *target = &facts->target;
    return all_alike(target->uids) && all_alike(target->gids) && facts->target_dumpable && facts->yama_scope <= 0 &&
           !target->permitted_capabilities && !facts->in_user_namespace;
}

static void judge_user(const struct permission_facts *facts, struct text *cause, struct text *remedy)
{
    const struct process_status *target = &facts->target;
    text_append(cause, "it runs as ");
    permission_append_user(cause, target->uids[1]);
    text_append(cause, ", heaptop as ");
    permission_append_user(cause, facts->own_uid);
    text_append(cause, facts->own_uid == 0 ? " without CAP_SYS_PTRACE" : "");
    if (target->uids[1] == facts->own_uid && target->gids[1] != facts->own_gid)
        text_printf(cause, ", but it has group %u and heaptop %u", (unsigned)target->gids[1], (unsigned)facts->own_gid);
    else if (target->uids[1] == facts->own_uid)
        text_append(cause, ", but it has other real or saved ids");
    suggest_privilege(facts, remedy);
    if (facts->in_container && suffices_to_be_the_user(facts))
        text_printf(remedy, "; --user %u:%u, the process's own, would do as well", (unsigned)target->uids[1],
                    (unsigned)target->gids[1]);
}

static bool same_user(const struct permission_facts *facts)
{
    const struct process_status *target = &facts->target;
    for (size_t i = 0; i < 3; i++) {
        if (target->uids[i] != facts->own_uid || target->gids[i] != facts->own_gid)
            return false;
    }
    return true;
}

static void judge_yama(const struct permission_facts *facts, struct text *cause, struct text *remedy)
{
    text_printf(cause, "kernel.yama.ptrace_scope is %d: ", facts->yama_scope);
    switch (facts->yama_scope) {
    case 1:
        text_append(cause, "only a process's own parent, or root, may look into it");
        suggest_privilege(facts, remedy);
        text_append(remedy, ", or sysctl kernel.yama.ptrace_scope=0");
        break;
    case 2:
        text_append(cause, "only root may look into a process");
        suggest_privilege(facts, remedy);
        break;
    default:
        text_append(cause, "nobody may look into a process");
        text_append(remedy, "boot with kernel.yama.ptrace_scope below 3: it cannot be lowered while the machine runs");
    }
}

/* What is left when neither users nor Yama explain it. */
static void judge_confinement(const struct permission_facts *facts, struct text *cause, struct text *remedy)
{
    if (!facts->links_readable && facts->in_user_namespace) {
        text_append(cause, "heaptop is in a user namespace, as in a rootless container, and the process is not in it: "
                           "what heaptop is allowed counts only there");
        text_append(remedy, "run heaptop as root on the host, or in the process's own container");
    } else if (facts->own.seccomp == SECCOMP_FILTER && facts->links_readable) {
        text_append(cause, "heaptop runs under a seccomp filter, which probably forbids process_vm_readv");
        text_append(remedy,
                    facts->in_container
                        ? "start heaptop's container with --cap-add=SYS_PTRACE --security-opt seccomp=unconfined"
                        : "run heaptop outside of what filters its system calls");
    } else if (facts->security_module[0]) {
        text_printf(cause, "a security module confines heaptop (%s)", facts->security_module);
        text_append(remedy, facts->in_container
                                ? "start heaptop's container with --security-opt apparmor=unconfined (or label=disable)"
                                : "run heaptop unconfined; the kernel's log names the denial (dmesg)");
    } else {
        text_append(cause, "the kernel does not tell why; a security module may forbid it");
        text_append(remedy, "look into the kernel's log for a denial (dmesg)");
    }
}

void permission_judge(const struct permission_facts *facts, struct text *cause, struct text *remedy)
{
    bool is_privileged = permission_has_sys_ptrace(facts);
    if (!facts->target_known) {
        text_append(cause, "its /proc folder cannot be read (is /proc mounted with hidepid?)");
        suggest_privilege(facts, remedy);
    } else if (facts->yama_scope == 3) {
        judge_yama(facts, cause, remedy);
    } else if (is_privileged) {
        judge_confinement(facts, cause, remedy);
    } else if (!same_user(facts)) {
        judge_user(facts, cause, remedy);
    } else if (!facts->target_dumpable) {
        text_append(
            cause,
            "it is not dumpable: it has changed its user, holds capabilities, or has asked not to be looked into");
        suggest_privilege(facts, remedy);
    } else if (facts->target.permitted_capabilities & ~facts->own.permitted_capabilities) {
        text_append(cause, "it holds capabilities that heaptop lacks");
        suggest_privilege(facts, remedy);
    } else if (facts->yama_scope == 1 || facts->yama_scope == 2) {
        judge_yama(facts, cause, remedy);
    } else {
        judge_confinement(facts, cause, remedy);
    }
}

struct error *permission_explain(pid_t pid, const char *tried, int errno_value)
{
    struct permission_facts facts;
    struct text cause = {0}, remedy = {0};
    char system_buffer[128];
    permission_gather(pid, &facts);
    permission_judge(&facts, &cause, &remedy);
    struct error *error =
        cause.failed || remedy.failed
            ? error_no_memory()
            : error_create(ERROR_PERMISSION,
                           "process %d may not be looked into: %s was refused (%s), as %s; what would help: %s",
                           (int)pid, tried, strerror_r(errno_value, system_buffer, sizeof(system_buffer)), cause.data,
                           remedy.data);
    text_deinit(&cause);
    text_deinit(&remedy);
    return error;
}
