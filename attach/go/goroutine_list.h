/* Goroutines one by one in a snapshot: which of them are listed, what they wait on, who made them. */
#ifndef HEAPTOP_ATTACH_GO_GOROUTINE_LIST_H
#define HEAPTOP_ATTACH_GO_GOROUTINE_LIST_H

#include "attach/go/wait_reasons.h"
#include "attach/go/waits.h"

struct goroutine_list {
    const struct go_layout *layout;
    const struct goroutine *goroutines;     /* All of allgs. */
    size_t count;
    const struct record_set *records;       /* Record i is the g of goroutine i, from byte `start` on. */
    size_t start;
    const uint32_t *places;                 /* From a goroutine's group to the snapshot's. */
    const struct wait_reasons *reasons;     /* Those of all groups are known. */
};

/* Fills the snapshot's list of goroutines, and of its groups what is known only one by one. The groups stand. */
struct error *goroutine_list_fill(const struct goroutine_list *list, struct waits *waits, struct snapshot *snapshot);

#endif
