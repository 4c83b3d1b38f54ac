/* The report: what a person would conclude, as plain text. The verdict comes first, then what it rests on. */
#include "export/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIN_COLUMNS 72

/* How many rows of a list are worth a person's time; the JSON has them all. */
#define MAX_SITES 12
#define MAX_STACKS 3
#define MAX_STACK_FRAMES 16
#define MAX_GOROUTINE_ROWS 10
#define MAX_CYCLES 6

/* ---- lines ---- */

size_t report_clip(struct text *out, const char *string, size_t columns)
{
    size_t length = strlen(string), used = 0, offset = 0;
    if (utf8_width(string) <= columns) {
        text_append(out, string);
        return utf8_width(string);
    }
    while (offset < length) {
        uint32_t rune = 0;
        size_t bytes = utf8_decode(string + offset, length - offset, &rune);
        if (used + (size_t)rune_width(rune) + 2 > columns)
            break;
        used += (size_t)rune_width(rune);
        offset += bytes;
    }
    text_append_bytes(out, string, offset);
    text_append(out, "..");
    return used + 2;
}

void report_wrap(struct report *report, unsigned indent, const char *string)
{
    struct text *out = report->out;
    size_t used = 0, room = report->columns - indent;
    while (*string) {
        size_t length = strcspn(string, " \n");
        struct text word = {0};
        text_append_bytes(&word, string, length);
        size_t width = word.data ? utf8_width(word.data) : 0;
        if (used && used + 1 + width > room) {
            text_append(out, "\n");
            used = 0;
        }
        if (!used)
            text_printf(out, "%*s", (int)indent, "");
        else
            text_append(out, " ");
        /* A word wider than a line is cut: names can be long. */
        used += (used ? 1 : 0) + (word.data ? report_clip(out, word.data, room) : 0);
        out->failed |= word.failed;
        text_deinit(&word);
        string += length;
        string += strspn(string, " \n");
    }
    text_append(out, "\n");
}

void report_wrap_behind(struct report *report, unsigned indent, const char *string)
{
    struct text lines = {0};
    struct report inner = {.out = &lines, .columns = report->columns, .analysis = report->analysis};
    report_wrap(&inner, indent, string);
    if (!lines.failed)
        text_append(report->out, lines.length > indent ? lines.data + indent : "\n");
    report->out->failed |= lines.failed;
    text_deinit(&lines);
}

void report_section(struct report *report, const char *title)
{
    text_printf(report->out, "\n%s\n", title);
}

void report_add_figure(struct report *report, const char *label, const struct text *value)
{
    if (!value->data || value->failed) {
        report->out->failed |= value->failed;
        return;
    }
    text_printf(report->out, "  %-13s ", label);
    report_wrap_behind(report, 16, value->data);
}

const struct counter *report_counter(const struct report *report, enum counter_id id)
{
    return &report->analysis->snapshot->counters[id];
}

bool report_known(const struct report *report, enum counter_id id)
{
    return counter_known(report_counter(report, id));
}

double report_value(const struct report *report, enum counter_id id)
{
    return (double)report_counter(report, id)->value.integer;
}

/* ---- head ---- */

static void add_head(struct report *report)
{
    const struct snapshot *snapshot = report->analysis->snapshot;
    const struct target_info *target = &snapshot->target;
    const struct catalog *catalog = snapshot->catalog;
    char span[UNITS_BUFFER];
    const char *name = catalog_string(catalog, target->comm);
    const char *version = catalog_string(catalog, target->runtime_version);
    const char *runtime = catalog_string(catalog, target->runtime);
    const char *container = catalog_string(catalog, target->container);
    struct text line = {0};
    text_printf(&line, "%s, pid %d", *name ? name : "?", target->pid);
    if (target->inner_pid && target->inner_pid != target->pid)
        text_printf(&line, " (%d inside)", target->inner_pid);
    if (*version || *runtime)
        text_printf(&line, ", %s", *version ? version : runtime);
    if (target->stripped == KNOWN_YES)
        text_append(&line, ", stripped");
    if (*container)
        text_printf(&line, ", container %s", container);
    if (target->start_unix_ns && snapshot->unix_ns > target->start_unix_ns)
        text_printf(&line, ", up %s", units_format_duration(span, (double)(snapshot->unix_ns - target->start_unix_ns)));
    if (line.data)
        report_wrap(report, 0, line.data);
    line.length = 0;

    size_t cycles = 0;
    history_cycles(report->history, &cycles);
    uint64_t first = history_first_unix_ns(report->history);
    if (!report->recorded)
        text_printf(&line, "watched for %s, %llu sample%s",
                    units_format_duration(span, snapshot->unix_ns > first ? (double)(snapshot->unix_ns - first) : 0),
                    (unsigned long long)snapshot->sequence, snapshot->sequence == 1 ? "" : "s");
    if (snapshot->exited)
        text_printf(&line, "%sit has ended%s%s: what follows is the last that was seen", report->recorded ? "" : "; ",
                    snapshot->exit_reason ? ", " : "", snapshot->exit_reason ? snapshot->exit_reason : "");
    if (line.length)
        report_wrap(report, 0, line.data);
    report->out->failed |= line.failed;
    text_deinit(&line);
}

