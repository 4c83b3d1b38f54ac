#include "record/tick_reader.h"

#include <stdio.h>
#include <string.h>

#include "record/goroutine_rows.h"
#include "record/region_rows.h"
#include "record/schema.h"
#include "record/thread_rows.h"
#include "record/tick_span.h"

/* There are 68; inserting among very many would be slow. */
#define MAX_SIZE_CLASSES 1024

/* Each about one tick or a span of them: ?1 is the first key, ?2 the last. */
#define SPAN(columns, table) "SELECT at, " columns " FROM " table " WHERE at BETWEEN ? AND ? ORDER BY at"

#define MALLOC_HEAP_COLUMNS \
    "reason, flags, caches, arenas, arenas_listed, torn_arenas, types_left_out, read_bytes, system_bytes, " \
    "used_bytes, free_bytes, free_chunks, fast_bytes, fast_chunks, top_bytes, used_chunks, cache_bytes, " \
    "cache_chunks, mapped_bytes, mapped_chunks, took_ns, cpu_ns"
static const char *const statement_texts[READ_STATEMENTS] = {
    [SELECT_TICKS] =
#define X(id, column) ", f." column
        "SELECT t.tick, unix_ns, monotonic_ns, target, exited, regions, cpu_ns, bytes_read, read_calls, sample_ns, "
        "sample_cpu_ns" TICK_FACTS(
            X) " FROM ticks t LEFT JOIN tick_facts f ON f.tick = t.tick WHERE t.tick BETWEEN ? AND ? ORDER BY t.tick",
#undef X
    [SELECT_COUNTER_STATES] = SPAN("provenance, reason", "counter_states"),
    [SELECT_TARGET] = "SELECT pid, inner_pid, start_unix_ns, uid, stripped, position_independent, load_bias, exe, "
                      "comm, command_line, "
                      "container, runtime, runtime_version, main_module, build_id, how_located, how_laid_out FROM "
                      "targets WHERE target = ?",
    [SELECT_SITE] = "SELECT position, stack, object_size FROM sites WHERE site = ?",
    [SELECT_SITE_PUBLISHED] = SPAN("allocs, frees, alloc_bytes, free_bytes", "site_published"),
    [SELECT_SITE_PROVISIONAL] = SPAN("allocs, frees, alloc_bytes, free_bytes", "site_provisional"),
    [SELECT_GROUP] = "SELECT state, wait_reason, created_by, start, stack, system, labels, profile_stack, kind FROM "
                     "goroutine_groups "
                     "WHERE goroutine_group = ?",
    [SELECT_GROUP_VALUES] = SPAN("count, newest_wait_monotonic_ns, oldest_wait_monotonic_ns", "goroutine_group_values"),
    [SELECT_GROUP_WAITS] =
        SPAN("stack_cut, parent, parent_created_by, parent_start, examined, objects, object_kind, object_flags, "
             "object_address, object_goroutines, length, capacity, senders, receivers",
             "goroutine_group_waits"),
    [SELECT_GOROUTINE_LISTS] = SPAN("monotonic_ns, not_listed", "goroutine_lists"),
    [SELECT_GOROUTINES] = SPAN("goid, parent_goid, goroutine_group, wait_since_monotonic_ns, waits", "goroutines"),
    [SELECT_GOROUTINE_WAITS] = SPAN("wait_object", "goroutine_waits"),
    [SELECT_WAIT_OBJECTS] =
        SPAN("kind, flags, address, goroutines, length, capacity, senders, receivers", "wait_objects"),
    [SELECT_MALLOC_HEAPS] =
        SPAN(MALLOC_HEAP_COLUMNS ", allocator", "malloc_heaps"),
    [SELECT_MALLOC_ARENAS] =
        SPAN("flags, heaps, address, system_bytes, free_bytes, free_chunks, fast_bytes, fast_chunks, top_bytes, "
             "used_chunks",
             "malloc_arenas"),
    [SELECT_MALLOC_CLASSES] =
        SPAN("used_chunks, used_bytes, free_chunks, free_bytes, cached_chunks, cached_bytes", "malloc_classes"),
    [SELECT_MALLOC_TYPES] = SPAN("objects, bytes", "malloc_types"),
    [SELECT_THREAD] = "SELECT tid, name FROM threads WHERE thread = ?",
    [SELECT_THREAD_VALUES] =
        "SELECT v.at, CASE WHEN v.thread_state NOT NULL THEN coalesce(s.state, '') END, v.cpu_us * 1000, v.processor, "
        "s.system_call, "
        "s.wait_channel, v.goid, s.role, coalesce(v.proc, -1), s.machine, s.locked_goid, s.stack, s.stack_quality "
        "FROM thread_values v "
        "LEFT JOIN thread_states s ON s.thread_state = v.thread_state WHERE v.at BETWEEN ? AND ? ORDER BY v.at",
    [SELECT_THREAD_READS] = SPAN("read_monotonic_ns", "thread_reads"),
    [SELECT_PROCS] = SPAN("state, queue, machine, tid, goid", "procs"),
    [SELECT_PROC_TICKS] = SPAN("schedule_ticks, syscall_ticks", "proc_ticks"),
    [SELECT_GC_CYCLES] =
        SPAN("number, end_unix_ns, pause_ns, heap_before, heap_peak, heap_after, heap_goal, cause, since_init_ns, "
             "sweep_termination_ns, mark_ns, mark_termination_ns, procs, stop_procs, assist_cpu_ns, background_cpu_ns, "
             "idle_cpu_ns, stack_bytes, globals_bytes, cpu_fraction",
             "gc_cycles"),
    [SELECT_SIZE_CLASSES] = SPAN("mallocs, frees", "size_classes"),
    [SELECT_REGIONS] = SPAN("start_address, size, permissions, name", "regions"),
    [SELECT_MAPPINGS] = SPAN("start_address, end_address, file_offset, file, build_id", "mappings"),
    [SELECT_PROBLEMS] = SPAN("text", "problems"),
    [SELECT_NEXT_TICK] = "SELECT tick, unix_ns FROM ticks WHERE tick > ? ORDER BY tick LIMIT 1",
    [SELECT_KEYFRAME] = "SELECT tick FROM keyframes WHERE tick <= ? ORDER BY tick DESC LIMIT 1",
};

