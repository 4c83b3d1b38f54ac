/* What the counts since the last GC cycle tell. Allocations are counted at once, frees only by the sweep after the next
 * cycle: so in between in-use bytes rise by nature, and are no evidence by themselves. They serve three times:
 *  - as a bound from above: what has allocated too little to go on growing, is not growing any more;
 *  - the same for what has allocated nothing at all, before enough cycles have come to judge by them;
 *  - while cycles are too few, for sites that keep what they allocate: where of all objects ever sampled hardly any was
 *    freed, those allocated since will hardly be either. The verdict is then marked provisional. */
#include <math.h>

#include "analysis/growth.h"
#include "analysis/history.h"

/* How long a site must have allocated nothing to be called steady. */
#define TELLING_SILENCE_NS (60 * UINT64_C(1000000000))
/* A site keeps what it allocates when of at least so many sampled objects at most this part was freed. */
#define KEEPING_OBJECTS 12
#define KEEPING_FREED 0.1
#define PROVISIONAL_POINTS 48

/* A site that grew until the last cycle may have stopped since, with no cycle to show it. Everything counted up to now
 * bounds from above what the next cycle can publish: where even that lacks most of what the slope foretold, the growth
 * is over. */
static bool stop_growth(const struct snapshot *snapshot, struct tracked *tracked)
{
    struct growth *growth = &tracked->growth;
    const struct sums *sums = &tracked->sums;
    if (growth->verdict != GROWTH_GROWING || growth->provisional || tracked->inuse.count == 0)
        return false;
    uint64_t observed = series_point(&tracked->inuse, tracked->inuse.count - 1).unix_ns;
    double foretold = growth->per_second * ((double)snapshot->unix_ns - (double)observed) / 1e9;
    double counted = (double)sums->provisional.inuse_bytes - (double)sums->published.inuse_bytes;
    /* 16 objects foretold and fewer than 6 seen: one chance in 700. */
    if (foretold < 16 * sums_weight(sums) || foretold <= 0 || counted >= 0.35 * foretold)
        return false;
    growth->verdict = GROWTH_PLATEAU;
    growth->per_second = 0;
    growth->since_unix_ns = 0;
    return true;
}

/* Too few cycles to say by what they published; but what has allocated nothing all the while has not grown. */
static bool settle_silent(const struct history *history, const struct snapshot *snapshot, struct tracked *tracked)
{
    enum growth_verdict *verdict = &tracked->growth.verdict;
    if (tracked->growth.provisional)
        return false;
    enum growth_verdict before = *verdict;
    bool silent = !(tracked->sums.allocated_since > 0);
    bool long_enough = snapshot->unix_ns >= history->profile_first_unix_ns + TELLING_SILENCE_NS;
    *verdict = silent && long_enough ? GROWTH_PLATEAU : GROWTH_TOO_FEW;
    return *verdict != before;
}

static bool keeps_what_it_allocates(const struct sums *sums)
{
    return sums->sampled_allocs >= KEEPING_OBJECTS &&
           (double)sums->sampled_frees <= KEEPING_FREED * (double)sums->sampled_allocs;
}

/* Adds a point, and judges when it is time. */
static struct error *judge_keeping(const struct history *history, const struct snapshot *snapshot,
                                   struct tracked *tracked, bool judge, bool *changed)
{
    struct growth *growth = &tracked->growth;
    if (!keeps_what_it_allocates(&tracked->sums))
        return NULL;
    if (!series_add(&tracked->provisional, PROVISIONAL_POINTS, snapshot->unix_ns,
                    (double)tracked->sums.provisional.inuse_bytes))
        return error_no_memory();
    if (!judge || (growth->verdict != GROWTH_TOO_FEW && !growth->provisional))
        return NULL;
    /* What is held is what was allocated, near enough. */
    struct growth_input input = {.values = &tracked->provisional,
                                 .allocated = &tracked->provisional,
                                 .weight = sums_weight(&tracked->sums),
                                 .min_observations = GROWTH_MIN_SAMPLES,
                                 .window_ns = history->options.window_ns};
    struct growth judged = growth_judge(&input);
    bool was_growing = growth->verdict == GROWTH_GROWING;
    if (judged.verdict == GROWTH_GROWING) {
        *growth = judged;
        growth->provisional = true;
    } else if (was_growing) {
        *growth = (struct growth){.verdict = GROWTH_TOO_FEW, .points = (uint32_t)history->num_profile_cycles};
    }
    *changed |= was_growing || growth->provisional;
    return NULL;
}

static struct error *heed(const struct history *history, const struct snapshot *snapshot, struct tracked *tracked,
                          bool judge, bool *changed)
{
    if (history->num_profile_cycles >= GROWTH_MIN_OBSERVATIONS) {
        series_deinit(&tracked->provisional);
        *changed |= stop_growth(snapshot, tracked);
        return NULL;
    }
    *changed |= settle_silent(history, snapshot, tracked);
    /* Where objects may take the place of such that have no site, nothing tells before a few cycles have come. */
    if (history->has_unattributed)
        return NULL;
    return judge_keeping(history, snapshot, tracked, judge, changed);
}

struct error *history_heed_provisional(struct history *history, const struct snapshot *snapshot, bool *changed)
{
    /* A cycle (*changed) has set verdicts anew; else they hold for a while. */
    uint64_t age = history_verdict_age(history, snapshot->unix_ns);
    bool judge = *changed || snapshot->unix_ns - history->provisional_unix_ns >= age;
    if (judge)
        history->provisional_unix_ns = snapshot->unix_ns;
    struct error *error = NULL;
    for (size_t i = 0; !error && i < history->stacks.count; i++)
        error = heed(history, snapshot, &history->stacks.items[i].tracked, judge, changed);
    for (size_t i = 0; !error && i < history->call_sites.count; i++) {
        struct tracked_call_site *call_site = &history->call_sites.items[i];
        if (call_site->num_stacks > 1)
            error = heed(history, snapshot, &call_site->tracked, judge, changed);
    }
    return error;
}
