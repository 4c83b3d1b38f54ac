/* A recording named on the command line: FILE, FILE@TIME, or a span of it, FILE@FROM..TO. */
#ifndef HEAPTOP_CLI_RECORDED_H
#define HEAPTOP_CLI_RECORDED_H

#include "heaptop/record.h"

struct recorded {
    char *path;             /* All three are owned. */
    char *moment;           /* What follows the '@', or the beginning of the span; NULL: nothing. */
    char *until;            /* The end of the span; NULL: it is none. */
    uint64_t moment_unix_ns;    /* That moment, once it is open; 0 when none was named. */
};

/* Whether the argument names a recording rather than a process: there is such a file, or it has a '/' or ends with
 * ".heaptop", as no process's name does. False as well when memory is out. */
bool recorded_find(const char *argument, struct recorded *ret_recorded);
void recorded_deinit(struct recorded *recorded);

/* Opens it as a source that gives its snapshots at this speed (see replay_options), beginning with the one at the
 * moment, if any. ERROR_USAGE for a span. */
struct error *recorded_open(struct recorded *recorded, double speed, struct source **ret_source);
/* The same for a span, for what follows a moment, or (without either) for all of it: *ret_from_unix_ns is where that
 * begins, 0 at the beginning, and *ret_until_unix_ns where it ends, UINT64_MAX at the end. */
struct error *recorded_open_span(const struct recorded *recorded, struct source **ret_source,
                                 uint64_t *ret_from_unix_ns, uint64_t *ret_until_unix_ns);
/* One snapshot: the last at or before a moment of it, as people write them. */
struct error *recorded_take(const struct recorded *recorded, const char *moment, struct snapshot **ret_snapshot);

/* The nearest sample of the same process in which its pages were looked at: the last at or before the given one, else
 * the first after it. NULL where there is none. */
struct error *recorded_take_memory(const struct recorded *recorded, const struct snapshot *snapshot,
                                   struct snapshot **ret_snapshot);
/* The same from a source over it, which is moved there. */
struct error *recorded_find_memory(struct source *source, const struct snapshot *snapshot,
                                   struct snapshot **ret_snapshot);

#endif
