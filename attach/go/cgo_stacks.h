/* Stacks of threads that wait in C code which Go has called: C's frames, then those of the goroutine, as one. */
#ifndef ATTACH_GO_CGO_STACKS_H
#define ATTACH_GO_CGO_STACKS_H

#include "heaptop/snapshot.h"

/* Puts the frames of its goroutine in the place of those that Go code has on a thread's own stack (runtime.asmcgocall,
 * behind which nothing is to be found there), for each thread in C whose goroutine is listed as of this sample, and is
 * in such a call. Link-time addresses from text to end_text are Go's code. Others stay as they are. ERROR_NO_MEMORY. */
struct error *cgo_stacks_join(struct snapshot *snapshot, uint64_t text, uint64_t end_text);

#endif
