/* Histories and the rows computed from them. */
#include "heaptop/analysis.h"

#include <math.h>
#include <time.h>

#include "tests/unit/check_main.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/snapshot_builder.h"

#define MEBIBYTE 1048576.0

static struct history *make_history(const struct history_options *options)
{
    struct history *history = NULL;
    ck_assert_ptr_null(history_create(options, &history));
    return history;
}

/* Takes a snapshot, adds it, and lets time pass. */
static void add(struct history *history, struct builder *b, double seconds)
{
    struct snapshot *snapshot = builder_take(b);
    ck_assert_ptr_null(history_add(history, snapshot));
    snapshot_unref(snapshot);
    builder_advance(b, seconds);
}

static struct analysis *compute(const struct history *history)
{
    struct analysis *analysis = NULL;
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    return analysis;
}

static const struct allocation_row *find_row(const struct analysis *analysis, const char *function)
{
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        const struct allocation_row *row = &analysis->call_sites[i];
        if (strcmp(catalog_function(analysis->snapshot->catalog, row->subject), function) == 0)
            return row;
    }
    ck_abort_msg("no row for %s", function);
}

START_TEST(nothing_to_compute_at_first)
{
    struct history *history = make_history(NULL);
    struct analysis *analysis = NULL;
    struct error *error = analysis_compute(history, &analysis);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_null(analysis);
    ck_assert_ptr_null(history_latest(history));
    error_destroy(error);
    history_destroy(history);
    history_destroy(NULL);
    analysis_destroy(NULL);
}
END_TEST

