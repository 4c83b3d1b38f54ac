#include "attach/memory_map.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"

/* glibc malloc/arena.c: HEAP_MAX_SIZE, to which the arenas of threads are aligned (64-bit). */
#define C_ARENA_BYTES (UINT64_C(64) << 20)
/* What lies below a thread's stack may not be touched: a page in glibc (pthread_attr_setguardsize), up to 64 KiB
 * elsewhere. */
#define MAX_GUARD_BYTES (UINT64_C(64) << 10)
/* Memory right behind a library's data is taken for its bss up to this size; it may as well be another mapping. */
#define MAX_LIBRARY_BSS_BYTES (UINT64_C(1) << 20)

/* ---- what a line is for ---- */

static bool name_starts(const struct maps *maps, const struct map_line *line, const char *prefix)
{
    size_t length = strlen(prefix);
    return line->name_length >= length && memcmp(map_line_name(maps, line), prefix, length) == 0;
}

static bool name_is(const struct maps *maps, const struct map_line *line, const char *name)
{
    return line->name_length == strlen(name) && name_starts(maps, line, name);
}

static bool is_untouchable(const struct map_line *line)
{
    return strncmp(line->permissions, "---", 3) == 0;
}

static bool starts_within(const struct heap_range *ranges, size_t count, const struct map_line *line)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (line->start >= ranges[middle].end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && line->start >= ranges[low].start;
}

/* An arena of a thread starts at a multiple of 64 MiB; what it has not used yet, up to the next one, may not be
 * touched. */
static bool is_c_arena(const struct maps *maps, size_t index)
{
    const struct map_line *line = &maps->lines.items[index];
    if (line->start % C_ARENA_BYTES != 0)
        return false;
    if (line->end % C_ARENA_BYTES == 0)
        return true;
    if (index + 1 >= maps->lines.count)
        return false;
    const struct map_line *next = line + 1;
    return next->start == line->end && is_untouchable(next) &&
           next->end >= line->start / C_ARENA_BYTES * C_ARENA_BYTES + C_ARENA_BYTES;
}

static bool is_thread_stack(const struct maps *maps, size_t index)
{
    if (index == 0)
        return false;
    const struct map_line *guard = &maps->lines.items[index - 1];
    return is_untouchable(guard) && guard->inode == 0 && guard->name_length == 0 && guard->end == guard[1].start &&
           guard->end - guard->start <= MAX_GUARD_BYTES;
}

/* Names of shared memory: mm/shmem.c, ipc/shm.c, and the folder where libc puts it. */
static bool is_shared_memory(const struct maps *maps, const struct map_line *line)
{
    static const char *const prefixes[] = {"/dev/zero", "/SYSV", "/memfd:", "/dev/shm/", "/anon_hugepage"};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (name_starts(maps, line, prefixes[i]))
            return true;
    }
    return false;
}

static enum region_kind kind_of_named(const struct maps *maps, const struct map_line *line, const char *program)
{
    if (*program && name_is(maps, line, program))
        return REGION_PROGRAM;
    if (name_is(maps, line, "[heap]"))
        return REGION_C_HEAP;
    if (name_starts(maps, line, "[stack"))
        return REGION_THREAD_STACK;
    if (name_starts(maps, line, "[anon: Go:"))
        return REGION_GO_RUNTIME;
    if (name_starts(maps, line, "[anon: glibc: malloc"))
        return REGION_C_HEAP;
    if (name_starts(maps, line, "[anon"))
        return REGION_ANONYMOUS;
    return is_shared_memory(maps, line) ? REGION_SHARED : REGION_FILE;
}

/* Without a name: by what lies beside it. */
static enum region_kind kind_of_unnamed(const struct maps *maps, size_t index, const uint8_t *kinds)
{
    const struct map_line *line = &maps->lines.items[index];
    const struct map_line *before = index > 0 && line[-1].end == line->start ? line - 1 : NULL;
    if (before && kinds[index - 1] == REGION_PROGRAM)
        return REGION_PROGRAM;
    if (before && kinds[index - 1] == REGION_FILE && before->permissions[1] == 'w' &&
        line->end - line->start <= MAX_LIBRARY_BSS_BYTES)
        return REGION_FILE;
    if (is_c_arena(maps, index))
        return REGION_C_HEAP;
    return is_thread_stack(maps, index) ? REGION_THREAD_STACK : REGION_ANONYMOUS;
}

/* The line that holds an address, or SIZE_MAX. */
static size_t find_line(const struct maps *maps, uint64_t address)
{
    size_t low = 0, high = maps->lines.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct map_line *line = &maps->lines.items[middle];
        if (address >= line->end)
            low = middle + 1;
        else if (address < line->start)
            high = middle;
        else
            return middle;
    }
    return SIZE_MAX;
}

