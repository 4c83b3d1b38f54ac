/* What is concluded from GC cycles, and the line that each would have printed. */
#include "heaptop/analysis/gc_activity.h"

#include <math.h>

#include "tests/unit/check_main.h"

#define SECOND UINT64_C(1000000000)
#define NOW (1000 * SECOND)
#define MIB (UINT64_C(1) << 20)
#define CYCLES 40

/* A line of GODEBUG=gctrace=1, of a program by Go 1.24.4. */
static const struct gc_cycle traced = {
    .number = 2137,
    .cause = GC_CAUSE_FORCED,
    .since_init_ns = UINT64_C(5016999999),
    .sweep_termination_ns = 58999,
    .mark_ns = 12345678,
    .mark_termination_ns = 1999,
    .procs = 4,
    .stop_procs = 2,
    .assist_cpu_ns = 229999,
    .background_cpu_ns = 44000,
    .idle_cpu_ns = 999,
    .heap_before = 16 * MIB + 1,
    .heap_peak = 17 * MIB,
    .heap_after = 15 * MIB,
    .heap_goal = 18 * MIB - 1,
    .stack_bytes = 3 * MIB,
    .globals_bytes = MIB,
    .cpu_fraction = 0.109,
    .heap_known = true,
    .goal_known = true,
    .phases_known = true,
    .cpu_known = true,
    .since_init_known = true,
};

static void check_trace(const struct gc_cycle *cycle, const char *expected)
{
    struct text text = {0};
    gc_cycle_write_trace(cycle, &text);
    ck_assert_str_eq(text.data, expected);
    text_deinit(&text);
}

START_TEST(a_cycle_is_written_as_the_runtime_does)
{
    check_trace(
        &traced,
        "gc 2137 @5.016s 10%: 0.058+12+0.001 ms clock, 0.11+0.22/0.044/0+0.003 ms cpu, 16->17->15 MB, 17 MB goal, "
        "3 MB stacks, 1 MB globals, 4 P (forced)");
    struct gc_cycle rounded = traced;
    rounded.cause = GC_CAUSE_HEAP;
    rounded.mark_ns = 9999999;
    rounded.sweep_termination_ns = 1234567;
    check_trace(
        &rounded,
        "gc 2137 @5.016s 10%: 1.2+9.9+0.001 ms clock, 2.4+0.22/0.044/0+0.003 ms cpu, 16->17->15 MB, 17 MB goal, "
        "3 MB stacks, 1 MB globals, 4 P");
    const struct gc_cycle unseen = {.number = 3, .times_known = true};
    check_trace(&unseen,
                "gc 3 @-s -%: -+-+- ms clock, -+-/-/-+- ms cpu, -->-->- MB, - MB goal, - MB stacks, - MB globals, - P");
}
END_TEST

/* `count` cycles so far apart up to now, each taking the heap from 100 MiB to `after`. */
static void make_cycles(struct gc_cycle *cycles, size_t count, double seconds_apart, uint64_t after,
                        enum gc_cause cause)
{
    for (size_t i = 0; i < count; i++)
        cycles[i] = (struct gc_cycle){
            .number = i + 1,
            .cause = (uint8_t)cause,
            .end_unix_ns = NOW - (uint64_t)((double)(count - 1 - i) * seconds_apart * 1e9),
            .pause_ns = (i + 1) * 10000,
            .sweep_termination_ns = 1000000,
            .mark_termination_ns = 1000000,
            .assist_cpu_ns = 3000000,
            .background_cpu_ns = 5000000,
            .idle_cpu_ns = 90000000,
            .procs = 2,
            .stop_procs = 2,
            .heap_before = 90 * MIB,
            .heap_peak = 100 * MIB,
            .heap_after = after,
            .times_known = true,
            .heap_known = true,
            .phases_known = true,
            .cpu_known = true,
        };
}

static struct gc_activity counted_activity_of(const struct gc_cycle *cycles, size_t count,
                                              const struct gc_counts *counts)
{
    struct gc_activity activity;
    ck_assert_ptr_null(gc_activity_compute(cycles, count, NOW, 900 * SECOND, counts, &activity));
    return activity;
}

static struct gc_activity activity_of(const struct gc_cycle *cycles, size_t count)
{
    return counted_activity_of(cycles, count, &(struct gc_counts){.cpu_share = NAN, .forced = NAN});
}

START_TEST(pauses_are_counted_by_length)
{
    struct gc_cycle cycles[CYCLES];
    make_cycles(cycles, CYCLES, 1, 50 * MIB, GC_CAUSE_HEAP);
    struct gc_activity activity = activity_of(cycles, CYCLES);
    ck_assert_uint_eq(activity.num_pauses, CYCLES);
    ck_assert_double_eq(activity.pause_p50_ns, 200000);
    ck_assert_double_eq(activity.pause_p99_ns, 400000);
    ck_assert_double_eq(activity.pause_max_ns, 400000);
    uint32_t sum = 0;
    for (unsigned i = 0; i < GC_PAUSE_CLASSES; i++)
        sum += activity.pauses[i];
    ck_assert_uint_eq(sum, CYCLES);
    ck_assert_uint_eq(activity.pauses[0], 1);
    ck_assert_uint_eq(activity.pauses[1], 2);
    ck_assert_uint_eq(activity.causes[GC_CAUSE_HEAP], CYCLES);
    ck_assert_uint_eq(gc_pause_class(1e12), GC_PAUSE_CLASSES - 1);
    ck_assert(isinf(gc_pause_class_end(GC_PAUSE_CLASSES - 1)));
    activity = activity_of(cycles, 0);
    ck_assert(isnan(activity.pause_p99_ns) && isnan(activity.cycles_per_s) && !activity.thrashing);
}
END_TEST

