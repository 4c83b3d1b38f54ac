/* The members of the JSON document that tell where resident memory is. */
#include "export/json.h"

static const char not_looked_at[] = "resident pages were not looked at in this session";

static const char caches_missing[] = "the Ps' allocation caches could not be read";

static void add_heap_caches(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    if (analysis->num_heap_caches == 0) {
        json_add(writer, document, "heap_caches", json_null());
        json_say_unavailable(writer, "heap_caches", analysis->memory_parts.known ? caches_missing : not_looked_at);
        return;
    }
    json_t *list = json_add_array(writer, document, "heap_caches");
    for (size_t i = 0; i < analysis->num_heap_caches && !writer->failed; i++) {
        const struct heap_cache_use *cache = &analysis->heap_caches[i];
        json_t *object = json_append_object(writer, list);
        const struct json_figure figures[] = {{"proc", i, true},
                                              {"spans", cache->spans, true},
                                              {"span_bytes", cache->bytes, true},
                                              {"free_slots", cache->free_slots, true},
                                              {"free_slot_bytes", cache->free_bytes, true},
                                              {"tiny_free_bytes", cache->tiny_free_bytes, true},
                                              {"page_bytes", cache->page_bytes, true},
                                              {"released_page_bytes", cache->released_page_bytes, true}};
        json_add_figures(writer, object, figures, ARRAY_SIZE(figures));
    }
}

static void add_span_classes(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    const struct memory_parts *parts = &analysis->memory_parts;
    if (!parts->heap_known) {
        json_add(writer, document, "span_classes", json_null());
        json_say_unavailable(writer, "span_classes", parts->known ? parts->heap_reason : not_looked_at);
        return;
    }
    json_t *list = json_add_array(writer, document, "span_classes");
    for (size_t i = 0; i < analysis->num_span_classes && !writer->failed; i++) {
        const struct span_class *class = &analysis->span_classes[i];
        json_t *object = json_append_object(writer, list);
        json_add_integer(writer, object, "object_size_bytes", class->object_size);
        json_add_boolean(writer, object, "no_scan", class->no_scan);
        bool known = analysis->num_heap_caches > 0;
        const struct json_figure figures[] = {{"spans", class->spans, true},
                                              {"span_bytes", class->bytes, true},
                                              {"resident_bytes", class->resident_bytes, true},
                                              {"slots", class->slots, true},
                                              {"objects", class->objects, true},
                                              {"object_bytes", class->object_bytes, true},
                                              {"free_slot_bytes", class->free_bytes, true},
                                              {"tail_bytes", class->tail_bytes, true},
                                              {"cached_spans", class->cached_spans, known},
                                              {"partial_spans", class->partial_spans, known},
                                              {"full_spans", class->full_spans, known},
                                              {"unswept_spans", class->unswept_spans, true}};
        json_add_figures(writer, object, figures, ARRAY_SIZE(figures));
        if (!known)
            json_say_unavailable(writer, "span_classes[].cached_spans", caches_missing);
    }
}

void json_add_memory_parts(struct json_writer *writer, json_t *document)
{
    const struct memory_parts *parts = &writer->analysis->memory_parts;
    add_span_classes(writer, document);
    add_heap_caches(writer, document);
    if (!parts->known) {
        json_add(writer, document, "memory_parts", json_null());
        json_say_unavailable(writer, "memory_parts", not_looked_at);
        return;
    }
    json_t *object = json_add_object(writer, document, "memory_parts");
    json_add_unsigned(writer, object, "unix_ns", parts->unix_ns);
    json_add_unsigned(writer, object, "took_ns", parts->took_ns);
    json_add_unsigned(writer, object, "rss_bytes", parts->rss_bytes);
    json_t *bytes = json_add_object(writer, object, "bytes");
    for (int part = 0; part < MEMORY_PART_COUNT && !writer->failed; part++)
        json_add_unsigned(writer, bytes, memory_part_infos[part].name, parts->bytes[part]);
    json_add_unsigned(writer, object, "excess_bytes", parts->excess_bytes);
    json_add_unsigned(writer, object, "not_looked_at_bytes", parts->not_looked_at);
    if (parts->released_known) {
        json_add_unsigned(writer, object, "heap_released_bytes", parts->released_bytes);
    } else {
        json_add(writer, object, "heap_released_bytes", json_null());
        json_say_unavailable(writer, "memory_parts.heap_released_bytes", "the runtime's count of it could not be read");
    }
}
