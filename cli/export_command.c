#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

#include "cli/recorded.h"
#include "cli/take.h"

DEFINE_CLEANUP(struct source *, source_close)
DEFINE_CLEANUP(struct history *, history_destroy)
DEFINE_CLEANUP(struct analysis *, analysis_destroy)
DEFINE_CLEANUP(struct diff *, diff_destroy)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

/* ---- one format each ---- */

/* Of one snapshot: JSON, or OpenMetrics text. */
static struct error *write_session(struct snapshot *snapshot, enum output_format format, struct text *ret_text)
{
    _cleanup_(history_destroyp) struct history *history = NULL;
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    struct error *error = history_create(NULL, &history);
    if (!error)
        error = history_add(history, snapshot);
    if (!error)
        error = analysis_compute(history, &analysis);
    if (error)
        return error;
    return format == FORMAT_JSON ? export_json(history, analysis, ret_text)
                                 : export_openmetrics(history, analysis, ret_text);
}

static struct error *write_diff(const struct export_request *request, struct text *ret_text)
{
    _cleanup_(diff_destroyp) struct diff *diff = NULL;
    const struct diff_source base = {.snapshot = request->base}, now = {.snapshot = request->snapshot};
    struct error *error = diff_compute(&base, &now, NULL, &diff);
    return error ? error : export_diff_json(diff, ret_text);
}

static struct error *write_format(const struct export_request *request, enum output_format format,
                                  struct snapshot *snapshot, struct text *ret_text)
{
    switch (format) {
    case FORMAT_FOLDED:
        return export_folded(request, ret_text);
    case FORMAT_SVG:
        return export_svg(request, ret_text);
    case FORMAT_CSV:
        return export_csv(request, ret_text);
    case FORMAT_JSON:
    case FORMAT_OPENMETRICS:
        return request->base ? write_diff(request, ret_text) : write_session(snapshot, format, ret_text);
    default:
        return export_pprof(request, ret_text);
    }
}

/* Counters over a span of a recording, or over all of it. */
static struct error *write_counters(const struct recorded *recorded, struct text *text)
{
    _cleanup_(source_closep) struct source *source = NULL;
    uint64_t from, until;
    bool is_over = false;
    struct error *error = recorded_open_span(recorded, &source, &from, &until);
    if (!error)
        error = export_csv_counters_header(text);
    while (!error && !is_over) {
        _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
        error = source->ops->next(source, 0, &snapshot);
        is_over = !snapshot || snapshot->unix_ns > until;
        if (!error && !is_over)
            error = export_csv_counters_row(snapshot, text);
        is_over = is_over || snapshot->exited;
    }
    return error;
}

/* ---- the command ---- */

/* A folder that is not there or may not be written says nothing of the process. */
static enum exit_status write_output(const struct options *options, const struct text *text)
{
    struct error *error = export_write_file(options->output, text->data ? text->data : "", text->length);
    if (!error)
        return STATUS_DONE;
    error_print(error);
    return STATUS_FAILED;
}

static enum exit_status write_snapshot(const struct options *options, struct snapshot *snapshot,
                                       const struct snapshot *base)
{
    _cleanup_(text_deinit) struct text text = {0};
    const struct export_request request = {.snapshot = snapshot,
                                           .base = base,
                                           .profile = options->profile,
                                           .value = options->value,
                                           .icicle = options->icicle};
    struct error *error = write_format(&request, options->format, snapshot, &text);
    return error ? error_print(error_prefix(error, "process %d", (int)snapshot->target.pid))
                 : write_output(options, &text);
}

/* The difference between the two ends of a span. */
static enum exit_status export_span(const struct options *options, const struct recorded *recorded)
{
    _cleanup_(snapshot_unrefp) struct snapshot *base = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    struct error *error = recorded_take(recorded, *recorded->moment ? recorded->moment : "+0s", &base);
    if (!error)
        error = recorded_take(recorded, *recorded->until ? recorded->until : "-0s", &snapshot);
    if (!error && snapshot->unix_ns < base->unix_ns)
        error = error_create(ERROR_USAGE, "the span ends before it begins");
    return error ? error_print(error) : write_snapshot(options, snapshot, base);
}

static enum exit_status export_counters(const struct options *options, const struct recorded *recorded)
{
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error = write_counters(recorded, &text);
    return error ? error_print(error) : write_output(options, &text);
}

static enum exit_status export_moment(const struct options *options)
{
    _cleanup_(snapshot_unrefp) struct snapshot *base = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    enum exit_status status = STATUS_DONE;
    if (options->base)
        status = take_snapshot(options->base, options, false, &base);
    if (status != STATUS_DONE || (options->base && !base))
        return status;
    bool with_map = options->format == FORMAT_JSON || options->format == FORMAT_OPENMETRICS;
    status = take_snapshot(options->target, options, with_map, &snapshot);
    return status != STATUS_DONE || !snapshot ? status : write_snapshot(options, snapshot, base);
}

enum exit_status export_command(const struct options *options)
{
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    if (options->format == FORMAT_PPROF && strcmp(options->output, "-") == 0 && isatty(STDOUT_FILENO))
        return error_print(
            error_create(ERROR_USAGE, "a profile is no text for a terminal: name a file with -o, or a pipe"));
    bool is_recorded = recorded_find(options->target, &recorded);
    bool is_span = is_recorded && recorded.until;
    if (is_span && options->base)
        return error_print(error_create(ERROR_USAGE, "a span is a difference by itself: leave --base out"));
    if ((is_span || options->base) && options->format == FORMAT_OPENMETRICS)
        return error_print(error_create(ERROR_USAGE, "OpenMetrics text is of one moment"));
    if (is_recorded && (is_span || !recorded.moment) && options->format == FORMAT_CSV && !options->profile_given &&
        !options->base)
        return export_counters(options, &recorded);
    return is_span ? export_span(options, &recorded) : export_moment(options);
}
