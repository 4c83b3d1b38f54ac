/* Snapshots in, conclusions out. Pure: no clock, no globals, no I/O; the same snapshots give the same results, live or
 * replayed. */
#ifndef HEAPTOP_ANALYSIS_H
#define HEAPTOP_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/analysis/gc_activity.h"
#include "heaptop/analysis/chronicle.h"
#include "heaptop/analysis/memory_parts.h"
#include "heaptop/analysis/scheduler_load.h"
#include "heaptop/analysis/span.h"
#include "heaptop/analysis/suspects.h"
#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* ---- series: values over time in bounded memory ---- */

struct point {
    uint64_t unix_ns;
    double value;
};

/* Holds at most `capacity` points over however long a time. When full, points go, so that those of the last
 * SERIES_RECENT_NS lie evenly and older ones ever further apart: it always reaches back to its first value and never
 * forgets the newest. A value that stays is two points, where it began and where it was last seen. Eight bytes a point:
 * read them with series_point. Values are kept to 24 bits of their distance from the first. */
struct series {
    struct series_cell *cells;
    uint32_t count, capacity;
    uint64_t base_unix_ns;      /* Of the first value. */
    double base_value;
    uint64_t added;             /* Values added so far. */
};
#define SERIES_RECENT_NS (15 * 60 * UINT64_C(1000000000))

/* Lazily allocated; grows up to the capacity (at least 8). A value at the time of the last one (to 10 ms), or earlier,
 * replaces it; NAN is left out. false when memory is out. */
bool series_add(struct series *series, uint32_t capacity, uint64_t unix_ns, double value);
void series_deinit(struct series *series);
/* The point of an index below series->count; ascending in time. */
struct point series_point(const struct series *series, uint32_t index);
/* The value at a time: the last point at or before it; false before the first. */
bool series_value_at(const struct series *series, uint64_t unix_ns, double *ret_value);
/* Cuts the last span_ns into `count` equal columns and writes each column's maximum (last value carried over columns
 * without points); NAN before the first point. For sparklines. */
void series_columns(const struct series *series, uint64_t now_unix_ns, uint64_t span_ns, double *columns, size_t count);

/* ---- growth: how it is judged is told in analysis/growth.c ---- */

enum growth_verdict {
    GROWTH_TOO_FEW,     /* Too few samples or GC cycles to say. */
    GROWTH_PLATEAU,     /* Neither rises nor falls by more than the sampling error. */
    GROWTH_SAWTOOTH,    /* Rises and falls, without a trend. */
    GROWTH_GROWING,     /* Keeps rising across GC cycles, more than sampling error explains. */
    GROWTH_SHRINKING,
};

struct growth {
    enum growth_verdict verdict;
    double per_second;          /* Robust slope (Theil-Sen) over the span judged; of a rise in steps the mean over
                                   several of them. 0 with GROWTH_TOO_FEW. */
    double error_per_second;    /* Half width of its 95% confidence interval, sampling error included. */
    uint64_t since_unix_ns;     /* When the rise (or fall) began; 0 unless growing or shrinking. */
    /* Of a plateau of exact figures, else 0: by how much it is more than when the span judged began; and since when it
     * has been as it is: from there on, or, where that is a tenth of it and more, within a fiftieth. */
    uint64_t steady_since_unix_ns;
    double gained;
    uint32_t points;            /* Observations it rests on: GC cycles for heap figures, samples for counts. */
    /* Only of call sites and stacks, and only growing: judged by what was counted since the last cycle, as too few
     * cycles have come. A site qualifies when of all that it ever allocated hardly anything was freed. */
    bool provisional;
    /* Over a span that somebody chose (analysis_set_span): no judgement, but what changed, and that per second. */
    bool is_of_span;
    double change;
};

/* Fewer observations give GROWTH_TOO_FEW: GC cycles for heap figures; samples for RSS and counts, which come at any
 * moment. */
#define GROWTH_MIN_OBSERVATIONS 5
#define GROWTH_MIN_SAMPLES 10

/* A word for people and JSON: "growing", "sawtooth", "plateau", "shrinking", "too few samples". */
const char *growth_verdict_name(enum growth_verdict verdict);

/* Of exact figures (RSS, counts). A rise below smallest_rise is none; judged first over window_ns, then over shorter
 * and longer spans. */
struct growth growth_of_series(const struct series *series, uint64_t window_ns, double smallest_rise);

/* ---- heaps of other runtimes than Go's ---- */

