/* Why the kernel refuses to let heaptop look into a process, and what would help (Linux: kernel/ptrace.c
 * __ptrace_may_access, security/yama/yama_lsm.c, security/commoncap.c cap_ptrace_access_check; checked on 6.18). */
#ifndef HEAPTOP_ATTACH_PERMISSION_H
#define HEAPTOP_ATTACH_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/process_stat.h"
#include "heaptop/base/error.h"
#include "heaptop/base/text.h"

#define YAMA_ABSENT (-1)

/* All that decides, as far as it can be read. */
struct permission_facts {
    pid_t pid;
    uid_t own_uid;                      /* Real: process_vm_readv goes by it. */
    gid_t own_gid;
    struct process_status own, target;
    bool own_known, target_known;
    bool target_dumpable;               /* Its files in /proc belong to its user. Always so for root's. */
    bool in_container;                  /* heaptop itself. */
    /* The kernel grants the lesser right, to read the target's links in /proc, which seccomp and Yama leave. */
    bool links_readable;
    /* heaptop itself, in another than the machine's first: its capabilities count only there. */
    bool in_user_namespace;
    int yama_scope;                     /* kernel.yama.ptrace_scope, or YAMA_ABSENT. */
    char security_module[64];           /* "apparmor", "selinux", ... that confines heaptop, or "". Escaped. */
};

void permission_gather(pid_t pid, struct permission_facts *ret_facts);

/* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN. */
bool permission_has_bpf(const struct permission_facts *facts);
bool permission_has_sys_ptrace(const struct permission_facts *facts);
/* kernel.yama.ptrace_scope, or YAMA_ABSENT. */
int permission_yama_scope(void);

/* The likeliest cause of a refusal, as a clause, and what would mend it, as a command or a setting. Pure. */
void permission_judge(const struct permission_facts *facts, struct text *cause, struct text *remedy);

/* An ERROR_PERMISSION that says what was tried ("process_vm_readv", "open '/proc/7/maps'"), the cause, and what
 * would help. */
struct error *permission_explain(pid_t pid, const char *tried, int errno_value);

/* "alice (uid 1000)", or "uid 1000" when the user has no name here. */
void permission_append_user(struct text *text, uid_t uid);

#endif
