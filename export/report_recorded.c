/* The report's part about a recording: what happened when. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "export/report.h"

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)
#define MAX_EVENTS 40
#define MAX_SITES 6
#define MAX_GOROUTINES 4
/* A part of RSS that grew by less is not worth a line. */
#define LEAST_PART (1 << 20)
#define MOMENT 24
#define LINE_INDENT 16

/* "02:14:07" or, where the recording lasts longer than a day, "Jan 03 02:14"; local time. */
static const char *write_moment(const struct report *report, uint64_t unix_ns, char buffer[MOMENT])
{
    const struct chronicle *chronicle = report->recorded->chronicle;
    bool is_long =
        chronicle->last_unix_ns - chronicle->first_unix_ns > DAY || unix_ns > chronicle->last_unix_ns + DAY / 2;
    time_t seconds = (time_t)(unix_ns / SECOND);
    struct tm local;
    if (!localtime_r(&seconds, &local) || strftime(buffer, MOMENT, is_long ? "%b %d %H:%M" : "%H:%M:%S", &local) == 0)
        snprintf(buffer, MOMENT, "?");
    return buffer;
}

static const char *write_span(uint64_t from_unix_ns, uint64_t to_unix_ns, char buffer[UNITS_BUFFER])
{
    return units_format_duration(buffer, to_unix_ns > from_unix_ns ? (double)(to_unix_ns - from_unix_ns) : 0);
}

/* ---- in a sentence or two ---- */

static void add_span(struct report *report)
{
    const struct chronicle *chronicle = report->recorded->chronicle;
    const struct timeline *timeline = report->recorded->timeline;
    char from[MOMENT], to[MOMENT], span[UNITS_BUFFER], samples[UNITS_BUFFER];
    struct text line = {0};
    size_t processes = chronicle->num_processes + chronicle->processes_not_listed;
    text_printf(&line, "recorded from %s to %s (%s), %s samples", write_moment(report, chronicle->first_unix_ns, from),
                write_moment(report, chronicle->last_unix_ns, to),
                write_span(chronicle->first_unix_ns, chronicle->last_unix_ns, span),
                units_format_exact(samples, (int64_t)chronicle->samples));
    if (processes > 1)
        text_printf(&line, "; %zu processes, one after the other: what follows the chronology is of the last",
                    processes);
    if (timeline->num_gaps)
        text_printf(&line, "; %zu gap%s", timeline->num_gaps, timeline->num_gaps == 1 ? "" : "s");
    if (timeline->num_marks)
        text_printf(&line, "; %zu mark%s", timeline->num_marks, timeline->num_marks == 1 ? "" : "s");
    if (line.data)
        report_wrap(report, 0, line.data);
    report->out->failed |= line.failed;
    text_deinit(&line);
}

/* When a rate that lasts meets the limit: RSS's, where that is known. */
static void write_limit(const struct report *report, const struct chronicle_phase *first,
                        const struct chronicle_phase *last, struct text *text)
{
    const struct chronicle *chronicle = report->recorded->chronicle;
    double span = (double)(last->to_unix_ns - first->from_unix_ns) / 1e9,
           rate = (last->to_rss_bytes - first->from_rss_bytes) / span;
    char size[UNITS_BUFFER], left[UNITS_BUFFER], at[MOMENT];
    if (report->analysis->limit_bytes == 0 || !(rate > 0))
        return;
    units_format_bytes(size, (double)report->analysis->limit_bytes);
    double seconds = ((double)report->analysis->limit_bytes - last->to_rss_bytes) / rate;
    if (seconds <= 0)
        text_printf(text, " The limit of %s was met.", size);
    else if (seconds < 365 * 86400.0)
        text_printf(text, " At this rate the limit of %s is met %s later, at %s.", size,
                    units_format_duration(left, seconds * 1e9),
                    write_moment(report, chronicle->last_unix_ns + (uint64_t)(seconds * 1e9), at));
}