void memory_map_classify(const struct maps *maps, const struct heap_survey *survey, const char *program, uint8_t *kinds)
{
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        bool is_go_named = name_starts(maps, line, "[anon: Go:");
        if ((line->name_length == 0 || is_go_named) && starts_within(survey->arenas.items, survey->arenas.count, line))
            kinds[i] = is_untouchable(line) ? REGION_RESERVED : REGION_GO_HEAP;
        else if (!is_untouchable(line) && starts_within(survey->managed.items, survey->managed.count, line))
            kinds[i] = REGION_MANAGED_HEAP;
        else if (is_untouchable(line) && line->inode == 0)
            kinds[i] = REGION_RESERVED;
        else if (line->name_length > 0)
            kinds[i] = (uint8_t)kind_of_named(maps, line, program);
        else
            kinds[i] = (uint8_t)kind_of_unnamed(maps, i, kinds);
    }
    for (size_t i = 0; i < survey->runtime_addresses.count; i++) {
        size_t index = find_line(maps, survey->runtime_addresses.items[i]);
        if (index != SIZE_MAX && kinds[index] == REGION_ANONYMOUS)
            kinds[index] = REGION_GO_RUNTIME;
    }
}

/* ---- pages ---- */

struct measuring {
    const struct heap_survey *survey;
    struct memory_map *map;
    uint64_t *span_resident;    /* By the survey's spans. */
    size_t next_span;           /* Ranges come by address, as the spans do. */
    struct resident_bytes line;
    bool is_heap;
};

/* Shares a range of the heap out to the spans that it covers. */
static void add_to_spans(struct measuring *measuring, uint64_t start, uint64_t end)
{
    const struct heap_survey *survey = measuring->survey;
    uint64_t covered = 0;
    for (size_t i = measuring->next_span; i < survey->spans.count && survey->spans.items[i].start < end; i++) {
        const struct heap_span *span = &survey->spans.items[i];
        uint64_t span_end = span->start + span->size;
        if (span_end <= start) {
            measuring->next_span = i + 1;
            continue;
        }
        uint64_t from = span->start > start ? span->start : start, to = span_end < end ? span_end : end;
        measuring->span_resident[i] += to - from;
        covered += to - from;
    }
    measuring->map->heap.free_resident += end - start - covered;
}

static void add_range(void *context, const struct resident_range *range)
{
    struct measuring *measuring = context;
    uint64_t size = range->end - range->start;
    if (range->is_file)
        measuring->line.file += size;
    else
        measuring->line.anonymous += size;
    if (measuring->is_heap)
        add_to_spans(measuring, range->start, range->end);
}

/* Of what is not resident of a span of small objects the free slots are taken to be first: they are the last to be
 * touched. */
static void add_span(struct heap_use *heap, const struct heap_span *span, uint64_t resident)
{
    if (span->use == SPAN_MANUAL) {
        heap->manual_bytes += span->size;
        heap->manual_resident += resident;
        return;
    }
    uint64_t objects = span->object_size * span->objects;
    heap->object_bytes += objects;
    heap->slack_bytes += span->size - objects;
    uint64_t of_objects = resident < objects ? resident : objects;
    heap->object_resident += of_objects;
    heap->slack_resident += resident - of_objects;
}

static void add_to_class(struct span_class *class, const struct heap_span *span, uint64_t resident)
{
    uint64_t in_slots = span->object_size * span->slots, in_objects = span->object_size * span->objects;
    class->object_size = span->is_large ? 0 : (uint32_t)span->object_size;
    class->no_scan = span->no_scan;
    class->spans++;
    class->bytes += span->size;
    class->resident_bytes += resident;
    class->slots += span->slots;
    class->objects += span->objects;
    class->object_bytes += in_objects;
    class->free_bytes += in_slots - in_objects;
    class->tail_bytes += span->size - in_slots;
    class->unswept_spans += span->is_unswept;
    if (span->cache)
        class->cached_spans++;
    else if (span->objects < span->slots)
        class->partial_spans++;
    else
        class->full_spans++;
}

/* runtime/sizeclasses.go: pageSize. */
#define GO_PAGE_BYTES 8192u

