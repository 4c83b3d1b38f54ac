#include "record/thinning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/schema.h"

#define SECOND UINT64_C(1000000000)
/* Ticks of one piece of work. */
#define MAX_BUCKET 4096
/* Of a tick that stands for a minute or more, so many events stay, those that took longest. */
#define MAX_EVENTS 16
/* Never thinned, whatever the bound on the file's size. */
#define SHORTEST_KEEP (10 * SECOND)
/* The file's size is looked at once in so many steps. */
#define LOOK_STEPS 16
/* Of the bound, in percent: from here on there is less room than a keyframe may need. */
#define FULL_PERCENT 85
/* Of the bound, this part is there for thinning alone, and for the end. */
#define SPARE_PARTS 12
/* Where thinning does not do, this part of the ticks goes, the oldest. */
#define DROP_PART 32

/* Ticks older than `keeps` times keep_ns become one in spacing_ns. */
static const struct {
    uint64_t spacing_ns;
    unsigned keeps;
    bool keeps_events;      /* All of them, and the ticks at the edges of gaps and of processes. */
} levels[THINNING_LEVELS] = {
    {10 * SECOND, 1, true},
    {60 * SECOND, 10, true},
    {600 * SECOND, 100, false},
    {3600 * SECOND, 1000, false},
};

/* ---- statements ---- */

/* The text with the table's name in place of '@', and the column's in place of '$'. */
static void append_template(const char *format, const char *table, const char *column, struct text *text)
{
    for (; *format; format++) {
        if (*format == '$')
            text_append(text, column);
        else if (*format == '@')
            text_append(text, table);
        else
            text_append_bytes(text, format, 1);
    }
}

/* The columns after the first, each after a comma and as the template says. */
static void append_columns(struct database *database, const char *table, const char *format, struct text *text)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s", table);
    sqlite3_stmt *statement = database_prepare(database, sql);
    for (int i = 1; statement && i < sqlite3_column_count(statement); i++) {
        text_append(text, ", ");
        append_template(format, table, sqlite3_column_name(statement, i), text);
    }
    sqlite3_finalize(statement);
}

static sqlite3_stmt *prepare_text(struct database *database, struct text *text)
{
    if (text->failed)
        database->code = SQLITE_NOMEM;
    sqlite3_stmt *statement = text->failed ? NULL : database_prepare(database, text->data);
    text_deinit(text);
    return statement;
}

/* Rows that move are taken out before they are put back: added to full pages first, they would leave a file of
 * half-empty ones. Their place meanwhile is a table of the same name, in memory. */
static void create_moved(struct database *database, const char *table)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "CREATE TABLE temp.moved_%s AS SELECT * FROM %s LIMIT 0", table, table);
    database_execute(database, sql);
}

/* ?1 is the tick that stays, ?2 the first key that moves, ?3 the last of that tick. The newest row of each key. */
static sqlite3_stmt *prepare_take_states(struct database *database, const char *table)
{
    struct text text = {0};
    text_printf(&text, "INSERT INTO temp.moved_%s SELECT (?1 << %d) + (at & %lld)", table, RECORD_KEY_BITS,
                (long long)RECORD_MAX_KEY);
    append_columns(database, table, "$", &text);
    /* A bare column beside max() is that of the row with the greatest. */
    text_append(&text, " FROM (SELECT max(at) AS at");
    append_columns(database, table, "$", &text);
    text_printf(&text, " FROM %s WHERE at BETWEEN ?2 AND ?3 GROUP BY at & %lld)", table, (long long)RECORD_MAX_KEY);
    return prepare_text(database, &text);
}