/* What version 1 has otherwise, in the same columns. */
static const char *text_of_version_1(enum read_statement statement)
{
    switch (statement) {
    case SELECT_TICKS:
        return "SELECT tick, unix_ns, monotonic_ns, target, exited, regions, cpu_ns, bytes_read, read_calls, "
               "sample_ns, "
               "sample_cpu_ns, sequence - tick, exit_reason, profile_state, profile_reason, profile_cycle, "
               "profile_torn, "
               "sites_truncated, sites, mappings, interval_ns, stops, stop_ns, writes, attach_ns, symbols_ns, "
               "rss_bytes, "
               "samples_taken - tick, samples_retried, samples_dropped, profile_since_unix_ns, 0 "
               "FROM ticks WHERE tick BETWEEN ? AND ? ORDER BY tick";
    case SELECT_THREAD_VALUES:
        return SPAN("state, cpu_ns, processor, system_call, wait_channel, goid, role, proc, machine, locked_goid, 0, 0",
                    "thread_values");
    case SELECT_THREAD_READS:
        return SPAN("read_monotonic_ns", "thread_values");
    case SELECT_PROC_TICKS:
        return SPAN("schedule_ticks, syscall_ticks", "procs");
    default:
        return statement_texts[statement];
    }
}

/* NULL: files of this version have nothing to read there. */
static const char *text_of(enum read_statement statement, unsigned version)
{
    if (version < 3 && statement >= SELECT_GOROUTINE_LISTS && statement <= SELECT_MALLOC_TYPES)
        return NULL;
    if (version < 4 && statement == SELECT_MALLOC_HEAPS)
        return SPAN(MALLOC_HEAP_COLUMNS ", NULL", "malloc_heaps");
    return version < 2 ? text_of_version_1(statement) : statement_texts[statement];
}

/* ---- life ---- */

