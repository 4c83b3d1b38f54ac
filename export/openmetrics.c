/* A moment as OpenMetrics text (the specification's version 1.0.0) that is Prometheus text, version 0.0.4, as well, so
 * that scrapers, the textfile collector and promtool take it. The two disagree on counters: one names the family
 * without the samples' "_total", the other with it. So what only rises has no "# TYPE", which both read as unknown; and
 * they disagree on the unit of time stamps, of which there are none: heaptop_sample_timestamp_seconds tells when. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "heaptop/export.h"

/* Call sites, and groups of goroutines, that have series of their own. */
#define MAX_SERIES 100
#define NAME_SIZE 128

struct writer {
    const struct history *history;
    const struct analysis *analysis;
    const struct catalog *catalog;
    struct text text, labels;
};

/* ---- lines ---- */

static void append_label_value(struct text *out, const char *value)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, value, strlen(value));
    for (size_t i = 0; i < escaped.length; i++) {
        char letter = escaped.data[i];
        if (letter == '\\' || letter == '"')
            text_append(out, "\\");
        text_append_bytes(out, &letter, 1);
    }
    out->failed |= escaped.failed;
    text_deinit(&escaped);
}

/* Of the series that is about to be written, behind those of all. */
static void add_label(struct writer *writer, const char *name, const char *value)
{
    text_printf(&writer->labels, ",%s=\"", name);
    append_label_value(&writer->labels, value);
    text_append(&writer->labels, "\"");
}

static void add_frame_labels(struct writer *writer, const char *prefix, frame_id id)
{
    const struct frame *frame = catalog_frame(writer->catalog, id);
    char name[32], value[32] = "";
    const char *function = catalog_string(writer->catalog, frame->function);
    if (!*function && frame->address)
        snprintf(value, sizeof(value), "0x%" PRIx64, frame->address);
    snprintf(name, sizeof(name), "%sfunction", prefix);
    add_label(writer, name, *function ? function : value);
    snprintf(name, sizeof(name), "%sfile", prefix);
    add_label(writer, name, catalog_string(writer->catalog, frame->file));
    snprintf(value, sizeof(value), "%u", frame->line);
    snprintf(name, sizeof(name), "%sline", prefix);
    add_label(writer, name, frame->line ? value : "");
}

/* HELP, TYPE and UNIT of the samples that follow. */
static void begin_family(struct writer *writer, const char *name, const char *unit, bool only_rises, const char *help)
{
    text_printf(&writer->text, "# HELP heaptop_%s %s%s\n", name, help, only_rises ? "; only rises" : "");
    if (!only_rises)
        text_printf(&writer->text, "# TYPE heaptop_%s gauge\n", name);
    if (unit)
        text_printf(&writer->text, "# UNIT heaptop_%s %s\n", name, unit);
}

/* How a value is written. */
enum number { NUMBER_INTEGER, NUMBER_REAL, NUMBER_TIME_STAMP };

/* With the labels that were added, which end with it. */
static void add_value(struct writer *writer, const char *name, double value, enum number number)
{
    const struct target_info *target = &writer->analysis->snapshot->target;
    text_printf(&writer->text, "heaptop_%s{pid=\"%d\",comm=\"", name, (int)target->pid);
    append_label_value(&writer->text, catalog_string(writer->catalog, target->comm));
    text_printf(&writer->text, "\"%s} ", writer->labels.length ? writer->labels.data : "");
    text_printf(&writer->text,
                number == NUMBER_INTEGER ? "%.0f\n"
                : number == NUMBER_REAL  ? "%.9g\n"
                                         : "%.3f\n",
                value);
    writer->labels.length = 0;
}

static void add_gauge(struct writer *writer, const char *name, const char *unit, const char *help, double value)
{
    begin_family(writer, name, unit, false, help);
    add_value(writer, name, value, NUMBER_INTEGER);
}

/* ---- counters ---- */

