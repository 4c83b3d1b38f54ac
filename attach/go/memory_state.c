#include "attach/go/memory_state.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cursor.h"

/* consistentHeapStats.stats: runtime/mstats.go, Go 1.19-1.27. */
#define GENERATIONS 3u

struct error *memory_state_create(const struct go_process *process, struct memory_state **ret_state)
{
    struct memory_state *state = calloc(1, sizeof(*state));
    if (!state)
        return error_no_memory();
    state->process = process;
    state->buffer = malloc(4 * (size_t)COPIED_STRUCT_MAX_BYTES);
    if (!state->buffer) {
        free(state);
        return error_no_memory();
    }
    *ret_state = state;
    return NULL;
}

void memory_state_destroy(struct memory_state *state)
{
    if (!state)
        return;
    free(state->buffer);
    free(state);
}

/* One struct to copy: its variable and the row with its size. */
struct wanted_struct {
    enum go_variable variable;
    enum go_field size;
};

/* memstats comes first and last, so that what changed meanwhile shows. gcController comes before work, whose times then
 * tell which cycle it was read in (collector.c). */
enum { MEMSTATS_BEFORE, GC_CONTROLLER, WORK, MEMSTATS_AFTER, STRUCTS };
static const struct wanted_struct wanted_structs[STRUCTS] = {
    [MEMSTATS_BEFORE] = {GO_VARIABLE_MEMSTATS, GO_FIELD_MSTATS_SIZE},
    [WORK] = {GO_VARIABLE_WORK, GO_FIELD_WORK_SIZE},
    [GC_CONTROLLER] = {GO_VARIABLE_GC_CONTROLLER, GO_FIELD_GC_CONTROLLER_SIZE},
    [MEMSTATS_AFTER] = {GO_VARIABLE_MEMSTATS, GO_FIELD_MSTATS_SIZE},
};

/* Then the single figures. */
enum { MSPAN_INUSE = STRUCTS, MCACHE_INUSE, GOMAXPROCS, INIT_TIME, REQUESTS };

/* An address the target cannot have; it fails, as wanted. */
static struct memory_request nothing(uint8_t *buffer)
{
    return (struct memory_request){.address = 0, .buffer = buffer, .size = 1};
}

static struct memory_request request_struct(const struct memory_state *state, size_t index)
{
    uint8_t *buffer = state->buffer + index * COPIED_STRUCT_MAX_BYTES;
    const struct wanted_struct *wanted = &wanted_structs[index];
    remote_address address = go_variable(state->process, wanted->variable);
    int32_t size = state->process->layout.offset[wanted->size];
    if (!address || size <= 0 || (uint32_t)size > COPIED_STRUCT_MAX_BYTES)
        return nothing(buffer);
    return (struct memory_request){.address = address, .buffer = buffer, .size = (size_t)size};
}

static struct memory_request request_field(const struct memory_state *state, enum go_variable variable,
                                           enum go_field field, uint8_t bytes[8])
{
    remote_address address = go_variable(state->process, variable);
    int32_t offset = state->process->layout.offset[field];
    if (!address || offset < 0 || state->process->layout.size[field] != 8)
        return nothing(bytes);
    return (struct memory_request){.address = address + (uint64_t)offset, .buffer = bytes, .size = 8};
}

static struct copied_struct copied(const struct memory_state *state, const struct memory_request *request)
{
    bool ok = request->address != 0 && !request->failed;
    return (struct copied_struct){
        .layout = &state->process->layout, .bytes = ok ? request->buffer : NULL, .size = ok ? request->size : 0};
}

/* Whether heapStats was not being turned over in the first of two copies, and not since: a reader
 * (consistentHeapStats.read) first moves on `gen`, then adds the stats before the last to the last, and clears them.
 * Where those of the generation that comes next are still clear, and `gen` stays, the second copy holds each event
 * once. */
