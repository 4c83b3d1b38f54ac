#include "record/suspect_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

/* ---- handing over ---- */

static const char *copy_text(struct arena *arena, const char *text, bool *failed)
{
    const char *copy = text ? arena_copy_string(arena, text, strlen(text)) : NULL;
    *failed |= text && !copy;
    return copy;
}

struct suspect_list *suspect_list_create(const struct snapshot *snapshot, const struct recorder_suspect *suspects,
                                         size_t count)
{
    struct suspect_list *list = calloc(1, sizeof(*list));
    bool failed = false;
    if (!list)
        return NULL;
    arena_init(&list->arena);
    list->catalog = catalog_ref(snapshot->catalog);
    list->unix_ns = snapshot->unix_ns;
    list->suspects = arena_alloc_array(&list->arena, count, sizeof(*suspects));
    list->count = list->suspects ? count : 0;
    failed = !list->suspects;
    for (size_t i = 0; i < list->count; i++) {
        struct recorder_suspect *copy = &list->suspects[i];
        *copy = suspects[i];
        copy->kind = copy_text(&list->arena, copy->kind, &failed);
        copy->confidence = copy_text(&list->arena, copy->confidence, &failed);
        copy->name = copy_text(&list->arena, copy->name, &failed);
        copy->unit = copy_text(&list->arena, copy->unit, &failed);
        copy->summary = copy_text(&list->arena, copy->summary, &failed);
        copy->evidence = copy_text(&list->arena, copy->evidence, &failed);
        copy->advice = copy_text(&list->arena, copy->advice, &failed);
    }
    if (failed) {
        suspect_list_destroy(list);
        return NULL;
    }
    return list;
}

void suspect_list_destroy(struct suspect_list *list)
{
    if (!list)
        return;
    catalog_unref(list->catalog);
    arena_deinit(&list->arena);
    free(list);
}

/* ---- rows ---- */

void suspect_rows_init(struct suspect_rows *rows, struct database *database)
{
    *rows = (struct suspect_rows){.database = database};
    /* A row that is there keeps when it began. */
    rows->write = database_prepare(
        database,
        "INSERT INTO suspects VALUES (?1,?2,?3,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15) "
        "ON CONFLICT (suspect) DO UPDATE SET to_unix_ns = excluded.to_unix_ns, confidence = excluded.confidence, "
        "per_second = excluded.per_second, since_unix_ns = excluded.since_unix_ns, share = excluded.share, "
        "summary = excluded.summary, evidence = excluded.evidence, advice = excluded.advice");
}

void suspect_rows_deinit(struct suspect_rows *rows)
{
    sqlite3_finalize(rows->write);
    vector_deinit(&rows->open);
}

static void add_text(struct row *row, const char *text)
{
    if (text)
        row_text(row, text, strlen(text));
    else
        row_null(row);
}

static void add_real(struct row *row, double value)
{
    if (isfinite(value))
        row_real(row, value);
    else
        row_null(row);
}

static void write_one(struct suspect_rows *rows, struct dictionary *dictionary, int64_t id, int64_t target,
                      uint64_t unix_ns, const struct recorder_suspect *suspect)
{
    int64_t subject = dictionary_frame(dictionary, suspect->subject),
            created_by = dictionary_frame(dictionary, suspect->created_by),
            stack = dictionary_stack(dictionary, suspect->stack);
    struct row row = row_begin(rows->database, rows->write);
    row_integer(&row, id);
    row_integer(&row, target);
    row_integer(&row, (int64_t)unix_ns);
    add_text(&row, suspect->kind);
    add_text(&row, suspect->confidence);
    row_integer(&row, subject);
    row_integer(&row, created_by);
    row_integer(&row, stack);
    add_real(&row, suspect->per_second);
    add_text(&row, suspect->unit);
    if (suspect->since_unix_ns)
        row_integer(&row, (int64_t)suspect->since_unix_ns);
    else
        row_null(&row);
    add_real(&row, suspect->share);
    add_text(&row, suspect->summary);
    add_text(&row, suspect->evidence);
    add_text(&row, suspect->advice);
    row_done(&row);
}

