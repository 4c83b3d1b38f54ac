/* From the registers of a thread to the return addresses on its stack, over a copy that is read as far as is needed. */
#ifndef ATTACH_NATIVE_UNWIND_H
#define ATTACH_NATIVE_UNWIND_H

#include "attach/memory.h"
#include "attach/native/modules.h"

/* Deeper frames are left out, and it is said so. */
#define UNWIND_MAX_FRAMES 256u

struct unwinder;

/* Both are borrowed. */
struct error *unwinder_create(struct modules *modules, struct memory *memory, struct unwinder **ret_unwinder);
void unwinder_destroy(struct unwinder *unwinder);       /* Accepts NULL. */

enum unwind_end {
    UNWIND_COMPLETE, /* Up to where the thread began. */
    UNWIND_DEDUCED, /* The same, but a lost frame pointer was told by the return address that must lie beside it. */
    UNWIND_TOO_DEEP,
    UNWIND_NO_FRAMES, /* In code of which nothing tells how it is left, such as a just-in-time compiler's. */
    UNWIND_NOT_READ, /* Memory could not be read. */
    UNWIND_LOST_REGISTER, /* It takes a register whose value only a stop of the thread would tell. */
    UNWIND_NONSENSE, /* The stack does not lead outwards: damaged, or it moved on while it was read. */
};

/* Registers as in struct call_frame_state; rip and rsp must be known. pcs[0] is where the thread is, the others are
 * where calls return to, one less than them (the call itself) unless a signal came between, and its return is told by
 * its first instruction. Only ERROR_NO_MEMORY, and errors after which no memory can be read. */
struct error *unwind(struct unwinder *unwinder, const uint64_t *registers, uint32_t known,
                     uint64_t pcs[UNWIND_MAX_FRAMES], size_t *ret_count, enum unwind_end *ret_end);

/* A stack as it once was: all the registers that are known, and what lay from rsp on. */
struct stack_copy {
    const uint64_t *registers;
    uint32_t known;
    const void *bytes;
    size_t size;
};

/* The same, of a moment that has passed: nothing is read of the target's stacks as they are now. */
struct error *unwind_copy(struct unwinder *unwinder, const struct stack_copy *copy, uint64_t pcs[UNWIND_MAX_FRAMES],
                          size_t *ret_count, enum unwind_end *ret_end);

/* An address lay in no module since this was asked last: the memory map is worth reading anew. */
bool unwinder_met_unknown(struct unwinder *unwinder);
/* Other code may lie where some was. */
void unwinder_forget(struct unwinder *unwinder);

#endif
