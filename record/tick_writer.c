#include "record/tick_writer.h"

#include <string.h>

#include "record/goroutine_rows.h"
#include "record/region_rows.h"
#include "record/schema.h"
#include "record/thread_rows.h"

static const char *const statement_texts[TICK_STATEMENTS] = {
    [INSERT_TICK] = "INSERT INTO ticks VALUES (?,?,?,?,?,?,?,?,?,?,?)",
#define X(...) ",?"
    [INSERT_FACTS] = "INSERT INTO tick_facts VALUES (?" TICK_FACTS(X) ")",
#undef X
    [INSERT_KEYFRAME] = "INSERT INTO keyframes VALUES (?)",
    [INSERT_COUNTER_STATE] = "INSERT INTO counter_states VALUES (?,?,?)",
    [INSERT_TARGET] = "INSERT INTO targets VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_SITE] = "INSERT INTO sites VALUES (?,?,?,?)",
    [INSERT_SITE_PUBLISHED] = "INSERT INTO site_published VALUES (?,?,?,?,?)",
    [INSERT_SITE_PROVISIONAL] = "INSERT INTO site_provisional VALUES (?,?,?,?,?)",
    [INSERT_GROUP] = "INSERT INTO goroutine_groups VALUES (?,?,?,?,?,?,?,?,?,?)",
    [INSERT_GROUP_VALUES] = "INSERT INTO goroutine_group_values VALUES (?,?,?,?)",
    [INSERT_GROUP_WAITS] = "INSERT INTO goroutine_group_waits VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_GOROUTINE_LIST] = "INSERT INTO goroutine_lists VALUES (?,?,?)",
    [INSERT_GOROUTINE] = "INSERT INTO goroutines VALUES (?,?,?,?,?,?)",
    [INSERT_GOROUTINE_WAIT] = "INSERT INTO goroutine_waits VALUES (?,?)",
    [INSERT_WAIT_OBJECT] = "INSERT INTO wait_objects VALUES (?,?,?,?,?,?,?,?,?)",
    [INSERT_MALLOC_HEAP] = "INSERT INTO malloc_heaps VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_MALLOC_ARENA] = "INSERT INTO malloc_arenas VALUES (?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_MALLOC_CLASS] = "INSERT INTO malloc_classes VALUES (?,?,?,?,?,?,?,?)",
    [INSERT_MALLOC_TYPE] = "INSERT INTO malloc_types VALUES (?,?,?)",
    [INSERT_THREAD] = "INSERT INTO threads VALUES (?,?,?)",
    [INSERT_THREAD_STATE] = "INSERT INTO thread_states VALUES (?,?,?,?,?,?,?,?,?)",
    [INSERT_THREAD_VALUES] = "INSERT INTO thread_values VALUES (?,?,?,?,?,?)",
    [INSERT_THREAD_READ] = "INSERT INTO thread_reads VALUES (?,?)",
    [INSERT_PROC] = "INSERT INTO procs VALUES (?,?,?,?,?,?)",
    [INSERT_PROC_TICKS] = "INSERT INTO proc_ticks VALUES (?,?,?)",
    [INSERT_GC_CYCLE] = "INSERT OR REPLACE INTO gc_cycles VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_SIZE_CLASS] = "INSERT INTO size_classes VALUES (?,?,?)",
    [INSERT_REGION] = "INSERT INTO regions VALUES (?,?,?,?,?)",
    [INSERT_MAPPING] = "INSERT INTO mappings VALUES (?,?,?,?,?,?)",
    [INSERT_PROBLEM] = "INSERT INTO problems VALUES (?,?)",
    [INSERT_GAP] = "INSERT INTO gaps VALUES (NULL,?,?,?,?)",
    [INSERT_MARK] = "INSERT INTO marks VALUES (NULL,?,?)",
};

/* ---- life ---- */

/* Of the n-th table: a value for the tick, and one for each counter that is written to it. */
static sqlite3_stmt *prepare_counters(struct database *database, size_t table)
{
    _cleanup_(text_deinit) struct text sql = {0};
    text_printf(&sql, "INSERT INTO %s VALUES (?", schema_counter_tables[table]);
    for (int id = 0; id < COUNTER_COUNT; id++)
        text_append(&sql, schema_counter_table((enum counter_id)id) == table ? ",?" : "");
    text_append(&sql, ")");
    if (sql.failed)
        database->code = SQLITE_NOMEM;
    return database_prepare(database, sql.data);
}

