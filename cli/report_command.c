#include "cli/commands.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/recorded.h"
#include "cli/report_recorded.h"
#include "cli/watch.h"
#include "heaptop/attach.h"

#define DEFAULT_COLUMNS 80
#define MAX_COLUMNS 140
/* A recording is read to its end, however long that takes; this is a year. */
#define LONGEST_READING_NS (UINT64_C(365) * 86400 * 1000000000)

DEFINE_CLEANUP(struct source *, source_close)
DEFINE_CLEANUP(struct history *, history_destroy)
DEFINE_CLEANUP(struct analysis *, analysis_destroy)

static unsigned output_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return DEFAULT_COLUMNS;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

/* The cycles that are known in part at least; of those before heaptop came there is nothing but when they ended. */
static void write_gc_traces(const struct history *history, struct text *text)
{
    size_t count;
    const struct gc_cycle *cycles = history_cycles(history, &count);
    for (size_t i = 0; i < count; i++) {
        if (!cycles[i].phases_known && !cycles[i].heap_known && !cycles[i].cpu_known)
            continue;
        gc_cycle_write_trace(&cycles[i], text);
        text_append(text, "\n");
    }
}

static struct error *print_gc_traces(const struct history *history)
{
    _cleanup_(text_deinit) struct text text = {0};
    write_gc_traces(history, &text);
    if (text.failed)
        return error_no_memory();
    return export_write_file("-", text.length ? text.data : "", text.length);
}

static struct error *print_result(const struct history *history, const struct options *options)
{
    if (options->gctrace)
        return print_gc_traces(history);
    bool json = options->json;
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error = analysis_compute(history, &analysis);
    if (!error)
        error =
            json ? export_json(history, analysis, &text) : export_report(history, analysis, output_columns(), &text);
    return error ? error : export_write_file("-", text.data, text.length);
}

/* Of all of a recording. */
static enum exit_status trace_recorded(struct recorded *recorded)
{
    _cleanup_close_ int interrupt = interrupt_open();
    _cleanup_(source_closep) struct source *source = NULL;
    _cleanup_(history_destroyp) struct history *history = NULL;
    enum exit_status status = STATUS_DONE;
    struct error *error = recorded_open(recorded, 0, &source);
    if (!error)
        error = history_create(NULL, &history);
    if (!error)
        error = watch_source(source, interrupt, LONGEST_READING_NS, history);
    /* What came before a damaged place is reported all the same. */
    if (error)
        status = error_print(error);
    if (!history || !history_latest(history))
        return status == STATUS_DONE ? STATUS_FAILED : status;
    error = print_gc_traces(history);
    return error ? error_print(error) : status;
}

enum exit_status report_command(const struct options *options)
{
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    if (recorded_find(options->target, &recorded))
        return options->gctrace ? trace_recorded(&recorded)
                                : report_recorded(&recorded, output_columns(), options->json);
    pid_t pid = 0;
    enum exit_status status = target_choose(options, &pid);
    if (status != STATUS_DONE || !pid)
        return status;
    _cleanup_close_ int interrupt = interrupt_open();
    _cleanup_(source_closep) struct source *source = NULL;
    const struct attach_options attach = {.interval_ns = options->interval_ns, .sample_once = options->for_ns == 0,
                                          .memory_map = true, .profile_rate = options->profile_rate,
                                          .stop_running = options->stop_running, .probe = options->probe,
                                          .probe_budget = options->probe_budget};
    struct error *error = live_source_open(pid, &attach, &source);
    if (error)
        return error_print_attach(error, pid);
    if (isatty(STDERR_FILENO) && options->for_ns) {
        char span[UNITS_BUFFER];
        fprintf(stderr, "heaptop: watching process %d for %s; Ctrl-C ends it earlier\n", (int)pid,
                units_format_duration(span, (double)options->for_ns));
    }
    _cleanup_(history_destroyp) struct history *history = NULL;
    error = history_create(NULL, &history);
    if (!error)
        error = watch_source(source, interrupt, options->for_ns, history);
    if (error) {
        status = error_print_attach(error, pid);
        if (!history || !history_latest(history))
            return status;
    } else if (!history_latest(history)) {
        fputs("heaptop: interrupted before the first sample\n", stderr);
        return STATUS_FAILED;
    }
    /* An error after the first samples is told, and so is what they showed. */
    error = print_result(history, options);
    return error ? error_print(error) : status;
}
