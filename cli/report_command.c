#include "cli/commands.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/watch.h"
#include "heaptop/attach.h"

#define DEFAULT_COLUMNS 80
#define MAX_COLUMNS 140

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

static struct error *print_result(const struct history *history, bool json)
{
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error = analysis_compute(history, &analysis);
    if (!error)
        error = json ? export_json(history, analysis, &text) : export_report(history, analysis, output_columns(), &text);
    return error ? error : export_write_file("-", text.data, text.length);
}

enum exit_status report_command(const struct options *options)
{
    pid_t pid = 0;
    enum exit_status status = target_choose(options, &pid);
    if (status != STATUS_DONE || !pid)
        return status;
    _cleanup_close_ int interrupt = interrupt_open();
    _cleanup_(source_closep) struct source *source = NULL;
    const struct attach_options attach = {.interval_ns = options->interval_ns, .sample_once = options->for_ns == 0};
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
    error = print_result(history, options->json);
    return error ? error_print(error) : status;
}