void tick_writer_init(struct tick_writer *writer, struct database *database, bool redact)
{
    *writer = (struct tick_writer){.database = database, .redact = redact};
    dictionary_init(&writer->dictionary, database, redact);
    memory_map_rows_init_writer(&writer->memory_maps, database);
    table_init(&writer->groups_by_identity);
    goroutine_list_writer_init(&writer->list);
    malloc_writer_init(&writer->malloc);
    table_init(&writer->threads_by_identity);
    table_init(&writer->thread_states_by_words);
    for (int i = 0; i < TICK_STATEMENTS; i++)
        writer->statements[i] = i >= INSERT_COUNTERS && i <= INSERT_LAST_COUNTERS
                                    ? prepare_counters(database, (size_t)(i - INSERT_COUNTERS))
                                    : database_prepare(database, statement_texts[i]);
}

void tick_writer_deinit(struct tick_writer *writer)
{
    dictionary_deinit(&writer->dictionary);
    memory_map_rows_deinit(&writer->memory_maps);
    for (int i = 0; i < TICK_STATEMENTS; i++)
        sqlite3_finalize(writer->statements[i]);
    vector_deinit(&writer->sites);
    vector_deinit(&writer->groups);
    table_deinit(&writer->groups_by_identity);
    goroutine_list_writer_deinit(&writer->list);
    malloc_writer_deinit(&writer->malloc);
    vector_deinit(&writer->threads);
    table_deinit(&writer->threads_by_identity);
    vector_deinit(&writer->thread_states);
    table_deinit(&writer->thread_states_by_words);
    vector_deinit(&writer->procs);
    vector_deinit(&writer->size_classes);
    vector_deinit(&writer->regions);
    vector_deinit(&writer->mappings);
}

/* ---- rows ---- */

struct row tick_writer_begin(struct tick_writer *writer, enum tick_statement statement)
{
    writer->rows++;
    return row_begin(writer->database, writer->statements[statement]);
}

int64_t tick_writer_key(const struct tick_writer *writer, int64_t what)
{
    return ((int64_t)writer->tick << RECORD_KEY_BITS) + what;
}

void tick_writer_out_of_memory(struct tick_writer *writer)
{
    writer->database->code = SQLITE_NOMEM;
}

int64_t tick_writer_string(struct tick_writer *writer, string_id id)
{
    return dictionary_string(&writer->dictionary, id);
}

uint64_t *tick_writer_find_identity(struct table *table, const uint32_t *words, size_t count,
                                    bool (*matches)(const void *items, size_t index, const uint32_t *words),
                                    const void *items)
{
    for (uint64_t seed = 0;; seed++) {
        uint64_t *place = table_insert(table, table_hash_bytes(words, count * sizeof(*words), seed), NULL);
        if (!place || *place == 0 || matches(items, (size_t)*place - 1, words))
            return place;
    }
}

/* ---- the process ---- */

static int64_t write_target(struct tick_writer *writer, const struct target_info *target)
{
    const int64_t values[] = {target->pid,
                              target->inner_pid,
                              (int64_t)target->start_unix_ns,
                              target->uid,
                              target->stripped,
                              target->position_independent,
                              (int64_t)target->load_bias,
                              tick_writer_string(writer, target->exe),
                              tick_writer_string(writer, target->comm),
                              writer->redact ? dictionary_text(&writer->dictionary, "(left out)")
                                             : tick_writer_string(writer, target->command_line),
                              tick_writer_string(writer, target->container),
                              tick_writer_string(writer, target->runtime),
                              tick_writer_string(writer, target->runtime_version),
                              tick_writer_string(writer, target->main_module),
                              tick_writer_string(writer, target->build_id),
                              tick_writer_string(writer, target->how_located),
                              tick_writer_string(writer, target->how_laid_out)};
    _Static_assert(sizeof(values) == sizeof(writer->target_values), "a target's columns");
    if (!writer->has_target || memcmp(values, writer->target_values, sizeof(values)) != 0) {
        memcpy(writer->target_values, values, sizeof(values));
        writer->has_target = true;
        struct row row = tick_writer_begin(writer, INSERT_TARGET);
        row_integer(&row, ++writer->last_target);
        row_integers(&row, values, ARRAY_SIZE(values));
        row_done(&row);
    }
    return writer->last_target;
}

