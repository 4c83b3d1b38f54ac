/* Two moments compared, as plain text: the verdict, then what it rests on. */
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "export/report.h"

#define MIN_COLUMNS 72
/* How many rows of a list are worth a person's time; the JSON has them all. */
#define MAX_SITES 16
#define MAX_GOROUTINES 10
/* Said as a factor rather than as a percentage from here on. */
#define MANY_TIMES 10
/* What stands before the name in a row. */
#define ROW_COLUMNS 40
/* A function is not cut to less, for the sake of its place. */
#define MIN_NAME_COLUMNS 12

static bool counts_bytes(const struct diff *diff)
{
    return diff->value == SITE_INUSE_BYTES || diff->value == SITE_ALLOC_BYTES;
}

/* As an integer, without overflow. */
static int64_t whole(double amount)
{
    return amount >= 0x1p63 ? INT64_MAX : amount <= -0x1p63 ? INT64_MIN : (int64_t)amount;
}

/* "+256.0 MB", "-12", "0": with room for the sign. */
static const char *format_amount(char buffer[UNITS_BUFFER + 1], double amount, bool is_bytes, bool with_sign)
{
    char *start = buffer;
    if (with_sign && amount > 0)
        *start++ = '+';
    if (is_bytes)
        units_format_bytes(start, amount);
    else
        units_format_exact(start, whole(amount));
    return buffer;
}

/* ---- head ---- */

static void write_moment(struct report *report, const struct diff *diff, enum diff_side side)
{
    const struct diff_moment *moment = &diff->moments[side];
    const char *comm = catalog_string(diff->catalog, moment->target.comm);
    const char *version = catalog_string(diff->catalog, moment->target.runtime_version);
    time_t seconds = (time_t)(moment->unix_ns / 1000000000u);
    struct tm parts;
    char moment_text[64] = "?", span[UNITS_BUFFER];
    struct text line = {0};
    if (localtime_r(&seconds, &parts))
        strftime(moment_text, sizeof(moment_text), "%Y-%m-%d %H:%M:%S", &parts);
    text_printf(&line, "%s  %s  %s, pid %d", side == DIFF_OLD ? "OLD" : "NEW", moment_text, *comm ? comm : "?",
                (int)moment->target.pid);
    if (*version)
        text_printf(&line, ", %s", version);
    if (moment->target.start_unix_ns && moment->unix_ns > moment->target.start_unix_ns)
        text_printf(&line, ", up %s",
                    units_format_duration(span, (double)(moment->unix_ns - moment->target.start_unix_ns)));
    if (line.data)
        report_clip(report->out, line.data, report->columns);
    text_append(report->out, "\n");
    report->out->failed |= line.failed;
    text_deinit(&line);
}

static void write_head(struct report *report, const struct diff *diff)
{
    struct text verdict = {0};
    struct error *error = diff_write_verdict(diff, &verdict);
    if (!error)
        report_wrap(report, 0, verdict.data);
    report->out->failed |= error != NULL;
    error_destroy(error);
    text_deinit(&verdict);
    text_append(report->out, "\n");
    write_moment(report, diff, DIFF_OLD);
    write_moment(report, diff, DIFF_NEW);
    report_wrap(report, 5,
                diff->is_same_process ? "one process at two moments"
                : diff->is_same_build ? "two processes of one build"
                                      : "two builds: matched by functions, whatever their lines");
}

/* ---- figures ---- */

static void write_figure(struct report *report, const char *label, double before, double after, bool is_bytes)
{
    char old_text[UNITS_BUFFER + 1], new_text[UNITS_BUFFER + 1], change[UNITS_BUFFER + 1], percent[UNITS_BUFFER];
    text_printf(report->out, "  %-22s %12s %12s %12s", label, format_amount(old_text, before, is_bytes, false),
                format_amount(new_text, after, is_bytes, false), format_amount(change, after - before, is_bytes, true));
    if (before > 0 && after != before) {
        /* units_format_percent is made for parts of a whole. */
        double ratio = after / before;
        if (ratio < MANY_TIMES)
            snprintf(percent, sizeof(percent), "%+.0f%%", 100 * (ratio - 1));
        else
            snprintf(percent, sizeof(percent), "x%.4g", ratio);
        text_printf(report->out, " %7s", percent);
    }
    text_append(report->out, "\n");
}

