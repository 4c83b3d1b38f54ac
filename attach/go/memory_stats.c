#include "attach/go/memory_stats.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

#define GENERATIONS 3u
#define SIZE_CLASSES ALLOCATION_CACHES_CLASSES
/* runtime.MemStats.BySize has room for 61 (runtime/mstats.go). All are given here. */

/* Bytes of each size class: runtime/sizeclasses.go class_to_size (Go 1.19-1.24), internal/runtime/gc/sizeclasses.go
 * SizeClassToSize (1.25-1.27); the same in all of them. Class 0 stands for large objects. */
static const uint16_t size_class_bytes[SIZE_CLASSES] = {
    0,    8,    16,   24,    32,    48,    64,    80,    96,    112,   128,   144,   160,   176,   192,   208,   224,
    240,  256,  288,  320,   352,   384,   416,   448,   480,   512,   576,   640,   704,   768,   896,   1024,  1152,
    1280, 1408, 1536, 1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,  6528,  6784,  6912,
    8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

/* runtime/mgcpacer.go: the goal stays at least this far above where the cycle was triggered (heapGoalInternal, Go
 * 1.19-1.27). */
#define MIN_RUNWAY_BYTES (64u << 10)
/* The memory limit's headroom: 1 MiB in Go 1.19 (memoryLimitHeapGoalHeadroom); from 1.21 on 3% of the goal, at least
 * 1 MiB (memoryLimitHeapGoalHeadroomPercent, memoryLimitMinHeapGoalHeadroom). */
#define LIMIT_HEADROOM_BYTES (1u << 20)
#define LIMIT_HEADROOM_PERCENT 3u
#define MINOR_WITH_PERCENT_HEADROOM 21u

/* runtime/mstats.go heapStatsDelta, summed over the three generations as unsafeRead does. */
struct heap_totals {
    uint64_t in_stacks, in_work_bufs, in_pointer_bits;
    uint64_t tiny_allocs, large_alloc, large_allocs, large_free, large_frees;
    uint64_t small_allocs[SIZE_CLASSES], small_frees[SIZE_CLASSES];
    uint64_t cached_bytes;      /* Of small_allocs, bytes of objects that only the Ps' caches know of. */
    /* Derived as readmemstats_m does. */
    uint64_t total_alloc, total_free, mallocs, frees;
};

static void add_array(const struct copied_struct *memstats, size_t start, enum go_field field,
                      uint64_t sums[SIZE_CLASSES])
{
    struct cursor cursor = cursor_over(memstats->bytes, memstats->size);
    cursor_seek(&cursor, start + (size_t)memstats->layout->offset[field]);
    for (size_t i = 0; i < SIZE_CLASSES; i++)
        sums[i] += cursor_u64(&cursor);
}

/* Adds what is still in the Ps' caches, and lets no count fall below what was given before. */
static void add_caches(struct heap_totals *totals, const struct allocation_caches *caches, struct memory_stats *stats)
{
    if (caches->known)
        totals->tiny_allocs += caches->tiny;
    if (totals->tiny_allocs < stats->tiny_allocs)
        totals->tiny_allocs = stats->tiny_allocs;
    stats->tiny_allocs = totals->tiny_allocs;
    for (size_t i = 0; i < SIZE_CLASSES; i++) {
        uint64_t reported = totals->small_allocs[i];
        if (caches->known)
            totals->small_allocs[i] += caches->small[i];
        if (totals->small_allocs[i] < stats->small_allocs[i])
            totals->small_allocs[i] = stats->small_allocs[i];
        stats->small_allocs[i] = totals->small_allocs[i];
        totals->cached_bytes += (totals->small_allocs[i] - reported) * size_class_bytes[i];
    }
}

static void derive_totals(struct heap_totals *totals)
{
    totals->total_alloc = totals->large_alloc;
    totals->mallocs = totals->large_allocs + totals->tiny_allocs;
    totals->total_free = totals->large_free;
    totals->frees = totals->large_frees + totals->tiny_allocs;
    for (size_t i = 0; i < SIZE_CLASSES; i++) {
        totals->total_alloc += totals->small_allocs[i] * size_class_bytes[i];
        totals->mallocs += totals->small_allocs[i];
        totals->total_free += totals->small_frees[i] * size_class_bytes[i];
        totals->frees += totals->small_frees[i];
    }
}

static bool heap_totals_read(const struct copied_struct *memstats, struct heap_totals *ret_totals)
{
    const struct go_layout *layout = memstats->layout;
    static const enum go_field needed[] = {
        GO_FIELD_MSTATS_HEAP_STATS, GO_FIELD_HEAP_STATS_STATS,        GO_FIELD_DELTA_SIZE,
        GO_FIELD_DELTA_IN_STACKS,   GO_FIELD_DELTA_IN_WORK_BUFS,      GO_FIELD_DELTA_TINY_ALLOC_COUNT,
        GO_FIELD_DELTA_LARGE_ALLOC, GO_FIELD_DELTA_LARGE_ALLOC_COUNT, GO_FIELD_DELTA_SMALL_ALLOC_COUNT,
        GO_FIELD_DELTA_LARGE_FREE,  GO_FIELD_DELTA_LARGE_FREE_COUNT,  GO_FIELD_DELTA_SMALL_FREE_COUNT,
    };
    if (!memstats->bytes || !go_layout_has_all(layout, needed, ARRAY_SIZE(needed)) ||
        layout->size[GO_FIELD_DELTA_SMALL_ALLOC_COUNT] != SIZE_CLASSES * 8)
        return false;
    size_t stats =
        (size_t)layout->offset[GO_FIELD_MSTATS_HEAP_STATS] + (size_t)layout->offset[GO_FIELD_HEAP_STATS_STATS];
    size_t delta_size = (size_t)layout->offset[GO_FIELD_DELTA_SIZE];
    if (stats + GENERATIONS * delta_size > memstats->size)
        return false;

    struct heap_totals totals = {0};
    for (size_t i = 0; i < GENERATIONS; i++) {
        size_t start = stats + i * delta_size;
        struct copied_struct delta = {.layout = layout, .bytes = memstats->bytes + start, .size = delta_size};
        totals.in_stacks += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_IN_STACKS);
        totals.in_work_bufs += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_IN_WORK_BUFS);
        totals.in_pointer_bits += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_IN_PTR_SCALAR_BITS);
        totals.tiny_allocs += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_TINY_ALLOC_COUNT);
        totals.large_alloc += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_LARGE_ALLOC);
        totals.large_allocs += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_LARGE_ALLOC_COUNT);
        totals.large_free += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_LARGE_FREE);
        totals.large_frees += copied_struct_get_or_zero(&delta, GO_FIELD_DELTA_LARGE_FREE_COUNT);
        add_array(memstats, start, GO_FIELD_DELTA_SMALL_ALLOC_COUNT, totals.small_allocs);
        add_array(memstats, start, GO_FIELD_DELTA_SMALL_FREE_COUNT, totals.small_frees);
    }
    *ret_totals = totals;
    return true;
}