static void add_growth_sentence(struct report *report)
{
    const struct chronicle *chronicle = report->recorded->chronicle;
    char at[MOMENT], until[MOMENT], span[UNITS_BUFFER], rate[UNITS_BUFFER], from[UNITS_BUFFER], to[UNITS_BUFFER];
    struct text text = {0};
    const char *what = chronicle->by_heap ? "live heap" : "RSS";
    if (chronicle->growth_count == 0) {
        text_printf(&text, "Over these %s the %s did not grow.",
                    write_span(chronicle->first_unix_ns, chronicle->last_unix_ns, span), what);
    } else {
        const struct chronicle_phase *first = &chronicle->phases[chronicle->growth_first],
                                     *last = first + chronicle->growth_count - 1;
        bool goes_on = last + 1 == chronicle->phases + chronicle->num_phases;
        double seconds = (double)(last->to_unix_ns - first->from_unix_ns) / 1e9;
        units_format_rate(rate, seconds > 0 ? (last->to_bytes - first->from_bytes) / seconds : 0);
        if (goes_on)
            text_printf(&text, "Growing since %s, %s for %s: the %s went from %s to %s.",
                        write_moment(report, first->from_unix_ns, at), rate,
                        write_span(first->from_unix_ns, last->to_unix_ns, span), what,
                        units_format_bytes(from, first->from_bytes), units_format_bytes(to, last->to_bytes));
        else
            text_printf(&text, "Grew from %s to %s, %s for %s: the %s went from %s to %s. It does not at the end.",
                        write_moment(report, first->from_unix_ns, at), write_moment(report, last->to_unix_ns, until),
                        rate, write_span(first->from_unix_ns, last->to_unix_ns, span), what,
                        units_format_bytes(from, first->from_bytes), units_format_bytes(to, last->to_bytes));
        if (goes_on)
            write_limit(report, first, last, &text);
    }
    if (!isnan(chronicle->peak_rss_bytes))
        text_printf(&text, " RSS was at its most at %s: %s.", write_moment(report, chronicle->peak_rss_unix_ns, at),
                    units_format_bytes(from, chronicle->peak_rss_bytes));
    if (text.data) {
        text_append(report->out, "\n");
        report_wrap(report, 0, text.data);
    }
    report->out->failed |= text.failed;
    text_deinit(&text);
}

/* ---- chronology ---- */

/* The time, and what was then: wrapped below its own column. Ends the text. */
static void add_line(struct report *report, uint64_t unix_ns, struct text *text)
{
    char at[MOMENT];
    struct text lines = {0};
    struct report inner = {.out = &lines, .columns = report->columns};
    if (text->data)
        report_wrap(&inner, LINE_INDENT, text->data);
    /* The first line's indent is where the time stands. */
    if (lines.length > LINE_INDENT)
        text_printf(report->out, "  %12s  %s", write_moment(report, unix_ns, at), lines.data + LINE_INDENT);
    report->out->failed |= lines.failed || text->failed;
    text_deinit(&lines);
    text_deinit(text);
}

static void add_phase(struct report *report, const struct chronicle_phase *phase)
{
    char span[UNITS_BUFFER], from[UNITS_BUFFER], to[UNITS_BUFFER], rate[UNITS_BUFFER];
    struct text text = {0};
    double seconds = (double)(phase->to_unix_ns - phase->from_unix_ns) / 1e9;
    text_printf(&text, "%s for %s: ", phase_kind_name(phase->kind),
                write_span(phase->from_unix_ns, phase->to_unix_ns, span));
    if (phase->kind == PHASE_GROWING || phase->kind == PHASE_SHRINKING)
        text_printf(&text, "%s to %s, %s", units_format_bytes(from, phase->from_bytes),
                    units_format_bytes(to, phase->to_bytes), units_format_rate(rate, phase->per_second));
    else
        text_printf(&text, "at %s", units_format_bytes(to, phase->to_bytes));
    if (!isnan(phase->cycles) && phase->cycles >= 1)
        text_printf(&text, "; a GC every %s", units_format_duration(span, seconds / phase->cycles * 1e9));
    if (!isnan(phase->cycles) && phase->cycles >= 1 && !isnan(phase->pause_ns))
        text_printf(&text, ", pausing %s", units_format_duration(span, phase->pause_ns / phase->cycles));
    if (!isnan(phase->from_goroutines) && !isnan(phase->to_goroutines) &&
        fabs(phase->to_goroutines - phase->from_goroutines) >= 0.1 * phase->from_goroutines + 8)
        text_printf(&text, "; goroutines %s to %s", units_format_exact(from, (int64_t)phase->from_goroutines),
                    units_format_exact(to, (int64_t)phase->to_goroutines));
    add_line(report, phase->from_unix_ns, &text);
}