static enum counter_id counter_of_name(const char *name)
{
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (strcmp(name, schema_counter_names[id]) == 0)
            return (enum counter_id)id;
    return COUNTER_COUNT;
}

static void read_counter_numbers(struct tick_reader *reader)
{
    sqlite3_stmt *statement = database_prepare(
        reader->database, "SELECT counter, name FROM counter_info WHERE counter BETWEEN 0 AND 255");
    struct row row = row_begin(reader->database, statement);
    while (row_next(&row)) {
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        reader->numbers[sqlite3_column_int64(statement, 0) & 255] = counter_of_name(name ? name : "");
    }
    sqlite3_finalize(statement);
}

static sqlite3_stmt *prepare_counters(struct tick_reader *reader, size_t table)
{
    char sql[128];
    if (reader->columns[table].count == 0)
        return NULL;
    snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE tick BETWEEN ? AND ? ORDER BY tick",
             schema_counter_tables[table]);
    return database_prepare(reader->database, sql);
}

void tick_reader_init(struct tick_reader *reader, struct database *database, unsigned version,
                      const struct counter_columns columns[SCHEMA_COUNTER_TABLES])
{
    *reader = (struct tick_reader){.database = database, .version = version};
    names_init(&reader->names, database);
    memory_map_rows_init_reader(&reader->memory_maps, database);
    malloc_reader_init(&reader->malloc);
    for (size_t i = 0; i < ARRAY_SIZE(reader->numbers); i++)
        reader->numbers[i] = COUNTER_COUNT;
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++) {
        reader->columns[table].count = columns[table].count;
        for (size_t i = 0; i < columns[table].count; i++)
            reader->columns[table].ids[i] = counter_of_name(columns[table].names[i]);
    }
    for (int i = 0; i < READ_STATEMENTS; i++) {
        const char *text = text_of((enum read_statement)i, version);
        if (i >= SELECT_COUNTERS && i <= SELECT_LAST_COUNTERS)
            reader->statements[i] = prepare_counters(reader, (size_t)(i - SELECT_COUNTERS));
        else
            reader->statements[i] = text ? database_prepare(database, text) : NULL;
    }
    read_counter_numbers(reader);
}

void tick_reader_deinit(struct tick_reader *reader)
{
    names_deinit(&reader->names);
    memory_map_rows_deinit(&reader->memory_maps);
    for (int i = 0; i < READ_STATEMENTS; i++)
        sqlite3_finalize(reader->statements[i]);
    vector_deinit(&reader->definitions);
    vector_deinit(&reader->sites);
    vector_deinit(&reader->groups);
    goroutine_list_reader_deinit(&reader->list);
    malloc_reader_deinit(&reader->malloc);
    vector_deinit(&reader->threads);
    vector_deinit(&reader->procs);
    vector_deinit(&reader->size_classes);
    vector_deinit(&reader->regions);
}

/* ---- rows ---- */

/* One row by its id. */
bool tick_reader_find_row(struct tick_reader *reader, enum read_statement statement, int64_t id, struct row *ret_row)
{
    *ret_row = row_begin(reader->database, reader->statements[statement]);
    row_integer(ret_row, id);
    return row_next(ret_row);
}

bool tick_reader_next(struct tick_reader *reader, int64_t after, int64_t *ret_tick, uint64_t *ret_unix_ns)
{
    struct row row;
    if (!tick_reader_find_row(reader, SELECT_NEXT_TICK, after, &row))
        return false;
    int64_t tick = sqlite3_column_int64(row.statement, 0);
    uint64_t unix_ns = (uint64_t)sqlite3_column_int64(row.statement, 1);
    row_reset(&row);
    if (tick <= after || tick <= 0 || tick > RECORD_MAX_TICK) {
        reader->damaged++;
        return false;
    }
    *ret_tick = tick;
    *ret_unix_ns = unix_ns;
    return true;
}

bool tick_reader_find(struct tick_reader *reader, uint64_t unix_ns, int64_t *ret_tick)
{
    int64_t low = 0, high = RECORD_MAX_TICK, found = 0, tick;
    uint64_t at;
    /* `found` is not after the time; from `high` on all are. */
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (tick_reader_next(reader, middle, &tick, &at) && at <= unix_ns) {
            found = tick;
            low = tick;
        } else {
            high = middle;
        }
    }
    if (found == 0)
        return false;
    *ret_tick = found;
    return true;
}

