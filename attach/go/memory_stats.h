/* runtime.MemStats, computed from outside as runtime.ReadMemStats does inside. */
#ifndef HEAPTOP_ATTACH_GO_MEMORY_STATS_H
#define HEAPTOP_ATTACH_GO_MEMORY_STATS_H

#include "attach/go/allocation_caches.h"
#include "attach/go/memory_state.h"

/* The counts given last, below which none falls again: a look from outside misses for a moment what a P's cache is
 * just handing over. All zeros at first. */
struct memory_stats {
    uint64_t tiny_allocs, small_allocs[ALLOCATION_CACHES_CLASSES];
};

/* Fills the counters of group "go" (but GOROUTINES and MEM_PROFILE_RATE), and size_classes. `caches` is to be read
 * after `state`. */
struct error *memory_stats_sample(struct memory_stats *stats, const struct memory_state *state,
                                  const struct allocation_caches *caches, struct snapshot *snapshot);

#endif
