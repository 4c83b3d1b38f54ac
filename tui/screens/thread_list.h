/* The table of threads. Its context is the model, its rows are struct thread_row. */
#ifndef TUI_SCREENS_THREAD_LIST_H
#define TUI_SCREENS_THREAD_LIST_H

#include "tui/list.h"

extern const struct list_ops thread_list;

/* "sleeping", of the letter that /proc has. */
const char *thread_state_name(char state);

#endif
