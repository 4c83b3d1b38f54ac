/* The line at the bottom into which a person types: what to search for, a filter, a moment, a mark, a command. Up and
 * Down bring back what was typed there before. */
#ifndef TUI_PROMPT_H
#define TUI_PROMPT_H

#include "tui/grid.h"
#include "tui/line_edit.h"
#include "tui/list.h"

struct session;

/* X(PROMPT) */
#define TUI_PROMPTS(X) \
    X(SEARCH) \
    X(FILTER) \
    X(JUMP) \
    X(MARK) \
    X(COMMAND)

enum prompt {
    PROMPT_NONE,
#define X(prompt) PROMPT_##prompt,
    TUI_PROMPTS(X)
#undef X
    PROMPT_COUNT
};

/* Lines of one kind that are remembered. */
#define PROMPT_REMEMBERED 32

struct prompt_history {
    char lines[PROMPT_REMEMBERED][LIST_NEEDLE];     /* The oldest first. */
    size_t count;
};

struct prompt_line {
    enum prompt kind;                   /* NONE: nobody is typing. */
    struct line_edit edit;
    char typed[LIST_NEEDLE];            /* Into what is no list's own text. */
    char before[LIST_NEEDLE];           /* The search or filter that Esc brings back. */
    struct prompt_history histories[PROMPT_COUNT];
    size_t recalled;                    /* Lines back in the history; 0: what is typed now, which is kept in `draft`. */
    char draft[LIST_NEEDLE];
    char stem[LIST_NEEDLE];             /* Of commands: what was typed before Tab went through what completes it. */
    size_t completed;                   /* Which of those is in the line, from 1; 0: none. */
};

struct error *prompt_begin(struct session *session, enum prompt kind);
struct error *prompt_key(struct session *session, uint32_t key);
/* In place of the keys, on this line. */
void prompt_draw(const struct session *session, struct canvas canvas, int y);
/* Over what is drawn already: what completes a command, above its line; the one that Tab has put there is marked. */
void prompt_draw_matches(const struct session *session, struct canvas canvas);

#endif