START_TEST(stacks_of_one_line_are_one_call_site)
{
    struct builder *b = builder_create_exact();
    struct history *history = make_history(NULL);
    size_t first = builder_site(b, 100, "runtime.makeslice; example.com/app.F f.go:3; main.a m.go:1");
    size_t same_stack = builder_site(b, 200, "runtime.makeslice; example.com/app.F f.go:3; main.a m.go:1");
    size_t other_stack = builder_site(b, 100, "example.com/app.F f.go:3; main.b m.go:2");
    size_t other_line = builder_site(b, 100, "example.com/app.F f.go:4; main.b m.go:2");
    builder_allocate(b, first, 10);
    builder_free(b, first, 4);
    builder_allocate(b, same_stack, 1);
    builder_allocate(b, other_stack, 20);
    builder_allocate(b, other_line, 2);
    builder_gc(b);
    builder_allocate(b, other_line, 3);
    add(history, b, 1);

    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->totals.buckets, 4);
    ck_assert_uint_eq(analysis->totals.stacks, 3);
    ck_assert_uint_eq(analysis->totals.call_sites, 2);
    ck_assert_uint_eq(analysis->totals.buckets_not_followed, 0);
    ck_assert_int_eq(analysis->totals.published.inuse_bytes, 600 + 200 + 2000 + 200);
    ck_assert_int_eq(analysis->totals.provisional.inuse_bytes, 600 + 200 + 2000 + 500);
    ck_assert_uint_eq(analysis->num_call_sites, 2);
    ck_assert_uint_eq(analysis->num_stacks, 3);
    const struct allocation_row *row = &analysis->call_sites[0];
    ck_assert_int_eq(row->published.inuse_bytes, 2800);
    ck_assert_int_eq(row->published.inuse_objects, 27);
    ck_assert_int_eq(row->published.alloc_bytes, 3200);
    ck_assert_uint_eq(row->sampled_objects, 27);
    ck_assert_double_eq(row->relative_error, 0);
    ck_assert_double_eq_tol(row->share, 2800 / 3000.0, 1e-9);
    ck_assert_uint_eq(row->num_stacks, 2);
    ck_assert_uint_eq(row->first_stack, 0);
    /* The stack that holds most, first. */
    ck_assert_int_eq(analysis->stacks[0].published.inuse_bytes, 2000);
    ck_assert_int_eq(analysis->stacks[1].published.inuse_bytes, 800);
    ck_assert_uint_eq(row->stack, analysis->stacks[0].stack);
    ck_assert_uint_eq(analysis->stacks[1].first_stack, 1);
    ck_assert_int_eq(analysis->call_sites[1].provisional.inuse_bytes, 500);
    ck_assert_uint_eq(analysis->call_sites[1].first_stack, 2);
    ck_assert(isnan(row->alloc_bytes_per_s));
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* Rows add up to what site_scale, and so pprof, gives for each bucket. */
START_TEST(sums_equal_the_scaled_buckets)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    static const uint64_t sizes[] = {8, 16, 48, 1024, 32768, 524288, 4194304};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        char stack[64];
        snprintf(stack, sizeof(stack), "main.f%zu m.go:%zu", i, i);
        builder_site(b, sizes[i], stack);
    }
    for (int cycle = 0; cycle < 5; cycle++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            builder_allocate(b, i, 3 + i);
            builder_free(b, i, i % 3);
        }
        builder_gc(b);
        add(history, b, 1);
    }
    /* Counts that cannot be: sizes that do not fit, and more freed than allocated. */
    struct snapshot *odd = builder_take(b);
    odd->sites[0].provisional.alloc_bytes += 5;
    odd->sites[1].provisional = (struct site_counts){.allocs = 1, .frees = 3, .alloc_bytes = 16, .free_bytes = 48};
    odd->sites[2].provisional = (struct site_counts){.allocs = UINT64_MAX / 8, .alloc_bytes = UINT64_MAX / 2};
    ck_assert_ptr_null(history_add(history, odd));
    struct analysis *analysis = compute(history);
    const struct snapshot *snapshot = history_latest(history);
    ck_assert_ptr_eq(snapshot, odd);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        char function[16];
        snprintf(function, sizeof(function), "main.f%zu", i);
        const struct allocation_row *row = find_row(analysis, function);
        struct site_values published = site_scale(&snapshot->sites[i].published, b->rate);
        struct site_values provisional = site_scale(&snapshot->sites[i].provisional, b->rate);
        ck_assert_mem_eq(&row->published, &published, sizeof(published));
        ck_assert_mem_eq(&row->provisional, &provisional, sizeof(provisional));
        double n = (double)(snapshot->sites[i].published.allocs - snapshot->sites[i].published.frees);
        double missed = exp(-(double)sizes[i] / (double)b->rate);
        ck_assert_double_eq_tol(row->relative_error, sqrt((1 - (1 - missed)) / n), 0.01);
    }
    analysis_destroy(analysis);
    snapshot_unref(odd);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(rates_and_growth_come_from_cycles)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t leak = builder_site(b, 1 << 20, "main.leak m.go:1"), churn = builder_site(b, 1 << 20, "main.churn m.go:2");
    double held = 0;
    for (int second = 0; second < 120; second++) {
        held += 2 * MEBIBYTE;
        builder_hold(b, leak, held);
        builder_allocate(b, churn, 10);
        builder_free(b, churn, 10);
        if (second % 5 == 0)
            builder_gc(b);
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    const struct allocation_row *row = &analysis->call_sites[0];
    ck_assert_str_eq(catalog_function(analysis->snapshot->catalog, row->subject), "main.leak");
    ck_assert_int_eq(row->growth.verdict, GROWTH_GROWING);
    ck_assert_uint_eq(row->growth.points, 24);
    ck_assert_double_eq_tol(row->growth.per_second, 2 * MEBIBYTE, 0.1 * MEBIBYTE);
    ck_assert_double_eq_tol(row->alloc_bytes_per_s, 2 * MEBIBYTE, 0.1 * MEBIBYTE);
    ck_assert_double_eq_tol(row->free_bytes_per_s, 0, 0.05 * MEBIBYTE);
    ck_assert_double_eq_tol(row->alloc_objects_per_s, 2, 0.1);
    const struct allocation_row *other = find_row(analysis, "main.churn");
    ck_assert_int_eq(other->growth.verdict, GROWTH_PLATEAU);
    double each = 10 * MEBIBYTE / (1 - exp(-2));
    ck_assert_double_eq_tol(other->alloc_bytes_per_s, each, 0.02 * each);
    ck_assert_double_eq_tol(other->free_bytes_per_s, each, 0.02 * each);
    ck_assert_uint_le(other->inuse->count, 2);
    ck_assert_int_eq(analysis->heap.verdict, GROWTH_GROWING);
    ck_assert_double_eq_tol(analysis->heap.per_second, 2 * MEBIBYTE, 0.1 * MEBIBYTE);
    ck_assert_uint_eq(analysis->cycles_seen, 24);
    ck_assert_double_eq_tol(analysis->gc_per_s, 0.2, 0.01);
    /* TOTAL_ALLOC over the last samples: both sites. */
    ck_assert_double_eq_tol(analysis->alloc_bytes_per_s, each + 2 * MEBIBYTE, 0.05 * each);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(torn_and_unchanged_profiles_add_no_point)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t site = builder_site(b, 1024, "main.f m.go:1");
    for (int i = 0; i < 10; i++) {
        builder_allocate(b, site, 5);
        builder_gc(b);
        b->torn = i % 2 == 1;
        add(history, b, 1);
        b->torn = false;
    }
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->call_sites[0].inuse->count, 5);
    analysis_destroy(analysis);
    for (int i = 0; i < 10; i++)
        add(history, b, 1);
    analysis = compute(history);
    /* The cycle of the last torn snapshot was read at last; no other came. */
    ck_assert_uint_eq(analysis->call_sites[0].inuse->count, 6);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* Between GC cycles that come every two minutes, a site that stops allocating is not growing for two minutes more. */
