/* A program that brings an allocator of its own, but not all of its functions: those of the C library that are left
 * work on its blocks, by calling what it has. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_BYTES ((size_t)16 << 20)
#define ALIGNMENT 16

static _Alignas(ALIGNMENT) unsigned char all[ALL_BYTES];
static size_t used;

/* The size stands in front of each block, and nothing is used again. */
void *malloc(size_t size)
{
    size_t needed = (size + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > ALL_BYTES || needed > ALL_BYTES - used)
        return NULL;
    unsigned char *block = all + used + ALIGNMENT;
    memcpy(block - ALIGNMENT, &size, sizeof(size));
    used += needed;
    return block;
}

static size_t size_of(const void *block)
{
    size_t size;
    if ((uintptr_t)block - (uintptr_t)all >= ALL_BYTES)
        abort();
    memcpy(&size, (const unsigned char *)block - ALIGNMENT, sizeof(size));
    return size;
}

void free(void *block)
{
    if (block)
        size_of(block);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes);
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);
    if (block && moved)
        memcpy(moved, block, size_of(block) < size ? size_of(block) : size);
    return moved;
}

int main(void)
{
    char line[16], *block = malloc(4);
    memcpy(block, "kept", 4);
    for (size_t count = 8; count < 4096; count *= 2) {
        block = reallocarray(block, count, 16);
        if (!block || size_of(block) != count * 16 || memcmp(block, "kept", 4) != 0)
            abort();
    }
    free(block);
    printf("ready\nend\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
    }
    return 3;
}
