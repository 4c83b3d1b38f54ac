/* What a session remembers. Private to the analysis room. */
#ifndef ANALYSIS_HISTORY_H
#define ANALYSIS_HISTORY_H

#include "analysis/malloc_history.h"
#include "heaptop/analysis.h"

#define NOT_FOLLOWED UINT32_MAX
/* A rise of fewer goroutines is none. */
#define SMALLEST_GOROUTINE_RISE 8

/* What is kept of a bucket besides the latest snapshot's counts. An index is the bucket's index in the snapshots. */
struct bucket {
    struct site_values published, provisional;
    double scale;           /* Objects that one sampled object stands for. */
    double weight;          /* Bytes that one sampled object stands for. */
    double missed;          /* The probability that an object of it is not sampled. */
    int64_t first_allocated;    /* Provisional bytes allocated when the session began; 0 where the bucket is younger. */
    uint32_t stack;         /* Index in history.stacks, or NOT_FOLLOWED. */
};

/* Sums over the buckets of a stack, or the stacks of a call site. */
struct sums {
    struct site_values published, provisional;
    uint64_t sampled_objects;
    uint64_t sampled_allocs, sampled_frees;
    double alloc_weight, inuse_weight;  /* Weight times estimated bytes, allocated and in use. */
    double variance;                    /* Of the in-use bytes. */
    double allocated_since;             /* Provisional bytes allocated since the session began. */
};

struct tracked {
    struct sums sums;
    struct series inuse, allocated;
    struct series provisional;      /* Provisional in-use bytes at each sample, while cycles are too few. */
    struct growth growth;
    double alloc_bytes_per_s, free_bytes_per_s;     /* Over the window; NAN before the second observation. */
};

struct tracked_stack {
    struct tracked tracked;
    stack_id stack;
    frame_id subject;
    uint32_t call_site;     /* Index in history.call_sites. */
};

struct tracked_call_site {
    struct tracked tracked;     /* Its series and growth are empty while there is one stack: they are that stack's. */
    uint32_t first_stack;       /* Index of the first that was seen. */
    uint32_t num_stacks;
};

/* What goroutines are counted by over time. */
enum goroutine_scope {
    SCOPE_GROUP,        /* State, creator and start, whatever their stacks: of these there may be ever new ones. */
    SCOPE_CREATOR,      /* All that one go statement started. */
    SCOPE_STATE,
    SCOPE_KIND,
    SCOPE_LABELS,
    SCOPE_COUNT
};

/* What is not of the scope is 0. */
struct goroutine_key {
    uint32_t scope;             /* enum goroutine_scope */
    string_id state, wait_reason;
    frame_id created_by, start;
    uint32_t kind;              /* enum wait_kind */
    string_id labels;
};

struct tracked_goroutines {
    struct goroutine_key key;
    uint32_t count;             /* In the latest snapshot that had groups. */
    struct series counts;
    struct growth growth;
    uint64_t judged_unix_ns;
};

/* A goroutine of the runtime that stands in a program's finalizer or cleanup function. */
struct runner {
    frame_id start;             /* runtime.runfinq and the like. */
    stack_id stack;
    uint64_t since_unix_ns;     /* Since when it has been seen at the same place. */
    bool seen;                  /* In the latest snapshot that had groups. */
};
/* The runtime starts one for finalizers, and for cleanups at most as many as there are Ps (runtime/mcleanup.go, Go
 * 1.25-1.27). */
#define MAX_RUNNERS 32

/* What is observed at every sample need not be judged at each: a verdict over fifteen minutes does not change in a
 * second. This is how long it holds; a fraction of what has been observed, at most of the window. */
uint64_t history_verdict_age(const struct history *history, uint64_t unix_ns);

/* Samples over which the program's allocation rate is taken. */
#define RECENT_SAMPLES 6

/* What it owns is named in history_destroy, in history_memory and in history_copy. */
struct history {
    struct history_options options;     /* Defaults filled in. */
    struct snapshot *latest;
    struct memory_parts memory_parts;   /* Of the latest snapshot that had a memory map. */
    struct memory_parts first_parts;    /* Of the first. */
    struct malloc_history malloc;
    VECTOR(struct span_class) span_classes;
    VECTOR(struct heap_cache_use) heap_caches;
    uint64_t first_unix_ns;
    struct series counters[COUNTER_COUNT], rates[COUNTER_COUNT];

    struct series kinds[WAIT_KIND_COUNT];     /* Goroutines by enum wait_kind. */

