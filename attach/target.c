#include "attach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/permission.h"
#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

#define LINK_SIZE 4096
#define ENDING_MILLISECONDS 200
#define AUXV_SIZE 4096
#define AUXV_ENTRY 9            /* AT_ENTRY, include/uapi/linux/auxvec.h */
#define ELF_ENTRY_OFFSET 24     /* e_entry of an Elf64_Ehdr. */
#define PAGE UINT64_C(4096)

DEFINE_CLEANUP(struct target *, target_close)

/* The process that a thread belongs to; the pid itself when that cannot be told. */
static pid_t process_of(pid_t pid)
{
    char path[64], text[PROCESS_STATUS_SIZE];
    size_t length;
    struct process_status status;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, path, text, sizeof(text), &length);
    return !error && process_status_parse(text, length, &status) ? status.group : pid;
}

static int open_pid(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static struct error *open_folder(struct target *target)
{
    struct error *error = procfs_open_process(target->pid, &target->folder);
    if (!error || error->kind != ERROR_GONE || target->pid_descriptor < 0 || !target_is_alive(target))
        return error;
    /* It lives, yet /proc does not show it. */
    error_destroy(error);
    return error_create(ERROR_PERMISSION,
                        "process %d is there, but /proc does not show it (mounted with hidepid); what would help: "
                        "sudo heaptop %d, or mount -o remount,hidepid=0 /proc",
                        (int)target->pid, (int)target->pid);
}

static struct error *open_files(struct target *target)
{
    char path[32];
    snprintf(path, sizeof(path), "task/%d/stat", (int)target->pid);
    const struct {
        const char *name;
        int *descriptor;
    } files[] = {
        {"stat", &target->stat_file}, {"status", &target->status_file}, {path, &target->thread_stat_file}};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        *files[i].descriptor = openat(target->folder, files[i].name, O_RDONLY | O_CLOEXEC);
        if (*files[i].descriptor >= 0)
            continue;
        if (errno == ENOENT || errno == ESRCH)
            return error_create(ERROR_GONE, "process %d ended", (int)target->pid);
        if (errno == EACCES || errno == EPERM)
            return permission_explain(target->pid, "opening /proc/PID/stat", errno);
        return error_from_errno(errno, "cannot open /proc/%d/%s", (int)target->pid, files[i].name);
    }
    return NULL;
}

/* The main thread of a process that is being killed can be gone a moment before the others. */
static bool ends_soon(const struct target *target)
{
    struct pollfd descriptor = {.fd = target->pid_descriptor, .events = POLLIN};
    return poll(&descriptor, 1, ENDING_MILLISECONDS) > 0;
}

struct error *target_open(pid_t pid, struct target **ret_target)
{
    if (pid <= 0)
        return error_create(ERROR_GONE, "no process has the pid %d", (int)pid);
    _cleanup_(target_closep) struct target *target = calloc(1, sizeof(*target));
    if (!target)
        return error_no_memory();
    *target = (struct target){
        .pid = process_of(pid),
        .requested = pid,
        .folder = -1,
        .stat_file = -1,
        .status_file = -1,
        .thread_stat_file = -1,
    };
    target->pid_descriptor = open_pid(target->pid);
    if (target->pid_descriptor < 0 && errno == ESRCH)
        return error_create(ERROR_GONE, "no process has the pid %d", (int)pid);
    struct error *error = open_folder(target);
    if (error)
        return error;
    error = open_files(target);
    if (error)
        return error;

    struct target_stat stat;
    error = target_read_stat(target, &stat);
    if (error)
        return error;
    /* Alive now: so pid, folder and files all meant this one process. */
    if (stat.stat.state == 'Z' && stat.stat.threads > 1 && !ends_soon(target))
        return error_create(
            ERROR_UNSUPPORTED,
            "the main thread of process %d has ended while others run on: its memory is not to be had by its pid",
            (int)target->pid);
    if (!target_is_alive(target) || stat.stat.state == 'Z' || stat.stat.state == 'X')
        return error_create(ERROR_GONE, "process %d has already ended%s", (int)target->pid,
                            stat.stat.state == 'Z' ? " (a zombie: its parent has not waited for it)" : "");
    if (stat.stat.flags & PROCESS_FLAG_KERNEL_THREAD)
        return error_create(ERROR_UNSUPPORTED, "process %d is a thread of the kernel, and has no memory of its own",
                            (int)target->pid);
    target->start_ticks = stat.stat.start_ticks;
    target->start_unix_ns = process_start_unix_ns(stat.stat.start_ticks);
    target_read_program(target, &stat.stat, &target->program);
    *ret_target = take_pointer(target);
    return NULL;
}

