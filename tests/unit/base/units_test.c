#include "heaptop/base/units.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define KB 1024.0
#define MB (1024 * KB)
#define GB (1024 * MB)
#define US 1e3
#define MS 1e6
#define S 1e9
#define MIN (60 * S)
#define H (60 * MIN)
#define D (24 * H)

static const struct {
    char *(*format)(char *, double);
    double value;
    const char *expected;
} formats[] = {
    {units_format_bytes, 0, "0 B"},
    {units_format_bytes, -0.0, "0 B"},
    {units_format_bytes, 0.4, "0 B"},
    {units_format_bytes, -0.4, "0 B"},
    {units_format_bytes, 812, "812 B"},
    {units_format_bytes, 1023, "1023 B"},
    {units_format_bytes, 1023.6, "1.0 KB"},
    {units_format_bytes, 1024, "1.0 KB"},
    {units_format_bytes, 412 * MB, "412.0 MB"},
    {units_format_bytes, 88.2 * MB, "88.2 MB"},
    {units_format_bytes, 999.9 * MB, "999.9 MB"},
    {units_format_bytes, 999.96 * MB, "1000 MB"},
    {units_format_bytes, 1023 * MB, "1023 MB"},
    {units_format_bytes, 1023.7 * MB, "1.0 GB"},
    {units_format_bytes, 2 * GB, "2.0 GB"},
    {units_format_bytes, -412 * MB, "-412 MB"},
    {units_format_bytes, -41.2 * MB, "-41.2 MB"},
    {units_format_bytes, -1023 * MB, "-1023 MB"},
    {units_format_bytes, 0x1p64, "16.0 EB"},
    {units_format_bytes, INFINITY, ">1023 EB"},
    {units_format_bytes, -INFINITY, "<-999 EB"},
    {units_format_bytes, NAN, "?"},
    {units_format_rate, 0, "0 B/s"},
    {units_format_rate, -0.2, "0 B/s"},
    {units_format_rate, 2.54 * MB, "2.54 MB/s"},
    {units_format_rate, -2.54 * MB, "-2.54 MB/s"},
    {units_format_rate, 9.996 * MB, "10.0 MB/s"},
    {units_format_rate, 48.1 * MB, "48.1 MB/s"},
    {units_format_rate, 99.96 * MB, "100 MB/s"},
    {units_format_rate, 812, "812 B/s"},
    {units_format_rate, 1.5 * GB, "1.50 GB/s"},
    {units_format_rate, INFINITY, ">1023 EB/s"},
    {units_format_rate, NAN, "?"},
    {units_format_count, 0, "0"},
    {units_format_count, 3, "3"},
    {units_format_count, 1.4, "1.4"},
    {units_format_count, 0.02, "0"},
    {units_format_count, -0.02, "0"},
    {units_format_count, -0.4, "-0.4"},
    {units_format_count, 9.97, "10"},
    {units_format_count, 812, "812"},
    {units_format_count, 999.4, "999"},
    {units_format_count, 999.6, "1.0 k"},
    {units_format_count, 1904, "1.9 k"},
    {units_format_count, 310000, "310 k"},
    {units_format_count, 999600, "1.0 M"},
    {units_format_count, 1.9e6, "1.9 M"},
    {units_format_count, -1.9e6, "-1.9 M"},
    {units_format_count, 2.2e10, "22 G"},
    {units_format_count, 1e30, ">999 E"},
    {units_format_count, NAN, "?"},
    {units_format_duration, 0, "0 s"},
    {units_format_duration, 812, "812 ns"},
    {units_format_duration, 999.7, "1 us"},
    {units_format_duration, 3.4 * US, "3.4 us"},
    {units_format_duration, 12 * US, "12 us"},
    {units_format_duration, 99.7 * US, "0.1 ms"},
    {units_format_duration, 400 * US, "0.4 ms"},
    {units_format_duration, 123 * US, "0.12 ms"},
    {units_format_duration, 999 * US, "1 ms"},
    {units_format_duration, 3.25 * MS, "3.2 ms"},
    {units_format_duration, 41 * MS, "41 ms"},
    {units_format_duration, 100 * MS, "100 ms"},
    {units_format_duration, 999.7 * MS, "1 s"},
    {units_format_duration, 3 * S, "3 s"},
    {units_format_duration, 8.2 * S, "8.2 s"},
    {units_format_duration, 20 * S, "20 s"},
    {units_format_duration, 59.7 * S, "1 min"},
    {units_format_duration, 200 * S, "3 min 20 s"},
    {units_format_duration, 41 * MIN + 59 * S, "41 min"},
    {units_format_duration, 59 * MIN + 59 * S, "59 min"},
    {units_format_duration, 4 * H + 10 * MIN, "4 h 10 min"},
    {units_format_duration, 4 * H, "4 h"},
    {units_format_duration, 3 * D + 4 * H, "3d 4h"},
    {units_format_duration, 3 * D, "3d"},
    {units_format_duration, 400 * D + 4 * H, "400d"},
    {units_format_duration, -3 * S, "-3 s"},
    {units_format_duration, INFINITY, ">99999d"},
    {units_format_duration, NAN, "?"},
    {units_format_percent, 0, "0%"},
    {units_format_percent, -0.0, "0%"},
    {units_format_percent, 0.0001, "<1%"},
    {units_format_percent, 0.0099, "<1%"},
    {units_format_percent, 0.01, "1%"},
    {units_format_percent, 0.64, "64%"},
    {units_format_percent, 0.994, "99%"},
    {units_format_percent, 0.9999, ">99%"},
    {units_format_percent, 1, "100%"},
    {units_format_percent, -0.12, "-12%"},
    {units_format_percent, -0.001, ">-1%"},
    {units_format_percent, 25, "2500%"},
    {units_format_percent, INFINITY, ">9999%"},
    {units_format_percent, NAN, "?"},
};

