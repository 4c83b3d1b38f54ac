/* Commands typed after a colon: every action by its name, and some that take an argument. */
#ifndef TUI_COMMAND_H
#define TUI_COMMAND_H

#include "tui/list.h"

struct session;

/* X(NAME, argument, help): what is more than an action. */
#define TUI_COMMANDS(X) \
    X("go", "MOMENT", "to 14:03, -5m, +30s, mark, gc, suspect, rise, start, end") \
    X("screen", "NAME", "a screen by its name") \
    X("sort", "COLUMN", "sort the list by a column") \
    X("filter", "TEXT", "show only lines that contain a text; without one, all") \
    X("search", "TEXT", "find a text in the list") \
    X("mark", "TEXT", "mark this moment, with a few words") \
    X("interval", "TIME", "the time between samples, as 250ms") \
    X("theme", "NAME", "dark, light, contrast, mono, colour-blind") \
    X("save-settings", "", "keep theme and interval for the next time")

struct typed_command {
    const char *name, *argument, *help;
};

extern const struct typed_command typed_commands[];
extern const size_t num_typed_commands;

/* One line that what is typed may become. */
struct command_match {
    char line[LIST_NEEDLE];
    const char *argument;       /* What may follow it; "" when nothing does. */
    const char *help;
};

#define COMMAND_MATCHES 96

/* Returns how many there are; those that begin with what is typed. matches: COMMAND_MATCHES of them. */
size_t command_matches(const struct session *session, const char *typed, struct command_match *matches);
/* A command's first letters do where no other begins with them. What cannot be done is said. */
struct error *command_run(struct session *session, const char *line);

#endif
