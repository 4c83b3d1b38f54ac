#include "attach/go/goroutine_stacks.h"

#include <string.h>

/* How much of a stack is copied at first, and then where that was not enough. */
static const uint32_t windows[] = {8u << 10, 64u << 10, 512u << 10};
#define WINDOWS ((uint8_t)(sizeof(windows) / sizeof(windows[0])))
/* A goroutine that has moved on while its stack was copied is read so often. So is one whose stack makes no sense: it
 * may have moved on and come back to where it was. */
#define MAX_TRIES 3u
/* Rounds over what is pending; each makes windows larger or uses up a try. */
#define MAX_ROUNDS (WINDOWS + MAX_TRIES)
/* Bytes of stacks copied at a time: what the processor's cache holds. */
#define CHUNK_BYTES (512u << 10)
/* Goroutines that look the same as in the last sample, but that no GC has seen waiting: so many are read again in each
 * sample, in turn. */
#define MAX_RECHECKED 1024u
/* Different stacks and their addresses that are remembered; beyond that it starts anew. */
#define MAX_KNOWN_PCS ((size_t)1 << 21)

struct known_stack {
    uint32_t first, count;          /* In stacks->pcs. */
    stack_id stack;
};

struct unwound_stack {
    uint32_t first, count;          /* In stacks->unwound. */
    enum unwind_end end;
    bool readable;
};

void goroutine_stacks_init(struct goroutine_stacks *stacks, const struct go_process *process, struct go_frames *frames)
{
    *stacks = (struct goroutine_stacks){.process = process, .frames = frames};
    unwinder_init(&stacks->unwinder, process);
}

void goroutine_stacks_deinit(struct goroutine_stacks *stacks)
{
    unwinder_deinit(&stacks->unwinder);
    table_deinit(&stacks->by_pcs);
    table_deinit(&stacks->profile_stacks);
    vector_deinit(&stacks->known);
    vector_deinit(&stacks->pcs);
    vector_deinit(&stacks->pending);
    vector_deinit(&stacks->later);
    vector_deinit(&stacks->unwound);
    vector_deinit(&stacks->results);
    range_batch_deinit(&stacks->stack_batch);
    range_batch_deinit(&stacks->record_batch);
}

/* Whether it has a stack that stands still: one that runs changes it all the time, and only its thread knows where it
 * is. */
static bool has_stack(const struct goroutine *goroutine)
{
    switch (goroutine->status) {
    case GOROUTINE_RUNNABLE:
    case GOROUTINE_SYSCALL:
    case GOROUTINE_WAITING:
    case GOROUTINE_PREEMPTED:
    case GOROUTINE_LEAKED:
        return goroutine->sp != 0 && goroutine->sp % 8 == 0 && goroutine->sp < goroutine->stack_high;
    default:
        return false;
    }
}

/* wait_since is set back when a goroutine runs, and set by a GC to the time that this GC began: the same value other
 * than 0 is the same wait. */
static bool is_unchanged(const struct goroutine *goroutine)
{
    return goroutine->stack_read && goroutine->wait_since != 0 &&
           (goroutine->status == GOROUTINE_WAITING || goroutine->status == GOROUTINE_LEAKED);
}

static struct error *choose(struct goroutine_stacks *stacks, struct goroutine *goroutines, size_t count)
{
    stacks->pending.count = 0;
    size_t first = stacks->next_recheck < count ? stacks->next_recheck : 0, rechecked = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = first + i < count ? first + i : first + i - count;
        struct goroutine *goroutine = &goroutines[index];
        if (!has_stack(goroutine)) {
            goroutine->stack_read = goroutine->stack_cut = false;
            goroutine->stack = 0;
            continue;
        }
        if (is_unchanged(goroutine))
            continue;
        if (goroutine->stack_read && goroutine->status == GOROUTINE_WAITING) {
            if (rechecked == MAX_RECHECKED)
                continue;
            if (++rechecked == MAX_RECHECKED)
                stacks->next_recheck = index + 1;
        }
        if (!vector_append(&stacks->pending, (struct pending_stack){.index = (uint32_t)index}))
            return error_no_memory();
    }
    return NULL;
}