/* ---- the process ---- */

static void read_target(struct tick_reader *reader, int64_t id)
{
    struct row row;
    if (id == reader->target_id || !tick_reader_find_row(reader, SELECT_TARGET, id, &row))
        return;
    int64_t values[17];
    for (int i = 0; i < 17; i++)
        values[i] = sqlite3_column_int64(row.statement, i);
    row_reset(&row);
    struct names *names = &reader->names;
    reader->target_id = id;
    reader->target = (struct target_info){
        .pid = (pid_t)values[0],
        .inner_pid = (pid_t)values[1],
        .start_unix_ns = (uint64_t)values[2],
        .uid = (uid_t)values[3],
        .stripped = values[4] >= 0 && values[4] <= KNOWN_YES ? (enum known)values[4] : KNOWN_NOT,
        .position_independent = values[5] >= 0 && values[5] <= KNOWN_YES ? (enum known)values[5] : KNOWN_NOT,
        .load_bias = (uint64_t)values[6],
        .exe = names_string(names, values[7]),
        .comm = names_string(names, values[8]),
        .command_line = names_string(names, values[9]),
        .container = names_string(names, values[10]),
        .runtime = names_string(names, values[11]),
        .runtime_version = names_string(names, values[12]),
        .main_module = names_string(names, values[13]),
        .build_id = names_string(names, values[14]),
        .how_located = names_string(names, values[15]),
        .how_laid_out = names_string(names, values[16]),
    };
}

static void read_counter_table(struct tick_reader *reader, size_t table, int64_t first, int64_t last)
{
    const struct counter_columns *columns = &reader->columns[table];
    if (columns->count == 0)
        return;
    struct span span = span_begin(reader, (enum read_statement)(SELECT_COUNTERS + table), first, last);
    while (span_next(&span)) {
        for (size_t i = 0; i < columns->count; i++) {
            enum counter_id id = columns->ids[i];
            if (id == COUNTER_COUNT || span_is_null(&span, (int)i + 1))
                continue;
            if (counter_infos[id].unit == UNIT_FRACTION)
                reader->counters[id].value.real = sqlite3_column_double(span.row.statement, (int)i + 1);
            else
                reader->counters[id].value.integer = span_integer(&span, (int)i + 1);
        }
    }
}

static void read_counters(struct tick_reader *reader, int64_t first, int64_t last)
{
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++)
        read_counter_table(reader, table, first, last);
    struct span span = span_keys(reader, SELECT_COUNTER_STATES, first, last);
    while (span_next(&span)) {
        int64_t number = span_key(&span), provenance = span_integer(&span, 1);
        enum counter_id id = number < 256 ? reader->numbers[number] : COUNTER_COUNT;
        if (id == COUNTER_COUNT)
            continue;
        struct counter *counter = &reader->counters[id];
        counter->provenance = provenance >= 0 && provenance <= PROVENANCE_STALE ? (enum provenance)provenance
                                                                                : PROVENANCE_UNAVAILABLE;
        counter->reason = span_is_null(&span, 2) ? NULL : span_text(reader, &span, 2);
        if (!counter->reason && !counter_known(counter))
            counter->reason = "not recorded";
    }
    /* What is not known has no value, and is written anew when it is known again. */
    for (size_t id = 0; id < COUNTER_COUNT; id++)
        if (!counter_known(&reader->counters[id]))
            reader->counters[id].value.integer = 0;
}

/* ---- call sites ---- */

