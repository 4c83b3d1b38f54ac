/* The C library's heap as it is listed: sizes of chunks, and how their number changes. */
#include <math.h>

#include "analysis/history.h"

static bool is_empty(const struct malloc_class *class)
{
    return class->used_chunks == 0 && class->free_chunks == 0 && class->cached_chunks == 0;
}

static void fill_row(const struct history *history, size_t index, struct malloc_class_row *row)
{
    const struct malloc_class *now = &history->malloc_heap.classes[index],
                              *first = &history->first_malloc.classes[index];
    double seconds = (double)(history->malloc_unix_ns - history->first_malloc_unix_ns) / 1e9;
    *row = (struct malloc_class_row){
        .class = *now,
        .smallest = index == 0 ? 0 : malloc_class_largest(index - 1),
        .growth_bytes = (int64_t)now->used_bytes - (int64_t)first->used_bytes,
        .growth_chunks = (int64_t)now->used_chunks - (int64_t)first->used_chunks,
    };
    row->growth_bytes_per_s = seconds > 0 ? (double)row->growth_bytes / seconds : NAN;
}

struct error *analysis_compute_malloc(const struct history *history, struct analysis *analysis)
{
    if (history->malloc_unix_ns == 0)
        return NULL;
    struct malloc_heap *heap = arena_alloc(&analysis->arena, sizeof(*heap));
    struct malloc_class_row *rows = arena_alloc_array(&analysis->arena, MALLOC_CLASSES, sizeof(*rows));
    if (!heap || !rows)
        return error_no_memory();
    *heap = history->malloc_heap;
    for (size_t i = 0; i < MALLOC_CLASSES && heap->known; i++) {
        if (!is_empty(&heap->classes[i]) || !is_empty(&history->first_malloc.classes[i]))
            fill_row(history, i, &rows[analysis->num_malloc_classes++]);
    }
    analysis->malloc_heap = heap;
    analysis->malloc_classes = rows;
    analysis->malloc_unix_ns = history->malloc_unix_ns;
    analysis->first_malloc_unix_ns = history->first_malloc_unix_ns;
    return NULL;
}
