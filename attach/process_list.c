/* The processes of this machine, for the picker and for finding a target by name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/permission.h"
#include "attach/process_stat.h"
#include "attach/procfs.h"
#include "attach/program_kind.h"
#include "attach/target.h"
#include "attach/user_name.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* More processes are left out. */
#define PROCESSES_MAX 131072
#define COMMAND_LINE_LIMIT 1024
#define LINK_SIZE 4096

DEFINE_CLEANUP(struct program_kinds *, program_kinds_destroy)

/* A row, and what tells its process from later ones of the same pid. */
struct listed_process {
    struct process_row row;
    uint64_t start_ticks;
};

struct listing {
    struct arena arena;                 /* Becomes the list's. */
    VECTOR(struct listed_process) rows;
    struct table users;                 /* uid -> pointer to a name in the arena. */
    bool may_attach;                    /* Nothing but a process's own owner stands in the way. */
};

static void listing_deinit(struct listing *listing)
{
    arena_deinit(&listing->arena);
    vector_deinit(&listing->rows);
    table_deinit(&listing->users);
}

/* Never NULL: out of memory gives "", and is found out by what comes after. */
static const char *keep_escaped(struct listing *listing, const char *bytes, size_t length)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, bytes, length);
    const char *kept =
        escaped.failed || !escaped.data ? NULL : arena_copy_string(&listing->arena, escaped.data, escaped.length);
    text_deinit(&escaped);
    return kept ? kept : "";
}

static const char *find_user(struct listing *listing, uid_t uid)
{
    bool is_new;
    uint64_t *place = table_insert(&listing->users, uid, &is_new);
    if (!place)
        return "";
    if (is_new) {
        char buffer[USER_NAME_BUFFER];
        const char *name = user_name_find(uid, buffer);
        if (!name) {
            snprintf(buffer, sizeof(buffer), "%u", (unsigned)uid);
            name = buffer;
        }
        *place = (uint64_t)(uintptr_t)keep_escaped(listing, name, strlen(name));
    }
    return (const char *)(uintptr_t)*place;
}

static const char *read_command_line(struct listing *listing, int folder)
{
    char text[COMMAND_LINE_LIMIT];
    size_t length;
    _cleanup_error_ struct error *error = procfs_read(folder, "cmdline", text, sizeof(text), &length);
    if (error)
        return "";
    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            text[i] = ' ';
    }
    return keep_escaped(listing, text, length);
}

/* This process, and those that it has begun for itself: the guardian, and who reads or fetches debug information.
 * Commands that it runs are its children too. */
static bool is_own(const struct process_stat *stat)
{
    static const char name[] = "heaptop-";
    bool has_name = stat->comm_length >= strlen(name) && memcmp(stat->comm, name, strlen(name)) == 0;
    return stat->pid == getpid() || (stat->parent == getpid() && has_name);
}

static bool read_row(struct listing *listing, int folder, struct process_row *ret_row, uint64_t *ret_start_ticks)
{
    char text[PROCESS_STATUS_SIZE], link[LINK_SIZE];
    size_t length;
    struct process_stat stat;
    struct process_status status;
    _cleanup_error_ struct error *error = procfs_read(folder, "status", text, sizeof(text), &length);
    if (error || !process_status_parse(text, length, &status))
        return false;
    error = procfs_read(folder, "stat", text, PROCESS_STAT_SIZE, &length);
    if (error || !process_stat_parse(text, length, &stat))
        return false;
    if ((stat.flags & PROCESS_FLAG_KERNEL_THREAD) || stat.state == 'Z' || stat.state == 'X' || is_own(&stat))
        return false;
    struct process_row row = {
        .pid = stat.pid,
        .parent = stat.parent,
        .uid = status.uids[1],
        .user = find_user(listing, status.uids[1]),
        .comm = keep_escaped(listing, stat.comm, stat.comm_length),
        .command_line = read_command_line(listing, folder),
        .exe = "",
        .runtime = "",
        .allocator = "",
        .rss_bytes = status.rss_bytes,
        .cpu_ns = process_ticks_to_ns(stat.user_ticks + stat.system_ticks),
        .start_unix_ns = process_start_unix_ns(stat.start_ticks),
    };
    error = procfs_read_link(folder, "exe", link, sizeof(link));
    if (!error) {
        row.exe = keep_escaped(listing, link, strlen(link));
        /* The link asks for the same right as reading memory does, but for what Yama adds; trying to read itself
         * would be logged. */
        row.readable = listing->may_attach;
    }
    *ret_row = row;
    *ret_start_ticks = stat.start_ticks;
    return true;
}