void target_close(struct target *target)
{
    if (!target)
        return;
    close_p(&target->pid_descriptor);
    close_p(&target->folder);
    close_p(&target->stat_file);
    close_p(&target->status_file);
    close_p(&target->thread_stat_file);
    free(target);
}

bool target_is_alive(const struct target *target)
{
    if (target->pid_descriptor >= 0) {
        struct pollfd descriptor = {.fd = target->pid_descriptor, .events = POLLIN};
        return poll(&descriptor, 1, 0) == 0;
    }
    struct stat status;
    return fstatat(target->folder, "stat", &status, 0) == 0;
}

static struct error *gone_if_missing(struct target *target, struct error *error)
{
    if (!error || (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_GONE))
        return error;
    error_destroy(error);
    return error_create(ERROR_GONE, "process %d ended", (int)target->pid);
}

static struct error *read_stat(struct target *target, int descriptor, struct target_stat *ret_stat)
{
    size_t length;
    struct error *error = procfs_read_again(descriptor, "stat", ret_stat->text, sizeof(ret_stat->text), &length);
    if (error)
        return gone_if_missing(target, error);
    if (!process_stat_parse(ret_stat->text, length, &ret_stat->stat))
        return error_create(ERROR_BAD_DATA, "/proc/%d/stat is not of the known form", (int)target->pid);
    return NULL;
}

struct error *target_read_stat(struct target *target, struct target_stat *ret_stat)
{
    return read_stat(target, target->stat_file, ret_stat);
}

struct error *target_read_thread_stat(struct target *target, struct target_stat *ret_stat)
{
    return read_stat(target, target->thread_stat_file, ret_stat);
}

struct error *target_read_status(struct target *target, struct process_status *ret_status)
{
    char text[PROCESS_STATUS_SIZE];
    size_t length;
    struct error *error = procfs_read_again(target->status_file, "status", text, sizeof(text), &length);
    if (error)
        return gone_if_missing(target, error);
    if (!process_status_parse(text, length, ret_status))
        return error_create(ERROR_BAD_DATA, "/proc/%d/status is not of the known form", (int)target->pid);
    return NULL;
}

void target_read_program(struct target *target, const struct process_stat *stat, struct program_identity *ret_program)
{
    struct stat status;
    *ret_program = (struct program_identity){.stack_start = stat->stack_start};
    if (fstatat(target->folder, "exe", &status, 0) == 0) {
        ret_program->device = status.st_dev;
        ret_program->inode = status.st_ino;
    }
}

/* Arguments end with a NUL each: made one line, with blanks between. */
static string_id read_command_line(struct target *target, struct catalog *catalog)
{
    char text[TARGET_COMMAND_LINE_LIMIT];
    size_t length;
    _cleanup_error_ struct error *error = procfs_read(target->folder, "cmdline", text, sizeof(text), &length);
    if (error)
        return 0;
    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            text[i] = ' ';
    }
    return length > 0 ? catalog_add_untrusted(catalog, text, length) : 0;
}

struct error *target_describe(struct target *target, struct catalog *catalog, struct target_info *info)
{
    struct target_stat stat;
    struct process_status status;
    struct error *error = target_read_stat(target, &stat);
    if (!error)
        error = target_read_status(target, &status);
    if (error)
        return error;
    info->pid = target->pid;
    info->inner_pid = status.inner_pid;
    info->start_unix_ns = target->start_unix_ns;
    info->uid = status.uids[1];
    info->comm = catalog_add_untrusted(catalog, stat.stat.comm, stat.stat.comm_length);
    info->command_line = read_command_line(target, catalog);
    char link[LINK_SIZE];
    error = procfs_read_link(target->folder, "exe", link, sizeof(link));
    info->exe = error ? 0 : catalog_add_untrusted(catalog, link, strlen(link));
    error_destroy(error);
    return NULL;
}

struct error *target_check_access(struct target *target)
{
    /* The kernel checks access before it looks at the address, so that a read at 0 tells without reading. */
    char byte;
    struct iovec local = {.iov_base = &byte, .iov_len = 1}, remote = {.iov_base = NULL, .iov_len = 1};
    ssize_t got = process_vm_readv(target->pid, &local, 1, &remote, 1, 0);
    int errno_value = errno;
    if (!target_is_alive(target))
        return error_create(ERROR_GONE, "process %d ended", (int)target->pid);
    if (got >= 0 || errno_value == EFAULT)
        return NULL;
    if (errno_value == EPERM || errno_value == EACCES || errno_value == ENOSYS)
        return permission_explain(target->pid, "process_vm_readv", errno_value);
    return error_from_errno(errno_value, "cannot read the memory of process %d", (int)target->pid);
}