static struct error *add_caches(const struct heap_survey *survey, struct snapshot *snapshot, struct memory_map *map)
{
    size_t count = survey->caches.count;
    map->caches = arena_alloc_array(&snapshot->arena, count, sizeof(*map->caches));
    if (!map->caches)
        return error_no_memory();
    map->num_caches = count;
    for (size_t i = 0; i < count; i++) {
        const struct heap_cache *cache = &survey->caches.items[i];
        map->caches[i] = (struct heap_cache_use){.tiny_free_bytes = cache->tiny_free,
                                                 .page_bytes = cache->pages * GO_PAGE_BYTES,
                                                 .released_page_bytes = cache->released_pages * GO_PAGE_BYTES};
    }
    for (size_t i = 0; i < survey->spans.count; i++) {
        const struct heap_span *span = &survey->spans.items[i];
        if (span->cache == 0 || span->cache > count)
            continue;
        struct heap_cache_use *cache = &map->caches[span->cache - 1];
        cache->spans++;
        cache->bytes += span->size;
        cache->free_slots += span->slots - span->objects;
        cache->free_bytes += (uint64_t)(span->slots - span->objects) * span->object_size;
    }
    return NULL;
}

static int compare_classes(const void *left, const void *right)
{
    const struct span_class *a = left, *b = right;
    if (a->object_size != b->object_size)
        return a->object_size == 0 ? 1 : b->object_size == 0 ? -1 : a->object_size < b->object_size ? -1 : 1;
    return (int)a->no_scan - (int)b->no_scan;
}

/* runtime/sizeclasses.go has 68 classes, each with and without pointers (Go 1.19-1.27); a target that says otherwise
 * is not believed. */
#define MAX_CLASSES 256u

static struct error *add_spans(const struct measuring *measuring, struct snapshot *snapshot)
{
    const struct heap_survey *survey = measuring->survey;
    struct memory_map *map = measuring->map;
    struct span_class *classes = arena_alloc_array(&snapshot->arena, MAX_CLASSES, sizeof(*classes));
    if (!classes)
        return error_no_memory();
    struct table by_key;
    table_init(&by_key);
    struct error *error = NULL;
    for (size_t i = 0; i < survey->spans.count; i++) {
        const struct heap_span *span = &survey->spans.items[i];
        add_span(&map->heap, span, measuring->span_resident[i]);
        if (span->use != SPAN_OBJECTS)
            continue;
        uint64_t key = (span->is_large ? 0 : span->object_size) * 2 + span->no_scan;
        bool is_new = false;
        uint64_t *index = table_insert(&by_key, key, &is_new);
        if (!index) {
            error = error_no_memory();
            break;
        }
        if (is_new)
            *index = map->num_span_classes < MAX_CLASSES ? map->num_span_classes++ : MAX_CLASSES;
        if (*index < MAX_CLASSES)
            add_to_class(&classes[*index], span, measuring->span_resident[i]);
    }
    table_deinit(&by_key);
    qsort(classes, map->num_span_classes, sizeof(*classes), compare_classes);
    map->span_classes = classes;
    return error ? error : add_caches(survey, snapshot, map);
}

/* Regions are made of one line or of neighbours: those that start within. */
static void add_to_region(struct snapshot *snapshot, size_t *next, const struct map_line *line, uint8_t kind,
                          uint64_t resident)
{
    while (*next < snapshot->num_regions &&
           line->start >= snapshot->regions[*next].start + snapshot->regions[*next].size)
        (*next)++;
    if (*next >= snapshot->num_regions || line->start < snapshot->regions[*next].start)
        return;
    struct region *region = &snapshot->regions[*next];
    region->resident_bytes += resident;
    region->kind = region->is_measured && region->kind != REGION_RESERVED ? region->kind : kind;
    region->is_measured = true;
}

struct error *memory_map_measure(struct residency *residency, const struct maps *maps, const uint8_t *kinds,
                                 const struct heap_survey *survey, struct snapshot *snapshot)
{
    struct memory_map *map = arena_alloc(&snapshot->arena, sizeof(*map));
    _cleanup_free_ uint64_t *span_resident = calloc(survey->spans.count + 1, sizeof(*span_resident));
    if (!map || !span_resident)
        return error_no_memory();
    struct measuring measuring = {.survey = survey, .map = map, .span_resident = span_resident};
    map->heap_known = survey->spans_known;
    map->heap_reason = survey->reason;
    size_t region = 0;
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        uint64_t end = line->start;
        measuring.line = (struct resident_bytes){0};
        measuring.is_heap = kinds[i] == REGION_GO_HEAP;
        /* The kernel's own page of system calls lies where pagemap does not reach; nothing of it counts. */
        if (line->end > INT64_MAX)
            continue;
        if (kinds[i] != REGION_RESERVED) {
            struct error *error = residency_visit(residency, line->start, line->end, add_range, &measuring, &end);
            if (error)
                return error;
            map->not_looked_at += line->end - end;
        }
        map->resident[kinds[i]].file += measuring.line.file;
        map->resident[kinds[i]].anonymous += measuring.line.anonymous;
        add_to_region(snapshot, &region, line, kinds[i], measuring.line.file + measuring.line.anonymous);
    }
    struct error *error = add_spans(&measuring, snapshot);
    if (!error)
        snapshot->memory_map = map;
    return error;
}
