/* Walks over the chunks of one piece of a glibc heap, from its first to its last, through a window of memory. */
#ifndef ATTACH_MALLOC_GLIBC_WALK_H
#define ATTACH_MALLOC_GLIBC_WALK_H

#include "attach/malloc/first_words.h"
#include "attach/memory.h"
#include "heaptop/base/vector.h"
#include "heaptop/snapshot/malloc_heap.h"

struct glibc_walk {
    struct memory *memory;
    uint8_t *window; /* GLIBC_WALK_WINDOW bytes; made by the first walk, freed by glibc_walk_deinit. */
    uint64_t window_start;
    size_t window_size, step;           /* Bytes in it; and how many to read next. */
    struct first_words *words;          /* Counts those of used chunks; borrowed; NULL: nobody wants them. */
    /* Chunks that are used and have the size of a thread's cache: what may be one. */
    VECTOR(uint64_t) cache_candidates;
};
#define GLIBC_WALK_WINDOW ((size_t)1 << 20)
/* More candidates are not looked at: a program that has so many objects of that size has few caches among them. */
#define GLIBC_WALK_MAX_CANDIDATES 65536u

void glibc_walk_deinit(struct glibc_walk *walk);

struct glibc_walk_result {
    bool reached_end;           /* Chunk by chunk, without nonsense. */
    uint64_t end;               /* Where it ended: the top chunk, or what closes an older piece. */
    uint64_t used_chunks, used_bytes, free_chunks, free_bytes;
};

/* From the chunk at `start` to the one at `top`; or, with `top` not within, to what closes the piece, of size 0, before
 * `limit`. What is found is added to the classes: chunks in fastbins and threads' caches as used. Errors after which no
 * memory can be read. */
struct error *glibc_walk_chunks(struct glibc_walk *walk, uint64_t start, uint64_t top, uint64_t limit,
                                struct malloc_class *classes, struct glibc_walk_result *ret_result);

#endif