/* ?1 is the tick that stays, ?2 the first that is merged into it, which is the later of two where it has all. */
static sqlite3_stmt *prepare_take_columns(struct database *database, const char *table)
{
    struct text text = {0};
    text_printf(&text, "INSERT INTO temp.moved_%s SELECT ?1", table);
    append_columns(database, table,
                   "(SELECT $ FROM @ WHERE tick BETWEEN ?2 AND ?1 AND $ NOT NULL ORDER BY tick DESC LIMIT 1)", &text);
    text_printf(&text, " WHERE EXISTS (SELECT 1 FROM %s WHERE tick BETWEEN ?2 AND ?1)", table);
    return prepare_text(database, &text);
}

/* "@" in the SQL is the table's name. */
static sqlite3_stmt *prepare_for(struct database *database, const char *sql, const char *table)
{
    struct text text = {0};
    append_template(sql, table, "", &text);
    return prepare_text(database, &text);
}

static void add_table(struct thinning *thinning, const char *name, enum schema_thinning kind)
{
    struct database *database = &thinning->database;
    if (kind == THIN_NOT || thinning->num_tables == THINNING_MAX_TABLES)
        return;
    bool is_by_tick = kind == THIN_TICK || kind == THIN_COLUMNS;
    struct thinned_table *table = &thinning->tables[thinning->num_tables++];
    *table = (struct thinned_table){.kind = (uint8_t)kind};
    table->erase = prepare_for(database, is_by_tick ? "DELETE FROM @ WHERE tick BETWEEN ? AND ?"
                                                       : "DELETE FROM @ WHERE at BETWEEN ? AND ?", name);
    if (kind == THIN_TICK || kind == THIN_LIST)
        return;
    create_moved(database, name);
    table->take = kind == THIN_COLUMNS ? prepare_take_columns(database, name) : prepare_take_states(database, name);
    table->put = prepare_for(database, "INSERT INTO @ SELECT * FROM temp.moved_@", name);
    table->forget = prepare_for(database, "DELETE FROM temp.moved_@", name);
}

/* What makes room may need some first. */
static void allow_bytes(struct thinning *thinning, uint64_t bytes)
{
    char sql[64];
    if (thinning->max_bytes == 0)
        return;
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%llu", (unsigned long long)(bytes / RECORD_PAGE_BYTES));
    sqlite3_exec(thinning->database.handle, sql, NULL, NULL, NULL);
}

void thinning_init(struct thinning *thinning, struct database *database, uint64_t keep_ns, uint64_t max_bytes)
{
    *thinning = (struct thinning){.database = *database,
                                  .keep_ns = keep_ns,
                                  .max_bytes = max_bytes / SPARE_PARTS * (SPARE_PARTS - 1),
                                  .spare_bytes = max_bytes / SPARE_PARTS};
    struct database *own = &thinning->database;
    if (keep_ns == 0 && max_bytes == 0)
        return;
    allow_bytes(thinning, thinning->max_bytes);
    database_execute(own, "PRAGMA temp_store=MEMORY");
    for (size_t i = 0; i < schema_num_tables; i++)
        add_table(thinning, schema_tables[i].name, schema_tables[i].thinning);
    for (size_t i = 0; i < SCHEMA_COUNTER_TABLES; i++)
        add_table(thinning, schema_counter_tables[i], THIN_COLUMNS);
    thinning->select_ticks = database_prepare(
        own, "SELECT tick, unix_ns, target, exited, CASE WHEN EXISTS (SELECT 1 FROM memory_maps WHERE at = tick << 24) "
             "THEN 2 ELSE regions > 0 OR EXISTS (SELECT 1 FROM malloc_heaps WHERE at = tick << 24) END FROM ticks "
             "WHERE tick > ? ORDER BY tick");
    thinning->select_marked = database_prepare(
        own,
        "SELECT EXISTS (SELECT 1 FROM marks WHERE unix_ns > ?1 AND unix_ns <= ?2) + "
        "2 * EXISTS (SELECT 1 FROM gaps WHERE ?2 BETWEEN from_unix_ns AND to_unix_ns OR to_unix_ns BETWEEN ?1 AND ?2 "
        "OR from_unix_ns BETWEEN ?2 AND ?3)");
    thinning->select_keyframe = database_prepare(own, "SELECT max(tick) FROM keyframes WHERE tick BETWEEN ? AND ?");
    thinning->select_other_process = database_prepare(
        own,
        "SELECT max(t.tick) FROM ticks t JOIN targets a USING (target), ticks u JOIN targets b ON b.target = u.target "
        "WHERE t.tick BETWEEN ?1 AND ?2 AND u.tick = ?2 AND (a.pid <> b.pid OR a.start_unix_ns <> b.start_unix_ns)");
    thinning->insert_keyframe = database_prepare(own, "INSERT OR IGNORE INTO keyframes VALUES (?)");
    thinning->trim_events = database_prepare(
        own, "DELETE FROM gc_cycles WHERE at BETWEEN ?1 AND ?2 AND at NOT IN "
             "(SELECT at FROM gc_cycles WHERE at BETWEEN ?1 AND ?2 ORDER BY pause_ns DESC, at DESC LIMIT ?3)");
    thinning->select_pages = database_prepare(
        own, "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)");
    database->code = own->code;
}

