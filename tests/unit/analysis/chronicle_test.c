/* Nights with a known course, and what is made of them. */
#include <math.h>
#include <stdlib.h>

#include "heaptop/analysis/chronicle.h"
#include "tests/unit/check_main.h"

#define SECOND UINT64_C(1000000000)
#define START (UINT64_C(1767323045) * SECOND)
#define HOUR 3600

static uint32_t seed;

static double noise(double size)
{
    seed = seed * 1664525 + 1013904223;
    return size * ((double)(seed >> 8) / (1 << 24) - 0.5);
}

static struct chronicle *finish(struct chronicler *chronicler)
{
    struct chronicle *chronicle = malloc(sizeof(*chronicle));
    ck_assert_ptr_null(chronicler_finish(chronicler, chronicle));
    chronicler_destroy(chronicler);
    return chronicle;
}

/* Live heap of a service: a GC every ten seconds, each with some noise. */
static void add(struct chronicler *chronicler, uint64_t second, uint32_t process, double heap, bool exited)
{
    static double marked;
    if (second % 10 == 0)
        marked = heap + noise(0.02 * heap);
    const struct chronicle_sample sample = {.unix_ns = START + second * SECOND,
                                            .process = process,
                                            .exited = exited,
                                            .rss_bytes = 2 * heap + noise(0.05 * heap),
                                            .heap_marked_bytes = marked,
                                            .goroutines = 100 + (double)(second / 100),
                                            .num_gc = (double)(second / 10),
                                            .pause_total_ns = 1e5 * (double)(second / 10)};
    ck_assert_ptr_null(chronicler_add(chronicler, &sample));
}

static struct chronicler *begin(void)
{
    struct chronicler *chronicler = NULL;
    seed = 1;
    ck_assert_ptr_null(chronicler_create(&chronicler));
    return chronicler;
}

START_TEST(growth_begins_in_the_night)
{
    struct chronicler *chronicler = begin();
    for (uint64_t second = 0; second < 8 * HOUR; second++)
        add(chronicler, second, 1, 100e6 + (second > 4 * HOUR ? 30e3 * (double)(second - 4 * HOUR) : 0), false);
    struct chronicle *chronicle = finish(chronicler);
    ck_assert_uint_eq(chronicle->samples, 8 * HOUR);
    ck_assert(chronicle->by_heap);
    ck_assert_uint_eq(chronicle->num_phases, 2);
    ck_assert_int_eq(chronicle->phases[0].kind, PHASE_PLATEAU);
    ck_assert_int_eq(chronicle->phases[1].kind, PHASE_GROWING);
    ck_assert_uint_eq(chronicle->growth_first, 1);
    ck_assert_uint_eq(chronicle->growth_count, 1);
    double began = (double)(chronicle->phases[1].from_unix_ns - START) / 1e9;
    ck_assert_msg(fabs(began - 4 * HOUR) < 300, "growth began after %.0f s", began);
    ck_assert_double_eq_tol(chronicle->phases[1].per_second, 30e3, 2e3);
    ck_assert_uint_gt(chronicle->peak_rss_unix_ns, START + 79 * HOUR / 10 * SECOND);
    free(chronicle);
}
END_TEST

START_TEST(what_is_level_grows_nowhere)
{
    struct chronicler *chronicler = begin();
    for (uint64_t second = 0; second < 2 * HOUR; second++)
        add(chronicler, second, 1, 100e6 + noise(5e6), false);
    struct chronicle *chronicle = finish(chronicler);
    ck_assert_uint_eq(chronicle->num_phases, 1);
    ck_assert_int_eq(chronicle->phases[0].kind, PHASE_PLATEAU);
    ck_assert_uint_eq(chronicle->growth_count, 0);
    free(chronicle);
}
END_TEST

