/* Sampled allocations that are still in use, from the copies of their stacks to call sites: what the readers of
 * allocations share, however they come by their samples and learn of what was freed. */
#ifndef ATTACH_PROBE_SAMPLED_BLOCKS_H
#define ATTACH_PROBE_SAMPLED_BLOCKS_H

#include "attach/native/stacks.h"
#include "attach/probe/allocation_sites.h"
#include "heaptop/base/vector.h"

/* In use at a time: as many samples as of 512 GB at the usual rate. A program whose samples say more than that, as when
 * it has written over them, does not take heaptop's memory: blocks beyond count as freed at once. */
#define SAMPLED_BLOCKS_MAX (UINT32_C(1) << 20)

struct sampled_block {
    uint64_t serial, address, size;
    uint32_t tag;                   /* What its reader knows it by besides. */
    bool is_gone;                   /* Its reader knows that it has been freed. */
    uint32_t site;                  /* As of allocation_sites_add. */
};

/* One whose stack has no name yet. */
struct fetched_block {
    struct sampled_block block;
    uint32_t raw;
};

struct sampled_blocks {
    struct native_stacks *stacks;   /* Borrowed. */
    struct allocation_sites *sites;
    VECTOR(struct sampled_block) live;
    VECTOR(struct fetched_block) fetched;
};

/* ERROR_NO_MEMORY. */
struct error *sampled_blocks_init(struct sampled_blocks *blocks, struct native_stacks *stacks);
void sampled_blocks_deinit(struct sampled_blocks *blocks);      /* Also of what is zeroed. */

/* The program has become another. */
void sampled_blocks_clear(struct sampled_blocks *blocks);

/* Unwinds the copy of its stack, without the innermost frames that lie in [skip_start, skip_end). Where nothing is
 * known of the stack, it counts without one. ERROR_NO_MEMORY. */
struct error *sampled_blocks_fetch(struct sampled_blocks *blocks, const struct stack_copy *copy, uint64_t skip_start,
                                   uint64_t skip_end, const struct sampled_block *block);
/* Names and counts all that was fetched. ERROR_NO_MEMORY. */
struct error *sampled_blocks_count(struct sampled_blocks *blocks);

/* Counts those as freed that are gone, or not live any more. */
void sampled_blocks_sweep(struct sampled_blocks *blocks,
                          bool (*is_live)(const void *context, const struct sampled_block *block), const void *context);

#endif
