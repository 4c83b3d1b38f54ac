/* What the GC has been at: how often, for how long, at what cost, and whether it thrashes; and each cycle as
 * GODEBUG=gctrace=1 would print it. */
#ifndef HEAPTOP_ANALYSIS_GC_ACTIVITY_H
#define HEAPTOP_ANALYSIS_GC_ACTIVITY_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* Pauses are counted in classes each twice as long as the one before: up to 16 us, 32 us, ... 0.5 s, and longer. */
#define GC_PAUSE_CLASSES 17
#define GC_PAUSE_FIRST_NS 16000.0

struct gc_activity {
    /* Over the window that growth is judged over: */
    uint32_t num_pauses;
    double pause_p50_ns, pause_p99_ns, pause_max_ns;    /* NAN when there are none. */
    uint32_t pauses[GC_PAUSE_CLASSES];
    uint32_t causes[GC_CAUSES];                 /* Cycles by enum gc_cause. */

    /* Over the last GC_RECENT_NS: */
    uint32_t recent_cycles;
    double cycles_per_s;                        /* NAN with fewer than two. */
    /* Of GOMAXPROCS, without what idle Ps did: by the cycles that were seen in full, or where there is none by the
     * runtime's own count; NAN when not known. */
    double cpu_share;
    double freed_share;                         /* Of the heap that each cycle met, the median; NAN when not known. */
    /* Half of the cycles and more came because of GOMEMLIMIT; where no cycle's cause is known, Go has nearly as much in
     * use. */
    bool pinned;
    bool forced;                                /* More cycles than not are by runtime.GC or debug.FreeOSMemory. */
    /* More than one cycle a second throughout, pinned to GOMEMLIMIT; or of which half freed less than GC_THRASH_FREED
     * of the heap, at a cost of GC_THRASH_CPU or more of the CPU where that is known. A program that has just filled
     * its heap makes many cycles that free nothing, but not for long. */
    bool thrashing;
};
#define GC_RECENT_NS UINT64_C(15000000000)
#define GC_THRASH_PER_S 1
#define GC_THRASH_CPU 0.05
#define GC_THRASH_FREED 0.2
#define GC_PINNED_PART 0.9      /* Of GOMEMLIMIT in use: from here on Go collects to stay below it. */

/* What the runtime counts of all cycles, for what those that were seen in full do not tell. */
struct gc_counts {
    double cpu_share;           /* Of the CPU, over the last GC_RECENT_NS; NAN when not known. */
    double forced;              /* Cycles of that time that the program asked for; NAN when not known. */
    double limit_used;          /* Of GOMEMLIMIT, what Go has in use; 0 without a limit. */
};

/* Cycles oldest first. ERROR_NO_MEMORY. */
struct error *gc_activity_compute(const struct gc_cycle *cycles, size_t count, uint64_t now_unix_ns, uint64_t window_ns,
                                  const struct gc_counts *counts, struct gc_activity *ret_activity);

/* What it is at of late, in a sentence for a person; nothing where no cycle was seen. */
void gc_activity_write_note(const struct gc_activity *activity, struct text *text);

/* Which class of gc_activity.pauses a pause is in; the longest pause of a class (INFINITY of the last). */
unsigned gc_pause_class(double pause_ns);
double gc_pause_class_end(unsigned pause_class);

/* "heap goal", "memory limit", "forced", "periodic"; "" when unknown. */
const char *gc_cause_name(enum gc_cause cause);
/* CPU time that a cycle took, what idle Ps gave left out, of GOMAXPROCS since the cycle before ended (NULL: there is
 * none); NAN when not known. */
double gc_cycle_cpu_share(const struct gc_cycle *cycle, const struct gc_cycle *previous);
/* Of the heap that it met, what it freed; NAN when not known. */
double gc_cycle_freed_share(const struct gc_cycle *cycle);
/* The line that GODEBUG=gctrace=1 prints (runtime/mgc.go gcMarkTermination, Go 1.19-1.27), "-" for what is not
 * known. */
void gc_cycle_write_trace(const struct gc_cycle *cycle, struct text *text);

#endif
