/* Suspects: what a person should look at first, with the evidence for it, how sure it is, and what to do next. What is
 * held against what before anything is called one is told in analysis/suspects.c; a healthy program has none. */
#ifndef HEAPTOP_ANALYSIS_SUSPECTS_H
#define HEAPTOP_ANALYSIS_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/snapshot.h"

/* X(ID, name, unit, label): name and unit are for JSON, unit is what per_second counts; NULL where there is no rate. */
#define SUSPECT_KINDS(X) \
    X(SITE_GROWS, "site_grows", "bytes", "call site grows") \
    X(GOROUTINES_GROW, "goroutines_grow", "goroutines", "goroutines grow") \
    X(GOROUTINES_STUCK, "goroutines_stuck", NULL, "goroutines stuck") \
    X(TIMERS_GROW, "timers_grow", "timers", "timers grow") \
    X(FINALIZERS, "finalizers", "objects", "finalizers") \
    X(GC_THRASH, "gc_thrash", "cycles", "GC thrashes") \
    X(HEAP_IDLE, "heap_idle", NULL, "heap held idle") \
    X(OUTSIDE_GO_GROWS, "outside_go_grows", "bytes", "outside Go grows") \
    X(TYPE_GROWS, "type_grows", "objects", "class grows") \
    X(CHUNKS_GROW, "chunks_grow", "bytes", "chunks grow") \
    X(MAPPINGS_GROW, "mappings_grow", "bytes", "mappings grow") \
    X(THREADS_GROW, "threads_grow", "threads", "threads grow") \
    X(LIMIT_NEAR, "limit_near", "bytes", "limit is near")

enum suspect_kind {
#define X(id, ...) SUSPECT_##id,
    SUSPECT_KINDS(X)
#undef X
    SUSPECT_KIND_COUNT
};

struct suspect_kind_info {
    const char *name, *unit, *label;
};
extern const struct suspect_kind_info suspect_kind_infos[SUSPECT_KIND_COUNT];

/* Ascending. */
enum suspect_confidence {
    SUSPECT_POSSIBLE,   /* Worth a look: there are healthy programs that look like this. */
    SUSPECT_LIKELY,
    SUSPECT_SURE,       /* What is said is beyond doubt; whether it is meant to be so, only its author knows. */
};

/* "possible", "likely", "sure". */
const char *suspect_confidence_name(enum suspect_confidence confidence);

#define SUSPECT_MAX_EVIDENCE 8

/* Strings are plain text, in the analysis's arena. */
struct suspect {
    enum suspect_kind kind;
    enum suspect_confidence confidence;
    frame_id subject;           /* The line to look at; 0: the process as a whole. */
    const char *name;           /* What it is about, where that is no line: a class, a size of chunks; or NULL. */
    frame_id created_by;        /* Goroutines: the go statement; else 0. */
    stack_id stack;             /* How the subject is reached, or where they wait; 0 when unknown. */
    double per_second;          /* In the kind's unit; NAN when there is no rate. */
    uint64_t since_unix_ns;     /* When it began; 0 when unknown, or before heaptop attached. */
    double share;               /* Of the growth of the heap that it accounts for, 0 to 1; NAN when unknown. */
    unsigned num_folded;        /* Call sites whose growth it explains beside its own; their part is in `share`. */
    const char *summary;        /* One sentence. */
    const char *evidence[SUSPECT_MAX_EVIDENCE];
    size_t num_evidence;
    const char *advice;         /* What to do next. */
};

#endif
