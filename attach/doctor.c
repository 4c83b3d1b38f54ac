/* What can be read of a process, what cannot, why, and what would mend it. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attach/cgroup.h"
#include "attach/doctor_lines.h"
#include "attach/doctor_offers.h"
#include "attach/live_source.h"
#include "attach/malloc/allocator.h"
#include "attach/malloc/glibc_heap.h"
#include "attach/maps.h"
#include "attach/permission.h"
#include "attach/procfs.h"
#include "attach/profile_switch.h"
#include "attach/threads.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/units.h"

DEFINE_CLEANUP(struct session *, session_close)

/* A row for what failed: the error's message; takes the error. */
static struct error *add_failure(struct doctor_report *report, const char *subject, enum doctor_state state,
                                 const char *remedy, struct error *error)
{
    if (error->kind == ERROR_NO_MEMORY)
        return error;
    struct error *adding = doctor_report_add(report, subject, state, remedy, "%s", error->message);
    error_destroy(error);
    return adding;
}

static struct error *examine_process(struct target *target, struct doctor_report *report)
{
    struct target_stat stat;
    struct process_status status;
    struct error *error = target_read_stat(target, &stat);
    if (!error)
        error = target_read_status(target, &status);
    if (error)
        return error;
    struct text line = {0};
    text_append_escaped(&line, stat.stat.comm, stat.stat.comm_length);
    text_printf(&line, ", pid %d", (int)target->pid);
    if (target->requested != target->pid)
        text_printf(&line, " (%d is one of its threads)", (int)target->requested);
    if (status.inner_pid != target->pid)
        text_printf(&line, ", pid %d in its container", (int)status.inner_pid);
    text_append(&line, ", ");
    permission_append_user(&line, status.uids[1]);
    if (status.tracer)
        text_printf(&line, ", traced by pid %d", (int)status.tracer);
    error = line.failed ? error_no_memory() : doctor_report_add(report, "process", DOCTOR_YES, NULL, "%s", line.data);
    if (!error && target->pid_descriptor < 0)
        error = doctor_report_add(report, "pidfd", DOCTOR_PARTLY, "Linux 5.3 or newer, and no filter on pidfd_open",
                                  "not to be had: the end of the process is noticed only at the next sample");
    text_deinit(&line);
    return error;
}

/* Access as a whole, with cause and remedy; fills report->can_attach. */
static struct error *examine_permission(struct target *target, struct doctor_report *report)
{
    struct error *refusal = target_check_access(target);
    if (refusal && refusal->kind == ERROR_GONE)
        return refusal;
    report->can_attach = !refusal;
    if (!refusal)
        return doctor_report_add(report, "permission", DOCTOR_YES, NULL, "heaptop may read this process's memory");
    error_destroy(refusal);

    struct permission_facts facts;
    struct text cause = {0}, remedy = {0};
    permission_gather(target->pid, &facts);
    permission_judge(&facts, &cause, &remedy);
    struct error *error = cause.failed || remedy.failed
                              ? error_no_memory()
                              : doctor_report_add(report, "permission", DOCTOR_NO, remedy.data, "%s", cause.data);
    text_deinit(&cause);
    text_deinit(&remedy);
    return error;
}

static struct error *examine_yama(struct doctor_report *report)
{
    static const char *const meanings[] = {"a user may look into all processes of their own",
                                           "only a parent, or root, may look into a process",
                                           "only root may look into a process", "nobody may look into a process"};
    int scope = permission_yama_scope();
    if (scope == YAMA_ABSENT)
        return doctor_report_add(report, "ptrace_scope", DOCTOR_YES, NULL,
                                 "this kernel has no Yama: nothing is restricted by it");
    bool is_hindrance = !report->can_attach && scope > 0;
    return doctor_report_add(report, "ptrace_scope", is_hindrance ? DOCTOR_NO : DOCTOR_YES,
                             is_hindrance && scope < 3 ? "sysctl kernel.yama.ptrace_scope=0, or run heaptop as root"
                                                       : NULL,
                             "kernel.yama.ptrace_scope is %d: %s", scope, meanings[scope]);
}

/* Really reads: the first bytes of the first readable mapping. */
static struct error *examine_memory(struct session *session, struct doctor_report *report)
{
    struct maps maps;
    uint8_t bytes[64];
    struct error *error = maps_read(session_target(session)->folder, &maps);
    if (error)
        return add_failure(report, "memory", DOCTOR_NO, NULL, error);
    const struct map_line *line = NULL;
    for (size_t i = 0; i < maps.lines.count && !line; i++)
        line = maps.lines.items[i].permissions[0] == 'r' ? &maps.lines.items[i] : NULL;
    if (!line)
        error = doctor_report_add(report, "memory", DOCTOR_NO, NULL, "no readable mapping");
    else if ((error = memory_read(session_memory(session), line->start, bytes, sizeof(bytes))))
        error = add_failure(report, "memory", DOCTOR_NO, NULL, error);
    else
        error = doctor_report_add(report, "memory", DOCTOR_YES, NULL, "read %zu bytes at 0x%llx; %zu mappings",
                                  sizeof(bytes), (unsigned long long)line->start, maps.lines.count);
    maps_deinit(&maps);
    return error;
}

