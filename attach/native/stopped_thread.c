#include "attach/native/stopped_thread.h"

#include <string.h>

#include "heaptop/base/cleanup.h"

#define PAGE UINT64_C(4096)
#define MAX_PAGES (STOPPED_THREAD_STACK_BYTES / PAGE + 1)

struct visit {
    struct memory *memory;
    struct stopped_thread *copy;
};

/* While it stands still. Page by page: what lies beyond the stack may not be there. */
static void copy_thread(void *context, const struct thread_registers *registers)
{
    const struct visit *visit = context;
    struct stopped_thread *copy = visit->copy;
    struct memory_request requests[MAX_PAGES];
    size_t count = 0, asked = 0;
    memcpy(copy->registers, registers->all, sizeof(copy->registers));
    for (; count < MAX_PAGES && asked < sizeof(copy->stack); count++) {
        size_t length = (size_t)(PAGE - (registers->sp + asked) % PAGE), room = sizeof(copy->stack) - asked;
        length = length < room ? length : room;
        requests[count] = (struct memory_request){
            .address = registers->sp + asked, .buffer = copy->stack + asked, .size = length};
        asked += length;
    }
    _cleanup_error_ struct error *error = memory_read_batch(visit->memory, requests, count);
    for (size_t i = 0; !error && i < count && !requests[i].failed; i++)
        copy->size += requests[i].size;
}

struct error *stopped_thread_copy(struct memory *memory, pid_t tid, struct stopped_thread *ret_copy,
                                  struct thread_stop_result *ret_result)
{
    struct visit visit = {.memory = memory, .copy = ret_copy};
    ret_copy->size = 0;
    *ret_result = (struct thread_stop_result){.stopped = false};
    return thread_stop(tid, copy_thread, &visit, ret_result);
}
