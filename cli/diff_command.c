#include "cli/commands.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/take.h"
#include "heaptop/tui.h"

#define DEFAULT_COLUMNS 80
#define MAX_COLUMNS 140

DEFINE_CLEANUP(struct diff *, diff_destroy)

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

static struct error *compare(const struct taken taken[2], const struct memory_parts parts[2],
                             const struct options *options, struct text *text)
{
    _cleanup_(diff_destroyp) struct diff *diff = NULL;
    struct diff_source sources[2];
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
        sources[side] = (struct diff_source){.snapshot = taken[side].snapshot, .memory_parts = &parts[side]};
    const struct diff_options compared = {.value = compared_value(options->value)};
    struct error *error = diff_compute(&sources[DIFF_OLD], &sources[DIFF_NEW], &compared, &diff);
    if (error)
        return error;
    return options->json ? export_diff_json(diff, text) : export_diff_report(diff, output_columns(), text);
}

static enum exit_status show_or_print(const struct taken taken[2], const struct options *options)
{
    _cleanup_(text_deinit) struct text text = {0};
    struct memory_parts parts[2] = {{.known = false}};
    struct error *error;
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
        if (taken[side].with_map)
            parts[side] = memory_parts_of(taken[side].with_map);
    if (!options->json && terminal_present()) {
        struct snapshot *const snapshots[] = {taken[DIFF_OLD].snapshot, taken[DIFF_NEW].snapshot};
        error = tui_show_diff(snapshots, parts, compared_value(options->value), &options->tui);
        return error ? error_print(error) : STATUS_DONE;
    }
    error = compare(taken, parts, options, &text);
    if (!error)
        error = export_write_file("-", text.data, text.length);
    return error ? error_print(error) : STATUS_DONE;
}

enum exit_status diff_command(const struct options *options)
{
    struct taken taken[2] = {{NULL, NULL}, {NULL, NULL}};
    enum exit_status status = take_moment(options->target, options, &taken[DIFF_OLD]);
    if (status == STATUS_DONE && taken[DIFF_OLD].snapshot)
        status = take_moment(options->second, options, &taken[DIFF_NEW]);
    if (status == STATUS_DONE && taken[DIFF_NEW].snapshot)
        status = show_or_print(taken, options);
    taken_deinit(&taken[DIFF_OLD]);
    taken_deinit(&taken[DIFF_NEW]);
    return status;
}
