/* The Memory screen's second list: the heap's spans by the size of their objects. */
#ifndef TUI_SCREENS_SPAN_LIST_H
#define TUI_SCREENS_SPAN_LIST_H

#include "tui/list.h"

/* Rows are struct span_class, the context is the model. */
extern const struct list_ops span_list;

#endif
