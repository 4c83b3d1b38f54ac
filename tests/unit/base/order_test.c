#include "heaptop/base/order.h"

#include <stdlib.h>
#include <string.h>

#include "unit/check_main.h"

#define MOST 3000

static const uint64_t *compared;

/* By key, and where keys are equal by index: what a stable sort does with rising indices. */
static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (compared[a] != compared[b])
        return compared[a] < compared[b] ? -1 : 1;
    return (a > b) - (a < b);
}

static void check_order(const uint64_t *keys, size_t count)
{
    static uint32_t got[MOST], expected[MOST], scratch[MOST];
    for (size_t i = 0; i < count; i++)
        got[i] = expected[i] = (uint32_t)i;
    compared = keys;
    if (count > 1)
        qsort(expected, count, sizeof(*expected), compare);
    order_by_key(got, count, keys, scratch);
    ck_assert_mem_eq(got, expected, count * sizeof(*got));
}

START_TEST(keys_of_all_kinds_are_ordered)
{
    static uint64_t keys[MOST];
    uint64_t random = 1;
    /* Few and many; of one byte, of all, in steps; and many that are equal. */
    static const uint64_t masks[] = {UINT64_MAX, 0xff, UINT64_C(0xff00ff0000ff0000), UINT64_C(0xc0007ffff000), 7, 0};
    static const size_t counts[] = {0, 1, 2, 3, 17, 256, 1000, MOST};
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
            for (size_t k = 0; k < counts[j]; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                keys[k] = (random ^ random >> 29) & masks[i];
            }
            check_order(keys, counts[j]);
        }
    }
}
END_TEST

START_TEST(what_rises_or_falls_is_ordered)
{
    static uint64_t keys[MOST];
    for (size_t i = 0; i < MOST; i++)
        keys[i] = UINT64_C(0xc000000000) + i * 2048;
    check_order(keys, MOST);
    for (size_t i = 0; i < MOST; i++)
        keys[i] = UINT64_C(0xc000000000) - i * 2048;
    check_order(keys, MOST);
    /* Only the last is out of order. */
    for (size_t i = 0; i < MOST; i++)
        keys[i] = i + 1;
    keys[MOST - 1] = 0;
    check_order(keys, MOST);
}
END_TEST

/* The indices may be some of the keys only, in any order. */
START_TEST(a_part_of_the_keys_is_ordered)
{
    static const uint64_t keys[] = {50, 10, 40, 10, 30, 0};
    uint32_t indices[] = {3, 0, 1, 4}, scratch[4];
    order_by_key(indices, 4, keys, scratch);
    ck_assert_mem_eq(indices, ((uint32_t[]){3, 1, 4, 0}), sizeof(indices));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, keys_of_all_kinds_are_ordered);
    tcase_add_test(tests, what_rises_or_falls_is_ordered);
    tcase_add_test(tests, a_part_of_the_keys_is_ordered);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
