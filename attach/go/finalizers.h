/* How many finalizers are queued. */
#ifndef HEAPTOP_ATTACH_GO_FINALIZERS_H
#define HEAPTOP_ATTACH_GO_FINALIZERS_H

#include "attach/go/process.h"

/* Blocks of the queue that are followed: 101 finalizers each (runtime/mfinal.go, 4 KiB of 40 bytes), 6.6 million in
 * all, of which nobody has so many that are not run. That takes some 40 ms; for the usual few, microseconds. */
#define FINALIZER_MAX_BLOCKS (1u << 16)

/* Sets COUNTER_FINALIZERS_QUEUED: those in the blocks that the finalizer goroutine has not taken yet. What could not be
 * followed to its end is marked PROVENANCE_SAMPLED, and a problem: there are more. */
struct error *finalizers_sample(const struct go_process *process, struct snapshot *snapshot);

#endif
