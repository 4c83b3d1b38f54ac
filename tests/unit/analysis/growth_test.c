/* Growth verdicts, on simulated allocators. What is simulated are the sampled objects: a Poisson process of allocations
 * by bytes, thinned, is a Poisson process again. Seeds are fixed; the shares asserted are several times what was
 * measured. */
#include "analysis/growth.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/check_main.h"

#define WEIGHT 524288.0         /* Bytes a sampled small object stands for at the default rate. */
#define MEBIBYTE 1048576.0
#define BEGIN_NS UINT64_C(1700000000000000000)
#define RUNS 8

/* ---- random numbers ---- */

static uint64_t random_state;

/* xorshift64 (Marsaglia, 2003). */
static double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static double gaussian(void)
{
    return sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * M_PI * uniform());
}

static double poisson(double mean)
{
    if (mean > 100)
        return fmax(floor(mean + sqrt(mean) * gaussian() + 0.5), 0);
    double limit = exp(-mean), product = uniform();
    double count = 0;
    for (; product > limit; product *= uniform())
        count++;
    return count;
}

static double binomial(double count, double chance)
{
    if (count * chance > 100 && count * (1 - chance) > 100)
        return floor(count * chance + sqrt(count * chance * (1 - chance)) * gaussian() + 0.5);
    double hits = 0;
    for (double i = 0; i < count; i++)
        hits += uniform() < chance;
    return hits;
}

/* ---- allocators: each moves on by `step` seconds ---- */

struct allocator {
    double seconds;
    double held, allocated;     /* Sampled objects. */
    double other, phase, period;
};

struct parameters {
    double objects;         /* Held in the mean, or allocated a tooth. */
    double lifetime;        /* Mean, seconds. */
    double period;          /* Of teeth, or how long it fills. */
    double leak;            /* Objects a second, from `leak_from`. */
    double leak_from;
    double freed;           /* Part of a tooth's objects that is freed at its end. */
    double jitter;
    bool whole;             /* The size of the live heap is known: this allocator's mean size. */
};

typedef void allocator_step(struct allocator *allocator, double step, const struct parameters *parameters);

static void allocate(struct allocator *allocator, double objects)
{
    allocator->held += objects;
    allocator->allocated += objects;
}

/* A cache of constant mean size whose objects live for exponential times; and a leak beside it. */
static void run_cache(struct allocator *allocator, double step, const struct parameters *parameters)
{
    if (allocator->seconds == 0)
        allocator->held = allocator->other = poisson(parameters->objects);
    if (allocator->seconds >= parameters->leak_from)
        allocate(allocator, poisson(parameters->leak * step));
    if (!(parameters->lifetime > 0))
        return;
    double died = binomial(allocator->other, 1 - exp(-step / parameters->lifetime));
    double born = poisson(parameters->objects / parameters->lifetime * step);
    double stayed = binomial(born, (1 - exp(-step / parameters->lifetime)) * parameters->lifetime / step);
    allocator->allocated += born;
    allocator->other += stayed - died;
    allocator->held += stayed - died;
}

/* Fills, drops what it holds (or a part of that), fills again. */
static void run_saw(struct allocator *allocator, double step, const struct parameters *parameters)
{
    if (allocator->seconds == 0)
        allocator->period = parameters->period;
    double born = poisson(parameters->objects / parameters->period * step);
    allocate(allocator, born);
    allocator->other += born;
    allocator->phase += step;
    if (allocator->phase < allocator->period)
        return;
    allocator->held -= floor(allocator->other * parameters->freed);
    allocator->other = allocator->phase = 0;
    allocator->period = parameters->period * (1 + parameters->jitter * (2 * uniform() - 1));
}

/* Fills for a time; then objects come and go, or nothing happens any more. */
static void run_fill(struct allocator *allocator, double step, const struct parameters *parameters)
{
    if (allocator->seconds < parameters->period) {
        allocate(allocator, poisson(parameters->objects / parameters->period * step));
    } else if (parameters->lifetime > 0) {
        allocator->held -= binomial(allocator->held, 1 - exp(-step / parameters->lifetime));
        allocate(allocator, poisson(parameters->objects / parameters->lifetime * step));
    }
}