static struct error *add_process(struct listing *listing, pid_t pid)
{
    _cleanup_close_ int folder = -1;
    struct listed_process process;
    _cleanup_error_ struct error *error = procfs_open_process(pid, &folder);
    if (error || !read_row(listing, folder, &process.row, &process.start_ticks))
        return NULL;
    return vector_append(&listing->rows, process) ? NULL : error_no_memory();
}

/* False when the time was up before all were looked at. */
static bool find_kinds(struct listing *listing, struct program_kinds *kinds, uint64_t deadline_ns)
{
    bool finished = true;
    for (size_t i = 0; i < listing->rows.count; i++) {
        struct listed_process *process = &listing->rows.items[i];
        _cleanup_close_ int folder = -1;
        struct program_kind kind;
        _cleanup_error_ struct error *error = procfs_open_process(process->row.pid, &folder);
        if (error)
            continue;
        enum program_kind_found found =
            program_kinds_find(kinds, folder, process->row.pid, process->start_ticks, deadline_ns, &kind);
        finished &= found != KIND_POSTPONED;
        if (found != KIND_FOUND)
            continue;
        const char *name = arena_copy_string(&listing->arena, kind.name, strlen(kind.name));
        process->row.runtime = name ? name : "";
        process->row.allocator = kind.allocator;
    }
    return finished;
}

static void listing_init(struct listing *listing)
{
    struct permission_facts own;
    *listing = (struct listing){0};
    arena_init(&listing->arena);
    table_init(&listing->users);
    permission_gather(getpid(), &own);
    listing->may_attach = own.yama_scope <= 0 || (own.yama_scope < 3 && permission_has_sys_ptrace(&own));
}

static bool parse_pid(const char *name, pid_t *ret_pid)
{
    struct scanner scanner = scanner_over(name, strlen(name));
    uint64_t pid;
    if (!scanner_number(&scanner, 10, &pid) || scanner.next != scanner.end || pid > INT32_MAX)
        return false;
    *ret_pid = (pid_t)pid;
    return true;
}

static void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

static struct error *add_all(struct listing *listing)
{
    __attribute__((cleanup(close_folder))) DIR *folder = opendir("/proc");
    if (!folder)
        return error_from_errno(errno, "cannot open '/proc'");
    struct dirent *file;
    while (listing->rows.count < PROCESSES_MAX && (file = readdir(folder))) {
        pid_t pid;
        struct error *error = parse_pid(file->d_name, &pid) ? add_process(listing, pid) : NULL;
        if (error)
            return error;
    }
    return NULL;
}

static int compare_rss(const void *first, const void *second)
{
    const struct process_row *one = &((const struct listed_process *)first)->row;
    const struct process_row *other = &((const struct listed_process *)second)->row;
    if (one->rss_bytes != other->rss_bytes)
        return one->rss_bytes < other->rss_bytes ? 1 : -1;
    return one->pid < other->pid ? -1 : one->pid > other->pid;
}

static void sort_rows(struct listing *listing)
{
    if (listing->rows.count > 0)
        qsort(listing->rows.items, listing->rows.count, sizeof(*listing->rows.items), compare_rss);
}

/* Rows into the arena. */
static struct error *finish_list(struct listing *listing, struct process_list *ret_list)
{
    struct process_row *rows = arena_alloc_array(&listing->arena, listing->rows.count, sizeof(*rows));
    if (!rows)
        return error_no_memory();
    for (size_t i = 0; i < listing->rows.count; i++)
        rows[i] = listing->rows.items[i].row;
    *ret_list = (struct process_list){.arena = listing->arena, .rows = rows, .count = listing->rows.count};
    arena_init(&listing->arena);
    return NULL;
}

