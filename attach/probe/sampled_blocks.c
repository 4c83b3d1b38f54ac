#include "attach/probe/sampled_blocks.h"

/* The stack of a block of which nothing but the size is known. */
#define NO_STACK UINT32_MAX

struct error *sampled_blocks_init(struct sampled_blocks *blocks, struct native_stacks *stacks)
{
    blocks->stacks = stacks;
    return allocation_sites_create(&blocks->sites);
}

void sampled_blocks_deinit(struct sampled_blocks *blocks)
{
    allocation_sites_destroy(blocks->sites);
    vector_deinit(&blocks->live);
    vector_deinit(&blocks->fetched);
}

void sampled_blocks_clear(struct sampled_blocks *blocks)
{
    allocation_sites_free_all(blocks->sites);
    blocks->live.count = blocks->fetched.count = 0;
}

struct error *sampled_blocks_fetch(struct sampled_blocks *blocks, const struct stack_copy *copy, uint64_t skip_start,
                                   uint64_t skip_end, const struct sampled_block *block)
{
    struct fetched_block fetched = {.block = *block};
    struct error *error = native_stacks_read_copy(blocks->stacks, copy, skip_start, skip_end, &fetched.raw);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    /* As of a program that ended before its memory map was read. */
    if (error)
        fetched.raw = NO_STACK;
    error_destroy(error);
    return vector_append(&blocks->fetched, fetched) ? NULL : error_no_memory();
}

struct error *sampled_blocks_count(struct sampled_blocks *blocks)
{
    struct error *error = blocks->fetched.count > 0 ? native_stacks_name(blocks->stacks) : NULL;
    for (size_t i = 0; i < blocks->fetched.count && !error; i++) {
        struct fetched_block *fetched = &blocks->fetched.items[i];
        uint8_t quality;
        stack_id stack = fetched->raw == NO_STACK ? 0 : native_stacks_stack(blocks->stacks, fetched->raw, &quality);
        error = allocation_sites_add(blocks->sites, stack, fetched->block.size, &fetched->block.site);
        if (!error && blocks->live.count >= SAMPLED_BLOCKS_MAX)
            allocation_sites_free(blocks->sites, fetched->block.site, fetched->block.size);
        else if (!error && !vector_append(&blocks->live, fetched->block))
            error = error_no_memory();
    }
    blocks->fetched.count = 0;
    return error;
}

void sampled_blocks_sweep(struct sampled_blocks *blocks,
                          bool (*is_live)(const void *context, const struct sampled_block *block), const void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < blocks->live.count; i++) {
        const struct sampled_block *block = &blocks->live.items[i];
        if (!block->is_gone && is_live(context, block))
            blocks->live.items[kept++] = *block;
        else
            allocation_sites_free(blocks->sites, block->site, block->size);
    }
    blocks->live.count = kept;
}
