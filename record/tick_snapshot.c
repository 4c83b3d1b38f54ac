/* A snapshot of the state that the reader is in. */
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "record/region_rows.h"
#include "record/schema.h"
#include "record/tick_span.h"

/* Of a list of one tick: cycles, mappings. */
#define MAX_LIST (1 << 17)

static bool fill_sites(const struct tick_reader *reader, struct snapshot *snapshot)
{
    int64_t wanted = reader->row.sites;
    size_t count = wanted > 0 && (uint64_t)wanted < reader->sites.count ? (size_t)wanted
                   : wanted > 0                                         ? reader->sites.count
                                                                        : 0;
    snapshot->sites = arena_alloc_array(&snapshot->arena, count, sizeof(struct site));
    if (!snapshot->sites)
        return false;
    for (size_t i = 0; i < count; i++)
        if (reader->sites.items[i].id != 0)
            snapshot->sites[snapshot->num_sites++] = reader->sites.items[i].site;
    return true;
}

static bool fill_groups(struct tick_reader *reader, struct snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->groups.count; i++)
        count += reader->groups.items[i].present;
    snapshot->goroutine_groups = arena_alloc_array(&snapshot->arena, count, sizeof(struct goroutine_group));
    if (!snapshot->goroutine_groups)
        return false;
    for (size_t i = 0; i < reader->groups.count; i++) {
        struct read_group *read = &reader->groups.items[i];
        if (!read->present)
            continue;
        read->index = (uint32_t)snapshot->num_goroutine_groups;
        struct goroutine_group *group = &snapshot->goroutine_groups[snapshot->num_goroutine_groups++];
        *group = read->group;
        if (group->wait_known) {
            group->wait_ns_min = snapshot->monotonic_ns - (uint64_t)read->newest_wait;
            group->wait_ns_max = snapshot->monotonic_ns - (uint64_t)read->oldest_wait;
        }
    }
    return goroutine_list_rows_fill(reader, snapshot);
}

static bool fill_threads(const struct tick_reader *reader, struct snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->threads.count; i++)
        count += reader->threads.items[i].present;
    snapshot->threads = arena_alloc_array(&snapshot->arena, count, sizeof(struct thread));
    if (!snapshot->threads)
        return false;
    for (size_t i = 0; i < reader->threads.count; i++) {
        const struct read_thread *read = &reader->threads.items[i];
        if (!read->present)
            continue;
        struct thread *thread = &snapshot->threads[snapshot->num_threads++];
        *thread = read->thread;
        if (!read->has_read_time)
            thread->read_monotonic_ns = snapshot->monotonic_ns;
    }
    return true;
}

static bool fill_size_classes(const struct tick_reader *reader, struct snapshot *snapshot)
{
    snapshot->num_size_classes = reader->size_classes.count;
    snapshot->size_classes = arena_copy_array(&snapshot->arena, reader->size_classes.items, reader->size_classes.count,
                                              sizeof(struct size_class));
    return snapshot->size_classes != NULL;
}

static bool fill_procs(const struct tick_reader *reader, struct snapshot *snapshot)
{
    size_t count = 0;
    while (count < reader->procs.count && reader->procs.items[count].present)
        count++;
    snapshot->procs = arena_alloc_array(&snapshot->arena, count, sizeof(struct proc));
    for (size_t i = 0; snapshot->procs && i < count; i++)
        snapshot->procs[i] = reader->procs.items[i].proc;
    snapshot->num_procs = snapshot->procs ? count : 0;
    return snapshot->procs != NULL;
}

static struct gc_cycle read_cycle(const struct span *span)
{
    int64_t cause = span_integer(span, 8);
    return (struct gc_cycle){
        .number = (uint64_t)span_integer(span, 1),
        .cause = cause >= 0 && cause < GC_CAUSES ? (uint8_t)cause : GC_CAUSE_UNKNOWN,
        .end_unix_ns = (uint64_t)span_integer(span, 2),
        .pause_ns = (uint64_t)span_integer(span, 3),
        .heap_before = (uint64_t)span_integer(span, 4),
        .heap_peak = (uint64_t)span_integer(span, 5),
        .heap_after = (uint64_t)span_integer(span, 6),
        .heap_goal = (uint64_t)span_integer(span, 7),
        .since_init_ns = (uint64_t)span_integer(span, 9),
        .sweep_termination_ns = (uint64_t)span_integer(span, 10),
        .mark_ns = (uint64_t)span_integer(span, 11),
        .mark_termination_ns = (uint64_t)span_integer(span, 12),
        .procs = (uint32_t)span_integer(span, 13),
        .stop_procs = (uint32_t)span_integer(span, 14),
        .assist_cpu_ns = (uint64_t)span_integer(span, 15),
        .background_cpu_ns = (uint64_t)span_integer(span, 16),
        .idle_cpu_ns = (uint64_t)span_integer(span, 17),
        .stack_bytes = (uint64_t)span_integer(span, 18),
        .globals_bytes = (uint64_t)span_integer(span, 19),
        .cpu_fraction = sqlite3_column_double(span->row.statement, 20),
        .times_known = !span_is_null(span, 2),
        .heap_known = !span_is_null(span, 4),
        .goal_known = !span_is_null(span, 7),
        .since_init_known = !span_is_null(span, 9),
        .phases_known = !span_is_null(span, 10),
        .cpu_known = !span_is_null(span, 15),
    };
}

