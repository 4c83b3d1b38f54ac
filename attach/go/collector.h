/* Completed GC cycles, from the runtime's ring of pauses and what the pacer notes of the latest. */
#ifndef HEAPTOP_ATTACH_GO_COLLECTOR_H
#define HEAPTOP_ATTACH_GO_COLLECTOR_H

#include "attach/go/memory_state.h"

/* memstats.pause_ns and pause_end hold so many cycles (runtime/mstats.go, Go 1.19-1.27). */
#define COLLECTOR_RING 256u

struct collector {
    bool started;
    uint32_t seen;      /* memstats.numgc as of the last sample. */
};

/* Adds the cycles completed since the last call to snapshot->gc_cycles; in the first call, all the ring holds. */
struct error *collector_sample(struct collector *collector, const struct memory_state *state,
                               struct snapshot *snapshot);

#endif