static void write_figures(struct report *report, const struct diff *diff)
{
    static const struct {
        enum counter_id id;
        const char *label;
        bool is_bytes;
    } figures[] = {
        {COUNTER_RSS, "RSS", true},
        {COUNTER_SWAP, "swap", true},
        {COUNTER_HEAP_MARKED, "live heap after GC", true},
        {COUNTER_HEAP_INUSE, "heap spans in use", true},
        {COUNTER_HEAP_IDLE, "heap spans idle", true},
        {COUNTER_STACK_INUSE, "goroutine stacks", true},
        {COUNTER_GO_SYS, "all of the Go runtime", true},
        {COUNTER_GOROUTINES, "goroutines", false},
        {COUNTER_THREADS, "threads", false},
        {COUNTER_NUM_GC, "GC cycles", false},
        {COUNTER_TOTAL_ALLOC, "allocated in all", true},
    };
    text_printf(report->out, "\n  %-22s %12s %12s %12s\n", "FIGURES", "old", "new", "change");
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        const struct diff_counter *row = &diff->counters[figures[i].id];
        if (!row->is_known || (row->values[DIFF_OLD].value.integer == 0 && row->values[DIFF_NEW].value.integer == 0))
            continue;
        write_figure(report, figures[i].label, (double)row->values[DIFF_OLD].value.integer,
                     (double)row->values[DIFF_NEW].value.integer, figures[i].is_bytes);
    }
}

/* In recordings pages are looked at only now and then. */
static void write_looked_at(struct report *report, const struct diff *diff)
{
    char span[UNITS_BUFFER];
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
        const struct diff_moment *moment = &diff->moments[side];
        uint64_t at = moment->memory_parts.unix_ns, now = moment->unix_ns;
        if (at != now)
            text_printf(report->out, "  %s: as its pages were looked at, %s %s\n", side == DIFF_OLD ? "old" : "new",
                        units_format_duration(span, (double)(at < now ? now - at : at - now)),
                        at < now ? "earlier" : "later");
    }
}

static void write_memory_parts(struct report *report, const struct diff *diff)
{
    if (!diff->has_memory_parts)
        return;
    text_printf(report->out, "\n  %-22s %12s %12s %12s\n", "WHERE RSS IS", "old", "new", "change");
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        const struct diff_memory_part *row = &diff->memory_parts[part];
        if (row->bytes[DIFF_OLD] || row->bytes[DIFF_NEW])
            write_figure(report, memory_part_infos[part].label, (double)row->bytes[DIFF_OLD],
                         (double)row->bytes[DIFF_NEW], true);
    }
    write_looked_at(report, diff);
}

/* ---- lists ---- */

/* A side on which there is nothing of it. */
static const char *format_side(char buffer[UNITS_BUFFER + 1], enum diff_kind kind, enum diff_side side, double amount,
                               bool is_bytes)
{
    bool is_nothing = kind == (side == DIFF_OLD ? DIFF_APPEARED : DIFF_VANISHED);
    return is_nothing ? (side == DIFF_OLD ? "(new)" : "(gone)") : format_amount(buffer, amount, is_bytes, false);
}

static void write_header(struct report *report, const char *title)
{
    text_printf(report->out, "\n  %10s %5s %9s %9s  %s\n", "CHANGE", "share", "old", "new", title);
}

/* A function and its place in what a row has left: the place stays whole, since a line is what people look for. */
static void write_name(struct report *report, const struct diff *diff, frame_id id, const char *note)
{
    const struct frame *frame = catalog_frame(diff->catalog, id);
    const char *file = catalog_string(diff->catalog, frame->file);
    struct text name = {0}, place = {0};
    size_t room = report->columns - ROW_COLUMNS;
    if (*file && frame->line)
        text_printf(&place, "  %s:%u", file_short_name(file), frame->line);
    text_append(&place, note);
    size_t place_width = place.data ? utf8_width(place.data) : 0;
    if (frame->function && place_width + MIN_NAME_COLUMNS <= room) {
        report_clip(report->out, function_short_name(catalog_string(diff->catalog, frame->function)),
                    room - place_width);
        text_append(report->out, place.data ? place.data : "");
    } else {
        catalog_write_frame(diff->catalog, id, &name);
        report_clip(report->out, name.data ? name.data : "", room);
    }
    text_append(report->out, "\n");
    report->out->failed |= name.failed | place.failed;
    text_deinit(&name);
    text_deinit(&place);
}