enum managed_kind { MANAGED_NONE, MANAGED_JVM, MANAGED_PYTHON };

struct managed_heap {
    enum managed_kind kind;
    /* By which its growth is judged: the old generation's use, pymalloc's arenas, objects that survive. */
    enum counter_id counter;
    struct growth growth;
    double collections;         /* Of a JVM: full and concurrent ones since it began to grow or shrink. */
};

/* ---- history ---- */

struct history;

struct history_options {
    uint32_t counter_points;    /* Per counter; 0: 1,024. */
    uint32_t site_points;       /* Per call site, stack and goroutine group; 0: 96. */
    uint32_t max_rows;          /* Stacks, and goroutine groups, with a series; 0: 20,000. More are only counted. */
    uint64_t window_ns;         /* Over which growth is judged; 0: 15 minutes. */
};

struct error *history_create(const struct history_options *options, struct history **ret_history);
void history_destroy(struct history *history);      /* Accepts NULL. */
/* Another that knows the same and goes on by itself: what is added to the one is not in the other. */
struct error *history_copy(const struct history *history, struct history **ret_copy);

/* Adds the next snapshot of the session (in order of time), and keeps a reference to it as the latest. One of another
 * process starts the history over: nothing is judged across the two. */
struct error *history_add(struct history *history, struct snapshot *snapshot);

/* NULL before the first. Borrowed until the next history_add. */
const struct snapshot *history_latest(const struct history *history);
uint64_t history_first_unix_ns(const struct history *history);
const struct series *history_counter(const struct history *history, enum counter_id id);
/* Change per second of a monotonic counter (allocation rate, CPU), or of a gauge, one point a sample. */
const struct series *history_counter_rate(const struct history *history, enum counter_id id);
/* How many goroutines there were of this kind; the runtime's own left out. */
const struct series *history_goroutines_at(const struct history *history, enum wait_kind kind);
/* Completed GC cycles seen, oldest first; at most HISTORY_MAX_CYCLES, the newest are kept. */
const struct gc_cycle *history_cycles(const struct history *history, size_t *ret_count);
#define HISTORY_MAX_CYCLES 4096
size_t history_memory(const struct history *history);

/* ---- rows: what the screens list ---- */

/* A call site (all stacks with one subject frame) or one stack. */
struct allocation_row {
    /* Not a site, but what was allocated before profiling was switched on (analysis.unattributed): it has only
     * published bytes in use, a share, a growth and a series. */
    bool is_unattributed;
    frame_id subject;                   /* catalog_stack_subject's frame. */
    stack_id stack;                     /* The stack; for a call site the one with the most bytes in use. */
    uint32_t first_stack, num_stacks;   /* For a call site: its rows in analysis.stacks. */
    struct site_values published;       /* Unsampled, summed. */
    struct site_values provisional;
    uint64_t sampled_objects;           /* In use, as counted: the estimate's relative error is about 1/sqrt(n). */
    double relative_error;              /* 0 where the rate is 1 (every allocation counted). */
    double share;                       /* Of all in-use bytes in the profile, and of those before it; 0 to 1. */
    double alloc_bytes_per_s, free_bytes_per_s; /* Over the window, between GC cycles; NAN before the second. */
    double alloc_objects_per_s;         /* The same in objects of the site's average size. */
    struct growth growth;               /* Of in-use bytes. */
    double growth_share;                /* Growing, while the live heap grows: its part of what that has gained since
                                           its rise began; NAN otherwise. */
    const struct series *inuse;         /* In-use bytes, as each GC cycle published them. Owned by the history. */
    const struct series *allocated;     /* Allocated bytes so far. */
};

/* What goroutines are listed by. */
enum goroutine_grouping {
    GOROUTINES_BY_STACK,        /* Each group by itself, but for labels. */
    GOROUTINES_BY_CREATOR,      /* All that one go statement started with one function. */
    GOROUTINES_BY_STATE,        /* All that wait for the same, or are in the same state. */
    GOROUTINES_BY_KIND,         /* All that do the same sort of thing. */
    GOROUTINES_BY_LABELS,       /* All with the same pprof labels. */
    GOROUTINES_BY_GROUP,        /* Each group of the snapshot by itself. */
    GOROUTINE_GROUPINGS,
};

/* Whether two groups are in one row of this grouping. */
bool goroutine_groups_match(enum goroutine_grouping grouping, const struct goroutine_group *a,
                            const struct goroutine_group *b);

