/* Chunks that glibc's malloc keeps to give out again as they are: fastbins, and the caches of threads. To the chunks
 * around them they look used. */
#ifndef ATTACH_MALLOC_GLIBC_LISTS_H
#define ATTACH_MALLOC_GLIBC_LISTS_H

#include "attach/malloc/glibc_walk.h"

/* Longer lists are cut, and not believed. */
#define GLIBC_LIST_MAX 262144u

struct glibc_lists {
    struct memory *memory;
    uint64_t chunks, bytes;             /* Of the lists followed last. */
    struct malloc_class *classes;       /* Where they are moved from used to cached. */
};

/* Follows the fastbins of an arena whose bytes these are. *ret_whole is false when a list made no sense, as when it
 * changed meanwhile. Errors after which no memory can be read. */
struct error *glibc_lists_follow_fastbins(struct glibc_lists *lists, const uint8_t *arena, bool *ret_whole);

/* Takes a chunk for a thread's cache if all in it fits: *ret_is_cache, and then what it holds. */
struct error *glibc_lists_follow_cache(struct glibc_lists *lists, uint64_t chunk, bool *ret_is_cache);

#endif
