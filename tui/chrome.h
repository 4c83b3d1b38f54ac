/* What stands around every screen: the title and the verdict above, the keys below. */
#ifndef TUI_CHROME_H
#define TUI_CHROME_H

#include "tui/session.h"

#define SESSION_LEAST_WIDTH 60
#define SESSION_LEAST_HEIGHT 15

/* Draws all of it and returns the canvas that is left for the screen. */
struct canvas chrome_draw(struct session *session, struct canvas canvas);
/* "3 s ago": how long before the shown sample. buffer: FORMAT_BUFFER bytes. */
const char *ago(const struct session *session, uint64_t unix_ns, char *buffer);

#endif