static const struct site_definition *find_definition(struct tick_reader *reader, int64_t id)
{
    if (id > RECORD_MAX_IDENTITY || !TICK_READER_GROW(reader, &reader->definitions, (size_t)id + 1))
        return NULL;
    struct site_definition *definition = &reader->definitions.items[id];
    struct row row;
    if (definition->known || !tick_reader_find_row(reader, SELECT_SITE, id, &row))
        return definition->known ? definition : NULL;
    definition->position = sqlite3_column_int64(row.statement, 0);
    int64_t stack = sqlite3_column_int64(row.statement, 1);
    definition->object_size = (uint64_t)sqlite3_column_int64(row.statement, 2);
    row_reset(&row);
    definition->stack = names_stack(&reader->names, stack);
    if (definition->position < 0 || definition->position > RECORD_MAX_IDENTITY)
        return NULL;
    definition->known = true;
    return definition;
}

/* The site at whose place the file's site stands, which is that one from now on; NULL when it is a later one. */
static struct site *place_site(struct tick_reader *reader, int64_t id)
{
    const struct site_definition *definition = find_definition(reader, id);
    if (!definition) {
        reader->damaged++;
        return NULL;
    }
    if (!TICK_READER_GROW(reader, &reader->sites, (size_t)definition->position + 1))
        return NULL;
    struct read_site *place = &reader->sites.items[definition->position];
    /* Thinning leaves rows of what has been replaced since. */
    if (id < place->id)
        return NULL;
    if (place->id != id)
        *place = (struct read_site){.id = id,
                                    .site = {.stack = definition->stack, .object_size = definition->object_size}};
    return &place->site;
}

static void read_sites(struct tick_reader *reader, int64_t first, int64_t last)
{
    for (int published = 0; published < 2; published++) {
        struct span span = span_keys(reader, published ? SELECT_SITE_PUBLISHED : SELECT_SITE_PROVISIONAL, first, last);
        while (span_next(&span)) {
            struct site *site = place_site(reader, span_key(&span));
            if (!site)
                continue;
            struct site_counts *counts = published ? &site->published : &site->provisional;
            counts->allocs = (uint64_t)span_integer(&span, 1);
            counts->frees = (uint64_t)span_integer(&span, 2);
            counts->alloc_bytes =
                span_is_null(&span, 3) ? counts->allocs * site->object_size : (uint64_t)span_integer(&span, 3);
            counts->free_bytes =
                span_is_null(&span, 4) ? counts->frees * site->object_size : (uint64_t)span_integer(&span, 4);
        }
    }
}

/* ---- size classes ---- */

static void read_size_classes(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_SIZE_CLASSES, first, last);
    while (span_next(&span)) {
        uint32_t size = (uint32_t)span_key(&span);
        size_t i = 0;
        while (i < reader->size_classes.count && reader->size_classes.items[i].size < size)
            i++;
        if (i == reader->size_classes.count || reader->size_classes.items[i].size != size) {
            if (reader->size_classes.count >= MAX_SIZE_CLASSES) {
                reader->damaged++;
                continue;
            }
            if (!TICK_READER_GROW(reader, &reader->size_classes, reader->size_classes.count + 1))
                break;
            struct size_class *items = reader->size_classes.items;
            memmove(items + i + 1, items + i, (reader->size_classes.count - 1 - i) * sizeof(*items));
        }
        reader->size_classes.items[i] = (struct size_class){
            .size = size, .mallocs = (uint64_t)span_integer(&span, 1), .frees = (uint64_t)span_integer(&span, 2)};
    }
}

/* ---- one tick ---- */

/* Behind the columns of `ticks`. */
#define FIRST_FACT 11

