#include "attach/go/finalizers.h"

#include "heaptop/base/cursor.h"

/* runtime/mfinal.go finblock, Go 1.19-1.27: alllink, next, cnt. */
#define BLOCK_NEXT 8
#define BLOCK_COUNT 16
#define BLOCK_HEADER 20
#define MOST_IN_BLOCK 101

struct error *finalizers_sample(const struct go_process *process, struct snapshot *snapshot)
{
    remote_address variable = go_variable(process, GO_VARIABLE_FINQ), block = 0;
    int64_t count = 0;
    if (!variable) {
        snapshot_set_unavailable(snapshot, COUNTER_FINALIZERS_QUEUED, "runtime.finq was not found");
        return NULL;
    }
    struct error *error = memory_read_u64(process->context.memory, variable, &block);
    unsigned blocks = 0;
    for (; !error && block != 0 && blocks < FINALIZER_MAX_BLOCKS; blocks++) {
        uint8_t bytes[BLOCK_HEADER];
        uint64_t next = 0;
        uint32_t used = 0;
        struct memory_request request = {.address = block, .buffer = bytes, .size = sizeof(bytes)};
        error = memory_read_batch(process->context.memory, &request, 1);
        if (error || request.failed)
            break;
        bytes_u64_at(bytes, sizeof(bytes), BLOCK_NEXT, &next);
        bytes_u32_at(bytes, sizeof(bytes), BLOCK_COUNT, &used);
        /* Taken meanwhile, and in use for something else. */
        if (used > MOST_IN_BLOCK)
            break;
        count += used;
        block = next;
    }
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        snapshot_set_unavailable(snapshot, COUNTER_FINALIZERS_QUEUED, "runtime.finq is not readable");
        return NULL;
    }
    if (error)
        return error;
    snapshot_set(snapshot, COUNTER_FINALIZERS_QUEUED, count);
    if (blocks == FINALIZER_MAX_BLOCKS && block != 0)
        snapshot_add_problem(snapshot, "finalizers: only the first %u blocks of the queue are counted", blocks);
    return NULL;
}