/* Grows in steps, each over a few cycles (`lifetime`): a batch of slices outgrow their arrays at about the same time,
 * then for a while none does. */
static void run_steps(struct allocator *allocator, double step, const struct parameters *parameters)
{
    if (allocator->seconds == 0)
        allocator->period = parameters->period;
    allocator->phase += step;
    if (allocator->phase > allocator->period - parameters->lifetime)
        allocate(allocator, poisson(parameters->objects * step / parameters->lifetime));
    if (allocator->phase < allocator->period)
        return;
    allocator->phase = 0;
    allocator->period = parameters->period * (1 + parameters->jitter * (2 * uniform() - 1));
}

/* ---- running them ---- */

/* The mean number of objects that a cache holds which has filled over `period`, and a leak beside it. */
static double mean_size(double seconds, const struct parameters *parameters)
{
    double filled = parameters->period > 0 ? fmin(seconds / parameters->period, 1) : 1;
    return parameters->objects * filled + parameters->leak * fmax(seconds - parameters->leak_from, 0);
}

struct outcome {
    double judged, growing, shrinking, sawtooth;
    double first_growing;       /* Seconds; the mean over the runs, INFINITY when one run never was. */
    double last_growing;        /* The latest of any run; 0 when none was. */
    double slope;               /* Of the last verdicts, mean. */
    double slope_of_all;        /* Of all verdicts "growing", mean. */
    double steepest;            /* Of all verdicts. */
    double rate;                /* What is held at the end, a second. */
};

/* A cycle every `step` seconds; verdicts from `from` to `until` count. */
static struct outcome simulate(allocator_step *step_function, struct parameters parameters, double step, double from,
                               double until)
{
    struct outcome outcome = {0};
    for (int run = 0; run < RUNS; run++) {
        random_state = 88172645463325252u + 7919u * (unsigned)run;
        struct allocator allocator = {0};
        struct series inuse = {0}, allocated = {0}, cycles = {0}, whole = {0};
        double first = INFINITY;
        struct growth growth = {0};
        for (double cycle = 1; allocator.seconds < until; cycle++) {
            step_function(&allocator, step, &parameters);
            allocator.seconds += step;
            uint64_t now = BEGIN_NS + (uint64_t)(allocator.seconds * 1e9);
            ck_assert(series_add(&inuse, 96, now, allocator.held * WEIGHT));
            ck_assert(series_add(&allocated, 96, now, allocator.allocated * WEIGHT));
            ck_assert(series_add(&cycles, 1024, now, cycle));
            double size = mean_size(allocator.seconds, &parameters) * WEIGHT;
            ck_assert(series_add(&whole, 1024, now, 16 * MEBIBYTE + size));
            if (allocator.seconds < from)
                continue;
            struct growth_input input = {.values = &inuse,
                                         .allocated = &allocated,
                                         .weight = WEIGHT,
                                         .observations = &cycles,
                                         .whole = parameters.whole ? &whole : NULL,
                                         .min_observations = GROWTH_MIN_OBSERVATIONS,
                                         .window_ns = SERIES_RECENT_NS};
            growth = growth_judge(&input);
            outcome.judged++;
            outcome.shrinking += growth.verdict == GROWTH_SHRINKING;
            outcome.sawtooth += growth.verdict == GROWTH_SAWTOOTH;
            if (growth.verdict == GROWTH_GROWING) {
                outcome.growing++;
                outcome.slope_of_all += growth.per_second;
                outcome.steepest = fmax(outcome.steepest, growth.per_second);
                first = fmin(first, allocator.seconds);
                outcome.last_growing = fmax(outcome.last_growing, allocator.seconds);
            }
        }
        outcome.first_growing += first / RUNS;
        outcome.slope += growth.per_second / RUNS;
        outcome.rate += allocator.held * WEIGHT / allocator.seconds / RUNS;
        series_deinit(&inuse);
        series_deinit(&allocated);
        series_deinit(&cycles);
        series_deinit(&whole);
    }
    if (outcome.growing > 0)
        outcome.slope_of_all /= outcome.growing;
    return outcome;
}

