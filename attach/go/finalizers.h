/* How many finalizers are queued. */
#ifndef HEAPTOP_ATTACH_GO_FINALIZERS_H
#define HEAPTOP_ATTACH_GO_FINALIZERS_H

#include "attach/go/process.h"

/* Blocks of the queue that are followed: 101 finalizers each, 100,000 in all. */
#define FINALIZER_MAX_BLOCKS 1000u

/* Sets COUNTER_FINALIZERS_QUEUED: those in the blocks that the finalizer goroutine has not taken yet. */
struct error *finalizers_sample(const struct go_process *process, struct snapshot *snapshot);

#endif
