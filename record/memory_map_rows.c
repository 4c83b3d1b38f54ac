#include "record/memory_map_rows.h"

#include <string.h>

#include "heaptop/base/vector.h"
#include "record/schema.h"

/* There are some hundred and forty. */
#define MAX_SPAN_CLASSES 4096
/* One for each P; so many are the most that Go has had. */
#define MAX_CACHES 65536

enum { ROW_MAP, ROW_KIND, ROW_SPAN_CLASS, ROW_CACHE, ROW_REGION };

static const char *const kind_names[REGION_KIND_COUNT] = {
    [REGION_ANONYMOUS] = "anonymous",       [REGION_GO_HEAP] = "go_heap", [REGION_GO_RUNTIME] = "go_runtime",
    [REGION_PROGRAM] = "program",           [REGION_C_HEAP] = "c_heap",   [REGION_THREAD_STACK] = "thread_stack",
    [REGION_FILE] = "file",                 [REGION_SHARED] = "shared",   [REGION_RESERVED] = "reserved",
    [REGION_MANAGED_HEAP] = "managed_heap"};

/* ---- life ---- */

static void init(struct memory_map_rows *rows, struct database *database, const char *const *texts)
{
    rows->database = database;
    for (int i = 0; i < MEMORY_MAP_TABLES; i++)
        rows->statements[i] = database_prepare(database, texts[i]);
}

void memory_map_rows_init_writer(struct memory_map_rows *rows, struct database *database)
{
    static const char *const texts[MEMORY_MAP_TABLES] = {
        [ROW_MAP] = "INSERT INTO memory_maps VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [ROW_KIND] = "INSERT INTO memory_map_kinds VALUES (?,?,?,?)",
        [ROW_SPAN_CLASS] = "INSERT INTO span_classes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [ROW_CACHE] = "INSERT INTO heap_caches VALUES (?,?,?,?,?,?,?,?)",
        [ROW_REGION] = "INSERT INTO region_residents VALUES (?,?,?)",
    };
    init(rows, database, texts);
}

void memory_map_rows_init_reader(struct memory_map_rows *rows, struct database *database)
{
    static const char *const texts[MEMORY_MAP_TABLES] = {
        [ROW_MAP] =
            ("SELECT at, rss_bytes, took_ns, not_looked_at_bytes, heap_known, heap_reason, object_bytes, slack_bytes, "
             "manual_bytes, object_resident_bytes, slack_resident_bytes, manual_resident_bytes, free_resident_bytes "
             "FROM memory_maps WHERE at BETWEEN ? AND ? ORDER BY at"),
        [ROW_KIND] =
            "SELECT at, file_bytes, anonymous_bytes FROM memory_map_kinds WHERE at BETWEEN ? AND ? ORDER BY at",
        [ROW_SPAN_CLASS] =
            ("SELECT at, object_size, no_scan, spans, bytes, resident_bytes, slots, objects, object_bytes, "
             "free_bytes, tail_bytes, cached_spans, partial_spans, full_spans, unswept_spans FROM span_classes "
             "WHERE at BETWEEN ? AND ? ORDER BY at"),
        [ROW_CACHE] =
            ("SELECT at, spans, bytes, free_slots, free_bytes, tiny_free_bytes, page_bytes, released_page_bytes "
             "FROM heap_caches WHERE at BETWEEN ? AND ? ORDER BY at"),
        [ROW_REGION] = "SELECT at, kind, resident_bytes FROM region_residents WHERE at BETWEEN ? AND ? ORDER BY at",
    };
    init(rows, database, texts);
}

void memory_map_rows_deinit(struct memory_map_rows *rows)
{
    for (int i = 0; i < MEMORY_MAP_TABLES; i++)
        sqlite3_finalize(rows->statements[i]);
    *rows = (struct memory_map_rows){0};
}

/* ---- writing ---- */

static struct row begin(struct memory_map_rows *rows, int which, int64_t tick, size_t key)
{
    struct row row = row_begin(rows->database, rows->statements[which]);
    row_integer(&row, (tick << RECORD_KEY_BITS) + (int64_t)key);
    return row;
}

static void integers(struct row *row, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_integer(row, (int64_t)values[i]);
}

