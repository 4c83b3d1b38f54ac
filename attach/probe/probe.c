#include "attach/probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/units.h"

/* More than was counted by so much, with which somebody has agreed, is still within what he has. */
#define MARGIN 3

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
    /* Who goes on knows what it costs, and that it varies. */
    if (wanted == ATTACH_PROBE_ALLOCATIONS && MARGIN * probe->counted.processor_share > probe->budget)
        probe->budget = MARGIN * probe->counted.processor_share;
    probe->counted = (struct allocation_cost){0};
    probe->is_counted = false;
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

static struct error *count(struct probe *probe)
{
    struct allocation_cost cost;
    bool is_known;
    struct error *error = allocation_profile_count(probe->allocations, &is_known, &cost);
    if (error || !is_known)
        return error;
    stop(probe);
    probe->counted = cost;
    probe->is_counted = true;
    return NULL;
}

struct error *probe_look(struct probe *probe)
{
    struct error *error = NULL;
    if (probe->faults)
        error = fault_profile_look(probe->faults);
    else if (probe->allocations && probe->wanted == ATTACH_PROBE_COUNT)
        error = count(probe);
    else if (probe->allocations)
        error = allocation_profile_look(probe->allocations);
    return refuse(probe, error);
}

static struct error *start(struct probe *probe, struct target *target, struct native_stacks *stacks)
{
    if (probe->wanted == ATTACH_PROBE_FAULTS)
        return fault_profile_create(target, stacks, &probe->faults);
    return allocation_profile_create(target, stacks, probe->budget, &probe->allocations);
}

static const char no_probe[] = "no probe was asked for";

static void tell_counted(const struct probe *probe, struct snapshot *snapshot)
{
    char calls[UNITS_BUFFER], share[UNITS_BUFFER];
    snapshot->profile_switch = PROFILE_SWITCH_COUNTED;
    snapshot->profile_reason = arena_printf(
        &snapshot->arena, "%s calls a second of its allocator: probes on them would take about %s of a processor",
        units_format_count(calls, probe->counted.calls_per_second),
        units_format_percent(share, probe->counted.processor_share));
    snapshot_set_real(snapshot, COUNTER_PROBE_SHARE, probe->counted.processor_share);
    snapshot->counters[COUNTER_PROBE_SHARE].provenance = PROVENANCE_SAMPLED;
}

struct error *probe_sample(struct probe *probe, struct target *target, struct native_stacks *stacks,
                           struct snapshot *snapshot)
{
    static const enum counter_id counters[] = {COUNTER_FAULT_PERIOD, COUNTER_PROBE_SAMPLES, COUNTER_PROBE_LOST,
                                               COUNTER_PROBE_COST,        COUNTER_PROBE_CALLS,   COUNTER_PROBE_SHARE,
                                               COUNTER_PROBE_BEFORE};
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
        snapshot_set_unavailable(snapshot, counters[i], no_probe);
    bool has_none = snapshot->profile_state == PROFILE_NONE && snapshot_profile_kind(snapshot) != PROFILE_OF_RUNTIME;
    if (has_none)
        snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
    if (probe->wanted == ATTACH_PROBE_NONE)
        return NULL;
    if (probe->is_counted) {
        tell_counted(probe, snapshot);
        return NULL;
    }
    struct error *error = NULL;
    bool is_on = probe->faults || probe->allocations;
    if (snapshot->profile_state != PROFILE_NONE && !is_on)
        error = error_create(ERROR_UNSUPPORTED, "the program keeps a heap profile itself: no probe is placed");
    else if (!is_on && !probe->refusal)
        error = start(probe, target, stacks);
    if (!error && probe->faults)
        error = fault_profile_sample(probe->faults, snapshot);
    if (!error && probe->allocations && probe->wanted == ATTACH_PROBE_COUNT)
        snapshot->profile_reason = "calls of the allocator are counted, to tell what probing them costs";
    else if (!error && probe->allocations)
        error = allocation_profile_sample(probe->allocations, snapshot);
    error = refuse(probe, error_prefix(error, "memory profiling was not switched on"));
    if (probe->faults || (probe->allocations && probe->wanted != ATTACH_PROBE_COUNT))
        snapshot->profile_switch = PROFILE_SWITCH_ON;
    if (probe->refusal)
        snapshot_add_problem(snapshot, "%s", probe->refusal);
    return error;
}
