/* The table of live C++ objects by class. */
#ifndef TUI_SCREENS_TYPE_LIST_H
#define TUI_SCREENS_TYPE_LIST_H

#include "tui/list.h"

/* Rows are struct malloc_type_row; the context is the model. */
extern const struct list_ops type_list;

#endif
