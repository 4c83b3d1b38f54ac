#include "analysis/malloc_history.h"

#include <math.h>

#include "analysis/series.h"

/* A smaller rise is none. */
#define SMALLEST_RISE (256 << 10)
#define SMALLEST_OUTSIDE_RISE (1 << 20)
/* From here on malloc takes mappings of their own, or did so at first. */
#define LARGE_BYTES (128u << 10)

void malloc_history_deinit(struct malloc_history *history)
{
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        series_deinit(&history->classes[i].used);
    for (size_t i = 0; i < history->types.count; i++)
        series_deinit(&history->types.items[i].tracked.used);
    vector_deinit(&history->types);
    table_deinit(&history->types_by_name);
    series_deinit(&history->idle);
    series_deinit(&history->large);
    series_deinit(&history->outside);
}

bool malloc_history_copy(const struct malloc_history *history, struct malloc_history *copy)
{
    bool good = true;
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        good = series_copy(&history->classes[i].used, &copy->classes[i].used) && good;
    copy->types.items = NULL;
    copy->types.count = copy->types.capacity = 0;
    bool has_types = vector_reserve(&copy->types, history->types.count);
    for (size_t i = 0; has_types && i < history->types.count; i++) {
        copy->types.items[i] = history->types.items[i];
        good = series_copy(&history->types.items[i].tracked.used, &copy->types.items[i].tracked.used) && good;
        copy->types.count++;
    }
    bool has_names = table_copy(&history->types_by_name, &copy->types_by_name);
    if (!has_names)
        table_init(&copy->types_by_name);
    good = series_copy(&history->idle, &copy->idle) && good;
    good = series_copy(&history->large, &copy->large) && good;
    return series_copy(&history->outside, &copy->outside) && good && has_types && has_names;
}

size_t malloc_history_memory(const struct malloc_history *history)
{
    size_t bytes = series_memory(&history->idle) + series_memory(&history->large) + series_memory(&history->outside);
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        bytes += series_memory(&history->classes[i].used);
    for (size_t i = 0; i < history->types.count; i++)
        bytes += series_memory(&history->types.items[i].tracked.used);
    /* A slot of a table is a key and a value. */
    return bytes + history->types.capacity * sizeof(*history->types.items) + 16 * history->types_by_name.capacity;
}

/* What has never been there needs no series. */
static bool add_chunks(struct tracked_chunks *tracked, uint64_t chunks, uint64_t bytes, uint32_t points,
                       uint64_t unix_ns)
{
    tracked->chunks = chunks;
    tracked->bytes = bytes;
    return (bytes == 0 && tracked->used.count == 0) || series_add(&tracked->used, points, unix_ns, (double)bytes);
}

static bool add_type(struct malloc_history *history, const struct malloc_type *type, bool is_first, uint32_t points,
                     uint64_t unix_ns)
{
    if (!table_find(&history->types_by_name, type->name) && history->types.count >= MALLOC_HISTORY_MAX_TYPES)
        return true;
    bool is_new;
    uint64_t *index = table_insert(&history->types_by_name, type->name, &is_new);
    if (!index)
        return false;
    if (is_new) {
        *index = history->types.count;
        if (!vector_append(&history->types, (struct tracked_type){.name = type->name}))
            return false;
    }
    struct tracked_chunks *tracked = &history->types.items[*index].tracked;
    if (is_first) {
        tracked->first_chunks = type->objects;
        tracked->first_bytes = type->bytes;
    } else if (is_new && !series_add(&tracked->used, points, history->unix_ns, 0)) {
        return false;
    }
    return add_chunks(tracked, type->objects, type->bytes, points, unix_ns);
}

/* A type of which nothing is left is none of the reading's. */
static bool add_types(struct malloc_history *history, const struct malloc_heap *heap, bool is_first, uint32_t points,
                      uint64_t unix_ns)
{
    bool good = true;
    for (size_t i = 0; i < history->types.count; i++)
        history->types.items[i].tracked.chunks = history->types.items[i].tracked.bytes = 0;
    for (size_t i = 0; good && i < heap->num_types; i++)
        good = add_type(history, &heap->types[i], is_first, points, unix_ns);
    for (size_t i = 0; good && i < history->types.count; i++) {
        struct tracked_chunks *tracked = &history->types.items[i].tracked;
        if (tracked->bytes == 0)
            good = add_chunks(tracked, 0, 0, points, unix_ns);
    }
    return good;
}

