/* The table of Ps. */
#ifndef TUI_SCREENS_PROC_LIST_H
#define TUI_SCREENS_PROC_LIST_H

#include "tui/list.h"

/* Rows are struct proc; the context is the model. */
extern const struct list_ops proc_list;

#endif