static void apply_facts(struct read_tick *row)
{
    const int64_t *facts = row->facts;
    struct cost *cost = &row->cost;
    row->sequence = (uint64_t)facts[FACT_SEQUENCE] + (uint64_t)row->tick;
    row->exit_reason = facts[FACT_EXIT_REASON];
    row->profile_state = facts[FACT_PROFILE_STATE] == PROFILE_ON || facts[FACT_PROFILE_STATE] == PROFILE_OFF
                             ? (enum profile_state)facts[FACT_PROFILE_STATE]
                             : PROFILE_NONE;
    row->profile_reason = facts[FACT_PROFILE_REASON];
    row->profile_cycle = (uint64_t)facts[FACT_PROFILE_CYCLE];
    row->profile_torn = facts[FACT_PROFILE_TORN] != 0;
    row->sites_truncated = facts[FACT_SITES_TRUNCATED] != 0;
    row->sites = facts[FACT_SITES];
    row->mappings = facts[FACT_MAPPINGS];
    row->interval_ns = (uint64_t)facts[FACT_INTERVAL];
    cost->stops = (uint64_t)facts[FACT_STOPS];
    cost->stop_ns = (uint64_t)facts[FACT_STOP_NS];
    cost->writes = (uint64_t)facts[FACT_WRITES];
    cost->attach_ns = (uint64_t)facts[FACT_ATTACH];
    cost->symbols_ns = (uint64_t)facts[FACT_SYMBOLS];
    cost->rss_bytes = (uint64_t)facts[FACT_RSS];
    cost->samples_taken = (uint64_t)facts[FACT_SAMPLES_TAKEN] + (uint64_t)row->tick;
    cost->samples_retried = (uint64_t)facts[FACT_SAMPLES_RETRIED];
    cost->samples_dropped = (uint64_t)facts[FACT_SAMPLES_DROPPED];
    row->profile_since_unix_ns = (uint64_t)facts[FACT_PROFILE_SINCE];
    cost->preload_rate = (uint64_t)facts[FACT_PRELOAD_RATE];
}

static void read_ticks(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_begin(reader, SELECT_TICKS, first, last);
    struct read_tick *row = &reader->row;
    while (span_next(&span)) {
        row->tick = span.last;
        row->unix_ns = (uint64_t)span_integer(&span, 1);
        row->monotonic_ns = (uint64_t)span_integer(&span, 2);
        row->target = span_integer(&span, 3);
        row->exited = span_integer(&span, 4) != 0;
        row->regions = span_integer(&span, 5);
        row->cost.cpu_ns = (uint64_t)span_integer(&span, 6);
        row->cost.bytes_read = (uint64_t)span_integer(&span, 7);
        row->cost.read_calls = (uint64_t)span_integer(&span, 8);
        row->cost.sample_ns = (uint64_t)span_integer(&span, 9);
        row->cost.sample_cpu_ns = (uint64_t)span_integer(&span, 10);
        for (int i = 0; i < FACT_COUNT; i++)
            if (!span_is_null(&span, FIRST_FACT + i))
                row->facts[i] = span_integer(&span, FIRST_FACT + i);
    }
    apply_facts(row);
}

static void forget(struct tick_reader *reader)
{
    for (int id = 0; id < COUNTER_COUNT; id++)
        reader->counters[id] = (struct counter){.provenance = PROVENANCE_UNAVAILABLE, .reason = "not recorded"};
    for (size_t i = 0; i < reader->sites.count; i++)
        reader->sites.items[i].id = 0;
    goroutine_rows_forget(reader);
    thread_rows_forget(reader);
    malloc_rows_forget(reader);
    reader->procs.count = 0;
    reader->size_classes.count = 0;
    reader->regions.count = 0;
    reader->row = (struct read_tick){0};
    reader->tick = 0;
}

static int64_t find_keyframe(struct tick_reader *reader, int64_t tick)
{
    struct row row;
    if (!tick_reader_find_row(reader, SELECT_KEYFRAME, tick, &row))
        return 0;
    int64_t keyframe = sqlite3_column_int64(row.statement, 0);
    row_reset(&row);
    return keyframe > 0 && keyframe <= tick ? keyframe : 0;
}

void tick_reader_move(struct tick_reader *reader, int64_t tick)
{
    int64_t keyframe = find_keyframe(reader, tick), first = reader->tick + 1;
    if (reader->tick == 0 || tick <= reader->tick || keyframe > reader->tick) {
        forget(reader);
        first = keyframe > 0 ? keyframe : 1;
    }
    read_ticks(reader, first, tick);
    read_target(reader, reader->row.target);
    read_counters(reader, first, tick);
    read_sites(reader, first, tick);
    goroutine_rows_read(reader, first, tick);
    thread_rows_read(reader, first, tick);
    proc_rows_read(reader, first, tick);
    read_size_classes(reader, first, tick);
    region_rows_read(reader, first, tick);
    malloc_rows_read(reader, first, tick);
    reader->tick = tick;
}
