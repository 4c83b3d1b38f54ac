#include "attach/probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

static void stop(struct probe *probe)
{
    fault_profile_destroy(take_pointer(probe->faults));
    allocation_profile_destroy(take_pointer(probe->allocations));
}

void probe_deinit(struct probe *probe)
{
    stop(probe);
    free(probe->refusal);
    probe->refusal = NULL;
}

void probe_request(struct probe *probe, enum attach_probe wanted)
{
    if (probe->wanted != wanted)
        stop(probe);
    free(take_pointer(probe->refusal));
    probe->wanted = wanted;
}

/* Takes the error. */
static struct error *refuse(struct probe *probe, struct error *error)
{
    if (!error || error->kind == ERROR_NO_MEMORY)
        return error;
    stop(probe);
    free(probe->refusal);
    probe->refusal = strdup(error->message);
    error_destroy(error);
    return NULL;
}

uint64_t probe_look_interval(const struct probe *probe)
{
    return probe->faults        ? fault_profile_look_interval(probe->faults)
           : probe->allocations ? allocation_profile_look_interval(probe->allocations)
                                : 0;
}

struct error *probe_look(struct probe *probe)
{
    struct error *error = probe->faults        ? fault_profile_look(probe->faults)
                          : probe->allocations ? allocation_profile_look(probe->allocations)
                                               : NULL;
    return refuse(probe, error);
}

static struct error *start(struct probe *probe, struct target *target, struct native_stacks *stacks)
{
    if (probe->wanted == ATTACH_PROBE_FAULTS)
        return fault_profile_create(target, stacks, &probe->faults);
    return allocation_profile_create(target, stacks, probe->budget, &probe->allocations);
}

static const char no_probe[] = "no probe was asked for";

struct error *probe_sample(struct probe *probe, struct target *target, struct native_stacks *stacks,
                           struct snapshot *snapshot)
{
    static const enum counter_id counters[] = {COUNTER_FAULT_PERIOD, COUNTER_PROBE_SAMPLES, COUNTER_PROBE_LOST,
                                               COUNTER_PROBE_COST,        COUNTER_PROBE_CALLS,   COUNTER_PROBE_SHARE};
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
        snapshot_set_unavailable(snapshot, counters[i], no_probe);
    bool has_none = snapshot->profile_state == PROFILE_NONE && snapshot_profile_kind(snapshot) != PROFILE_OF_RUNTIME;
    if (has_none)
        snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
    if (probe->wanted == ATTACH_PROBE_NONE)
        return NULL;
    struct error *error = NULL;
    bool is_on = probe->faults || probe->allocations;
    if (snapshot->profile_state != PROFILE_NONE && !is_on)
        error = error_create(ERROR_UNSUPPORTED, "the program keeps a heap profile itself: no probe is placed");
    else if (!is_on && !probe->refusal)
        error = start(probe, target, stacks);
    if (!error && probe->faults)
        error = fault_profile_sample(probe->faults, snapshot);
    if (!error && probe->allocations)
        error = allocation_profile_sample(probe->allocations, snapshot);
    error = refuse(probe, error_prefix(error, "memory profiling was not switched on"));
    if (probe->faults || probe->allocations)
        snapshot->profile_switch = PROFILE_SWITCH_ON;
    if (probe->refusal)
        snapshot_add_problem(snapshot, "%s", probe->refusal);
    return error;
}
