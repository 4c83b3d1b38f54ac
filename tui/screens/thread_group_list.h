/* The table of threads by their stacks. */
#ifndef TUI_SCREENS_THREAD_GROUP_LIST_H
#define TUI_SCREENS_THREAD_GROUP_LIST_H

#include "tui/list.h"

/* Rows are struct thread_group; the context is the model. */
extern const struct list_ops thread_group_list;

#endif
