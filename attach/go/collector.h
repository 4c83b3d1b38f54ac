/* Completed GC cycles, from the runtime's ring of pauses and what the collector and the pacer note of the latest. */
#ifndef HEAPTOP_ATTACH_GO_COLLECTOR_H
#define HEAPTOP_ATTACH_GO_COLLECTOR_H

#include "attach/go/memory_state.h"

/* memstats.pause_ns and pause_end hold so many cycles (runtime/mstats.go, Go 1.19-1.27). */
#define COLLECTOR_RING 256u

/* What was seen of one cycle while the runtime had it. The runtime keeps each figure until the next cycle comes to the
 * point where it is set; so a cycle's are gathered in several looks, where these are not far apart. */
struct cycle_note {
    uint64_t number;                        /* 0: none. */
    /* When each began, on the runtime's clock; end: when all was over. */
    uint64_t sweep_termination, mark, mark_termination, end;
    uint64_t heap_before, heap_peak, heap_after, heap_goal;
    uint64_t percent_goal;                  /* The goal by GOGC alone. */
    uint64_t assist_ns, background_ns, idle_ns, stack_bytes, globals_bytes;
    uint32_t procs, stop_procs;
    double cpu_fraction;
    bool forced;
    bool has_start;                         /* sweep_termination, heap_before, procs, stop_procs, forced. */
    bool has_mark;
    bool has_end;                           /* mark_termination, end, heap_peak, heap_after, heap_goal. */
    bool has_cpu;                           /* Times of CPU, root sizes, cpu_fraction. */
    bool has_percent_goal;
};

struct collector {
    bool started;
    uint32_t seen, seen_forced;     /* memstats.numgc and numforcedgc as of the last sample. */
    uint32_t fresh;                 /* Cycles that the last sample brought. */
    uint64_t sampled_ns;            /* When that was (monotonic), and how long after the one before. */
    uint64_t span_ns;
    struct cycle_note notes[COLLECTOR_RING];    /* By number. */
};

/* Notes what the state tells of the cycle that ended last and of the one under way. Cheap: it serves looks
 * between samples. */
void collector_note(struct collector *collector, const struct memory_state *state);

/* How soon to look again before the next sample, so that no cycle passes unseen: 0 where cycles are rarer
 * than samples. */
uint64_t collector_look_interval(const struct collector *collector);

/* Adds the cycles completed since the last call to snapshot->gc_cycles; in the first call, all the ring holds. */
struct error *collector_sample(struct collector *collector, const struct memory_state *state,
                               struct snapshot *snapshot);

#endif
