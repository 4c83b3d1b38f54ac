#include "record/malloc_rows.h"

#include <stdlib.h>
#include <string.h>

#include "record/schema.h"
#include "record/tick_span.h"
#include "record/tick_writer.h"

/* ---- columns ---- */

/* The 64-bit figures of a structure in the order of their columns. */
#define SUMS 14
/* Where they begin, and what comes behind them. */
#define SUMS_COLUMN 9
#define ALLOCATOR_COLUMN (SUMS_COLUMN + SUMS)
static const size_t sums[SUMS] = {
    offsetof(struct malloc_heap, system_bytes), offsetof(struct malloc_heap, used_bytes),
    offsetof(struct malloc_heap, free_bytes),   offsetof(struct malloc_heap, free_chunks),
    offsetof(struct malloc_heap, fast_bytes),   offsetof(struct malloc_heap, fast_chunks),
    offsetof(struct malloc_heap, top_bytes),    offsetof(struct malloc_heap, used_chunks),
    offsetof(struct malloc_heap, cache_bytes),  offsetof(struct malloc_heap, cache_chunks),
    offsetof(struct malloc_heap, mapped_bytes), offsetof(struct malloc_heap, mapped_chunks),
    offsetof(struct malloc_heap, took_ns),      offsetof(struct malloc_heap, cpu_ns),
};
#define ARENA_FIGURES 8
static const size_t arena_figures[ARENA_FIGURES] = {
    offsetof(struct malloc_arena, address),    offsetof(struct malloc_arena, system_bytes),
    offsetof(struct malloc_arena, free_bytes), offsetof(struct malloc_arena, free_chunks),
    offsetof(struct malloc_arena, fast_bytes), offsetof(struct malloc_arena, fast_chunks),
    offsetof(struct malloc_arena, top_bytes),  offsetof(struct malloc_arena, used_chunks),
};
#define CLASS_FIGURES 6
static const size_t class_figures[CLASS_FIGURES] = {
    offsetof(struct malloc_class, used_chunks),   offsetof(struct malloc_class, used_bytes),
    offsetof(struct malloc_class, free_chunks),   offsetof(struct malloc_class, free_bytes),
    offsetof(struct malloc_class, cached_chunks), offsetof(struct malloc_class, cached_bytes),
};

static void write_figures(struct row *row, const void *structure, const size_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_integer(row, *(const int64_t *)((const char *)structure + offsets[i]));
}

static void read_figures(const struct span *span, int column, void *structure, const size_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *(int64_t *)((char *)structure + offsets[i]) = span_integer(span, column + (int)i);
}

/* Where the index + 1 of a type is, 0 for a new one; NULL when there are too many, or memory is out. */
static uint64_t *find_type(struct table *by_name, int64_t name, size_t count)
{
    return count < MALLOC_ROWS_MAX_TYPES ? table_insert(by_name, (uint64_t)name, NULL)
                                         : table_find(by_name, (uint64_t)name);
}

/* Bits of `flags`, of the heap and of an arena. */
enum { HEAP_KNOWN = 1, HEAP_MAPPED_KNOWN = 2, HEAP_TYPES_CUT = 4 };
enum { ARENA_MAIN = 1, ARENA_WHOLE = 2 };

/* ---- writing ---- */

void malloc_writer_init(struct malloc_writer *writer)
{
    *writer = (struct malloc_writer){0};
    table_init(&writer->types_by_name);
}

void malloc_writer_deinit(struct malloc_writer *writer)
{
    free(writer->heap);
    vector_deinit(&writer->types);
    table_deinit(&writer->types_by_name);
}

/* NULL where there is none, or none to be named. */
static void write_text(struct row *row, const char *text)
{
    if (text && *text)
        row_text(row, text, strlen(text));
    else
        row_null(row);
}

static void write_sums(struct tick_writer *writer, const struct malloc_heap *heap)
{
    const int64_t others[] = {(heap->known ? HEAP_KNOWN : 0) | (heap->mapped_known ? HEAP_MAPPED_KNOWN : 0) |
                                  (heap->types_cut ? HEAP_TYPES_CUT : 0),
                              heap->caches, heap->num_arenas, heap->num_listed, heap->torn_arenas, heap->types_left_out,
                              (int64_t)heap->bytes_read};
    struct row row = tick_writer_begin(writer, INSERT_MALLOC_HEAP);
    row_integer(&row, tick_writer_key(writer, 0));
    write_text(&row, heap->reason);
    row_integers(&row, others, ARRAY_SIZE(others));
    write_figures(&row, heap, sums, SUMS);
    write_text(&row, heap->allocator);
    row_done(&row);
}

static void write_arena(struct tick_writer *writer, size_t index, const struct malloc_arena *arena)
{
    struct row row = tick_writer_begin(writer, INSERT_MALLOC_ARENA);
    row_integer(&row, tick_writer_key(writer, (int64_t)index));
    row_integer(&row, (arena->is_main ? ARENA_MAIN : 0) | (arena->is_whole ? ARENA_WHOLE : 0));
    row_integer(&row, arena->heaps);
    write_figures(&row, arena, arena_figures, ARENA_FIGURES);
    row_done(&row);
}

