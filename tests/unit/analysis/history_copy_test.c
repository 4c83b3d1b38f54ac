/* A copied history and the one it was copied from come to the same conclusions, and neither is in the other's way. */
#include "heaptop/analysis.h"

#include <math.h>

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define SNAPSHOTS 240

static struct snapshot *snapshots[SNAPSHOTS];

static struct history *fold(struct history *history, size_t from, size_t to)
{
    if (!history)
        ck_assert_ptr_null(history_create(NULL, &history));
    for (size_t i = from; i < to; i++)
        ck_assert_ptr_null(history_add(history, snapshots[i]));
    return history;
}

static struct history *copy_of(const struct history *history)
{
    struct history *copy = NULL;
    ck_assert_ptr_null(history_copy(history, &copy));
    ck_assert_uint_le(history_memory(copy), history_memory(history));
    return copy;
}

static void check_growth(const struct growth *a, const struct growth *b)
{
    ck_assert_int_eq(a->verdict, b->verdict);
    ck_assert(a->per_second == b->per_second && a->error_per_second == b->error_per_second);
    ck_assert_uint_eq(a->since_unix_ns, b->since_unix_ns);
    ck_assert_uint_eq(a->points, b->points);
}

static void check_series(const struct series *a, const struct series *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        ck_assert_uint_eq(series_point(a, i).unix_ns, series_point(b, i).unix_ns);
        ck_assert(series_point(a, i).value == series_point(b, i).value);
    }
}

static void check_same(const struct history *left, const struct history *right)
{
    struct analysis *a = NULL, *b = NULL;
    struct text left_text = {0}, right_text = {0};
    ck_assert_ptr_null(analysis_compute(left, &a));
    ck_assert_ptr_null(analysis_compute(right, &b));
    ck_assert_ptr_null(analysis_write_verdict(a, &left_text));
    ck_assert_ptr_null(analysis_write_verdict(b, &right_text));
    ck_assert_str_eq(left_text.data, right_text.data);
    check_growth(&a->rss, &b->rss);
    check_growth(&a->heap, &b->heap);
    check_growth(&a->goroutine_count, &b->goroutine_count);
    ck_assert_uint_eq(a->num_call_sites, b->num_call_sites);
    for (size_t i = 0; i < a->num_call_sites; i++) {
        ck_assert_uint_eq(a->call_sites[i].subject, b->call_sites[i].subject);
        ck_assert_int_eq(a->call_sites[i].published.inuse_bytes, b->call_sites[i].published.inuse_bytes);
        check_growth(&a->call_sites[i].growth, &b->call_sites[i].growth);
        check_series(a->call_sites[i].inuse, b->call_sites[i].inuse);
    }
    ck_assert_uint_eq(a->num_goroutines, b->num_goroutines);
    for (size_t i = 0; i < a->num_goroutines; i++) {
        ck_assert_uint_eq(a->goroutines[i].group.count, b->goroutines[i].group.count);
        check_growth(&a->goroutines[i].growth, &b->goroutines[i].growth);
    }
    for (int id = 0; id < COUNTER_COUNT; id++)
        check_series(history_counter(left, (enum counter_id)id), history_counter(right, (enum counter_id)id));
    text_deinit(&left_text);
    text_deinit(&right_text);
    analysis_destroy(a);
    analysis_destroy(b);
}

START_TEST(a_copy_goes_on_as_the_first_one_does)
{
    static const size_t moments[] = {1, 2, 57, 120, SNAPSHOTS};
    builder_demo(snapshots, SNAPSHOTS);
    struct history *whole = fold(NULL, 0, SNAPSHOTS);
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        struct history *part = fold(NULL, 0, moments[i]);
        struct history *copy = copy_of(part);
        check_same(part, copy);
        history_destroy(part);
        fold(copy, moments[i], SNAPSHOTS);
        check_same(whole, copy);
        history_destroy(copy);
    }
    history_destroy(whole);
    builder_release(snapshots, SNAPSHOTS);
}
END_TEST

START_TEST(what_is_added_to_a_copy_is_not_in_the_first_one)
{
    builder_demo(snapshots, SNAPSHOTS);
    struct history *first = fold(NULL, 0, 100), *copy = copy_of(first), *second = copy_of(copy);
    fold(copy, 100, SNAPSHOTS);
    check_same(first, second);
    ck_assert_ptr_eq(history_latest(first), snapshots[99]);
    ck_assert_ptr_eq(history_latest(copy), snapshots[SNAPSHOTS - 1]);
    history_destroy(copy);
    fold(first, 100, 150);
    fold(second, 100, 150);
    check_same(first, second);
    history_destroy(first);
    history_destroy(second);
    builder_release(snapshots, SNAPSHOTS);
}
END_TEST

START_TEST(an_empty_history_can_be_copied)
{
    struct history *empty = fold(NULL, 0, 0), *copy = copy_of(empty);
    ck_assert_ptr_null(history_latest(copy));
    history_destroy(empty);
    history_destroy(copy);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("history_copy");
    TCase *tests = tcase_create("history_copy");
    tcase_add_test(tests, a_copy_goes_on_as_the_first_one_does);
    tcase_add_test(tests, what_is_added_to_a_copy_is_not_in_the_first_one);
    tcase_add_test(tests, an_empty_history_can_be_copied);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
