/* The table of a tree of goroutines: stacks, or who made whom. Its context is the model, its rows struct tree_row. */
#ifndef TUI_SCREENS_GOROUTINE_TREE_LIST_H
#define TUI_SCREENS_GOROUTINE_TREE_LIST_H

#include "tui/screens/tree_view.h"

extern const struct list_ops goroutine_tree_list;

tree_maker goroutine_tree_of_stacks, goroutine_tree_of_creators;

#endif
