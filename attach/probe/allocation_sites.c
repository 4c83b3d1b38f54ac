#include "attach/probe/allocation_sites.h"

#include <string.h>

#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* Sizes are told apart to an eighth, and below this exactly. */
#define EXACT_SIZE UINT64_C(128)
/* What one could ask for is far below; sums must not overflow. */
#define MAX_SIZE (UINT64_C(1) << 47)
#define CLASS_BITS 10
_Static_assert(EXACT_SIZE + (47 - 4) * 16 + 15 < 1 << CLASS_BITS, "the class of MAX_SIZE fits");

struct allocation_sites {
    struct table by_key;            /* Stack and class of size -> index in sites. */
    VECTOR(struct site) sites;
    uint64_t observations;
    bool is_full;
};

struct error *allocation_sites_create(struct allocation_sites **ret_sites)
{
    struct allocation_sites *sites = calloc(1, sizeof(*sites));
    if (!sites)
        return error_no_memory();
    table_init(&sites->by_key);
    *ret_sites = sites;
    return NULL;
}

void allocation_sites_destroy(struct allocation_sites *sites)
{
    if (!sites)
        return;
    table_deinit(&sites->by_key);
    vector_deinit(&sites->sites);
    free(sites);
}

void allocation_sites_free_all(struct allocation_sites *sites)
{
    for (size_t i = 0; i < sites->sites.count; i++) {
        struct site_counts *counts = &sites->sites.items[i].published;
        counts->frees = counts->allocs;
        counts->free_bytes = counts->alloc_bytes;
    }
}

/* The greatest size that is counted with this one. *ret_class: a number below 2^CLASS_BITS for it. */
static uint64_t round_size(uint64_t size, uint64_t *ret_class)
{
    *ret_class = size;
    if (size <= EXACT_SIZE)
        return size;
    unsigned shift = (unsigned)(60 - __builtin_clzll(size - 1));
    uint64_t steps = (size - 1) >> shift;       /* 8 to 15 */
    *ret_class = EXACT_SIZE + shift * 16 + steps;
    return (steps + 1) << shift;
}

struct error *allocation_sites_add(struct allocation_sites *sites, stack_id stack, uint64_t size, uint32_t *ret_site)
{
    size = size < MAX_SIZE ? size : MAX_SIZE;
    uint64_t class, rounded = round_size(size, &class), key = (uint64_t)stack << CLASS_BITS | class;
    const uint64_t *known = table_find(&sites->by_key, key);
    uint64_t index = known ? *known : sites->sites.count;
    if (!known && index == ALLOCATION_SITES_MAX) {
        sites->is_full = true;
        *ret_site = ALLOCATION_SITES_MAX;
        return NULL;
    }
    if (!known) {
        uint64_t *place = vector_reserve(&sites->sites, index + 1) ? table_insert(&sites->by_key, key, NULL) : NULL;
        if (!place)
            return error_no_memory();
        *place = index;
        sites->sites.items[sites->sites.count++] = (struct site){.stack = stack, .object_size = rounded};
    }
    struct site_counts *counts = &sites->sites.items[index].published;
    counts->allocs++;
    counts->alloc_bytes += size;
    *ret_site = (uint32_t)index;
    return NULL;
}

void allocation_sites_free(struct allocation_sites *sites, uint32_t site, uint64_t size)
{
    if (site >= sites->sites.count)
        return;
    struct site_counts *counts = &sites->sites.items[site].published;
    counts->frees++;
    counts->free_bytes += size;
}

struct error *allocation_sites_fill(struct allocation_sites *sites, uint64_t rate, struct snapshot *snapshot)
{
    size_t count = sites->sites.count;
    struct site *copy = arena_alloc_array(&snapshot->arena, count, sizeof(*copy));
    if (!copy)
        return error_no_memory();
    if (count > 0)
        memcpy(copy, sites->sites.items, count * sizeof(*copy));
    /* No collector makes known at its leisure what was freed. */
    for (size_t i = 0; i < count; i++)
        copy[i].provisional = copy[i].published;
    snapshot->profile_state = PROFILE_ON;
    snapshot->profile_reason = NULL;
    snapshot->profile_cycle = ++sites->observations;
    snapshot->sites = copy;
    snapshot->num_sites = count;
    snapshot->sites_truncated = sites->is_full;
    snapshot_set(snapshot, COUNTER_MEM_PROFILE_RATE, (int64_t)rate);
    return NULL;
}
