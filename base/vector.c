#include "heaptop/base/vector.h"

#include <stdint.h>

#define SMALLEST_CAPACITY 8

bool vector_grow(void **items, size_t *capacity, size_t wanted, size_t item_size)
{
    if (wanted <= *capacity)
        return true;
    size_t grown = *capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : *capacity;
    while (grown < wanted) {
        if (grown > SIZE_MAX / 2) {
            grown = wanted;
            break;
        }
        grown *= 2;
    }
    size_t bytes;
    if (__builtin_mul_overflow(grown, item_size, &bytes))
        return false;
    void *moved = realloc(*items, bytes);
    if (!moved)
        return false;
    *items = moved;
    *capacity = grown;
    return true;
}
