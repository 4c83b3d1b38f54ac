/* What lines hold, by hand and against sums over all stacks. */
#include "heaptop/analysis/line_costs.h"

#include "heaptop/analysis.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

struct judged {
    struct history *history;
    struct analysis *analysis;
};

static struct judged judge(struct builder *b)
{
    struct judged judged;
    struct snapshot *snapshot = builder_take(b);
    ck_assert_ptr_null(history_create(NULL, &judged.history));
    ck_assert_ptr_null(history_add(judged.history, snapshot));
    ck_assert_ptr_null(analysis_compute(judged.history, &judged.analysis));
    snapshot_unref(snapshot);
    return judged;
}

static void forget(struct judged *judged, struct builder *b)
{
    analysis_destroy(judged->analysis);
    history_destroy(judged->history);
    builder_destroy(b);
}

START_TEST(a_line_is_all_stacks_that_have_it)
{
    struct builder *b = builder_create_exact();
    size_t inner = builder_site(b, 100, "main.leaf a.go:3; main.middle a.go:20; main.main b.go:5");
    size_t other = builder_site(b, 10, "main.other c.go:3; main.middle a.go:20; main.main b.go:6");
    /* Recursion: the line counts once. */
    size_t deep = builder_site(b, 1, "main.leaf a.go:3; main.leaf a.go:9; main.leaf a.go:9; main.main b.go:5");
    builder_allocate(b, inner, 5);
    builder_free(b, inner, 2);
    builder_allocate(b, other, 7);
    builder_allocate(b, deep, 1000);
    builder_gc(b);
    struct judged judged = judge(b);
    struct arena arena;
    struct line_cost *costs;
    size_t count;
    arena_init(&arena);
    ck_assert_ptr_null(line_costs_of(judged.analysis, builder_string(b, "/src/a.go"), &arena, &costs, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(costs[0].line, 3);
    ck_assert_int_eq(costs[0].values.inuse_bytes, 300 + 1000);
    ck_assert_int_eq(costs[0].values.alloc_bytes, 500 + 1000);
    ck_assert_int_eq(costs[0].values.inuse_objects, 3 + 1000);
    ck_assert_uint_eq(costs[1].line, 9);
    ck_assert_int_eq(costs[1].values.inuse_bytes, 1000);
    ck_assert_uint_eq(costs[2].line, 20);
    ck_assert_int_eq(costs[2].values.inuse_bytes, 300 + 70);
    ck_assert_ptr_null(line_costs_of(judged.analysis, builder_string(b, "/src/nowhere.go"), &arena, &costs, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(line_costs_of(judged.analysis, 0, &arena, &costs, &count));
    ck_assert_uint_eq(count, 0);
    arena_deinit(&arena);
    forget(&judged, b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("line_costs");
    TCase *tests = tcase_create("line_costs");
    tcase_add_test(tests, a_line_is_all_stacks_that_have_it);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
