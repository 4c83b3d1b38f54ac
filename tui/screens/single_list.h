/* The table of goroutines one by one. Its context is the model, its rows are struct listed_goroutine of the sample on
 * view. */
#ifndef TUI_SCREENS_SINGLE_LIST_H
#define TUI_SCREENS_SINGLE_LIST_H

#include "tui/list.h"
#include "tui/model.h"

extern const struct list_ops single_list;

/* Its group in the sample on view, or NULL. */
const struct goroutine_group *single_group(const struct model *model, const struct listed_goroutine *goroutine);
/* ", as of 14:03:12" where they were listed before the sample on view was taken; else nothing. */
void single_write_moment(const struct snapshot *snapshot, struct text *text);
/* What it waits on, in words: nothing when that was not looked at. */
void single_write_waits(const struct model *model, const struct listed_goroutine *goroutine, struct text *text);
/* The goroutine with this id, or NULL. */
const struct listed_goroutine *single_find(const struct snapshot *snapshot, uint64_t goid);

#endif
