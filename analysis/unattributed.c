/* Live heap that no call site accounts for, as it was allocated before profiling was switched on in the process. Where
 * a program replaces what it holds, as a cache does, the new objects have sites and the old ones had none: such a site
 * rises from nothing to its full size while the heap stays as it is. So a rise counts only as far as this memory does
 * not fall at the same time. */
#include <math.h>

#include "analysis/growth.h"
#include "analysis/history.h"

/* Rises and falls of it that are less than so many standard errors of the whole profile are none. */
#define NOTABLE_ERRORS 3
#define SMALLEST_CHANGE (1 << 20)
/* A site must gain so many times what this memory lost meanwhile. */
#define LEAST_GAIN 2

static bool is_new_profile(const struct history *history, const struct snapshot *snapshot, int64_t rate)
{
    return history->has_profile &&
           (history->profile_rate != rate || history->profile_since_unix_ns != snapshot->profile_since_unix_ns);
}

static void forget_tracked(struct tracked *tracked)
{
    series_deinit(&tracked->inuse);
    series_deinit(&tracked->allocated);
    series_deinit(&tracked->provisional);
    tracked->growth = (struct growth){.verdict = GROWTH_TOO_FEW};
    tracked->alloc_bytes_per_s = tracked->free_bytes_per_s = NAN;
}

void history_begin_profile(struct history *history, const struct snapshot *snapshot, int64_t rate)
{
    if (is_new_profile(history, snapshot, rate)) {
        /* What was sampled at another rate, or before a break, is not compared with what comes. */
        for (size_t i = 0; i < history->stacks.count; i++)
            forget_tracked(&history->stacks.items[i].tracked);
        for (size_t i = 0; i < history->call_sites.count; i++)
            forget_tracked(&history->call_sites.items[i].tracked);
        series_deinit(&history->profile_cycles);
        series_deinit(&history->unattributed);
        history->unattributed_growth = (struct growth){.verdict = GROWTH_TOO_FEW};
        history->num_profile_cycles = 0;
    }
    history->profile_is_new = !history->has_profile || is_new_profile(history, snapshot, rate);
    if (history->profile_is_new)
        history->profile_first_unix_ns = snapshot->unix_ns;
    history->has_profile = true;
    history->profile_rate = rate;
    history->profile_since_unix_ns = snapshot->profile_since_unix_ns;
}

static double value_or(const struct snapshot *snapshot, enum counter_id id, double otherwise)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_known(counter) ? (double)counter->value.integer : otherwise;
}

void history_measure_unattributed(struct history *history, const struct snapshot *snapshot)
{
    /* As of the last cycle, as the profile is; before the first, both up to now. */
    double marked = value_or(snapshot, COUNTER_HEAP_MARKED, NAN), live = value_or(snapshot, COUNTER_HEAP_LIVE, NAN);
    double bytes = marked > 0 ? marked - (double)history->totals.published.inuse_bytes
                              : live - (double)history->totals.provisional.inuse_bytes;
    /* Where no runtime counts its heap, who probes its allocator tells. */
    bytes = value_or(snapshot, COUNTER_PROBE_BEFORE, bytes);
    history->has_unattributed = snapshot->profile_since_unix_ns != 0 && !isnan(bytes);
    history->unattributed_bytes = history->has_unattributed ? (int64_t)fmax(bytes, 0) : 0;
}

struct error *history_observe_unattributed(struct history *history, const struct snapshot *snapshot)
{
    double variance = 0;
    if (!history->has_unattributed)
        return NULL;
    if (!series_add(&history->unattributed, history->options.counter_points, snapshot->unix_ns,
                    (double)history->unattributed_bytes))
        return error_no_memory();
    for (size_t i = 0; i < history->stacks.count; i++)
        variance += history->stacks.items[i].tracked.sums.variance;
    struct growth_input input = {.values = &history->unattributed,
                                 .observations = &history->profile_cycles,
                                 .smallest_rise = fmax(SMALLEST_CHANGE, NOTABLE_ERRORS * sqrt(variance)),
                                 .min_observations = GROWTH_MIN_OBSERVATIONS,
                                 .window_ns = history->options.window_ns};
    struct growth *growth = &history->unattributed_growth;
    *growth = growth_judge(&input);
    /* Nothing is allocated before that time any more: a rise is the profile's error. */
    if (growth->verdict == GROWTH_GROWING)
        *growth = (struct growth){.verdict = GROWTH_PLATEAU, .points = growth->points};
    return NULL;
}

bool history_only_replaces(const struct history *history, const struct series *inuse, const struct growth *growth)
{
    const struct series *before = &history->unattributed;
    if (growth->verdict != GROWTH_GROWING || before->count == 0 || inuse->count == 0)
        return false;
    /* Over the later half of the rise: so it is soon over when all has been replaced. */
    struct point now = series_point(inuse, inuse->count - 1);
    uint64_t middle = growth->since_unix_ns + (now.unix_ns - growth->since_unix_ns) / 2;
    double held = 0, unattributed;
    series_value_at(inuse, middle, &held);
    if (!series_value_at(before, middle, &unattributed))
        return true;
    double lost = unattributed - series_point(before, before->count - 1).value;
    return now.value - held < LEAST_GAIN * lost;
}