static struct error *add_verdict(struct report *report)
{
    struct text verdict = {0};
    struct error *error = analysis_write_verdict(report->analysis, &verdict);
    if (!error && verdict.data) {
        text_append(report->out, "\n");
        report_wrap(report, 0, verdict.data);
    }
    report->out->failed |= verdict.failed;
    text_deinit(&verdict);
    return error;
}

/* ---- key figures ---- */

void report_write_growth(struct text *text, const struct growth *growth, bool bytes)
{
    char rate[UNITS_BUFFER];
    if (growth->verdict == GROWTH_TOO_FEW)
        return;
    text_printf(text, ", %s", growth->verdict == GROWTH_PLATEAU ? "steady" : growth_verdict_name(growth->verdict));
    if (growth->verdict != GROWTH_GROWING && growth->verdict != GROWTH_SHRINKING)
        return;
    if (bytes)
        text_printf(text, " %s", units_format_rate(rate, growth->per_second));
    else
        text_printf(text, " %+.2g/s", growth->per_second);
}

static void add_memory_figures(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    char buffer[UNITS_BUFFER], other[UNITS_BUFFER];
    struct text text = {0};
    if (report_known(report, COUNTER_RSS)) {
        text_append(&text, units_format_bytes(buffer, report_value(report, COUNTER_RSS)));
        report_write_growth(&text, &analysis->rss, true);
        if (report_known(report, COUNTER_SWAP) && report_value(report, COUNTER_SWAP) > 0)
            text_printf(&text, "; %s more in swap", units_format_bytes(other, report_value(report, COUNTER_SWAP)));
        report_add_figure(report, "RSS", &text);
        text.length = 0;
    }
    if (report_known(report, COUNTER_HEAP_LIVE)) {
        text_append(&text, units_format_bytes(buffer, report_value(report, COUNTER_HEAP_LIVE)));
        if (report_known(report, COUNTER_HEAP_GOAL))
            text_printf(&text, " of a goal of %s", units_format_bytes(other, report_value(report, COUNTER_HEAP_GOAL)));
        if (report_known(report, COUNTER_HEAP_MARKED))
            text_printf(&text, "; %s after the last GC",
                        units_format_bytes(buffer, report_value(report, COUNTER_HEAP_MARKED)));
        report_write_growth(&text, &analysis->heap, true);
        report_add_figure(report, "heap", &text);
        text.length = 0;
    }
    report_add_managed_heap(report);
    if (!isnan(analysis->alloc_bytes_per_s)) {
        text_append(&text, units_format_rate(buffer, analysis->alloc_bytes_per_s));
        report_add_figure(report, "allocation", &text);
        text.length = 0;
    }
    if (analysis->limit_bytes) {
        text_printf(&text, "%s, %s", units_format_bytes(buffer, (double)analysis->limit_bytes),
                    analysis->limit_is_soft ? "soft (GOMEMLIMIT)" : "hard (the cgroup's)");
        if (isfinite(analysis->seconds_to_limit))
            text_printf(&text, ", met in %s at this growth",
                        units_format_duration(other, analysis->seconds_to_limit * 1e9));
        report_add_figure(report, "limit", &text);
    }
    report->out->failed |= text.failed;
    text_deinit(&text);
}