/* Whether there is nothing to be written. Bit by bit, so of a fraction as well. What is not known has no value, and
 * what was not known a moment ago is new whatever it is. */
static bool is_same(const struct counter *now, const struct counter *before)
{
    return !counter_known(now) || (counter_known(before) && now->value.integer == before->value.integer);
}

static void write_counter_states(struct tick_writer *writer, const struct snapshot *snapshot)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *now = &snapshot->counters[id];
        uint64_t reason = now->reason ? table_hash_bytes(now->reason, strlen(now->reason), 1) : 0;
        if (!writer->keyframe && now->provenance == writer->counters[id].provenance && reason == writer->reasons[id])
            continue;
        writer->reasons[id] = reason;
        struct row row = tick_writer_begin(writer, INSERT_COUNTER_STATE);
        row_integer(&row, tick_writer_key(writer, id));
        row_integer(&row, now->provenance);
        if (now->reason)
            row_text(&row, now->reason, strlen(now->reason));
        else
            row_null(&row);
        row_done(&row);
    }
}

/* A row where any of the table's has changed. */
static void write_counter_table(struct tick_writer *writer, const struct snapshot *snapshot, size_t table)
{
    bool any = writer->keyframe;
    for (int id = 0; id < COUNTER_COUNT && !any; id++)
        any = schema_counter_table((enum counter_id)id) == table &&
              !is_same(&snapshot->counters[id], &writer->counters[id]);
    if (!any)
        return;
    struct row row = tick_writer_begin(writer, (enum tick_statement)(INSERT_COUNTERS + table));
    row_integer(&row, (int64_t)writer->tick);
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *now = &snapshot->counters[id];
        if (schema_counter_table((enum counter_id)id) != table)
            continue;
        if (!counter_known(now) || (!writer->keyframe && is_same(now, &writer->counters[id])))
            row_null(&row);
        else if (counter_infos[id].unit == UNIT_FRACTION)
            row_real(&row, now->value.real);
        else
            row_integer(&row, now->value.integer);
    }
    row_done(&row);
}

static void write_counters(struct tick_writer *writer, const struct snapshot *snapshot)
{
    write_counter_states(writer, snapshot);
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++)
        write_counter_table(writer, snapshot, table);
    memcpy(writer->counters, snapshot->counters, sizeof(writer->counters));
}

/* ---- call sites ---- */

static bool same_counts(const struct site_counts *a, const struct site_counts *b)
{
    return a->allocs == b->allocs && a->frees == b->frees && a->alloc_bytes == b->alloc_bytes &&
           a->free_bytes == b->free_bytes;
}

static void write_counts(struct tick_writer *writer, enum tick_statement statement, int64_t id, const struct site *site,
                         const struct site_counts *counts)
{
    struct row row = tick_writer_begin(writer, statement);
    row_integer(&row, tick_writer_key(writer, id));
    row_integer(&row, (int64_t)counts->allocs);
    row_integer(&row, (int64_t)counts->frees);
    /* A bucket's objects are all of its size: bytes are written where that does not hold. */
    if (counts->alloc_bytes == counts->allocs * site->object_size)
        row_null(&row);
    else
        row_integer(&row, (int64_t)counts->alloc_bytes);
    if (counts->free_bytes == counts->frees * site->object_size)
        row_null(&row);
    else
        row_integer(&row, (int64_t)counts->free_bytes);
    row_done(&row);
}