static void assert_calm(struct outcome outcome, double share, const char *what)
{
    ck_assert_msg(outcome.growing <= share * outcome.judged, "%s: growing %.0f of %.0f times", what, outcome.growing,
                  outcome.judged);
}

/* ---- healthy ---- */

START_TEST(caches_are_not_growing)
{
    static const double objects[] = {3, 30, 300, 3000}, lifetimes[] = {2, 30, 300, 3600}, steps[] = {1, 8, 60};
    struct outcome all = {0};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            struct parameters parameters = {.objects = objects[i], .lifetime = lifetimes[j]};
            char what[64];
            snprintf(what, sizeof(what), "cache of %.0f living %.0f s", objects[i], lifetimes[j]);
            struct outcome outcome = simulate(run_cache, parameters, steps[_i], 0, 2400);
            assert_calm(outcome, 0.01, what);
            all.judged += outcome.judged;
            all.growing += outcome.growing;
            all.shrinking += outcome.shrinking;
        }
    }
    /* All together, far fewer. */
    assert_calm(all, 0.002, "all caches");
    ck_assert_double_lt(all.shrinking, 0.005 * all.judged);
}
END_TEST

START_TEST(saws_are_not_growing)
{
    static const struct { double objects, period, step; } cases[] = {
        {30, 30, 1}, {300, 30, 1}, {3000, 180, 1}, {300, 180, 8}, {300, 600, 8}, {3000, 600, 60},
    };
    double sawtooth = 0, judged = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parameters parameters = {
            .objects = cases[i].objects, .period = cases[i].period, .freed = 1, .jitter = 0.3};
        struct outcome outcome = simulate(run_saw, parameters, cases[i].step, 2.5 * cases[i].period, 4800);
        char what[64];
        snprintf(what, sizeof(what), "saw of %.0f, %.0f s, seen every %.0f s", cases[i].objects, cases[i].period,
                 cases[i].step);
        assert_calm(outcome, 0.005, what);
        if (cases[i].objects >= 300) {
            sawtooth += outcome.sawtooth;
            judged += outcome.judged;
        }
    }
    ck_assert_double_gt(sawtooth, 0.9 * judged);
}
END_TEST

/* A ramp is growing while it rises, and a plateau soon after: after a fraction of the time that it took. */
START_TEST(a_filled_cache_stops_growing)
{
    static const struct { double objects, period, lifetime, step, until; } cases[] = {
        {300, 20, 0, 1, 40},    {3000, 120, 0, 1, 150},  {300, 120, 0, 8, 180},   {3000, 600, 0, 8, 700},
        {3000, 120, 60, 1, 180}, {3000, 600, 60, 8, 900}, {300, 120, 60, 1, 360}, {300, 120, 60, 8, 360},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parameters parameters = {
            .objects = cases[i].objects, .period = cases[i].period, .lifetime = cases[i].lifetime};
        struct outcome filling = simulate(run_fill, parameters, cases[i].step, 0, cases[i].period);
        ck_assert_msg(filling.first_growing < fmax(cases[i].period / 2, 6 * cases[i].step),
                      "case %zu: growing at %.0f s", i, filling.first_growing);
        struct outcome after = simulate(run_fill, parameters, cases[i].step, cases[i].until, 3600);
        char what[32];
        snprintf(what, sizeof(what), "case %zu", i);
        assert_calm(after, 0.01, what);
    }
}
END_TEST

/* Of few samples it takes long to tell that they come no more; the live heap tells it at once, and is no hindrance to
 * what leaks. */
