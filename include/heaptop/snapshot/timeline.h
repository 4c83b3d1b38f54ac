/* What a source that remembers can tell of its whole session, and how it is moved about in it. Times are those of
 * snapshots, Unix nanoseconds. */
#ifndef HEAPTOP_SNAPSHOT_TIMELINE_H
#define HEAPTOP_SNAPSHOT_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/arena.h"
#include "heaptop/base/error.h"

struct source;

struct timeline_mark {
    uint64_t unix_ns;
    const char *text;       /* Escaped. */
};

/* Samples that there are not. */
struct timeline_gap {
    uint64_t from_unix_ns, to_unix_ns;
    uint64_t ticks;         /* How many; 0: there was nothing to sample. */
    const char *reason;     /* Escaped. */
};

/* What was thought to be amiss, from when to when. */
struct timeline_suspect {
    uint64_t from_unix_ns, to_unix_ns;
    const char *kind;       /* "growing_site"; all three are escaped. */
    const char *confidence;
    const char *summary;    /* A sentence. */
};

struct timeline {
    uint64_t first_unix_ns, last_unix_ns;
    bool ended;             /* No more will come; else it may go on. */
    struct timeline_mark *marks;    /* Oldest first, as the gaps and the suspects are. */
    size_t num_marks;
    struct timeline_gap *gaps;
    size_t num_gaps;
    struct timeline_suspect *suspects;
    size_t num_suspects;
};

/* The figures that a time line is drawn from; NAN where not known, or not changed since the snapshot before. */
struct timeline_point {
    uint64_t unix_ns;
    double rss_bytes, heap_live_bytes, goroutines, num_gc;
    double heap_marked_bytes, pause_total_ns;
    /* Which process it is of: another one has another of these. 0, 0: not known. */
    int64_t pid;
    uint64_t start_unix_ns;
    bool exited;
};

enum timeline_landmark {
    TIMELINE_SNAPSHOT,
    TIMELINE_MARK,
    TIMELINE_GC_CYCLE,      /* The snapshot that first knew of a cycle. */
    TIMELINE_SUSPECT,       /* When something was suspected first. */
    TIMELINE_MEMORY_MAP,    /* The snapshot that has one. */
};

struct timeline_ops {
    /* In the arena. */
    struct error *(*read)(struct source *source, struct arena *arena, struct timeline *ret_timeline);
    /* The next points after *position (0: from the beginning), which is moved along; none when that was all (for
     * now). */
    struct error *(*scan)(struct source *source, int64_t *position, struct timeline_point *points, size_t room,
                          size_t *ret_count);
    /* The nearest one after (+1) or before (-1) a time; 0 when there is none. */
    struct error *(*find)(struct source *source, enum timeline_landmark what, int direction, uint64_t unix_ns,
                          uint64_t *ret_unix_ns);
    /* So many seconds of the session in one; INFINITY: as fast as they are asked for; 0: only what `seek` asks for. */
    void (*set_pace)(struct source *source, double speed);
};

#endif
