/* The runtime's Ms, each an operating system thread: which goroutine and which P each has, and what it is at. */
#ifndef HEAPTOP_ATTACH_GO_MACHINES_H
#define HEAPTOP_ATTACH_GO_MACHINES_H

#include "attach/go/procs.h"

/* runtime/proc.go: sched.maxmcount is 10,000 unless the program raises it. */
#define MACHINES_MAX (1u << 16)

struct machine {
    remote_address address, next;
    remote_address goroutine, locked_goroutine;     /* m.curg, m.lockedg */
    remote_address proc;
    remote_address start;       /* m.mstartfn: a func value, or 0. */
    uint64_t thread;            /* The kernel's id of the thread; 0 where it has none (yet). */
    int64_t id;
    uint64_t goid, locked_goid;
    uint32_t status;            /* Of its goroutine: enum goroutine_status; any where there is none. */
    bool spinning, in_c;
    bool is_runtime;            /* sysmon, the template thread. */
};

struct machines {
    VECTOR(struct machine) list;    /* allm as of the last sample; tried as a whole before it is walked again. */
    VECTOR(uint8_t) bytes;
    VECTOR(struct memory_request) requests;
    VECTOR(uint64_t) goroutine_words;
    bool known;                     /* All of allm was read. */
};

void machines_deinit(struct machines *machines);

/* Reads all Ms anew, and of their goroutines the ids and states. `most` bounds their number. */
struct error *machines_read(struct machines *machines, const struct go_process *process, size_t most);

/* Tells the snapshot's threads by their Ms: goroutine, P, role. */
struct error *machines_note_threads(const struct machines *machines, const struct procs *procs,
                                    struct snapshot *snapshot);

#endif
