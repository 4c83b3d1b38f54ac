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
        json_add_unsigned(writer, object, "proc", i);
        json_add_unsigned(writer, object, "spans", cache->spans);
        json_add_unsigned(writer, object, "span_bytes", cache->bytes);
        json_add_unsigned(writer, object, "free_slots", cache->free_slots);
        json_add_unsigned(writer, object, "free_slot_bytes", cache->free_bytes);
        json_add_unsigned(writer, object, "tiny_free_bytes", cache->tiny_free_bytes);
        json_add_unsigned(writer, object, "page_bytes", cache->page_bytes);
        json_add_unsigned(writer, object, "released_page_bytes", cache->released_page_bytes);
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
        json_add_unsigned(writer, object, "spans", class->spans);
        json_add_unsigned(writer, object, "span_bytes", class->bytes);
        json_add_unsigned(writer, object, "resident_bytes", class->resident_bytes);
        json_add_unsigned(writer, object, "slots", class->slots);
        json_add_unsigned(writer, object, "objects", class->objects);
        json_add_unsigned(writer, object, "object_bytes", class->object_bytes);
        json_add_unsigned(writer, object, "free_slot_bytes", class->free_bytes);
        json_add_unsigned(writer, object, "tail_bytes", class->tail_bytes);
        bool known = analysis->num_heap_caches > 0;
        json_add_if(writer, object, "cached_spans", class->cached_spans, known);
        json_add_if(writer, object, "partial_spans", class->partial_spans, known);
        json_add_if(writer, object, "full_spans", class->full_spans, known);
        json_add_unsigned(writer, object, "unswept_spans", class->unswept_spans);
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
