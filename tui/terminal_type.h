/* What the environment tells of the terminal, and what to make of it where the machine knows nothing of that. */
#ifndef TUI_TERMINAL_TYPE_H
#define TUI_TERMINAL_TYPE_H

#include <stdbool.h>

struct terminal_description {
    const char *type;           /* As in $TERM. NULL: the end of the table. */
    const char *value;          /* For $TERMINFO: "hex:" and the compiled description (terminfo(5)). */
};

/* What is built in: of the static program some ten, which it may need in a container that has nothing; else none, since
 * curses comes with its own. */
extern const struct terminal_description terminal_descriptions[];

/* The description that is built in, NULL where there is none. */
const char *terminal_type_description(const char *type);

/* A well-known terminal that one of this type understands enough of: those that bring a description of their own are
 * sat at where it is, and heaptop may run elsewhere. NULL when nothing is known of it. */
const char *terminal_type_kin(const char *type);

/* Whether the environment names a locale of UTF-8 for characters, be it one that is installed or not. */
bool terminal_wants_utf8(void);

#endif
