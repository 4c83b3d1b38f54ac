/* What screens that are one table share: the state, and those of their functions that are alike. */
#ifndef TUI_LIST_SCREEN_H
#define TUI_LIST_SCREEN_H

#include "tui/session.h"

struct list_screen {
    struct list list;
};

void list_screen_close(void *state);
struct list *list_screen_focus(void *state);
/* Sets the rows; the list's context is the model. */
struct error *list_screen_set(struct session *session, void *state, const void *rows, size_t count, size_t size);

#endif
