#include "attach/go/collector.h"

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

static uint64_t ring_entry(const struct copied_struct *memstats, enum go_field ring, uint64_t cycle)
{
    uint64_t value = 0;
    /* The entry of cycle n (the first is 1) was written while numgc was n - 1 (runtime/mgc.go gcMarkTermination). */
    size_t offset = (size_t)memstats->layout->offset[ring] + (size_t)((cycle - 1) % COLLECTOR_RING) * 8;
    bytes_u64_at(memstats->bytes, memstats->size, offset, &value);
    return value;
}

/* The heap sizes of the latest cycle, where the runtime still has them: work.heap0 and pauseNS are set anew when the
 * next cycle begins, before work.cycles counts it (runtime/mgc.go gcStart). */
static void add_heap_sizes(const struct memory_state *state, struct gc_cycle *latest)
{
    uint64_t cycles, pause, before, peak, after, goal;
    const struct copied_struct *work = &state->work;
    if (!work->bytes || !state->cycle_consistent || !copied_struct_get(work, GO_FIELD_WORK_CYCLES, &cycles) ||
        !copied_struct_get(work, GO_FIELD_WORK_PAUSE_NS, &pause) || (uint32_t)cycles != (uint32_t)latest->number ||
        pause != latest->pause_ns)
        return;
    if (copied_struct_get(work, GO_FIELD_WORK_HEAP0, &before) && copied_struct_get(work, GO_FIELD_WORK_HEAP1, &peak) &&
        copied_struct_get(work, GO_FIELD_WORK_HEAP2, &after)) {
        latest->heap_before = before;
        latest->heap_peak = peak;
        latest->heap_after = after;
        latest->heap_known = true;
    }
    if (state->gc_controller.bytes &&
        copied_struct_get(&state->gc_controller, GO_FIELD_GC_CONTROLLER_LAST_HEAP_GOAL, &goal)) {
        latest->heap_goal = goal;
        latest->goal_known = true;
    }
}

struct error *collector_sample(struct collector *collector, const struct memory_state *state, struct snapshot *snapshot)
{
    const struct copied_struct *memstats = &state->memstats;
    static const enum go_field needed[] = {GO_FIELD_MSTATS_PAUSE_NS, GO_FIELD_MSTATS_PAUSE_END};
    uint64_t number;
    /* A cycle whose end was not read in one piece comes with the next sample. */
    if (!memstats->bytes || !state->cycle_consistent || !copied_struct_get(memstats, GO_FIELD_MSTATS_NUMGC, &number) ||
        !go_layout_has_all(memstats->layout, needed, ARRAY_SIZE(needed)))
        return NULL;
    uint32_t completed = (uint32_t)number, fresh = collector->started ? completed - collector->seen : completed;
    size_t count = fresh < COLLECTOR_RING ? fresh : COLLECTOR_RING;
    if (collector->started && fresh > COLLECTOR_RING) {
        /* Also where a hostile target counts backwards. */
        snapshot_add_problem(snapshot,
                             "garbage collector: %u cycles passed since the last sample, of which the runtime keeps %u",
                             fresh, COLLECTOR_RING);
    }
    struct gc_cycle *cycles = arena_alloc_array(&snapshot->arena, count, sizeof(*cycles));
    if (!cycles)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        uint64_t cycle = (uint64_t)completed - (count - 1 - i);
        cycles[i] = (struct gc_cycle){
            .number = cycle,
            .end_unix_ns = ring_entry(memstats, GO_FIELD_MSTATS_PAUSE_END, cycle),
            .pause_ns = ring_entry(memstats, GO_FIELD_MSTATS_PAUSE_NS, cycle),
            .times_known = true,
        };
    }
    if (count > 0)
        add_heap_sizes(state, &cycles[count - 1]);
    snapshot->gc_cycles = cycles;
    snapshot->num_gc_cycles = count;
    collector->started = true;
    collector->seen = completed;
    return NULL;
}
