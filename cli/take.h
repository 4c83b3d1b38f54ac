/* One snapshot of what is named on the command line: of a process now, or of a recording at a moment. */
#ifndef HEAPTOP_CLI_TAKE_H
#define HEAPTOP_CLI_TAKE_H

#include "cli/commands.h"

/* *ret_snapshot stays NULL, with STATUS_DONE, when a person was asked for a process and picked none. Errors are
 * printed. Of a recording without a moment it is the last one. */
enum exit_status take_snapshot(const char *argument, const struct options *options, bool memory_map,
                               struct snapshot **ret_snapshot);

/* The same with where its memory was. `with_map` is that of the pages: the snapshot itself, of a recording the nearest
 * that has them, or NULL. Both are references. */
struct taken {
    struct snapshot *snapshot, *with_map;
};
enum exit_status take_moment(const char *argument, const struct options *options, struct taken *ret_taken);
void taken_deinit(struct taken *taken);

#endif
