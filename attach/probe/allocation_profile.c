#include "attach/probe/allocation_profile.h"

#include <stdlib.h>
#include <string.h>

#include "attach/probe/allocation_trace.h"
#include "attach/probe/sampled_blocks.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/units.h"

#define MEASURE_NS (CLOCK_SECOND_NS / 10)
/* The ring holds a thousand samples. */
#define LOOK_NS UINT64_C(20000000)
#define MAX_FETCHED 2048u
/* Measured on the machine of docs/decisions.md: what a sample takes besides. */
#define SAMPLE_NS 4000.0

struct allocation_profile {
    /* The tag of a mapping, had of the kernel itself and given back to it by the range, is true. */
    struct sampled_blocks blocks;
    struct allocation_trace *trace;
    double budget;
    bool is_sampling;
    size_t num_stepped;
    /* At the last look at what it costs. */
    uint64_t looked_ns;             /* CLOCK_MONOTONIC */
    struct allocation_trace_totals looked;
    struct allocation_cost cost;    /* Since the look before. */
    double cost_ns;                 /* Up to that look. */
    uint64_t began_unix_ns;
    bool knows_before;
    int64_t before_bytes;           /* In use of what was allocated before that. */
    struct table live;              /* Serials. */
};

DEFINE_CLEANUP(struct allocation_profile *, allocation_profile_destroy)

struct error *allocation_profile_create(struct target *target, struct native_stacks *stacks, double budget,
                                        struct allocation_profile **ret_profile)
{
    _cleanup_(allocation_profile_destroyp) struct allocation_profile *profile = calloc(1, sizeof(*profile));
    _cleanup_free_ struct allocator_functions *functions = calloc(1, sizeof(*functions));
    if (!profile || !functions)
        return error_no_memory();
    table_init(&profile->live);
    profile->budget = budget > 0 ? budget : ATTACH_DEFAULT_PROBE_BUDGET;
    struct error *error = sampled_blocks_init(&profile->blocks, stacks);
    if (!error)
        error = allocator_functions_find(target, functions);
    if (!error)
        error = allocation_trace_open(target, functions, ATTACH_DEFAULT_PROFILE_RATE, ALLOCATION_TRACE_BEST,
                                      &profile->trace);
    if (!error)
        error = allocation_trace_count(profile->trace, &profile->looked);
    if (error)
        return error;
    profile->num_stepped = functions->num_stepped;
    profile->looked_ns = clock_ns(CLOCK_MONOTONIC);
    *ret_profile = take_pointer(profile);
    return NULL;
}

void allocation_profile_destroy(struct allocation_profile *profile)
{
    if (!profile)
        return;
    allocation_trace_close(profile->trace);
    sampled_blocks_deinit(&profile->blocks);
    table_deinit(&profile->live);
    free(profile);
}

/* ---- what it costs ---- */

static double cost_of(const struct allocation_profile *profile, const struct allocation_trace_totals *from,
                      const struct allocation_trace_totals *to)
{
    double stepped = (double)(to->stepped_calls - from->stepped_calls);
    double emulated = (double)(to->calls - from->calls) - stepped;
    double samples = (double)(to->samples - from->samples + to->lost - from->lost);
    struct allocation_trace_costs costs = allocation_trace_costs(profile->trace);
    return emulated * costs.call_ns + stepped * costs.stepped_call_ns + samples * SAMPLE_NS;
}

static struct error *refuse(const struct allocation_profile *profile)
{
    char calls[UNITS_BUFFER], share[UNITS_BUFFER];
    return error_create(
        ERROR_UNSUPPORTED,
        "%s: %s calls a second of its allocator, and probes on them take about %s of a processor, more than the "
        "%.3g%% that is allowed (--probe-budget); --probe faults costs less",
        profile->is_sampling ? "the probes were taken away" : "no sample was taken",
        units_format_count(calls, profile->cost.calls_per_second),
        units_format_percent(share, profile->cost.processor_share), 100 * profile->budget);
}

