#include "record/dictionary.h"

#include <string.h>

/* Texts with figures in them never come again: the memory of what was written starts over after so many. */
#define MAX_TEXTS 16384

void dictionary_init(struct dictionary *dictionary, struct database *database)
{
    *dictionary = (struct dictionary){.database = database};
    table_init(&dictionary->texts);
    dictionary->insert_string = database_prepare(database, "INSERT INTO strings VALUES (?, ?)");
    dictionary->insert_frame = database_prepare(database, "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)");
    dictionary->insert_stack = database_prepare(database, "INSERT INTO stacks VALUES (?, ?, ?)");
    dictionary->insert_stack_frame = database_prepare(database, "INSERT INTO stack_frames VALUES (?, ?, ?)");
}

void dictionary_deinit(struct dictionary *dictionary)
{
    catalog_unref(dictionary->catalog);
    vector_deinit(&dictionary->strings.ids);
    vector_deinit(&dictionary->frames.ids);
    vector_deinit(&dictionary->stacks.ids);
    table_deinit(&dictionary->texts);
    sqlite3_finalize(dictionary->insert_string);
    sqlite3_finalize(dictionary->insert_frame);
    sqlite3_finalize(dictionary->insert_stack);
    sqlite3_finalize(dictionary->insert_stack_frame);
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
    table_clear(&dictionary->texts);
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

static void insert_string(struct dictionary *dictionary, int64_t id, const char *text)
{
    struct row row = row_begin(dictionary->database, dictionary->insert_string);
    row_integer(&row, id);
    row_text(&row, text, strlen(text));
    row_done(&row);
}

int64_t dictionary_string(struct dictionary *dictionary, string_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->strings, id);
    if (place && *place == 0) {
        *place = ++dictionary->strings.last;
        insert_string(dictionary, *place, catalog_string(dictionary->catalog, id));
    }
    return place ? *place : 0;
}

int64_t dictionary_text(struct dictionary *dictionary, const char *text)
{
    if (!text || dictionary->database->code != SQLITE_OK)
        return 0;
    if (dictionary->texts.count >= MAX_TEXTS)
        table_clear(&dictionary->texts);
    /* Two texts of one 64-bit hash would share a row; they come from heaptop itself, which does not choose them to. */
    uint64_t *place = table_insert(&dictionary->texts, table_hash_bytes(text, strlen(text), 0), NULL);
    if (!place) {
        dictionary->database->code = SQLITE_NOMEM;
        return 0;
    }
    if (*place == 0) {
        *place = (uint64_t)++dictionary->strings.last;
        insert_string(dictionary, (int64_t)*place, text);
    }
    return (int64_t)*place;
}

int64_t dictionary_frame(struct dictionary *dictionary, frame_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->frames, id);
    if (!place || *place != 0)
        return place ? *place : 0;
    *place = ++dictionary->frames.last;
    const struct frame *frame = catalog_frame(dictionary->catalog, id);
    int64_t function = dictionary_string(dictionary, frame->function),
            file = dictionary_string(dictionary, frame->file);
    struct row row = row_begin(dictionary->database, dictionary->insert_frame);
    row_integer(&row, *place);
    row_integer(&row, function);
    row_integer(&row, file);
    row_integer(&row, frame->line);
    row_integer(&row, frame->start_line);
    row_integer(&row, frame->origin);
    row_integer(&row, (int64_t)frame->address);
    row_done(&row);
    return *place;
}

int64_t dictionary_stack(struct dictionary *dictionary, stack_id id)
{
    if (id == 0 || dictionary->database->code != SQLITE_OK)
        return 0;
    int64_t *place = map_place(dictionary, &dictionary->stacks, id);
    if (!place || *place != 0)
        return place ? *place : 0;
    int64_t file_id = *place = ++dictionary->stacks.last;
    struct stack stack = catalog_stack(dictionary->catalog, id);
    int64_t subject = 0;
    for (uint32_t i = 0; i < stack.depth; i++) {
        int64_t frame = dictionary_frame(dictionary, stack.frames[i]);
        if (i == catalog_stack_subject(dictionary->catalog, id))
            subject = frame;
        struct row row = row_begin(dictionary->database, dictionary->insert_stack_frame);
        row_integer(&row, file_id);
        row_integer(&row, i);
        row_integer(&row, frame);
        row_done(&row);
        }
    struct row row = row_begin(dictionary->database, dictionary->insert_stack);
    row_integer(&row, file_id);
    row_integer(&row, stack.depth);
    row_integer(&row, subject);
    row_done(&row);
    return file_id;
}