static void write_class(struct tick_writer *writer, size_t index, const struct malloc_class *class)
{
    struct row row = tick_writer_begin(writer, INSERT_MALLOC_CLASS);
    row_integer(&row, tick_writer_key(writer, (int64_t)index));
    if (index + 1 < MALLOC_CLASSES)
        row_integer(&row, (int64_t)malloc_class_largest(index));
    else
        row_null(&row);
    write_figures(&row, class, class_figures, CLASS_FIGURES);
    row_done(&row);
}

static bool is_same(const void *a, const void *b, const size_t *offsets, size_t count)
{
    bool same = true;
    for (size_t i = 0; i < count; i++)
        same = same &&
               *(const uint64_t *)((const char *)a + offsets[i]) == *(const uint64_t *)((const char *)b + offsets[i]);
    return same;
}

static void write_changes(struct tick_writer *writer, const struct malloc_heap *heap)
{
    struct malloc_heap *written = writer->malloc.heap;
    for (size_t i = 0; i < heap->num_listed && i < MALLOC_MAX_LISTED; i++) {
        const struct malloc_arena *now = &heap->arenas[i], *before = &written->arenas[i];
        if (now->is_main != before->is_main || now->is_whole != before->is_whole || now->heaps != before->heaps ||
            !is_same(now, before, arena_figures, ARENA_FIGURES))
            write_arena(writer, i, now);
        written->arenas[i] = *now;
    }
    for (size_t i = 0; i < MALLOC_CLASSES; i++) {
        if (!is_same(&heap->classes[i], &written->classes[i], class_figures, CLASS_FIGURES))
            write_class(writer, i, &heap->classes[i]);
        written->classes[i] = heap->classes[i];
    }
}

static void write_type(struct tick_writer *writer, struct written_type *written, uint64_t objects, uint64_t bytes)
{
    if (written->objects == objects && written->bytes == bytes)
        return;
    written->objects = objects;
    written->bytes = bytes;
    struct row row = tick_writer_begin(writer, INSERT_MALLOC_TYPE);
    row_integer(&row, tick_writer_key(writer, written->name));
    row_integer(&row, (int64_t)objects);
    row_integer(&row, (int64_t)bytes);
    row_done(&row);
}

static void write_types(struct tick_writer *writer, const struct malloc_heap *heap)
{
    struct malloc_writer *own = &writer->malloc;
    for (size_t i = 0; i < heap->num_types; i++) {
        int64_t name = tick_writer_string(writer, heap->types[i].name);
        if (name <= 0 || name > RECORD_MAX_KEY || heap->types[i].objects == 0)
            continue;
        uint64_t *place = find_type(&own->types_by_name, name, own->types.count);
        if (!place)
            continue;
        if (*place == 0 && vector_append(&own->types, (struct written_type){.name = name}))
            *place = own->types.count;
        if (*place == 0) {
            tick_writer_out_of_memory(writer);
            return;
        }
        struct written_type *written = &own->types.items[*place - 1];
        if (written->seen_in != writer->tick)
            write_type(writer, written, heap->types[i].objects, heap->types[i].bytes);
        written->seen_in = writer->tick;
    }
    for (size_t i = 0; i < own->types.count; i++)
        if (own->types.items[i].seen_in != writer->tick)
            write_type(writer, &own->types.items[i], 0, 0);
}

void malloc_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    struct malloc_writer *own = &writer->malloc;
    const struct malloc_heap *heap = snapshot->malloc_heap;
    if (writer->keyframe) {
        if (own->heap)
            memset(own->heap, 0, sizeof(*own->heap));
        own->types.count = 0;
        table_clear(&own->types_by_name);
    }
    if (!heap)
        return;
    if (!own->heap)
        own->heap = calloc(1, sizeof(*own->heap));
    if (!own->heap) {
        tick_writer_out_of_memory(writer);
        return;
    }
    write_sums(writer, heap);
    if (!heap->known)
        return;
    write_changes(writer, heap);
    write_types(writer, heap);
}

/* ---- reading ---- */

void malloc_reader_init(struct malloc_reader *reader)
{
    *reader = (struct malloc_reader){0};
    table_init(&reader->types_by_name);
}

void malloc_reader_deinit(struct malloc_reader *reader)
{
    free(reader->heap);
    vector_deinit(&reader->types);
    table_deinit(&reader->types_by_name);
}

static void read_arenas(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_MALLOC_ARENAS, first, last);
    while (span_next(&span)) {
        if (span_key(&span) >= MALLOC_MAX_LISTED) {
            reader->damaged++;
            continue;
        }
        struct malloc_arena *arena = &reader->malloc.heap->arenas[span_key(&span)];
        arena->is_main = span_integer(&span, 1) & ARENA_MAIN;
        arena->is_whole = span_integer(&span, 1) & ARENA_WHOLE;
        arena->heaps = (uint32_t)span_integer(&span, 2);
        read_figures(&span, 3, arena, arena_figures, ARENA_FIGURES);
    }
}

