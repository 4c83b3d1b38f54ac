/* What a person has settled for good: options of the screens and keys, in one file. Options of the command line and the
 * environment win over it; it is written when somebody asks for that, and never else. Nothing that is wrong in it keeps
 * heaptop from running. */
#ifndef HEAPTOP_CLI_SETTINGS_H
#define HEAPTOP_CLI_SETTINGS_H

#include "cli/options.h"

struct settings {
    struct text path;           /* "" where there is no place for it: neither XDG_CONFIG_HOME nor HOME. */
    struct text problems;       /* "heaptop: FILE:LINE: what is wrong", each on a line; empty when all is well. */
    size_t num_problems;
    struct text notice;         /* The first of them, for the screen. */
    char *text;                 /* Of the file, which values point into; NULL where there is none. */
    struct {
        const char *value;      /* NULL: the built-in one. */
        unsigned line;          /* Of the file; 0: from the environment. */
    } values[OPTION_COUNT];
    /* Lines of the file that say where sources lie. What the environment says of them is among the values. */
    struct {
        const char *map;
        unsigned line;
    } source_maps[TUI_MAX_SOURCE_MAPS];
    size_t num_source_maps;
    size_t num_given_source_maps;   /* Options of the command line, which stand before all others. */
    unsigned key_lines;         /* Lines that bind keys. */
    struct tui_settings_store store;
};

/* Reads the file and the environment (HEAPTOP_THEME and so on), and sets what the command line has not. Keys are bound
 * from then on. */
void settings_apply(struct settings *settings, struct options *options);
void settings_deinit(struct settings *settings);
/* As such a file: what holds, and where each comes from. */
void settings_write(const struct settings *settings, const struct options *options, struct text *text);

#endif