/* What threads are at for Go, the rarer first: those are what a person looks for. */
static void write_roles(struct text *text, const struct scheduler_load *load)
{
    static const struct {
        enum thread_role role;
        const char *what;
    } roles[] = {{THREAD_IN_C, "in C code"},
                 {THREAD_FOREIGN, "not Go's"},
                 {THREAD_SYSTEM_CALL, "in system calls"},
                 {THREAD_RUNS_GO, "running Go"},
                 {THREAD_IDLE, "idle"}};
    bool first = true;
    for (size_t i = 0; load->roles_known && i < ARRAY_SIZE(roles); i++) {
        uint32_t count = load->threads[roles[i].role];
        if (count == 0)
            continue;
        text_printf(text, "%s%u %s", first ? "; " : ", ", count, roles[i].what);
        first = false;
    }
    if (load->locked_threads)
        text_printf(text, "; %u with a goroutine locked to them", load->locked_threads);
}

static void add_runtime_figures(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    char buffer[UNITS_BUFFER], other[UNITS_BUFFER];
    struct text text = {0};
    if (report_known(report, COUNTER_NUM_GC)) {
        text_printf(&text, "%s cycles so far",
                    units_format_exact(buffer, report_counter(report, COUNTER_NUM_GC)->value.integer));
        if (analysis->gc_per_s > 0)
            text_printf(&text, ", one in %s", units_format_duration(buffer, 1e9 / analysis->gc_per_s));
        if (!isnan(analysis->gc.pause_p99_ns))
            text_printf(&text, "; pause p99 %s, longest %s", units_format_duration(buffer, analysis->gc.pause_p99_ns),
                        units_format_duration(other, analysis->gc.pause_max_ns));
        if (report_known(report, COUNTER_GC_CPU_FRACTION))
            text_printf(&text, "; %s of its CPU time",
                        units_format_percent(buffer, report_counter(report, COUNTER_GC_CPU_FRACTION)->value.real));
        if (report_known(report, COUNTER_GOGC))
            text_printf(&text, "; GOGC %s",
                        report_value(report, COUNTER_GOGC) < 0
                            ? "off"
                            : units_format_exact(buffer, report_counter(report, COUNTER_GOGC)->value.integer));
        report_add_figure(report, "GC", &text);
        text.length = 0;
    }
    if (analysis->gc.recent_cycles > 1) {
        gc_activity_write_note(&analysis->gc, &text);
        report_add_figure(report, "GC of late", &text);
        text.length = 0;
    }
    if (report_known(report, COUNTER_GOROUTINES)) {
        text_append(&text, units_format_exact(buffer, report_counter(report, COUNTER_GOROUTINES)->value.integer));
        report_write_growth(&text, &analysis->goroutine_count, false);
        report_add_figure(report, "goroutines", &text);
        text.length = 0;
    }
    if (analysis->num_threads) {
        size_t running = 0;
        for (size_t i = 0; i < analysis->num_threads; i++)
            running += analysis->threads[i].thread.state == 'R';
        text_printf(&text, "%zu, %zu running", analysis->num_threads, running);
        write_roles(&text, &analysis->scheduler);
        report_add_figure(report, "threads", &text);
        text.length = 0;
    }
    if (analysis->scheduler.known) {
        scheduler_write_note(&analysis->scheduler, &text);
        report_add_figure(report, "scheduler", &text);
    }
    report->out->failed |= text.failed;
    text_deinit(&text);
}

/* ---- call sites ---- */

void report_add_frame(struct report *report, const struct catalog *catalog, frame_id id, size_t columns)
{
    const struct frame *frame = catalog_frame(catalog, id);
    struct text whole = {0}, place = {0};
    catalog_write_frame(catalog, id, &whole);
    if (frame->file && frame->line)
        text_printf(&place, "  %s:%u", file_short_name(catalog_file(catalog, id)), frame->line);
    size_t place_width = place.data ? utf8_width(place.data) : 0;
    if (whole.data && utf8_width(whole.data) > columns && place.data && place_width + 12 < columns) {
        report_clip(report->out, function_short_name(catalog_function(catalog, id)), columns - place_width);
        text_append(report->out, place.data);
    } else if (whole.data) {
        report_clip(report->out, whole.data, columns);
    }
    report->out->failed |= whole.failed || place.failed;
    text_deinit(&whole);
    text_deinit(&place);
    text_append(report->out, "\n");
}

static void add_place(struct report *report, frame_id id, size_t columns)
{
    report_add_frame(report, report->analysis->snapshot->catalog, id, columns);
}

/* On a narrow screen the name of a site is worth more than further figures of it. */
#define WIDE_COLUMNS 100