static struct error *examine_executable(struct session *session, struct doctor_report *report)
{
    struct image *image = session_image(session);
    const char *problem = session_problem(session);
    char link[4096] = "", size[UNITS_BUFFER];
    struct text path = {0};
    if (!image)
        return doctor_report_add(report, "executable", DOCTOR_NO, NULL, "%s", problem ? problem : "cannot be read");
    struct error *error = procfs_read_link(session_target(session)->folder, "exe", link, sizeof(link));
    error_destroy(error);
    text_append_escaped(&path, link, strlen(link));
    units_format_bytes(size, (double)image_file_size(image));
    const char *build_id = image_build_id(image);
    error =
        path.failed
            ? error_no_memory()
            : doctor_report_add(report, "executable", problem ? DOCTOR_PARTLY : DOCTOR_YES, NULL, "%s, %s, %s, %s%s%s",
                                path.data ? path.data : "", size, image_is_x86_64(image) ? "x86-64" : "not x86-64",
                                image_is_position_independent(image) ? "position-independent" : "at fixed addresses",
                                *build_id ? ", build id " : "", build_id);
    text_deinit(&path);
    if (!error && problem)
        error = doctor_report_add(report, "program", DOCTOR_NO, NULL, "%s", problem);
    if (error)
        return error;
    bool has_symtab = image_has_symtab(image), has_dwarf = image_has_dwarf(image);
    return doctor_report_add(report, "symbols", has_symtab ? DOCTOR_YES : DOCTOR_PARTLY, NULL, "%s, %s%s",
                             has_symtab ? "symbol table" : "no symbol table (stripped)",
                             has_dwarf ? "debug information" : "no debug information",
                             image_has_sections(image) ? "" : ", no section headers");
}

static struct error *examine_threads(struct target *target, struct doctor_report *report)
{
    struct target_stat stat;
    char text[256];
    size_t length;
    struct error *error = target_read_stat(target, &stat);
    if (error)
        return error;
    struct error *refusal = procfs_read(target->folder, "syscall", text, sizeof(text), &length);
    if (!refusal)
        return doctor_report_add(report, "threads", DOCTOR_YES, NULL,
                                 "%llu; where each waits can be read, with its stack in native code",
                                 (unsigned long long)stat.stat.threads);
    error = doctor_report_add(report, "threads", DOCTOR_PARTLY, NULL, "%llu; where they sleep cannot be read: %s",
                              (unsigned long long)stat.stat.threads, refusal->message);
    error_destroy(refusal);
    return error;
}

static struct error *examine_cgroup(struct target *target, struct doctor_report *report)
{
    struct cgroup_reader *reader;
    struct cgroup_memory memory;
    char limit[UNITS_BUFFER], usage[UNITS_BUFFER];
    struct error *error = cgroup_reader_create(target->folder, &reader);
    if (error)
        return error;
    cgroup_reader_read(reader, &memory);
    units_format_bytes(limit, (double)memory.limit_bytes);
    units_format_bytes(usage, (double)memory.usage_bytes);
    const char *container = cgroup_reader_container(reader);
    if (memory.limit_known)
        error = doctor_report_add(report, "memory limit", DOCTOR_YES, NULL, "%s, of which %s is used%s%s", limit,
                                  memory.usage_known ? usage : "?", *container ? "; container " : "", container);
    else
        error = doctor_report_add(report, "memory limit", memory.usage_known ? DOCTOR_YES : DOCTOR_UNKNOWN, NULL,
                                  "%s%s%s", memory.limit_reason, *container ? "; container " : "", container);
    cgroup_reader_destroy(reader);
    return error;
}

static struct error *examine_lines(struct session *session, struct doctor_report *report)
{
    struct error *error = doctor_examine_lines(session_target(session), session_memory(session), report);
    return error ? add_failure(report, "source lines", DOCTOR_NO, NULL, error) : NULL;
}

static struct error *examine_runtime(struct session *session, struct doctor_report *report)
{
    struct reader_set *readers = session_readers(session);
    if (readers->count > 0)
        return reader_set_examine(readers, report);
    return doctor_report_add(
        report, "runtime", session_image(session) ? DOCTOR_NO : DOCTOR_UNKNOWN, NULL, "%s",
        session_image(session)
            ? "neither Go, a JVM nor CPython: memory, threads and regions are shown, call sites on request"
            : "not known without the executable");
}

