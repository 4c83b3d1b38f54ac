/* The stacks of goroutines that run, each read while its thread is stopped for a moment: only when that was asked
 * for. */
#ifndef HEAPTOP_ATTACH_GO_RUNNING_STACKS_H
#define HEAPTOP_ATTACH_GO_RUNNING_STACKS_H

#include "attach/go/goroutine_stacks.h"

/* Threads stopped in one sample, one after the other. */
#define RUNNING_STACKS_MAX 64u

/* Sets the stacks of those that run, and adds to the snapshot's cost. What cannot be had is said among its problems.
 * The snapshot's threads tell which threads are the process's. ERROR_NO_MEMORY. */
struct error *running_stacks_read(struct goroutine_stacks *stacks, struct goroutine *goroutines, size_t count,
                                  const struct record_set *records, size_t start, struct snapshot *snapshot);

#endif
