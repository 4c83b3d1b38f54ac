/* Runs the room with an allocator that fails at the Nth call, for every N: each failure is an error, nothing is left
 * behind, and the history goes on when there is memory again. */
#include "heaptop/analysis.h"
#include "tests/unit/check_main.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/snapshot_builder.h"

#if HAS_OWN_ALLOCATOR

enum { SNAPSHOTS = 12 };

/* Stacks that come in the middle, one of them to a call site that is known; goroutines and threads that come and go. */
static void make_snapshots(struct snapshot **snapshots)
{
    struct builder *b = builder_demo_create();
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        if (i == 6) {
            builder_site(b, 16, "main.new m.go:1; main.main m.go:9");
            builder_site(b, 16, "bytes.growSlice buffer.go:249; main.new m.go:1; main.other m.go:8");
            builder_goroutines(b, 3, "waiting", "sleep", "main.late m.go:3", "main.main m.go:9");
            builder_thread(b, 4250, "late", 'S', NULL);
        }
        if (i >= 6) {
            builder_allocate(b, BUILDER_DEMO_SITES, 3);
            builder_allocate(b, BUILDER_DEMO_SITES + 1, 2);
        }
        builder_demo_second(b, i * 8);
        snapshots[i] = builder_take(b);
        builder_advance(b, 8);
    }
    builder_destroy(b);
}

/* What a screen does: adds, computes, writes the verdict, builds a tree. */
static struct error *use(struct history *history, struct snapshot *snapshot)
{
    struct error *error = history_add(history, snapshot);
    struct analysis *analysis = NULL;
    if (!error)
        error = analysis_compute(history, &analysis);
    if (error)
        return error;
    struct text text = {0};
    struct arena arena;
    struct tree_node *root = NULL;
    arena_init(&arena);
    error = analysis_write_verdict(analysis, &text);
    if (!error)
        error = analysis_build_tree(analysis, TREE_CALLERS, &arena, &root);
    arena_deinit(&arena);
    text_deinit(&text);
    analysis_destroy(analysis);
    return error;
}

static void check_rows(const struct history *history)
{
    struct analysis *analysis = NULL;
    struct arena arena;
    struct tree_node *root = NULL;
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    uint32_t stacks = 0;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        ck_assert_uint_eq(analysis->call_sites[i].first_stack, stacks);
        stacks += analysis->call_sites[i].num_stacks;
    }
    ck_assert_uint_eq(stacks, analysis->num_stacks);
    arena_init(&arena);
    ck_assert_ptr_null(analysis_build_tree(analysis, TREE_CALLEES, &arena, &root));
    arena_deinit(&arena);
    analysis_destroy(analysis);
}

START_TEST(every_allocation_may_fail)
{
    struct snapshot *snapshots[SNAPSHOTS];
    make_snapshots(snapshots);
    size_t failures = 0;
    bool failed = true;
    for (size_t calls = 0; failed; calls++) {
        ptrdiff_t before = in_use;
        struct history *history = NULL;
        failed = false;
        allowed = calls;
        is_limited = true;
        struct error *error = history_create(NULL, &history);
        for (unsigned i = 0; !error && i < SNAPSHOTS; i++)
            error = use(history, snapshots[i]);
        is_limited = false;
        if (error) {
            ck_assert_int_eq(error->kind, ERROR_NO_MEMORY);
            error_destroy(error);
            failed = true;
            failures++;
        }
        struct history *copy = NULL;
        if (history && history_latest(history)) {
            allowed = calls % 400;
            is_limited = true;
            error_destroy(history_copy(history, &copy));
            is_limited = false;
            if (copy)
                check_rows(copy);
            history_destroy(copy);
        }
        /* With memory again, it goes on; some stack may be left out, but all hangs together. */
        if (history) {
            if (history_latest(history))
                check_rows(history);
            ck_assert_ptr_null(history_add(history, snapshots[SNAPSHOTS - 2]));
            ck_assert_ptr_null(history_add(history, snapshots[SNAPSHOTS - 1]));
            check_rows(history);
            history_destroy(history);
        }
        ck_assert_int_eq(in_use, before);
    }
    ck_assert_uint_gt(failures, 50);
    builder_release(snapshots, SNAPSHOTS);
}
END_TEST

/* The same for the catalog and the snapshot: an id of 0, an error, and no entry that is half there. */
START_TEST(every_allocation_of_the_catalog_may_fail)
{
    bool failed = true;
    for (size_t calls = 0; failed; calls++) {
        ptrdiff_t before = in_use;
        struct catalog *catalog = NULL;
        struct snapshot *snapshot = NULL;
        allowed = calls;
        is_limited = true;
        failed = false;
        struct error *error = catalog_create(&catalog);
        if (!error) {
            for (unsigned i = 0; i < 40; i++) {
                char name[16];
                snprintf(name, sizeof(name), "f%u\n", i);
                string_id string = catalog_add_untrusted(catalog, name, strlen(name));
                frame_id frame = catalog_add_frame(catalog, &(struct frame){.function = string, .line = i});
                stack_id stack = catalog_add_stack(catalog, &frame, 1);
                failed |= !string || !frame || !stack;
            }
            error = snapshot_create(catalog, &snapshot);
        }
        if (snapshot)
            snapshot_add_problem(snapshot, "problem");
        is_limited = false;
        failed |= error != NULL || snapshot->num_problems == 0;
        if (catalog) {
            string_id string = catalog_add_untrusted(catalog, "f3\n", 3);
            ck_assert_str_eq(catalog_string(catalog, string), "f3\\x0a");
            ck_assert_uint_eq(catalog_add_untrusted(catalog, "f3\n", 3), string);
            frame_id frame = catalog_add_frame(catalog, &(struct frame){.function = string, .line = 3});
            ck_assert_uint_eq(catalog_frame(catalog, frame)->line, 3);
            stack_id stack = catalog_add_stack(catalog, &frame, 1);
            ck_assert_uint_eq(catalog_stack(catalog, stack).frames[0], frame);
        }
        error_destroy(error);
        snapshot_unref(snapshot);
        catalog_unref(catalog);
        ck_assert_int_eq(in_use, before);
    }
}
END_TEST

#else

START_TEST(nothing_to_run)
{
}
END_TEST

#endif

static Suite *make_suite(void)
{
    Suite *suite = suite_create("analysis_memory");
    TCase *tests = tcase_create("memory");
#if HAS_OWN_ALLOCATOR
    tcase_add_test(tests, every_allocation_may_fail);
    tcase_add_test(tests, every_allocation_of_the_catalog_may_fail);
#else
    tcase_add_test(tests, nothing_to_run);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
