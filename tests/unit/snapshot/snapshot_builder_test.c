#include "tests/unit/snapshot_builder.h"

#include "tests/unit/check_main.h"

START_TEST(a_stack_is_read_from_text)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 64, "runtime.makeslice slice.go:117; golang.org/x/net/html.Parse parse.go:10; "
                                      "example.com/app/store.Put; main.main /home/x/main.go:9");
    struct snapshot *snapshot = builder_take(b);
    struct stack stack = catalog_stack(snapshot->catalog, snapshot->sites[site].stack);
    ck_assert_uint_eq(stack.depth, 4);
    ck_assert_uint_eq(catalog_stack_subject(snapshot->catalog, snapshot->sites[site].stack), 2);
    ck_assert_str_eq(catalog_function(snapshot->catalog, stack.frames[2]), "example.com/app/store.Put");
    ck_assert_str_eq(catalog_file(snapshot->catalog, stack.frames[2]), "");
    ck_assert_str_eq(catalog_file(snapshot->catalog, stack.frames[1]), "/src/parse.go");
    ck_assert_str_eq(catalog_file(snapshot->catalog, stack.frames[3]), "/home/x/main.go");
    ck_assert_uint_eq(catalog_frame(snapshot->catalog, stack.frames[3])->line, 9);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(counts_are_published_by_a_collection)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 1 << 20, "main.f main.go:1");
    builder_hold(b, site, 100 << 20);
    struct snapshot *before = builder_take(b);
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    ck_assert_uint_eq(before->sites[0].published.allocs, 0);
    ck_assert_uint_gt(before->sites[0].provisional.allocs, 80);
    ck_assert_uint_eq(after->sites[0].published.allocs, before->sites[0].provisional.allocs);
    ck_assert_uint_eq(after->num_gc_cycles, 1);
    ck_assert_uint_eq(after->profile_cycle, 1);
    ck_assert_int_gt(after->counters[COUNTER_HEAP_MARKED].value.integer, 99 << 20);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(the_demo_plays_through_a_source)
{
    enum { SECONDS = 40 };
    struct snapshot *snapshots[SECONDS], *next = NULL;
    builder_demo(snapshots, SECONDS);
    struct source *source = builder_source(snapshots, SECONDS);
    builder_release(snapshots, SECONDS);
    for (unsigned i = 1; i <= SECONDS; i++) {
        ck_assert_ptr_null(source->ops->next(source, 0, &next));
        ck_assert_uint_eq(next->sequence, i);
        ck_assert_uint_eq(next->num_sites, BUILDER_DEMO_SITES);
        snapshot_unref(next);
    }
    ck_assert_ptr_null(source->ops->next(source, 0, &next));
    ck_assert_ptr_null(next);
    ck_assert_ptr_null(source->ops->seek(source, BUILDER_START_NS + 7 * BUILDER_SECOND_NS));
    ck_assert_ptr_null(source->ops->next(source, 0, &next));
    ck_assert_uint_eq(next->sequence, 8);
    snapshot_unref(next);
    source_close(source);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("snapshot_builder");
    TCase *tests = tcase_create("builder");
    tcase_add_test(tests, a_stack_is_read_from_text);
    tcase_add_test(tests, counts_are_published_by_a_collection);
    tcase_add_test(tests, the_demo_plays_through_a_source);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
