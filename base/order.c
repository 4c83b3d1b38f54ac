#include "heaptop/base/order.h"

#include <string.h>

#define KEY_BYTES 8
#define BYTE_VALUES 256

/* One pass of a radix sort, from `from` to `to`. */
static void sort_by_byte(const uint32_t *from, uint32_t *to, size_t count, const uint64_t *keys, unsigned shift)
{
    size_t places[BYTE_VALUES] = {0}, next = 0;
    for (size_t i = 0; i < count; i++)
        places[keys[from[i]] >> shift & 0xff]++;
    for (unsigned value = 0; value < BYTE_VALUES; value++) {
        size_t with_value = places[value];
        places[value] = next;
        next += with_value;
    }
    for (size_t i = 0; i < count; i++)
        to[places[keys[from[i]] >> shift & 0xff]++] = from[i];
}

void order_by_key(uint32_t *indices, size_t count, const uint64_t *keys, uint32_t *scratch)
{
    uint64_t differing = 0, falls = 0;
    for (size_t i = 1; i < count; i++) {
        differing |= keys[indices[i]] ^ keys[indices[0]];
        falls |= keys[indices[i]] < keys[indices[i - 1]];
    }
    if (!falls)
        return;
    uint32_t *from = indices, *to = scratch;
    for (unsigned byte = 0; byte < KEY_BYTES; byte++) {
        if ((differing >> 8 * byte & 0xff) == 0)
            continue;
        sort_by_byte(from, to, count, keys, 8 * byte);
        uint32_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != indices)
        memcpy(indices, from, count * sizeof(*indices));
}
