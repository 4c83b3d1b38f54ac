/* The table of malloc's chunks by size. */
#ifndef TUI_SCREENS_CHUNK_LIST_H
#define TUI_SCREENS_CHUNK_LIST_H

#include "tui/list.h"

/* Rows are struct malloc_class_row; the context is the model. */
extern const struct list_ops chunk_list;

#endif