static void write_sites(struct tick_writer *writer, const struct snapshot *snapshot, size_t count)
{
    if (!vector_reserve(&writer->sites, count)) {
        tick_writer_out_of_memory(writer);
        return;
    }
    for (size_t i = 0; i < count && writer->database->code == SQLITE_OK; i++) {
        const struct site *site = &snapshot->sites[i];
        if (writer->sites.count <= i)
            writer->sites.items[writer->sites.count++] = (struct written_site){0};
        struct written_site *written = &writer->sites.items[i];
        bool is_new = written->id == 0 || written->site.stack != site->stack ||
                      written->site.object_size != site->object_size;
        if (is_new && writer->last_site == RECORD_MAX_IDENTITY)
            return;
        if (is_new) {
            int64_t stack = dictionary_stack(&writer->dictionary, site->stack);
            written->id = ++writer->last_site;
            struct row row = tick_writer_begin(writer, INSERT_SITE);
            row_integers(&row, (const int64_t[]){written->id, (int64_t)i, stack, (int64_t)site->object_size}, 4);
            row_done(&row);
        }
        if (writer->keyframe || is_new || !same_counts(&written->site.published, &site->published))
            write_counts(writer, INSERT_SITE_PUBLISHED, written->id, site, &site->published);
        if (writer->keyframe || is_new || !same_counts(&written->site.provisional, &site->provisional))
            write_counts(writer, INSERT_SITE_PROVISIONAL, written->id, site, &site->provisional);
        written->site = *site;
    }
}

/* ---- GC cycles, size classes ---- */

static void write_cycles(struct tick_writer *writer, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_gc_cycles && i <= RECORD_MAX_KEY; i++) {
        const struct gc_cycle *cycle = &snapshot->gc_cycles[i];
        const struct {
            uint64_t value;
            bool known;
        } columns[] = {{cycle->end_unix_ns, cycle->times_known}, {cycle->pause_ns, cycle->times_known},
                       {cycle->heap_before, cycle->heap_known},  {cycle->heap_peak, cycle->heap_known},
                       {cycle->heap_after, cycle->heap_known},   {cycle->heap_goal, cycle->goal_known},
                       {cycle->cause, true},
                       {cycle->since_init_ns, cycle->since_init_known},
                       {cycle->sweep_termination_ns, cycle->phases_known},
                       {cycle->mark_ns, cycle->phases_known},
                       {cycle->mark_termination_ns, cycle->phases_known},
                       {cycle->procs, cycle->phases_known},
                       {cycle->stop_procs, cycle->phases_known},
                       {cycle->assist_cpu_ns, cycle->cpu_known},
                       {cycle->background_cpu_ns, cycle->cpu_known},
                       {cycle->idle_cpu_ns, cycle->cpu_known},
                       {cycle->stack_bytes, cycle->cpu_known},
                       {cycle->globals_bytes, cycle->cpu_known}};
        struct row row = tick_writer_begin(writer, INSERT_GC_CYCLE);
        row_integer(&row, tick_writer_key(writer, (int64_t)(cycle->number & RECORD_MAX_KEY)));
        row_integer(&row, (int64_t)cycle->number);
        for (size_t column = 0; column < ARRAY_SIZE(columns); column++) {
            if (columns[column].known)
                row_integer(&row, (int64_t)columns[column].value);
            else
                row_null(&row);
        }
        if (cycle->cpu_known)
            row_real(&row, cycle->cpu_fraction);
        else
            row_null(&row);
        row_done(&row);
    }
}

/* They change with nearly every tick and no screen shows them: written in keyframes. */
static void write_size_classes(struct tick_writer *writer, const struct snapshot *snapshot)
{
    if (!writer->keyframe)
        return;
    size_t count = snapshot->num_size_classes;
    bool is_same_shape = writer->size_classes.count == count;
    if (!vector_reserve(&writer->size_classes, count)) {
        tick_writer_out_of_memory(writer);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct size_class *now = &snapshot->size_classes[i], *before = &writer->size_classes.items[i];
        bool is_same = is_same_shape && before->size == now->size && before->mallocs == now->mallocs &&
                       before->frees == now->frees;
        writer->size_classes.items[i] = *now;
        if (now->size > RECORD_MAX_KEY || (!writer->keyframe && is_same))
            continue;
        struct row row = tick_writer_begin(writer, INSERT_SIZE_CLASS);
        row_integers(
            &row, (const int64_t[]){tick_writer_key(writer, now->size), (int64_t)now->mallocs, (int64_t)now->frees}, 3);
        row_done(&row);
    }
    writer->size_classes.count = count;
}

/* ---- the tick ---- */

static void write_problems(struct tick_writer *writer, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_problems; i++) {
        const char *text = snapshot->problems[i].text;
        struct row row = tick_writer_begin(writer, INSERT_PROBLEM);
        row_integer(&row, tick_writer_key(writer, (int64_t)i));
        row_text(&row, text, strlen(text));
        row_done(&row);
    }
}

