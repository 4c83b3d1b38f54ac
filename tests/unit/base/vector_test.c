#include "heaptop/base/vector.h"

#include <stdint.h>

#include "unit/check_main.h"

struct pair {
    int first, second;
};

START_TEST(appends_keep_their_order)
{
    VECTOR(struct pair) pairs = {0};
    int appended = 0, wrong = 0;
    for (int i = 0; i < 100000; i++)
        appended += vector_append(&pairs, (struct pair){i, -i});
    ck_assert_int_eq(appended, 100000);
    ck_assert_uint_eq(pairs.count, 100000);
    ck_assert_uint_ge(pairs.capacity, pairs.count);
    for (int i = 0; i < 100000; i++)
        wrong += pairs.items[i].first != i || pairs.items[i].second != -i;
    ck_assert_int_eq(wrong, 0);
    vector_deinit(&pairs);
    ck_assert_ptr_null(pairs.items);
    ck_assert_uint_eq(pairs.count + pairs.capacity, 0);
}
END_TEST

START_TEST(growth_is_geometric)
{
    VECTOR(char) bytes = {0};
    int moves = 0;
    for (int i = 0; i < 1000000; i++) {
        size_t before = bytes.capacity;
        if (!vector_append(&bytes, (char)i))
            ck_abort();
        moves += bytes.capacity != before;
    }
    ck_assert_int_le(moves, 20);
    vector_deinit(&bytes);
}
END_TEST

START_TEST(reserve_makes_room_once)
{
    VECTOR(uint64_t) numbers = {0};
    size_t none = 0;
    ck_assert(vector_reserve(&numbers, none));
    ck_assert_ptr_null(numbers.items);
    ck_assert(vector_reserve(&numbers, 1000));
    ck_assert_uint_ge(numbers.capacity, 1000);
    ck_assert_uint_eq(numbers.count, 0);
    uint64_t *items = numbers.items;
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert(vector_append(&numbers, i));
    ck_assert_ptr_eq(numbers.items, items);
    vector_deinit(&numbers);
}
END_TEST

START_TEST(overflow_leaves_it_unchanged)
{
    VECTOR(struct pair) pairs = {0};
    ck_assert(vector_append(&pairs, (struct pair){1, 2}));
    struct pair *items = pairs.items;
    size_t capacity = pairs.capacity;
    ck_assert(!vector_reserve(&pairs, SIZE_MAX));
    ck_assert(!vector_reserve(&pairs, SIZE_MAX / sizeof(struct pair) + 1));
    ck_assert_ptr_eq(pairs.items, items);
    ck_assert_uint_eq(pairs.capacity, capacity);
    ck_assert_int_eq(pairs.items[0].second, 2);
    vector_deinit(&pairs);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("vector");
    TCase *tests = tcase_create("vector");
    tcase_add_test(tests, appends_keep_their_order);
    tcase_add_test(tests, growth_is_geometric);
    tcase_add_test(tests, reserve_makes_room_once);
    tcase_add_test(tests, overflow_leaves_it_unchanged);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
