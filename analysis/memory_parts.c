#include "heaptop/analysis/memory_parts.h"

const struct memory_part_info memory_part_infos[MEMORY_PART_COUNT] = {
#define X(id, name, label, help) [MEMORY_PART_##id] = {name, label, help},
    MEMORY_PARTS(X)
#undef X
};

static uint64_t counter_or_zero(const struct snapshot *snapshot, enum counter_id id)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_known(counter) && counter->value.integer > 0 ? (uint64_t)counter->value.integer : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t both(const struct resident_bytes *resident)
{
    return resident->file + resident->anonymous;
}

/* The pages of spans are seen one by one; what of the objects in them is live the runtime's count tells. */
static void divide_heap(const struct snapshot *snapshot, struct memory_parts *parts)
{
    const struct heap_use *heap = &snapshot->memory_map->heap;
    uint64_t all = both(&snapshot->memory_map->resident[REGION_GO_HEAP]);
    uint64_t live = smaller(heap->object_resident, counter_or_zero(snapshot, COUNTER_HEAP_MARKED));
    if (!counter_known(&snapshot->counters[COUNTER_HEAP_MARKED])) {
        parts->bytes[MEMORY_PART_UNDIVIDED] += heap->object_resident;
    } else {
        parts->bytes[MEMORY_PART_LIVE] = live;
        parts->bytes[MEMORY_PART_RECENT] = heap->object_resident - live;
    }
    parts->bytes[MEMORY_PART_SLACK] = heap->slack_resident;
    parts->bytes[MEMORY_PART_IDLE] = heap->free_resident;
    /* Spans that are managed by hand are stacks, and a few that the GC works with. */
    uint64_t stacks = heap->manual_resident;
    if (counter_known(&snapshot->counters[COUNTER_STACK_INUSE]))
        stacks = smaller(stacks, counter_or_zero(snapshot, COUNTER_STACK_INUSE));
    parts->bytes[MEMORY_PART_GOROUTINES] = stacks;
    parts->bytes[MEMORY_PART_RUNTIME] += heap->manual_resident - stacks;
    uint64_t divided = heap->object_resident + heap->slack_resident + heap->free_resident + heap->manual_resident;
    parts->bytes[MEMORY_PART_UNDIVIDED] += all > divided ? all - divided : 0;
}

/* Without spans the runtime's counts are all there is: what is in use is taken to be resident. */
static void divide_heap_by_counts(const struct snapshot *snapshot, struct memory_parts *parts)
{
    static const enum counter_id needed[] = {COUNTER_HEAP_MARKED, COUNTER_HEAP_ALLOC, COUNTER_HEAP_INUSE, COUNTER_STACK_INUSE};
    uint64_t left = both(&snapshot->memory_map->resident[REGION_GO_HEAP]);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!counter_known(&snapshot->counters[needed[i]])) {
            parts->bytes[MEMORY_PART_UNDIVIDED] = left;
            return;
        }
    }
    uint64_t marked = counter_or_zero(snapshot, COUNTER_HEAP_MARKED), alloc = counter_or_zero(snapshot, COUNTER_HEAP_ALLOC);
    uint64_t in_use = counter_or_zero(snapshot, COUNTER_HEAP_INUSE);
    const struct {
        enum memory_part part;
        uint64_t bytes;
    } shares[] = {
        {MEMORY_PART_LIVE, smaller(marked, alloc)},
        {MEMORY_PART_GOROUTINES, counter_or_zero(snapshot, COUNTER_STACK_INUSE)},
        {MEMORY_PART_RECENT, alloc > marked ? alloc - marked : 0},
        {MEMORY_PART_SLACK, in_use > alloc ? in_use - alloc : 0},
        {MEMORY_PART_IDLE, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        parts->bytes[shares[i].part] = smaller(left, shares[i].bytes);
        left -= parts->bytes[shares[i].part];
    }
}

struct memory_parts memory_parts_of(const struct snapshot *snapshot)
{
    struct memory_parts parts = {0};
    const struct memory_map *map = snapshot->memory_map;
    if (!map)
        return parts;
    parts.known = true;
    parts.unix_ns = snapshot->unix_ns;
    parts.took_ns = map->took_ns;
    parts.rss_bytes = map->rss_bytes;
    parts.not_looked_at = map->not_looked_at;
    parts.heap_known = map->heap_known;
    parts.heap_reason = map->heap_reason;
    parts.released_known = counter_known(&snapshot->counters[COUNTER_HEAP_RELEASED]);
    parts.released_bytes = counter_or_zero(snapshot, COUNTER_HEAP_RELEASED);

    static const enum memory_part part_of_kind[REGION_KIND_COUNT] = {
        [REGION_ANONYMOUS] = MEMORY_PART_ANONYMOUS,
        [REGION_GO_HEAP] = MEMORY_PART_COUNT,       /* Divided below. */
        [REGION_GO_RUNTIME] = MEMORY_PART_RUNTIME,
        [REGION_PROGRAM] = MEMORY_PART_PROGRAM,
        [REGION_C_HEAP] = MEMORY_PART_C_HEAP,
        [REGION_THREAD_STACK] = MEMORY_PART_THREAD_STACKS,
        [REGION_FILE] = MEMORY_PART_FILES,
        [REGION_SHARED] = MEMORY_PART_SHARED,
        [REGION_RESERVED] = MEMORY_PART_ANONYMOUS,
    };
    for (int kind = 0; kind < REGION_KIND_COUNT; kind++) {
        if (part_of_kind[kind] != MEMORY_PART_COUNT)
            parts.bytes[part_of_kind[kind]] += both(&map->resident[kind]);
    }
    if (map->heap_known)
        divide_heap(snapshot, &parts);
    else
        divide_heap_by_counts(snapshot, &parts);

    uint64_t sum = 0;
    for (int part = 0; part < MEMORY_PART_UNEXPLAINED; part++)
        sum += parts.bytes[part];
    if (sum <= map->rss_bytes)
        parts.bytes[MEMORY_PART_UNEXPLAINED] = map->rss_bytes - sum;
    else
        parts.excess_bytes = sum - map->rss_bytes;
    return parts;
}
