#include <math.h>

#include "heaptop/analysis.h"
#include "heaptop/analysis/diff.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

#define MB (1024.0 * 1024)

static struct diff *compare(const struct snapshot *before, const struct snapshot *after, enum site_value value)
{
    struct diff *diff = NULL;
    struct error *error = diff_compute(&(struct diff_source){.snapshot = before},
                                       &(struct diff_source){.snapshot = after},
                                       &(struct diff_options){.value = value}, &diff);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return diff;
}

static void check_verdict(const struct diff *diff, const char *expected)
{
    struct text text = {0};
    ck_assert_ptr_null(diff_write_verdict(diff, &text));
    ck_assert_str_eq(text.data, expected);
    text_deinit(&text);
}

static const struct diff_allocation_row *find_site(const struct diff *diff, const char *function)
{
    for (size_t i = 0; i < diff->num_call_sites; i++)
        if (strcmp(catalog_function(diff->catalog, diff->call_sites[i].subject), function) == 0)
            return &diff->call_sites[i];
    return NULL;
}

/* Two moments of one process: what is the same objects is certain. */
START_TEST(one_process_at_two_moments)
{
    struct builder *b = builder_create();
    size_t cache = builder_site(b, 1024, "main.fill cache.go:41; main.serve main.go:9");
    size_t other = builder_site(b, 1024, "main.fill cache.go:41; main.reload main.go:70");
    size_t steady = builder_site(b, 64, "main.steady a.go:1");
    size_t gone = builder_site(b, 4096, "main.gone a.go:5");
    size_t fresh = builder_site(b, 4096, "main.fresh a.go:7");
    builder_hold(b, cache, 100 * MB);
    builder_hold(b, other, 10 * MB);
    builder_hold(b, steady, 50 * MB);
    builder_hold(b, gone, 20 * MB);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    builder_advance(b, 600);
    builder_hold(b, cache, 300 * MB);
    builder_hold(b, gone, 0);
    builder_hold(b, fresh, 30 * MB);
    builder_set(b, COUNTER_RSS, 512 << 20);
    builder_gc(b);
    struct snapshot *after = builder_take(b);

    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert(diff->is_same_build && diff->is_same_process && diff->has_sites);
    ck_assert_uint_eq(diff->num_call_sites, 4);
    ck_assert_uint_eq(diff->num_stacks, 5);
    const struct diff_allocation_row *fill = &diff->call_sites[0];
    ck_assert_str_eq(catalog_function(diff->catalog, fill->subject), "main.fill");
    ck_assert_int_eq(fill->change.kind, DIFF_GREW);
    ck_assert_uint_eq(fill->num_stacks, 2);
    ck_assert_int_eq(fill->change.change, fill->values[DIFF_NEW].inuse_bytes - fill->values[DIFF_OLD].inuse_bytes);
    ck_assert(fabs((double)fill->change.change - 200 * MB) < MB);
    ck_assert(fill->change.error > 0 && fill->change.error < 20 * MB);
    ck_assert(fabs(fill->change.share - 200.0 / 230) < 0.01);
    ck_assert_int_eq(diff->stacks[0].change.kind, DIFF_GREW);
    ck_assert_int_eq(diff->stacks[1].change.kind, DIFF_SAME);
    ck_assert_int_eq(find_site(diff, "main.steady")->change.kind, DIFF_SAME);
    ck_assert(find_site(diff, "main.steady")->change.error == 0);
    ck_assert_int_eq(find_site(diff, "main.gone")->change.kind, DIFF_VANISHED);
    ck_assert_int_eq(find_site(diff, "main.fresh")->change.kind, DIFF_APPEARED);
    int64_t sum = 0;
    for (size_t i = 0; i < diff->num_call_sites; i++)
        sum += diff->call_sites[i].change.change;
    ck_assert_int_eq(sum, diff->moments[DIFF_NEW].totals.inuse_bytes - diff->moments[DIFF_OLD].totals.inuse_bytes);
    ck_assert_int_eq(sum, diff->grown + diff->shrunk);
    ck_assert(diff->counters[COUNTER_RSS].is_known && !diff->counters[COUNTER_THREADS].is_known);
    ck_assert_str_eq(diff->counters[COUNTER_THREADS].values[DIFF_OLD].reason, "not read");
    check_verdict(diff, "NEW holds 209.7 MB more than OLD: 389.9 MB of live objects, was 180.2 MB. 87% of what grew: "
                        "main.fill  cache.go:41, +199.7 MB. RSS is up by 480.0 MB, to 512.0 MB.");
    diff_destroy(diff);
    diff = compare(before, before, SITE_INUSE_BYTES);
    ck_assert_uint_eq(diff->num_of_kind[DIFF_SAME], diff->num_call_sites);
    check_verdict(diff, "NEW and OLD hold the same: 180.2 MB of live objects. RSS stays at 32.0 MB.");
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

/* Another release, in a catalog of its own: lines moved, and with them addresses. */
START_TEST(two_builds_are_matched_by_function)
{
    struct builder *old_build = builder_create(), *new_build = builder_create();
    size_t first = builder_site(old_build, 1024, "main.fill cache.go:41; main.main main.go:9");
    builder_hold(old_build, first, 100 * MB);
    builder_gc(old_build);
    builder_string(new_build, "ids differ");
    new_build->target.pid = 77;
    new_build->target.start_unix_ns += 100 * BUILDER_SECOND_NS;
    size_t second = builder_site(new_build, 1024, "main.fill cache.go:44; main.main main.go:12");
    size_t third = builder_site(new_build, 1024, "main.fill cache.go:52; main.main main.go:12");
    builder_hold(new_build, second, 90 * MB);
    builder_hold(new_build, third, 90 * MB);
    builder_gc(new_build);
    struct snapshot *before = builder_take(old_build), *after = builder_take(new_build);
    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert(!diff->is_same_build && !diff->is_same_process);
    ck_assert_uint_eq(diff->num_call_sites, 1);
    ck_assert_uint_eq(diff->num_stacks, 1);
    ck_assert_uint_eq(diff->call_sites[0].lines[DIFF_OLD], 41);
    ck_assert_uint_eq(diff->call_sites[0].lines[DIFF_NEW], 52);
    ck_assert_uint_eq(catalog_frame(diff->catalog, diff->call_sites[0].subject)->line, 52);
    ck_assert(fabs((double)diff->call_sites[0].change.change - 80 * MB) < MB);
    diff_destroy(diff);

    /* Build ids that are there decide. */
    old_build->target.build_id = builder_string(old_build, "aa");
    new_build->target.build_id = builder_string(new_build, "aa");
    snapshot_unref(before);
    snapshot_unref(after);
    before = builder_take(old_build);
    after = builder_take(new_build);
    diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert(diff->is_same_build && !diff->is_same_process);
    ck_assert_uint_eq(diff->num_call_sites, 3);
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(old_build);
    builder_destroy(new_build);
}
END_TEST

/* Without build ids two runs of one program are known by the addresses of their calls. */
START_TEST(two_processes_of_one_build)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 1024, "main.fill cache.go:41; main.main main.go:9");
    builder_hold(b, site, 64 * MB);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    b->target.pid = 77;
    b->target.start_unix_ns += 1000 * BUILDER_SECOND_NS;
    builder_hold(b, site, 66 * MB);
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert(diff->is_same_build && !diff->is_same_process);
    /* Two estimates from 128 samples each differ by as much by chance. */
    ck_assert_int_eq(diff->call_sites[0].change.kind, DIFF_SAME);
    ck_assert(diff->call_sites[0].change.error > 4 * MB);
    check_verdict(diff,
                  "NEW and OLD hold the same: 66.1 MB of live objects, within the error of sampling. RSS stays at "
                  "32.0 MB.");
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(each_value_can_be_compared)
{
    struct builder *b = builder_create();
    size_t churns = builder_site(b, 1024, "main.churns a.go:1");
    builder_allocate(b, churns, 10);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    builder_allocate(b, churns, 1000);
    builder_free(b, churns, 1000);
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    static const enum diff_kind kinds[SITE_VALUE_COUNT] = {DIFF_SAME, DIFF_SAME, DIFF_GREW, DIFF_GREW};
    for (int value = 0; value < SITE_VALUE_COUNT; value++) {
        struct diff *diff = compare(before, after, (enum site_value)value);
        const struct diff_allocation_row *row = &diff->call_sites[0];
        ck_assert_int_eq(row->change.kind, kinds[value]);
        ck_assert_int_eq(row->change.change, site_value_of(&row->values[DIFF_NEW], (enum site_value)value) -
                                                 site_value_of(&row->values[DIFF_OLD], (enum site_value)value));
        diff_destroy(diff);
    }
    ck_assert_str_eq(site_value_name(SITE_ALLOC_OBJECTS), "alloc_objects");
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(goroutines_by_who_started_them)
{
    struct builder *b = builder_create();
    size_t waiting = builder_goroutines(b, 10, "waiting", "chan receive", "main.worker w.go:1", "main.main m.go:4");
    builder_goroutine_stack(b, waiting, "main.worker w.go:9");
    size_t running = builder_goroutines(b, 5, "runnable", NULL, "main.worker w.go:1", "main.main m.go:4");
    builder_goroutines(b, 3, "waiting", "select", "main.once o.go:1", "main.main m.go:5");
    size_t system = builder_goroutines(b, 4, "waiting", "GC worker (idle)", "runtime.gcBgMarkWorker mgc.go:1", NULL);
    b->groups.items[system].system = true;
    struct snapshot *before = builder_take(b);
    b->groups.items[waiting].count = 2010;
    b->groups.items[running].count = 7;
    struct snapshot *after = builder_take(b);
    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert_uint_eq(diff->moments[DIFF_OLD].goroutines, 18);
    ck_assert_uint_eq(diff->moments[DIFF_NEW].goroutines, 2020);
    ck_assert_uint_eq(diff->num_goroutines, 3);
    const struct diff_goroutine_row *worker = &diff->goroutines[0];
    ck_assert_int_eq(worker->change.change, 2002);
    ck_assert_int_eq(worker->change.kind, DIFF_GREW);
    ck_assert_uint_eq(worker->num_groups, 2);
    ck_assert_uint_eq(worker->state, 0);
    ck_assert_str_eq(catalog_string(diff->catalog, diff->goroutine_groups[worker->first_group].wait_reason),
                     "chan receive");
    ck_assert_int_eq(diff->goroutine_groups[worker->first_group + 1].change.change, 2);
    ck_assert_int_eq(diff->goroutines[1].change.kind, DIFF_SAME);
    check_verdict(diff,
                  "NEW and OLD hold the same: 0 B of live objects. 2,002 more goroutines, all of them created by "
                  "main.main  m.go:4. RSS stays at 32.0 MB.");
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(without_a_profile_the_rest_is_compared)
{
    struct builder *b = builder_create();
    struct snapshot *before = builder_take(b);
    b->profile_state = PROFILE_OFF;
    b->profile_reason = "MemProfileRate is 0";
    builder_set(b, COUNTER_RSS, 332 << 20);
    struct snapshot *after = builder_take(b);
    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    ck_assert(!diff->has_sites && diff->moments[DIFF_OLD].has_sites && diff->num_call_sites == 0);
    check_verdict(diff, "RSS is up by 300.0 MB, to 332.0 MB. NEW has no heap profile to compare: MemProfileRate is 0.");
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

/* Figures of a damaged recording: whatever they are, nothing overflows. */
START_TEST(absurd_figures_stay_in_range)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 1, "main.a a.go:1");
    size_t second = builder_site(b, UINT64_MAX, "main.b a.go:2");
    struct snapshot *before = builder_take(b);
    b->sites.items[site].provisional = (struct site_counts){.allocs = UINT64_MAX / 2, .alloc_bytes = INT64_MAX};
    b->sites.items[second].provisional =
        (struct site_counts){.allocs = 1, .frees = UINT64_MAX, .alloc_bytes = INT64_MAX};
    for (size_t i = 0; i < 2; i++)
        b->published.items[i] = b->sites.items[i].provisional;
    builder_set(b, COUNTER_RSS, INT64_MIN);
    struct snapshot *after = builder_take(b);
    struct diff *diff = compare(before, after, SITE_INUSE_BYTES);
    for (size_t i = 0; i < diff->num_call_sites; i++)
        ck_assert(diff->call_sites[i].change.share >= 0 && diff->call_sites[i].change.share <= 1);
    struct text text = {0};
    ck_assert_ptr_null(diff_write_verdict(diff, &text));
    text_deinit(&text);
    diff_destroy(diff);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("diff");
    TCase *tests = tcase_create("diff");
    tcase_add_test(tests, one_process_at_two_moments);
    tcase_add_test(tests, two_builds_are_matched_by_function);
    tcase_add_test(tests, two_processes_of_one_build);
    tcase_add_test(tests, each_value_can_be_compared);
    tcase_add_test(tests, goroutines_by_who_started_them);
    tcase_add_test(tests, without_a_profile_the_rest_is_compared);
    tcase_add_test(tests, absurd_figures_stay_in_range);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
