/* A recording named on the command line: FILE, or FILE@TIME. */
#ifndef HEAPTOP_CLI_RECORDED_H
#define HEAPTOP_CLI_RECORDED_H

#include "heaptop/record.h"

struct recorded {
    char *path;             /* Owned. */
    const char *moment;     /* What follows the '@', in the argument; NULL: nothing. */
    uint64_t moment_unix_ns;    /* That moment, once it is open; 0 when none was named. */
};

/* Whether the argument names a recording rather than a process: there is such a file, or it has a '/' or ends with
 * ".heaptop", as no process's name does. False as well when memory is out. */
bool recorded_find(const char *argument, struct recorded *ret_recorded);
void recorded_deinit(struct recorded *recorded);

/* Opens it as a source that gives its snapshots at this speed (see replay_options), beginning with the one at the
 * moment, if any. */
struct error *recorded_open(struct recorded *recorded, double speed, struct source **ret_source);

#endif