static void write_map(struct memory_map_rows *rows, int64_t tick, const struct memory_map *map)
{
    const struct heap_use *heap = &map->heap;
    const uint64_t figures[] = {map->rss_bytes, map->took_ns, map->not_looked_at, map->heap_known};
    const uint64_t heap_figures[] = {heap->object_bytes,    heap->slack_bytes,    heap->manual_bytes,
                                     heap->object_resident, heap->slack_resident, heap->manual_resident,
                                     heap->free_resident};
    struct row row = begin(rows, ROW_MAP, tick, 0);
    integers(&row, figures, ARRAY_SIZE(figures));
    if (map->heap_reason)
        row_text(&row, map->heap_reason, strlen(map->heap_reason));
    else
        row_null(&row);
    integers(&row, heap_figures, ARRAY_SIZE(heap_figures));
    row_done(&row);
    for (size_t kind = 0; kind < REGION_KIND_COUNT; kind++) {
        row = begin(rows, ROW_KIND, tick, kind);
        row_text(&row, kind_names[kind], strlen(kind_names[kind]));
        integers(&row, (const uint64_t[]){map->resident[kind].file, map->resident[kind].anonymous}, 2);
        row_done(&row);
    }
}

uint64_t memory_map_rows_write(struct memory_map_rows *rows, int64_t tick, const struct snapshot *snapshot)
{
    const struct memory_map *map = snapshot->memory_map;
    uint64_t count = 1 + REGION_KIND_COUNT;
    if (!map)
        return 0;
    write_map(rows, tick, map);
    for (size_t i = 0; i < map->num_span_classes && i < MAX_SPAN_CLASSES; i++, count++) {
        const struct span_class *class = &map->span_classes[i];
        const uint64_t values[] = {
            class->object_size,  class->no_scan,       class->spans,        class->bytes,        class->resident_bytes,
            class->slots,        class->objects,       class->object_bytes, class->free_bytes,   class->tail_bytes,
            class->cached_spans, class->partial_spans, class->full_spans,   class->unswept_spans};
        struct row row = begin(rows, ROW_SPAN_CLASS, tick, i);
        integers(&row, values, ARRAY_SIZE(values));
        row_done(&row);
    }
    for (size_t i = 0; i < map->num_caches && i < MAX_CACHES; i++, count++) {
        const struct heap_cache_use *cache = &map->caches[i];
        const uint64_t values[] = {cache->spans, cache->bytes, cache->free_slots, cache->free_bytes,
                                   cache->tiny_free_bytes, cache->page_bytes, cache->released_page_bytes};
        struct row row = begin(rows, ROW_CACHE, tick, i);
        integers(&row, values, ARRAY_SIZE(values));
        row_done(&row);
    }
    for (size_t i = 0; i < snapshot->num_regions && i < RECORD_MAX_REGIONS; i++) {
        const struct region *region = &snapshot->regions[i];
        if (!region->is_measured)
            continue;
        struct row row = begin(rows, ROW_REGION, tick, i);
        integers(&row, (const uint64_t[]){region->kind, region->resident_bytes}, 2);
        row_done(&row);
        count++;
    }
    return count;
}

/* ---- reading ---- */

static struct row select_tick(struct memory_map_rows *rows, int which, int64_t tick)
{
    struct row row = row_begin(rows->database, rows->statements[which]);
    row_integer(&row, tick << RECORD_KEY_BITS);
    row_integer(&row, (tick << RECORD_KEY_BITS) + RECORD_MAX_KEY);
    return row;
}

static uint64_t number(const struct row *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row->statement, column);
}

static size_t key_of(const struct row *row)
{
    return (size_t)(sqlite3_column_int64(row->statement, 0) & RECORD_MAX_KEY);
}

/* It is kept by what is made of the map, which outlives the snapshot. */
static const char *keep_reason(struct catalog *catalog, const char *reason)
{
    const char *kept = catalog_string(catalog, catalog_add_string(catalog, reason, strlen(reason)));
    return *kept ? kept : NULL;
}

