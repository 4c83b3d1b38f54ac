/* What a person takes along: what is selected, for the clipboard; the screen or the whole list, as a file. */
#ifndef TUI_SAVE_H
#define TUI_SAVE_H

struct session;

/* What is selected, into session->clipboard: run.c hands it to the terminal. Says what was copied, or that nothing
 * was. */
void save_to_clipboard(struct session *session);
/* The screen as it is drawn, or all rows of the list in view, as text, to a new file in the folder that heaptop runs
 * in. Says its name, or why there is none. */
void save_screen(struct session *session);
void save_list(struct session *session);

#endif
