/* From a copy of a goroutine's stack to the return addresses on it, by the tables that tell how far the stack pointer
 * has moved at each address. */
#ifndef HEAPTOP_ATTACH_GO_UNWIND_H
#define HEAPTOP_ATTACH_GO_UNWIND_H

#include "attach/go/process.h"
#include "heaptop/base/table.h"

/* Deeper stacks are cut. Go's own tracebacks show 100 frames. */
#define UNWIND_MAX_FRAMES 512u

enum unwind_kind {
    UNWIND_FRAME,           /* `delta` bytes above the stack pointer lies the return address. */
    UNWIND_OUTERMOST,       /* The stack ends here (abi.FuncFlagTopFrame), or the function has no table. */
    /* Sets the stack pointer as no table tells (abi.FuncFlagSPWrite): who called is not known, as in Go's own
     * tracebacks. */
    UNWIND_WRITES_SP,
    UNWIND_UNKNOWN,         /* No function's code. */
};

struct unwind_step {
    enum unwind_kind kind;
    uint32_t delta;
};

/* What to do at a code address. ERROR_NO_MEMORY. */
typedef struct error *unwind_lookup(void *context, uint64_t pc, struct unwind_step *ret_step);

struct unwinder {
    unwind_lookup *look_up;
    void *context;          /* Borrowed. */
    struct table steps;     /* Every address looked up so far. */
};

/* A copy of [sp, sp + size) of a stack that ends at `high`. */
struct stack_copy {
    uint64_t pc, sp, high;
    const uint8_t *bytes;   /* Borrowed. */
    size_t size;
    bool in_syscall;        /* pc and sp are those with which the system call was entered. */
};

enum unwind_end {
    UNWIND_WHOLE,           /* Down to the function that ends a stack. */
    UNWIND_SHORT_COPY,      /* The next return address lies beyond the copy. */
    UNWIND_TOO_DEEP,        /* UNWIND_MAX_FRAMES. */
    /* An address that is no code, a frame beyond the stack's end, or a function that sets the stack pointer. */
    UNWIND_BROKEN,
};

/* By the process's pclntab; without one every address is unknown. */
void unwinder_init(struct unwinder *unwinder, const struct go_process *process);
/* By another table: for tests. */
void unwinder_init_with(struct unwinder *unwinder, unwind_lookup *look_up, void *context);
void unwinder_deinit(struct unwinder *unwinder);

/* Fills `pcs` (room for UNWIND_MAX_FRAMES): the innermost frame's pc, then return addresses. However it ends, what came
 * before holds. ERROR_NO_MEMORY. */
struct error *unwind_stack(struct unwinder *unwinder, const struct stack_copy *copy, uint64_t *pcs, size_t *ret_count,
                           enum unwind_end *ret_end);

#endif
