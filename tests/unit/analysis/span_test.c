/* Growth over a span that somebody chose. */
#include "heaptop/analysis.h"

#include <math.h>

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define SNAPSHOTS 120

static struct snapshot *snapshots[SNAPSHOTS];

static struct analysis *analyse(struct history **ret_history, size_t count)
{
    struct analysis *analysis = NULL;
    ck_assert_ptr_null(history_create(NULL, ret_history));
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_null(history_add(*ret_history, snapshots[i]));
    ck_assert_ptr_null(analysis_compute(*ret_history, &analysis));
    return analysis;
}

/* In-use bytes of a row's function at another moment; 0 when it was not there. */
static int64_t held_at(size_t moment, frame_id subject)
{
    struct history *history;
    struct analysis *analysis = analyse(&history, moment + 1);
    int64_t held = 0;
    for (size_t i = 0; i < analysis->num_call_sites; i++)
        if (analysis->call_sites[i].subject == subject)
            held = analysis->call_sites[i].published.inuse_bytes;
    analysis_destroy(analysis);
    history_destroy(history);
    return held;
}

START_TEST(rows_show_what_changed_between_the_edges)
{
    builder_demo(snapshots, SNAPSHOTS);
    struct history *history;
    struct analysis *analysis = analyse(&history, SNAPSHOTS);
    const struct chosen_span span = {.start = snapshots[20], .end = snapshots[90]};
    ck_assert_ptr_null(analysis_set_span(analysis, &span));
    double seconds = (double)(snapshots[90]->unix_ns - snapshots[20]->unix_ns) / 1e9;
    size_t growing = 0;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        const struct allocation_row *row = &analysis->call_sites[i];
        double change = (double)(held_at(90, row->subject) - held_at(20, row->subject));
        ck_assert(row->growth.is_of_span);
        ck_assert(row->growth.change == change);
        ck_assert(fabs(row->growth.per_second * seconds - change) <= fabs(change) * 1e-9);
        if (row->growth.verdict == GROWTH_GROWING)
            growing++;
        ck_assert(row->growth.verdict != GROWTH_GROWING || change > 0);
        ck_assert(row->growth.verdict != GROWTH_SHRINKING || change < 0);
    }
    ck_assert_uint_ge(growing, 1);
    int64_t rss =
        snapshots[90]->counters[COUNTER_RSS].value.integer - snapshots[20]->counters[COUNTER_RSS].value.integer;
    ck_assert(analysis->rss.change == (double)rss);
    double goroutines = 0;
    for (size_t i = 0; i < analysis->num_goroutines; i++)
        goroutines += analysis->goroutines[i].growth.change;
    ck_assert(goroutines == analysis->goroutine_count.change);
    struct text text = {0};
    ck_assert_ptr_null(analysis_write_span(analysis, &span, &text));
    ck_assert_ptr_nonnull(strstr(text.data, "In the 1 min 10 s of the span: RSS +"));
    ck_assert_ptr_nonnull(strstr(text.data, "Most: tsdb.(*Head).getOrCreate"));
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_release(snapshots, SNAPSHOTS);
}
END_TEST

START_TEST(a_span_that_ends_before_it_starts_changes_nothing)
{
    builder_demo(snapshots, SNAPSHOTS);
    struct history *history;
    struct analysis *analysis = analyse(&history, SNAPSHOTS);
    struct growth before = analysis->call_sites[0].growth;
    const struct chosen_span backwards = {.start = snapshots[90], .end = snapshots[20]};
    const struct chosen_span nothing = {.start = snapshots[90], .end = snapshots[90]};
    ck_assert_ptr_null(analysis_set_span(analysis, &backwards));
    ck_assert_ptr_null(analysis_set_span(analysis, &nothing));
    ck_assert(!analysis->call_sites[0].growth.is_of_span);
    ck_assert_int_eq(analysis->call_sites[0].growth.verdict, before.verdict);
    ck_assert(analysis->call_sites[0].growth.per_second == before.per_second);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_release(snapshots, SNAPSHOTS);
}
END_TEST

int main(void)
{
    return RUN_TESTS("span", rows_show_what_changed_between_the_edges,
                     a_span_that_ends_before_it_starts_changes_nothing);
}
