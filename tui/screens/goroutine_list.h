/* The table of goroutine groups. Its context is the model, its rows are struct goroutine_row. */
#ifndef TUI_SCREENS_GOROUTINE_LIST_H
#define TUI_SCREENS_GOROUTINE_LIST_H

#include "heaptop/analysis.h"
#include "tui/list.h"

extern const struct list_ops goroutine_list;

/* "chan receive", "running"; "several" of a row of different ones. */
const char *goroutine_state(const struct catalog *catalog, const struct goroutine_group *group);

#endif
