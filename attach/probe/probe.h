/* What is asked of a program that keeps no heap profile, beyond looking: page-fault samples, or probes on its
 * allocator. */
#ifndef HEAPTOP_ATTACH_PROBE_PROBE_H
#define HEAPTOP_ATTACH_PROBE_PROBE_H

#include "attach/native/stacks.h"
#include "attach/probe/allocation_profile.h"
#include "attach/probe/fault_profile.h"
#include "attach/target.h"
#include "heaptop/attach.h"

/* Zeroed, nothing is asked for. */
struct probe {
    enum attach_probe wanted;
    double budget;                /* Of allocation probes; 0: the default. */
    struct fault_profile *faults; /* NULL: off. */
    struct allocation_profile *allocations; /* NULL: off. */
    /* Of ATTACH_PROBE_COUNT: it is known what probes on its allocator would cost. */
    bool is_counted;
    struct allocation_cost counted;
    char *refusal;                /* Why it is not on although wanted; NULL when it is, or is not wanted. */
};

/* Takes all of it away from the program. */
void probe_deinit(struct probe *probe);
/* From the next sample on; ATTACH_PROBE_NONE: no longer. */
void probe_request(struct probe *probe, enum attach_probe wanted);

/* How soon to look again, in nanoseconds; 0: not before the next sample. */
uint64_t probe_look_interval(const struct probe *probe);
/* Only ERROR_NO_MEMORY: anything else ends the probe, and the snapshots say why. */
struct error *probe_look(struct probe *probe);

/* Starts what was asked for, and makes the snapshot's heap profile of it, unless it has one. The target and the stacks
 * are borrowed until probe_deinit. Errors as of probe_look. */
struct error *probe_sample(struct probe *probe, struct target *target, struct native_stacks *stacks,
                           struct snapshot *snapshot);

#endif
