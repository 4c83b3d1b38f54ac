/* What a session remembers of the heap of C code: chunks by size and objects by type, over time. Private to the
 * analysis room. */
#ifndef ANALYSIS_MALLOC_HISTORY_H
#define ANALYSIS_MALLOC_HISTORY_H

#include "heaptop/analysis.h"

/* Types that are followed; later ones are listed without growth. */
#define MALLOC_HISTORY_MAX_TYPES 4096u

/* Live chunks of one sort. */
struct tracked_chunks {
    uint64_t chunks, bytes;                 /* As of the latest reading. */
    uint64_t first_chunks, first_bytes;     /* As of the first. */
    struct series used;                     /* Bytes. */
    struct growth growth;
};

struct tracked_type {
    string_id name;
    struct tracked_chunks tracked;
};

/* Zeroed, it is ready. */
struct malloc_history {
    struct malloc_heap heap, first; /* Of the latest reading in which it was known, and of the first; types NULL. */
    uint64_t unix_ns, first_unix_ns;        /* Of these two; 0: of none. */
    struct tracked_chunks classes[MALLOC_CLASSES];
    VECTOR(struct tracked_type) types;      /* In the order in which they were first seen. */
    struct table types_by_name;             /* string_id -> index. */
    struct series idle;                     /* Resident bytes in malloc that nobody uses, near enough. */
    struct series large;                    /* Bytes in chunks above 128 KiB, and in mappings of their own. */
    struct series outside;                  /* Anonymous memory beyond what malloc has taken. */
    struct growth outside_growth;
    uint64_t judged_unix_ns;
};

void malloc_history_deinit(struct malloc_history *history);
/* A copy with storage of its own, over a plain copy of the struct; false when memory is out, and the copy is then to be
 * deinitialised as well. */
bool malloc_history_copy(const struct malloc_history *history, struct malloc_history *copy);
/* Bytes of storage, the struct itself left out. */
size_t malloc_history_memory(const struct malloc_history *history);
/* Adds a snapshot; `points` is a series' capacity. Verdicts younger than verdict_age_ns are left as they are.
 * ERROR_NO_MEMORY. */
struct error *malloc_history_add(struct malloc_history *history, const struct snapshot *snapshot, uint32_t points,
                                 uint64_t window_ns, uint64_t verdict_age_ns);

#endif