START_TEST(silence_ends_growth_before_the_next_cycle)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t site = builder_site(b, 1024, "main.f m.go:1");
    for (int second = 0; second <= 600; second++) {
        builder_allocate(b, site, 2);
        if (second % 120 == 0)
            builder_gc(b);
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    ck_assert_int_eq(analysis->call_sites[0].growth.verdict, GROWTH_GROWING);
    analysis_destroy(analysis);
    /* No more is allocated: some 16 objects should have come. */
    int silent = 0;
    for (; silent < 100; silent++) {
        add(history, b, 1);
        analysis = compute(history);
        bool growing = analysis->call_sites[0].growth.verdict == GROWTH_GROWING;
        analysis_destroy(analysis);
        if (!growing)
            break;
    }
    ck_assert_int_ge(silent, 5);
    ck_assert_int_le(silent, 10);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* Two cycles in three minutes tell nothing; that a site allocated nothing does. */
START_TEST(silent_sites_are_steady_without_cycles)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t silent = builder_site(b, 1 << 20, "main.silent m.go:1"), busy = builder_site(b, 1 << 20, "main.busy m.go:2");
    builder_allocate(b, silent, 40);
    builder_allocate(b, busy, 40);
    builder_gc(b);
    for (int second = 0; second <= 180; second++) {
        if (second % 10 == 5) {
            builder_allocate(b, busy, 1);
            builder_free(b, busy, 1);
        }
        if (second == 120)
            builder_gc(b);
        add(history, b, 1);
        struct analysis *analysis = compute(history);
        ck_assert_int_eq(find_row(analysis, "main.busy")->growth.verdict, GROWTH_TOO_FEW);
        ck_assert_int_eq(find_row(analysis, "main.silent")->growth.verdict,
                         second < 60 ? GROWTH_TOO_FEW : GROWTH_PLATEAU);
        analysis_destroy(analysis);
    }
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* A site that has never freed is judged by what it allocates, while cycles are few; one that frees is not. */
START_TEST(keeping_sites_are_judged_provisionally)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t leak = builder_site(b, 1024, "main.leak m.go:1"), cache = builder_site(b, 1024, "main.cache m.go:2");
    size_t filled = builder_site(b, 1024, "main.filled m.go:3");
    builder_allocate(b, leak, 40);
    builder_allocate(b, filled, 40);
    builder_allocate(b, cache, 400);
    builder_free(b, cache, 300);
    builder_gc(b);
    for (int second = 0; second <= 300; second++) {
        builder_allocate(b, leak, second % 2);
        builder_allocate(b, cache, second % 2);
        builder_allocate(b, filled, second < 60 ? second % 2 : 0);
        if (second % 130 == 129) {
            builder_free(b, cache, 65);
            builder_gc(b);
        }
        add(history, b, 1);
        if (second < 40)
            continue;
        struct analysis *analysis = compute(history);
        const struct allocation_row *row = find_row(analysis, "main.leak");
        ck_assert_int_eq(row->growth.verdict, GROWTH_GROWING);
        ck_assert(row->growth.provisional);
        ck_assert_double_eq_tol(row->growth.per_second, 0.5 * 512 * 1024, 0.1 * 512 * 1024);
        ck_assert_int_eq(find_row(analysis, "main.cache")->growth.verdict, GROWTH_TOO_FEW);
        enum growth_verdict fill = find_row(analysis, "main.filled")->growth.verdict;
        if (second < 60)
            ck_assert_int_eq(fill, GROWTH_GROWING);
        else if (second > 90)
            ck_assert_int_eq(fill, GROWTH_TOO_FEW);
        analysis_destroy(analysis);
    }
    /* Cycles have come: they decide. */
    for (int second = 0; second < 60; second++) {
        builder_allocate(b, leak, second % 2);
        if (second % 10 == 0)
            builder_gc(b);
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    ck_assert_int_eq(find_row(analysis, "main.leak")->growth.verdict, GROWTH_GROWING);
    ck_assert(!find_row(analysis, "main.leak")->growth.provisional);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(a_second_stack_joins_the_call_site)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    size_t first = builder_site(b, 1 << 20, "main.f m.go:1; main.a m.go:5");
    for (int i = 0; i < 10; i++) {
        builder_allocate(b, first, 4);
        builder_gc(b);
        add(history, b, 1);
    }
    size_t second = builder_site(b, 1 << 20, "main.f m.go:1; main.b m.go:6");
    for (int i = 0; i < 10; i++) {
        builder_allocate(b, first, 4);
        builder_allocate(b, second, 1);
        builder_gc(b);
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->num_call_sites, 1);
    const struct allocation_row *row = &analysis->call_sites[0];
    ck_assert_uint_eq(row->num_stacks, 2);
    /* The whole history, though the call site had but one stack at first. */
    ck_assert_uint_eq(row->inuse->count, 20);
    ck_assert_double_eq_tol(series_point(row->inuse, 19).value, (double)row->published.inuse_bytes, 64);
    ck_assert_int_eq(row->growth.verdict, GROWTH_GROWING);
    ck_assert_uint_eq(analysis->stacks[1].inuse->count, 10);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(rows_beyond_the_bound_are_counted)
{
    struct builder *b = builder_create();
    struct history *history = make_history(&(struct history_options){.max_rows = 10});
    for (int i = 0; i < 25; i++) {
        char stack[64];
        snprintf(stack, sizeof(stack), "main.f%d m.go:%d", i, i);
        builder_allocate(b, builder_site(b, 1 << 20, stack), 1);
        builder_goroutines(b, 1, "waiting", "select", stack, NULL);
    }
    builder_gc(b);
    add(history, b, 1);
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->num_stacks, 10);
    ck_assert_uint_eq(analysis->totals.buckets, 25);
    ck_assert_uint_eq(analysis->totals.buckets_not_followed, 15);
    ck_assert_int_gt(analysis->totals.published.inuse_bytes, 25 << 20);
    ck_assert_uint_eq(analysis->num_goroutines, 25);
    for (size_t i = 0; i < 25; i++)
        ck_assert_ptr_nonnull(analysis->goroutines[i].counts);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(counters_have_series_and_rates)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.25);
    for (int i = 0; i < 20; i++) {
        builder_set(b, COUNTER_CPU, i * INT64_C(500000000));
        if (i == 10)
            builder_set_unavailable(b, COUNTER_RSS, "gone");
        add(history, b, 1);
    }
    ck_assert_uint_eq(history_first_unix_ns(history), BUILDER_START_NS);
    const struct series *cpu = history_counter(history, COUNTER_CPU);
    const struct series *rate = history_counter_rate(history, COUNTER_CPU);
    ck_assert_uint_eq(cpu->added, 20);
    ck_assert_uint_eq(rate->added, 19);
    ck_assert_double_eq_tol(series_point(rate, rate->count - 1).value, 5e8, 1);
    ck_assert_uint_eq(history_counter(history, COUNTER_RSS)->added, 10);
    ck_assert_double_eq(series_point(history_counter(history, COUNTER_GC_CPU_FRACTION), 0).value, 0.25);
    ck_assert_uint_eq(history_counter(history, COUNTER_SWAP)->count, 0);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(goroutines_are_judged_by_their_creator)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    const char *worker = "example.com/app.worker w.go:9", *spawn = "example.com/app.spawn w.go:3";
    size_t waiting = builder_goroutines(b, 10, "waiting", "chan receive", worker, spawn);
    size_t running = builder_goroutines(b, 0, "runnable", NULL, worker, spawn);
    builder_goroutines(b, 400, "waiting", "IO wait", "net/http.(*conn).serve", "net/http.(*Server).Serve");
    for (int i = 0; i < 60; i++) {
        /* They leak, but hop between two states. */
        uint32_t all = 10 + 3 * (unsigned)i;
        b->groups.items[waiting].count = i % 2 ? all : all - all / 3;
        b->groups.items[running].count = all - b->groups.items[waiting].count;
        builder_set(b, COUNTER_GOROUTINES, 400 + all);
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->num_goroutines, 3);
    const struct goroutine_row *row = &analysis->goroutines[0];
    ck_assert_str_eq(catalog_function(analysis->snapshot->catalog, row->group.start), "example.com/app.worker");
    ck_assert_str_eq(catalog_string(analysis->snapshot->catalog, row->group.wait_reason), "chan receive");
    ck_assert_int_eq(row->growth.verdict, GROWTH_GROWING);
    ck_assert_double_eq_tol(row->growth.per_second, 3, 0.2);
    ck_assert_uint_eq(analysis->goroutines[1].group.count, 400);
    ck_assert_int_eq(analysis->goroutines[1].growth.verdict, GROWTH_PLATEAU);
    ck_assert_int_ne(analysis->goroutines[2].growth.verdict, GROWTH_GROWING);
    ck_assert_int_eq(analysis->goroutine_count.verdict, GROWTH_GROWING);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* Where goroutines are met changes from sample to sample: their stacks make rows, but no series. */
START_TEST(ever_new_stacks_take_no_memory)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    const char *worker = "example.com/app.worker w.go:9", *spawn = "example.com/app.spawn w.go:3";
    builder_goroutines(b, 10, "waiting", "select", worker, spawn);
    builder_goroutines(b, 7, "waiting", "select", worker, spawn);
    builder_goroutines(b, 3, "runnable", NULL, worker, spawn);
    size_t settled = 0;
    for (int i = 0; i < 3000; i++) {
        for (size_t g = 0; g < 3; g++) {
            char stack[64];
            snprintf(stack, sizeof(stack), "example.com/app.f%d w.go:%zu", i % 500, g);
            b->groups.items[g].stack = builder_stack(b, stack);
        }
        b->groups.items[0].count = 10 + (unsigned)i;
        add(history, b, 1);
        if (i == 1500)
            settled = history_memory(history);
    }
    ck_assert_uint_eq(history_memory(history), settled);
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->num_goroutines, 3);
    ck_assert_int_eq(analysis->goroutines[0].growth.verdict, GROWTH_GROWING);
    ck_assert_uint_eq(analysis->goroutines[0].group.count, 3009);
    ck_assert_int_eq(analysis->goroutines[1].growth.verdict, GROWTH_TOO_FEW);
    ck_assert_int_eq(analysis->goroutines[2].growth.verdict, GROWTH_PLATEAU);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(goroutines_are_listed_by_creator_and_by_state)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    const char *worker = "example.com/app.worker w.go:9", *spawn = "example.com/app.spawn w.go:3";
    size_t first = builder_goroutines(b, 10, "waiting", "select", worker, spawn);
    size_t second = builder_goroutines(b, 7, "waiting", "select", worker, spawn);
    builder_goroutines(b, 3, "runnable", NULL, worker, spawn);
    builder_goroutines(b, 5, "waiting", "select", "example.com/app.other o.go:1", "example.com/app.main m.go:8");
    b->groups.items[first].stack = builder_stack(b, "runtime.gopark p.go:1;example.com/app.take w.go:20");
    b->groups.items[second].stack = builder_stack(b, "example.com/app.give w.go:30");
    b->groups.items[first].wait_known = b->groups.items[second].wait_known = true;
    b->groups.items[first].wait_ns_min = b->groups.items[first].wait_ns_max = 5;
    b->groups.items[second].wait_ns_min = 2;
    b->groups.items[second].wait_ns_max = 3;
    add(history, b, 1);
    struct analysis *analysis = compute(history);
    ck_assert_uint_eq(analysis->num_goroutines_by[GOROUTINES_BY_STACK], 4);
    ck_assert_uint_eq(analysis->num_goroutines_by[GOROUTINES_BY_CREATOR], 2);
    ck_assert_uint_eq(analysis->num_goroutines_by[GOROUTINES_BY_STATE], 2);
    const struct goroutine_row *row = &analysis->goroutines_by[GOROUTINES_BY_CREATOR][0];
    ck_assert_uint_eq(row->group.count, 20);
    ck_assert_uint_eq(row->num_groups, 3);
    ck_assert_uint_eq(row->group.state, 0);
    ck_assert_uint_eq(row->group.stack, 0);
    ck_assert_uint_eq(row->group.wait_ns_min, 2);
    ck_assert_uint_eq(row->group.wait_ns_max, 5);
    ck_assert_uint_eq(row->counts->count, 1);
    const struct catalog *catalog = analysis->snapshot->catalog;
    ck_assert_str_eq(catalog_function(catalog, goroutine_subject(catalog, &row->group)), "example.com/app.worker");
    row = &analysis->goroutines_by[GOROUTINES_BY_STATE][0];
    ck_assert_uint_eq(row->group.count, 22);
    ck_assert_uint_eq(row->group.start, 0);
    ck_assert(goroutine_groups_match(GOROUTINES_BY_STATE, &row->group, &b->groups.items[first]));
    ck_assert(!goroutine_groups_match(GOROUTINES_BY_STACK, &b->groups.items[first], &b->groups.items[second]));
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* Where nothing of the program's own is on the stack, it is what the goroutine runs, and not the runtime's frame
 * beneath. */
