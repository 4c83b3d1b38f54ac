/* Stopping one thread of the target for a moment, when somebody has asked for it. The only place that uses ptrace. The
 * kernel lets the thread go on by itself when the stopping thread of heaptop ends, however it does: killed with -9 in
 * the middle too. */
#ifndef HEAPTOP_ATTACH_THREAD_STOP_H
#define HEAPTOP_ATTACH_THREAD_STOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/error.h"

/* A thread that has not stopped in this time is left alone: it is in the kernel, uninterruptible, or has got no
 * processor. Until it stops it goes on as ever. */
#define THREAD_STOP_MAX_WAIT_NS UINT64_C(50000000)

/* Those that stacks are unwound by. */
#define THREAD_STOP_REGISTERS 17

struct thread_registers {
    uint64_t pc, sp;
    /* These two and all others of that kind, as DWARF numbers them (System V ABI for AMD64, figure 3.36). */
    uint64_t all[THREAD_STOP_REGISTERS];
};

/* Called while the thread stands still; the shorter the better. */
typedef void thread_stop_visitor(void *context, const struct thread_registers *registers);

struct thread_stop_result {
    bool stopped;
    uint64_t stop_ns;           /* How long it stood still: from the last look at which it had not stopped yet. */
};

/* Stops the thread, calls `visit`, lets it go on. Signals that came meanwhile reach it. ERROR_PERMISSION, ERROR_GONE,
 * ERROR_UNSUPPORTED (not on this processor), ERROR_SYSTEM (it did not stop in time, or something else traces it). */
struct error *thread_stop(pid_t tid, thread_stop_visitor *visit, void *context, struct thread_stop_result *ret_result);

#endif
