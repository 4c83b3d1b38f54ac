/* BPF programs at the functions by which a process allocates (uprobes; Linux 5.15 and later): which allocations are
 * sampled is decided in the kernel, and so is which calls of free matter. The kernel places a breakpoint in the
 * process's own copy of each function's page and takes it out again when the links are closed, however heaptop ends.
 * Left out where heaptop was built without libbpf. */
#ifndef ATTACH_PROBE_ALLOCATION_TRACE_H
#define ATTACH_PROBE_ALLOCATION_TRACE_H

#include "attach/probe/allocation_shared.h"
#include "attach/probe/allocator_functions.h"
#include "heaptop/base/table.h"

/* How calls are seen. */
enum allocation_trace_links {
    ALLOCATION_TRACE_BEST,      /* The first that the kernel has. */
    ALLOCATION_TRACE_SESSION,   /* A call decides whether its return is seen (Linux 6.13). */
    ALLOCATION_TRACE_PAIRS,     /* All returns are, too. */
};

struct allocation_trace_totals {
    /* Of the process; the latter are those where the processor steps through the instruction. */
    uint64_t calls, stepped_calls;
    uint64_t samples;
    uint64_t lost;                      /* Samples for which there was no room. */
};

struct allocation_trace;

/* Begins to count calls. A sample is taken for one in `rate` bytes, once it is switched on. ERROR_PERMISSION (what it
 * takes is said), ERROR_UNSUPPORTED, ERROR_NO_MEMORY, ERROR_SYSTEM. */
struct error *allocation_trace_open(struct target *target, const struct allocator_functions *functions, uint64_t rate,
                                    enum allocation_trace_links links, struct allocation_trace **ret_trace);
void allocation_trace_close(struct allocation_trace *trace);    /* Accepts NULL. */

bool allocation_trace_sees_all_returns(const struct allocation_trace *trace);
/* How much longer a call takes on this machine, in nanoseconds, as heaptop has measured on calls of its own: where the
 * kernel emulates the probed instruction, and where the processor steps through it. */
struct allocation_trace_costs {
    double call_ns, stepped_call_ns;
};
struct allocation_trace_costs allocation_trace_costs(const struct allocation_trace *trace);
/* Why it cannot be had here, as far as is known without doing anything; errors of allocation_trace_open. */
struct error *allocation_trace_refusal(void);
void allocation_trace_sample(struct allocation_trace *trace);
/* ERROR_SYSTEM. */
struct error *allocation_trace_count(struct allocation_trace *trace, struct allocation_trace_totals *ret_totals);

/* Visits the samples that have come, and the ranges given back, in order; so many at most. One of the two is NULL.
 * Stops at the first error of a visitor. */
typedef struct error *allocation_visitor(void *context, const struct allocation_sample *sample,
                                         const struct allocation_range *range);
struct error *allocation_trace_read(struct allocation_trace *trace, size_t most, allocation_visitor *visit,
                                    void *context);

/* The serials of sampled blocks that are still allocated, as keys; empties the table first. ERROR_NO_MEMORY,
 * ERROR_SYSTEM. */
struct error *allocation_trace_list_live(struct allocation_trace *trace, struct table *serials);
/* A block is no longer allocated. */
void allocation_trace_forget(struct allocation_trace *trace, uint64_t address, uint64_t serial);

#endif
