/* The stacks of goroutines that do not run, copied while the target goes on: each is believed when its g says the same
 * after the copy as before. */
#ifndef HEAPTOP_ATTACH_GO_GOROUTINE_STACKS_H
#define HEAPTOP_ATTACH_GO_GOROUTINE_STACKS_H

#include "attach/go/frames.h"
#include "attach/go/goroutine.h"
#include "attach/go/range_batch.h"
#include "attach/go/record_set.h"
#include "attach/go/unwind.h"

struct pending_stack {
    uint32_t index;                 /* Of the goroutine. */
    uint8_t window, tries;          /* How much of it is copied; how often it had moved on meanwhile. */
};

struct goroutine_stacks {
    const struct go_process *process;   /* Borrowed. */
    struct go_frames *frames;           /* Borrowed. */
    struct unwinder unwinder;
    struct table by_pcs;                /* Hash of a stack's addresses -> index in known. */
    struct table profile_stacks;        /* stack_id -> the same with the runtime's frames, of the first that had it. */
    VECTOR(struct known_stack) known;
    VECTOR(uint64_t) pcs;               /* Of all known stacks. */
    size_t last_known;                  /* The stack that was last looked for: those in a row often are the same. */
    VECTOR(struct pending_stack) pending;
    VECTOR(struct pending_stack) later;
    VECTOR(uint64_t) unwound;           /* Of the stacks just copied. */
    VECTOR(struct unwound_stack) results;
    struct range_batch stack_batch, record_batch;
    size_t next_recheck;
    /* In the last sample: stacks that changed at every try, and those of which the outer part is missing. */
    size_t moved, cut;
};

/* The process and the frames are borrowed. */
void goroutine_stacks_init(struct goroutine_stacks *stacks, const struct go_process *process,
                           struct go_frames *frames);
void goroutine_stacks_deinit(struct goroutine_stacks *stacks);  /* Accepts one that is all zeros. */

/* The stack as a goroutine profile has it: with the runtime's frames. 0 for those that were never read. */
stack_id goroutine_stacks_profile(const struct goroutine_stacks *stacks, stack_id stack);

/* Sets `stack` and its flags of all goroutines whose stack can be read; goroutine i's g is record i of the set, which
 * holds the bytes from `start` on. Those with stack_read set were the same in the last sample: they keep the stack
 * where nothing can have changed. A goroutine that has moved on meanwhile is brought up to date. ERROR_NO_MEMORY, or
 * when nothing more can ever be read. */
struct error *goroutine_stacks_read(struct goroutine_stacks *stacks, struct goroutine *goroutines, size_t count,
                                    const struct record_set *records, size_t start);

#endif