static void read_classes(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_MALLOC_CLASSES, first, last);
    while (span_next(&span)) {
        if (span_key(&span) >= MALLOC_CLASSES)
            reader->damaged++;
        else
            read_figures(&span, 1, &reader->malloc.heap->classes[span_key(&span)], class_figures, CLASS_FIGURES);
    }
}

static void read_types(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct malloc_reader *own = &reader->malloc;
    struct span span = span_keys(reader, SELECT_MALLOC_TYPES, first, last);
    while (span_next(&span)) {
        uint64_t *place = find_type(&own->types_by_name, span_key(&span), own->types.count);
        if (place && *place == 0 && vector_append(&own->types, (struct read_type){.name = span_key(&span)}))
            *place = own->types.count;
        if (!place || *place == 0) {
            reader->damaged++;
            continue;
        }
        struct read_type *type = &own->types.items[*place - 1];
        type->objects = (uint64_t)span_integer(&span, 1);
        type->bytes = (uint64_t)span_integer(&span, 2);
    }
}

void malloc_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct malloc_reader *own = &reader->malloc;
    /* Files of earlier versions have none of these tables. */
    if (!reader->statements[SELECT_MALLOC_HEAPS])
        return;
    if (!own->heap)
        own->heap = calloc(1, sizeof(*own->heap));
    if (!own->heap) {
        reader->database->code = SQLITE_NOMEM;
        return;
    }
    read_arenas(reader, first, last);
    read_classes(reader, first, last);
    read_types(reader, first, last);
}

void malloc_rows_forget(struct tick_reader *reader)
{
    if (reader->malloc.heap)
        memset(reader->malloc.heap, 0, sizeof(*reader->malloc.heap));
    reader->malloc.types.count = 0;
    table_clear(&reader->malloc.types_by_name);
}

static bool fill_types(struct tick_reader *reader, struct snapshot *snapshot, struct malloc_heap *heap)
{
    const struct malloc_reader *own = &reader->malloc;
    size_t count = 0;
    for (size_t i = 0; i < own->types.count; i++)
        count += own->types.items[i].objects > 0;
    heap->types = arena_alloc_array(&snapshot->arena, count, sizeof(*heap->types));
    for (size_t i = 0; heap->types && i < own->types.count; i++) {
        const struct read_type *type = &own->types.items[i];
        if (type->objects > 0)
            heap->types[heap->num_types++] = (struct malloc_type){
                .name = names_string(&reader->names, type->name), .objects = type->objects, .bytes = type->bytes};
    }
    malloc_types_sort(heap->types, heap->num_types);
    heap->num_types = heap->num_types < MALLOC_MAX_TYPES ? heap->num_types : MALLOC_MAX_TYPES;
    return heap->types != NULL;
}

/* What the row of the tick says, with the arenas and classes as of it. */
static void read_sums(struct tick_reader *reader, const struct span *span, struct malloc_heap *heap)
{
    int64_t flags = span_integer(span, 2), listed = span_integer(span, 5);
    *heap = *reader->malloc.heap;
    heap->known = flags & HEAP_KNOWN;
    heap->mapped_known = flags & HEAP_MAPPED_KNOWN;
    heap->types_cut = flags & HEAP_TYPES_CUT;
    /* It lives as long as the catalog: what is made of the heap keeps it. */
    heap->reason = span_is_null(span, 1) ? NULL : span_text(reader, span, 1);
    heap->allocator = span_is_null(span, ALLOCATOR_COLUMN) ? NULL : span_text(reader, span, ALLOCATOR_COLUMN);
    if (!heap->known && !heap->reason)
        heap->reason = "not recorded";
    heap->caches = (uint32_t)span_integer(span, 3);
    heap->num_arenas = (uint32_t)span_integer(span, 4);
    heap->num_listed = listed < 0 ? 0 : listed > MALLOC_MAX_LISTED ? MALLOC_MAX_LISTED : (uint32_t)listed;
    heap->torn_arenas = (uint32_t)span_integer(span, 6);
    heap->types_left_out = (uint32_t)span_integer(span, 7);
    heap->bytes_read = (uint64_t)span_integer(span, 8);
    read_figures(span, SUMS_COLUMN, heap, sums, SUMS);
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        heap->classes[i].largest = malloc_class_largest(i);
}

bool malloc_rows_fill(struct tick_reader *reader, struct snapshot *snapshot)
{
    if (!reader->statements[SELECT_MALLOC_HEAPS] || !reader->malloc.heap)
        return true;
    struct span span = span_keys(reader, SELECT_MALLOC_HEAPS, reader->tick, reader->tick);
    if (!span_next(&span))
        return true;
    struct malloc_heap *heap = arena_alloc(&snapshot->arena, sizeof(*heap));
    if (heap)
        read_sums(reader, &span, heap);
    row_reset(&span.row);
    if (!heap || (heap->known && !fill_types(reader, snapshot, heap)))
        return false;
    snapshot->malloc_heap = heap;
    return true;
}
