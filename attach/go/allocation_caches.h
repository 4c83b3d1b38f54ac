/* What the Ps' allocation caches (runtime/mcache.go) have handed out and not yet reported: ReadMemStats has it
 * reported first, so its figures are those of memstats.heapStats and these together. */
#ifndef HEAPTOP_ATTACH_GO_ALLOCATION_CACHES_H
#define HEAPTOP_ATTACH_GO_ALLOCATION_CACHES_H

#include "attach/go/copied_struct.h"
#include "attach/go/procs.h"
#include "attach/go/record_set.h"

/* Span classes are twice the size classes, with and without pointers (runtime/mheap.go spanClass; 68 size classes,
 * Go 1.19-1.27). */
#define ALLOCATION_CACHES_CLASSES 68u
#define ALLOCATION_CACHES_SPANS (2 * ALLOCATION_CACHES_CLASSES)
/* With more Ps their caches are not looked at, for what it would cost: figures are then behind by what they hold. */
#define ALLOCATION_CACHES_MAX_PROCS 256u

struct allocation_caches {
    uint64_t small[ALLOCATION_CACHES_CLASSES];  /* Objects per size class. */
    uint64_t tiny;                              /* Tiny objects. */
    bool known;

    struct record_set spans;
    VECTOR(uint8_t) classes;                    /* Size class of each span in `spans`. */
    VECTOR(uint8_t) bytes;
    VECTOR(struct memory_request) requests;
    const struct go_process *process;           /* Borrowed. */
    size_t span_start;                          /* Where in an mspan the bytes begin that are copied. */
};

/* The spans that a copied mcache keeps to allocate from, by span class. 0 where it has none: there the runtime has a
 * dummy, the one address that comes more than once. */
void allocation_caches_spans(const struct copied_struct *cache, remote_address spans[ALLOCATION_CACHES_SPANS]);

struct error *allocation_caches_init(struct allocation_caches *caches, const struct go_process *process);
void allocation_caches_deinit(struct allocation_caches *caches);    /* Accepts one that is all zeros. */

/* Reads all caches. What a P hands over to memstats meanwhile is missed; so read memstats before: the sum is then
 * too low for one sample, never too high. */
struct error *allocation_caches_read(struct allocation_caches *caches, struct procs *procs);

#endif
