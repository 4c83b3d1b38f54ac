/* The frames of one stack as a list, and the source around the selected one: a part of several screens. */
#ifndef TUI_SCREENS_STACK_VIEW_H
#define TUI_SCREENS_STACK_VIEW_H

#include "tui/list.h"
#include "tui/session.h"
#include "tui/source_file.h"

struct frame_row {
    frame_id frame;
    uint32_t index;
    bool is_subject;
};

/* Zeroed, then stack_view_init. */
struct stack_view {
    struct list frames;
    VECTOR(struct frame_row) rows;
    stack_id shown;                     /* Whose frames are listed. */
    frame_id source_of;                 /* Whose source was read last. */
    struct source_lines source;
    char source_reason[160];            /* Why there is none. */
};

void stack_view_init(struct stack_view *view);
void stack_view_deinit(struct stack_view *view);

/* Lists the frames of this stack. False when memory is out. */
bool stack_view_set(struct stack_view *view, const struct session *session, stack_id stack);

/* Draws the frames, and the source beside or below them, as there is room. */
void stack_view_draw(struct stack_view *view, const struct session *session, struct canvas canvas, bool focused);

#endif
