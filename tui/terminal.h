/* The terminal: cells out, events in. The only part that knows curses. One at a time. */
#ifndef TUI_TERMINAL_H
#define TUI_TERMINAL_H

#include "heaptop/tui.h"
#include "tui/event.h"
#include "tui/grid.h"

struct terminal;

/* What terminal_wait waits for beside the terminal. */
#define TERMINAL_DESCRIPTORS 3

/* ERROR_UNSUPPORTED when standard input or output is no terminal, or one that cannot place its cursor. From here on
 * signals that end or stop the program restore the terminal first; those that ask for it politely become events. */
struct error *terminal_open(const struct tui_options *options, struct terminal **ret_terminal);
/* Restores everything; accepts NULL. */
void terminal_close(struct terminal *terminal);

enum glyphs terminal_glyphs(const struct terminal *terminal);
/* What TUI_THEME_AUTO is on this terminal. */
enum tui_theme terminal_theme(enum tui_theme wanted);
void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height);
/* Sends what differs from what was drawn before. */
void terminal_draw(struct terminal *terminal, const struct grid *grid);
/* Hands a text to the terminal's clipboard (OSC 52, xterm's ctlseqs); whether it takes it is up to the terminal. Longer
 * ones than TERMINAL_MAX_COPY bytes are cut. */
void terminal_copy(struct terminal *terminal, const char *text, size_t length);
#define TERMINAL_MAX_COPY 65536
/* Waits until there is an event, one of the descriptors (-1: none) is readable, or the time is over. */
void terminal_wait(struct terminal *terminal, const int descriptors[TERMINAL_DESCRIPTORS], int timeout_ms);
/* The next event that is there already; EVENT_NONE when there is none. */
struct event terminal_event(struct terminal *terminal);
/* Hands the terminal back to the shell and stops, as Ctrl-Z asks; returns when continued. */
void terminal_suspend(struct terminal *terminal);
/* Forgets what is on the screen. */
void terminal_redraw(struct terminal *terminal);

#endif