/* runtime/mgcpacer.go memoryLimitHeapGoal. */
static uint64_t memory_limit_goal(const struct memory_state *state, uint64_t cached_bytes, uint64_t limit,
                                  uint64_t heap_marked)
{
    const struct copied_struct *controller = &state->gc_controller;
    uint64_t free_bytes = copied_struct_get_or_zero(controller, GO_FIELD_GC_CONTROLLER_HEAP_FREE);
    uint64_t allocated = copied_struct_get_or_zero(controller, GO_FIELD_GC_CONTROLLER_TOTAL_ALLOC) -
                         copied_struct_get_or_zero(controller, GO_FIELD_GC_CONTROLLER_TOTAL_FREE) + cached_bytes;
    uint64_t mapped = copied_struct_get_or_zero(controller, GO_FIELD_GC_CONTROLLER_MAPPED_READY);
    /* The runtime reads again until this holds; from outside it is near enough to take the rest for nothing. */
    uint64_t other = free_bytes + allocated <= mapped ? mapped - free_bytes - allocated : 0;
    uint64_t overage = mapped > limit ? mapped - limit : 0;
    if (other + overage >= limit)
        return heap_marked;
    uint64_t goal = limit - (other + overage);
    uint64_t headroom = LIMIT_HEADROOM_BYTES;
    if (state->process->minor >= MINOR_WITH_PERCENT_HEADROOM && goal / 100 * LIMIT_HEADROOM_PERCENT > headroom)
        headroom = goal / 100 * LIMIT_HEADROOM_PERCENT;
    goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
    return goal > heap_marked ? goal : heap_marked;
}

/* runtime/mgcpacer.go heapGoalInternal: MemStats.NextGC. */
static bool heap_goal(const struct memory_state *state, uint64_t cached_bytes, uint64_t *ret_goal)
{
    const struct copied_struct *controller = &state->gc_controller;
    uint64_t goal, limit, heap_marked, triggered, sweep_trigger;
    if (!copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT_HEAP_GOAL, &goal) ||
        !copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, &limit) ||
        !copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_HEAP_MARKED, &heap_marked) ||
        !copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_TRIGGERED, &triggered))
        return false;
    uint64_t limited = memory_limit_goal(state, cached_bytes, limit, heap_marked);
    if (limited < goal) {
        *ret_goal = limited;
        return true;
    }
    if (copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_SWEEP_DIST_MIN_TRIGGER, &sweep_trigger) &&
        sweep_trigger > goal)
        goal = sweep_trigger;
    /* triggered is all ones when no cycle is under way. */
    if (triggered != UINT64_MAX && goal < triggered + MIN_RUNWAY_BYTES)
        goal = triggered + MIN_RUNWAY_BYTES;
    *ret_goal = goal;
    return true;
}