static struct memory_map *read_map(struct memory_map_rows *rows, int64_t tick, struct snapshot *snapshot,
                                   bool *ret_failed)
{
    struct row row = select_tick(rows, ROW_MAP, tick);
    *ret_failed = false;
    if (!row_next(&row))
        return NULL;
    struct memory_map *map = arena_alloc(&snapshot->arena, sizeof(*map));
    const char *reason = row_escaped(&row, 5, &snapshot->arena);
    *ret_failed = !map;
    if (map)
        *map = (struct memory_map){
            .rss_bytes = number(&row, 1),
            .took_ns = number(&row, 2),
            .not_looked_at = number(&row, 3),
            .heap_known = number(&row, 4) != 0,
            .heap_reason = reason ? keep_reason(snapshot->catalog, reason) : NULL,
            .heap = {.object_bytes = number(&row, 6),
                     .slack_bytes = number(&row, 7),
                     .manual_bytes = number(&row, 8),
                     .object_resident = number(&row, 9),
                     .slack_resident = number(&row, 10),
                     .manual_resident = number(&row, 11),
                     .free_resident = number(&row, 12)},
        };
    row_reset(&row);
    if (map && !map->heap_known && !map->heap_reason)
        map->heap_reason = "not recorded";
    return map;
}

static bool read_span_classes(struct memory_map_rows *rows, int64_t tick, struct snapshot *snapshot,
                              struct memory_map *map)
{
    VECTOR(struct span_class) classes = {0};
    bool good = true;
    struct row row = select_tick(rows, ROW_SPAN_CLASS, tick);
    while (good && classes.count < MAX_SPAN_CLASSES && row_next(&row))
        good = vector_append(&classes, (struct span_class){.object_size = (uint32_t)number(&row, 1),
                                                           .no_scan = number(&row, 2) != 0,
                                                           .spans = number(&row, 3),
                                                           .bytes = number(&row, 4),
                                                           .resident_bytes = number(&row, 5),
                                                           .slots = number(&row, 6),
                                                           .objects = number(&row, 7),
                                                           .object_bytes = number(&row, 8),
                                                           .free_bytes = number(&row, 9),
                                                           .tail_bytes = number(&row, 10),
                                                           .cached_spans = number(&row, 11),
                                                           .partial_spans = number(&row, 12),
                                                           .full_spans = number(&row, 13),
                                                           .unswept_spans = number(&row, 14)});
    row_reset(&row);
    map->span_classes =
        good ? arena_copy_array(&snapshot->arena, classes.items, classes.count, sizeof(*map->span_classes)) : NULL;
    map->num_span_classes = map->span_classes ? classes.count : 0;
    vector_deinit(&classes);
    return map->span_classes != NULL;
}

static bool read_caches(struct memory_map_rows *rows, int64_t tick, struct snapshot *snapshot, struct memory_map *map)
{
    VECTOR(struct heap_cache_use) caches = {0};
    bool good = true;
    struct row row = select_tick(rows, ROW_CACHE, tick);
    while (good && caches.count < MAX_CACHES && row_next(&row))
        good = vector_append(&caches, (struct heap_cache_use){.spans = number(&row, 1),
                                                              .bytes = number(&row, 2),
                                                              .free_slots = number(&row, 3),
                                                              .free_bytes = number(&row, 4),
                                                              .tiny_free_bytes = (uint32_t)number(&row, 5),
                                                              .page_bytes = (uint32_t)number(&row, 6),
                                                              .released_page_bytes = (uint32_t)number(&row, 7)});
    row_reset(&row);
    map->caches = good ? arena_copy_array(&snapshot->arena, caches.items, caches.count, sizeof(*map->caches)) : NULL;
    map->num_caches = map->caches ? caches.count : 0;
    vector_deinit(&caches);
    return map->caches != NULL;
}

bool memory_map_rows_read(struct memory_map_rows *rows, int64_t tick, struct snapshot *snapshot)
{
    bool failed;
    struct memory_map *map = read_map(rows, tick, snapshot, &failed);
    if (!map)
        return !failed;
    struct row row = select_tick(rows, ROW_KIND, tick);
    while (row_next(&row))
        if (key_of(&row) < REGION_KIND_COUNT)
            map->resident[key_of(&row)] =
                (struct resident_bytes){.file = number(&row, 1), .anonymous = number(&row, 2)};
    row = select_tick(rows, ROW_REGION, tick);
    while (row_next(&row)) {
        if (key_of(&row) >= snapshot->num_regions || number(&row, 1) >= REGION_KIND_COUNT)
            continue;
        struct region *region = &snapshot->regions[key_of(&row)];
        region->is_measured = true;
        region->kind = (uint8_t)number(&row, 1);
        region->resident_bytes = number(&row, 2);
    }
    if (!read_span_classes(rows, tick, snapshot, map) || !read_caches(rows, tick, snapshot, map))
        return false;
    snapshot->memory_map = map;
    return true;
}