/* What a tick tells that seldom changes: a row where any of it has. */
static void write_facts(struct tick_writer *writer, const int64_t facts[FACT_COUNT])
{
    bool all = writer->keyframe;
    if (!all && memcmp(facts, writer->facts, sizeof(writer->facts)) == 0)
        return;
    struct row row = tick_writer_begin(writer, INSERT_FACTS);
    row_integer(&row, (int64_t)writer->tick);
    for (int i = 0; i < FACT_COUNT; i++) {
        if (all || facts[i] != writer->facts[i])
            row_integer(&row, facts[i]);
        else
            row_null(&row);
    }
    row_done(&row);
    memcpy(writer->facts, facts, sizeof(writer->facts));
}

static void write_tick(struct tick_writer *writer, const struct snapshot *snapshot)
{
    struct dictionary *dictionary = &writer->dictionary;
    const struct cost *cost = &snapshot->cost;
    size_t sites = snapshot->num_sites <= RECORD_MAX_IDENTITY ? snapshot->num_sites : RECORD_MAX_IDENTITY;
    write_counters(writer, snapshot);
    write_sites(writer, snapshot, sites);
    goroutine_rows_write(writer, snapshot);
    thread_rows_write(writer, snapshot);
    proc_rows_write(writer, snapshot);
    write_cycles(writer, snapshot);
    write_size_classes(writer, snapshot);
    write_problems(writer, snapshot);
    malloc_rows_write(writer, snapshot);
    writer->rows += memory_map_rows_write(&writer->memory_maps, (int64_t)writer->tick, snapshot);
    const int64_t facts[FACT_COUNT] = {
        [FACT_SEQUENCE] = (int64_t)(snapshot->sequence - writer->tick),
        [FACT_EXIT_REASON] = dictionary_text(dictionary, snapshot->exit_reason),
        [FACT_PROFILE_STATE] = snapshot->profile_state,
        [FACT_PROFILE_REASON] = dictionary_text(dictionary, snapshot->profile_reason),
        [FACT_PROFILE_CYCLE] = (int64_t)snapshot->profile_cycle,
        [FACT_PROFILE_TORN] = snapshot->profile_torn,
        [FACT_SITES_TRUNCATED] = snapshot->sites_truncated || sites < snapshot->num_sites,
        [FACT_SITES] = (int64_t)sites,
        [FACT_MAPPINGS] = (int64_t)mapping_rows_write(writer, snapshot),
        [FACT_INTERVAL] = (int64_t)snapshot->interval_ns,
        [FACT_STOPS] = (int64_t)cost->stops,
        [FACT_STOP_NS] = (int64_t)cost->stop_ns,
        [FACT_WRITES] = (int64_t)cost->writes,
        [FACT_ATTACH] = (int64_t)cost->attach_ns,
        [FACT_SYMBOLS] = (int64_t)cost->symbols_ns,
        [FACT_RSS] = (int64_t)cost->rss_bytes,
        [FACT_SAMPLES_TAKEN] = (int64_t)(cost->samples_taken - writer->tick),
        [FACT_SAMPLES_RETRIED] = (int64_t)cost->samples_retried,
        [FACT_SAMPLES_DROPPED] = (int64_t)cost->samples_dropped,
        [FACT_PROFILE_SINCE] = (int64_t)snapshot->profile_since_unix_ns,
        [FACT_PRELOAD_RATE] = (int64_t)cost->preload_rate,
    };
    const int64_t tick[] = {(int64_t)writer->tick,
                            (int64_t)snapshot->unix_ns,
                            (int64_t)snapshot->monotonic_ns,
                            write_target(writer, &snapshot->target),
                            snapshot->exited,
                            (int64_t)region_rows_write(writer, snapshot),
                            (int64_t)cost->cpu_ns,
                            (int64_t)cost->bytes_read,
                            (int64_t)cost->read_calls,
                            (int64_t)cost->sample_ns,
                            (int64_t)cost->sample_cpu_ns};
    write_facts(writer, facts);
    struct row row = tick_writer_begin(writer, INSERT_TICK);
    row_integers(&row, tick, ARRAY_SIZE(tick));
    row_done(&row);
    if (writer->keyframe) {
        row = tick_writer_begin(writer, INSERT_KEYFRAME);
        row_integer(&row, (int64_t)writer->tick);
        row_done(&row);
    }
}