static const char memstats_missing[] = "runtime.memstats was not found, or its layout is not known";
static const char controller_missing[] = "runtime.gcController was not found, or its layout is not known";
static const char heap_missing[] = "runtime.mheap_ was not found, or its layout is not known";

static void set(struct snapshot *snapshot, enum counter_id id, bool known, uint64_t value, const char *reason)
{
    if (known)
        snapshot_set(snapshot, id, (int64_t)value);
    else
        snapshot_set_unavailable(snapshot, id, reason);
}

/* Counters that are one field each. */
struct field_counter {
    enum counter_id counter;
    enum go_field field;
};

static void set_fields(struct snapshot *snapshot, const struct copied_struct *copied, const struct field_counter *rows,
                       size_t count, const char *reason)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        bool known = copied->bytes && copied_struct_get(copied, rows[i].field, &value);
        set(snapshot, rows[i].counter, known, value, reason);
    }
}

static void set_memstats_fields(struct snapshot *snapshot, const struct memory_state *state)
{
    static const struct field_counter rows[] = {
        {COUNTER_MSPAN_SYS, GO_FIELD_MSTATS_MSPAN_SYS},
        {COUNTER_MCACHE_SYS, GO_FIELD_MSTATS_MCACHE_SYS},
        {COUNTER_BUCKHASH_SYS, GO_FIELD_MSTATS_BUCKHASH_SYS},
        {COUNTER_OTHER_SYS, GO_FIELD_MSTATS_OTHER_SYS},
        {COUNTER_NUM_GC, GO_FIELD_MSTATS_NUMGC},
        {COUNTER_NUM_FORCED_GC, GO_FIELD_MSTATS_NUMFORCEDGC},
        {COUNTER_PAUSE_TOTAL, GO_FIELD_MSTATS_PAUSE_TOTAL_NS},
        {COUNTER_LAST_GC, GO_FIELD_MSTATS_LAST_GC_UNIX},
    };
    set_fields(snapshot, &state->memstats, rows, ARRAY_SIZE(rows), memstats_missing);
    uint64_t bits;
    if (state->memstats.bytes && copied_struct_get(&state->memstats, GO_FIELD_MSTATS_GC_CPU_FRACTION, &bits)) {
        double fraction;
        memcpy(&fraction, &bits, sizeof(fraction));
        /* A hostile target may hold anything; what is no fraction is not shown as one. */
        if (fraction >= 0 && fraction <= 1)
            snapshot_set_real(snapshot, COUNTER_GC_CPU_FRACTION, fraction);
        else
            snapshot_set_unavailable(snapshot, COUNTER_GC_CPU_FRACTION, "the runtime's figure is no fraction");
    } else {
        snapshot_set_unavailable(snapshot, COUNTER_GC_CPU_FRACTION, memstats_missing);
    }
}

static void set_controller_fields(struct snapshot *snapshot, const struct memory_state *state, uint64_t cached_bytes)
{
    static const struct field_counter rows[] = {
        {COUNTER_HEAP_LIVE, GO_FIELD_GC_CONTROLLER_HEAP_LIVE},
        {COUNTER_HEAP_MARKED, GO_FIELD_GC_CONTROLLER_HEAP_MARKED},
        {COUNTER_HEAP_INUSE, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE},
        {COUNTER_HEAP_RELEASED, GO_FIELD_GC_CONTROLLER_HEAP_RELEASED},
        {COUNTER_MEMORY_LIMIT, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT},
    };
    set_fields(snapshot, &state->gc_controller, rows, ARRAY_SIZE(rows), controller_missing);
    uint64_t percent = 0, goal = 0;
    bool known = state->gc_controller.bytes &&
                 copied_struct_get(&state->gc_controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT, &percent);
    set(snapshot, COUNTER_GOGC, known, (uint64_t)(int64_t)(int32_t)percent, controller_missing);
    known = state->gc_controller.bytes && heap_goal(state, cached_bytes, &goal);
    set(snapshot, COUNTER_HEAP_GOAL, known, goal, controller_missing);
}

