/* The screens. They draw from a source and cannot tell a live process from a recording. */
#ifndef HEAPTOP_TUI_H
#define HEAPTOP_TUI_H

#include "heaptop/analysis.h"
#include "heaptop/analysis/diff.h"
#include "heaptop/snapshot/instruction.h"

enum tui_colour { TUI_COLOUR_AUTO, TUI_COLOUR_NEVER, TUI_COLOUR_ALWAYS };
enum tui_glyphs { TUI_GLYPHS_AUTO, TUI_GLYPHS_ASCII, TUI_GLYPHS_UTF8 };

/* Colours; each terminal shows as many of them as it can. AUTO: light where the terminal says (COLORFGBG) that its
 * ground is light, else dark. MONO has bold, dim, underlined and reverse only. */
enum tui_theme {
    TUI_THEME_AUTO,
    TUI_THEME_DARK,
    TUI_THEME_LIGHT,
    TUI_THEME_CONTRAST,
    TUI_THEME_MONO,
    TUI_THEME_COLOUR_BLIND,
    TUI_THEME_COUNT
};

const char *tui_theme_name(enum tui_theme theme);
/* false: there is none of this name. */
bool tui_theme_find(const char *name, enum tui_theme *ret_theme);

/* The version of ncurses that draws them. */
const char *tui_terminal_library(void);

/* Where the samples of a live session are kept: for going back in it, and in a recording that somebody asks for. Wired
 * by cli. */
struct tui_keeper {
    /* A source over what was kept so far, whose snapshots have the catalog of the live ones; borrowed until the next
     * call. */
    struct error *(*past)(void *context, struct source **ret_past);
    /* Begins a recording, or ends it. *ret_said: what was done, in a sentence. */
    struct error *(*toggle_recording)(void *context, struct text *ret_said);
    void (*mark)(void *context, uint64_t unix_ns, const char *text);
    /* What is suspected as of the newest sample. */
    void (*suspects)(void *context, const struct analysis *analysis);
    /* "" while nothing is recorded; else "1.2 MB" and what was lost. */
    void (*write_status)(void *context, struct text *ret_status);
    void *context;
};

/* Machine code of a live process, for frames whose source is not to be had. Wired by cli. */
struct tui_code {
    /* The instructions around a link-time address, at most `room` of them, in order; texts in the arena, escaped.
     * Errors say why there are none. */
    struct error *(*disassemble)(void *context, uint64_t address, struct arena *arena, struct instruction *instructions,
                                 size_t room, size_t *ret_count);
    void *context;
};

/* Where sources lie that were compiled elsewhere: "FROM=TO", a folder's name as compiled in and its name here. */
#define TUI_MAX_SOURCE_MAPS 16
struct tui_source_maps {
    const char *maps[TUI_MAX_SOURCE_MAPS];      /* Borrowed. */
    size_t count;
};

/* What a session may have changed, and keep when asked. */
struct tui_settings {
    enum tui_theme theme;
    uint64_t interval_ns;
};

/* Where settings are kept. Wired by cli. */
struct tui_settings_store {
    /* *ret_said: what was done, in a sentence. */
    struct error *(*save)(void *context, const struct tui_settings *now, struct text *ret_said);
    void *context;
};

/* Gives an action, by its name, other keys: "s >", or "none"; another action loses them, on the screens from here on.
 * *ret_robbed: the name of an action that has lost a key which was given to it so before; NULL: of none.
 * ERROR_USAGE where there is no such action or key. tui_bind_default_keys takes all of that back. */
struct error *tui_bind_keys(const char *action, const char *keys, const char **ret_robbed);
void tui_bind_default_keys(void);
/* Calls with the name of each action and its keys, as tui_bind_keys takes them. */
void tui_each_key(void (*each)(void *context, const char *action, const char *keys), void *context);

struct tui_options {
    enum tui_colour colour;     /* AUTO: what the terminal can, none when NO_COLOR is set. */
    enum tui_theme theme;
    enum tui_glyphs glyphs;     /* AUTO: UTF-8 when the locale is. */
    bool mouse;
    uint64_t interval_ns;
    uint64_t start_unix_ns;     /* Of a source that remembers: the moment to begin at; 0: the newest. */
    uint64_t profile_rate;      /* With which the source would switch profiling on when asked; 0: Go's own. */
    const struct tui_keeper *keeper;    /* Of a live source; NULL: nothing is kept. */
    const struct tui_code *code;        /* Of a live source; NULL: there is no code to show. */
    struct tui_source_maps source_maps;
    const struct tui_settings_store *settings;  /* NULL: they cannot be saved. */
    const char *notice;         /* Said at first, until a key is pressed; NULL: nothing. */
};

/* Runs the live view until the person quits or goes back to the picker. Borrows the source. ERROR_UNSUPPORTED when the
 * terminal cannot be used. *ret_pick_again: the person asked for another process. */
struct error *tui_run(struct source *source, const struct tui_options *options, bool *ret_pick_again);

/* Shows what differs between two moments, the older first, until the person quits. Borrows the snapshots. */
struct error *tui_show_diff(struct snapshot *const snapshots[2], const struct memory_parts parts[2],
                            enum site_value value, const struct tui_options *options);

/* One line of the process picker. Strings borrowed until the next list call. */
struct picker_row {
    pid_t pid;
    const char *user, *name, *command_line;
    const char *runtime, *allocator;    /* "": not known. */
    uint64_t rss_bytes;
    double rss_growth_per_s;    /* Filled by the tui between lists; input is ignored. */
    bool readable;
};

struct picker {
    /* Fills in the rows; called about once a second, and sooner when *ret_unfinished says that there is more to be told
     * of them. */
    struct error *(*list)(void *context, const struct picker_row **ret_rows, size_t *ret_count, bool *ret_unfinished);
    void *context;
};

/* Lets the person choose a process; filter preset to `filter` when not NULL. *ret_pid is 0 when they quit. */
struct error *tui_pick(const struct picker *picker, const char *filter, const struct tui_options *options,
                       pid_t *ret_pid);

#endif