/* Copies and unwinds the stacks pending[first..end): results in the same order. */
static struct error *unwind_chunk(struct goroutine_stacks *stacks, const struct goroutine *goroutines, size_t first,
                                  size_t end)
{
    stacks->results.count = stacks->unwound.count = 0;
    struct error *error = range_batch_read(&stacks->stack_batch, stacks->process->context.memory);
    for (size_t i = first; !error && i < end; i++) {
        const struct goroutine *goroutine = &goroutines[stacks->pending.items[i].index];
        const struct range *range = &stacks->stack_batch.ranges.items[i - first];
        struct unwound_stack result = {.first = (uint32_t)stacks->unwound.count, .readable = range->bytes};
        size_t depth = 0;
        if (!vector_reserve(&stacks->unwound, stacks->unwound.count + UNWIND_MAX_FRAMES))
            return error_no_memory();
        if (range->bytes) {
            struct stack_copy copy = {.pc = goroutine->pc,
                                      .sp = goroutine->sp,
                                      .high = goroutine->stack_high,
                                      .bytes = range->bytes,
                                      .size = range->size,
                                      .in_syscall = goroutine->in_syscall};
            uint64_t *pcs = stacks->unwound.items + stacks->unwound.count;
            error = unwind_stack(&stacks->unwinder, &copy, pcs, &depth, &result.end);
            if (error)
                return error;
        }
        result.count = (uint32_t)depth;
        stacks->unwound.count += depth;
        if (!vector_append(&stacks->results, result))
            return error_no_memory();
    }
    return error;
}

stack_id goroutine_stacks_profile(const struct goroutine_stacks *stacks, stack_id stack)
{
    const uint64_t *profile_stack = table_find(&stacks->profile_stacks, stack);
    return profile_stack ? (stack_id)*profile_stack : 0;
}

/* What two stacks differ in that are shown alike hardly ever matters: which of the runtime's functions a call came
 * to. */
static struct error *note_profile_stack(struct goroutine_stacks *stacks, stack_id stack, const uint64_t *pcs,
                                        size_t count)
{
    bool is_new;
    uint64_t *place = table_insert(&stacks->profile_stacks, stack, &is_new);
    if (!place)
        return error_no_memory();
    stack_id profile_stack = 0;
    struct error *error = is_new ? go_frames_profile_stack(stacks->frames, pcs, count, &profile_stack) : NULL;
    if (is_new)
        *place = profile_stack;
    return error;
}

static bool is_known_as(const struct goroutine_stacks *stacks, size_t index, const uint64_t *pcs, size_t count)
{
    if (index >= stacks->known.count)
        return false;
    const struct known_stack *known = &stacks->known.items[index];
    return known->count == count && memcmp(stacks->pcs.items + known->first, pcs, count * sizeof(*pcs)) == 0;
}

/* The catalog's stack of these addresses. */
static struct error *intern(struct goroutine_stacks *stacks, const uint64_t *pcs, size_t count, stack_id *ret_stack)
{
    if (stacks->pcs.count + count > MAX_KNOWN_PCS) {
        table_clear(&stacks->by_pcs);
        stacks->known.count = stacks->pcs.count = 0;
    }
    if (is_known_as(stacks, stacks->last_known, pcs, count)) {
        *ret_stack = stacks->known.items[stacks->last_known].stack;
        return NULL;
    }
    /* Two stacks with one hash: the second goes by another seed. */
    for (uint64_t seed = 0;; seed++) {
        bool is_new;
        uint64_t hash = table_hash_bytes(pcs, count * sizeof(*pcs), seed);
        uint64_t *index = table_insert(&stacks->by_pcs, hash, &is_new);
        if (!index)
            return error_no_memory();
        if (is_new) {
            struct known_stack known = {.first = (uint32_t)stacks->pcs.count, .count = (uint32_t)count};
            struct error *error = go_frames_traceback(stacks->frames, pcs, count, &known.stack);
            if (!error)
                error = note_profile_stack(stacks, known.stack, pcs, count);
            if (error)
                return error;
            *index = stacks->known.count;
            if (!vector_reserve(&stacks->pcs, stacks->pcs.count + count) || !vector_append(&stacks->known, known))
                return error_no_memory();
            memcpy(stacks->pcs.items + stacks->pcs.count, pcs, count * sizeof(*pcs));
            stacks->pcs.count += count;
        }
        stacks->last_known = (size_t)*index;
        if (is_known_as(stacks, stacks->last_known, pcs, count)) {
            *ret_stack = stacks->known.items[stacks->last_known].stack;
            return NULL;
        }
    }
}

