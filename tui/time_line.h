/* The time line: figures over the whole session, what happened in it, and where the view stands. */
#ifndef TUI_TIME_LINE_H
#define TUI_TIME_LINE_H

#include "tui/grid.h"

struct session;

/* The rows it takes at the bottom of a screen of this height; 0 when it is not shown. */
int time_line_height(const struct session *session, int screen_height);
void time_line_draw(struct session *session, struct canvas canvas);
/* The moment at a cell of the screen; false when it is none. */
bool time_line_moment_at(const struct session *session, int x, int y, uint64_t *ret_unix_ns);

#endif
