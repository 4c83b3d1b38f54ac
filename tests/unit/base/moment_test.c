#include "heaptop/base/moment.h"

#include <stdlib.h>
#include <time.h>

#include "unit/check_main.h"

#define SECOND UINT64_C(1000000000)
/* 2026-01-02 23:30:05 UTC, and an hour and a half later. */
#define FIRST (UINT64_C(1767396605) * SECOND)
#define LAST (FIRST + 5400 * SECOND)

static uint64_t parse(const char *text)
{
    uint64_t moment = 0;
    struct error *error = moment_parse(text, FIRST, LAST, &moment);
    ck_assert_msg(!error, "%s: %s", text, error ? error->message : "");
    return moment;
}

START_TEST(times_of_day_are_those_of_the_session)
{
    ck_assert_uint_eq(parse("23:45"), FIRST + 895 * SECOND);
    ck_assert_uint_eq(parse("23:30:10"), FIRST + 5 * SECOND);
    /* The minute in which it began is in it; what was before is the next day's. */
    ck_assert_uint_eq(parse("23:30"), FIRST - 5 * SECOND);
    ck_assert_uint_eq(parse("00:30"), FIRST + 3595 * SECOND);
    ck_assert_uint_eq(parse("23:29"), FIRST + 86400 * SECOND - 65 * SECOND);
}
END_TEST

START_TEST(dates_offsets_and_seconds)
{
    ck_assert_uint_eq(parse("2026-01-02 23:31:05"), FIRST + 60 * SECOND);
    ck_assert_uint_eq(parse("2026-01-02T23:31:05Z"), FIRST + 60 * SECOND);
    ck_assert_uint_eq(parse("2026-01-02 23:31"), FIRST + 55 * SECOND);
    ck_assert_uint_eq(parse("+1m"), FIRST + 60 * SECOND);
    ck_assert_uint_eq(parse("-1m30s"), LAST - 90 * SECOND);
    ck_assert_uint_eq(parse("-0s"), LAST);
    ck_assert_uint_eq(parse("start"), FIRST);
    ck_assert_uint_eq(parse("end"), LAST);
    ck_assert_uint_eq(parse("@1767396606.5"), FIRST + 3 * SECOND / 2);
}
END_TEST

START_TEST(a_z_means_utc_wherever_one_is)
{
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    ck_assert_uint_eq(parse("2026-01-02T23:31:05Z"), FIRST + 60 * SECOND);
    setenv("TZ", "JST-9", 1);
    tzset();
    ck_assert_uint_eq(parse("2026-01-03 08:31:05"), FIRST + 60 * SECOND);
    ck_assert_uint_eq(parse("08:31:05"), FIRST + 60 * SECOND);
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {"",   "soon", "25:00", "12",  "12:61",  "2026-13-01 00:00", "-",     "+",
                                      "-x", "@",    "@x",    "@-5", "@1e300", "14:03x",           "23:30Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t moment = 7;
        struct error *error = moment_parse(bad[i], FIRST, LAST, &moment);
        ck_assert_msg(error && error->kind == ERROR_USAGE, "%s", bad[i]);
        ck_assert_uint_eq(moment, 7);
        error_destroy(error);
    }
}
END_TEST

static Suite *make_suite(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    Suite *suite = suite_create("moment");
    TCase *tests = tcase_create("moment");
    tcase_add_test(tests, times_of_day_are_those_of_the_session);
    tcase_add_test(tests, dates_offsets_and_seconds);
    tcase_add_test(tests, a_z_means_utc_wherever_one_is);
    tcase_add_test(tests, what_is_no_time_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