static void write_site(struct report *report, const struct diff *diff, const struct diff_allocation_row *row)
{
    char change[UNITS_BUFFER + 1], before[UNITS_BUFFER + 1], after[UNITS_BUFFER + 1], share[UNITS_BUFFER];
    char note[32] = "";
    bool is_bytes = counts_bytes(diff);
    if (row->lines[DIFF_OLD] && row->lines[DIFF_NEW] && row->lines[DIFF_OLD] != row->lines[DIFF_NEW])
        snprintf(note, sizeof(note), " (was :%u)", row->lines[DIFF_OLD]);
    text_printf(report->out, "  %10s %5s %9s %9s  ", format_amount(change, (double)row->change.change, is_bytes, true),
                units_format_percent(share, row->change.share),
                format_side(before, row->change.kind, DIFF_OLD,
                            (double)site_value_of(&row->values[DIFF_OLD], diff->value), is_bytes),
                format_side(after, row->change.kind, DIFF_NEW,
                            (double)site_value_of(&row->values[DIFF_NEW], diff->value), is_bytes));
    write_name(report, diff, row->subject, note);
}

/* Those that grew, or those that shrank. */
static void write_sites(struct report *report, const struct diff *diff, bool grew)
{
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < diff->num_call_sites; i++) {
        const struct diff_allocation_row *row = &diff->call_sites[i];
        if (row->change.kind == DIFF_SAME || (row->change.change > 0) != grew)
            continue;
        if (shown == MAX_SITES) {
            more++;
            continue;
        }
        if (shown++ == 0)
            write_header(report, grew ? "call sites that hold more" : "call sites that hold less");
        write_site(report, diff, row);
    }
    if (more)
        text_printf(report->out, "  ... and %zu more\n", more);
}

static void write_goroutines(struct report *report, const struct diff *diff)
{
    size_t shown = 0, more = 0;
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        const struct diff_goroutine_row *row = &diff->goroutines[i];
        if (row->change.kind == DIFF_SAME || row->system)
            continue;
        if (shown == MAX_GOROUTINES) {
            more++;
            continue;
        }
        if (shown++ == 0)
            write_header(report, "goroutines, by what they run");
        char change[UNITS_BUFFER + 1], before[UNITS_BUFFER + 1], after[UNITS_BUFFER + 1], share[UNITS_BUFFER];
        text_printf(report->out, "  %10s %5s %9s %9s  ",
                    format_amount(change, (double)row->change.change, false, true),
                    units_format_percent(share, row->change.share),
                    format_side(before, row->change.kind, DIFF_OLD, row->counts[DIFF_OLD], false),
                    format_side(after, row->change.kind, DIFF_NEW, row->counts[DIFF_NEW], false));
        write_name(report, diff, row->start ? row->start : row->created_by, "");
    }
    if (more)
        text_printf(report->out, "  ... and %zu more\n", more);
}

static void write_notes(struct report *report, const struct diff *diff)
{
    if (diff->has_sites && diff->num_of_kind[DIFF_SAME] > 0) {
        struct text line = {0};
        text_printf(&line, "%u call sites hold the same, as far as sampling tells.", diff->num_of_kind[DIFF_SAME]);
        text_append(report->out, "\n");
        if (line.data)
            report_wrap(report, 2, line.data);
        report->out->failed |= line.failed;
        text_deinit(&line);
    }
    if (diff->sites_are_cut || diff->goroutines_are_cut)
        report_wrap(report, 2, "There were more rows than are compared: the rest is in the totals only.");
}

struct error *export_diff_report(const struct diff *diff, unsigned columns, struct text *ret_text)
{
    struct text text = {0};
    struct report report = {.out = &text, .columns = columns > MIN_COLUMNS ? columns : MIN_COLUMNS};
    write_head(&report, diff);
    write_figures(&report, diff);
    write_sites(&report, diff, true);
    write_sites(&report, diff, false);
    write_goroutines(&report, diff);
    write_memory_parts(&report, diff);
    write_notes(&report, diff);
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
