#include "symbols/unit_sieve.h"

#include <string.h>

#include "unit/check_main.h"

/* A unit of `length` bytes in all, of DWARF 4 or 5, with this name. */
static size_t put_unit(uint8_t *at, size_t length, int version, const char *name)
{
    memset(at, 0xcc, length);
    uint32_t rest = (uint32_t)length - 4;
    memcpy(at, &rest, 4);
    memset(at + 4, 0, 8);
    at[4] = (uint8_t)version;
    size_t header = 11;
    if (version == 5) {
        at[6] = 1;
        at[7] = 8;
        header = 12;
    }
    at[header] = 1;
    strcpy((char *)at + header + 1, name);
    return length;
}

static bool is_wanted(const char *name)
{
    return strcmp(name, "wanted") == 0;
}

static size_t sieve(const uint8_t *in, size_t size, size_t step, uint8_t *out)
{
    memset(out, 0, size);
    struct unit_sieve sieve = {.out = out, .size = size, .is_wanted = is_wanted};
    for (size_t at = 0; at < size; at += step)
        unit_sieve_pass(&sieve, in + at, size - at < step ? size - at : step);
    return sieve.kept;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Whatever the pieces are in which the bytes come. */
START_TEST(wanted_units_pass_and_of_others_the_headers)
{
    static const size_t steps[] = {1, 2, 3, 5, 7, 64, 511, 512, 513, 4096, 100000};
    uint8_t in[8000], out[8000];
    size_t first = put_unit(in, 700, 4, "other");
    size_t second = put_unit(in + first, 2000, 4, "wanted");
    size_t third = put_unit(in + first + second, 40, 5, "other");
    size_t fourth = put_unit(in + first + second + third, 40, 5, "wanted");
    size_t fifth = put_unit(in + first + second + third + fourth, 3000, 5, "wanted.not");
    size_t size = first + second + third + fourth + fifth;
    ck_assert_uint_eq(sieve(in, size, steps[_i], out), 2);
    const uint8_t *from = in, *to = out;
    ck_assert_mem_eq(to, from, 11);
    ck_assert(is_zero(to + 11, first - 11));
    from += first, to += first;
    ck_assert_mem_eq(to, from, second);
    from += second, to += second;
    ck_assert_mem_eq(to, from, 12);
    ck_assert(is_zero(to + 12, third - 12));
    from += third, to += third;
    ck_assert_mem_eq(to, from, fourth);
    from += fourth, to += fourth;
    ck_assert_mem_eq(to, from, 12);
    ck_assert(is_zero(to + 12, fifth - 12));
}
END_TEST

/* A unit without a length, one that reaches beyond the section, one of 64-bit DWARF: from there on all passes. */
START_TEST(nonsense_passes_whole)
{
    static const uint32_t lengths[] = {0, 5000, 0xffffffff, 0xfffffff0};
    static const size_t steps[] = {1, 3, 4, 10000};
    uint8_t in[1000], out[1000];
    size_t first = put_unit(in, 300, 4, "other");
    put_unit(in + first, 700, 4, "other");
    memcpy(in + first, &lengths[_i], 4);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        sieve(in, sizeof(in), steps[i], out);
        ck_assert(is_zero(out + 11, first - 11));
        ck_assert_mem_eq(out + first, in + first, sizeof(in) - first);
    }
}
END_TEST

/* Names that are not where Go's are, names without end, units too short for one: dropped, without reading too far. */
START_TEST(units_of_other_layouts_are_dropped)
{
    uint8_t in[2000], out[2000];
    size_t first = put_unit(in, 600, 5, "wanted");
    in[6] = 4;                                  /* A skeleton unit. */
    size_t second = put_unit(in + first, 600, 4, "wanted");
    memset(in + first + 12, 'x', 588);
    size_t third = put_unit(in + first + second, 600, 77, "wanted");
    uint32_t rest = 2;
    memcpy(in + first + second + third, &rest, 4);
    memset(in + first + second + third + 4, 4, 2);
    size_t size = first + second + third + 6;
    ck_assert_uint_eq(sieve(in, size, 13, out), 0);
    ck_assert_mem_eq(out, in, 6);
    ck_assert_mem_eq(out + first, in + first, 11);
    ck_assert(is_zero(out + first + 11, second - 11));
    ck_assert_mem_eq(out + first + second + third, in + first + second + third, 6);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_sieve");
    TCase *tests = tcase_create("unit_sieve");
    tcase_add_loop_test(tests, wanted_units_pass_and_of_others_the_headers, 0, 11);
    tcase_add_loop_test(tests, nonsense_passes_whole, 0, 4);
    tcase_add_test(tests, units_of_other_layouts_are_dropped);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