/* Opens what must be a regular file: opening anything else could wait, or do something. */
static struct error *open_regular(int folder, const char *name, int *ret_descriptor)
{
    _cleanup_close_ int path = openat(folder, name, O_PATH | O_CLOEXEC);
    struct stat status;
    if (path < 0 || fstat(path, &status) != 0)
        return error_from_errno(errno, "cannot open '%s'", name);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_NOT_FOUND, "'%s' is not a regular file", name);
    char again[64];
    snprintf(again, sizeof(again), "/proc/self/fd/%d", path);
    int descriptor = open(again, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", name);
    *ret_descriptor = descriptor;
    return NULL;
}

struct error *target_open_executable(struct target *target, struct image **ret_image)
{
    char path[64];
    int descriptor;
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)target->pid);
    struct error *error = open_regular(target->folder, "exe", &descriptor);
    if (error)
        return error_prefix(error, "the executable of process %d", (int)target->pid);
    return image_open(descriptor, path, ret_image);
}

struct error *target_open_mapping(struct target *target, const struct maps *maps, const struct map_line *line,
                                  struct image **ret_image)
{
    char name[LINK_SIZE + 8];
    int descriptor;
    /* By its range: right also for a file that was deleted or replaced, but asks for a capability. */
    snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)line->start, (unsigned long long)line->end);
    struct error *error = open_regular(target->folder, name, &descriptor);
    if (error && !line->deleted && line->name_length > 0 && line->name_length < LINK_SIZE &&
        map_line_name(maps, line)[0] == '/') {
        error_destroy(error);
        snprintf(name, sizeof(name), "root%.*s", (int)line->name_length, map_line_name(maps, line));
        error = open_regular(target->folder, name, &descriptor);
    }
    return error ? error : image_open(descriptor, name, ret_image);
}

/* The entry point at run time, as the kernel told the program. */
static struct error *read_entry(struct target *target, uint64_t *ret_entry)
{
    char bytes[AUXV_SIZE];
    size_t length;
    struct error *error = procfs_read(target->folder, "auxv", bytes, sizeof(bytes), &length);
    if (error)
        return gone_if_missing(target, error);
    struct cursor cursor = cursor_over(bytes, length);
    while (cursor_left(&cursor) >= 16) {
        uint64_t type = cursor_u64(&cursor), value = cursor_u64(&cursor);
        if (type == AUXV_ENTRY) {
            *ret_entry = value;
            return NULL;
        }
    }
    return error_create(ERROR_BAD_DATA, "/proc/%d/auxv has no entry point", (int)target->pid);
}

struct error *target_find_load_bias(struct target *target, struct image *image, uint64_t *ret_bias)
{
    uint8_t field[8];
    uint64_t linked = 0, entry;
    if (!image_is_position_independent(image)) {
        *ret_bias = 0;
        return NULL;
    }
    struct error *error = image_read_file(image, ELF_ENTRY_OFFSET, field, sizeof(field));
    if (!error)
        error = read_entry(target, &entry);
    if (error)
        return error;
    bytes_u64_at(field, sizeof(field), 0, &linked);
    if ((entry - linked) % PAGE != 0)
        return error_create(ERROR_BAD_DATA,
                            "the executable of process %d is not the one that runs: its entry point lies elsewhere",
                            (int)target->pid);
    *ret_bias = entry - linked;
    return NULL;
}

/* PIDFD_GET_INFO with PIDFD_INFO_EXIT (include/uapi/linux/pidfd.h, Linux 6.15) tells the wait status of a process
 * already waited for. The struct is that of the first published size. */
struct pidfd_exit_info {
    uint64_t mask, cgroup_id;
    uint32_t ids[3], credentials[8];
    int32_t exit_code;
};
#define PIDFD_GET_EXIT_INFO _IOWR(0xff, 11, struct pidfd_exit_info)
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)

/* A wait status, or -1 when it cannot be told. */
static int read_wait_status(struct target *target)
{
    struct target_stat stat;
    _cleanup_error_ struct error *error = target_read_stat(target, &stat);
    /* Not yet waited for: shown to those who might read its memory, as we could. */
    if (!error && (stat.stat.state == 'Z' || stat.stat.state == 'X'))
        return stat.stat.exit_code;
    struct pidfd_exit_info info = {.mask = PIDFD_INFO_EXIT};
    if (target->pid_descriptor >= 0 && ioctl(target->pid_descriptor, PIDFD_GET_EXIT_INFO, &info) == 0 &&
        (info.mask & PIDFD_INFO_EXIT))
        return info.exit_code;
    return -1;
}

const char *target_exit_reason(struct target *target, char *buffer, size_t size)
{
    int status = read_wait_status(target);
    if (status >= 0 && WIFEXITED(status))
        snprintf(buffer, size, "exited with status %d", WEXITSTATUS(status));
    else if (status >= 0 && WIFSIGNALED(status))
        snprintf(buffer, size, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        return "ended";
    return buffer;
}
