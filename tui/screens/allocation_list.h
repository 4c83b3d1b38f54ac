/* The tables of call sites, and of the stacks of one, that several screens show. Their context is the model, their rows
 * struct allocation_row. */
#ifndef TUI_SCREENS_ALLOCATION_LIST_H
#define TUI_SCREENS_ALLOCATION_LIST_H

#include "tui/list.h"

extern const struct list_ops call_site_list, stack_list;

#endif
