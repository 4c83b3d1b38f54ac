/* The registers and the stack of a thread that runs, copied while it is stopped for a moment, as somebody has asked. */
#ifndef ATTACH_NATIVE_STOPPED_THREAD_H
#define ATTACH_NATIVE_STOPPED_THREAD_H

#include "attach/memory.h"
#include "attach/thread_stop.h"
#include "heaptop/symbols/call_frames.h"

/* More of a stack is not copied, so that the thread stands still for some tens of microseconds. */
#define STOPPED_THREAD_STACK_BYTES 65536u

struct stopped_thread {
    uint64_t registers[CALL_FRAME_REGISTERS];   /* All are known. */
    size_t size;                                /* Bytes of the stack, from its pointer on; 0: none could be read. */
    uint8_t stack[STOPPED_THREAD_STACK_BYTES];
};

/* Stops it, copies, lets it go on. Errors of thread_stop. *ret_result is always filled in. */
struct error *stopped_thread_copy(struct memory *memory, pid_t tid, struct stopped_thread *ret_copy,
                                  struct thread_stop_result *ret_result);

#endif
