#include "heaptop/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT ((size_t)16)
#define SMALLEST_BLOCK ((size_t)16 << 10)
#define LARGEST_BLOCK ((size_t)1 << 20)

/* A header followed by `size` bytes, of which `used` are handed out. All begin as zero; none is handed out twice. */
struct arena_block {
    _Alignas(16) struct arena_block *older;
    size_t size;
    size_t used;
};

_Static_assert(sizeof(struct arena_block) % ALIGNMENT == 0, "the bytes after a block's header must be aligned");

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_deinit(struct arena *arena)
{
    struct arena_block *block = arena->newest;
    while (block) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    arena_init(arena);
}

/* A new block of `size` bytes, linked nowhere yet; NULL when memory is out. */
static struct arena_block *block_create(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    /* calloc: large blocks come as fresh pages from the kernel, which are zero without being touched. */
    struct arena_block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    arena->reserved += sizeof(*block) + size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size_t rounded = size ? (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1) : ALIGNMENT;

    struct arena_block *block = arena->newest;
    if (!block || block->size - block->used < rounded) {
        /* Blocks double as the arena grows, so that a small arena stays small and a large one has few blocks. */
        size_t block_size = arena->reserved;
        if (block_size < SMALLEST_BLOCK)
            block_size = SMALLEST_BLOCK;
        if (block_size > LARGEST_BLOCK)
            block_size = LARGEST_BLOCK;
        block = block_create(arena, rounded > block_size ? rounded : block_size);
        if (!block)
            return NULL;
        /* One that is filled at once goes behind the newest, whose free space stays in use. */
        if (rounded > block_size && arena->newest) {
            block->older = arena->newest->older;
            arena->newest->older = block;
        } else {
            block->older = arena->newest;
            arena->newest = block;
        }
    }
    char *bytes = (char *)(block + 1) + block->used;
    block->used += rounded;
    arena->used += rounded;
    return bytes;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

void *arena_copy_array(struct arena *arena, const void *items, size_t count, size_t size)
{
    void *copy = arena_alloc_array(arena, count, size);
    if (copy && count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

char *arena_copy_string(struct arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, length + 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
