/* Profiling that was switched on while the process ran. */
#include "heaptop/analysis.h"

#include <math.h>

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define MIB (INT64_C(1) << 20)

struct scene {
    struct builder *b;
    struct history *history;
    size_t site;
};

static struct scene scene_make(void)
{
    struct scene scene = {.b = builder_create()};
    ck_assert_ptr_null(history_create(NULL, &scene.history));
    scene.b->other_heap_bytes = 400 * MIB;
    scene.b->profile_since_unix_ns = BUILDER_START_NS - 5 * BUILDER_SECOND_NS;
    scene.site = builder_site(scene.b, 1024, "example.com/app/store.Put cache.go:41; main.main main.go:9");
    return scene;
}

static void scene_end(struct scene *scene)
{
    history_destroy(scene->history);
    builder_destroy(scene->b);
}

/* A cycle that allocates so many samples at the site, while the rest of the heap loses some. */
static void step(struct scene *scene, unsigned samples, int64_t lost)
{
    builder_allocate(scene->b, scene->site, samples);
    scene->b->other_heap_bytes -= lost;
    builder_gc(scene->b);
    struct snapshot *snapshot = builder_take(scene->b);
    ck_assert_ptr_null(history_add(scene->history, snapshot));
    snapshot_unref(snapshot);
    builder_advance(scene->b, 5);
}

static struct analysis *compute(const struct scene *scene)
{
    struct analysis *analysis = NULL;
    ck_assert_ptr_null(analysis_compute(scene->history, &analysis));
    return analysis;
}

START_TEST(what_was_there_before_is_one_row)
{
    struct scene scene = scene_make();
    for (unsigned i = 0; i < 8; i++)
        step(&scene, 4, 0);
    struct analysis *analysis = compute(&scene);
    const struct allocation_row *row = analysis->unattributed;
    ck_assert_ptr_eq(row, analysis->call_sites + analysis->num_call_sites);
    ck_assert(row->is_unattributed && !analysis->call_sites[0].is_unattributed);
    int64_t all = row->published.inuse_bytes + analysis->call_sites[0].published.inuse_bytes;
    ck_assert_int_eq(all, analysis->snapshot->counters[COUNTER_HEAP_MARKED].value.integer);
    ck_assert_double_eq_tol(row->share + analysis->call_sites[0].share, 1, 1e-6);
    ck_assert_double_gt(row->share, 0.9);
    ck_assert_int_eq(row->growth.verdict, GROWTH_PLATEAU);
    ck_assert_uint_eq(row->inuse->count > 0, 1);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

START_TEST(a_program_that_profiles_itself_has_no_such_row)
{
    struct scene scene = scene_make();
    scene.b->profile_since_unix_ns = 0;
    for (unsigned i = 0; i < 8; i++)
        step(&scene, 4, 0);
    struct analysis *analysis = compute(&scene);
    ck_assert_ptr_null(analysis->unattributed);
    ck_assert_double_eq(analysis->call_sites[0].share, 1);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

/* Of a program in C it is told by who probes its allocator. */
START_TEST(probes_tell_what_was_there_before)
{
    struct scene scene = scene_make();
    builder_set(scene.b, COUNTER_PROBE_BEFORE, 70 * MIB);
    for (unsigned i = 0; i < 8; i++)
        step(&scene, 4, 0);
    struct analysis *analysis = compute(&scene);
    ck_assert_int_eq(analysis->unattributed->published.inuse_bytes, 70 * MIB);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

/* A leak is found as ever. */
START_TEST(a_leak_grows)
{
    struct scene scene = scene_make();
    for (unsigned i = 0; i < 30; i++)
        step(&scene, 8, 0);
    struct analysis *analysis = compute(&scene);
    ck_assert_int_eq(analysis->call_sites[0].growth.verdict, GROWTH_GROWING);
    ck_assert_int_eq(analysis->heap.verdict, GROWTH_GROWING);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

/* A cache whose old entries had no site yet: its site rises for minutes, and nothing grows. */
START_TEST(what_replaces_does_not_grow)
{
    struct scene scene = scene_make();
    for (unsigned i = 0; i < 60; i++) {
        step(&scene, 8, 4 * MIB);
        struct analysis *analysis = compute(&scene);
        ck_assert_msg(analysis->call_sites[0].growth.verdict != GROWTH_GROWING, "after %u cycles", i + 1);
        ck_assert_int_ne(analysis_verdict_level(analysis), VERDICT_GROWING);
        if (i > 10)
            ck_assert_int_eq(analysis->unattributed->growth.verdict, GROWTH_SHRINKING);
        analysis_destroy(analysis);
    }
    /* All is replaced, and now it goes on. */
    for (unsigned i = 0; i < 60; i++)
        step(&scene, 8, 0);
    struct analysis *analysis = compute(&scene);
    ck_assert_int_eq(analysis->call_sites[0].growth.verdict, GROWTH_GROWING);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

/* Off, and on again at another rate: what was before is not compared. */
START_TEST(another_rate_begins_anew)
{
    struct scene scene = scene_make();
    for (unsigned i = 0; i < 30; i++)
        step(&scene, 8, 0);
    scene.b->rate = 64 << 10;
    builder_set(scene.b, COUNTER_MEM_PROFILE_RATE, scene.b->rate);
    scene.b->profile_since_unix_ns = scene.b->unix_ns;
    step(&scene, 0, 0);
    struct analysis *analysis = compute(&scene);
    ck_assert_int_eq(analysis->call_sites[0].growth.verdict, GROWTH_TOO_FEW);
    ck_assert_uint_eq(analysis->call_sites[0].inuse->count, 1);
    ck_assert_uint_eq(analysis->unattributed->inuse->count, 1);
    ck_assert(isnan(analysis->call_sites[0].alloc_bytes_per_s));
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

START_TEST(a_copy_knows_it_too)
{
    struct scene scene = scene_make();
    struct history *copy = NULL;
    for (unsigned i = 0; i < 8; i++)
        step(&scene, 4, 0);
    ck_assert_ptr_null(history_copy(scene.history, &copy));
    history_destroy(scene.history);
    scene.history = copy;
    struct analysis *analysis = compute(&scene);
    ck_assert_uint_ge(analysis->unattributed->inuse->count, 2);
    analysis_destroy(analysis);
    scene_end(&scene);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unattributed");
    TCase *tests = tcase_create("unattributed");
    tcase_add_test(tests, what_was_there_before_is_one_row);
    tcase_add_test(tests, a_program_that_profiles_itself_has_no_such_row);
    tcase_add_test(tests, probes_tell_what_was_there_before);
    tcase_add_test(tests, a_leak_grows);
    tcase_add_test(tests, what_replaces_does_not_grow);
    tcase_add_test(tests, another_rate_begins_anew);
    tcase_add_test(tests, a_copy_knows_it_too);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
