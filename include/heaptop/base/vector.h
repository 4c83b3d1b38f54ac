/* A growing array of one type: `VECTOR(struct site) sites = {0};`. Elements move when it grows: keep indices, not
 * pointers. */
#ifndef HEAPTOP_BASE_VECTOR_H
#define HEAPTOP_BASE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR(type) \
    struct { \
        type *items; \
        size_t count; \
        size_t capacity; \
    }

/* Makes room for at least `wanted` elements; false (and unchanged) when memory is out. Use through vector_reserve. */
bool vector_grow(void **items, size_t *capacity, size_t wanted, size_t item_size);

#define vector_reserve(vector, wanted) \
    ((wanted) <= (vector)->capacity || \
     vector_grow((void **)&(vector)->items, &(vector)->capacity, (wanted), sizeof(*(vector)->items)))

/* Appends a value; false when memory is out. */
#define vector_append(vector, ...) \
    (vector_reserve((vector), (vector)->count + 1) ? ((vector)->items[(vector)->count++] = (__VA_ARGS__), true) : false)

/* Makes it at least so long, with zeros; false (and unchanged) when memory is out. */
#define vector_extend(vector, wanted) \
    __extension__({ \
        size_t wanted_ = (wanted); \
        bool grown_ = vector_reserve((vector), wanted_); \
        if (grown_ && (vector)->count < wanted_) { \
            memset((vector)->items + (vector)->count, 0, (wanted_ - (vector)->count) * sizeof((vector)->items[0])); \
            (vector)->count = wanted_; \
        } \
        grown_; \
    })

#define vector_deinit(vector) \
    do { \
        free((vector)->items); \
        (vector)->items = NULL; \
        (vector)->count = (vector)->capacity = 0; \
    } while (0)

#endif
