/* Decides which allocations are sampled, and hands them to heaptop. All that runs for every allocation stands here. */
#ifndef PRELOAD_SAMPLER_H
#define PRELOAD_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/preload.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* A byte for each value of an address's hash: how many sampled blocks have it. What is 0 needs no search. */
#define SAMPLER_FILTER_BITS 17

struct sampler_thread {
    uint64_t countdown;     /* Bytes until the next sample; 0 also in a thread that has not allocated yet. */
    uint64_t random;
    bool is_started, is_busy;
};

extern __thread struct sampler_thread sampler_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern _Atomic uint8_t sampler_filter[1u << SAMPLER_FILTER_BITS] __attribute__((visibility("hidden")));

/* Counts an allocation that is about to be made. True: to be told of with sampler_allocated when it has been made. */
static inline bool sampler_is_due(size_t size)
{
    if (unlikely(size >= sampler_thread.countdown))
        return true;
    sampler_thread.countdown -= size;
    return false;
}

/* Whether sampler_forget and sampler_move may know this block. */
static inline bool sampler_may_know(const void *block)
{
    uint32_t hash = preload_hash((uint64_t)(uintptr_t)block, SAMPLER_FILTER_BITS);
    return unlikely(atomic_load_explicit(&sampler_filter[hash], memory_order_relaxed) != 0);
}

/* Takes a sample of a new block, or finds that none is due after all. Leaves errno as it is. */
void sampler_allocated(const void *block, size_t size) __attribute__((visibility("hidden")));

/* Before a block is freed. */
void sampler_forget(const void *block) __attribute__((visibility("hidden")));

/* Before a block is reallocated; NULL: it was not sampled. What was begun is ended by sampler_moved. */
struct preload_slot *sampler_move(const void *block) __attribute__((visibility("hidden")));
/* freed: the block is no more. Otherwise it is as it was. */
void sampler_moved(struct preload_slot *slot, const void *block, bool freed) __attribute__((visibility("hidden")));

/* For blocks that are no sample but need the slow way of freeing: those from before the real functions were known. */
void sampler_mark(const void *block) __attribute__((visibility("hidden")));

#endif
