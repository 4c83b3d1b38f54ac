#include "attach/go/allocation_caches.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

static const enum go_field span_fields[] = {GO_FIELD_MSPAN_ALLOC_COUNT, GO_FIELD_MSPAN_ALLOC_COUNT_BEFORE_CACHE};

/* Whether this version's caches can be read at all. */
static bool is_laid_out(const struct go_layout *layout)
{
    static const enum go_field needed[] = {GO_FIELD_P_MCACHE, GO_FIELD_MCACHE_TINY_ALLOCS, GO_FIELD_MCACHE_ALLOC,
                                           GO_FIELD_MSPAN_ALLOC_COUNT, GO_FIELD_MSPAN_ALLOC_COUNT_BEFORE_CACHE};
    return go_layout_has_all(layout, needed, ARRAY_SIZE(needed)) &&
           layout->size[GO_FIELD_MCACHE_ALLOC] == ALLOCATION_CACHES_SPANS * 8;
}

struct error *allocation_caches_init(struct allocation_caches *caches, const struct go_process *process)
{
    *caches = (struct allocation_caches){0};
    size_t size;
    if (!is_laid_out(&process->layout) ||
        !go_layout_range(&process->layout, span_fields, ARRAY_SIZE(span_fields), &caches->span_start, &size) ||
        size > RECORD_SET_MAX_RECORD_BYTES)
        return NULL;
    struct error *error = record_set_init(&caches->spans, process->context.memory, size);
    if (!error)
        caches->process = process;
    return error;
}

void allocation_caches_deinit(struct allocation_caches *caches)
{
    record_set_deinit(&caches->spans);
    vector_deinit(&caches->classes);
    vector_deinit(&caches->bytes);
    vector_deinit(&caches->requests);
}

/* A record_visitor: counts what one span has given since its P took it (mcache.releaseAll). */
static void take_span(void *context, size_t index, const uint8_t *bytes)
{
    struct allocation_caches *caches = context;
    if (!bytes)
        return;
    struct copied_struct span = {.layout = &caches->process->layout,
                                 .bytes = bytes,
                                 .size = caches->spans.record_size,
                                 .start = caches->span_start};
    uint64_t now = copied_struct_get_or_zero(&span, GO_FIELD_MSPAN_ALLOC_COUNT);
    uint64_t before = copied_struct_get_or_zero(&span, GO_FIELD_MSPAN_ALLOC_COUNT_BEFORE_CACHE);
    if (now > before)
        caches->small[caches->classes.items[index]] += now - before;
}

void allocation_caches_spans(const struct copied_struct *cache, remote_address spans[ALLOCATION_CACHES_SPANS])
{
    struct cursor cursor = cursor_over(cache->bytes, cache->size);
    cursor_seek(&cursor, (size_t)cache->layout->offset[GO_FIELD_MCACHE_ALLOC] - cache->start);
    remote_address dummy = 0;
    for (size_t i = 0; i < ALLOCATION_CACHES_SPANS; i++) {
        spans[i] = cursor_u64(&cursor);
        if (i > 0 && spans[i] == spans[i - 1])
            dummy = spans[i];
    }
    for (size_t i = 0; i < ALLOCATION_CACHES_SPANS; i++) {
        if (spans[i] == dummy || spans[i] % 8 != 0 || spans[i] > UINT64_MAX - COPIED_STRUCT_MAX_BYTES)
            spans[i] = 0;
    }
}

/* Takes one cache's spans. */
static struct error *take_cache(struct allocation_caches *caches, const uint8_t *bytes, size_t start, size_t size)
{
    struct copied_struct cache = {.layout = &caches->process->layout, .bytes = bytes, .size = size, .start = start};
    caches->tiny += copied_struct_get_or_zero(&cache, GO_FIELD_MCACHE_TINY_ALLOCS);
    remote_address spans[ALLOCATION_CACHES_SPANS];
    allocation_caches_spans(&cache, spans);
    for (size_t i = 0; i < ALLOCATION_CACHES_SPANS; i++) {
        if (spans[i] == 0)
            continue;
        if (!vector_append(&caches->classes, (uint8_t)(i / 2)))
            return error_no_memory();
        struct error *error = record_set_add(&caches->spans, spans[i] + caches->span_start);
        if (error)
            return error;
    }
    return NULL;
}

/* The caches of Ps whose addresses these are; a P that is not in use has none. */
static struct error *take_caches(struct allocation_caches *caches, const uint8_t *addresses, size_t count)
{
    static const enum go_field cache_fields[] = {GO_FIELD_MCACHE_TINY_ALLOCS, GO_FIELD_MCACHE_ALLOC};
    size_t start, size;
    if (!go_layout_range(&caches->process->layout, cache_fields, ARRAY_SIZE(cache_fields), &start, &size))
        return NULL;
    if (!vector_reserve(&caches->bytes, count * size) || !vector_reserve(&caches->requests, count))
        return error_no_memory();
    struct cursor cursor = cursor_over(addresses, count * 8);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        remote_address address = cursor_u64(&cursor);
        if (address != 0)
            caches->requests.items[found++] = (struct memory_request){
                .address = address + start, .buffer = caches->bytes.items + i * size, .size = size};
    }
    struct error *error = memory_read_batch(caches->process->context.memory, caches->requests.items, found);
    for (size_t i = 0; !error && i < found; i++) {
        if (caches->requests.items[i].failed)
            return NULL;
        error = take_cache(caches, caches->requests.items[i].buffer, start, size);
    }
    caches->known = !error;
    return error;
}

struct error *allocation_caches_read(struct allocation_caches *caches, struct procs *procs)
{
    caches->known = false;
    caches->tiny = 0;
    memset(caches->small, 0, sizeof(caches->small));
    if (!caches->process || procs->addresses.count > ALLOCATION_CACHES_MAX_PROCS)
        return NULL;
    record_set_clear(&caches->spans);
    caches->classes.count = 0;
    const uint8_t *addresses;
    bool ok;
    struct error *error = procs_read_field(
        procs, caches->process, (size_t)caches->process->layout.offset[GO_FIELD_P_MCACHE], 8, &addresses, &ok);
    if (!error && ok)
        error = take_caches(caches, addresses, procs->addresses.count);
    if (!error && caches->known)
        error = record_set_read(&caches->spans, take_span, caches);
    return error;
}