struct error *process_list_read(struct program_kinds *kinds, struct process_list *ret_list)
{
    _cleanup_(listing_deinit) struct listing listing;
    listing_init(&listing);
    struct error *error = add_all(&listing);
    if (error)
        return error;
    sort_rows(&listing);
    bool finished = !kinds || find_kinds(&listing, kinds, clock_ns(CLOCK_MONOTONIC) + PROCESS_LIST_LOOK_NS);
    error = finish_list(&listing, ret_list);
    if (!error)
        ret_list->unfinished = !finished;
    return error;
}

void process_list_deinit(struct process_list *list)
{
    arena_deinit(&list->arena);
    *list = (struct process_list){0};
}

/* The file name in a path, or in the first word of a command line; " (deleted)" taken off. */
static struct scanner file_name(const char *path, bool is_command_line)
{
    static const char deleted[] = " (deleted)";
    size_t length = is_command_line ? strcspn(path, " ") : strlen(path), suffix = strlen(deleted);
    if (!is_command_line && length > suffix && strcmp(path + length - suffix, deleted) == 0)
        length -= suffix;
    const char *slash = memrchr(path, '/', length);
    const char *start = slash ? slash + 1 : path;
    return (struct scanner){.next = start, .end = path + length};
}

static bool row_matches(const struct process_row *row, const char *name, bool exactly)
{
    struct scanner names[] = {
        scanner_over(row->comm, strlen(row->comm)),
        file_name(row->exe, false),
        file_name(row->command_line, true),
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (exactly ? scanner_equals(&names[i], name)
                    : memmem(names[i].next, scanner_left(&names[i]), name, strlen(name)) != NULL)
            return true;
    }
    return false;
}

static void keep_matches(struct listing *listing, const char *name)
{
    bool exactly = false;
    for (size_t i = 0; i < listing->rows.count && !exactly; i++)
        exactly = row_matches(&listing->rows.items[i].row, name, true);
    size_t kept = 0;
    for (size_t i = 0; i < listing->rows.count; i++) {
        if (row_matches(&listing->rows.items[i].row, name, exactly))
            listing->rows.items[kept++] = listing->rows.items[i];
    }
    listing->rows.count = kept;
}

static struct error *say_none(const char *name)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, name, strlen(name));
    struct error *error =
        escaped.failed ? error_no_memory()
                       : error_create(ERROR_NOT_FOUND, "no process is called '%s'", escaped.data ? escaped.data : "");
    text_deinit(&escaped);
    return error;
}

/* Why the process of this pid is no target. */
static struct error *say_why_not(pid_t pid)
{
    struct target *target;
    struct error *error = target_open(pid, &target);
    if (error)
        return error;
    target_close(target);
    return error_create(ERROR_NOT_FOUND, pid == getpid() ? "process %d is heaptop itself" : "process %d cannot be read",
                        (int)pid);
}

struct error *process_list_find(const char *pid_or_name, struct process_list *ret_list)
{
    _cleanup_(listing_deinit) struct listing listing;
    pid_t pid;
    listing_init(&listing);
    if (!*pid_or_name)
        return error_create(ERROR_NOT_FOUND, "no process has an empty name");
    bool is_pid = parse_pid(pid_or_name, &pid);
    struct error *error = is_pid ? add_process(&listing, pid) : add_all(&listing);
    if (error)
        return error;
    if (!is_pid)
        keep_matches(&listing, pid_or_name);
    if (listing.rows.count == 0)
        return is_pid ? say_why_not(pid) : say_none(pid_or_name);
    _cleanup_(program_kinds_destroyp) struct program_kinds *kinds = NULL;
    error = program_kinds_create(&kinds);
    if (error)
        return error;
    sort_rows(&listing);
    find_kinds(&listing, kinds, UINT64_MAX);
    return finish_list(&listing, ret_list);
}
