#include "analysis/series.h"

#include <math.h>

#include "tests/unit/check_main.h"

#define SECOND UINT64_C(1000000000)
#define BEGIN (UINT64_C(1700000000) * SECOND)

START_TEST(values_come_back)
{
    struct series series = {0};
    double value;
    ck_assert(!series_value_at(&series, BEGIN, &value));
    for (unsigned i = 0; i < 50; i++)
        ck_assert(series_add(&series, 64, BEGIN + i * SECOND, 1e9 + i * 4096.0));
    ck_assert_uint_eq(series.count, 50);
    ck_assert_uint_eq(series.added, 50);
    for (unsigned i = 0; i < 50; i++) {
        struct point point = series_point(&series, i);
        ck_assert_uint_eq(point.unix_ns, BEGIN + i * SECOND);
        ck_assert_double_eq(point.value, 1e9 + i * 4096.0);
    }
    ck_assert(!series_value_at(&series, BEGIN - 1, &value));
    ck_assert(series_value_at(&series, BEGIN + 7 * SECOND + SECOND / 2, &value));
    ck_assert_double_eq(value, 1e9 + 7 * 4096.0);
    ck_assert(series_value_at(&series, BEGIN + 1000 * SECOND, &value));
    ck_assert_double_eq(value, 1e9 + 49 * 4096.0);
    series_deinit(&series);
    ck_assert_uint_eq(series.count, 0);
}
END_TEST

START_TEST(a_plateau_is_two_points)
{
    struct series series = {0};
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(series_add(&series, 64, BEGIN + i * SECOND, i < 500 ? 5 : 6));
    ck_assert_uint_eq(series.count, 4);
    ck_assert_uint_eq(series.added, 1000);
    double value;
    ck_assert(series_value_at(&series, BEGIN + 499 * SECOND, &value));
    ck_assert_double_eq(value, 5);
    ck_assert(series_value_at(&series, BEGIN + 500 * SECOND, &value));
    ck_assert_double_eq(value, 6);
    ck_assert_uint_eq(series_point(&series, 3).unix_ns, BEGIN + 999 * SECOND);
    ck_assert_uint_le(series_memory(&series), 64);
    series_deinit(&series);
}
END_TEST

START_TEST(odd_values_are_taken_calmly)
{
    struct series series = {0};
    ck_assert(series_add(&series, 0, BEGIN, 1));
    ck_assert(series_add(&series, 0, BEGIN + SECOND, NAN));
    ck_assert_uint_eq(series.count, 1);
    ck_assert(series_add(&series, 0, BEGIN + SECOND, 2));
    ck_assert(series_add(&series, 0, BEGIN + SECOND, 3));
    ck_assert(series_add(&series, 0, BEGIN, 4));
    ck_assert_uint_eq(series.count, 2);
    ck_assert_double_eq(series_point(&series, 1).value, 4);
    ck_assert(series_add(&series, 0, BEGIN + 1000 * 86400 * SECOND, 5));
    ck_assert_double_eq(series_point(&series, 2).value, 5);
    for (unsigned i = 0; i < 100; i++)
        ck_assert(series_add(&series, 0, BEGIN + (2 + i) * SECOND, i));
    ck_assert_uint_le(series.count, 8);
    series_deinit(&series);
}
END_TEST

/* Ten days at a second: bounded, from the first to the newest, and dense where it matters. */
START_TEST(long_sessions_fit)
{
    static const uint32_t capacities[] = {96, 1024};
    struct series series = {0};
    uint32_t capacity = capacities[_i];
    const unsigned last = 10 * 86400;
    for (unsigned i = 0; i <= last; i++)
        ck_assert(series_add(&series, capacity, BEGIN + i * SECOND, i));
    ck_assert_uint_le(series.count, capacity);
    ck_assert_uint_le(series_memory(&series), capacity * 8);
    ck_assert_uint_eq(series_point(&series, 0).unix_ns, BEGIN);
    ck_assert_uint_eq(series_point(&series, series.count - 1).unix_ns, BEGIN + last * SECOND);
    unsigned recent = 0, hours = 0, days = 0;
    for (uint32_t i = 0; i < series.count; i++) {
        struct point point = series_point(&series, i);
        ck_assert_double_eq_tol(point.value, (double)(point.unix_ns - BEGIN) / 1e9, 0.1);
        uint64_t age = BEGIN + last * SECOND - point.unix_ns;
        recent += age < SERIES_RECENT_NS;
        hours += age >= SERIES_RECENT_NS && age < 86400 * SECOND;
        days += age >= 86400 * SECOND;
        if (i > 0)
            ck_assert_uint_gt(point.unix_ns, series_point(&series, i - 1).unix_ns);
    }
    ck_assert_uint_ge(recent, capacity / 6);
    ck_assert_uint_ge(hours, capacity / 4);
    ck_assert_uint_ge(days, capacity / 24);
    series_deinit(&series);
}
END_TEST

START_TEST(columns_hold_the_maximum)
{
    struct series series = {0};
    double columns[5];
    series_columns(&series, BEGIN + 10 * SECOND, 10 * SECOND, columns, 5);
    for (int i = 0; i < 5; i++)
        ck_assert(isnan(columns[i]));
    /* Points at 3, 4, 5 and 9 s; columns of two seconds. */
    static const struct { unsigned second; double value; } values[] = {{3, 7}, {4, 9}, {5, 2}, {9, 4}};
    for (size_t i = 0; i < 4; i++)
        ck_assert(series_add(&series, 16, BEGIN + values[i].second * SECOND, values[i].value));
    series_columns(&series, BEGIN + 10 * SECOND, 10 * SECOND, columns, 5);
    ck_assert(isnan(columns[0]));
    ck_assert_double_eq(columns[1], 7);
    ck_assert_double_eq(columns[2], 9);
    ck_assert_double_eq(columns[3], 2);
    ck_assert_double_eq(columns[4], 4);
    /* A value from before the span is carried in; one at the very end is shown. */
    series_columns(&series, BEGIN + 9 * SECOND, 3 * SECOND, columns, 3);
    ck_assert_double_eq(columns[0], 2);
    ck_assert_double_eq(columns[1], 2);
    ck_assert_double_eq(columns[2], 4);
    series_columns(&series, BEGIN + 9 * SECOND, 3 * SECOND, columns, 0);
    series_deinit(&series);
}
END_TEST

START_TEST(a_copy_is_its_own)
{
    struct series series = {0}, copy = {0};
    ck_assert(series_copy(&series, &copy));
    for (unsigned i = 0; i < 20; i++)
        ck_assert(series_add(&series, 64, BEGIN + i * SECOND, i));
    ck_assert(series_copy(&series, &copy));
    ck_assert(series_add(&series, 64, BEGIN + 20 * SECOND, 99));
    ck_assert_uint_eq(copy.count, 20);
    series_deinit(&series);
    ck_assert_double_eq(series_point(&copy, 19).value, 19);
    series_deinit(&copy);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("series");
    TCase *tests = tcase_create("series");
    tcase_add_test(tests, values_come_back);
    tcase_add_test(tests, a_plateau_is_two_points);
    tcase_add_test(tests, odd_values_are_taken_calmly);
    tcase_add_loop_test(tests, long_sessions_fit, 0, 2);
    tcase_add_test(tests, columns_hold_the_maximum);
    tcase_add_test(tests, a_copy_is_its_own);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
