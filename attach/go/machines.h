/* The runtime's Ms, each an operating system thread: which goroutine a thread runs. */
#ifndef HEAPTOP_ATTACH_GO_MACHINES_H
#define HEAPTOP_ATTACH_GO_MACHINES_H

#include "attach/go/process.h"
#include "heaptop/base/vector.h"

/* runtime/proc.go: sched.maxmcount is 10,000 unless the program raises it. */
#define MACHINES_MAX (1u << 16)

struct machines {
    VECTOR(remote_address) list;    /* allm as of the last sample; tried as a whole before it is walked again. */
    VECTOR(uint8_t) bytes;
    VECTOR(struct memory_request) requests;
};

void machines_deinit(struct machines *machines);

/* Sets the goid of the snapshot's threads. */
struct error *machines_sample(struct machines *machines, const struct go_process *process, struct snapshot *snapshot);

#endif
