/* The member of the JSON document that tells of the C library's heap. */
#include "export/json.h"

#include <string.h>

/* Bytes a second since the first reading, and whether that is a growth. */
static void add_growth(struct json_writer *writer, json_t *member, const struct malloc_growth *growth)
{
    json_add_real(writer, member, "growth_bytes_per_s", growth->bytes_per_s);
    json_add_string(writer, member, "verdict", growth_verdict_name(growth->judged.verdict));
}

static void add_classes(struct json_writer *writer, json_t *object)
{
    const struct analysis *analysis = writer->analysis;
    json_t *list = json_add_array(writer, object, "size_classes");
    for (size_t i = 0; i < analysis->num_malloc_classes && !writer->failed; i++) {
        const struct malloc_class_row *row = &analysis->malloc_classes[i];
        json_t *member = json_append_object(writer, list);
        const struct json_figure figures[] = {{"largest_bytes", row->class.largest, row->class.largest != UINT64_MAX},
                                              {"used_chunks", row->class.used_chunks, true},
                                              {"used_bytes", row->class.used_bytes, true},
                                              {"free_chunks", row->class.free_chunks, true},
                                              {"free_bytes", row->class.free_bytes, true},
                                              {"cached_chunks", row->class.cached_chunks, true},
                                              {"cached_bytes", row->class.cached_bytes, true}};
        json_add_figures(writer, member, figures, ARRAY_SIZE(figures));
        add_growth(writer, member, &row->growth);
    }
}

static void add_types(struct json_writer *writer, json_t *object)
{
    const struct analysis *analysis = writer->analysis;
    json_t *list = json_add_array(writer, object, "types");
    for (size_t i = 0; i < analysis->num_malloc_types && !writer->failed; i++) {
        const struct malloc_type_row *row = &analysis->malloc_types[i];
        json_t *member = json_append_object(writer, list);
        json_add_string(writer, member, "name", catalog_string(analysis->snapshot->catalog, row->type.name));
        json_add_unsigned(writer, member, "objects", row->type.objects);
        json_add_unsigned(writer, member, "bytes", row->type.bytes);
        json_add_integer(writer, member, "growth_objects", row->growth.chunks);
        add_growth(writer, member, &row->growth);
    }
    if (analysis->malloc_heap->types_cut)
        json_say_unavailable(writer, "malloc.types",
                             "incomplete: too many different words stand at the start of chunks");
}

static void add_arenas(struct json_writer *writer, json_t *object, const struct malloc_heap *heap)
{
    json_t *list = json_add_array(writer, object, "arenas");
    for (uint32_t i = 0; i < heap->num_listed && !writer->failed; i++) {
        const struct malloc_arena *arena = &heap->arenas[i];
        json_t *member = json_append_object(writer, list);
        const struct json_figure figures[] = {{"heaps", arena->heaps, true},
                                              {"system_bytes", arena->system_bytes, true},
                                              {"top_bytes", arena->top_bytes, true},
                                              {"free_bytes", arena->free_bytes, arena->is_whole},
                                              {"free_chunks", arena->free_chunks, arena->is_whole},
                                              {"fast_bytes", arena->fast_bytes, arena->is_whole},
                                              {"fast_chunks", arena->fast_chunks, arena->is_whole},
                                              {"used_chunks", arena->used_chunks, arena->is_whole}};
        json_add_boolean(writer, member, "is_main", arena->is_main);
        json_add_figures(writer, member, figures, ARRAY_SIZE(figures));
        if (!arena->is_whole)
            json_say_unavailable(writer, "malloc.arenas[].free_bytes",
                                 "the arena changed while it was read, each time");
    }
}

void json_add_malloc(struct json_writer *writer, json_t *document)
{
    const struct malloc_heap *heap = writer->analysis->malloc_heap;
    if (!heap || !heap->known) {
        json_add(writer, document, "malloc", json_null());
        json_say_unavailable(writer, "malloc",
                             heap ? heap->reason : "the heap of C code was not looked at in this session");
        return;
    }
    json_t *object = json_add_object(writer, document, "malloc");
    const struct json_figure figures[] = {{"unix_ns", writer->analysis->malloc_unix_ns, true},
                                          {"took_ns", heap->took_ns, true},
                                          {"cpu_ns", heap->cpu_ns, true},
                                          {"read_bytes", heap->bytes_read, true},
                                          {"num_arenas", heap->num_arenas, true},
                                          {"torn_arenas", heap->torn_arenas, true},
                                          {"system_bytes", heap->system_bytes, true},
                                          {"used_bytes", heap->used_bytes, true},
                                          {"used_chunks", heap->used_chunks, true},
                                          {"free_bytes", heap->free_bytes, true},
                                          {"free_chunks", heap->free_chunks, true},
                                          {"fast_bytes", heap->fast_bytes, true},
                                          {"fast_chunks", heap->fast_chunks, true},
                                          {"top_bytes", heap->top_bytes, true},
                                          {"thread_caches", heap->caches, true},
                                          {"thread_cache_bytes", heap->cache_bytes, true},
                                          {"thread_cache_chunks", heap->cache_chunks, true},
                                          {"mapped_bytes", heap->mapped_bytes, heap->mapped_known},
                                          {"mapped_chunks", heap->mapped_chunks, heap->mapped_known}};
    json_add_string(writer, object, "allocator", "glibc");
    bool has_other = heap->allocator && *heap->allocator && !strstr(heap->allocator, "glibc");
    json_add_string(writer, object, "other_allocator", has_other ? heap->allocator : NULL);
    json_add_figures(writer, object, figures, ARRAY_SIZE(figures));
    if (!heap->mapped_known)
        json_say_unavailable(writer, "malloc.mapped_bytes",
                             "malloc's parameters were not found: the program has changed them");
    add_arenas(writer, object, heap);
    json_add_unsigned(writer, object, "types_not_listed", heap->types_left_out);
    add_types(writer, object);
    add_classes(writer, object);
    if (writer->analysis->malloc_unix_ns <= writer->analysis->first_malloc_unix_ns) {
        json_say_unavailable(writer, "malloc.size_classes[].growth_bytes_per_s", "the heap was read once");
        json_say_unavailable(writer, "malloc.types[].growth_bytes_per_s", "the heap was read once");
    }
}
