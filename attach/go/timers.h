/* How many timers the runtime waits for. */
#ifndef HEAPTOP_ATTACH_GO_TIMERS_H
#define HEAPTOP_ATTACH_GO_TIMERS_H

#include "attach/go/procs.h"

/* Sets COUNTER_TIMERS. Each P has a heap of timers; those that were stopped stay in it for a while, and are counted
 * apart (runtime/runtime2.go p, Go 1.19-1.22; runtime/time.go timers, Go 1.23-1.27). */
struct error *timers_sample(struct procs *procs, const struct go_process *process, struct snapshot *snapshot);

#endif
