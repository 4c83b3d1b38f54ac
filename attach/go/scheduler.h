/* The Go scheduler: its Ps, their run queues, how many Ms are at what. */
#ifndef HEAPTOP_ATTACH_GO_SCHEDULER_H
#define HEAPTOP_ATTACH_GO_SCHEDULER_H

#include "attach/go/machines.h"

/* The ticks of a P as of the last sample: they wrap at 32 bits. */
struct proc_ticks {
    uint32_t schedule, system_call;
};

struct scheduler {
    VECTOR(uint8_t) bytes;
    VECTOR(struct memory_request) requests;
    VECTOR(struct proc_ticks) ticks;                /* By P; of all that there ever were. */
    uint64_t schedule_ticks, system_call_ticks;     /* Summed, without wrapping. */
};

void scheduler_deinit(struct scheduler *scheduler);

/* Sets snapshot->procs and the counters of the group "scheduler". The machines are those of this sample. */
struct error *scheduler_sample(struct scheduler *scheduler, const struct go_process *process, const struct procs *procs,
                               const struct machines *machines, struct snapshot *snapshot);

#endif
