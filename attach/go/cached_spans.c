#include "attach/go/cached_spans.h"

#include "attach/go/allocation_caches.h"
#include "heaptop/base/cleanup.h"

static const enum go_field proc_fields[] = {GO_FIELD_P_MCACHE, GO_FIELD_P_PCACHE_CACHE, GO_FIELD_P_PCACHE_SCAV};
static const enum go_field cache_fields[] = {GO_FIELD_MCACHE_TINY, GO_FIELD_MCACHE_TINYOFFSET, GO_FIELD_MCACHE_ALLOC};
/* runtime/malloc.go: maxTinySize, the block that objects without pointers of a few bytes share. */
#define TINY_BLOCK_BYTES 16u

struct proc_caches {
    const struct go_process *process;
    struct heap_survey *survey;
    struct procs procs;
    VECTOR(uint8_t) bytes;
    VECTOR(struct memory_request) requests;
};

static void proc_caches_deinit(struct proc_caches *caches)
{
    procs_deinit(&caches->procs);
    vector_deinit(&caches->bytes);
    vector_deinit(&caches->requests);
}

void cached_spans_deinit(struct cached_spans *cached)
{
    table_deinit(&cached->by_address);
}

/* The spans of one cache, and what is left of its tiny block. */
static struct error *take_cache(struct cached_spans *cached, const struct proc_caches *caches, size_t proc,
                                const uint8_t *bytes, size_t start, size_t size)
{
    struct copied_struct copied = {.layout = &caches->process->layout, .bytes = bytes, .size = size, .start = start};
    remote_address spans[ALLOCATION_CACHES_SPANS];
    allocation_caches_spans(&copied, spans);
    uint64_t used = copied_struct_get_or_zero(&copied, GO_FIELD_MCACHE_TINYOFFSET);
    if (copied_struct_get_or_zero(&copied, GO_FIELD_MCACHE_TINY) != 0 && used <= TINY_BLOCK_BYTES)
        caches->survey->caches.items[proc].tiny_free = (uint32_t)(TINY_BLOCK_BYTES - used);
    for (size_t i = 0; i < ALLOCATION_CACHES_SPANS; i++) {
        if (spans[i] == 0)
            continue;
        uint64_t *place = table_insert(&cached->by_address, spans[i], NULL);
        if (!place)
            return error_no_memory();
        *place = proc + 1;
    }
    return NULL;
}

/* The pages that each P has taken from the heap to hand out, and where its cache lies. */
static struct error *take_procs(struct proc_caches *caches, bool *ret_ok)
{
    const struct go_layout *layout = &caches->process->layout;
    size_t count = caches->procs.addresses.count, start, size;
    const uint8_t *bytes;
    *ret_ok = false;
    if (!go_layout_range(layout, proc_fields, ARRAY_SIZE(proc_fields), &start, &size))
        return NULL;
    struct error *error = procs_read_field(&caches->procs, caches->process, start, size, &bytes, ret_ok);
    if (error || !*ret_ok)
        return error;
    if (!vector_reserve(&caches->requests, count) || !vector_reserve(&caches->survey->caches, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        struct copied_struct proc = {.layout = layout, .bytes = bytes + i * size, .size = size, .start = start};
        uint64_t pages = copied_struct_get_or_zero(&proc, GO_FIELD_P_PCACHE_CACHE);
        uint64_t released = copied_struct_get_or_zero(&proc, GO_FIELD_P_PCACHE_SCAV);
        caches->survey->caches.items[i] = (struct heap_cache){
            .pages = (uint32_t)__builtin_popcountll(pages),
            .released_pages = (uint32_t)__builtin_popcountll(pages & released),
        };
        caches->requests.items[i] =
            (struct memory_request){.address = copied_struct_get_or_zero(&proc, GO_FIELD_P_MCACHE)};
    }
    caches->survey->caches.count = count;
    return NULL;
}

static struct error *take_caches(struct cached_spans *cached, struct proc_caches *caches)
{
    size_t count = caches->procs.addresses.count, start, size;
    bool ok;
    struct error *error = take_procs(caches, &ok);
    if (error || !ok ||
        !go_layout_range(&caches->process->layout, cache_fields, ARRAY_SIZE(cache_fields), &start, &size))
        return error;
    if (!vector_reserve(&caches->bytes, count * size))
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        remote_address cache = caches->requests.items[i].address;
        caches->requests.items[i] = (struct memory_request){
            .address = cache ? cache + start : 0, .buffer = caches->bytes.items + i * size, .size = size};
    }
    error = memory_read_batch(caches->process->context.memory, caches->requests.items, count);
    cached->known = !error;
    for (size_t i = 0; !error && i < count; i++) {
        /* A P that is not in use has none. */
        if (caches->requests.items[i].address == 0)
            continue;
        if (caches->requests.items[i].failed)
            cached->known = false;
        else
            error = take_cache(cached, caches, i, caches->requests.items[i].buffer, start, size);
    }
    return error;
}

struct error *cached_spans_read(struct cached_spans *cached, const struct go_process *process,
                                struct heap_survey *survey)
{
    const struct go_layout *layout = &process->layout;
    *cached = (struct cached_spans){.known = false};
    table_init(&cached->by_address);
    if (!go_layout_has_all(layout, proc_fields, ARRAY_SIZE(proc_fields)) ||
        !go_layout_has_all(layout, cache_fields, ARRAY_SIZE(cache_fields)) ||
        layout->size[GO_FIELD_MCACHE_ALLOC] != ALLOCATION_CACHES_SPANS * 8)
        return NULL;
    _cleanup_(proc_caches_deinit) struct proc_caches caches = {.process = process, .survey = survey};
    struct error *error = procs_read(&caches.procs, process);
    if (!error && caches.procs.addresses.count > 0 && caches.procs.addresses.count <= ALLOCATION_CACHES_MAX_PROCS)
        error = take_caches(cached, &caches);
    if (!cached->known)
        survey->caches.count = 0;
    return error;
}
