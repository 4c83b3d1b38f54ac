/* Is it growing?
 *
 * What is observed. A heap profile changes only when a GC cycle completes, so a site is observed once a cycle; between
 * two observations nothing is known, and a series is read as a step function. RSS and counts are observed at every
 * sample.
 *
 * The error of a change. A site's figure is V = w N: N sampled objects in use, each standing for w bytes (object size
 * over its probability of being sampled). The error of V itself (w sqrt(N)) says nothing about a change: the same
 * sampled objects are in use at both ends. Between two observations V changes by w (B - D): B sampled objects born
 * since and still in use, D in use before and freed since. Objects are sampled independently (a Poisson process over
 * the bytes allocated), so the variance of the change is w^2 (B + D). B and D are not counted apart from objects that
 * lived and died in between, but B + D <= allocs + frees in between, and B + D <= N1 + N2. So
 *
 *     error^2 = w * min(bytes allocated + bytes freed, V1 + V2)
 *
 * which also covers the natural fluctuation of a cache whose objects come and go independently, as its thinned arrivals
 * are Poisson too. A pure leak is thus beyond 3.5 errors after 12 sampled objects (6 MB of small objects at the default
 * rate), whatever the site holds.
 *
 * Growing means all of:
 *  - significance: the robust slope (Theil-Sen over at most nine levels) times the span is above SIGNIFICANT errors,
 *    and material;
 *  - persistence: it keeps rising. Either the rises from level to level have a mean that differs from zero by Student's
 *    t (this needs no model of how the program itself fluctuates: a random walk passes in one case of 200), or it is a
 *    ratchet: it never falls back by more than a quarter of the rise, and rises in many separate parts of the span. One
 *    step is neither;
 *  - recency: it still rises. The last part of the span has risen at a fair share of the slope; so a cache that has
 *    filled stops to be growing as soon as its silence could not be chance, or the live heap, whose size is known
 *    exactly, has fallen silent as well;
 *  - a new high: it stands above all that was before the span, so that one tooth of a saw does not count.
 *
 * It is tried over the window, then over halves of it down to a thirty-second (a leak that began lately), then over
 * doubles up to the whole session (a slow leak; one under a saw's teeth). Shrinking is the same upside down. */
#include "analysis/growth.h"

#include <math.h>

#define SIGNIFICANT 3.5
/* Of the level: less is not worth a word, however sure. */
#define MATERIAL 0.01
#define MAX_LEVELS 9u
/* With more observations than this a level is the mean over a part of the span, else one observation. */
#define MEAN_LEVELS 8u
#define MEAN_FROM 18u
#define SHORTEST_SPAN (1 / 32.0)
/* A fall-back of more than this part of the rise is no ratchet. */
#define RATCHET 0.25
/* The end of a span must rise by this share of what its slope foretells, unless chance (so many errors) may have left
 * less. */
#define FAIR_SHARE 0.5
#define LIKELY 2.6
/* Parts that a span is cut into to see whether the whole heap rises. */
#define WHOLE_PARTS 16
/* A kink is deeper than this part of the rise; more in a row are not looked for. */
#define KINK 0.2
#define MAX_KINKS 4
/* Steps with a longer pause between them, in lengths of the step, are not seen as one rise. */
#define PAUSE 8
/* Saw: rises and falls that are this many errors and this part of the level. */
#define SAW_ERRORS 5.0
#define SAW_PART 0.1
/* What stays within this part of its level is steady. */
#define STEADY 0.02
/* Changes of fewer sampled objects than this could not be told from chance even if all were rises. */
#define TELLING_OBJECTS (SIGNIFICANT * SIGNIFICANT)

static const char *const verdict_names[] = {
    [GROWTH_TOO_FEW] = "too few samples", [GROWTH_PLATEAU] = "plateau",     [GROWTH_SAWTOOTH] = "sawtooth",
    [GROWTH_GROWING] = "growing",         [GROWTH_SHRINKING] = "shrinking",
};

const char *growth_verdict_name(enum growth_verdict verdict)
{
    return verdict_names[verdict];
}

/* One span of a series. */
struct span {
    uint64_t start, end;
    double seconds;
    double first, last;
    double churn;               /* Bytes allocated and freed within; 0 for exact values. */
    double error;               /* Of last - first; 0 for exact values. */
    uint32_t observations;
    double levels[MAX_LEVELS];
    unsigned num_levels;
    double level_seconds;       /* From one level to the next. */
    double slope;               /* Theil-Sen through the levels, per second. */
    double lowest, highest;
    double run_up, fall_back;   /* The largest rise and fall between any two times within. */
};

