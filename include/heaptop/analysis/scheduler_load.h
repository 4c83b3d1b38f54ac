/* What the Go scheduler is at: how busy its Ps are, what waits for them, what its threads do, and what that means. */
#ifndef HEAPTOP_ANALYSIS_SCHEDULER_LOAD_H
#define HEAPTOP_ANALYSIS_SCHEDULER_LOAD_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* "idle", "running", "system call", "stopped". */
const char *proc_state_name(enum proc_state state);
/* "runs Go", "idle", "in C", ...; "" when unknown. */
const char *thread_role_name(enum thread_role role);

enum scheduler_verdict {
    SCHEDULER_UNKNOWN,
    SCHEDULER_IDLE,             /* Hardly any P is busy. */
    SCHEDULER_EASY,             /* Some are; nothing waits for long. */
    SCHEDULER_FULL,             /* Nearly all are busy, but little waits. */
    SCHEDULER_OVERLOADED,       /* Nearly all are busy and more than as many goroutines wait to run. */
    SCHEDULER_IN_C,             /* Most threads are in C code. */
    SCHEDULER_IN_SYSTEM_CALLS,  /* Most are in system calls. */
};

struct scheduler_load {
    bool known;
    bool roles_known;
    uint32_t procs;                         /* GOMAXPROCS */
    double busy_procs, waiting; /* Ps not idle, goroutines in run queues: means over the last SCHEDULER_RECENT_NS. */
    double switches_per_s, system_calls_per_s;      /* NAN when unknown. */
    uint32_t threads[THREAD_ROLES];
    uint32_t locked_threads;                /* That a goroutine is locked to. */
    uint32_t goroutines[WAIT_KIND_COUNT];  /* The runtime's own left out. */
    enum scheduler_verdict verdict;
};
#define SCHEDULER_RECENT_NS UINT64_C(10000000000)

/* One sentence for a person. Nothing where it is not known. */
void scheduler_write_note(const struct scheduler_load *load, struct text *text);

#endif
