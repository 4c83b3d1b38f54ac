#include "record/dictionary.h"

#include <stdio.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

#define FRAME_COLUMNS 6

void dictionary_init(struct dictionary *dictionary, struct database *database, bool redact)
{
    *dictionary = (struct dictionary){.database = database, .redact = redact};
    table_init(&dictionary->known_strings);
    table_init(&dictionary->known_frames);
    table_init(&dictionary->known_stacks);
    dictionary->insert_string = database_prepare(database, "INSERT INTO strings VALUES (?, ?)");
    dictionary->insert_frame = database_prepare(database, "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)");
    dictionary->insert_stack = database_prepare(database, "INSERT INTO stacks VALUES (?, ?, ?)");
    dictionary->insert_stack_frame = database_prepare(database, "INSERT INTO stack_frames VALUES (?, ?, ?)");
    dictionary->select_string = database_prepare(database, "SELECT text FROM strings WHERE string = ?");
    dictionary->select_frame = database_prepare(
        database, "SELECT function, file, line, start_line, origin, address FROM frames WHERE frame = ?");
    dictionary->select_stack = database_prepare(
        database, "SELECT frame FROM stack_frames WHERE stack = ? ORDER BY position");
}

void dictionary_deinit(struct dictionary *dictionary)
{
    catalog_unref(dictionary->catalog);
    vector_deinit(&dictionary->strings.ids);
    vector_deinit(&dictionary->frames.ids);
    vector_deinit(&dictionary->stacks.ids);
    vector_deinit(&dictionary->frame_ids);
    table_deinit(&dictionary->known_strings);
    table_deinit(&dictionary->known_frames);
    table_deinit(&dictionary->known_stacks);
    sqlite3_stmt *statements[] = {dictionary->insert_string, dictionary->insert_frame,  dictionary->insert_stack,
                                  dictionary->insert_stack_frame, dictionary->select_string,
                                  dictionary->select_frame, dictionary->select_stack};
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        sqlite3_finalize(statements[i]);
}

void dictionary_use(struct dictionary *dictionary, struct catalog *catalog)
{
    if (dictionary->catalog == catalog)
        return;
    catalog_unref(dictionary->catalog);
    dictionary->catalog = catalog_ref(catalog);
    dictionary->strings.ids.count = dictionary->frames.ids.count = dictionary->stacks.ids.count = 0;
}

static void map_commit(struct id_map *map)
{
    map->committed = map->last;
}

static void map_rollback(struct id_map *map)
{
    for (size_t i = 0; i < map->ids.count; i++)
        if (map->ids.items[i] > map->committed)
            map->ids.items[i] = 0;
    map->last = map->committed;
}

void dictionary_commit(struct dictionary *dictionary)
{
    map_commit(&dictionary->strings);
    map_commit(&dictionary->frames);
    map_commit(&dictionary->stacks);
}

void dictionary_rollback(struct dictionary *dictionary)
{
    map_rollback(&dictionary->strings);
    map_rollback(&dictionary->frames);
    map_rollback(&dictionary->stacks);
}

/* The place of a catalog id; NULL, with the code set, when memory is out. */
static int64_t *map_place(struct dictionary *dictionary, struct id_map *map, uint32_t id)
{
    if (!vector_reserve(&map->ids, (size_t)id + 1)) {
        dictionary->database->code = SQLITE_NOMEM;
        return NULL;
    }
    while (map->ids.count <= id)
        map->ids.items[map->ids.count++] = 0;
    return &map->ids.items[id];
}

/* ---- what the file has already ---- */

static struct row ask(struct dictionary *dictionary, sqlite3_stmt *statement, uint64_t id)
{
    struct row row = row_begin(dictionary->database, statement);
    row_integer(&row, (int64_t)id);
    return row;
}

static bool is_string(struct dictionary *dictionary, uint64_t id, const char *text)
{
    struct row row = ask(dictionary, dictionary->select_string, id);
    if (!row_next(&row))
        return false;
    const char *found = (const char *)sqlite3_column_text(row.statement, 0);
    bool is_same = found && strcmp(found, text) == 0;
    row_reset(&row);
    return is_same;
}

static bool is_frame(struct dictionary *dictionary, uint64_t id, const int64_t columns[FRAME_COLUMNS])
{
    struct row row = ask(dictionary, dictionary->select_frame, id);
    if (!row_next(&row))
        return false;
    bool is_same = true;
    for (int i = 0; i < FRAME_COLUMNS; i++)
        is_same = is_same && sqlite3_column_int64(row.statement, i) == columns[i];
    row_reset(&row);
    return is_same;
}

static bool is_stack(struct dictionary *dictionary, uint64_t id, const int64_t *frames, size_t depth)
{
    struct row row = ask(dictionary, dictionary->select_stack, id);
    size_t position = 0;
    while (row_next(&row)) {
        if (position == depth || sqlite3_column_int64(row.statement, 0) != frames[position]) {
            row_reset(&row);
            return false;
        }
        position++;
    }
    return position == depth && depth > 0;
}