/* Over the time since the look before, which is long enough. */
static struct error *measure_cost(struct allocation_profile *profile, uint64_t now)
{
    struct allocation_trace_totals totals;
    struct error *error = allocation_trace_count(profile->trace, &totals);
    if (error)
        return error;
    double cost_ns = cost_of(profile, &profile->looked, &totals), passed_ns = (double)(now - profile->looked_ns);
    profile->cost.calls_per_second =
        (double)(totals.calls - profile->looked.calls) / passed_ns * (double)CLOCK_SECOND_NS;
    profile->cost.processor_share = cost_ns / passed_ns;
    profile->cost_ns += cost_ns;
    profile->looked = totals;
    profile->looked_ns = now;
    return NULL;
}

static struct error *heed_budget(struct allocation_profile *profile, uint64_t now)
{
    struct error *error = measure_cost(profile, now);
    return !error && profile->cost.processor_share > profile->budget ? refuse(profile) : error;
}

struct error *allocation_profile_count(struct allocation_profile *profile, bool *ret_is_known,
                                       struct allocation_cost *ret_cost)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    bool is_known = now - profile->looked_ns >= MEASURE_NS;
    struct error *error = is_known ? measure_cost(profile, now) : NULL;
    if (error)
        return error;
    *ret_is_known = is_known;
    *ret_cost = profile->cost;
    return NULL;
}

/* ---- samples ---- */

static struct error *visit_sample(struct allocation_profile *profile, const struct allocation_sample *sample)
{
    /* The call itself, one before where it returns to, as on the rest of the stack. */
    const uint64_t registers[CALL_FRAME_REGISTERS] = {
        [CALL_FRAME_RBX] = sample->rbx,     [CALL_FRAME_RBP] = sample->rbp,     [CALL_FRAME_RSP] = sample->rsp,
        [CALL_FRAME_R12] = sample->r12,     [CALL_FRAME_R12 + 1] = sample->r13, [CALL_FRAME_R12 + 2] = sample->r14,
        [CALL_FRAME_R15] = sample->r15,     [CALL_FRAME_RIP] = sample->rip - 1};
    const struct stack_copy copy = {.registers = registers,
                                    .known = 1u << CALL_FRAME_RBX | 1u << CALL_FRAME_RBP | 1u << CALL_FRAME_RSP |
                                             0xfu << CALL_FRAME_R12 | 1u << CALL_FRAME_RIP,
                                    .bytes = sample->stack,
                                    .size = sample->stack_bytes < sizeof(sample->stack) ? sample->stack_bytes
                                                                                        : sizeof(sample->stack)};
    const struct sampled_block block = {.serial = sample->serial,
                                        .address = sample->address,
                                        .size = sample->size,
                                        .tag = sample->call >= ALLOCATION_CALL_MMAP};
    return sampled_blocks_fetch(&profile->blocks, &copy, 0, 0, &block);
}

static void end_mapping(struct allocation_profile *profile, struct sampled_block *block,
                        const struct allocation_range *range)
{
    if (!block->tag || block->is_gone || block->address < range->start || block->address >= range->end)
        return;
    block->is_gone = true;
    allocation_trace_forget(profile->trace, block->address, block->serial);
}

static struct error *visit(void *context, const struct allocation_sample *sample, const struct allocation_range *range)
{
    struct allocation_profile *profile = context;
    if (sample)
        return visit_sample(profile, sample);
    for (size_t i = 0; i < profile->blocks.live.count; i++)
        end_mapping(profile, &profile->blocks.live.items[i], range);
    for (size_t i = 0; i < profile->blocks.fetched.count; i++)
        end_mapping(profile, &profile->blocks.fetched.items[i].block, range);
    return NULL;
}

static bool is_live(const void *context, const struct sampled_block *block)
{
    const struct allocation_profile *profile = context;
    return table_find(&profile->live, block->serial) != NULL;
}

/* What malloc says is in use, less what has a call site. It can only become less; what it seems to gain is sampling
 * error, and what malloc adds to each block. */