static void add_site_row(struct report *report, const struct allocation_row *row)
{
    char held[UNITS_BUFFER], share[UNITS_BUFFER], rate[UNITS_BUFFER], growth[UNITS_BUFFER + 1] = "?";
    char allocated[UNITS_BUFFER], objects[UNITS_BUFFER];
    size_t used = 32;
    if (row->growth.verdict != GROWTH_TOO_FEW)
        snprintf(growth, sizeof(growth), "%s%s", units_format_rate(rate, row->growth.per_second),
                 row->growth.provisional ? "?" : "");
    if (row->is_unattributed) {
        text_printf(report->out, "  %9s %5s  %11s  ", units_format_bytes(held, (double)row->published.inuse_bytes),
                    units_format_percent(share, row->share), growth);
        if (report->columns >= WIDE_COLUMNS)
            text_printf(report->out, "%11s %8s  ", "", "");
        text_append(report->out, "(" ANALYSIS_UNATTRIBUTED ")\n");
        return;
    }
    text_printf(report->out, "  %9s %5s  %11s  ", units_format_bytes(held, (double)row->published.inuse_bytes),
                units_format_percent(share, row->share), growth);
    if (report->columns >= WIDE_COLUMNS) {
        text_printf(report->out, "%11s %8s  ", units_format_rate(allocated, row->alloc_bytes_per_s),
                    units_format_count(objects, (double)row->published.inuse_objects));
        used += 22;
    }
    add_place(report, row->subject, report->columns - used);
}

static void add_site_heading(struct report *report)
{
    text_printf(report->out, "  %9s %5s  %11s  ", snapshot_profile_held(report->analysis->snapshot), "share", "growth");
    if (report->columns >= WIDE_COLUMNS)
        text_printf(report->out, "%11s %8s  ", "allocates", "objects");
    text_append(report->out, "call site\n");
}

static void add_stack(struct report *report, const struct allocation_row *row)
{
    const struct catalog *catalog = report->analysis->snapshot->catalog;
    struct stack stack = catalog_stack(catalog, row->stack);
    for (uint32_t i = 0; i < stack.depth && i < MAX_STACK_FRAMES; i++) {
        text_append(report->out, "      ");
        add_place(report, stack.frames[i], report->columns - 6);
    }
    if (stack.depth > MAX_STACK_FRAMES)
        text_printf(report->out, "      ... and %u callers more\n", stack.depth - MAX_STACK_FRAMES);
}

static void add_growing_sites(struct report *report, size_t growing)
{
    report_section(report, "Call sites that grow, with the stack that holds most");
    add_site_heading(report);
    for (size_t i = 0; i < growing && i < MAX_SITES; i++) {
        const struct allocation_row *row = &report->analysis->call_sites[i];
        add_site_row(report, row);
        if (i < MAX_STACKS)
            add_stack(report, row);
    }
    if (growing > MAX_SITES)
        text_printf(report->out, "  ... and %zu more\n", growing - MAX_SITES);
    /* All are, or none: it depends on the number of cycles. */
    if (growing > 0 && report->analysis->call_sites[0].growth.provisional)
        report_wrap(
            report, 2,
            snapshot_profile_kind(report->analysis->snapshot) == PROFILE_OF_RUNTIME
                ? "? Growing by what was counted since the last GC cycle: fewer than 5 have come, and the next may "
                  "take it back."
                : "? Growing by fewer than 5 samples: the next ones may take it back.");
}

static int compare_inuse(const void *a, const void *b)
{
    const struct allocation_row *left = *(const struct allocation_row *const *)a,
                                *right = *(const struct allocation_row *const *)b;
    int64_t difference = right->published.inuse_bytes - left->published.inuse_bytes;
    /* Rows stand in order of growth: equals keep it. */
    return difference ? (difference > 0 ? 1 : -1) : (left > right) - (left < right);
}