START_TEST(cpu_is_that_of_assists_workers_and_pauses)
{
    struct gc_cycle cycles[CYCLES];
    make_cycles(cycles, CYCLES, 0.5, 50 * MIB, GC_CAUSE_HEAP);
    /* 3 + 5 ms of marking and twice two pauses of 1 ms, of twice half a second. */
    ck_assert_double_eq_tol(gc_cycle_cpu_share(&cycles[5], &cycles[4]), 0.012, 1e-9);
    ck_assert(isnan(gc_cycle_cpu_share(&cycles[5], &cycles[3])));
    ck_assert(isnan(gc_cycle_cpu_share(&cycles[0], NULL)));
    struct gc_activity activity = activity_of(cycles, CYCLES);
    ck_assert_double_eq_tol(activity.cpu_share, 0.012, 1e-9);
    ck_assert_double_eq_tol(activity.cycles_per_s, 2, 1e-9);
    ck_assert_double_eq_tol(activity.freed_share, 0.5, 1e-9);
}
END_TEST

START_TEST(thrashing_is_often_and_for_little)
{
    struct gc_cycle cycles[CYCLES];
    /* Often, but for half of the heap: a program that allocates a lot. */
    make_cycles(cycles, CYCLES, 0.1, 50 * MIB, GC_CAUSE_HEAP);
    ck_assert(!activity_of(cycles, CYCLES).thrashing);
    /* Often and for little. */
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_HEAP);
    ck_assert(activity_of(cycles, CYCLES).thrashing);
    ck_assert(!activity_of(cycles, CYCLES).pinned);
    /* For little, but seldom. */
    make_cycles(cycles, CYCLES, 2, 95 * MIB, GC_CAUSE_HEAP);
    ck_assert(!activity_of(cycles, CYCLES).thrashing);
    /* A few are no habit, and many that are over neither. */
    make_cycles(cycles, 14, 0.1, 95 * MIB, GC_CAUSE_HEAP);
    ck_assert(!activity_of(cycles, 14).thrashing);
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_HEAP);
    for (size_t i = 0; i < CYCLES; i++)
        cycles[i].end_unix_ns -= 6 * SECOND;
    ck_assert(!activity_of(cycles, CYCLES).thrashing);
    /* For little, but at little cost: a small heap. */
    make_cycles(cycles, CYCLES, 0.3, 95 * MIB, GC_CAUSE_HEAP);
    ck_assert(!activity_of(cycles, CYCLES).thrashing);
    /* At the memory limit it thrashes whatever it frees. */
    make_cycles(cycles, CYCLES, 0.1, 60 * MIB, GC_CAUSE_MEMORY_LIMIT);
    ck_assert(activity_of(cycles, CYCLES).pinned && activity_of(cycles, CYCLES).thrashing);
    /* Of which hardly any was seen in full nothing is said. */
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_HEAP);
    for (size_t i = 3; i < CYCLES; i++)
        cycles[i].heap_known = false;
    ck_assert(!activity_of(cycles, CYCLES).thrashing);
}
END_TEST

/* Of cycles that passed unseen, the runtime's own counts tell. */
START_TEST(counts_stand_in_for_cycles_that_were_not_seen)
{
    struct gc_cycle cycles[CYCLES];
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_UNKNOWN);
    for (size_t i = 0; i < CYCLES; i++)
        cycles[i].cpu_known = false;
    struct gc_counts counts = {.cpu_share = 0.02, .forced = 3, .limit_used = 0.95};
    struct gc_activity activity = counted_activity_of(cycles, CYCLES, &counts);
    ck_assert_double_eq(activity.cpu_share, 0.02);
    ck_assert(activity.pinned && activity.thrashing && !activity.forced);
    /* Cheap, and not at the limit. */
    counts.limit_used = 0.5;
    activity = counted_activity_of(cycles, CYCLES, &counts);
    ck_assert(!activity.pinned && !activity.thrashing);
    counts.cpu_share = 0.3;
    counts.forced = CYCLES;
    activity = counted_activity_of(cycles, CYCLES, &counts);
    ck_assert(activity.thrashing && activity.forced);
    /* Where the cycles tell, they are believed. */
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_HEAP);
    counts.limit_used = 0.95;
    activity = counted_activity_of(cycles, CYCLES, &counts);
    ck_assert(!activity.pinned);
    ck_assert_double_eq_tol(activity.cpu_share, 0.06, 1e-9);
}
END_TEST

START_TEST(the_note_says_how_often_and_why)
{
    struct gc_cycle cycles[CYCLES];
    struct text text = {0};
    make_cycles(cycles, CYCLES, 0.1, 95 * MIB, GC_CAUSE_MEMORY_LIMIT);
    struct gc_activity activity = activity_of(cycles, CYCLES);
    gc_activity_write_note(&activity, &text);
    ck_assert_str_eq(
        text.data,
        "The GC thrashes: 10 cycles a second; 6% of the CPU; frees 5% each; cause: memory limit, GOMEMLIMIT makes it "
        "collect.");
    text_deinit(&text);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("gc_activity");
    TCase *tests = tcase_create("gc_activity");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_cycle_is_written_as_the_runtime_does);
    tcase_add_test(tests, pauses_are_counted_by_length);
    tcase_add_test(tests, cpu_is_that_of_assists_workers_and_pauses);
    tcase_add_test(tests, thrashing_is_often_and_for_little);
    tcase_add_test(tests, counts_stand_in_for_cycles_that_were_not_seen);
    tcase_add_test(tests, the_note_says_how_often_and_why);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