/* Base units, and names that end with them: "pause_total_ns" is "pause_total_seconds". */
static const char *rename_counter(const struct counter_info *info, char name[NAME_SIZE])
{
    static const struct {
        enum unit unit;
        const char *old_end, *new_end, *unit_name;
    } endings[] = {
        {UNIT_UNIX_NANOSECONDS, "_unix_ns", "_timestamp_seconds", "seconds"},
        {UNIT_NANOSECONDS, "_ns", "_seconds", "seconds"},
        {UNIT_FRACTION, "_fraction", "_ratio", "ratio"},
        {UNIT_BYTES, "_bytes", "_bytes", "bytes"},
    };
    snprintf(name, NAME_SIZE, "%s_%s", info->group, info->name);
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        size_t length = strlen(name), end = strlen(endings[i].old_end);
        if (endings[i].unit != info->unit || length < end || strcmp(name + length - end, endings[i].old_end) != 0)
            continue;
        snprintf(name + length - end, NAME_SIZE - (length - end), "%s", endings[i].new_end);
        return endings[i].unit_name;
    }
    return NULL;
}

static void add_counters(struct writer *writer)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *counter = &writer->analysis->snapshot->counters[id];
        const struct counter_info *info = &counter_infos[id];
        char name[NAME_SIZE];
        if (!counter_known(counter))
            continue;
        const char *unit = rename_counter(info, name);
        bool is_time = info->unit == UNIT_NANOSECONDS || info->unit == UNIT_UNIX_NANOSECONDS;
        double value = info->unit == UNIT_FRACTION ? counter->value.real : (double)counter->value.integer;
        begin_family(writer, name, unit, info->kind == COUNTER_MONOTONIC, info->help);
        add_value(writer, name, is_time ? value / 1e9 : value,
                  info->unit == UNIT_UNIX_NANOSECONDS       ? NUMBER_TIME_STAMP
                  : is_time || info->unit == UNIT_FRACTION ? NUMBER_REAL
                                                            : NUMBER_INTEGER);
    }
}

static void add_target(struct writer *writer)
{
    const struct snapshot *snapshot = writer->analysis->snapshot;
    const struct target_info *target = &snapshot->target;
    const struct {
        const char *name;
        string_id value;
    } labels[] = {{"exe", target->exe},
                  {"runtime", target->runtime},
                  {"runtime_version", target->runtime_version},
                  {"main_module", target->main_module},
                  {"build_id", target->build_id},
                  {"container", target->container}};
    begin_family(writer, "target_info", NULL, false, "Who the process is; always 1");
    for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
        add_label(writer, labels[i].name, catalog_string(writer->catalog, labels[i].value));
    add_value(writer, "target_info", 1, NUMBER_INTEGER);
    begin_family(writer, "sample_timestamp_seconds", "seconds", false, "When the figures were read");
    add_value(writer, "sample_timestamp_seconds", (double)snapshot->unix_ns / 1e9, NUMBER_TIME_STAMP);
    begin_family(writer, "target_start_timestamp_seconds", "seconds", false, "When the process started");
    add_value(writer, "target_start_timestamp_seconds", (double)target->start_unix_ns / 1e9, NUMBER_TIME_STAMP);
}

static void add_cost(struct writer *writer)
{
    const struct cost *cost = &writer->analysis->snapshot->cost;
    const struct {
        const char *name, *unit, *help;
        double value;
    } figures[] = {
        {"cost_cpu_seconds", "seconds", "CPU time that heaptop has used", (double)cost->cpu_ns / 1e9},
        {"cost_read_bytes", "bytes", "Bytes that heaptop has read of the process's memory", (double)cost->bytes_read},
        {"cost_stops", NULL, "How often heaptop has stopped the process", (double)cost->stops},
        {"cost_stop_seconds", "seconds", "How long the process was stopped by heaptop", (double)cost->stop_ns / 1e9},
        {"cost_writes", NULL, "How often heaptop has written to the process's memory", (double)cost->writes},
    };
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        begin_family(writer, figures[i].name, figures[i].unit, true, figures[i].help);
        bool is_time = figures[i].unit && strcmp(figures[i].unit, "seconds") == 0;
        add_value(writer, figures[i].name, figures[i].value, is_time ? NUMBER_REAL : NUMBER_INTEGER);
    }
}

/* ---- lists ---- */