static uint64_t hash_name(const struct recorder_suspect *suspect)
{
    return suspect->name ? table_hash_bytes(suspect->name, strlen(suspect->name), 1) : 0;
}

static int64_t find_row(const struct suspect_rows *rows, int64_t target, const struct recorder_suspect *suspect)
{
    for (size_t i = 0; i < rows->open.count; i++) {
        const struct open_suspect *open = &rows->open.items[i];
        if (open->target == target && open->subject == suspect->subject && open->created_by == suspect->created_by &&
            open->name == hash_name(suspect) && strcmp(open->kind, suspect->kind) == 0)
            return open->row;
    }
    return 0;
}

void suspect_rows_write(struct suspect_rows *rows, struct dictionary *dictionary, int64_t target,
                        const struct suspect_list *list)
{
    struct database *database = rows->database;
    VECTOR(struct open_suspect) open = {0};
    int64_t last = rows->last;
    bool good = true;
    database_execute(database, "BEGIN IMMEDIATE");
    for (size_t i = 0; good && i < list->count; i++) {
        const struct recorder_suspect *suspect = &list->suspects[i];
        struct open_suspect entry = {.row = find_row(rows, target, suspect),
                                     .target = target,
                                     .subject = suspect->subject,
                                     .created_by = suspect->created_by,
                                     .name = hash_name(suspect)};
        snprintf(entry.kind, sizeof(entry.kind), "%s", suspect->kind);
        if (entry.row == 0)
            entry.row = ++last;
        write_one(rows, dictionary, entry.row, target, list->unix_ns, suspect);
        good = vector_append(&open, entry);
    }
    if (!good)
        database->code = SQLITE_NOMEM;
    database_execute(database, "COMMIT");
    if (database->code == SQLITE_OK) {
        dictionary_commit(dictionary);
        rows->last = last;
        vector_deinit(&rows->open);
        rows->open.items = open.items;
        rows->open.count = open.count;
        rows->open.capacity = open.capacity;
        return;
    }
    if (sqlite3_get_autocommit(database->handle) == 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    dictionary_rollback(dictionary);
    vector_deinit(&open);
}

/* ---- reading ---- */

static bool read_one(const struct row *row, struct arena *arena, struct timeline_suspect *ret_suspect)
{
    struct timeline_suspect suspect = {.from_unix_ns = (uint64_t)sqlite3_column_int64(row->statement, 0),
                                       .to_unix_ns = (uint64_t)sqlite3_column_int64(row->statement, 1),
                                       .kind = row_escaped(row, 2, arena),
                                       .confidence = row_escaped(row, 3, arena),
                                       .summary = row_escaped(row, 4, arena)};
    if (!suspect.kind || !suspect.confidence || !suspect.summary)
        return false;
    *ret_suspect = suspect;
    return true;
}

void suspect_rows_read(struct database *database, struct arena *arena, struct timeline *timeline)
{
    VECTOR(struct timeline_suspect) suspects = {0};
    bool good = true;
    sqlite3_stmt *statement = database_prepare(
        database,
        "SELECT from_unix_ns, to_unix_ns, coalesce(kind, ''), coalesce(confidence, ''), coalesce(summary, '') "
        "FROM suspects ORDER BY from_unix_ns, suspect");
    struct row row = row_begin(database, statement);
    while (good && suspects.count < RECORD_MAX_LISTED && row_next(&row)) {
        struct timeline_suspect suspect;
        good = read_one(&row, arena, &suspect) && vector_append(&suspects, suspect);
    }
    sqlite3_finalize(statement);
    timeline->suspects =
        good ? arena_copy_array(arena, suspects.items, suspects.count, sizeof(*suspects.items)) : NULL;
    timeline->num_suspects = timeline->suspects ? suspects.count : 0;
    if (!timeline->suspects)
        database->code = SQLITE_NOMEM;
    vector_deinit(&suspects);
}
