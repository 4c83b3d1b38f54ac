#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/recorded.h"
#include "heaptop/attach.h"

DEFINE_CLEANUP(struct source *, source_close)
DEFINE_CLEANUP(struct history *, history_destroy)
DEFINE_CLEANUP(struct analysis *, analysis_destroy)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

/* A reading of the heap profile can meet the end of a GC cycle; then the next is taken, so soon and so often. */
#define RETRY_INTERVAL_NS (50 * 1000 * 1000ull)
#define MAX_SAMPLES 60
#define SAMPLE_TIMEOUT_NS (10 * 1000 * 1000 * 1000ull)

static struct error *take_snapshot(pid_t pid, bool memory_map, struct snapshot **ret_snapshot)
{
    _cleanup_(source_closep) struct source *source = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    const struct attach_options attach = {.interval_ns = RETRY_INTERVAL_NS, .memory_map = memory_map};
    struct error *error = live_source_open(pid, &attach, &source);
    for (unsigned i = 0; !error && i < MAX_SAMPLES; i++) {
        struct snapshot *next = NULL;
        error = source->ops->next(source, SAMPLE_TIMEOUT_NS, &next);
        if (error || !next)
            break;
        snapshot_unref(snapshot);
        snapshot = next;
        if (!snapshot->profile_torn || snapshot->exited)
            break;
    }
    if (error)
        return error;
    if (!snapshot)
        return error_create(ERROR_SYSTEM, "no sample came in time");
    *ret_snapshot = take_pointer(snapshot);
    return NULL;
}

static struct error *make_json(struct snapshot *snapshot, struct text *ret_text)
{
    _cleanup_(history_destroyp) struct history *history = NULL;
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    struct error *error = history_create(NULL, &history);
    if (!error)
        error = history_add(history, snapshot);
    if (!error)
        error = analysis_compute(history, &analysis);
    return error ? error : export_json(history, analysis, ret_text);
}

/* The recording's last sample, or the one at the moment asked for. */
static struct error *take_recorded(struct recorded *recorded, struct snapshot **ret_snapshot)
{
    _cleanup_(source_closep) struct source *source = NULL;
    struct snapshot *snapshot = NULL;
    if (!recorded->moment)
        recorded->moment = "-0s";
    struct error *error = recorded_open(recorded, 0, &source);
    if (!error)
        error = source->ops->next(source, SAMPLE_TIMEOUT_NS, &snapshot);
    if (!error && !snapshot)
        error = error_create(ERROR_BAD_DATA, "'%s' has no sample there", recorded->path);
    if (!error)
        *ret_snapshot = snapshot;
    return error;
}

static enum exit_status write_snapshot(const struct options *options, struct snapshot *snapshot)
{
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error =
        options->format == FORMAT_JSON ? make_json(snapshot, &text) : export_pprof(snapshot, options->profile, &text);
    if (error)
        return error_print(error_prefix(error, "process %d", (int)snapshot->target.pid));
    error = export_write_file(options->output, text.data, text.length);
    if (!error)
        return STATUS_DONE;
    /* A folder that is not there or may not be written says nothing of the process. */
    error_print(error);
    return STATUS_FAILED;
}

enum exit_status export_command(const struct options *options)
{
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    if (options->format == FORMAT_PPROF && strcmp(options->output, "-") == 0 && isatty(STDOUT_FILENO))
        return error_print(
            error_create(ERROR_USAGE, "a profile is no text for a terminal: name a file with -o, or a pipe"));
    if (recorded_find(options->target, &recorded)) {
        struct error *error = take_recorded(&recorded, &snapshot);
        return error ? error_print(error) : write_snapshot(options, snapshot);
    }
    pid_t pid = 0;
    enum exit_status status = target_choose(options, &pid);
    if (status != STATUS_DONE || !pid)
        return status;
    struct error *error = take_snapshot(pid, options->format == FORMAT_JSON, &snapshot);
    return error ? error_print_attach(error, pid) : write_snapshot(options, snapshot);
}
