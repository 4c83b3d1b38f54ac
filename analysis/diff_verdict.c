/* The sentence on top of a comparison. */
#include <math.h>

#include "analysis/diff.h"
#include "analysis/sentence.h"

/* Changes of the number of goroutines, and of RSS, from which on a person should be told. */
#define NOTABLE_GOROUTINES 8
#define NOTABLE_GOROUTINES_PART 0.05
#define NOTABLE_RSS_BYTES (4.0 * 1048576)
#define NOTABLE_RSS_PART 0.05
/* Of a whole, what is nearly all of it. */
#define NEARLY_ALL 0.95
/* The total is called the same within so many standard errors of its change. */
#define NOTABLE_ERRORS 2

static bool counts_bytes(enum site_value value)
{
    return value == SITE_INUSE_BYTES || value == SITE_ALLOC_BYTES;
}

/* As an integer, without overflow. */
static int64_t whole(double amount)
{
    return amount >= 0x1p63 ? INT64_MAX : amount <= -0x1p63 ? INT64_MIN : (int64_t)amount;
}

static void write_amount(const struct diff *diff, struct text *text, double amount)
{
    char buffer[UNITS_BUFFER];
    text_append(text, counts_bytes(diff->value) ? units_format_bytes(buffer, amount)
                                                : units_format_exact(buffer, whole(amount)));
}

static const char *what_is_held(enum site_value value)
{
    switch (value) {
    case SITE_INUSE_OBJECTS:
        return " live objects";
    case SITE_ALLOC_BYTES:
        return " allocated since it started";
    case SITE_ALLOC_OBJECTS:
        return " objects allocated since it started";
    default:
        return " of live objects";
    }
}

static double change_error(const struct diff *diff)
{
    double variance = 0;
    for (size_t i = 0; i < diff->num_call_sites; i++)
        variance += diff->call_sites[i].change.error * diff->call_sites[i].change.error;
    return sqrt(variance);
}

static bool is_same(const struct diff *diff, double change)
{
    return change == 0 || fabs(change) <= NOTABLE_ERRORS * change_error(diff);
}

/* " 82% of what grew: f  x.go:1, +256.0 MB." */
static void write_top_site(const struct diff *diff, bool grew, struct text *text)
{
    const struct diff_allocation_row *top = NULL;
    for (size_t i = 0; i < diff->num_call_sites && !top; i++) {
        const struct diff_allocation_row *row = &diff->call_sites[i];
        if (row->change.kind != DIFF_SAME && (row->change.change > 0) == grew)
            top = row;
    }
    if (!top) {
        text_append(text, " No call site stands out.");
        return;
    }
    char percent[UNITS_BUFFER];
    if (top->change.share > NEARLY_ALL)
        text_printf(text, " Nearly all of what %s: ", grew ? "grew" : "shrank");
    else
        text_printf(text, " %s of what %s: ", units_format_percent(percent, top->change.share),
                    grew ? "grew" : "shrank");
    catalog_write_frame(diff->catalog, top->subject, text);
    text_append(text, top->change.kind == DIFF_APPEARED   ? ", which is new, "
                      : top->change.kind == DIFF_VANISHED ? ", which is gone, "
                                                          : ", ");
    text_append(text, grew ? "+" : "");
    write_amount(diff, text, (double)top->change.change);
    text_append(text, ".");
}

static void write_sites(const struct diff *diff, struct text *text)
{
    double before = (double)site_value_of(&diff->moments[DIFF_OLD].totals, diff->value);
    double after = (double)site_value_of(&diff->moments[DIFF_NEW].totals, diff->value);
    double change = after - before;
    if (is_same(diff, change)) {
        text_append(text, "NEW and OLD hold the same: ");
        write_amount(diff, text, after);
        text_append(text, what_is_held(diff->value));
        text_append(text, change == 0 ? "." : ", within the error of sampling.");
        if (diff->num_of_kind[DIFF_SAME] < diff->num_call_sites)
            write_top_site(diff, (double)diff->grown > -(double)diff->shrunk, text);
        return;
    }
    text_append(text, "NEW holds ");
    write_amount(diff, text, fabs(change));
    text_append(text, change > 0 ? " more than OLD: " : " less than OLD: ");
    write_amount(diff, text, after);
    text_append(text, what_is_held(diff->value));
    text_append(text, ", was ");
    write_amount(diff, text, before);
    text_append(text, ".");
    write_top_site(diff, change > 0, text);
}

static void write_goroutines(const struct diff *diff, struct text *text)
{
    int64_t before = diff->moments[DIFF_OLD].goroutines, after = diff->moments[DIFF_NEW].goroutines;
    int64_t change = after - before, size = change < 0 ? -change : change;
    if (size < NOTABLE_GOROUTINES || (double)size < NOTABLE_GOROUTINES_PART * (double)before)
        return;
    text_append(text, " ");
    sentence_add_count(text, size);
    text_append(text, change > 0 ? " more goroutines" : " fewer goroutines");
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        const struct diff_goroutine_row *row = &diff->goroutines[i];
        frame_id frame = row->created_by ? row->created_by : row->start;
        if (row->system || !frame || (row->change.change > 0) != (change > 0))
            continue;
        char percent[UNITS_BUFFER];
        bool is_all = row->change.share > 0.995;
        text_printf(text, ", %s of them %s", is_all ? "all" : units_format_percent(percent, row->change.share),
                    row->created_by ? "created by " : "running ");
        catalog_write_frame(diff->catalog, frame, text);
        break;
    }
    text_append(text, ".");
}

static void write_rss(const struct diff *diff, struct text *text)
{
    const struct diff_counter *rss = &diff->counters[COUNTER_RSS];
    if (!rss->is_known)
        return;
    double before = (double)rss->values[DIFF_OLD].value.integer, after = (double)rss->values[DIFF_NEW].value.integer;
    text_append(text, text->length ? " RSS " : "RSS ");
    if (fabs(rss->change) < NOTABLE_RSS_BYTES || fabs(rss->change) < NOTABLE_RSS_PART * before) {
        text_append(text, "stays at ");
        sentence_add_bytes(text, after);
    } else {
        text_append(text, rss->change > 0 ? "is up by " : "is down by ");
        sentence_add_bytes(text, fabs(rss->change));
        text_append(text, ", to ");
        sentence_add_bytes(text, after);
    }
    text_append(text, ".");
}

struct error *diff_write_verdict(const struct diff *diff, struct text *ret_text)
{
    struct text text = {0};
    if (diff->has_sites) {
        write_sites(diff, &text);
        write_goroutines(diff, &text);
        write_rss(diff, &text);
    } else {
        write_rss(diff, &text);
        write_goroutines(diff, &text);
        int side = diff->moments[DIFF_OLD].has_sites ? DIFF_NEW : DIFF_OLD;
        text_printf(&text, "%s%s has no heap profile to compare: %s.", text.length ? " " : "",
                    side == DIFF_OLD ? "OLD" : "NEW", diff->moments[side].sites_reason);
    }
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