/* The place of the content's id, which is 0 when it is new; NULL, with the code set, when memory is out. */
static uint64_t *known_place(struct dictionary *dictionary, struct table *known, const void *content, size_t size)
{
    uint64_t *place = table_insert(known, table_hash_bytes(content, size, 0), NULL);
    if (!place)
        dictionary->database->code = SQLITE_NOMEM;
    return place;
}

/* ---- strings ---- */

/* "NAME=VALUE", as the environment has it: how much of it is the name with the '='; 0 for all else. */
static size_t environment_name(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return length > 0 && text[length] == '=' ? length + 1 : 0;
}

int64_t dictionary_text(struct dictionary *dictionary, const char *text)
{
    char shortened[128];
    if (!text || dictionary->database->code != SQLITE_OK)
        return 0;
    size_t name = dictionary->redact ? environment_name(text) : 0;
    if (name > 0) {
        snprintf(shortened, sizeof(shortened), "%.*s(left out)", name < 100 ? (int)name : 100, text);
        text = shortened;
    }
    size_t length = strlen(text);
    uint64_t *place = known_place(dictionary, &dictionary->known_strings, text, length);
    if (!place || (*place != 0 && is_string(dictionary, *place, text)))
        return place ? (int64_t)*place : 0;
    int64_t id = ++dictionary->strings.last;
    *place = (uint64_t)id;
    struct row row = row_begin(dictionary->database, dictionary->insert_string);
    row_integer(&row, id);
    row_text(&row, text, length);
    row_done(&row);
    return id;
}

int64_t dictionary_string(struct dictionary *dictionary, string_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->strings, id);
    if (place && *place == 0)
        *place = dictionary_text(dictionary, catalog_string(dictionary->catalog, id));
    return place ? *place : 0;
}

/* ---- frames and stacks ---- */

int64_t dictionary_frame(struct dictionary *dictionary, frame_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->frames, id);
    if (!place || *place != 0)
        return place ? *place : 0;
    const struct frame *frame = catalog_frame(dictionary->catalog, id);
    const int64_t columns[FRAME_COLUMNS] = {dictionary_string(dictionary, frame->function),
                                            dictionary_string(dictionary, frame->file),
                                            frame->line,
                                            frame->start_line,
                                            frame->origin,
                                            (int64_t)frame->address};
    uint64_t *known = known_place(dictionary, &dictionary->known_frames, columns, sizeof(columns));
    if (!known)
        return 0;
    if (*known != 0 && is_frame(dictionary, *known, columns))
        return *place = (int64_t)*known;
    *place = ++dictionary->frames.last;
    *known = (uint64_t)*place;
    struct row row = row_begin(dictionary->database, dictionary->insert_frame);
    row_integer(&row, *place);
    for (int i = 0; i < FRAME_COLUMNS; i++)
        row_integer(&row, columns[i]);
    row_done(&row);
    return *place;
}

static void insert_stack(struct dictionary *dictionary, int64_t id, const int64_t *frames, size_t depth,
                         uint32_t subject)
{
    for (size_t i = 0; i < depth; i++) {
        struct row row = row_begin(dictionary->database, dictionary->insert_stack_frame);
        row_integer(&row, id);
        row_integer(&row, (int64_t)i);
        row_integer(&row, frames[i]);
        row_done(&row);
    }
    struct row row = row_begin(dictionary->database, dictionary->insert_stack);
    row_integer(&row, id);
    row_integer(&row, (int64_t)depth);
    row_integer(&row, subject < depth ? frames[subject] : 0);
    row_done(&row);
}

int64_t dictionary_stack(struct dictionary *dictionary, stack_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->stacks, id);
    if (!place || *place != 0)
        return place ? *place : 0;
    struct stack stack = catalog_stack(dictionary->catalog, id);
    if (!vector_reserve(&dictionary->frame_ids, stack.depth)) {
        dictionary->database->code = SQLITE_NOMEM;
        return 0;
    }
    int64_t *frames = dictionary->frame_ids.items;
    for (uint32_t i = 0; i < stack.depth; i++)
        frames[i] = dictionary_frame(dictionary, stack.frames[i]);
    uint64_t *known = known_place(dictionary, &dictionary->known_stacks, frames, stack.depth * sizeof(*frames));
    if (!known || dictionary->database->code != SQLITE_OK)
        return 0;
    if (*known != 0 && is_stack(dictionary, *known, frames, stack.depth))
        return *place = (int64_t)*known;
    *place = ++dictionary->stacks.last;
    *known = (uint64_t)*place;
    insert_stack(dictionary, *place, frames, stack.depth, catalog_stack_subject(dictionary->catalog, id));
    return *place;
}
