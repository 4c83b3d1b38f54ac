/* The tables of what differs between two moments: call sites, goroutines, counters, memory. Their lists' context is the
 * diff. */
#ifndef TUI_SCREENS_DIFF_LIST_H
#define TUI_SCREENS_DIFF_LIST_H

#include "heaptop/analysis/diff.h"
#include "tui/list.h"

/* A counter that both moments know. */
struct diff_counter_row {
    enum counter_id id;
    const struct diff_counter *counter;
};

/* A part of resident memory. */
struct diff_memory_row {
    enum memory_part id;
    const struct diff_memory_part *part;
};

extern const struct list_ops diff_site_list, diff_goroutine_list, diff_counter_list, diff_memory_list;

#endif
