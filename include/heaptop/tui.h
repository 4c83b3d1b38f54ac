/* The screens. They draw from a source and cannot tell a live process from a recording. */
#ifndef HEAPTOP_TUI_H
#define HEAPTOP_TUI_H

#include "heaptop/analysis.h"

enum tui_colour { TUI_COLOUR_AUTO, TUI_COLOUR_NEVER, TUI_COLOUR_ALWAYS };
enum tui_glyphs { TUI_GLYPHS_AUTO, TUI_GLYPHS_ASCII, TUI_GLYPHS_UTF8 };

struct tui_options {
    enum tui_colour colour;     /* AUTO: what the terminal can, none when NO_COLOR is set. */
    enum tui_glyphs glyphs;     /* AUTO: UTF-8 when the locale is. */
    bool mouse;
    uint64_t interval_ns;
    uint64_t start_unix_ns;     /* Of a source that remembers: the moment to begin at; 0: the newest. */
    uint64_t profile_rate;      /* With which the source would switch profiling on when asked; 0: Go's own. */
};

/* Runs the live view until the person quits or goes back to the picker. Borrows the source. ERROR_UNSUPPORTED when the terminal cannot be used.
 * *ret_pick_again: the person asked for another process. */
struct error *tui_run(struct source *source, const struct tui_options *options, bool *ret_pick_again);

/* One line of the process picker. Strings borrowed until the next list call. */
struct picker_row {
    pid_t pid;
    const char *user, *name, *command_line, *runtime;
    uint64_t rss_bytes;
    double rss_growth_per_s;    /* Filled by the tui between lists; input is ignored. */
    bool readable;
};

struct picker {
    /* Fills in the rows; called about once a second. */
    struct error *(*list)(void *context, const struct picker_row **ret_rows, size_t *ret_count);
    void *context;
};

/* Lets the person choose a process; filter preset to `filter` when not NULL. *ret_pid is 0 when they quit. */
struct error *tui_pick(const struct picker *picker, const char *filter, const struct tui_options *options, pid_t *ret_pid);

#endif
