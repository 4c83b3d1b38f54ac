/* Two moments compared: of one recording, of two, of a process and a recording; of one build or of two. Rows are
 * matched by the names of functions, never by addresses; by their lines as well where both moments are of the same
 * build, since lines move between releases. What it computes stands alone: it borrows nothing from the snapshots. */
#ifndef HEAPTOP_ANALYSIS_DIFF_H
#define HEAPTOP_ANALYSIS_DIFF_H

#include "heaptop/analysis/memory_parts.h"
#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* Which of a site's four values is meant. */
enum site_value { SITE_INUSE_BYTES, SITE_INUSE_OBJECTS, SITE_ALLOC_BYTES, SITE_ALLOC_OBJECTS, SITE_VALUE_COUNT };
/* "inuse_bytes", ...; as in JSON and on the command line. */
const char *site_value_name(enum site_value which);
int64_t site_value_of(const struct site_values *values, enum site_value which);

enum diff_kind {
    DIFF_SAME,          /* Equal, or no further apart than the sampling of the profile explains. */
    DIFF_GREW,
    DIFF_SHRANK,
    DIFF_APPEARED,      /* Nothing of it at the old moment. */
    DIFF_VANISHED,      /* Nothing of it at the new one. */
    DIFF_KIND_COUNT
};
/* "same", "grew", "shrank", "appeared", "vanished". */
const char *diff_kind_name(enum diff_kind kind);

/* Index of the arrays of two below. */
enum diff_side { DIFF_OLD, DIFF_NEW };

/* How much one row differs. */
struct diff_change {
    enum diff_kind kind;
    int64_t change;         /* New minus old. */
    double error;           /* Standard error of the change, from sampling; 0 where it is exact. */
    /* 0 to 1, for rows that grew of all that grew in this list, for others of all that shrank. */
    double share;
};

/* A call site (all stacks with one subject frame), or one stack. */
struct diff_allocation_row {
    struct diff_change change;          /* Of diff_options.value. */
    struct site_values values[2];       /* Unsampled, as pprof shows; 0 where there is none. */
    uint32_t lines[2];                  /* Of the subject: across builds they may differ. 0: not known, or not there. */
    /* In diff.catalog, as in all rows; as at the new moment, else at the old one. */
    frame_id subject;
    stack_id stack;                     /* For a call site the one that changed most. */
    uint32_t first_stack, num_stacks;   /* For a call site: its rows in diff.stacks. */
};

/* Goroutines of one creator and start function, or of one state and stack among these. */
struct diff_goroutine_row {
    struct diff_change change;          /* Of their number. */
    uint32_t counts[2];
    frame_id created_by, start;
    string_id state, wait_reason;       /* 0 in rows of several groups where they are not all in the same. */
    stack_id stack;                     /* 0: none. Of rows of several groups, that of the one that changed most. */
    bool system;                        /* The runtime's own. */
    uint32_t first_group, num_groups;   /* For a row of several groups: its rows in diff.goroutine_groups. */
};

struct diff_counter {
    struct counter values[2];           /* Reasons lie in the diff's arena. */
    bool is_known;                      /* On both sides: the two below. */
    double change;
    double ratio;                       /* New over old; NAN where the old one is 0. */
};

struct diff_memory_part {
    uint64_t bytes[2];
    struct diff_change change;
};

/* One of the two moments. */
struct diff_moment {
    uint64_t unix_ns;
    struct target_info target;          /* Its strings are in diff.catalog. */
    bool has_sites;                     /* It has a heap profile; else sites_reason says why not. */
    const char *sites_reason;           /* In the diff's arena. */
    struct site_values totals;          /* Of the heap profile. */
    uint32_t goroutines;                /* Sum of the groups, the runtime's own left out. */
    struct memory_parts memory_parts;
};

struct diff {
    struct arena arena;
    struct catalog *catalog;
    struct diff_moment moments[2];
    enum site_value value;
    bool is_same_build;                 /* Lines were compared as well. */
    bool is_same_process;               /* One process at two moments: errors are those of what came and went. */
    bool has_sites;                     /* Both moments have a heap profile. */
    struct diff_allocation_row *call_sites; /* By falling absolute change; those without any come last, by size. */
    size_t num_call_sites;
    struct diff_allocation_row *stacks;     /* Grouped by call site, in its order; the same order within. */
    size_t num_stacks;
    struct diff_goroutine_row *goroutines;  /* By creator and start. By falling absolute change. */
    size_t num_goroutines;
    struct diff_goroutine_row *goroutine_groups;    /* By state and stack, grouped by row of `goroutines`. */
    size_t num_goroutine_groups;
    struct diff_counter counters[COUNTER_COUNT];
    bool has_memory_parts;              /* Known at both moments. */
    struct diff_memory_part memory_parts[MEMORY_PART_COUNT];    /* In the order of the enumeration. */
    int64_t grown, shrunk;              /* Sums over the call sites of what grew and of what shrank (negative). */
    uint32_t num_of_kind[DIFF_KIND_COUNT];  /* Call sites. */
    bool sites_are_cut, goroutines_are_cut; /* A bound was met: the rest is in the totals, but in no row. */
};

/* Stacks, and goroutine groups, with a row of their own. */
#define DIFF_MAX_ROWS 200000

struct diff_source {
    const struct snapshot *snapshot;
    const struct memory_parts *memory_parts;    /* As of that moment; NULL: what the snapshot itself has. */
};

struct diff_options {
    enum site_value value;              /* What call sites are judged and sorted by. */
};

/* options may be NULL. ERROR_NO_MEMORY. */
struct error *diff_compute(const struct diff_source *old_source, const struct diff_source *new_source,
                           const struct diff_options *options, struct diff **ret_diff);
void diff_destroy(struct diff *diff);           /* Accepts NULL. */

/* Whether both are of the same executable: by its build id, else by the addresses of its calls. */
bool diff_is_same_build(const struct snapshot *left, const struct snapshot *right);

/* The sentence on top, for a person: how much more or less is held, what accounts for it, what else stands out. */
struct error *diff_write_verdict(const struct diff *diff, struct text *ret_text);

#endif