START_TEST(values_read_well)
{
    char buffer[UNITS_BUFFER];
    ck_assert_ptr_eq(formats[_i].format(buffer, formats[_i].value), buffer);
    ck_assert_str_eq(buffer, formats[_i].expected);
}
END_TEST

/* Every magnitude, and the neighbours of each power and rounding bound, stays within its columns. */
START_TEST(widths_are_bounded)
{
    static const struct {
        char *(*format)(char *, double);
        size_t columns;
    } bounds[] = {
        {units_format_bytes, 8},     {units_format_rate, 11},   {units_format_count, 7},
        {units_format_duration, 12}, {units_format_percent, 7},
    };
    static const double factors[] = {1,      9.949, 9.95,  9.951,  9.994,  9.995,  9.996, 99.94,   99.95, 99.96,
                                     99.994, 99.995, 999.4, 999.5, 999.94, 999.95, 999.96, 1023.4, 1023.5, 1023.6};
    for (size_t b = 0; b < ARRAY_SIZE(bounds); b++) {
        for (int power = -4; power <= 80; power++) {
            for (size_t f = 0; f < ARRAY_SIZE(factors); f++) {
                for (int negative = 0; negative < 2; negative++) {
                    for (int decimal = 0; decimal < 2; decimal++) {
                        double value = factors[f] * (decimal ? pow(10, power) : ldexp(1, power));
                        double near[] = {nextafter(value, 0), value, nextafter(value, INFINITY)};
                        for (size_t n = 0; n < 3; n++) {
                            char buffer[UNITS_BUFFER];
                            bounds[b].format(buffer, negative ? -near[n] : near[n]);
                            if (strlen(buffer) > bounds[b].columns)
                                ck_abort_msg("format %zu: %.17g is '%s'", b, near[n], buffer);
                        }
                    }
                }
            }
        }
    }
}
END_TEST

START_TEST(exact_counts_have_separators)
{
    char buffer[UNITS_BUFFER];
    ck_assert_str_eq(units_format_exact(buffer, 0), "0");
    ck_assert_str_eq(units_format_exact(buffer, 999), "999");
    ck_assert_str_eq(units_format_exact(buffer, 1204), "1,204");
    ck_assert_str_eq(units_format_exact(buffer, -1204), "-1,204");
    ck_assert_str_eq(units_format_exact(buffer, -999), "-999");
    ck_assert_str_eq(units_format_exact(buffer, 1000000), "1,000,000");
    ck_assert_str_eq(units_format_exact(buffer, INT64_MAX), "9,223,372,036,854,775,807");
    ck_assert_str_eq(units_format_exact(buffer, INT64_MIN), "-9,223,372,036,854,775,808");
}
END_TEST