static double value_at(const struct series *series, uint64_t unix_ns)
{
    double value;
    if (series_value_at(series, unix_ns, &value))
        return value;
    return series->count ? series_point(series, 0).value : 0;
}

/* The index of the last point at or before a time; 0 when there is none. */
static uint32_t index_at(const struct series *series, uint64_t unix_ns)
{
    uint32_t low = 0, high = series->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (series_point(series, middle).unix_ns <= unix_ns)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint32_t count_observations(const struct growth_input *input, uint64_t start, uint64_t end)
{
    if (input->observations) {
        double count = value_at(input->observations, end) - value_at(input->observations, start);
        return (uint32_t)(count + 1.5);
    }
    const struct series *series = input->values;
    uint64_t first = series_point(series, 0).unix_ns, last = series_point(series, series->count - 1).unix_ns;
    if (last <= first)
        return 1;
    /* Samples are taken at an even pace. */
    return (uint32_t)((double)(series->added - 1) * (double)(end - start) / (double)(last - first) + 1.5);
}

/* The error of a change from a time to the newest observation. */
static double change_error(const struct growth_input *input, uint64_t start, double first, double last,
                           double *ret_churn)
{
    *ret_churn = 0;
    if (!input->allocated || !(input->weight > 0))
        return 0;
    double now = series_point(input->allocated, input->allocated->count - 1).value;
    double allocated = now - value_at(input->allocated, start);
    double churn = 2 * allocated - (last - first);
    if (churn < fabs(last - first))
        churn = fabs(last - first);
    *ret_churn = churn;
    return sqrt(input->weight * fmin(churn, fabs(first) + fabs(last)));
}

/* Levels, lowest, highest, run-up and fall-back, in one pass over the points. */
static void span_read_levels(struct span *span, const struct series *series)
{
    bool means = span->observations >= MEAN_FROM;
    span->num_levels = means ? MEAN_LEVELS : span->observations < MAX_LEVELS ? span->observations : MAX_LEVELS;
    unsigned parts = means ? span->num_levels : span->num_levels - 1;
    double part = (double)(span->end - span->start) / parts;
    span->level_seconds = part / 1e9;

    uint32_t next = index_at(series, span->start) + 1;
    double value = span->first, at = 0;
    span->lowest = span->highest = value;
    span->run_up = span->fall_back = 0;
    double low = value, high = value;
    if (!means)
        span->levels[0] = value;
    for (unsigned i = 0; i < parts; i++) {
        double end = i + 1 == parts ? (double)(span->end - span->start) : part * (i + 1);
        double area = 0;
        while (next < series->count) {
            struct point point = series_point(series, next);
            double when = (double)(point.unix_ns - span->start);
            if (when > end)
                break;
            area += value * (when - at);
            at = when;
            value = point.value;
            next++;
            low = fmin(low, value);
            high = fmax(high, value);
            span->run_up = fmax(span->run_up, value - low);
            span->fall_back = fmax(span->fall_back, high - value);
        }
        area += value * (end - at);
        at = end;
        if (means)
            span->levels[i] = area / part;
        else
            span->levels[i + 1] = value;
    }
    span->lowest = low;
    span->highest = high;
}

/* The median slope between any two levels. */
static double theil_sen(const struct span *span)
{
    double slopes[MAX_LEVELS * (MAX_LEVELS - 1) / 2];
    size_t count = 0;
    for (unsigned i = 0; i < span->num_levels; i++) {
        for (unsigned j = i + 1; j < span->num_levels; j++) {
            double slope = (span->levels[j] - span->levels[i]) / (span->level_seconds * (j - i));
            /* Few enough that inserting each in its place is the fastest sort. */
            size_t at = count++;
            for (; at > 0 && slopes[at - 1] > slope; at--)
                slopes[at] = slopes[at - 1];
            slopes[at] = slope;
        }
    }
    return count % 2 ? slopes[count / 2] : (slopes[count / 2 - 1] + slopes[count / 2]) / 2;
}

/* The ends and their error only; false when it has no length. */
static bool span_begin(struct span *span, const struct growth_input *input, double length_ns)
{
    const struct series *series = input->values;
    uint64_t first = series_point(series, 0).unix_ns;
    struct point last = series_point(series, series->count - 1);
    span->end = last.unix_ns;
    span->last = last.value;
    span->start = (double)(span->end - first) <= length_ns ? first : span->end - (uint64_t)length_ns;
    span->seconds = (double)(span->end - span->start) / 1e9;
    if (!(span->seconds > 0))
        return false;
    span->first = value_at(series, span->start);
    span->error = change_error(input, span->start, span->first, span->last, &span->churn);
    return true;
}

/* Counts the span's observations; false when they are too few. */
static bool span_count(struct span *span, const struct growth_input *input)
{
    span->observations = count_observations(input, span->start, span->end);
    return span->observations >= input->min_observations;
}

/* Student's t at one chance in 200, one-sided, by degrees of freedom. */
static double critical_t(unsigned freedom)
{
    static const double table[] = {INFINITY, 63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36};
    return table[freedom < sizeof(table) / sizeof(table[0]) ? freedom : sizeof(table) / sizeof(table[0]) - 1];
}

/* Standard error of the mean step from level to level; the mean in *ret_mean. */
static double step_error(const struct span *span, double *ret_mean)
{
    unsigned steps = span->num_levels - 1;
    double mean = (span->levels[steps] - span->levels[0]) / steps, squares = 0;
    for (unsigned i = 0; i < steps; i++) {
        double difference = span->levels[i + 1] - span->levels[i] - mean;
        squares += difference * difference;
    }
    *ret_mean = mean;
    return sqrt(squares / (steps - 1) / steps);
}

/* Whether it falls back (by so much) more than sampling explains, and by a good part of the rise. */
static bool is_toothed(const struct span *span, double back)
{
    return back > RATCHET * fabs(span->slope) * span->seconds && back > SAW_ERRORS * span->error;
}

static bool is_persistent(const struct span *span, double sign, bool exact)
{
    double rise = fabs(span->slope) * span->seconds;
    double back = sign > 0 ? span->fall_back : span->run_up;
    /* Levels taken across the teeth of a saw drift a little with where the teeth fall. */
    if (is_toothed(span, back) && rise < back / 2)
        return false;
    double mean, error = step_error(span, &mean);
    if (mean * sign > critical_t(span->num_levels - 2) * error)
        return true;
    /* Exact values carry no error to be significant against: a few of them in a row may rise by chance. */
    if (back > RATCHET * rise || (exact && span->num_levels < MEAN_LEVELS))
        return false;
    unsigned steps = span->num_levels - 1, rising = 0;
    for (unsigned i = 0; i < steps; i++) {
        if ((span->levels[i + 1] - span->levels[i]) * sign > rise / steps / 4)
            rising++;
    }
    return rising * 2 > steps && rising >= 3;
}

/* Whether a part of the span rises as the slope foretells: at least half as much, or as little as chance may leave of
 * it. */
static bool rises_as_foretold(double rise, double foretold, double error)
{
    return rise >= fmin(FAIR_SHARE * foretold, foretold - LIKELY * error);
}

/* Whether the exact size of all that the values are a part of leaves room for such a rise since `start`: it rises as
 * well, or goes back and forth by as much. Of a part of the span its lowest size counts: what a program works with
 * when a cycle comes lies on top. */
static bool whole_may_rise(const struct span *span, const struct growth_input *input, uint64_t start, double foretold)
{
    if (!input->whole || input->whole->count == 0)
        return true;
    double highest = -INFINITY, fall_back = 0, before = NAN, low = NAN;
    uint64_t length = (span->end - span->start) / WHOLE_PARTS;
    for (unsigned i = 0; i < WHOLE_PARTS; i++) {
        uint64_t begin = span->start + i * length, end = begin + length;
        low = value_at(input->whole, begin);
        for (uint32_t j = index_at(input->whole, begin) + 1; j < input->whole->count; j++) {
            struct point point = series_point(input->whole, j);
            if (point.unix_ns > end)
                break;
            low = fmin(low, point.value);
        }
        highest = fmax(highest, low);
        fall_back = fmax(fall_back, highest - low);
        if (end <= start + length / 2)
            before = low;
    }
    return isnan(before) || low - before + fall_back >= FAIR_SHARE * foretold;
}

/* Whether the last part of the span still rises at a fair share of the slope. */
static bool is_recent(const struct span *span, const struct growth_input *input, double sign)
{
    double rise = fabs(span->slope) * span->seconds;
    double back = sign > 0 ? span->fall_back : span->run_up;
    bool toothed = is_toothed(span, back);

    /* The second half, by levels: it must rise beyond its own error, too. */
    unsigned last = span->num_levels - 1, middle = span->num_levels / 2 - 1;
    double late = span->levels[last] + span->levels[last - 1];
    double early = span->levels[middle] + span->levels[middle + 1];
    double half = (late - early) / 2 * sign;
    double foretold = fabs(span->slope) * span->level_seconds * (last - 1 - middle);
    uint64_t start = span->start + (span->end - span->start) / 2;
    double churn, first = value_at(input->values, start);
    double error = change_error(input, start, first, span->last, &churn);
    double share = toothed ? FAIR_SHARE / 2 : FAIR_SHARE;
    if (half < fmin(share * foretold, fmax(foretold - LIKELY * error, error)))
        return false;
    /* Shorter ends say nothing between the teeth of a saw. */
    if (toothed)
        return true;
    for (unsigned part = 2; part <= 8; part *= 2) {
        start = span->end - (span->end - span->start) / part;
        if (count_observations(input, start, span->end) < 4)
            break;
        first = value_at(input->values, start);
        /* If it still grows there, at least as many objects came as the slope foretells. */
        error = fmax(change_error(input, start, first, span->last, &churn), sqrt(input->weight * rise / part));
        double seen = (span->last - first) * sign;
        if (!rises_as_foretold(seen, rise / part, error))
            return false;
        /* What is beyond chance came at the expense of others. */
        if (sign > 0 && seen < LIKELY * error && !whole_may_rise(span, input, start, rise / part))
            return false;
    }
    return true;
}

/* Whether the end lies beyond all that was before the span: by half of the rise, and by more than it then went back and
 * forth. */
static bool is_new_extreme(const struct span *span, const struct growth_input *input, double sign)
{
    const struct series *series = input->values;
    uint32_t begin = index_at(series, span->start);
    double memory = fmax((double)input->window_ns, 4 * (double)(span->end - span->start));
    /* Backwards from the span: the furthest value yet met, and the largest fall from an earlier value to a later one.
     * */
    double furthest = -INFINITY, nearest = span->first * sign, fall = 0;
    for (uint32_t i = begin + 1; i > 0; i--) {
        struct point point = series_point(series, i - 1);
        if ((double)(span->end - point.unix_ns) > memory)
            break;
        double value = point.value * sign;
        furthest = fmax(furthest, value);
        nearest = fmin(nearest, value);
        fall = fmax(fall, value - nearest);
    }
    if (fall < SAW_ERRORS / 2 * span->error)
        fall = 0;
    if (!(furthest > -INFINITY))
        return true;
    double beyond = span->last * sign - furthest;
    return beyond >= fabs(span->slope) * span->seconds / 2 && beyond >= fall;
}

/* The verdict over one span: GROWTH_GROWING, GROWTH_SHRINKING, or GROWTH_PLATEAU for neither. */
static enum growth_verdict judge_span(struct span *span, const struct growth_input *input)
{
    double change = fabs(span->last - span->first);
    double needed = fmax(SIGNIFICANT * span->error, input->smallest_rise);
    needed = fmax(needed, MATERIAL * fmax(fabs(span->first), fabs(span->last)));
    /* The slope between the ends may differ from the robust one, but not so much. */
    bool exact = !(span->error > 0);
    if (!exact && change < needed / 2)
        return GROWTH_PLATEAU;
    if (!span_count(span, input))
        return GROWTH_PLATEAU;
    span_read_levels(span, input->values);
    if (exact && span->highest - span->lowest < needed)
        return GROWTH_PLATEAU;
    span->slope = theil_sen(span);
    double sign = span->slope > 0 ? 1 : -1;
    if (fabs(span->slope) * span->seconds < needed || !(fabs(span->slope) > 0))
        return GROWTH_PLATEAU;
    if (!is_persistent(span, sign, exact) || !is_recent(span, input, sign) || !is_new_extreme(span, input, sign))
        return GROWTH_PLATEAU;
    return sign > 0 ? GROWTH_GROWING : GROWTH_SHRINKING;
}

/* Where the series from a point on lies furthest below the line from there to the end: the kink, where its rise began
 * or grew steeper. The point itself when it bends by less than `least` anywhere. */
static uint32_t find_kink(const struct series *series, uint32_t begin, double sign, double least)
{
    uint32_t last = series->count - 1, at = begin;
    struct point start = series_point(series, begin), end = series_point(series, last);
    double line = (end.value - start.value) / fmax((double)(end.unix_ns - start.unix_ns), 1);
    double deepest = least;
    for (uint32_t i = begin + 1; i < last; i++) {
        struct point point = series_point(series, i);
        double below = (start.value + line * (double)(point.unix_ns - start.unix_ns) - point.value) * sign;
        if (below > deepest) {
            deepest = below;
            at = i;
        }
    }
    return at;
}

/* Narrows a span that was judged to the time since the present rise began: to the kink of the whole series; and again
 * what is left, while that bends too. Never to less than what would be judged the same by itself: one step of a
 * rise in steps is not a rise. The time at which it began is returned. */
static uint64_t narrow_to_rise(struct span *judged, const struct growth_input *input, enum growth_verdict verdict)
{
    const struct series *series = input->values;
    double sign = verdict == GROWTH_GROWING ? 1 : -1, least = KINK * fabs(judged->slope) * judged->seconds;
    uint32_t begin = 0;
    for (int round = 0; round < MAX_KINKS; round++) {
        uint32_t kink = find_kink(series, begin, sign, least);
        if (kink == begin)
            break;
        uint64_t since = series_point(series, kink).unix_ns;
        if (since > judged->start) {
            struct span rest;
            if (!span_begin(&rest, input, (double)(judged->end - since)) || judge_span(&rest, input) != verdict)
                break;
            *judged = rest;
        }
        begin = kink;
    }
    return series_point(series, begin).unix_ns;
}

/* The rise from a point over the next `length_ns`, at most until `until`; where its height is reached in *ret_top. */
static double rise_from(const struct series *series, uint32_t begin, uint64_t length_ns, uint64_t until, double sign,
                        uint32_t *ret_top)
{
    struct point start = series_point(series, begin);
    double highest = 0;
    *ret_top = begin;
    for (uint32_t i = begin + 1; i < series->count; i++) {
        struct point point = series_point(series, i);
        if (point.unix_ns > until || point.unix_ns - start.unix_ns > length_ns)
            break;
        double rise = (point.value - start.value) * sign;
        if (rise > highest) {
            highest = rise;
            *ret_top = i;
        }
    }
    return highest;
}

/* A rise as large and as quick, not long before the span, whose height was kept: then the span is one of several steps,
 * and a rate that holds for longer than a step is that of several. The span then begins where the first of them has
 * ended, so that a step for each pause between them counts. When the first began is returned; `since` where there is
 * none. */
static uint64_t widen_to_steps(struct span *span, const struct growth_input *input, double sign, uint64_t since)
{
    const struct series *series = input->values;
    uint64_t length = span->end - span->start, edge = span->start;
    double size = (span->last - span->first) * sign / 2, kept = span->first * sign, churn;
    uint64_t oldest = span->end - input->window_ns;
    uint64_t start = 0;
    for (uint32_t i = index_at(series, edge); i > 0; i--) {
        struct point point = series_point(series, i - 1);
        uint32_t top;
        if (point.unix_ns < oldest || edge - point.unix_ns > (PAUSE + 1) * length)
            break;
        if (kept - point.value * sign < size || rise_from(series, i - 1, 2 * length, edge, sign, &top) < size)
            continue;
        struct point height = series_point(series, top);
        if (fabs(height.value - point.value) <
            LIKELY * change_error(input, point.unix_ns, point.value, height.value, &churn))
            continue;
        edge = since = point.unix_ns;
        start = height.unix_ns;
        kept = point.value * sign;
    }
    struct span steps;
    if (start > 0 && span_begin(&steps, input, (double)(span->end - start)) && span_count(&steps, input)) {
        span_read_levels(&steps, series);
        steps.slope = (steps.last - steps.first) / steps.seconds;
        *span = steps;
    }
    return since;
}

static struct growth conclude(struct span *span, const struct growth_input *input, enum growth_verdict verdict)
{
    uint32_t points = span->observations;
    uint64_t since = narrow_to_rise(span, input, verdict);
    since = widen_to_steps(span, input, verdict == GROWTH_GROWING ? 1 : -1, since);
    double mean, steps = step_error(span, &mean) / span->level_seconds;
    return (struct growth){
        .verdict = verdict,
        .per_second = span->slope,
        .error_per_second = 2 * fmax(span->error / span->seconds, steps),
        .since_unix_ns = since,
        .points = points,
    };
}

/* Since when it has been about what it is now: a cache that has just filled is steady for a moment only. */
static uint64_t steady_since(const struct span *span, const struct growth_input *input)
{
    const struct series *series = input->values;
    double most = fmax(STEADY * fabs(span->last), input->smallest_rise);
    uint64_t since = span->end;
    for (uint32_t i = series->count; i > 0; i--) {
        struct point point = series_point(series, i - 1);
        if (fabs(point.value - span->last) > most)
            break;
        since = point.unix_ns;
        if (since <= span->start)
            return span->start;
    }
    return since;
}

static struct growth plateau(const struct span *span, const struct growth_input *input)
{
    struct growth growth = {.verdict = GROWTH_PLATEAU, .points = span->observations};
    if (!input->allocated) {
        growth.gained = span->last - span->first;
        bool has_moved = fabs(growth.gained) >= SAW_PART * fabs(span->last);
        growth.steady_since_unix_ns = has_moved ? steady_since(span, input) : span->start;
    }
    return growth;
}

/* What a span that neither grows nor shrinks is. */
static struct growth conclude_calm(struct span *span, const struct growth_input *input)
{
    struct growth growth = plateau(span, input);
    growth.per_second = (span->last - span->first) / span->seconds;
    growth.error_per_second = 2 * span->error / span->seconds;
    bool sampled = span->error > 0;
    if (!sampled && span->first == span->last && input->values->count <= 2)
        return growth;
    if (sampled && span->churn < TELLING_OBJECTS * input->weight) {
        if (2 * (span->last - span->first) > span->churn) {
            growth.verdict = GROWTH_TOO_FEW;
            growth.per_second = 0;
        }
        return growth;
    }
    span_read_levels(span, input->values);
    double mean;
    growth.error_per_second = 2 * fmax(span->error / span->seconds, step_error(span, &mean) / span->level_seconds);
    growth.per_second = mean / span->level_seconds;
    double least = SAW_PART * fmax(fabs(span->lowest), fabs(span->highest));
    if (sampled)
        least = fmax(least, SAW_ERRORS * sqrt(input->weight * fmin(span->churn, span->lowest + span->highest)));
    least = fmax(least, input->smallest_rise);
    if (least > 0 && span->run_up >= least && span->fall_back >= least)
        growth.verdict = GROWTH_SAWTOOTH;
    return growth;
}

static double series_range(const struct series *series)
{
    double low = INFINITY, high = -INFINITY;
    for (uint32_t i = 0; i < series->count; i++) {
        double value = series_point(series, i).value;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    return high - low;
}

struct growth growth_judge(const struct growth_input *input)
{
    const struct series *series = input->values;
    if (series->count == 0)
        return (struct growth){.verdict = GROWTH_TOO_FEW};
    struct span window, span;
    double length = (double)input->window_ns;
    if (!span_begin(&window, input, length))
        return (struct growth){.verdict = GROWTH_TOO_FEW, .points = 1};
    if (!span_count(&window, input)) {
        /* At a slow pace of GC the window is the whole session. */
        length = INFINITY;
        span_begin(&window, input, length);
        if (!span_count(&window, input))
            return (struct growth){.verdict = GROWTH_TOO_FEW, .points = window.observations};
    }
    /* Nothing came or went all the while: the commonest case by far. */
    if (input->allocated && window.churn == 0)
        return (struct growth){.verdict = GROWTH_PLATEAU, .points = window.observations};

    /* No part of it can rise by more than all of it ranges over. */
    if (!input->allocated && series_range(series) < input->smallest_rise)
        return plateau(&window, input);

    double session = (double)(window.end - series_point(series, 0).unix_ns);
    double covered = fmin(length, session);
    span = window;
    enum growth_verdict verdict = judge_span(&span, input);
    for (double part = 0.5; verdict == GROWTH_PLATEAU && part >= SHORTEST_SPAN; part /= 2) {
        if (span_begin(&span, input, covered * part))
            verdict = judge_span(&span, input);
    }
    for (double longer = covered; verdict == GROWTH_PLATEAU && longer < session;) {
        longer = fmin(2 * longer, session);
        if (span_begin(&span, input, longer))
            verdict = judge_span(&span, input);
    }
    return verdict == GROWTH_PLATEAU ? conclude_calm(&window, input) : conclude(&span, input, verdict);
}

struct growth growth_of_series(const struct series *series, uint64_t window_ns, double smallest_rise)
{
    struct growth_input input = {.values = series,
                                 .smallest_rise = smallest_rise,
                                 .min_observations = GROWTH_MIN_SAMPLES,
                                 .window_ns = window_ns};
    return growth_judge(&input);
}