/* Takes one result: `copied` is what the g says after the stack was copied, NULL where it is not readable. */
static struct error *take_result(struct goroutine_stacks *stacks, struct goroutine *goroutine,
                                 const struct copied_struct *copied, struct pending_stack pending,
                                 const struct unwound_stack *result)
{
    struct goroutine now = {.status = GOROUTINE_DEAD};
    if (copied)
        now = goroutine_decode_place(copied);
    if (!goroutine_same_place(goroutine, &now)) {
        *goroutine = copied ? goroutine_decode(copied) : now;
        if (!has_stack(goroutine))
            return NULL;
        pending.window = 0;
        if (++pending.tries < MAX_TRIES)
            return vector_append(&stacks->later, pending) ? NULL : error_no_memory();
        stacks->moved++;
        return NULL;
    }
    if (result->readable && result->end == UNWIND_SHORT_COPY && pending.window + 1 < WINDOWS) {
        pending.window++;
        return vector_append(&stacks->later, pending) ? NULL : error_no_memory();
    }
    if (result->end == UNWIND_BROKEN && ++pending.tries < MAX_TRIES)
        return vector_append(&stacks->later, pending) ? NULL : error_no_memory();
    goroutine->stack = 0;
    goroutine->stack_read = true;
    goroutine->stack_cut = !result->readable || result->end != UNWIND_WHOLE;
    stacks->cut += goroutine->stack_cut;
    if (result->count == 0)
        return NULL;
    return intern(stacks, stacks->unwound.items + result->first, result->count, &goroutine->stack);
}

/* One chunk: its stacks, then its gs once more. */
static struct error *read_chunk(struct goroutine_stacks *stacks, struct goroutine *goroutines,
                                const struct record_set *records, size_t start, size_t first, size_t end)
{
    struct error *error = unwind_chunk(stacks, goroutines, first, end);
    range_batch_clear(&stacks->record_batch);
    for (size_t i = first; !error && i < end; i++) {
        remote_address record = records->addresses.items[stacks->pending.items[i].index];
        error = range_batch_add(&stacks->record_batch, record, records->record_size);
    }
    if (!error)
        error = range_batch_read(&stacks->record_batch, stacks->process->context.memory);
    for (size_t i = first; !error && i < end; i++) {
        const struct range *range = &stacks->record_batch.ranges.items[i - first];
        struct copied_struct copied = {
            .layout = &stacks->process->layout, .bytes = range->bytes, .size = range->size, .start = start};
        struct pending_stack pending = stacks->pending.items[i];
        error = take_result(stacks, &goroutines[pending.index], range->bytes ? &copied : NULL, pending,
                            &stacks->results.items[i - first]);
    }
    return error;
}

/* Reads all that is pending once; what is to be read again is then in stacks->later. */
static struct error *read_pending(struct goroutine_stacks *stacks, struct goroutine *goroutines,
                                  const struct record_set *records, size_t start)
{
    stacks->later.count = 0;
    size_t next = 0;
    while (next < stacks->pending.count) {
        size_t first = next, bytes = 0;
        range_batch_clear(&stacks->stack_batch);
        for (; next < stacks->pending.count && next - first < RANGE_BATCH_MAX_RANGES && bytes < CHUNK_BYTES; next++) {
            const struct pending_stack *pending = &stacks->pending.items[next];
            const struct goroutine *goroutine = &goroutines[pending->index];
            uint64_t left = goroutine->stack_high - goroutine->sp;
            size_t size = left < windows[pending->window] ? (size_t)left : windows[pending->window];
            struct error *error = range_batch_add(&stacks->stack_batch, goroutine->sp, size);
            if (error)
                return error;
            bytes += size;
        }
        struct error *error = read_chunk(stacks, goroutines, records, start, first, next);
        if (error)
            return error;
    }
    return NULL;
}

struct error *goroutine_stacks_read(struct goroutine_stacks *stacks, struct goroutine *goroutines, size_t count,
                                    const struct record_set *records, size_t start)
{
    stacks->moved = stacks->cut = 0;
    struct error *error = choose(stacks, goroutines, count);
    for (unsigned round = 0; !error && round < MAX_ROUNDS && stacks->pending.count > 0; round++) {
        error = read_pending(stacks, goroutines, records, start);
        stacks->pending.count = 0;
        for (size_t i = 0; !error && i < stacks->later.count; i++) {
            if (!vector_append(&stacks->pending, stacks->later.items[i]))
                error = error_no_memory();
        }
    }
    stacks->moved += error ? 0 : stacks->pending.count;
    return error;
}