static void measure_before(struct allocation_profile *profile, struct snapshot *snapshot)
{
    const struct malloc_heap *heap = snapshot->malloc_heap;
    if (heap && heap->known && heap->torn_arenas == 0) {
        int64_t bytes = (int64_t)(heap->used_bytes - heap->cache_bytes + (heap->mapped_known ? heap->mapped_bytes : 0));
        for (size_t i = 0; i < profile->blocks.live.count; i++) {
            const struct sampled_block *block = &profile->blocks.live.items[i];
            const struct site_counts counts = {.allocs = 1, .alloc_bytes = block->size};
            if (!block->tag)
                bytes -= site_scale(&counts, ATTACH_DEFAULT_PROFILE_RATE).inuse_bytes;
        }
        bytes = bytes > 0 ? bytes : 0;
        profile->before_bytes = profile->knows_before && profile->before_bytes < bytes ? profile->before_bytes : bytes;
        profile->knows_before = true;
    }
    if (!profile->knows_before)
        return;
    snapshot_set(snapshot, COUNTER_PROBE_BEFORE, profile->before_bytes);
    snapshot->counters[COUNTER_PROBE_BEFORE].provenance = PROVENANCE_SAMPLED;
}

/* ---- looking ---- */

uint64_t allocation_profile_look_interval(const struct allocation_profile *profile)
{
    return profile->is_sampling ? LOOK_NS : MEASURE_NS;
}

struct error *allocation_profile_look(struct allocation_profile *profile)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    struct error *error = NULL;
    if (now - profile->looked_ns >= (profile->is_sampling ? CLOCK_SECOND_NS : MEASURE_NS)) {
        error = heed_budget(profile, now);
        if (!error && !profile->is_sampling) {
            /* What is mapped now is found without delay. */
            error = native_stacks_prepare(profile->blocks.stacks);
            profile->is_sampling = true;
            profile->began_unix_ns = clock_ns(CLOCK_REALTIME);
            allocation_trace_sample(profile->trace);
        }
    }
    if (!error)
        error = allocation_trace_read(profile->trace, MAX_FETCHED, visit, profile);
    return error ? error : sampled_blocks_count(&profile->blocks);
}

static void fill_state(const struct allocation_profile *profile, const struct allocation_trace_totals *totals,
                       struct snapshot *snapshot)
{
    double cost_ns = profile->cost_ns + cost_of(profile, &profile->looked, totals);
    snapshot_set(snapshot, COUNTER_PROBE_SAMPLES, (int64_t)totals->samples);
    snapshot_set(snapshot, COUNTER_PROBE_LOST, (int64_t)totals->lost);
    snapshot_set(snapshot, COUNTER_PROBE_CALLS, (int64_t)totals->calls);
    snapshot_set(snapshot, COUNTER_PROBE_COST, (int64_t)cost_ns);
    snapshot_set_real(snapshot, COUNTER_PROBE_SHARE, profile->cost.processor_share);
    snapshot->counters[COUNTER_PROBE_COST].provenance = PROVENANCE_SAMPLED;
    snapshot->counters[COUNTER_PROBE_SHARE].provenance = PROVENANCE_SAMPLED;
    snapshot->profile_since_unix_ns = profile->began_unix_ns;
    if (totals->stepped_calls > 0)
        snapshot_add_problem(snapshot,
                             "allocation probes: in %zu functions the processor steps through the probed instruction, "
                             "which makes a call "
                             "of them some %.0f us longer",
                             profile->num_stepped, allocation_trace_costs(profile->trace).stepped_call_ns / 1e3);
    if (allocation_trace_sees_all_returns(profile->trace))
        snapshot_add_problem(
            snapshot, "allocation probes: this kernel cannot choose which returns are seen (6.13 can): a call costs "
                      "more than it need");
    if (totals->lost > 0)
        snapshot_add_problem(snapshot,
                             "allocation probes: %llu samples were lost for want of room, and stand in no call site",
                             (unsigned long long)totals->lost);
}

struct error *allocation_profile_sample(struct allocation_profile *profile, struct snapshot *snapshot)
{
    struct error *error = allocation_profile_look(profile);
    if (error)
        return error;
    if (!profile->is_sampling) {
        snapshot->profile_reason = "calls of the allocator are counted, to tell what probing them costs";
        return NULL;
    }
    struct allocation_trace_totals totals = {0};
    error = allocation_trace_list_live(profile->trace, &profile->live);
    if (!error) {
        sampled_blocks_sweep(&profile->blocks, is_live, profile);
        error = allocation_trace_count(profile->trace, &totals);
    }
    if (!error)
        error = allocation_sites_fill(profile->blocks.sites, ATTACH_DEFAULT_PROFILE_RATE, snapshot);
    if (!error)
        fill_state(profile, &totals, snapshot);
    if (!error)
        measure_before(profile, snapshot);
    return error;
}