/* glibc's heap is read as a snapshot would, so that what is said has been tried. */
static struct error *examine_glibc(struct session *session, const struct maps *maps, const struct allocator *allocator,
                                   struct doctor_report *report)
{
    char system[UNITS_BUFFER], took[UNITS_BUFFER];
    _cleanup_free_ struct malloc_heap *heap = malloc(sizeof(*heap));
    if (!heap)
        return error_no_memory();
    struct error *error = glibc_heap_read(session_memory(session), maps, NULL, heap);
    if (error)
        return add_failure(report, "malloc", DOCTOR_NO, NULL, error);
    bool is_linked_in = allocator->kind == ALLOCATOR_UNKNOWN;
    if (!heap->known && is_linked_in)
        return doctor_report_add(report, "malloc", DOCTOR_UNKNOWN, NULL,
                                 "no allocator that is known: C code's memory is shown by its mappings");
    if (!heap->known)
        return doctor_report_add(report, "malloc", DOCTOR_NO, NULL, "%s: %s", allocator->name, heap->reason);
    units_format_bytes(system, (double)heap->system_bytes);
    units_format_duration(took, (double)heap->took_ns);
    return doctor_report_add(report, "malloc", heap->torn_arenas ? DOCTOR_PARTLY : DOCTOR_YES, NULL,
                             "glibc's%s: %s in %u %s, read in %s without a stop; %s", is_linked_in ? ", linked in" : "",
                             system, heap->num_arenas, heap->num_arenas == 1 ? "arena" : "arenas", took,
                             heap->torn_arenas ? "some changed meanwhile" : "whole");
}

static struct error *examine_malloc(struct session *session, const struct maps *maps, const struct program_kind *kind,
                                    struct doctor_report *report)
{
    struct allocator allocator = allocator_of(maps);
    const char *why = allocator_why_not_read(kind->allocator);
    return why ? doctor_report_add(report, "malloc", DOCTOR_PARTLY, NULL, "%s", why)
               : examine_glibc(session, maps, &allocator, report);
}

/* By its executable, as far as that can be read. */
static struct program_kind find_kind(struct session *session)
{
    char link[4096] = "";
    struct program_kind unknown = {.allocator = ""};
    error_destroy(procfs_read_link(session_target(session)->folder, "exe", link, sizeof(link)));
    const char *slash = strrchr(link, '/');
    return session_image(session) ? program_kind_of_image(session_image(session), slash ? slash + 1 : link) : unknown;
}

/* What a heaptop has changed in it. */
static struct error *examine_switch(const struct target *target, struct doctor_report *report)
{
    char ago[UNITS_BUFFER];
    uint64_t since = profile_switch_find(target);
    if (!since)
        return NULL;
    units_format_duration(ago, fmax((double)clock_ns(CLOCK_REALTIME) - (double)since, 0));
    return doctor_report_add(report, "changed", DOCTOR_PARTLY, NULL,
                             "a heaptop has switched memory profiling on in it %s ago, and puts it back when it ends",
                             ago);
}

/* What the program is and allocates with, and what that means for what can be seen. */
static struct error *examine_kind(struct session *session, struct doctor_report *report)
{
    struct target *target = session_target(session);
    struct program_kind kind = find_kind(session);
    struct maps maps;
    struct error *error = maps_read(target->folder, &maps);
    if (error) {
        error = add_failure(report, "malloc", DOCTOR_NO, NULL, error);
    } else {
        program_kind_add_maps(&kind, target->folder, &maps);
        error = examine_malloc(session, &maps, &kind, report);
        maps_deinit(&maps);
    }
    if (!error)
        error = examine_switch(target, report);
    return error || !session_image(session) ? error : doctor_add_offers(report, &kind);
}

/* All that needs the memory to be readable. */
static struct error *examine_inside(pid_t pid, struct reader_list readers, struct doctor_report *report)
{
    _cleanup_(session_closep) struct session *session = NULL;
    struct error *error = session_open(pid, readers, &session);
    if (error && error->kind == ERROR_PERMISSION)
        return add_failure(report, "memory", DOCTOR_NO, NULL, error);
    if (!error)
        error = session_attach(session);
    if (!error)
        error = examine_memory(session, report);
    if (!error)
        error = examine_executable(session, report);
    /* Go's come from tables of its own. */
    if (!error && !reader_set_has(session_readers(session), "go"))
        error = examine_lines(session, report);
    if (!error)
        error = examine_runtime(session, report);
    if (!error)
        error = examine_kind(session, report);
    return error;
}

static struct error *examine_all(pid_t pid, struct reader_list readers, struct doctor_report *report)
{
    struct target *target;
    struct error *error = target_open(pid, &target);
    if (error && error->kind != ERROR_GONE)
        return add_failure(report, "process", DOCTOR_NO, NULL, error);
    if (error)
        return error;
    error = examine_process(target, report);
    if (!error)
        error = examine_permission(target, report);
    if (!error)
        error = examine_yama(report);
    if (!error && report->can_attach)
        error = examine_inside(target->pid, readers, report);
    if (!error)
        error = examine_threads(target, report);
    if (!error)
        error = examine_cgroup(target, report);
    target_close(target);
    return error;
}

struct error *doctor_examine_with(pid_t pid, struct reader_list readers, struct doctor_report *ret_report)
{
    struct doctor_report report = {0};
    arena_init(&report.arena);
    struct error *error = examine_all(pid, readers, &report);
    if (error) {
        doctor_report_deinit(&report);
        return error;
    }
    *ret_report = report;
    return NULL;
}
