#include "heaptop/analysis.h"

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

/* Two callers of f, one of g; recursion in h. Rate 1, so that figures are exact. */
static struct history *make_history(struct builder *b)
{
    b->rate = 1;
    builder_set(b, COUNTER_MEM_PROFILE_RATE, 1);
    builder_allocate(b, builder_site(b, 100, "runtime.newobject; main.f m.go:1; main.a m.go:5; main.main m.go:9"), 30);
    builder_allocate(b, builder_site(b, 100, "runtime.makemap; main.f m.go:1; main.b m.go:6; main.main m.go:9"), 20);
    builder_allocate(b, builder_site(b, 100, "main.g m.go:2; main.b m.go:6; main.main m.go:9"), 40);
    builder_allocate(b, builder_site(b, 10, "main.h m.go:3; main.h m.go:3; main.h m.go:3; main.main m.go:9"), 1);
    builder_gc(b);
    struct history *history = NULL;
    ck_assert_ptr_null(history_create(NULL, &history));
    struct snapshot *snapshot = builder_take(b);
    ck_assert_ptr_null(history_add(history, snapshot));
    snapshot_unref(snapshot);
    return history;
}

/* All that a tree hangs on. */
struct fixture {
    struct builder *builder;
    struct history *history;
    struct analysis *analysis;
    struct arena arena;
    struct tree_node *root;
};

static struct fixture build_tree(enum tree_direction direction)
{
    struct fixture fixture = {.builder = builder_create()};
    fixture.history = make_history(fixture.builder);
    arena_init(&fixture.arena);
    ck_assert_ptr_null(analysis_compute(fixture.history, &fixture.analysis));
    ck_assert_ptr_null(analysis_build_tree(fixture.analysis, direction, &fixture.arena, &fixture.root));
    return fixture;
}

static void destroy_tree(struct fixture *fixture)
{
    arena_deinit(&fixture->arena);
    analysis_destroy(fixture->analysis);
    history_destroy(fixture->history);
    builder_destroy(fixture->builder);
}

static void check_node(const struct analysis *analysis, const struct tree_node *node, const char *function,
                       int64_t bytes)
{
    ck_assert_ptr_nonnull(node);
    ck_assert_str_eq(catalog_function(analysis->snapshot->catalog, node->frame), function);
    ck_assert_int_eq(node->values.inuse_bytes, bytes);
    ck_assert_uint_eq(node->depth, node->parent->depth + 1);
}

START_TEST(callers_hang_below_call_sites)
{
    struct fixture fixture = build_tree(TREE_CALLERS);
    const struct analysis *analysis = fixture.analysis;
    const struct tree_node *root = fixture.root;
    ck_assert_int_eq(root->values.inuse_bytes, 9010);
    ck_assert_uint_eq(root->num_children, 3);
    const struct tree_node *f = root->first_child, *g = f->next_sibling, *h = g->next_sibling;
    check_node(analysis, f, "main.f", 5000);
    ck_assert_uint_eq(f->num_children, 2);
    check_node(analysis, f->first_child, "main.a", 3000);
    check_node(analysis, f->first_child->next_sibling, "main.b", 2000);
    check_node(analysis, g, "main.g", 4000);
    check_node(analysis, h, "main.h", 10);
    check_node(analysis, h->first_child, "main.h", 10);
    ck_assert_ptr_null(h->next_sibling);
    const struct tree_node *top = h->first_child->first_child->first_child;
    check_node(analysis, top, "main.main", 10);
    ck_assert_ptr_null(top->first_child);
    ck_assert_uint_eq(top->depth, 4);
    destroy_tree(&fixture);
}
END_TEST

START_TEST(callees_hang_below_the_entry)
{
    struct fixture fixture = build_tree(TREE_CALLEES);
    const struct analysis *analysis = fixture.analysis;
    const struct tree_node *root = fixture.root;
    ck_assert_uint_eq(root->num_children, 1);
    const struct tree_node *entry = root->first_child;
    check_node(analysis, entry, "main.main", 9010);
    ck_assert_uint_eq(entry->num_children, 3);
    const struct tree_node *in_b = entry->first_child;
    check_node(analysis, in_b, "main.b", 6000);
    check_node(analysis, in_b->first_child, "main.g", 4000);
    check_node(analysis, in_b->first_child->next_sibling, "main.f", 2000);
    check_node(analysis, in_b->first_child->next_sibling->first_child, "runtime.makemap", 2000);
    check_node(analysis, in_b->next_sibling, "main.a", 3000);
    destroy_tree(&fixture);
}
END_TEST

START_TEST(an_empty_profile_is_a_root)
{
    struct builder *b = builder_create();
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    struct arena arena;
    struct tree_node *root = NULL;
    arena_init(&arena);
    b->profile_state = PROFILE_OFF;
    ck_assert_ptr_null(history_create(NULL, &history));
    struct snapshot *snapshot = builder_take(b);
    ck_assert_ptr_null(history_add(history, snapshot));
    snapshot_unref(snapshot);
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert_ptr_null(analysis_build_tree(analysis, TREE_CALLERS, &arena, &root));
    ck_assert_ptr_null(root->first_child);
    ck_assert_uint_eq(root->num_children, 0);
    arena_deinit(&arena);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("tree");
    TCase *tests = tcase_create("tree");
    tcase_add_test(tests, callers_hang_below_call_sites);
    tcase_add_test(tests, callees_hang_below_the_entry);
    tcase_add_test(tests, an_empty_profile_is_a_root);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
