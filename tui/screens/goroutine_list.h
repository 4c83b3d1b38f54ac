/* The table of goroutine groups. Its context is the model, its rows are struct goroutine_row. */
#ifndef TUI_SCREENS_GOROUTINE_LIST_H
#define TUI_SCREENS_GOROUTINE_LIST_H

#include "tui/list.h"

extern const struct list_ops goroutine_list;

#endif
