#include "heaptop/snapshot/snapshot.h"

#include <string.h>

#include "tests/unit/check_main.h"

static struct snapshot *make_snapshot(void)
{
    struct catalog *catalog = NULL;
    struct snapshot *snapshot = NULL;
    ck_assert_ptr_null(catalog_create(&catalog));
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    catalog_unref(catalog);
    return snapshot;
}

START_TEST(nothing_is_known_at_first)
{
    struct snapshot *snapshot = make_snapshot();
    for (int id = 0; id < COUNTER_COUNT; id++) {
        ck_assert(!counter_known(&snapshot->counters[id]));
        ck_assert_str_eq(snapshot->counters[id].reason, "not read");
    }
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(counters_are_set_and_unset)
{
    struct snapshot *snapshot = make_snapshot();
    snapshot_set(snapshot, COUNTER_RSS, 4096);
    snapshot_set_real(snapshot, COUNTER_GC_CPU_FRACTION, 0.25);
    ck_assert_int_eq(snapshot->counters[COUNTER_RSS].value.integer, 4096);
    ck_assert_int_eq(snapshot->counters[COUNTER_RSS].provenance, PROVENANCE_EXACT);
    ck_assert_ptr_null(snapshot->counters[COUNTER_RSS].reason);
    ck_assert_double_eq(snapshot->counters[COUNTER_GC_CPU_FRACTION].value.real, 0.25);
    snapshot_set_unavailable(snapshot, COUNTER_RSS, "gone");
    ck_assert(!counter_known(&snapshot->counters[COUNTER_RSS]));
    ck_assert_str_eq(snapshot->counters[COUNTER_RSS].reason, "gone");
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(a_reference_keeps_it)
{
    struct snapshot *snapshot = make_snapshot();
    ck_assert_ptr_eq(snapshot_ref(snapshot), snapshot);
    snapshot_unref(snapshot);
    snapshot_set(snapshot, COUNTER_RSS, 1);
    ck_assert_str_eq(catalog_string(snapshot->catalog, 0), "");
    snapshot_unref(snapshot);
    snapshot_unref(NULL);
}
END_TEST

START_TEST(problems_are_bounded_and_escaped)
{
    struct snapshot *snapshot = make_snapshot();
    snapshot_add_problem(snapshot, "name %s", "a\033b");
    ck_assert_str_eq(snapshot->problems[0].text, "name a\\x1bb");
    for (int i = 1; i < SNAPSHOT_MAX_PROBLEMS; i++)
        snapshot_add_problem(snapshot, "problem %d", i);
    ck_assert_str_eq(snapshot->problems[SNAPSHOT_MAX_PROBLEMS - 1].text, "problem 63");
    snapshot_add_problem(snapshot, "one too many");
    snapshot_add_problem(snapshot, "two too many");
    ck_assert_uint_eq(snapshot->num_problems, SNAPSHOT_MAX_PROBLEMS);
    ck_assert_ptr_nonnull(strstr(snapshot->problems[SNAPSHOT_MAX_PROBLEMS - 1].text, "more problems"));
    char long_text[2000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    struct snapshot *other = make_snapshot();
    snapshot_add_problem(other, "%s", long_text);
    ck_assert_uint_lt(strlen(other->problems[0].text), sizeof(long_text) - 1);
    snapshot_unref(other);
    snapshot_unref(snapshot);
}
END_TEST

/* Figures worked out apart from this code, from the formula that snapshot.h states. */
START_TEST(sites_scale_as_pprof_does)
{
    struct site_counts one = {.allocs = 1, .alloc_bytes = 1024};
    struct site_values values = site_scale(&one, 524288);
    ck_assert_int_eq(values.alloc_objects, 512);
    ck_assert_int_eq(values.alloc_bytes, 524800);
    ck_assert_int_eq(values.inuse_objects, 512);
    ck_assert_int_eq(values.inuse_bytes, 524800);

    struct site_counts large = {.allocs = 10, .frees = 7, .alloc_bytes = 10 << 20, .free_bytes = 7 << 20};
    values = site_scale(&large, 524288);
    ck_assert_int_eq(values.alloc_objects, 11);
    ck_assert_int_eq(values.inuse_objects, 3);
    ck_assert_int_eq(values.alloc_bytes, 12126966);
    ck_assert_int_eq(values.inuse_bytes, 3638089);

    struct site_counts freed = {.allocs = 5, .frees = 5, .alloc_bytes = 80, .free_bytes = 80};
    values = site_scale(&freed, 524288);
    ck_assert_int_eq(values.inuse_objects, 0);
    ck_assert_int_eq(values.inuse_bytes, 0);
    ck_assert_int_gt(values.alloc_objects, 5);
}
END_TEST

START_TEST(rate_one_is_not_scaled)
{
    struct site_counts counts = {.allocs = 3, .frees = 1, .alloc_bytes = 48, .free_bytes = 16};
    for (int64_t rate = -1; rate <= 1; rate++) {
        struct site_values values = site_scale(&counts, rate);
        ck_assert_int_eq(values.alloc_bytes, 48);
        ck_assert_int_eq(values.inuse_bytes, 32);
        ck_assert_int_eq(values.inuse_objects, 2);
    }
}
END_TEST

/* Counts from a torn or hostile target: any figure, but no overflow and no trap. */
START_TEST(impossible_counts_do_not_overflow)
{
    struct site_counts hostile[] = {
        {.allocs = 1, .frees = 3, .alloc_bytes = 16, .free_bytes = 48},
        {.allocs = 1, .frees = 3, .alloc_bytes = 48, .free_bytes = 16},
        {.allocs = UINT64_MAX, .alloc_bytes = 1},
        {.allocs = 1, .alloc_bytes = UINT64_MAX},
        {.allocs = INT64_MAX, .alloc_bytes = 1},
        {.allocs = (uint64_t)INT64_MAX + 1, .alloc_bytes = 7},
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        site_scale(&hostile[i], 524288);
        site_scale(&hostile[i], INT64_MAX);
    }
    ck_assert_int_eq(site_scale(&hostile[4], INT64_MAX).alloc_objects, INT64_MAX);
}
END_TEST

START_TEST(the_counter_table_is_whole)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter_info *info = &counter_infos[id];
        ck_assert_ptr_nonnull(info->group);
        ck_assert_ptr_nonnull(info->name);
        ck_assert_ptr_nonnull(info->help);
        size_t length = strlen(info->name);
        if (info->unit == UNIT_BYTES && strcmp(info->name, "mem_profile_rate") != 0)
            ck_assert_str_eq(info->name + length - strlen("_bytes"), "_bytes");
        if (info->unit == UNIT_NANOSECONDS)
            ck_assert_str_eq(info->name + length - strlen("_ns"), "_ns");
        for (int other = 0; other < id; other++)
            ck_assert_str_ne(info->name, counter_infos[other].name);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tests = tcase_create("snapshot");
    tcase_add_test(tests, nothing_is_known_at_first);
    tcase_add_test(tests, counters_are_set_and_unset);
    tcase_add_test(tests, a_reference_keeps_it);
    tcase_add_test(tests, problems_are_bounded_and_escaped);
    tcase_add_test(tests, sites_scale_as_pprof_does);
    tcase_add_test(tests, rate_one_is_not_scaled);
    tcase_add_test(tests, impossible_counts_do_not_overflow);
    tcase_add_test(tests, the_counter_table_is_whole);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
