/* The closing parts of the report: what RSS is made of, what could not be read, and what looking has cost. */
#include "export/report.h"

#include <stdio.h>
#include <string.h>

#define MAX_SPAN_CLASSES 5

/* ---- memory ---- */

static void add_amount(struct report *report, const char *amount, const char *text)
{
    text_printf(report->out, "  %9s  ", amount);
    report_wrap_behind(report, 13, text);
}

static void add_counter(struct report *report, enum counter_id id, const char *text)
{
    char amount[UNITS_BUFFER];
    if (report_known(report, id) && report_value(report, id) != 0)
        add_amount(report, units_format_bytes(amount, report_value(report, id)), text);
}

/* Heap memory that holds nothing and has not gone back to the system: reuse, not a leak. */
static void add_kept_heap(struct report *report)
{
    char amount[UNITS_BUFFER];
    if (!report_known(report, COUNTER_HEAP_IDLE) || !report_known(report, COUNTER_HEAP_RELEASED))
        return;
    double kept = report_value(report, COUNTER_HEAP_IDLE) - report_value(report, COUNTER_HEAP_RELEASED);
    if (kept > 0)
        add_amount(report, units_format_bytes(amount, kept), "free heap kept for reuse: not a leak");
}

static void add_runtime_overhead(struct report *report)
{
    static const enum counter_id parts[] = {COUNTER_MSPAN_SYS, COUNTER_MCACHE_SYS, COUNTER_BUCKHASH_SYS, COUNTER_GC_SYS,
                                            COUNTER_OTHER_SYS};
    char amount[UNITS_BUFFER];
    double sum = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        sum += report_known(report, parts[i]) ? report_value(report, parts[i]) : 0;
    if (sum > 0)
        add_amount(report, units_format_bytes(amount, sum),
                   "the runtime's own: GC metadata, span tables, profile buckets");
}

/* The parts that sum to RSS, and what they mean. */
static void add_parts(struct report *report, const struct memory_parts *parts)
{
    char amount[UNITS_BUFFER], took[UNITS_BUFFER];
    struct text note = {0};
    uint64_t now = report->analysis->snapshot->unix_ns, interval = report->analysis->snapshot->interval_ns;
    text_printf(report->out, "\nMemory: RSS %s",
                units_format_bytes(amount, (double)(parts->rss_bytes + parts->excess_bytes)));
    /* Of an older look than the figures on top are. */
    if (now > parts->unix_ns + interval)
        text_printf(report->out, ", %s ago,", units_format_duration(took, (double)(now - parts->unix_ns)));
    text_append(report->out, " is the sum of\n");
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        struct text line = {0};
        text_printf(&line, "%s: %s", memory_part_infos[part].label, memory_part_infos[part].help);
        if (parts->bytes[part] && line.data)
            add_amount(report, units_format_bytes(amount, (double)parts->bytes[part]), line.data);
        report->out->failed |= line.failed;
        text_deinit(&line);
    }
    struct error *error = memory_parts_write_note(parts, &note);
    report->out->failed |= error != NULL;
    error_destroy(error);
    if (!parts->heap_known && parts->heap_reason && analysis_is_go(report->analysis))
        text_printf(&note, "%sThe Go heap is not divided by its spans: %s.", note.length ? " " : "",
                    parts->heap_reason);
    text_printf(&note, "%sLooking at the pages took %s.", note.length ? " " : "",
                units_format_duration(took, (double)parts->took_ns));
    report_wrap(report, 2, note.data ? note.data : "");
    report->out->failed |= note.failed;
    text_deinit(&note);
}

/* Where room in the heap's spans goes unused: the sizes that waste most. */
static void add_span_classes(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    bool shown[256] = {false};
    text_append(report->out, "\nHeap spans with most free room, by size of their objects\n"
                             "       size      spans      objects        free   behind the last slot\n");
    for (unsigned row = 0; row < MAX_SPAN_CLASSES; row++) {
        size_t most = SIZE_MAX;
        for (size_t i = 0; i < analysis->num_span_classes && i < sizeof(shown); i++) {
            if (!shown[i] && (most == SIZE_MAX ||
                              analysis->span_classes[i].free_bytes + analysis->span_classes[i].tail_bytes >
                                  analysis->span_classes[most].free_bytes + analysis->span_classes[most].tail_bytes))
                most = i;
        }
        if (most == SIZE_MAX)
            break;
        shown[most] = true;
        const struct span_class *class = &analysis->span_classes[most];
        char size[UNITS_BUFFER], spans[UNITS_BUFFER], objects[UNITS_BUFFER], free_bytes[UNITS_BUFFER],
            tail[UNITS_BUFFER];
        text_printf(report->out, "  %9s  %9s  %11s  %10s  %10s%s\n",
                    class->object_size ? units_format_bytes(size, class->object_size) : "large",
                    units_format_exact(spans, class->spans), units_format_exact(objects, class->objects),
                    units_format_bytes(free_bytes, (double)class->free_bytes),
                    units_format_bytes(tail, (double)class->tail_bytes), class->no_scan ? "   no pointers" : "");
    }
}