/* The frame that a person should see: of the stack the program's own innermost, else the function that they run, else
 * the go statement. */
frame_id goroutine_subject(const struct catalog *catalog, const struct goroutine_group *group);

struct goroutine_row {
    /* Of a row of several groups the counts are sums, and what is not the same in all of them is 0. */
    struct goroutine_group group;
    enum goroutine_grouping grouping;
    uint32_t num_groups;
    uint32_t group_index;       /* In the snapshot; of several groups, of one of them. */
    bool labels_differ;         /* In a row of several groups: `labels` is 0 for that, not for having none. */
    /* Goroutines change their state all the time, but not who started them: so this judges the number of all that have
     * this creator and start, and stands at the largest of their groups. Of the others those are judged, by their own
     * count, that are the largest of their state; the rest is GROWTH_TOO_FEW. */
    struct growth growth;
    /* Of this state, creator and start; of other groupings, of all in the row. May be empty. Owned by the history. */
    const struct series *counts;
};

/* "3,102 goroutines blocked in chan send, oldest 12 min, +14/s, all on 1 channel (cap 0, no receiver)." */
void goroutine_write_summary(const struct catalog *catalog, const struct goroutine_row *row, struct text *text);
/* Of that sentence what stands behind the first comma. */
void goroutine_write_details(const struct goroutine_row *row, struct text *text);
/* "channel (cap 16, full, no receiver, 2 senders)"; of a lock its kind tells that from other semaphores. */
void wait_object_write(const struct wait_object *object, enum wait_kind kind, struct text *text);
/* Labels as people read them: "handler=/api tenant=x"; nothing for none. */
void goroutine_write_labels(const struct catalog *catalog, string_id labels, struct text *text);

struct thread_row {
    struct thread thread;
    double cpu_fraction;                /* Of one CPU, since the previous sample; NAN when not known yet. */
};

/* Threads that wait at one place, by the same way there. */
struct thread_group {
    stack_id stack;
    uint8_t stack_quality;              /* enum stack_quality; the worst of them. */
    uint32_t count;
    pid_t first_tid;                    /* Of any of them; the same one for as long as it is there. */
    double cpu_fraction;                /* Of one CPU, all together; NAN when not known of any. */
    string_id system_call;              /* Of the first. */
};

/* What became of chunks of one sort since malloc's heap was first read. */
struct malloc_growth {
    double bytes_per_s;                 /* Of used bytes, over all that time; NAN when it was read once. */
    int64_t bytes, chunks;
    struct growth judged;               /* Whether they keep growing. */
};

/* Chunks of malloc of one size. */
struct malloc_class_row {
    struct malloc_class class;
    uint64_t smallest;                  /* Chunks of the class are larger than that of the one before. */
    struct malloc_growth growth;
};

/* Live C++ objects of one class. */
struct malloc_type_row {
    struct malloc_type type;
    struct malloc_growth growth;
};

/* Totals of the heap profile. */
struct allocation_totals {
    struct site_values published, provisional;
    size_t buckets, stacks, call_sites;
    size_t buckets_not_followed;        /* Beyond history_options.max_rows: in the sums, but in no row. */
};

/* Everything a screen or a report needs about the latest snapshot. Rows borrow series from the history: valid until its
 * next history_add. */
