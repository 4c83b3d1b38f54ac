/* The runtime's own accounts of its memory, copied in one go: runtime.memstats, gcController and work. What
 * memory_stats.c and collector.c decode. */
#ifndef HEAPTOP_ATTACH_GO_MEMORY_STATE_H
#define HEAPTOP_ATTACH_GO_MEMORY_STATE_H

#include "attach/go/copied_struct.h"
#include "attach/go/process.h"

/* Copies that one sample makes at most until one is consistent. */
#define MEMORY_STATE_MAX_READINGS 8u

struct memory_state {
    const struct go_process *process;   /* Borrowed. */
    struct copied_struct memstats, gc_controller, work;     /* `bytes` is NULL where it could not be read. */
    uint64_t mspan_inuse, mcache_inuse;
    uint64_t init_time;                 /* When the program began, on the runtime's clock; 0 where that is not known. */
    int32_t gomaxprocs;
    bool has_mspan_inuse, has_mcache_inuse, has_gomaxprocs;
    bool heap_stats_consistent;         /* No reader was turning memstats.heapStats over while it was copied. */
    bool cycle_consistent;              /* No GC cycle ended while it was copied. */
    uint8_t *buffer;                    /* Owned: memstats twice, gcController, work. */
};

struct error *memory_state_create(const struct go_process *process, struct memory_state **ret_state);
void memory_state_destroy(struct memory_state *state);      /* Accepts NULL. */

/* Copies everything anew. What cannot be read is left out; errors only when nothing more can ever be read. */
struct error *memory_state_read(struct memory_state *state);

#endif