/* The sites that hold most, whether they grow or not. */
static void add_largest_sites(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    char total[UNITS_BUFFER], title[128];
    size_t count = analysis_num_listed(analysis);
    const struct allocation_row **rows = calloc(count, sizeof(*rows));
    if (!rows) {
        report->out->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        rows[i] = &analysis->call_sites[i];
    qsort(rows, count, sizeof(*rows), compare_inuse);
    snprintf(title, sizeof(title), "Call sites that %s most, of %s %s by %zu sites",
             snapshot_profile_kind(analysis->snapshot) == PROFILE_OF_FAULTS ? "touch" : "hold",
             units_format_bytes(total, (double)analysis->totals.published.inuse_bytes),
             snapshot_profile_held(analysis->snapshot), analysis->totals.call_sites);
    report_section(report, title);
    add_site_heading(report);
    for (size_t i = 0; i < count && i < MAX_SITES && rows[i]->published.inuse_bytes > 0; i++)
        add_site_row(report, rows[i]);
    free(rows);
}

static void add_sites(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    const struct snapshot *snapshot = analysis->snapshot;
    if (snapshot->profile_state != PROFILE_ON) {
        /* Without a runtime of that kind the verdict has said so. */
        if (snapshot->profile_reason) {
            report_section(report, "Call sites");
            report_wrap(report, 2, snapshot->profile_reason);
        }
        return;
    }
    size_t growing = 0;
    while (growing < analysis->num_call_sites && analysis->call_sites[growing].growth.verdict == GROWTH_GROWING)
        growing++;
    if (growing)
        add_growing_sites(report, growing);
    if (analysis->num_call_sites || analysis->unattributed)
        add_largest_sites(report);
    char cycle[UNITS_BUFFER], rate[UNITS_BUFFER], lost[UNITS_BUFFER];
    struct text note = {0};
    char moment[SNAPSHOT_MOMENT_BUFFER];
    enum profile_kind kind = snapshot_profile_kind(snapshot);
    text_printf(&note, kind == PROFILE_OF_FAULTS ? "New memory by the code that first touches it, %s"
                       : kind == PROFILE_OF_RUNTIME ? "In use %s, as pprof counts" : "In use %s",
                snapshot_profile_moment(snapshot, moment));
    if (kind == PROFILE_OF_FAULTS)
        text_printf(&note, "; estimated from one page fault in %s, of which %s were sampled and %s lost",
                    units_format_exact(cycle, (int64_t)report_value(report, COUNTER_FAULT_PERIOD)),
                    units_format_exact(rate, (int64_t)report_value(report, COUNTER_PROBE_SAMPLES)),
                    units_format_exact(lost, (int64_t)report_value(report, COUNTER_PROBE_LOST)));
    else if (report_known(report, COUNTER_MEM_PROFILE_RATE) && report_value(report, COUNTER_MEM_PROFILE_RATE) > 1)
        text_printf(&note, "; estimated from one sample in %s allocated",
                    units_format_bytes(rate, report_value(report, COUNTER_MEM_PROFILE_RATE)));
    if (report_known(report, COUNTER_PROBE_CALLS) && report_known(report, COUNTER_PROBE_SHARE))
        text_printf(&note, "; %s calls of the allocator were probed, lately at about %s of a processor",
                    units_format_exact(cycle, (int64_t)report_value(report, COUNTER_PROBE_CALLS)),
                    units_format_percent(rate, report_counter(report, COUNTER_PROBE_SHARE)->value.real));
    if (snapshot->profile_since_unix_ns > PROFILE_SINCE_UNKNOWN && snapshot->unix_ns > snapshot->profile_since_unix_ns)
        text_printf(&note, kind == PROFILE_OF_FAULTS ? "; watched for %s" : "; profiling was switched on %s ago",
                    units_format_duration(cycle, (double)(snapshot->unix_ns - snapshot->profile_since_unix_ns)));
    else if (snapshot->profile_since_unix_ns)
        text_append(&note, "; profiling was switched on while the process ran");
    if (snapshot->profile_torn)
        text_append(&note, "; the last good reading: a GC cycle ended during each newer one");
    if (snapshot->sites_truncated)
        text_append(&note, "; the list of the runtime's buckets was longer than is read");
    text_append(&note, ".");
    if (note.data)
        report_wrap(report, 2, note.data);
    report->out->failed |= note.failed;
    text_deinit(&note);
}

/* ---- goroutines and GC ---- */

/* How long they wait, and on what. */
static void add_waits(struct report *report, const struct goroutine_row *row)
{
    struct text details = {0};
    struct goroutine_row waits = *row;
    waits.growth.verdict = GROWTH_TOO_FEW;      /* It has a column. */
    goroutine_write_details(&waits, &details);
    if (details.length > 0) {
        text_printf(report->out, "%41s", "");
        report_clip(report->out, details.data, report->columns - 41);
        text_append(report->out, "\n");
    }
    report->out->failed |= details.failed;
    text_deinit(&details);
}

static void add_goroutines(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    const struct catalog *catalog = analysis->snapshot->catalog;
    if (!analysis->num_goroutines)
        return;
    report_section(report, "Goroutines");
    text_printf(report->out, "  %9s %7s  %-19s %s\n", "count", "growth", "waits for",
                "is in, and where it was started");
    size_t shown = 0;
    for (size_t i = 0; i < analysis->num_goroutines && shown < MAX_GOROUTINE_ROWS; i++) {
        const struct goroutine_row *row = &analysis->goroutines[i];
        char count[UNITS_BUFFER], growth[UNITS_BUFFER] = "";
        if (row->group.system)
            continue;
        shown++;
        if (row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING)
            snprintf(growth, sizeof(growth), "%+.2g/s", row->growth.per_second);
        text_printf(report->out, "  %9s %7s  ", units_format_exact(count, row->group.count), growth);
        const char *state = catalog_string(catalog, row->group.wait_reason ? row->group.wait_reason : row->group.state);
        size_t width = report_clip(report->out, state, 19);
        text_printf(report->out, "%*s", (int)(20 - width), "");
        frame_id subject = goroutine_subject(catalog, &row->group);
        add_place(report, subject, report->columns - 41);
        bool is_same = catalog_frame(catalog, row->group.start)->function == catalog_frame(catalog, subject)->function;
        if (row->group.start && !is_same) {
            text_printf(report->out, "%41s", "in ");
            add_place(report, row->group.start, report->columns - 41);
        }
        if (row->group.created_by) {
            text_printf(report->out, "%41s", "by ");
            add_place(report, row->group.created_by, report->columns - 41);
        }
        add_waits(report, row);
    }
}

static void add_cycles(struct report *report)
{
    size_t count = 0;
    const struct gc_cycle *cycles = history_cycles(report->history, &count);
    uint64_t now = report->analysis->snapshot->unix_ns;
    if (!count)
        return;
    report_section(report, "The last GC cycles");
    text_printf(report->out, "  %9s %14s %9s %9s %9s %9s\n", "cycle", "ended", "pause", "before", "after", "goal");
    for (size_t i = count > MAX_CYCLES ? count - MAX_CYCLES : 0; i < count; i++) {
        const struct gc_cycle *cycle = &cycles[i];
        char number[UNITS_BUFFER], ago[UNITS_BUFFER] = "?", pause[UNITS_BUFFER] = "?", ended[UNITS_BUFFER + 8];
        char before[UNITS_BUFFER] = "?", after[UNITS_BUFFER] = "?", goal[UNITS_BUFFER] = "?";
        if (cycle->times_known) {
            units_format_duration(ago, now > cycle->end_unix_ns ? (double)(now - cycle->end_unix_ns) : 0);
            units_format_duration(pause, (double)cycle->pause_ns);
        }
        if (cycle->heap_known) {
            units_format_bytes(before, (double)cycle->heap_before);
            units_format_bytes(after, (double)cycle->heap_after);
        }
        if (cycle->goal_known)
            units_format_bytes(goal, (double)cycle->heap_goal);
        snprintf(ended, sizeof(ended), "%s ago", ago);
        text_printf(report->out, "  %9s %14s %9s %9s %9s %9s\n", units_format_exact(number, (int64_t)cycle->number),
                    ended, pause, before, after, goal);
    }
}

struct error *export_report(const struct history *history, const struct analysis *analysis, unsigned columns,
                            struct text *ret_text)
{
    return export_report_recorded(history, analysis, NULL, columns, ret_text);
}

struct error *export_report_recorded(const struct history *history, const struct analysis *analysis,
                                     const struct export_recorded *recorded, unsigned columns, struct text *ret_text)
{
    struct text out = {0};
    struct report report = {.out = &out,
                            .history = history,
                            .analysis = analysis,
                            .recorded = recorded,
                            .columns = columns < MIN_COLUMNS ? MIN_COLUMNS : columns};
    add_head(&report);
    if (recorded)
        report_add_recorded(&report);
    struct error *error = add_verdict(&report);
    if (error) {
        text_deinit(&out);
        return error;
    }
    report_add_suspects(&report);
    report_section(&report, "Key figures");
    add_memory_figures(&report);
    add_runtime_figures(&report);
    add_sites(&report);
    add_goroutines(&report);
    add_cycles(&report);
    report_add_memory(&report);
    report_add_malloc(&report);
    report_add_unavailable(&report);
    report_add_cost(&report);
    if (out.failed) {
        text_deinit(&out);
        return error_no_memory();
    }
    *ret_text = out;
    return NULL;
}
