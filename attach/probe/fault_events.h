/* Page faults of a process as the kernel reports them, each sampled one with the registers and the top of the stack
 * that its thread had (perf_event_open(2), Linux 4.11 and later; layouts: include/uapi/linux/perf_event.h). Nothing is
 * placed in the process, and no thread of it is stopped; a sample costs the thread a few microseconds, most of them for
 * copying its stack. The kernel ends it with heaptop. */
#ifndef HEAPTOP_ATTACH_PROBE_FAULT_EVENTS_H
#define HEAPTOP_ATTACH_PROBE_FAULT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/error.h"
#include "heaptop/symbols/call_frames.h"

/* Of a stack as much is copied; what calls from further out is left out, and is said to be cut. */
#define FAULT_EVENTS_STACK_BYTES 16384u
/* A buffer for each processor holds some thirty samples: it is to be read as often as that takes. */
#define FAULT_EVENTS_LOOK_NS UINT64_C(20000000)

struct fault_sample {
    pid_t tid;
    uint64_t address; /* That was touched. */
    uint64_t registers[CALL_FRAME_REGISTERS];
    const uint8_t *stack; /* From the stack pointer upwards; until the visitor returns. */
    size_t stack_size;
};

struct fault_events_totals {
    uint64_t samples;
    uint64_t lost; /* The kernel had no room for: they stand in no sample. */
};

struct fault_events;

/* Opens them on all threads of a process, and those that it will start; one fault of each thread in `period` is
 * sampled. ERROR_PERMISSION (what would help is said), ERROR_UNSUPPORTED, ERROR_GONE, ERROR_SYSTEM. */
struct error *fault_events_open(pid_t pid, uint64_t period, struct fault_events **ret_events);
void fault_events_close(struct fault_events *events); /* Accepts NULL. */

/* Faults of the kernel's on the process's behalf, as in read(2) into new memory, are left out for want of permission.
 */
bool fault_events_miss_kernel(const struct fault_events *events);
/* Threads on which they could not be opened: there were too many. */
size_t fault_events_missed_threads(const struct fault_events *events);

/* Visits what has come since the last reading, and empties the buffers. Stops at the first error of a visitor. */
typedef struct error *fault_visitor(void *context, const struct fault_sample *sample);
struct error *fault_events_read(struct fault_events *events, fault_visitor *visit, void *context);

struct fault_events_totals fault_events_totals(const struct fault_events *events);

/* Takes the content of one sample record apart; false when it is malformed, or of a 32-bit program. For tests and
 * fuzzing, too. */
bool fault_sample_parse(const void *bytes, size_t size, pid_t *ret_pid, uint64_t *ret_event,
                        struct fault_sample *ret_sample);

#endif
