/* The order of many 64-bit keys, such as addresses. */
#ifndef HEAPTOP_BASE_ORDER_H
#define HEAPTOP_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Sorts indices of `keys` by rising key; equal keys stay in the order they were in. scratch has room for count indices.
 * Takes time in proportion to count: one pass for each byte in which the keys differ, none where they rise already. */
void order_by_key(uint32_t *indices, size_t count, const uint64_t *keys, uint32_t *scratch);

#endif