void report_add_memory(struct report *report)
{
    char amount[UNITS_BUFFER];
    if (report->analysis->memory_parts.known) {
        add_parts(report, &report->analysis->memory_parts);
        if (report->analysis->num_span_classes > 0)
            add_span_classes(report);
        return;
    }
    if (!report_known(report, COUNTER_RSS))
        return;
    text_printf(report->out, "\nMemory: RSS %s, of it\n",
                units_format_bytes(amount, report_value(report, COUNTER_RSS)));
    add_counter(report, COUNTER_ANON, "anonymous: heaps, stacks, data");
    add_counter(report, COUNTER_FILE, "pages of files: code, libraries, mapped data");
    add_counter(report, COUNTER_SHMEM, "shared memory");
    if (!report_known(report, COUNTER_HEAP_INUSE))
        return;
    text_append(report->out, "  As the Go runtime counts, not all of which need be resident:\n");
    add_counter(report, COUNTER_HEAP_INUSE, "heap spans in use");
    add_kept_heap(report);
    add_counter(report, COUNTER_STACK_INUSE, "goroutine stacks");
    add_runtime_overhead(report);
}

/* ---- what could not be read ---- */

/* Of the Go runtime's figures nobody misses any in a program that has none. */
static bool is_missed(const struct report *report, enum counter_id id)
{
    const char *group = counter_infos[id].group;
    bool is_of_go = strcmp(group, "go") == 0 || strcmp(group, "scheduler") == 0;
    return snapshot_misses(report->analysis->snapshot, id) && (!is_of_go || analysis_is_go(report->analysis));
}

/* Counters that share a reason make one line. */
static void add_unavailable_counters(struct report *report, bool *reported)
{
    const struct snapshot *snapshot = report->analysis->snapshot;
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *counter = &snapshot->counters[id];
        if (!is_missed(report, (enum counter_id)id) || reported[id])
            continue;
        const char *reason = counter->reason ? counter->reason : "not read";
        struct text line = {0};
        size_t names = 0;
        for (int other = id; other < COUNTER_COUNT; other++) {
            const struct counter *candidate = &snapshot->counters[other];
            if (!snapshot_misses(snapshot, (enum counter_id)other) ||
                strcmp(candidate->reason ? candidate->reason : "not read", reason) != 0)
                continue;
            reported[other] = true;
            if (names < 4)
                text_printf(&line, "%s%s.%s", names ? ", " : "", counter_infos[other].group, counter_infos[other].name);
            names++;
        }
        if (names > 4)
            text_printf(&line, " and %zu more", names - 4);
        text_printf(&line, ": %s", reason);
        if (line.data)
            report_wrap(report, 2, line.data);
        report->out->failed |= line.failed;
        text_deinit(&line);
    }
}

void report_add_unavailable(struct report *report)
{
    const struct snapshot *snapshot = report->analysis->snapshot;
    bool reported[COUNTER_COUNT] = {false}, any = snapshot->num_problems > 0;
    for (int id = 0; id < COUNTER_COUNT; id++)
        any |= is_missed(report, (enum counter_id)id);
    if (!any)
        return;
    text_append(report->out, "\nNot read, and why\n");
    add_unavailable_counters(report, reported);
    for (size_t i = 0; i < snapshot->num_problems; i++)
        report_wrap(report, 2, snapshot->problems[i].text);
}

/* ---- cost ---- */

void report_add_cost(struct report *report)
{
    const struct snapshot *snapshot = report->analysis->snapshot;
    const struct cost *cost = &snapshot->cost;
    const struct catalog *catalog = snapshot->catalog;
    char buffer[UNITS_BUFFER], other[UNITS_BUFFER];
    struct text line = {0};
    text_printf(&line, "Attached in %s (%s of it for symbols).", units_format_duration(buffer, (double)cost->attach_ns),
                units_format_duration(other, (double)cost->symbols_ns));
    text_printf(&line, " heaptop took %s of CPU in all, %s for the last sample;",
                units_format_duration(buffer, (double)cost->cpu_ns),
                units_format_duration(other, (double)cost->sample_cpu_ns));
    text_printf(&line, " it read %s,", units_format_bytes(buffer, (double)cost->bytes_read));
    text_printf(&line, " stopped the process %llu times and wrote to it %llu time%s%s.",
                (unsigned long long)cost->stops, (unsigned long long)cost->writes, cost->writes == 1 ? "" : "s",
                cost->writes ? ": memory profiling was switched on" : "");
    if (cost->samples_retried || cost->samples_dropped)
        text_printf(&line, " %llu samples were read again, %llu came too late.",
                    (unsigned long long)cost->samples_retried, (unsigned long long)cost->samples_dropped);
    const char *located = catalog_string(catalog, snapshot->target.how_located);
    const char *laid_out = catalog_string(catalog, snapshot->target.how_laid_out);
    if (*located)
        text_printf(&line, " Variables were found by %s, layouts by %s.", located, *laid_out ? laid_out : "?");
    text_append(report->out, "\nWhat looking has cost\n");
    if (line.data)
        report_wrap(report, 2, line.data);
    report->out->failed |= line.failed;
    text_deinit(&line);
}
