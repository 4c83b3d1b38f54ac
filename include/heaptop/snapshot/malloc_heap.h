/* The heap of a C library's malloc: what of it is in use, free, and kept ready. */
#ifndef HEAPTOP_SNAPSHOT_MALLOC_HEAP_H
#define HEAPTOP_SNAPSHOT_MALLOC_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/snapshot/catalog.h"

/* Chunks of similar size. Sizes are those of chunks, with their header: 8 bytes more than malloc was asked for, rounded
 * up to 16, and 32 at least. */
struct malloc_class {
    uint64_t largest;               /* Chunks up to this size; the class before ends below. */
    uint64_t used_chunks, used_bytes;
    uint64_t free_chunks, free_bytes;       /* In bins. */
    uint64_t cached_chunks, cached_bytes;   /* In fastbins and threads' caches: given out again as they are. */
};

/* 16 bytes apart up to 1 KiB, then four to each power of two; the last takes all that is larger. */
#define MALLOC_CLASSES 192u
/* The class of a chunk size. */
size_t malloc_class_of(uint64_t size);
/* The largest chunk of a class; UINT64_MAX for the last. */
uint64_t malloc_class_largest(size_t index);

struct malloc_arena {
    uint64_t address;
    bool is_main;
    bool is_whole;                  /* Walked from end to end, and nothing changed meanwhile. */
    uint32_t heaps;                 /* Pieces that it lies in. */
    uint64_t system_bytes;          /* Taken from the system. */
    uint64_t free_bytes, free_chunks;       /* In bins. */
    uint64_t fast_bytes, fast_chunks;       /* In fastbins. */
    uint64_t top_bytes;             /* At its end, never given out or given back. */
    uint64_t used_chunks;           /* Given to the program, or in threads' caches. */
};

/* More arenas are summed up, but not listed. */
#define MALLOC_MAX_LISTED 64u

/* Live chunks that begin with an object of a C++ class that has virtual functions. */
struct malloc_type {
    string_id name;                 /* As people write it: "ns::Session". */
    uint64_t objects, bytes;        /* Chunks, and their sizes: an array or a vector of such objects counts as one. */
};

/* Sorts by falling bytes; those with equal bytes by their names' numbers. */
void malloc_types_sort(struct malloc_type *types, size_t count);

/* More types are left out, those with the fewest bytes. */
#define MALLOC_MAX_TYPES 1024u

/* mallinfo2(3) has the same sums: system = arena, used = uordblks, free + fast + top = fordblks, fast = fsmblks, mapped
 * = hblkhd; there what is in threads' caches counts as used. */
struct malloc_heap {
    bool known;
    const char *reason;             /* Static: why it is not known; NULL when it is. */
    /* Static: what serves the program's allocations: "glibc", "jemalloc"; NULL or "": not known. Where it is another
     * than glibc and the heap is known all the same, that is of what glibc's malloc serves beside. */
    const char *allocator;
    uint64_t system_bytes, used_bytes, free_bytes, free_chunks, fast_bytes, fast_chunks, top_bytes, used_chunks;
    uint64_t cache_bytes, cache_chunks;     /* In threads' caches. */
    uint32_t caches;
    bool mapped_known;
    uint64_t mapped_bytes, mapped_chunks;   /* Large ones, in mappings of their own. */
    uint32_t num_arenas, num_listed;
    uint32_t torn_arenas; /* That changed while they were read, also the last time: their classes are left out. */
    struct malloc_arena arenas[MALLOC_MAX_LISTED];      /* The main arena first. */
    struct malloc_class classes[MALLOC_CLASSES];        /* Of all arenas that are whole. */
    struct malloc_type *types;      /* Of those arenas, by falling bytes. In the snapshot's arena. */
    size_t num_types;
    uint32_t types_left_out;
    bool types_cut;                 /* Not all that may begin an object could be looked into. */
    uint64_t took_ns, cpu_ns, bytes_read;   /* Of heaptop's, to read it. */
};

#endif