static void add_gap(struct report *report, const struct timeline_gap *gap)
{
    char span[UNITS_BUFFER];
    struct text text = {0};
    text_printf(&text, "no samples for %s: %s", write_span(gap->from_unix_ns, gap->to_unix_ns, span), gap->reason);
    add_line(report, gap->from_unix_ns, &text);
}

static void add_mark(struct report *report, const struct timeline_mark *mark)
{
    struct text text = {0};
    text_printf(&text, "mark: %s", mark->text);
    add_line(report, mark->unix_ns, &text);
}

static void add_suspect(struct report *report, const struct timeline_suspect *suspect)
{
    char span[UNITS_BUFFER];
    struct text text = {0};
    text_printf(&text, "suspected for %s (%s): %s", write_span(suspect->from_unix_ns, suspect->to_unix_ns, span),
                suspect->confidence, suspect->summary);
    add_line(report, suspect->from_unix_ns, &text);
}

static void add_process(struct report *report, const struct chronicle_process *process)
{
    char span[UNITS_BUFFER], peak[UNITS_BUFFER];
    struct text text = {0};
    text_printf(&text, "the process ended, %s after it was first seen; its RSS was %s at most",
                write_span(process->first_unix_ns, process->last_unix_ns, span),
                units_format_bytes(peak, process->peak_rss_bytes));
    add_line(report, process->last_unix_ns, &text);
}

/* Phases, ends of processes, gaps, marks and suspects, in the order of their times. */
static void add_chronology(struct report *report)
{
    const struct chronicle *chronicle = report->recorded->chronicle;
    const struct timeline *timeline = report->recorded->timeline;
    size_t phase = 0, gap = 0, mark = 0, suspect = 0, process = 0, lines = 0;
    report_section(report, chronicle->by_heap ? "Chronology, by the live heap after each GC" : "Chronology, by RSS");
    for (; lines < MAX_EVENTS; lines++) {
        while (process < chronicle->num_processes && !chronicle->processes[process].exited)
            process++;
        const uint64_t none = UINT64_MAX;
        uint64_t at[] = {phase < chronicle->num_phases ? chronicle->phases[phase].from_unix_ns : none,
                         process < chronicle->num_processes ? chronicle->processes[process].last_unix_ns : none,
                         gap < timeline->num_gaps ? timeline->gaps[gap].from_unix_ns : none,
                         mark < timeline->num_marks ? timeline->marks[mark].unix_ns : none,
                         suspect < timeline->num_suspects ? timeline->suspects[suspect].from_unix_ns : none};
        size_t first = 0;
        for (size_t i = 1; i < ARRAY_SIZE(at); i++)
            if (at[i] < at[first])
                first = i;
        if (at[first] == none)
            return;
        if (first == 0)
            add_phase(report, &chronicle->phases[phase++]);
        else if (first == 1)
            add_process(report, &chronicle->processes[process++]);
        else if (first == 2)
            add_gap(report, &timeline->gaps[gap++]);
        else if (first == 3)
            add_mark(report, &timeline->marks[mark++]);
        else
            add_suspect(report, &timeline->suspects[suspect++]);
    }
    size_t left = chronicle->num_phases - phase + timeline->num_gaps - gap + timeline->num_marks - mark +
                  timeline->num_suspects - suspect + chronicle->num_processes - process;
    if (left > 0)
        text_printf(report->out, "  ... and %zu more; the JSON has them all\n", left);
}

