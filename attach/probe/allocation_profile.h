/* The heap profile of a running program whose allocator's functions are probed: what was allocated since and is still
 * in use, by call site, estimated from one sample in so many bytes. What it costs the program is measured before and
 * all the while, and kept below a bound. */
#ifndef ATTACH_PROBE_ALLOCATION_PROFILE_H
#define ATTACH_PROBE_ALLOCATION_PROFILE_H

#include "attach/native/stacks.h"
#include "attach/target.h"
#include "heaptop/snapshot.h"

struct allocation_profile;

/* What calls of the allocator are, and what probes on them take. */
struct allocation_cost {
    double calls_per_second, processor_share;
};

/* Begins to count calls. The target and the stacks are borrowed. `budget`: the share of a processor that the probes may
 * take; above it they are taken away. Errors of allocator_functions_find and allocation_trace_open. */
struct error *allocation_profile_create(struct target *target, struct native_stacks *stacks, double budget,
                                        struct allocation_profile **ret_profile);
void allocation_profile_destroy(struct allocation_profile *profile);    /* Accepts NULL. */

/* While only calls are counted: whether they have been for long enough, and then what they cost. ERROR_SYSTEM. */
struct error *allocation_profile_count(struct allocation_profile *profile, bool *ret_is_known,
                                       struct allocation_cost *ret_cost);

uint64_t allocation_profile_look_interval(const struct allocation_profile *profile);
/* Once a tenth of a second has been counted, begins to sample, and then fetches samples. ERROR_UNSUPPORTED: it costs
 * more than it may, and is to be destroyed; ERROR_NO_MEMORY; ERROR_SYSTEM. */
struct error *allocation_profile_look(struct allocation_profile *profile);
/* The same, and makes of all samples the snapshot's heap profile. */
struct error *allocation_profile_sample(struct allocation_profile *profile, struct snapshot *snapshot);

#endif