START_TEST(the_subject_is_what_the_goroutine_runs)
{
    struct builder *b = builder_create();
    const char *stack = "runtime.gopark proc.go:435;runtime.gcBgMarkWorker mgc.go:1423;runtime.goexit asm_amd64.s:1700";
    size_t index = builder_goroutines(b, 2, "waiting", "GC worker (idle)", "runtime.gcBgMarkWorker mgc.go:1", NULL);
    b->groups.items[index].stack = builder_stack(b, stack);
    frame_id subject = goroutine_subject(b->catalog, &b->groups.items[index]);
    ck_assert_str_eq(catalog_function(b->catalog, subject), "runtime.gcBgMarkWorker");
    ck_assert_uint_eq(catalog_frame(b->catalog, subject)->line, 1423);
    b->groups.items[index].stack = builder_stack(b, "runtime.goexit asm_amd64.s:1700");
    subject = goroutine_subject(b->catalog, &b->groups.items[index]);
    ck_assert_str_eq(catalog_function(b->catalog, subject), "runtime.goexit");
    builder_destroy(b);
}
END_TEST

START_TEST(threads_show_their_share_of_a_cpu)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    builder_thread(b, 10, "a", 'R', NULL);
    builder_thread(b, 11, "b", 'S', "futex");
    add(history, b, 2);
    struct analysis *analysis = compute(history);
    ck_assert(isnan(analysis->threads[0].cpu_fraction));
    analysis_destroy(analysis);
    b->threads.items[0].cpu_ns += 1000000000;
    /* The second is gone, and another has come. */
    b->threads.items[1] = (struct thread){.tid = 12, .state = 'S', .name = b->threads.items[1].name, .cpu_ns = 5};
    add(history, b, 2);
    analysis = compute(history);
    ck_assert_double_eq_tol(analysis->threads[0].cpu_fraction, 0.5, 1e-6);
    ck_assert(isnan(analysis->threads[1].cpu_fraction));
    analysis_destroy(analysis);
    /* One of very many threads is not read every time: its share stands until it is. */
    b->threads.items[0].read_monotonic_ns = history_latest(history)->monotonic_ns;
    add(history, b, 2);
    analysis = compute(history);
    ck_assert_double_eq_tol(analysis->threads[0].cpu_fraction, 0.5, 1e-6);
    ck_assert_double_eq_tol(analysis->threads[1].cpu_fraction, 0, 1e-6);
    analysis_destroy(analysis);
    b->threads.items[0].read_monotonic_ns = 0;
    b->threads.items[0].cpu_ns += 3000000000;
    add(history, b, 2);
    analysis = compute(history);
    ck_assert_double_eq_tol(analysis->threads[0].cpu_fraction, 0.75, 1e-6);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(pauses_and_limits)
{
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    builder_set(b, COUNTER_LIMIT, INT64_C(1) << 30);
    for (int i = 0; i < 200; i++) {
        b->pause_ns = i == 150 ? 9000000 : 1000 * (unsigned)(i + 1);
        builder_gc(b);
        builder_set(b, COUNTER_RSS, (100 + 2 * i) * (INT64_C(1) << 20));
        add(history, b, 1);
    }
    struct analysis *analysis = compute(history);
    ck_assert_double_eq(analysis->gc.pause_max_ns, 9000000);
    ck_assert_double_eq(analysis->gc.pause_p99_ns, 199000);
    ck_assert_int_eq(analysis->rss.verdict, GROWTH_GROWING);
    ck_assert_uint_eq(analysis->limit_bytes, UINT64_C(1) << 30);
    ck_assert_double_eq_tol(analysis->seconds_to_limit, (1024 - 498) / 2.0, 10);
    analysis_destroy(analysis);
    /* GOMEMLIMIT is tighter. */
    builder_set(b, COUNTER_MEMORY_LIMIT, 600 << 20);
    add(history, b, 1);
    analysis = compute(history);
    ck_assert_uint_eq(analysis->limit_bytes, 600 << 20);
    analysis_destroy(analysis);
    size_t count;
    const struct gc_cycle *cycles = history_cycles(history, &count);
    ck_assert_uint_eq(count, 200);
    ck_assert_uint_eq(cycles[0].number, 1);
    for (int i = 0; i < 6000; i++) {
        builder_gc(b);
        if (i % 10 == 0)
            add(history, b, 1);
    }
    add(history, b, 1);
    cycles = history_cycles(history, &count);
    ck_assert_uint_eq(count, HISTORY_MAX_CYCLES);
    ck_assert_uint_eq(cycles[count - 1].number, 6200);
    ck_assert_uint_eq(cycles[0].number, 6200 - HISTORY_MAX_CYCLES + 1);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

/* ---- size and speed ---- */

/* 3,000 buckets on 2,000 stacks; each cycle changes all of them. */
static struct builder *make_large(void)
{
    struct builder *b = builder_create();
    for (int i = 0; i < 3000; i++) {
        char stack[160];
        int s = i % 2000;
        snprintf(stack, sizeof(stack), "example.com/app/p%d.F%d f.go:%d; example.com/app.G%d g.go:1; main.main m.go:1",
                 s / 10, s % 1500, s % 1500, s);
        builder_site(b, (uint64_t)16 << (i % 9), stack);
    }
    return b;
}

static void churn_large(struct builder *b, unsigned cycle)
{
    for (size_t i = 0; i < b->sites.count; i++) {
        unsigned objects = (unsigned)((i * 7919 + cycle * 104729) % 8);
        struct site *site = &b->sites.items[i];
        builder_allocate(b, i, objects);
        builder_free(b, i, site->provisional.allocs - site->provisional.frees > 20 ? objects : objects / 2);
    }
    builder_gc(b);
}

START_TEST(a_large_history_is_small)
{
    struct builder *b = make_large();
    struct history *history = make_history(NULL);
    for (unsigned i = 0; i < (IS_SANITIZED ? 400 : 1500); i++) {
        churn_large(b, i);
        add(history, b, 8);
    }
    ck_assert_uint_lt(history_memory(history), 6u << 20);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

START_TEST(a_hundred_thousand_snapshots_fit)
{
    enum { SETTLED = 20000, SNAPSHOTS = IS_SANITIZED ? 2 * SETTLED : 5 * SETTLED };
    struct builder *b = builder_create();
    struct history *history = make_history(NULL);
    for (int i = 0; i < 40; i++) {
        char stack[64];
        snprintf(stack, sizeof(stack), "main.f%d m.go:%d; main.g%d m.go:%d", i % 30, i % 30, i, i);
        builder_site(b, 512, stack);
        builder_goroutines(b, 3, "waiting", "select", stack, NULL);
    }
    size_t settled = 0;
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        if (i % 4 == 0) {
            for (size_t s = 0; s < b->sites.count; s++) {
                builder_allocate(b, s, (i / 4 + s) % 5);
                builder_free(b, s, (i / 4 + s + 2) % 5 < (i / 4 + s) % 5 ? 2 : 0);
            }
            builder_gc(b);
        }
        builder_set(b, COUNTER_RSS, ((int64_t)(i * 7919 % 1000) + 1000) * 4096);
        b->groups.items[i % 40].count = 3 + i % 7;
        add(history, b, 1);
        if (i == SETTLED)
            settled = history_memory(history);
    }
    ck_assert_uint_eq(history_memory(history), settled);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

static double thread_cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Bounds many times above what was measured (0.1 ms to compute, 3 ms for a cycle that changes all), so that a loaded
 * machine and sanitizers pass; something quadratic would not. */
START_TEST(large_sessions_are_fast)
{
    struct builder *b = make_large();
    struct history *history = make_history(NULL);
    double adding = 0, computing = 0;
    for (unsigned i = 0; i < 60; i++) {
        churn_large(b, i);
        struct snapshot *snapshot = builder_take(b);
        double start = thread_cpu_ms();
        ck_assert_ptr_null(history_add(history, snapshot));
        double added = thread_cpu_ms();
        struct analysis *analysis = compute(history);
        adding += added - start;
        computing += thread_cpu_ms() - added;
        analysis_destroy(analysis);
        snapshot_unref(snapshot);
        builder_advance(b, 8);
    }
    ck_assert_double_lt(adding / 60, 100);
    ck_assert_double_lt(computing / 60, 20);
    history_destroy(history);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("history");
    TCase *sites = tcase_create("sites");
    tcase_add_test(sites, nothing_to_compute_at_first);
    tcase_add_test(sites, stacks_of_one_line_are_one_call_site);
    tcase_add_test(sites, sums_equal_the_scaled_buckets);
    tcase_add_test(sites, rates_and_growth_come_from_cycles);
    tcase_add_test(sites, torn_and_unchanged_profiles_add_no_point);
    tcase_add_test(sites, silence_ends_growth_before_the_next_cycle);
    tcase_add_test(sites, silent_sites_are_steady_without_cycles);
    tcase_add_test(sites, keeping_sites_are_judged_provisionally);
    tcase_add_test(sites, a_second_stack_joins_the_call_site);
    tcase_add_test(sites, rows_beyond_the_bound_are_counted);
    suite_add_tcase(suite, sites);
    TCase *process = tcase_create("process");
    tcase_add_test(process, counters_have_series_and_rates);
    tcase_add_test(process, goroutines_are_judged_by_their_creator);
    tcase_add_test(process, goroutines_are_listed_by_creator_and_by_state);
    tcase_add_test(process, the_subject_is_what_the_goroutine_runs);
    tcase_add_test(process, ever_new_stacks_take_no_memory);
    tcase_add_test(process, threads_show_their_share_of_a_cpu);
    tcase_add_test(process, pauses_and_limits);
    suite_add_tcase(suite, process);
    TCase *size = tcase_create("size");
    tcase_add_test(size, a_large_history_is_small);
    tcase_add_test(size, a_hundred_thousand_snapshots_fit);
    tcase_add_test(size, large_sessions_are_fast);
    suite_add_tcase(suite, size);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
