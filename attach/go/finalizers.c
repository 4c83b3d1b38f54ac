#include "attach/go/finalizers.h"

#include "heaptop/base/cursor.h"

/* runtime/mfinal.go finblock, Go 1.19-1.27: alllink, next, cnt. */
#define BLOCK_NEXT 8
#define BLOCK_COUNT 16
#define BLOCK_HEADER 20
#define MOST_IN_BLOCK 101
/* The queue is taken as a whole, to be run; a walk that met that begins anew. */
#define MAX_WALKS 3u

enum walk_end { WALK_WHOLE, WALK_TOO_LONG, WALK_CHANGED };

/* Counts what is queued from this block on. */
static struct error *count_queue(struct memory *memory, remote_address block, int64_t *ret_count,
                                 enum walk_end *ret_end)
{
    int64_t count = 0;
    unsigned blocks = 0;
    *ret_end = WALK_WHOLE;
    while (block != 0 && *ret_end == WALK_WHOLE) {
        uint8_t bytes[BLOCK_HEADER];
        uint64_t next = 0;
        uint32_t used = 0;
        struct memory_request request = {.address = block, .buffer = bytes, .size = sizeof(bytes)};
        struct error *error = memory_read_batch(memory, &request, 1);
        if (error)
            return error;
        bytes_u64_at(bytes, sizeof(bytes), BLOCK_NEXT, &next);
        bytes_u32_at(bytes, sizeof(bytes), BLOCK_COUNT, &used);
        /* Taken meanwhile, and in use for something else. */
        if (request.failed || used > MOST_IN_BLOCK) {
            *ret_end = WALK_CHANGED;
            break;
        }
        count += used;
        block = next;
        if (++blocks == FINALIZER_MAX_BLOCKS && block != 0)
            *ret_end = WALK_TOO_LONG;
    }
    *ret_count = count;
    return NULL;
}

struct error *finalizers_sample(const struct go_process *process, struct snapshot *snapshot)
{
    remote_address variable = go_variable(process, GO_VARIABLE_FINQ), block = 0;
    int64_t count = 0;
    enum walk_end end = WALK_CHANGED;
    if (!variable) {
        snapshot_set_unavailable(snapshot, COUNTER_FINALIZERS_QUEUED, "runtime.finq was not found");
        return NULL;
    }
    struct error *error = NULL;
    for (unsigned walks = 0; !error && end == WALK_CHANGED && walks < MAX_WALKS; walks++) {
        error = memory_read_u64(process->context.memory, variable, &block);
        if (!error)
            error = count_queue(process->context.memory, block, &count, &end);
    }
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        snapshot_set_unavailable(snapshot, COUNTER_FINALIZERS_QUEUED, "runtime.finq is not readable");
        return NULL;
    }
    if (error)
        return error;
    snapshot_set(snapshot, COUNTER_FINALIZERS_QUEUED, count);
    if (end != WALK_WHOLE) {
        snapshot->counters[COUNTER_FINALIZERS_QUEUED].provenance = PROVENANCE_SAMPLED;
        snapshot_add_problem(snapshot, "finalizers: more are queued than the %lld that were counted", (long long)count);
    }
    return NULL;
}
