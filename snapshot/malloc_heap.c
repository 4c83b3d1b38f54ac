#include "heaptop/snapshot/malloc_heap.h"

#include <stdlib.h>

#define STEP 16u
#define STEPPED_BYTES 1024u
#define STEPPED_CLASSES (STEPPED_BYTES / STEP + 1)
#define PARTS 4u

size_t malloc_class_of(uint64_t size)
{
    if (size <= STEPPED_BYTES)
        return (size_t)((size + STEP - 1) / STEP);
    /* The power of two below it, then the quarter. */
    unsigned power = 63u - (unsigned)__builtin_clzll(size - 1);
    uint64_t quarter = ((size - 1) >> (power - 2)) & (PARTS - 1);
    size_t index = STEPPED_CLASSES + (power - 10) * PARTS + (size_t)quarter;
    return index < MALLOC_CLASSES ? index : MALLOC_CLASSES - 1;
}

uint64_t malloc_class_largest(size_t index)
{
    if (index < STEPPED_CLASSES)
        return index * STEP;
    if (index >= MALLOC_CLASSES - 1)
        return UINT64_MAX;
    size_t power = 10 + (index - STEPPED_CLASSES) / PARTS, quarter = (index - STEPPED_CLASSES) % PARTS;
    return (UINT64_C(1) << power) + (quarter + 1) * (UINT64_C(1) << (power - 2));
}

static int compare_types(const void *left, const void *right)
{
    const struct malloc_type *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return (a->name > b->name) - (a->name < b->name);
}

void malloc_types_sort(struct malloc_type *types, size_t count)
{
    if (count > 1)
        qsort(types, count, sizeof(*types), compare_types);
}
