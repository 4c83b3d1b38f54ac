/* Where glibc's malloc keeps what, on 64-bit machines. Upstream malloc/malloc.c and malloc/arena.c, 2.27 to 2.41; each
 * offset is checked against the process before it is believed. */
#ifndef ATTACH_MALLOC_GLIBC_LAYOUT_H
#define ATTACH_MALLOC_GLIBC_LAYOUT_H

#include <stdint.h>

/* struct malloc_state */
enum {
    ARENA_FLAGS = 0x04,                 /* int; NONCONTIGUOUS_BIT */
    ARENA_FASTBINS = 0x10,              /* 10 of them */
    ARENA_TOP = 0x60,
    ARENA_BINS = 0x70,                  /* 127 pairs of pointers */
    ARENA_NEXT = 0x870,
    ARENA_SYSTEM_MEMORY = 0x888,
    ARENA_MOST_SYSTEM_MEMORY = 0x890,
    ARENA_BYTES = 0x898,
    ARENA_NUM_FASTBINS = 10,
    ARENA_NUM_BINS = 127,
    ARENA_NONCONTIGUOUS = 2,
};

/* heap_info: at the start of each piece of an arena that is not the main one, and aligned to its greatest size. */
enum {
    HEAP_ARENA = 0x00,
    HEAP_PREVIOUS = 0x08,
    HEAP_BYTES_OFFSET = 0x10,
    HEAP_HEADER_BYTES = 0x30,           /* From 2.35 on; */
    HEAP_OLD_HEADER_BYTES = 0x20,       /* before. */
};
#define HEAP_MOST_BYTES (UINT64_C(64) << 20)

/* struct malloc_chunk: the size before the memory that is given out; its low bits are flags. */
#define CHUNK_HEADER_BYTES 16u
#define CHUNK_SIZE_OFFSET 8u
#define CHUNK_LEAST_BYTES 32u
#define CHUNK_ALIGNMENT 16u
#define CHUNK_PREVIOUS_IN_USE UINT64_C(1)
#define CHUNK_MAPPED UINT64_C(2)
#define CHUNK_FLAGS UINT64_C(7)

/* struct malloc_par; in 2.35 two fields were put in before n_mmaps. */
enum {
    PARAMETERS_TOP_PAD = 0x08,
    PARAMETERS_ARENA_TEST = 0x18,
    PARAMETERS_MAPS = 0x3c,             /* n_mmaps, n_mmaps_max: ints */
    PARAMETERS_MAPPED = 0x50,           /* mmapped_mem */
    PARAMETERS_BREAK = 0x60,            /* sbrk_base */
    PARAMETERS_OLD_MAPS = 0x28,
    PARAMETERS_OLD_MAPPED = 0x38,
    PARAMETERS_OLD_BREAK = 0x48,
    PARAMETERS_BYTES = 0x68,
};
#define DEFAULT_TOP_PAD UINT64_C(0x20000)
#define DEFAULT_ARENA_TEST UINT64_C(8)
#define DEFAULT_MOST_MAPS 65536u

/* tcache_perthread_struct, from 2.30 to 2.41: counts of 16 bits, then the heads of 64 lists. In a chunk of its own. */
enum {
    CACHE_LISTS = 64,
    CACHE_HEADS = 0x80,
    CACHE_BYTES = 0x280,
    CACHE_CHUNK_BYTES = 0x290,
};

#endif
