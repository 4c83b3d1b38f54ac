/* The C library's heap as it is listed: sizes of chunks and types of objects, and how their number changes. */
#include <math.h>

#include "analysis/history.h"

static struct malloc_growth growth_of(const struct malloc_history *history, const struct tracked_chunks *tracked)
{
    double seconds = (double)(history->unix_ns - history->first_unix_ns) / 1e9;
    struct malloc_growth growth = {
        .bytes = (int64_t)tracked->bytes - (int64_t)tracked->first_bytes,
        .chunks = (int64_t)tracked->chunks - (int64_t)tracked->first_chunks,
        .judged = tracked->growth,
    };
    growth.bytes_per_s = seconds > 0 ? (double)growth.bytes / seconds : NAN;
    return growth;
}

static void add_classes(const struct malloc_history *history, struct analysis *analysis)
{
    for (size_t i = 0; i < MALLOC_CLASSES; i++) {
        const struct malloc_class *class = &history->heap.classes[i];
        if (class->used_chunks == 0 && class->free_chunks == 0 && class->cached_chunks == 0 &&
            history->classes[i].first_chunks == 0)
            continue;
        analysis->malloc_classes[analysis->num_malloc_classes++] = (struct malloc_class_row){
            .class = *class,
            .smallest = i == 0 ? 0 : malloc_class_largest(i - 1),
            .growth = growth_of(history, &history->classes[i]),
        };
    }
}

static void add_types(const struct malloc_history *history, struct analysis *analysis)
{
    for (size_t i = 0; i < history->types.count; i++) {
        const struct tracked_type *type = &history->types.items[i];
        if (type->tracked.chunks == 0 && type->tracked.first_chunks == 0)
            continue;
        analysis->malloc_types[analysis->num_malloc_types++] = (struct malloc_type_row){
            .type = {.name = type->name, .objects = type->tracked.chunks, .bytes = type->tracked.bytes},
            .growth = growth_of(history, &type->tracked),
        };
    }
}

static int compare_types(const void *left, const void *right)
{
    const struct malloc_type_row *a = left, *b = right;
    if (a->type.bytes != b->type.bytes)
        return a->type.bytes > b->type.bytes ? -1 : 1;
    return a->type.name < b->type.name ? -1 : a->type.name > b->type.name;
}

struct error *analysis_compute_malloc(const struct history *history, struct analysis *analysis)
{
    const struct malloc_history *malloc = &history->malloc;
    if (malloc->unix_ns == 0)
        return NULL;
    analysis->malloc_heap = arena_alloc(&analysis->arena, sizeof(*analysis->malloc_heap));
    analysis->malloc_classes = arena_alloc_array(&analysis->arena, MALLOC_CLASSES, sizeof(*analysis->malloc_classes));
    analysis->malloc_types =
        arena_alloc_array(&analysis->arena, malloc->types.count, sizeof(*analysis->malloc_types));
    if (!analysis->malloc_heap || !analysis->malloc_classes || !analysis->malloc_types)
        return error_no_memory();
    *analysis->malloc_heap = malloc->heap;
    if (malloc->heap.known) {
        add_classes(malloc, analysis);
        add_types(malloc, analysis);
    }
    if (analysis->num_malloc_types > 1)
        qsort(analysis->malloc_types, analysis->num_malloc_types, sizeof(*analysis->malloc_types), compare_types);
    analysis->malloc_unix_ns = malloc->unix_ns;
    analysis->first_malloc_unix_ns = malloc->first_unix_ns;
    return NULL;
}