void tick_writer_write_gap(struct tick_writer *writer, const struct recording_gap_row *gap)
{
    struct row row = tick_writer_begin(writer, INSERT_GAP);
    row_integers(&row, (const int64_t[]){(int64_t)gap->from_unix_ns, (int64_t)gap->to_unix_ns, (int64_t)gap->ticks}, 3);
    row_text(&row, gap->reason, strlen(gap->reason));
    row_done(&row);
}

void tick_writer_write_mark(struct tick_writer *writer, uint64_t unix_ns, const char *text)
{
    struct row row = tick_writer_begin(writer, INSERT_MARK);
    row_integer(&row, (int64_t)unix_ns);
    row_text(&row, text, strlen(text));
    row_done(&row);
    /* Who marks a moment wants to look at all of it. */
    writer->list.is_wanted = true;
}

static void forget_thread_states(struct tick_writer *writer)
{
    writer->thread_states.count = 0;
    table_clear(&writer->thread_states_by_words);
}

/* All that has ids of the snapshots' catalog. */
static void forget_process(struct tick_writer *writer)
{
    writer->sites.count = writer->groups.count = writer->threads.count = 0;
    table_clear(&writer->groups_by_identity);
    table_clear(&writer->threads_by_identity);
    forget_thread_states(writer);
    writer->regions.count = 0;
    writer->mappings_tick = 0;
}

/* What the file lacks after all is as if it had never been thought of: the next tick is a keyframe. */
static void forget(struct tick_writer *writer)
{
    if (sqlite3_get_autocommit(writer->database->handle) == 0)
        sqlite3_exec(writer->database->handle, "ROLLBACK", NULL, NULL, NULL);
    dictionary_rollback(&writer->dictionary);
    forget_process(writer);
    writer->has_target = false;
    writer->has_state = false;
}

/* What is gone is kept in mind, for it may come back, but not for ever: all are numbered anew where the many gone ones
 * outnumber those that are there. */
#define MANY_GONE 1024

static void drop_gone(struct tick_writer *writer)
{
    size_t groups = 0, threads = 0;
    for (size_t i = 0; i < writer->groups.count; i++)
        groups += writer->groups.items[i].present;
    for (size_t i = 0; i < writer->threads.count; i++)
        threads += writer->threads.items[i].present;
    if (writer->groups.count > 2 * groups + MANY_GONE) {
        writer->groups.count = 0;
        table_clear(&writer->groups_by_identity);
    }
    if (writer->threads.count > 2 * threads + MANY_GONE) {
        writer->threads.count = 0;
        table_clear(&writer->threads_by_identity);
    }
    if (writer->thread_states.count > MANY_GONE)
        forget_thread_states(writer);
}

void tick_writer_write(struct tick_writer *writer, const struct snapshot *snapshot, const struct recording_gap_row *gap)
{
    struct database *database = writer->database;
    uint64_t rows_before = writer->rows;
    bool is_other_process = writer->dictionary.catalog && writer->dictionary.catalog != snapshot->catalog;
    uint64_t enough = 2 * writer->rows_of_keyframe > KEYFRAME_ROWS ? 2 * writer->rows_of_keyframe : KEYFRAME_ROWS;
    if (is_other_process)
        forget_process(writer);
    dictionary_use(&writer->dictionary, snapshot->catalog);
    writer->keyframe = !writer->has_state || is_other_process || writer->wants_keyframe ||
                       writer->rows_since_keyframe >= enough;
    if (writer->keyframe)
        drop_gone(writer);
    writer->tick++;
    database_execute(database, "BEGIN IMMEDIATE");
    if (gap)
        tick_writer_write_gap(writer, gap);
    write_tick(writer, snapshot);
    database_execute(database, "COMMIT");
    if (database->code != SQLITE_OK) {
        writer->tick--;
        forget(writer);
        return;
    }
    dictionary_commit(&writer->dictionary);
    writer->has_state = true;
    /* The next keyframe numbers the regions anew. */
    writer->wants_keyframe = writer->last_region >= RECORD_MAX_REGIONS;
    uint64_t rows = writer->rows - rows_before;
    if (writer->keyframe) {
        writer->rows_of_keyframe = rows;
        writer->rows_since_keyframe = 0;
    } else {
        writer->rows_since_keyframe += rows;
    }
}
