#include "attach/go/layout.h"

const struct go_field_name go_field_names[GO_FIELD_COUNT] = {
#define X(id, type, field) [GO_FIELD_##id] = {type, field},
    GO_FIELDS(X)
#undef X
};

const struct go_field_alias go_field_aliases[] = {
    /* runtime/runtime2.go 1.25: the counts moved into gList. */
    {GO_FIELD_P_GFREE_N, "gFree.size"},
    {GO_FIELD_SCHED_GFREE_N, "gFree.stack.size"},
    {GO_FIELD_SCHED_RUNQSIZE, "runq.size"},
    /* runtime/runtime2.go up to 1.22. */
    {GO_FIELD_P_TIMERS_LEN, "numTimers"},
    {GO_FIELD_P_TIMERS_ZOMBIES, "deletedTimers"},
    /* runtime/mheap.go up to 1.24. */
    {GO_FIELD_MHEAP_HEAP_ARENAS, "allArenas"},
    /* runtime/runtime2.go 1.26: of both words of a maybeTraceablePtr the second is the source of truth. */
    {GO_FIELD_SUDOG_ELEM, "elem.vu"},
    {GO_FIELD_SUDOG_C, "c.maybeTraceablePtr.vu"},
};
const unsigned go_field_alias_count = sizeof go_field_aliases / sizeof go_field_aliases[0];

const struct go_layout_row *go_layout_find(unsigned minor, bool *ret_newer)
{
    const struct go_layout_row *newest = &go_layout_table[go_layout_table_count - 1];
    *ret_newer = minor > newest->minor;
    for (unsigned i = 0; i < go_layout_table_count; i++) {
        if (go_layout_table[i].minor >= minor)
            return &go_layout_table[i];
    }
    return newest;
}

void go_layout_clear(struct go_layout *layout)
{
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++) {
        layout->offset[i] = GO_OFFSET_MISSING;
        layout->size[i] = 0;
    }
}