struct analysis {
    struct arena arena;
    const struct snapshot *snapshot;    /* Borrowed from the history. */
    struct allocation_totals totals;
    struct allocation_row *call_sites;  /* By falling growth (growing first), then in-use bytes. */
    size_t num_call_sites;
    /* Stands behind the last call site, so that a list of num_call_sites + 1 rows has it too; NULL unless profiling was
     * switched on while the process ran. */
    struct allocation_row *unattributed;
    struct allocation_row *stacks;      /* Grouped by call site, in-use bytes falling within. */
    size_t num_stacks;
    struct goroutine_row *goroutines;   /* By falling growth, then count. */
    size_t num_goroutines;
    struct goroutine_row *goroutines_by[GOROUTINE_GROUPINGS];   /* The first is `goroutines`. In the same order. */
    size_t num_goroutines_by[GOROUTINE_GROUPINGS];
    struct thread_row *threads;
    size_t num_threads;
    struct thread_group *thread_groups; /* By falling number. */
    size_t num_thread_groups;
    struct memory_parts memory_parts;   /* Where RSS is, as of the last time its pages were looked at. */
    struct span_class *span_classes;    /* Of the same time. */
    size_t num_span_classes;
    struct heap_cache_use *heap_caches; /* Of the same time; by P. */
    size_t num_heap_caches;
    /* Of C code, as of malloc_unix_ns, without its types; NULL: never looked for. */
    struct malloc_heap *malloc_heap;
    struct malloc_class_row *malloc_classes;    /* Those that have chunks, by size; none where it is not known. */
    size_t num_malloc_classes;
    struct malloc_type_row *malloc_types;       /* By falling bytes. */
    size_t num_malloc_types;
    uint64_t malloc_unix_ns, first_malloc_unix_ns;      /* When it was read, and first read. */
    struct growth rss, heap, goroutine_count;       /* Of RSS, of live heap after GC (HEAP_MARKED), of GOROUTINES. */
    struct managed_heap managed;        /* A JVM's or CPython's; of kind MANAGED_NONE in other programs. */
    struct growth outside_go;           /* Of RSS less what Go has mapped and not released: C heaps, mappings, files. */
    uint64_t first_unix_ns, window_ns;  /* When the session began; over what growth is judged first. */
    double alloc_bytes_per_s;           /* Of the whole program, over the last few samples; NAN when unknown. */
    double alloc_bytes_per_s_window;    /* The same over the window: the live heap can grow no faster. */
    double gc_per_s;                    /* Over the window; NAN when unknown. */
    uint32_t cycles_seen;               /* GC cycles observed by this session: what the heap's verdicts rest on. */
    struct gc_activity gc;
    struct scheduler_load scheduler;
    uint64_t limit_bytes;               /* The tightest of the cgroup's and GOMEMLIMIT; 0: none. */
    bool limit_is_soft;                 /* It is GOMEMLIMIT: near it Go collects more often. */
    double seconds_to_limit;            /* At the present growth (soft: of the live heap); INFINITY when none. */
    struct suspect *suspects;           /* The most telling first; none in a healthy program. */
    size_t num_suspects;
};

/* Call sites and, behind them, the row without one, if any. */
static inline size_t analysis_num_listed(const struct analysis *analysis)
{
    return analysis->num_call_sites + (analysis->unattributed != NULL);
}
/* What that row is called, and where there is less room. */
#define ANALYSIS_UNATTRIBUTED "allocated before profiling was switched on"
#define ANALYSIS_UNATTRIBUTED_SHORT "before profiling was on"

/* Computes all of it. */
struct error *analysis_compute(const struct history *history, struct analysis **ret_analysis);
void analysis_destroy(struct analysis *analysis);   /* Accepts NULL. */

/* Whether it is of a Go program: then it has a live heap, goroutines and a GC. */
bool analysis_is_go(const struct analysis *analysis);

/* The verdict line in one or two sentences, for a person; names the growing site and its share, says when there is
 * nothing to worry about, and which of the things that look like leaks it is not (idle heap kept for reuse, ...). Plain
 * text, no markup. */
struct error *analysis_write_verdict(const struct analysis *analysis, struct text *ret_text);
/* How loudly a screen should show it. */
enum verdict_level { VERDICT_WAITING, VERDICT_CALM, VERDICT_NOTICE, VERDICT_GROWING };
enum verdict_level analysis_verdict_level(const struct analysis *analysis);

/* ---- tree by caller ---- */

/* One node of a tree of frames; children by falling in-use bytes. */
struct tree_node {
    frame_id frame;                     /* 0 at the root. Merged by function name and line. */
    struct tree_node *parent, *first_child, *next_sibling;
    struct site_values values;          /* Sum below and at this node. */
    double growth_per_second;
    uint32_t num_children, depth;
};

enum tree_direction {
    TREE_CALLERS,       /* Roots' children are call sites (subject frames); deeper are their callers. */
    TREE_CALLEES,       /* From the program's entry down to the allocation. */
};
/* Nodes live in the arena. */
struct error *analysis_build_tree(const struct analysis *analysis, enum tree_direction direction, struct arena *arena,
                                  struct tree_node **ret_root);

enum goroutine_tree {
    GOROUTINE_TREE_STACKS,      /* From the function that a goroutine was started with to where it waits. */
    GOROUTINE_TREE_CREATORS,    /* From a goroutine to those that it made, by the functions they run. */
};
/* Of goroutines: values.inuse_objects is their number, all else is 0. Nodes live in the arena. */
struct error *analysis_build_goroutine_tree(const struct analysis *analysis, enum goroutine_tree kind,
                                            struct arena *arena, struct tree_node **ret_root);

#endif