/* ---- what grew ---- */

static void add_grown_sites(struct report *report)
{
    const struct diff *diff = report->recorded->growth;
    char grew[UNITS_BUFFER], share[UNITS_BUFFER], held[UNITS_BUFFER];
    size_t shown = 0;
    for (size_t i = 0; i < diff->num_call_sites && shown < MAX_SITES; i++) {
        const struct diff_allocation_row *row = &diff->call_sites[i];
        if (row->change.kind != DIFF_GREW && row->change.kind != DIFF_APPEARED)
            continue;
        if (shown++ == 0)
            text_printf(report->out, "  %9s %6s %9s  call site\n", "grew", "share", "then");
        text_printf(report->out, "  %9s %6s %9s  ", units_format_bytes(grew, (double)row->change.change),
                    units_format_percent(share, row->change.share),
                    units_format_bytes(held, (double)row->values[DIFF_NEW].inuse_bytes));
        report_add_frame(report, diff->catalog, row->subject, report->columns - 30);
    }
    if (shown == 0)
        report_wrap(report, 2, diff->has_sites ? "No call site grew by more than sampling explains."
                                               : "There is no heap profile at both its ends.");
}

static void add_grown_goroutines(struct report *report)
{
    const struct diff *diff = report->recorded->growth;
    char grew[UNITS_BUFFER], count[UNITS_BUFFER];
    size_t shown = 0;
    for (size_t i = 0; i < diff->num_goroutines && shown < MAX_GOROUTINES; i++) {
        const struct diff_goroutine_row *row = &diff->goroutines[i];
        if ((row->change.kind != DIFF_GREW && row->change.kind != DIFF_APPEARED) || row->change.change < 8)
            continue;
        if (shown++ == 0)
            text_printf(report->out, "  %9s %16s  goroutines in\n", "more", "then");
        text_printf(report->out, "  %9s %16s  ", units_format_exact(grew, row->change.change),
                    units_format_exact(count, row->counts[DIFF_NEW]));
        report_add_frame(report, diff->catalog, row->start ? row->start : row->created_by, report->columns - 30);
    }
}

/* Where it is that memory became more. */
static void add_grown_parts(struct report *report)
{
    const struct diff *diff = report->recorded->growth;
    char grew[UNITS_BUFFER], held[UNITS_BUFFER];
    size_t shown = 0;
    for (int part = 0; part < MEMORY_PART_COUNT && diff->has_memory_parts; part++) {
        const struct diff_memory_part *row = &diff->memory_parts[part];
        if ((row->change.kind != DIFF_GREW && row->change.kind != DIFF_APPEARED) || row->change.change < LEAST_PART)
            continue;
        if (shown++ == 0)
            text_printf(report->out, "  %9s %16s  of RSS, as its pages were looked at\n", "grew", "then");
        text_printf(report->out, "  %9s %16s  %s\n", units_format_bytes(grew, (double)row->change.change),
                    units_format_bytes(held, (double)row->bytes[DIFF_NEW]), memory_part_infos[part].label);
    }
}

void report_add_recorded(struct report *report)
{
    add_span(report);
    add_growth_sentence(report);
    add_chronology(report);
    if (report->recorded->growth) {
        const struct chronicle *chronicle = report->recorded->chronicle;
        const struct chronicle_phase *first = &chronicle->phases[chronicle->growth_first],
                                     *last = first + chronicle->growth_count - 1;
        char from[MOMENT], to[MOMENT], title[96];
        snprintf(title, sizeof(title), "What grew from %s to %s", write_moment(report, first->from_unix_ns, from),
                 write_moment(report, last->to_unix_ns, to));
        report_section(report, title);
        add_grown_sites(report);
        add_grown_goroutines(report);
        add_grown_parts(report);
    }
    report_section(report, "At its end");
}
