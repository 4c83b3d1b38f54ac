/* The heap profile of a command that allocates under heaptop's preloaded library. */
#ifndef ATTACH_PROBE_PRELOAD_READER_H
#define ATTACH_PROBE_PRELOAD_READER_H

#include "attach/native/stacks.h"
#include "heaptop/attach.h"

struct preload_reader;

/* All are borrowed. ERROR_NO_MEMORY. */
struct error *preload_reader_create(struct preload *preload, struct native_stacks *stacks,
                                    struct preload_reader **ret_reader);
void preload_reader_destroy(struct preload_reader *reader);     /* Accepts NULL. */

/* How soon to fetch samples again, lest there be no room for more, in nanoseconds. */
uint64_t preload_reader_look_interval(const struct preload_reader *reader);

/* Fetches the samples that there are. ERROR_NO_MEMORY. */
struct error *preload_reader_look(struct preload_reader *reader);

/* Fetches them, and makes of all of them the snapshot's heap profile, if it has none. Errors as of look. */
struct error *preload_reader_sample(struct preload_reader *reader, struct snapshot *snapshot);

/* The same after the end of the process, of whose last sample the snapshot is a copy: what it had not freed is in
 * use. */
struct error *preload_reader_finish(struct preload_reader *reader, struct snapshot *snapshot);

#endif