static bool fill_cycles(struct tick_reader *reader, int64_t from, struct snapshot *snapshot)
{
    VECTOR(struct gc_cycle) cycles = {0};
    bool good = true;
    struct span span = span_keys(reader, SELECT_GC_CYCLES, from, reader->tick);
    while (good && cycles.count < MAX_LIST && span_next(&span))
        good = vector_append(&cycles, read_cycle(&span));
    row_reset(&span.row);
    snapshot->gc_cycles =
        good ? arena_copy_array(&snapshot->arena, cycles.items, cycles.count, sizeof(struct gc_cycle)) : NULL;
    snapshot->num_gc_cycles = snapshot->gc_cycles ? cycles.count : 0;
    vector_deinit(&cycles);
    return snapshot->gc_cycles != NULL;
}

static const char *text_or_null(struct tick_reader *reader, int64_t id)
{
    return id ? catalog_string(reader->names.catalog, names_string(&reader->names, id)) : NULL;
}

static void fill_problems(struct tick_reader *reader, struct snapshot *snapshot)
{
    struct span span = span_keys(reader, SELECT_PROBLEMS, reader->tick, reader->tick);
    while (snapshot->num_problems < SNAPSHOT_MAX_PROBLEMS && span_next(&span))
        snapshot_add_problem(snapshot, "%s", span_text(reader, &span, 1));
    row_reset(&span.row);
    if (reader->damaged || reader->names.is_damaged)
        snapshot_add_problem(snapshot, "the recording is damaged: some of its rows could not be used");
    reader->damaged = 0;
    reader->names.is_damaged = false;
}

static bool fill(struct tick_reader *reader, int64_t cycles_from, struct snapshot *snapshot)
{
    const struct read_tick *row = &reader->row;
    snapshot->sequence = row->sequence;
    snapshot->unix_ns = row->unix_ns;
    snapshot->monotonic_ns = row->monotonic_ns;
    snapshot->interval_ns = row->interval_ns;
    snapshot->target = reader->target;
    snapshot->exited = row->exited;
    snapshot->exit_reason = text_or_null(reader, row->exit_reason);
    if (row->exited && !snapshot->exit_reason)
        snapshot->exit_reason = "it ended";
    memcpy(snapshot->counters, reader->counters, sizeof(snapshot->counters));
    snapshot->profile_state = row->profile_state;
    snapshot->profile_reason = text_or_null(reader, row->profile_reason);
    if (row->profile_state != PROFILE_ON && !snapshot->profile_reason)
        snapshot->profile_reason = "not recorded";
    snapshot->profile_cycle = row->profile_cycle;
    snapshot->profile_torn = row->profile_torn;
    snapshot->profile_since_unix_ns = row->profile_since_unix_ns;
    snapshot->sites_truncated = row->sites_truncated;
    snapshot->cost = row->cost;
    if (!fill_sites(reader, snapshot) || !fill_groups(reader, snapshot) || !fill_threads(reader, snapshot) ||
        !fill_procs(reader, snapshot) || !fill_size_classes(reader, snapshot) ||
        !fill_cycles(reader, cycles_from, snapshot) || !region_rows_fill(reader, snapshot) ||
        !mapping_rows_fill(reader, snapshot) || !malloc_rows_fill(reader, snapshot))
        return false;
    fill_problems(reader, snapshot);
    return memory_map_rows_read(&reader->memory_maps, reader->tick, snapshot);
}

DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

struct error *tick_reader_read(struct tick_reader *reader, int64_t tick, int64_t cycles_from,
                               struct snapshot **ret_snapshot)
{
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    struct error *error = snapshot_create(reader->names.catalog, &snapshot);
    if (error)
        return error;
    /* All of it as of one moment: the file may be thinned out meanwhile. */
    bool is_alone = sqlite3_get_autocommit(reader->database->handle) != 0;
    if (is_alone)
        database_execute(reader->database, "BEGIN");
    tick_reader_move(reader, tick);
    bool is_filled = fill(reader, cycles_from, snapshot);
    if (is_alone)
        sqlite3_exec(reader->database->handle, "COMMIT", NULL, NULL, NULL);
    if (!is_filled)
        return error_no_memory();
    /* What was read before an unreadable page is shown, and said to be a part. */
    if (reader->database->code != SQLITE_OK)
        snapshot_add_problem(snapshot, "the recording is damaged here, and read in part: %s",
                             sqlite3_errstr(reader->database->code));
    *ret_snapshot = take_pointer(snapshot);
    return NULL;
}
