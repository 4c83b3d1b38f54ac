/* The snapshot of a process that has ended: the figures of the one before, said to be old. */
#ifndef HEAPTOP_ATTACH_EXIT_SNAPSHOT_H
#define HEAPTOP_ATTACH_EXIT_SNAPSHOT_H

#include <stdbool.h>

#include "heaptop/snapshot.h"

/* last: the snapshot before, or NULL when there was none; nothing of it is kept by reference. reason: a clause
 * ("exited with status 1"), copied. out_of_memory: its cgroup has counted kills for lack of memory meanwhile. */
struct error *exit_snapshot_create(struct catalog *catalog, const struct snapshot *last, const struct target_info *info,
                                   const char *reason, bool out_of_memory, struct snapshot **ret_snapshot);

#endif
