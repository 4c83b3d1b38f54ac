#include "record/names.h"

/* Frames of one stack; deeper ones are cut. */
#define MAX_DEPTH 4096

void names_init(struct names *names, struct database *database)
{
    *names = (struct names){.database = database};
    struct error *error = catalog_create(&names->catalog);
    if (error) {
        error_destroy(error);
        database->code = SQLITE_NOMEM;
    }
    names->select_strings = database_prepare(database,
                                             "SELECT string, text FROM strings WHERE string > ? ORDER BY string");
    names->select_frames = database_prepare(
        database,
        "SELECT frame, function, file, line, start_line, origin, address FROM frames WHERE frame > ? ORDER BY frame");
    names->select_stack_frames = database_prepare(
        database, "SELECT stack, position, frame FROM stack_frames WHERE stack > ? ORDER BY stack, position");
}

void names_deinit(struct names *names)
{
    catalog_unref(names->catalog);
    vector_deinit(&names->strings.ids);
    vector_deinit(&names->frames.ids);
    vector_deinit(&names->stacks.ids);
    sqlite3_finalize(names->select_strings);
    sqlite3_finalize(names->select_frames);
    sqlite3_finalize(names->select_stack_frames);
}

void names_set_catalog(struct names *names, struct catalog *catalog)
{
    catalog_unref(names->catalog);
    names->catalog = catalog_ref(catalog);
}

/* Notes what an id of the file is; false when the row cannot be believed: rows come with rising ids, or the file is
 * damaged. */
static bool map_set(struct names *names, struct name_map *map, int64_t id, uint32_t catalog_id)
{
    if (id <= 0 || id > NAMES_MAX_ID || id < map->last) {
        names->is_damaged = true;
        return false;
    }
    if (!vector_reserve(&map->ids, (size_t)id + 1)) {
        names->database->code = SQLITE_NOMEM;
        return false;
    }
    while (map->ids.count <= (size_t)id)
        map->ids.items[map->ids.count++] = 0;
    map->ids.items[id] = catalog_id;
    map->last = id;
    return true;
}

static uint32_t map_get(const struct name_map *map, int64_t id)
{
    return id > 0 && (uint64_t)id < map->ids.count ? map->ids.items[id] : 0;
}

static void read_strings(struct names *names)
{
    struct row row = row_begin(names->database, names->select_strings);
    row_integer(&row, names->strings.last);
    while (row_next(&row)) {
        const char *text = (const char *)sqlite3_column_text(row.statement, 1);
        int length = sqlite3_column_bytes(row.statement, 1);
        string_id id = catalog_add_untrusted(names->catalog, text ? text : "", text ? (size_t)length : 0);
        if (!map_set(names, &names->strings, sqlite3_column_int64(row.statement, 0), id)) {
            row_reset(&row);
            return;
        }
    }
}

string_id names_string(struct names *names, int64_t id)
{
    if (id > names->strings.last)
        read_strings(names);
    return map_get(&names->strings, id);
}

static void read_frames(struct names *names)
{
    struct row row = row_begin(names->database, names->select_frames);
    row_integer(&row, names->frames.last);
    while (row_next(&row)) {
        int64_t origin = sqlite3_column_int64(row.statement, 5);
        struct frame frame = {
            .function = names_string(names, sqlite3_column_int64(row.statement, 1)),
            .file = names_string(names, sqlite3_column_int64(row.statement, 2)),
            .line = (uint32_t)sqlite3_column_int64(row.statement, 3),
            .start_line = (uint32_t)sqlite3_column_int64(row.statement, 4),
            .origin = origin >= 0 && origin <= FRAME_NATIVE ? (uint8_t)origin : FRAME_UNKNOWN,
            .address = (uint64_t)sqlite3_column_int64(row.statement, 6),
        };
        if (!map_set(names, &names->frames, sqlite3_column_int64(row.statement, 0),
                     catalog_add_frame(names->catalog, &frame))) {
            row_reset(&row);
            return;
        }
    }
}

frame_id names_frame(struct names *names, int64_t id)
{
    if (id > names->frames.last)
        read_frames(names);
    return map_get(&names->frames, id);
}

/* One stack's rows come together. */
static void read_stacks(struct names *names)
{
    frame_id frames[MAX_DEPTH];
    size_t depth = 0;
    int64_t stack = 0;
    struct row row = row_begin(names->database, names->select_stack_frames);
    row_integer(&row, names->stacks.last);
    while (row_next(&row)) {
        int64_t next = sqlite3_column_int64(row.statement, 0);
        if (next != stack && stack != 0 &&
            !map_set(names, &names->stacks, stack, catalog_add_stack(names->catalog, frames, depth))) {
            row_reset(&row);
            return;
        }
        if (next != stack)
            depth = 0;
        stack = next;
        if (depth < MAX_DEPTH)
            frames[depth++] = names_frame(names, sqlite3_column_int64(row.statement, 2));
        else
            names->is_damaged = true;
    }
    if (stack != 0)
        map_set(names, &names->stacks, stack, catalog_add_stack(names->catalog, frames, depth));
}

stack_id names_stack(struct names *names, int64_t id)
{
    if (id > names->stacks.last)
        read_stacks(names);
    return map_get(&names->stacks, id);
}