static void add_sites(struct writer *writer)
{
    static const struct {
        enum site_value value;
        const char *name, *unit, *help;
    } families[] = {
        {SITE_INUSE_BYTES, "site_inuse_bytes", "bytes", "In use by call site, as of the last GC cycle"},
        {SITE_INUSE_OBJECTS, "site_inuse_objects", NULL, "Objects in use by call site, as of the last GC cycle"},
        {SITE_ALLOC_BYTES, "site_alloc_bytes", "bytes", "Allocated by call site since the process started"},
        {SITE_ALLOC_OBJECTS, "site_alloc_objects", NULL, "Objects allocated by call site since the process started"},
    };
    const struct analysis *analysis = writer->analysis;
    for (size_t family = 0; analysis->num_call_sites > 0 && family < ARRAY_SIZE(families); family++) {
        bool only_rises = families[family].value == SITE_ALLOC_BYTES || families[family].value == SITE_ALLOC_OBJECTS;
        begin_family(writer, families[family].name, families[family].unit, only_rises, families[family].help);
        /* Growing ones come first, then the largest. Of some nothing is published yet. */
        for (size_t i = 0, written = 0; i < analysis->num_call_sites && written < MAX_SERIES; i++) {
            const struct allocation_row *row = &analysis->call_sites[i];
            if (row->published.alloc_objects == 0)
                continue;
            add_frame_labels(writer, "", row->subject);
            add_value(writer, families[family].name,
                      (double)site_value_of(&row->published, families[family].value), NUMBER_INTEGER);
            written++;
        }
    }
}

static void add_goroutines(struct writer *writer)
{
    const struct analysis *analysis = writer->analysis;
    const struct goroutine_row *rows = analysis->goroutines_by[GOROUTINES_BY_STATE];
    size_t count = analysis->num_goroutines_by[GOROUTINES_BY_STATE];
    if (count > 0)
        begin_family(writer, "goroutines_by_state", NULL, false, "Goroutines by what they wait for");
    for (size_t i = 0; i < count && i < MAX_SERIES; i++) {
        add_label(writer, "state", catalog_string(writer->catalog, rows[i].group.state));
        add_label(writer, "wait_reason", catalog_string(writer->catalog, rows[i].group.wait_reason));
        add_label(writer, "system", rows[i].group.system ? "true" : "false");
        add_value(writer, "goroutines_by_state", rows[i].group.count, NUMBER_INTEGER);
    }
    rows = analysis->goroutines_by[GOROUTINES_BY_CREATOR];
    count = analysis->num_goroutines_by[GOROUTINES_BY_CREATOR];
    if (count > 0)
        begin_family(writer, "goroutines_by_creator", NULL, false, "Goroutines by the go statement and their function");
    for (size_t i = 0; i < count && i < MAX_SERIES; i++) {
        add_frame_labels(writer, "created_by_", rows[i].group.created_by);
        add_frame_labels(writer, "start_", rows[i].group.start);
        add_label(writer, "system", rows[i].group.system ? "true" : "false");
        add_value(writer, "goroutines_by_creator", rows[i].group.count, NUMBER_INTEGER);
    }
}

static void add_memory_parts(struct writer *writer)
{
    const struct memory_parts *parts = &writer->analysis->memory_parts;
    if (!parts->known)
        return;
    begin_family(writer, "memory_part_bytes", "bytes", false, "Where resident memory is: the parts sum to RSS");
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        add_label(writer, "part", memory_part_infos[part].name);
        add_value(writer, "memory_part_bytes", (double)parts->bytes[part], NUMBER_INTEGER);
    }
}

struct error *export_openmetrics(const struct history *history, const struct analysis *analysis, struct text *ret_text)
{
    struct writer writer = {.history = history, .analysis = analysis, .catalog = analysis->snapshot->catalog};
    add_target(&writer);
    add_counters(&writer);
    add_memory_parts(&writer);
    add_sites(&writer);
    add_goroutines(&writer);
    if (analysis->limit_bytes && isfinite(analysis->seconds_to_limit))
        add_gauge(&writer, "limit_in_seconds", "seconds", "When the tightest limit is met at the present growth",
                  analysis->seconds_to_limit);
    add_cost(&writer);
    text_append(&writer.text, "# EOF\n");
    bool failed = writer.text.failed || writer.labels.failed;
    text_deinit(&writer.labels);
    if (failed) {
        text_deinit(&writer.text);
        return error_no_memory();
    }
    *ret_text = writer.text;
    return NULL;
}
