/* The frames of one stack as a list, and the source around the selected one: a part of several screens. */
#ifndef TUI_SCREENS_STACK_VIEW_H
#define TUI_SCREENS_STACK_VIEW_H

#include "tui/list.h"
#include "tui/screens/source_view.h"
#include "tui/session.h"

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
    struct source_view source;          /* Of the selected frame. */
};

void stack_view_init(struct stack_view *view);
void stack_view_deinit(struct stack_view *view);

/* Lists the frames of this stack. False when memory is out. */
bool stack_view_set(struct stack_view *view, const struct session *session, stack_id stack);

/* Enter opens the source of the selected frame; false: not an action of it. */
bool stack_view_act(struct stack_view *view, struct session *session, enum action action);

/* How many rows a list of so many lines gets below the view, in so many rows and columns in all: as list_height_below,
 * and what the view has no use for, having no source to show. */
int stack_view_list_below(struct stack_view *view, const struct session *session, int width, int height, size_t lines,
                          bool focused);

/* Draws the frames, and the source beside or below them, as there is room. */
void stack_view_draw(struct stack_view *view, const struct session *session, struct canvas canvas, bool focused);

#endif