START_TEST(a_silent_heap_tells_that_a_cache_is_full)
{
    struct parameters cache = {.objects = 65, .period = 32, .lifetime = 32};
    struct outcome alone = simulate(run_fill, cache, 2, 46, 120);
    cache.whole = true;
    struct outcome within = simulate(run_fill, cache, 2, 46, 120);
    assert_calm(within, 0.01, "the live heap known");
    ck_assert_double_lt(within.growing, alone.growing);
    struct parameters leak = {.leak = 2, .whole = true};
    struct outcome growing = simulate(run_cache, leak, 2, 12, 300);
    ck_assert_double_gt(growing.growing, 0.97 * growing.judged);
}
END_TEST

/* ---- leaks ---- */

START_TEST(leaks_are_found)
{
    /* Sampled objects a second: one is half a megabyte of small objects. `within`: seconds. */
    static const struct { double leak, objects, lifetime, from, step, within; } cases[] = {
        {4, 0, 0, 0, 1, 8},          {4, 0, 0, 0, 8, 48},         {0.5, 0, 0, 0, 1, 45},     {0.5, 0, 0, 0, 8, 60},
        {0.1, 0, 0, 0, 8, 220},      {0.02, 0, 0, 0, 60, 1100},   {4, 300, 60, 0, 1, 40},    {0.5, 300, 60, 0, 8, 300},
        {4, 30, 0, 1200, 1, 1220},   {0.5, 30, 0, 1200, 8, 1260}, {4, 300, 60, 1200, 8, 1260},
        {0.5, 3000, 3600, 0, 8, 700},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parameters parameters = {.objects = cases[i].objects,
                                        .lifetime = cases[i].lifetime,
                                        .leak = cases[i].leak,
                                        .leak_from = cases[i].from};
        struct outcome outcome =
            simulate(run_cache, parameters, cases[i].step, cases[i].from, cases[i].within * 3 + 60);
        ck_assert_msg(outcome.first_growing <= cases[i].within, "case %zu: growing at %.0f s", i,
                      outcome.first_growing);
    }
}
END_TEST

START_TEST(a_leak_stays_growing_and_its_slope_is_right)
{
    struct parameters parameters = {.leak = 2};
    struct outcome outcome = simulate(run_cache, parameters, 8, 80, 2400);
    ck_assert_double_gt(outcome.growing, 0.97 * outcome.judged);
    ck_assert_double_eq_tol(outcome.slope, 2 * WEIGHT, 0.05 * 2 * WEIGHT);
    parameters = (struct parameters){.leak = 2, .objects = 300, .lifetime = 60};
    outcome = simulate(run_cache, parameters, 8, 240, 2400);
    ck_assert_double_gt(outcome.growing, 0.95 * outcome.judged);
    ck_assert_double_eq_tol(outcome.slope, 2 * WEIGHT, 0.1 * 2 * WEIGHT);
}
END_TEST