static bool heap_stats_settled(const struct copied_struct *before, const struct copied_struct *after)
{
    const struct go_layout *layout = before->layout;
    static const enum go_field needed[] = {GO_FIELD_MSTATS_HEAP_STATS, GO_FIELD_HEAP_STATS_STATS,
                                           GO_FIELD_HEAP_STATS_GEN, GO_FIELD_DELTA_SIZE};
    if (!before->bytes || !after->bytes || !go_layout_has_all(layout, needed, sizeof(needed) / sizeof(needed[0])))
        return false;
    size_t stats =
        (size_t)layout->offset[GO_FIELD_MSTATS_HEAP_STATS] + (size_t)layout->offset[GO_FIELD_HEAP_STATS_STATS];
    size_t gen_at =
        (size_t)layout->offset[GO_FIELD_MSTATS_HEAP_STATS] + (size_t)layout->offset[GO_FIELD_HEAP_STATS_GEN];
    size_t delta = (size_t)layout->offset[GO_FIELD_DELTA_SIZE];
    uint32_t gen, gen_after;
    if (!bytes_u32_at(before->bytes, before->size, gen_at, &gen) ||
        !bytes_u32_at(after->bytes, after->size, gen_at, &gen_after) || gen != gen_after || gen >= GENERATIONS)
        return false;
    struct cursor cursor = cursor_over(before->bytes, before->size);
    cursor_seek(&cursor, stats + delta * ((gen + 1) % GENERATIONS));
    const uint8_t *next = cursor_bytes(&cursor, delta);
    for (size_t i = 0; next && i < delta; i++) {
        if (next[i] != 0)
            return false;
    }
    return next != NULL;
}

static bool same_cycle(const struct copied_struct *before, const struct copied_struct *after)
{
    uint64_t first, second;
    return before->bytes && after->bytes && copied_struct_get(before, GO_FIELD_MSTATS_NUMGC, &first) &&
           copied_struct_get(after, GO_FIELD_MSTATS_NUMGC, &second) && first == second;
}

struct error *memory_state_read(struct memory_state *state)
{
    uint8_t figures[REQUESTS - STRUCTS][8] = {{0}};
    struct memory_request requests[REQUESTS];
    for (unsigned tries = 0; tries < MEMORY_STATE_MAX_READINGS; tries++) {
        for (size_t i = 0; i < STRUCTS; i++)
            requests[i] = request_struct(state, i);
        requests[MSPAN_INUSE] =
            request_field(state, GO_VARIABLE_MHEAP, GO_FIELD_MHEAP_SPANALLOC_INUSE, figures[MSPAN_INUSE - STRUCTS]);
        requests[MCACHE_INUSE] =
            request_field(state, GO_VARIABLE_MHEAP, GO_FIELD_MHEAP_CACHEALLOC_INUSE, figures[MCACHE_INUSE - STRUCTS]);
        requests[GOMAXPROCS] = (struct memory_request){.address = go_variable(state->process, GO_VARIABLE_GOMAXPROCS),
                                                       .buffer = figures[GOMAXPROCS - STRUCTS],
                                                       .size = 4};
        requests[INIT_TIME] =
            (struct memory_request){.address = go_variable(state->process, GO_VARIABLE_RUNTIME_INIT_TIME),
                                    .buffer = figures[INIT_TIME - STRUCTS],
                                    .size = 8};
        struct error *error = memory_read_batch(state->process->context.memory, requests, REQUESTS);
        if (error)
            return error;

        struct copied_struct before = copied(state, &requests[MEMSTATS_BEFORE]);
        state->memstats = copied(state, &requests[MEMSTATS_AFTER]);
        state->heap_stats_consistent = heap_stats_settled(&before, &state->memstats);
        state->cycle_consistent = same_cycle(&before, &state->memstats);
        if (!state->memstats.bytes || (state->heap_stats_consistent && state->cycle_consistent))
            break;
    }
    state->work = copied(state, &requests[WORK]);
    state->gc_controller = copied(state, &requests[GC_CONTROLLER]);
    state->has_mspan_inuse = requests[MSPAN_INUSE].address && !requests[MSPAN_INUSE].failed;
    state->has_mcache_inuse = requests[MCACHE_INUSE].address && !requests[MCACHE_INUSE].failed;
    state->has_gomaxprocs = requests[GOMAXPROCS].address && !requests[GOMAXPROCS].failed;
    state->mspan_inuse = state->mcache_inuse = state->init_time = 0;
    if (requests[INIT_TIME].address && !requests[INIT_TIME].failed)
        bytes_u64_at(figures[INIT_TIME - STRUCTS], 8, 0, &state->init_time);
    bytes_u64_at(figures[MSPAN_INUSE - STRUCTS], 8, 0, &state->mspan_inuse);
    bytes_u64_at(figures[MCACHE_INUSE - STRUCTS], 8, 0, &state->mcache_inuse);
    uint32_t procs = 0;
    bytes_u32_at(figures[GOMAXPROCS - STRUCTS], 8, 0, &procs);
    state->gomaxprocs = (int32_t)procs;
    return NULL;
}