START_TEST(processes_are_told_apart)
{
    struct chronicler *chronicler = begin();
    /* Each starts small, grows to the same size, and dies: no growth across them. */
    for (uint64_t second = 0; second < 3 * HOUR; second++)
        add(chronicler, second, 1 + (uint32_t)(second / HOUR), 20e6 + 50e3 * (double)(second % HOUR),
            second % HOUR == HOUR - 1);
    struct chronicle *chronicle = finish(chronicler);
    ck_assert_uint_eq(chronicle->num_processes, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(chronicle->processes[i].exited);
        ck_assert_uint_eq(chronicle->processes[i].samples, HOUR);
    }
    for (size_t i = 0; i < chronicle->num_phases; i++) {
        const struct chronicle_phase *phase = &chronicle->phases[i];
        ck_assert_int_eq(phase->kind, PHASE_GROWING);
        ck_assert_uint_le(phase->to_unix_ns - phase->from_unix_ns, HOUR * SECOND);
    }
    ck_assert_uint_eq(chronicle->phases[0].process, 1);
    free(chronicle);
}
END_TEST

START_TEST(rises_and_falls_are_phases)
{
    struct chronicler *chronicler = begin();
    for (uint64_t second = 0; second < 4 * HOUR; second++) {
        double hours = (double)second / HOUR, heap = hours < 1 ? 50e6 : hours < 2 ? 50e6 + (hours - 1) * 200e6
                                                      : hours < 3 ? 250e6 : 250e6 - (hours - 3) * 150e6;
        add(chronicler, second, 1, heap, false);
    }
    struct chronicle *chronicle = finish(chronicler);
    static const enum phase_kind kinds[] = {PHASE_PLATEAU, PHASE_GROWING, PHASE_PLATEAU, PHASE_SHRINKING};
    ck_assert_uint_eq(chronicle->num_phases, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(chronicle->phases[i].kind, kinds[i]);
    ck_assert_uint_eq(chronicle->growth_first, 1);
    ck_assert_uint_eq(chronicle->growth_count, 1);
    free(chronicle);
}
END_TEST

START_TEST(little_is_known_and_nothing_breaks)
{
    struct chronicler *chronicler = begin();
    struct chronicle_sample sample = {.unix_ns = START,
                                      .process = 1,
                                      .rss_bytes = NAN,
                                      .heap_marked_bytes = NAN,
                                      .goroutines = NAN,
                                      .num_gc = NAN,
                                      .pause_total_ns = NAN};
    ck_assert_ptr_null(chronicler_add(chronicler, &sample));
    struct chronicle *chronicle = finish(chronicler);
    ck_assert_uint_eq(chronicle->num_phases, 0);
    free(chronicle);
    /* A crash loop of more processes than are listed, with a clock that goes back now and then. */
    chronicler = begin();
    for (uint32_t i = 0; i < 1000; i++) {
        sample = (struct chronicle_sample){.unix_ns = START + (i % 7 == 3 ? i - 2 : i) * SECOND,
                                           .process = i + 1,
                                           .exited = true,
                                           .rss_bytes = 1e6,
                                           .heap_marked_bytes = NAN,
                                           .goroutines = NAN,
                                           .num_gc = NAN,
                                           .pause_total_ns = NAN};
        ck_assert_ptr_null(chronicler_add(chronicler, &sample));
    }
    chronicle = finish(chronicler);
    ck_assert(!chronicle->by_heap);
    ck_assert_uint_eq(chronicle->num_processes, CHRONICLE_MAX_PROCESSES);
    ck_assert_uint_eq(chronicle->processes_not_listed, 1000 - CHRONICLE_MAX_PROCESSES);
    ck_assert_uint_le(chronicle->num_phases, CHRONICLE_MAX_PHASES);
    free(chronicle);
}
END_TEST

int main(void)
{
    return RUN_TESTS("chronicle", growth_begins_in_the_night, what_is_level_grows_nowhere, processes_are_told_apart,
                     rises_and_falls_are_phases, little_is_known_and_nothing_breaks);
}