static const struct {
    const char *text;
    bool fails;
    uint64_t value;
} sizes[] = {
    {"0", false, 0},
    {"100", false, 100},
    {"100B", false, 100},
    {"512K", false, 512 << 10},
    {"512k", false, 512 << 10},
    {"512KB", false, 512 << 10},
    {"512KiB", false, 512 << 10},
    {"1.5G", false, UINT64_C(3) << 29},
    {" 412.0 MB ", false, UINT64_C(412) << 20},
    {"2T", false, UINT64_C(2) << 40},
    {"0.5K", false, 512},
    {"0.1K", false, 102},
    {"9007199254740993", false, UINT64_C(9007199254740993)}, /* A double would lose the last digit. */
    {"18446744073709551615", false, UINT64_MAX},
    {"15.999999999999999999E", false, UINT64_MAX - 1},
    {"1.00000000000000000000000000001K", false, 1024},
    {"1.70000000000000000000000000000K", false, 1740},
    {"18446744073709551616", true, 0},
    {"16E", true, 0},
    {"99999999999999999999999", true, 0},
    {"", true, 0},
    {" ", true, 0},
    {"K", true, 0},
    {"-1", true, 0},
    {"+1", true, 0},
    {".5K", true, 0},
    {"1.", true, 0},
    {"1.K", true, 0},
    {"1,5K", true, 0},
    {"1.5.5K", true, 0},
    {"1X", true, 0},
    {"1KX", true, 0},
    {"1KiBs", true, 0},
    {"1Ki", true, 0},
    {"1K 2", true, 0},
    {"0x10", true, 0},
    {"1e3", true, 0},
    {"nan", true, 0},
};

START_TEST(sizes_parse)
{
    uint64_t value = 77;
    _cleanup_error_ struct error *error = units_parse_bytes(sizes[_i].text, &value);
    if (sizes[_i].fails) {
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(error->kind, ERROR_USAGE);
        ck_assert_ptr_nonnull(strstr(error->message, sizes[_i].text));
        ck_assert_uint_eq(value, 77);
    } else {
        ck_assert_msg(!error, "%s", error ? error->message : "");
        ck_assert_uint_eq(value, sizes[_i].value);
    }
}
END_TEST

static const struct {
    const char *text;
    bool fails;
    uint64_t value;
} durations[] = {
    {"0", false, 0},
    {"10", false, UINT64_C(10000000000)},
    {"0.25", false, 250000000},
    {"15ns", false, 15},
    {"20us", false, 20000},
    {"250ms", false, 250000000},
    {"1s", false, 1000000000},
    {"10m", false, UINT64_C(600000000000)},
    {"10min", false, UINT64_C(600000000000)},
    {"1.5h", false, UINT64_C(5400000000000)},
    {"2d", false, UINT64_C(172800000000000)},
    {"1h30m", false, UINT64_C(5400000000000)},
    {"4 h 10 min", false, UINT64_C(15000000000000)},
    {"213503d", false, UINT64_C(213503) * 86400 * 1000000000},
    {"213504d", true, 0},
    {"18446744073709551615ns", false, UINT64_MAX},
    {"18446744073709551615ns1ns", true, 0},
    {"18446744073709551616ns", true, 0},
    {"", true, 0},
    {"s", true, 0},
    {"-1s", true, 0},
    {"1h30", true, 0},
    {"0s5", true, 0},
    {"5 5", true, 0},
    {"1 s 5", true, 0},
    {"1x", true, 0},
    {"1S", true, 0},
    {"1..5s", true, 0},
    {"1s,", true, 0},
    {"inf", true, 0},
};

START_TEST(durations_parse)
{
    uint64_t value = 77;
    _cleanup_error_ struct error *error = units_parse_duration(durations[_i].text, &value);
    if (durations[_i].fails) {
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(error->kind, ERROR_USAGE);
        ck_assert_uint_eq(value, 77);
    } else {
        ck_assert_msg(!error, "%s", error ? error->message : "");
        ck_assert_uint_eq(value, durations[_i].value);
    }
}
END_TEST

START_TEST(refusals_quote_what_was_given_harmlessly)
{
    uint64_t value = 0;
    _cleanup_error_ struct error *size = units_parse_bytes("\x1b[31m", &value);
    ck_assert_str_eq(size->message,
                     "'\\x1b[31m' is not a size: a number and a unit are expected, as in 512K, 1.5G or 100");
    _cleanup_error_ struct error *large = units_parse_bytes("16E", &value);
    ck_assert_str_eq(large->message, "'16E' is too large a size");
    _cleanup_error_ struct error *time = units_parse_duration("soon", &value);
    ck_assert_str_eq(time->message,
                     "'soon' is not a time: a number and a unit are expected, as in 250ms, 10s, 5m or 1h30m");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("units");
    TCase *tests = tcase_create("units");
    tcase_add_loop_test(tests, values_read_well, 0, (int)ARRAY_SIZE(formats));
    tcase_add_test(tests, widths_are_bounded);
    tcase_add_test(tests, exact_counts_have_separators);
    tcase_add_loop_test(tests, sizes_parse, 0, (int)ARRAY_SIZE(sizes));
    tcase_add_loop_test(tests, durations_parse, 0, (int)ARRAY_SIZE(durations));
    tcase_add_test(tests, refusals_quote_what_was_given_harmlessly);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