/* A rate is that of the whole time it is said to hold for, and not of the latest step. */
START_TEST(steps_are_not_taken_for_the_slope)
{
    static const struct { double objects, period, lifetime, jitter, step; } cases[] = {
        {45, 20, 4, 0.3, 1}, {45, 20, 4, 0, 1}, {45, 20, 2, 0.3, 2}, {200, 40, 12, 0.3, 2}, {100, 60, 8, 0.5, 8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parameters parameters = {.objects = cases[i].objects,
                                        .period = cases[i].period,
                                        .lifetime = cases[i].lifetime,
                                        .jitter = cases[i].jitter};
        struct outcome outcome = simulate(run_steps, parameters, cases[i].step, 2.5 * cases[i].period, 900);
        ck_assert_double_gt(outcome.growing, 0.8 * outcome.judged);
        ck_assert_double_eq_tol(outcome.slope_of_all, outcome.rate, 0.15 * outcome.rate);
        ck_assert_msg(outcome.steepest < 2.2 * outcome.rate, "case %zu: steepest %.2f", i,
                      outcome.steepest / outcome.rate);
    }
}
END_TEST

/* Partial frees give it teeth; what is left rises. */
START_TEST(a_leak_with_teeth_is_found)
{
    struct parameters half = {.objects = 60, .period = 30, .freed = 0.5};
    struct outcome outcome = simulate(run_saw, half, 8, 200, 1800);
    ck_assert_double_gt(outcome.growing, 0.95 * outcome.judged);
    struct parameters most = {.objects = 240, .period = 120, .freed = 0.9};
    outcome = simulate(run_saw, most, 8, 1800, 4800);
    ck_assert_double_gt(outcome.growing, 0.7 * outcome.judged);
}
END_TEST

START_TEST(a_draining_cache_is_shrinking)
{
    struct series inuse = {0}, allocated = {0}, cycles = {0};
    for (int i = 0; i < 40; i++) {
        uint64_t now = BEGIN_NS + (uint64_t)i * 8000000000u;
        ck_assert(series_add(&inuse, 96, now, (1000 - 20 * i) * WEIGHT));
        ck_assert(series_add(&allocated, 96, now, 1000 * WEIGHT));
        ck_assert(series_add(&cycles, 96, now, i + 1));
    }
    struct growth_input input = {.values = &inuse,
                                 .allocated = &allocated,
                                 .weight = WEIGHT,
                                 .observations = &cycles,
                                 .min_observations = GROWTH_MIN_OBSERVATIONS,
                                 .window_ns = SERIES_RECENT_NS};
    struct growth growth = growth_judge(&input);
    ck_assert_int_eq(growth.verdict, GROWTH_SHRINKING);
    ck_assert_double_eq_tol(growth.per_second, -2.5 * WEIGHT, 0.02 * WEIGHT);
    ck_assert_uint_eq(growth.points, 40);
    ck_assert_uint_eq(growth.since_unix_ns, BEGIN_NS);
    series_deinit(&inuse);
    series_deinit(&allocated);
    series_deinit(&cycles);
}
END_TEST

/* ---- few samples, exact figures ---- */

START_TEST(few_observations_say_nothing)
{
    struct series series = {0};
    struct growth growth = growth_of_series(&series, SERIES_RECENT_NS, 0);
    ck_assert_int_eq(growth.verdict, GROWTH_TOO_FEW);
    ck_assert_uint_eq(growth.points, 0);
    for (int i = 0; i < GROWTH_MIN_SAMPLES - 1; i++)
        ck_assert(series_add(&series, 64, BEGIN_NS + (uint64_t)i * 1000000000u, 100.0 * i));
    growth = growth_of_series(&series, SERIES_RECENT_NS, 0);
    ck_assert_int_eq(growth.verdict, GROWTH_TOO_FEW);
    ck_assert_double_eq(growth.per_second, 0);
    ck_assert_uint_eq(growth.points, GROWTH_MIN_SAMPLES - 1);
    ck_assert_str_eq(growth_verdict_name(growth.verdict), "too few samples");
    for (int i = GROWTH_MIN_SAMPLES - 1; i < 40; i++)
        ck_assert(series_add(&series, 64, BEGIN_NS + (uint64_t)i * 1000000000u, 100.0 * i));
    growth = growth_of_series(&series, SERIES_RECENT_NS, 0);
    ck_assert_int_eq(growth.verdict, GROWTH_GROWING);
    ck_assert_double_eq_tol(growth.per_second, 100, 0.5);
    series_deinit(&series);
}
END_TEST

/* What an exact figure does at a second. */
typedef double figure(double second);

static double steady(double second)
{
    (void)second;
    return 640 * MEBIBYTE;
}

static double noisy(double second)
{
    (void)second;
    return 640 * MEBIBYTE * (1 + 0.03 * gaussian());
}

static double teeth(double second)
{
    return (640 + 300 * fmod(second, 37) / 37) * MEBIBYTE;
}

static double long_teeth(double second)
{
    return (640 + 300 * fmod(second, 200) / 200) * MEBIBYTE;
}

static double leaking(double second)
{
    return (640 + 0.3 * second) * MEBIBYTE * (1 + 0.01 * gaussian());
}

static double step_up(double second)
{
    return (second < 300 ? 640 : 900) * MEBIBYTE;
}

static double start_up(double second)
{
    return (50 + fmin(second, 60) * 10) * MEBIBYTE;
}

static double late_leak(double second)
{
    return (640 + 2 * fmax(second - 1200, 0)) * MEBIBYTE;
}

/* The share of verdicts of a kind at every fourth second from..until. */
static double share_of(figure *value, enum growth_verdict verdict, int from, int until, struct growth *ret_last)
{
    struct series series = {0};
    random_state = 4101842887655102017u;
    double judged = 0, counted = 0;
    for (int second = 0; second <= until; second++) {
        ck_assert(series_add(&series, 1024, BEGIN_NS + (uint64_t)second * 1000000000u, value(second)));
        if (second < from || second % 4)
            continue;
        *ret_last = growth_of_series(&series, SERIES_RECENT_NS, MEBIBYTE);
        judged++;
        counted += ret_last->verdict == verdict;
    }
    series_deinit(&series);
    return counted / judged;
}

START_TEST(exact_figures_are_judged)
{
    struct growth last;
    ck_assert_double_eq(share_of(steady, GROWTH_PLATEAU, 12, 2000, &last), 1);
    ck_assert_double_eq(share_of(noisy, GROWTH_GROWING, 12, 3000, &last), 0);
    ck_assert_double_eq(share_of(teeth, GROWTH_GROWING, 80, 3000, &last), 0);
    ck_assert_double_gt(share_of(teeth, GROWTH_SAWTOOTH, 80, 3000, &last), 0.99);
    ck_assert_double_lt(share_of(long_teeth, GROWTH_GROWING, 500, 3000, &last), 0.005);
    ck_assert_double_gt(share_of(leaking, GROWTH_GROWING, 240, 3000, &last), 0.98);
    ck_assert_double_eq_tol(last.per_second, 0.3 * MEBIBYTE, 0.03 * MEBIBYTE);
    ck_assert_double_gt(last.error_per_second, 0);
    ck_assert_double_lt(last.error_per_second, 0.1 * MEBIBYTE);
    ck_assert_double_eq(share_of(step_up, GROWTH_GROWING, 12, 3000, &last), 0);
    ck_assert_double_gt(share_of(start_up, GROWTH_GROWING, 16, 60, &last), 0.95);
    ck_assert_double_eq(share_of(start_up, GROWTH_GROWING, 76, 3000, &last), 0);
}
END_TEST

START_TEST(it_knows_since_when)
{
    struct growth last;
    ck_assert_double_gt(share_of(late_leak, GROWTH_GROWING, 1240, 1500, &last), 0.99);
    ck_assert_int_eq(last.verdict, GROWTH_GROWING);
    double since = (double)(last.since_unix_ns - BEGIN_NS) / 1e9;
    ck_assert_double_ge(since, 1190);
    ck_assert_double_le(since, 1210);
    ck_assert_double_eq_tol(last.per_second, 2 * MEBIBYTE, 0.1 * MEBIBYTE);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("growth");
    TCase *healthy = tcase_create("healthy");
    tcase_add_loop_test(healthy, caches_are_not_growing, 0, 3);
    tcase_add_test(healthy, saws_are_not_growing);
    tcase_add_test(healthy, a_filled_cache_stops_growing);
    tcase_add_test(healthy, a_silent_heap_tells_that_a_cache_is_full);
    suite_add_tcase(suite, healthy);
    TCase *leaks = tcase_create("leaks");
    tcase_add_test(leaks, leaks_are_found);
    tcase_add_test(leaks, a_leak_stays_growing_and_its_slope_is_right);
    tcase_add_test(leaks, steps_are_not_taken_for_the_slope);
    tcase_add_test(leaks, a_leak_with_teeth_is_found);
    tcase_add_test(leaks, a_draining_cache_is_shrinking);
    suite_add_tcase(suite, leaks);
    TCase *exact = tcase_create("exact");
    tcase_add_test(exact, few_observations_say_nothing);
    tcase_add_test(exact, exact_figures_are_judged);
    tcase_add_test(exact, it_knows_since_when);
    suite_add_tcase(suite, exact);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
