/* runtime.MemStats, computed from outside as runtime.ReadMemStats does inside. */
#ifndef HEAPTOP_ATTACH_GO_MEMORY_STATS_H
#define HEAPTOP_ATTACH_GO_MEMORY_STATS_H

#include "attach/go/memory_state.h"

/* Fills the counters of group "go" (but GOROUTINES and MEM_PROFILE_RATE), and size_classes. */
struct error *memory_stats_sample(const struct memory_state *state, struct snapshot *snapshot);

#endif