/* The sums that readmemstats_m makes of several accounts. */
static void set_sums(struct snapshot *snapshot, const struct memory_state *state, const struct heap_totals *totals)
{
    uint64_t in_use, released, free_bytes, stacks, mspan, mcache, buckhash, misc, other;
    const struct copied_struct *controller = &state->gc_controller, *memstats = &state->memstats;
    bool has_heap = controller->bytes && copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE, &in_use) &&
                    copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_HEAP_RELEASED, &released) &&
                    copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_HEAP_FREE, &free_bytes);
    bool has_sys = memstats->bytes && copied_struct_get(memstats, GO_FIELD_MSTATS_STACKS_SYS, &stacks) &&
                   copied_struct_get(memstats, GO_FIELD_MSTATS_MSPAN_SYS, &mspan) &&
                   copied_struct_get(memstats, GO_FIELD_MSTATS_MCACHE_SYS, &mcache) &&
                   copied_struct_get(memstats, GO_FIELD_MSTATS_BUCKHASH_SYS, &buckhash) &&
                   copied_struct_get(memstats, GO_FIELD_MSTATS_GC_MISC_SYS, &misc) &&
                   copied_struct_get(memstats, GO_FIELD_MSTATS_OTHER_SYS, &other);
    uint64_t in_stacks = totals ? totals->in_stacks : 0;
    uint64_t in_gc = totals ? totals->in_work_bufs + totals->in_pointer_bits : 0;
    set(snapshot, COUNTER_HEAP_IDLE, has_heap, has_heap ? free_bytes + released : 0, controller_missing);
    set(snapshot, COUNTER_HEAP_SYS, has_heap, has_heap ? in_use + free_bytes + released : 0, controller_missing);
    set(snapshot, COUNTER_STACK_INUSE, totals, in_stacks, memstats_missing);
    set(snapshot, COUNTER_STACK_SYS, totals && has_sys, has_sys ? in_stacks + stacks : 0, memstats_missing);
    set(snapshot, COUNTER_GC_SYS, totals && has_sys, has_sys ? misc + in_gc : 0, memstats_missing);
    bool has_all = has_heap && has_sys && totals;
    set(snapshot, COUNTER_GO_SYS, has_all,
        has_all ? in_use + free_bytes + released + stacks + mspan + mcache + buckhash + misc + other + in_stacks + in_gc
                : 0,
        has_heap ? memstats_missing : controller_missing);
    set(snapshot, COUNTER_MSPAN_INUSE, state->has_mspan_inuse, state->mspan_inuse, heap_missing);
    set(snapshot, COUNTER_MCACHE_INUSE, state->has_mcache_inuse, state->mcache_inuse, heap_missing);
    set(snapshot, COUNTER_GOMAXPROCS, state->has_gomaxprocs, (uint64_t)state->gomaxprocs,
        "runtime.gomaxprocs was not found");
}

/* What follows from counts of objects. */
static struct error *set_objects(struct snapshot *snapshot, const struct heap_totals *totals)
{
    set(snapshot, COUNTER_TOTAL_ALLOC, totals, totals ? totals->total_alloc : 0, memstats_missing);
    set(snapshot, COUNTER_HEAP_ALLOC, totals, totals ? totals->total_alloc - totals->total_free : 0, memstats_missing);
    set(snapshot, COUNTER_MALLOCS, totals, totals ? totals->mallocs : 0, memstats_missing);
    set(snapshot, COUNTER_FREES, totals, totals ? totals->frees : 0, memstats_missing);
    set(snapshot, COUNTER_HEAP_OBJECTS, totals, totals ? totals->mallocs - totals->frees : 0, memstats_missing);
    if (!totals)
        return NULL;
    struct size_class *classes = arena_alloc_array(&snapshot->arena, SIZE_CLASSES, sizeof(*classes));
    if (!classes)
        return error_no_memory();
    for (size_t i = 0; i < SIZE_CLASSES; i++) {
        classes[i] = (struct size_class){
            .size = size_class_bytes[i], .mallocs = totals->small_allocs[i], .frees = totals->small_frees[i]};
    }
    snapshot->size_classes = classes;
    snapshot->num_size_classes = SIZE_CLASSES;
    return NULL;
}

struct error *memory_stats_sample(struct memory_stats *stats, const struct memory_state *state,
                                  const struct allocation_caches *caches, struct snapshot *snapshot)
{
    struct heap_totals totals = {0};
    bool known = heap_totals_read(&state->memstats, &totals);
    if (known) {
        add_caches(&totals, caches, stats);
        derive_totals(&totals);
    }
    set_memstats_fields(snapshot, state);
    set_controller_fields(snapshot, state, totals.cached_bytes);
    set_sums(snapshot, state, known ? &totals : NULL);
    if (known && !state->heap_stats_consistent)
        snapshot_add_problem(snapshot, "memory statistics: the runtime was turning its own over while they were read");
    return set_objects(snapshot, known ? &totals : NULL);
}