void thinning_deinit(struct thinning *thinning)
{
    for (size_t i = 0; i < thinning->num_tables; i++) {
        sqlite3_finalize(thinning->tables[i].take);
        sqlite3_finalize(thinning->tables[i].erase);
        sqlite3_finalize(thinning->tables[i].put);
        sqlite3_finalize(thinning->tables[i].forget);
    }
    allow_bytes(thinning, thinning->max_bytes + thinning->spare_bytes);
    sqlite3_finalize(thinning->select_ticks);
    sqlite3_finalize(thinning->select_marked);
    sqlite3_finalize(thinning->select_keyframe);
    sqlite3_finalize(thinning->select_other_process);
    sqlite3_finalize(thinning->insert_keyframe);
    sqlite3_finalize(thinning->trim_events);
    sqlite3_finalize(thinning->select_pages);
    free(thinning->bucket);
    *thinning = (struct thinning){0};
}

/* ---- transactions ---- */

static void begin(struct thinning *thinning)
{
    thinning->database.code = SQLITE_OK;
    allow_bytes(thinning, thinning->max_bytes + thinning->spare_bytes);
    database_execute(&thinning->database, "BEGIN IMMEDIATE");
}

static bool commit(struct thinning *thinning)
{
    struct database *database = &thinning->database;
    database_execute(database, "COMMIT");
    bool is_good = database->code == SQLITE_OK;
    if (!is_good && sqlite3_get_autocommit(database->handle) == 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    database->code = SQLITE_OK;
    allow_bytes(thinning, thinning->max_bytes);
    return is_good;
}

static void run(struct thinning *thinning, sqlite3_stmt *statement, const int64_t *values, size_t count)
{
    struct row row = row_begin(&thinning->database, statement);
    for (size_t i = 0; i < count; i++)
        row_integer(&row, values[i]);
    row_done(&row);
}
#define RUN(thinning, statement, ...) \
    run((thinning), (statement), (const int64_t[]){__VA_ARGS__}, \
        sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* One number; 0 where there is none. */
static int64_t ask(struct thinning *thinning, sqlite3_stmt *statement, const int64_t *values, size_t count)
{
    int64_t answer = 0;
    struct row row = row_begin(&thinning->database, statement);
    for (size_t i = 0; i < count; i++)
        row_integer(&row, values[i]);
    if (row_next(&row)) {
        answer = sqlite3_column_int64(statement, 0);
        row_reset(&row);
    }
    return answer;
}
#define ASK(thinning, statement, ...) \
    ask((thinning), (statement), (const int64_t[]){__VA_ARGS__}, \
        sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* ---- merging ---- */

static int64_t first_key(int64_t tick)
{
    return tick << RECORD_KEY_BITS;
}

void thinning_merge(struct thinning *thinning, int64_t previous, int64_t tick)
{
    int64_t keyframe = ASK(thinning, thinning->select_keyframe, previous + 1, tick);
    /* What a keyframe does not name is gone: nothing from before it moves. */
    int64_t first = keyframe > 0 ? keyframe : previous + 1;
    /* Nor do another process's events. */
    int64_t other = ASK(thinning, thinning->select_other_process, previous + 1, tick),
            first_event = other > 0 ? other + 1 : previous + 1;
    for (size_t i = 0; i < thinning->num_tables; i++) {
        const struct thinned_table *table = &thinning->tables[i];
        bool is_by_tick = table->kind == THIN_TICK || table->kind == THIN_COLUMNS;
        if (table->kind == THIN_COLUMNS)
            RUN(thinning, table->take, tick, first);
        else if (table->take)
            RUN(thinning, table->take, tick, first_key(table->kind == THIN_EVENTS ? first_event : first),
                first_key(tick + 1) - 1);
        if (is_by_tick)
            RUN(thinning, table->erase, previous + 1, table->take ? tick : tick - 1);
        else
            RUN(thinning, table->erase, first_key(previous + 1), first_key(table->take ? tick + 1 : tick) - 1);
        if (table->take) {
            run(thinning, table->put, NULL, 0);
            run(thinning, table->forget, NULL, 0);
        }
    }
    if (keyframe > 0)
        RUN(thinning, thinning->insert_keyframe, tick);
}

/* ---- one bucket ---- */

struct thin_tick {
    int64_t tick, target;
    int64_t worth;      /* 2: it has a memory map; 1: regions, or malloc's heap; 0: none of these. */
    uint64_t unix_ns;
    bool exited;
};

static bool read_tick(struct row *row, struct thin_tick *ret_tick)
{
    if (!row_next(row))
        return false;
    *ret_tick = (struct thin_tick){.tick = sqlite3_column_int64(row->statement, 0),
                                   .unix_ns = (uint64_t)sqlite3_column_int64(row->statement, 1),
                                   .target = sqlite3_column_int64(row->statement, 2),
                                   .exited = sqlite3_column_int64(row->statement, 3) != 0,
                                   .worth = sqlite3_column_int64(row->statement, 4)};
    return true;
}

/* Whether the middle one of three must stay for what it is. */
static bool is_protected(struct thinning *thinning, size_t level, const struct thin_tick *before,
                         const struct thin_tick *tick, const struct thin_tick *after)
{
    if (before->tick == 0)
        return true;
    bool is_edge = tick->exited || tick->target != before->target || tick->target != after->target;
    if (levels[level].keeps_events && is_edge)
        return true;
    int64_t marked = ASK(thinning, thinning->select_marked, (int64_t)before->unix_ns, (int64_t)tick->unix_ns,
                         (int64_t)after->unix_ns);
    return (marked & 1) != 0 || (levels[level].keeps_events && marked != 0);
}

struct bucket {
    struct thin_tick ticks[MAX_BUCKET + 2];     /* The one before, those of the bucket, the one after. */
    size_t count;                               /* Without these two. */
};

/* False when there is no tick behind it yet. */
static bool read_bucket(struct thinning *thinning, size_t level, struct bucket *bucket)
{
    int64_t done = thinning->levels[level].done;
    uint64_t spacing = levels[level].spacing_ns;
    struct row row = row_begin(&thinning->database, thinning->select_ticks);
    bool is_complete = false;
    row_integer(&row, done > 0 ? done - 1 : 0);
    bucket->count = 0;
    bucket->ticks[0] = (struct thin_tick){0};
    if (done > 0 && !read_tick(&row, &bucket->ticks[0]))
        return false;
    while (!is_complete && read_tick(&row, &bucket->ticks[bucket->count + 1])) {
        is_complete = bucket->count == MAX_BUCKET ||
                      bucket->ticks[1].unix_ns / spacing != bucket->ticks[bucket->count + 1].unix_ns / spacing;
        bucket->count += !is_complete;
    }
    if (is_complete)
        row_reset(&row);
    return is_complete;
}

/* The tick that stands for the bucket: one in which memory was looked at, else the last. */
static size_t choose(const struct bucket *bucket)
{
    size_t best = bucket->count;
    for (size_t i = bucket->count; i > 0; i--)
        if (bucket->ticks[i].worth > bucket->ticks[best].worth)
            best = i;
    return best;
}

static bool thin_bucket(struct thinning *thinning, size_t level, uint64_t now_unix_ns, struct bucket *bucket)
{
    struct thinning_level_state *state = &thinning->levels[level];
    uint64_t spacing = levels[level].spacing_ns, age = levels[level].keeps * thinning->keep_ns;
    if (now_unix_ns < state->due_unix_ns || !read_bucket(thinning, level, bucket))
        return false;
    uint64_t due = (bucket->ticks[1].unix_ns / spacing + 1) * spacing + age;
    if (due > now_unix_ns) {
        state->due_unix_ns = due;
        return false;
    }
    size_t chosen = choose(bucket), last_kept = 0;
    begin(thinning);
    for (size_t i = 1; i <= bucket->count + 1; i++) {
        bool is_behind = i == bucket->count + 1;
        if (!is_behind && i != chosen &&
            !is_protected(thinning, level, &bucket->ticks[i - 1], &bucket->ticks[i], &bucket->ticks[i + 1]))
            continue;
        if (i > last_kept + 1)
            thinning_merge(thinning, bucket->ticks[last_kept].tick, bucket->ticks[i].tick);
        if (!levels[level].keeps_events && !is_behind)
            RUN(thinning, thinning->trim_events, first_key(bucket->ticks[i].tick),
                first_key(bucket->ticks[i].tick + 1) - 1, MAX_EVENTS);
        last_kept = is_behind ? last_kept : i;
    }
    if (!commit(thinning))
        return false;
    state->done = bucket->ticks[last_kept].tick;
    for (size_t finer = 0; finer < level; finer++)
        if (thinning->levels[finer].done < state->done)
            thinning->levels[finer].done = state->done;
    return true;
}

/* ---- within a size ---- */

/* The times of the first tick and the last. */
static bool read_span(struct thinning *thinning, struct thin_tick *ret_first, uint64_t *ret_span_ns)
{
    sqlite3_stmt *last = database_prepare(&thinning->database, "SELECT unix_ns FROM ticks ORDER BY tick DESC LIMIT 1");
    uint64_t end = (uint64_t)ask(thinning, last, NULL, 0);
    sqlite3_finalize(last);
    struct row row = row_begin(&thinning->database, thinning->select_ticks);
    row_integer(&row, 0);
    if (!read_tick(&row, ret_first))
        return false;
    row_reset(&row);
    *ret_span_ns = end > ret_first->unix_ns ? end - ret_first->unix_ns : 0;
    return true;
}

/* The oldest ticks, to the next keyframe, go, and a gap says so. */
static bool drop_oldest(struct thinning *thinning)
{
    struct database *database = &thinning->database;
    sqlite3_stmt *find = database_prepare(
        database, "SELECT tick FROM keyframes WHERE tick > (SELECT tick FROM ticks ORDER BY tick LIMIT 1 OFFSET "
                  "(SELECT count(*) / ?1 FROM ticks)) ORDER BY tick LIMIT 1");
    sqlite3_stmt *count = database_prepare(database, "SELECT count(*) FROM ticks WHERE tick < ?");
    sqlite3_stmt *until = database_prepare(database, "SELECT max(unix_ns) FROM ticks WHERE tick < ?");
    sqlite3_stmt *insert = database_prepare(database, "INSERT OR REPLACE INTO gaps VALUES (?1,?2,?3,?4,"
                                                      "'left out, to keep the file within its greatest size')");
    struct thin_tick first;
    uint64_t span = 0;
    int64_t keyframe = ASK(thinning, find, DROP_PART);
    bool is_good = keyframe > 0 && read_span(thinning, &first, &span);
    if (keyframe <= 0)
        thinning->wants_keyframe = true;
    if (is_good) {
        if (thinning->dropped_ticks == 0)
            thinning->dropped_from_unix_ns = first.unix_ns;
        begin(thinning);
        int64_t ticks = thinning->dropped_ticks + ASK(thinning, count, keyframe), end = ASK(thinning, until, keyframe);
        for (size_t i = 0; i < thinning->num_tables; i++) {
            const struct thinned_table *table = &thinning->tables[i];
            bool is_by_tick = table->kind == THIN_TICK || table->kind == THIN_COLUMNS;
            RUN(thinning, table->erase, 0, is_by_tick ? keyframe - 1 : first_key(keyframe) - 1);
        }
        struct row row = row_begin(database, insert);
        if (thinning->dropped_gap > 0)
            row_integer(&row, thinning->dropped_gap);
        else
            row_null(&row);
        row_integer(&row, (int64_t)thinning->dropped_from_unix_ns);
        row_integer(&row, end);
        row_integer(&row, ticks);
        row_done(&row);
        int64_t gap = sqlite3_last_insert_rowid(database->handle);
        is_good = commit(thinning);
        if (is_good) {
            thinning->dropped_gap = gap;
            thinning->dropped_ticks = ticks;
        }
        for (size_t level = 0; is_good && level < THINNING_LEVELS; level++)
            if (thinning->levels[level].done < keyframe)
                thinning->levels[level] = (struct thinning_level_state){0};
    }
    sqlite3_finalize(find);
    sqlite3_finalize(count);
    sqlite3_finalize(until);
    sqlite3_finalize(insert);
    database->code = SQLITE_OK;
    return is_good;
}

static void look_at_size(struct thinning *thinning)
{
    if (thinning->max_bytes == 0 || thinning->steps_until_look-- > 0)
        return;
    uint64_t used = (uint64_t)ask(thinning, thinning->select_pages, NULL, 0) * RECORD_PAGE_BYTES;
    thinning->is_full = used >= thinning->max_bytes / 100 * FULL_PERCENT;
    thinning->steps_until_look = thinning->is_full ? 0 : LOOK_STEPS;
}

/* Where the file is nearly full, and all is as thin as it should be, it should be thinner. */
static bool make_room(struct thinning *thinning)
{
    struct thin_tick first;
    uint64_t span = 0;
    if (thinning->keep_ns == SHORTEST_KEEP)
        return drop_oldest(thinning);
    if (!read_span(thinning, &first, &span))
        return false;
    uint64_t shorter = thinning->keep_ns == 0 || thinning->keep_ns > span ? span / 4 : thinning->keep_ns / 10 * 7;
    thinning->keep_ns = shorter > SHORTEST_KEEP ? shorter : SHORTEST_KEEP;
    for (size_t level = 0; level < THINNING_LEVELS; level++)
        thinning->levels[level].due_unix_ns = 0;
    return true;
}

bool thinning_step(struct thinning *thinning, uint64_t now_unix_ns)
{
    if (thinning->num_tables == 0)
        return false;
    thinning->database.code = SQLITE_OK;
    if (!thinning->bucket)
        thinning->bucket = malloc(sizeof(*thinning->bucket));
    look_at_size(thinning);
    /* The coarsest first: what it merges, no finer one needs to. */
    for (size_t level = THINNING_LEVELS; thinning->bucket && thinning->keep_ns && level-- > 0;)
        if (thin_bucket(thinning, level, now_unix_ns, thinning->bucket))
            return true;
    return thinning->is_full && make_room(thinning);
}