    struct series profile_cycles;       /* How many readings of the profile so far that a new cycle had published. */
    uint64_t profile_cycle, num_profile_cycles;
    struct series marked;               /* HEAP_MARKED, once a cycle. */
    struct series gc_readings;          /* How many of them. */
    int64_t num_gc;
    uint64_t num_gc_readings;
    struct growth heap_growth;
    struct series outside_go;           /* RSS less GO_SYS less HEAP_RELEASED. */
    struct series outside_anonymous;    /* The same of anonymous memory only. */
    struct growth rss_growth, goroutine_growth, outside_growth, outside_anonymous_growth, timer_growth,
        finalizer_growth, thread_growth;
    struct managed_heap managed;
    uint64_t judged_unix_ns;            /* When these were last judged. */

    VECTOR(struct bucket) buckets;
    bool buckets_are_newer;             /* An add failed halfway: they are of a later snapshot than the latest. */
    VECTOR(struct tracked_stack) stacks;
    VECTOR(struct tracked_call_site) call_sites;
    struct table stacks_by_id, call_sites_by_key;
    /* Indices of call sites and stacks in the order of analysis.call_sites and analysis.stacks. */
    VECTOR(uint32_t) call_site_order;
    VECTOR(uint32_t) stack_order;
    struct allocation_totals totals;
    bool has_profile;                   /* One was on so far; profile_rate and so on are of the latest. */
    bool profile_is_new;                /* It began with the snapshot that is being added. */
    uint64_t profile_first_unix_ns;     /* When that was. */
    int64_t profile_rate;
    uint64_t profile_since_unix_ns;
    bool has_unattributed;              /* The three below are known, as of the latest snapshot. */
    int64_t unattributed_bytes;
    struct series unattributed;         /* Once a cycle. */
    struct growth unattributed_growth;
    uint64_t provisional_unix_ns;       /* When provisional growth was last judged. */

    VECTOR(struct tracked_goroutines) goroutines;
    struct table goroutines_by_key;
    struct runner runners[MAX_RUNNERS];
    size_t num_runners;

    VECTOR(struct gc_cycle) cycles;
    VECTOR(double) cpu_fractions;       /* Of latest->threads. */
    VECTOR(double) next_cpu_fractions;  /* Scratch. */
    struct point total_alloc[RECENT_SAMPLES];   /* Oldest first, in monotonic time. */
    unsigned num_total_alloc;
};

/* Frames of one function and line are one call site, though their addresses differ. */
uint64_t history_call_site_key(const struct frame *frame);
/* The same for two groups that are in one row of this grouping. */
uint64_t goroutine_group_key(enum goroutine_grouping grouping, const struct goroutine_group *group);

/* The series and growth of a call site: its own, or its only stack's. */
const struct tracked *history_call_site_trend(const struct history *history, const struct tracked_call_site *call_site);
/* The entry that the group is counted in, or NULL. */
const struct tracked_goroutines *history_find_goroutines(const struct history *history, enum goroutine_scope scope,
                                                         const struct goroutine_group *group);

/* Growing first, by falling slope; 0 when that does not tell them apart. For sorting. */
int growth_compare(const struct growth *left, const struct growth *right);

/* Goroutine groups of a new snapshot; heap profile of a new snapshot. */
struct error *history_add_goroutines(struct history *history, const struct snapshot *snapshot);
struct error *history_add_sites(struct history *history, const struct snapshot *snapshot);
/* What the counts since the last cycle add to the verdicts of sites; sets *changed when any verdict or slope did. */
struct error *history_heed_provisional(struct history *history, const struct snapshot *snapshot, bool *changed);

/* The rows of goroutines of an analysis, whose snapshot is set. */
struct error *analysis_compute_goroutines(const struct history *history, struct analysis *analysis);

/* The same of threads, and of their stacks. */
struct error *analysis_compute_threads(const struct history *history, struct analysis *analysis);

/* The C library's heap, as the history has it. */
struct error *analysis_compute_malloc(const struct history *history, struct analysis *analysis);

/* Memory allocated before profiling was switched on: before and after the sums are made, and once a cycle. */
void history_begin_profile(struct history *history, const struct snapshot *snapshot, int64_t rate);
void history_measure_unattributed(struct history *history, const struct snapshot *snapshot);
struct error *history_observe_unattributed(struct history *history, const struct snapshot *snapshot);
/* Whether the rise of a site may be no more than new objects in the place of such that had no site. */
bool history_only_replaces(const struct history *history, const struct series *inuse, const struct growth *growth);

/* Bytes that one sampled object of these stands for: the mean over bytes allocated, or over bytes in use where that is
 * more. */
double sums_weight(const struct sums *sums);

#endif
