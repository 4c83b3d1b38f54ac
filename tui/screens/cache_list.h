/* The table of what each P keeps to allocate from. */
#ifndef TUI_SCREENS_CACHE_LIST_H
#define TUI_SCREENS_CACHE_LIST_H

#include "tui/list.h"

/* Rows are struct heap_cache_use, by P; the context is the model. */
extern const struct list_ops cache_list;

#endif
