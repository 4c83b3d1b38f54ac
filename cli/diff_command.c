#include "cli/commands.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/take.h"
#include "heaptop/tui.h"

#define DEFAULT_COLUMNS 80
#define MAX_COLUMNS 140

DEFINE_CLEANUP(struct diff *, diff_destroy)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

static unsigned output_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return DEFAULT_COLUMNS;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

static enum site_value compared_value(enum sample_value value)
{
    switch (value) {
    case SAMPLE_INUSE_OBJECTS:
        return SITE_INUSE_OBJECTS;
    case SAMPLE_ALLOC_BYTES:
        return SITE_ALLOC_BYTES;
    case SAMPLE_ALLOC_OBJECTS:
        return SITE_ALLOC_OBJECTS;
    default:
        return SITE_INUSE_BYTES;
    }
}

enum exit_status diff_command(const struct options *options)
{
    _cleanup_(snapshot_unrefp) struct snapshot *before = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *after = NULL;
    _cleanup_(diff_destroyp) struct diff *diff = NULL;
    _cleanup_(text_deinit) struct text text = {0};
    enum exit_status status = take_snapshot(options->target, options, true, &before);
    if (status == STATUS_DONE && before)
        status = take_snapshot(options->second, options, true, &after);
    if (status != STATUS_DONE || !after)
        return status;
    if (!options->json && terminal_present()) {
        struct error *shown = tui_show_diff(before, after, compared_value(options->value), &options->tui);
        return shown ? error_print(shown) : STATUS_DONE;
    }
    const struct diff_options compared = {.value = compared_value(options->value)};
    struct error *error = diff_compute(&(struct diff_source){.snapshot = before},
                                       &(struct diff_source){.snapshot = after}, &compared, &diff);
    if (!error)
        error = options->json ? export_diff_json(diff, &text) : export_diff_report(diff, output_columns(), &text);
    if (!error)
        error = export_write_file("-", text.data, text.length);
    return error ? error_print(error) : STATUS_DONE;
}