/* Anonymous memory beyond what malloc has, if anything is known of that. */
static bool add_outside(struct malloc_history *history, const struct snapshot *snapshot, double of_malloc,
                        uint32_t points)
{
    double outside = snapshot_counter_or(snapshot, COUNTER_ANON, NAN) +
                     snapshot_counter_or(snapshot, COUNTER_SHMEM, 0) - of_malloc;
    return series_add(&history->outside, points, snapshot->unix_ns, outside < 0 ? 0 : outside);
}

static bool add_sums(struct malloc_history *history, const struct malloc_heap *heap, const struct snapshot *snapshot,
                     uint32_t points)
{
    double anonymous = snapshot_counter_or(snapshot, COUNTER_ANON, 0) + snapshot_counter_or(snapshot, COUNTER_SHMEM, 0);
    double idle = (double)(heap->free_bytes + heap->fast_bytes + heap->top_bytes + heap->cache_bytes);
    /* Pages of it may have gone back to the system: what is in use is resident, and so bounds what is not. */
    double beside = anonymous - (double)(heap->used_bytes - heap->cache_bytes);
    idle = beside < idle ? beside : idle;
    uint64_t large = heap->mapped_known ? heap->mapped_bytes : 0;
    for (size_t i = malloc_class_of(LARGE_BYTES) + 1; i < MALLOC_CLASSES; i++)
        large += heap->classes[i].used_bytes;
    double of_malloc = (double)(heap->system_bytes + (heap->mapped_known ? heap->mapped_bytes : 0));
    return series_add(&history->idle, points, snapshot->unix_ns, idle > 0 ? idle : 0) &&
           series_add(&history->large, points, snapshot->unix_ns, (double)large) &&
           add_outside(history, snapshot, of_malloc, points);
}

/* What is less than a rise cannot have risen by one: most sorts of chunks are. */
static void judge_chunks(struct tracked_chunks *tracked, uint64_t window_ns)
{
    tracked->growth = (struct growth){.verdict = GROWTH_PLATEAU};
    if (tracked->bytes >= SMALLEST_RISE)
        tracked->growth = growth_of_series(&tracked->used, window_ns, SMALLEST_RISE);
}

static void judge(struct malloc_history *history, uint64_t window_ns)
{
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        judge_chunks(&history->classes[i], window_ns);
    for (size_t i = 0; i < history->types.count; i++)
        judge_chunks(&history->types.items[i].tracked, window_ns);
    history->outside_growth = growth_of_series(&history->outside, window_ns, SMALLEST_OUTSIDE_RISE);
}

struct error *malloc_history_add(struct malloc_history *history, const struct snapshot *snapshot, uint32_t points,
                                 uint64_t window_ns, uint64_t verdict_age_ns)
{
    const struct malloc_heap *heap = snapshot->malloc_heap;
    if (!heap || (!heap->known && history->heap.known))
        return NULL;
    bool is_first = heap->known && !history->first.known;
    if (!heap->known && !add_outside(history, snapshot, 0, points))
        return error_no_memory();
    if (heap->known) {
        bool good = add_sums(history, heap, snapshot, points) &&
                    add_types(history, heap, is_first, points, snapshot->unix_ns);
        for (size_t i = 0; good && i < MALLOC_CLASSES; i++) {
            struct tracked_chunks *tracked = &history->classes[i];
            const struct malloc_class *class = &heap->classes[i];
            if (is_first) {
                tracked->first_chunks = class->used_chunks;
                tracked->first_bytes = class->used_bytes;
            }
            good = add_chunks(tracked, class->used_chunks, class->used_bytes, points, snapshot->unix_ns);
        }
        if (!good)
            return error_no_memory();
    }
    history->heap = *heap;
    history->heap.types = NULL;
    history->heap.num_types = 0;
    history->unix_ns = snapshot->unix_ns;
    if (is_first) {
        history->first = history->heap;
        history->first_unix_ns = snapshot->unix_ns;
    }
    if (is_first || snapshot->unix_ns - history->judged_unix_ns >= verdict_age_ns) {
        history->judged_unix_ns = snapshot->unix_ns;
        judge(history, window_ns);
    }
    return NULL;
}
