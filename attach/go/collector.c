#include "attach/go/collector.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* runtime/proc.go: forcegcperiod. */
#define PERIOD_NS UINT64_C(120000000000)
/* runtime/mgcpacer.go trigger: a cycle starts at the earliest seven tenths of the way from the live heap to the goal,
 * and so not below seven tenths of the goal. */
#define TRIGGER_TENTHS 7u
/* From 1.20 on gctrace prints lastStackScan, before maxStackScan (runtime/mgc.go gcMarkTermination). */
#define MINOR_WITH_LAST_STACK_SCAN 20u
/* Looks between samples come not closer than this; so cycles that follow each other faster pass unseen. */
#define SHORTEST_LOOK_NS UINT64_C(20000000)
/* Of a cycle's mean distance from the next. */
#define LOOKS_A_CYCLE 3u

static uint64_t ring_entry(const struct copied_struct *memstats, enum go_field ring, uint64_t cycle)
{
    uint64_t value = 0;
    /* The entry of cycle n (the first is 1) was written while numgc was n - 1 (runtime/mgc.go gcMarkTermination). */
    size_t offset = (size_t)memstats->layout->offset[ring] + (size_t)((cycle - 1) % COLLECTOR_RING) * 8;
    bytes_u64_at(memstats->bytes, memstats->size, offset, &value);
    return value;
}

static uint64_t get(const struct copied_struct *copied, enum go_field field)
{
    return copied_struct_get_or_zero(copied, field);
}

/* ---- notes ---- */

static struct cycle_note *note_of(struct collector *collector, uint64_t number)
{
    struct cycle_note *note = &collector->notes[number % COLLECTOR_RING];
    if (note->number != number)
        *note = (struct cycle_note){.number = number};
    return note;
}

static const struct cycle_note *find_note(const struct collector *collector, uint64_t number)
{
    static const struct cycle_note none;
    const struct cycle_note *note = &collector->notes[number % COLLECTOR_RING];
    return note->number == number && number != 0 ? note : &none;
}

/* runtime/mgc.go gcStart. */
static void note_start(struct cycle_note *note, const struct copied_struct *work)
{
    note->sweep_termination = get(work, GO_FIELD_WORK_TSWEEP_TERM);
    note->heap_before = get(work, GO_FIELD_WORK_HEAP0);
    note->procs = (uint32_t)get(work, GO_FIELD_WORK_MAXPROCS);
    note->stop_procs = (uint32_t)get(work, GO_FIELD_WORK_STWPROCS);
    note->forced = get(work, GO_FIELD_WORK_USER_FORCED) != 0;
    note->has_start = true;
    if (get(work, GO_FIELD_WORK_TMARK) >= note->sweep_termination) {
        note->mark = get(work, GO_FIELD_WORK_TMARK);
        note->has_mark = true;
    }
}

/* runtime/mgc.go gcMarkDone, gcMarkTermination; runtime/mgcpacer.go endCycle. */
static void note_end(struct cycle_note *note, const struct copied_struct *work, const struct copied_struct *controller)
{
    note->mark_termination = get(work, GO_FIELD_WORK_TMARK_TERM);
    note->end = get(work, GO_FIELD_WORK_TEND);
    note->heap_peak = get(work, GO_FIELD_WORK_HEAP1);
    note->heap_after = get(work, GO_FIELD_WORK_HEAP2);
    note->heap_goal = get(controller, GO_FIELD_GC_CONTROLLER_LAST_HEAP_GOAL);
    note->has_end = true;
}

/* What startCycle of the next one clears (runtime/mgcpacer.go). */
static void note_cpu(struct cycle_note *note, const struct memory_state *state)
{
    const struct copied_struct *controller = &state->gc_controller;
    static const enum go_field needed[] = {
        GO_FIELD_GC_CONTROLLER_ASSIST_TIME,          GO_FIELD_GC_CONTROLLER_DEDICATED_MARK_TIME,
        GO_FIELD_GC_CONTROLLER_FRACTIONAL_MARK_TIME, GO_FIELD_GC_CONTROLLER_IDLE_MARK_TIME,
        GO_FIELD_GC_CONTROLLER_LAST_STACK_SCAN,      GO_FIELD_GC_CONTROLLER_MAX_STACK_SCAN,
        GO_FIELD_GC_CONTROLLER_GLOBALS_SCAN,
    };
    uint64_t fraction_bits;
    if (!go_layout_has_all(controller->layout, needed, ARRAY_SIZE(needed)) ||
        !copied_struct_get(&state->memstats, GO_FIELD_MSTATS_GC_CPU_FRACTION, &fraction_bits))
        return;
    note->assist_ns = get(controller, GO_FIELD_GC_CONTROLLER_ASSIST_TIME);
    note->background_ns = get(controller, GO_FIELD_GC_CONTROLLER_DEDICATED_MARK_TIME) +
                          get(controller, GO_FIELD_GC_CONTROLLER_FRACTIONAL_MARK_TIME);
    note->idle_ns = get(controller, GO_FIELD_GC_CONTROLLER_IDLE_MARK_TIME);
    note->stack_bytes =
        get(controller, state->process->minor >= MINOR_WITH_LAST_STACK_SCAN ? GO_FIELD_GC_CONTROLLER_LAST_STACK_SCAN
                                                                            : GO_FIELD_GC_CONTROLLER_MAX_STACK_SCAN);
    note->globals_bytes = get(controller, GO_FIELD_GC_CONTROLLER_GLOBALS_SCAN);
    memcpy(&note->cpu_fraction, &fraction_bits, sizeof(note->cpu_fraction));
    note->has_cpu = note->cpu_fraction >= 0 && note->cpu_fraction <= 1;
}

void collector_note(struct collector *collector, const struct memory_state *state)
{
    const struct copied_struct *work = &state->work, *controller = &state->gc_controller;
    static const enum go_field needed[] = {
        GO_FIELD_WORK_CYCLES,     GO_FIELD_WORK_PAUSE_NS, GO_FIELD_WORK_HEAP0,    GO_FIELD_WORK_HEAP1,
        GO_FIELD_WORK_HEAP2,      GO_FIELD_WORK_TEND,     GO_FIELD_WORK_TSWEEP_TERM, GO_FIELD_WORK_TMARK,
        GO_FIELD_WORK_TMARK_TERM, GO_FIELD_WORK_MAXPROCS, GO_FIELD_WORK_STWPROCS, GO_FIELD_WORK_USER_FORCED,
        GO_FIELD_MSTATS_PAUSE_NS, GO_FIELD_GC_CONTROLLER_LAST_HEAP_GOAL,
    };
    uint64_t completed;
    if (!work->bytes || !controller->bytes || !state->memstats.bytes || !state->cycle_consistent ||
        !copied_struct_get(&state->memstats, GO_FIELD_MSTATS_NUMGC, &completed) || completed == 0 ||
        !go_layout_has_all(work->layout, needed, ARRAY_SIZE(needed)))
        return;
    completed = (uint32_t)completed;
    /* A cycle is counted here as it begins. */
    uint32_t begun = (uint32_t)get(work, GO_FIELD_WORK_CYCLES) - (uint32_t)completed;
    uint64_t start = get(work, GO_FIELD_WORK_TSWEEP_TERM), end = get(work, GO_FIELD_WORK_TEND),
             mark_end = get(work, GO_FIELD_WORK_TMARK_TERM);
    if (begun > 1)
        return;
    struct cycle_note *last = note_of(collector, completed);
    bool is_idle = start <= get(work, GO_FIELD_WORK_TMARK) && get(work, GO_FIELD_WORK_TMARK) <= mark_end &&
                   mark_end <= end;
    if (is_idle) {
        /* gcStart notes heap0 and clears pauseNS just before it notes the time. */
        if (begun == 0 &&
            get(work, GO_FIELD_WORK_PAUSE_NS) == ring_entry(&state->memstats, GO_FIELD_MSTATS_PAUSE_NS, completed)) {
            note_start(last, work);
            note_end(last, work, controller);
            note_cpu(last, state);
        }
    } else if (start > end) {
        /* The next one is under way; what its end sets is still of the last, unless that has begun. */
        note_start(note_of(collector, completed + 1), work);
        if (mark_end < start)
            note_end(last, work, controller);
    }
    /* The goal for the next cycle is committed as one ends, before it is counted. */
    struct cycle_note *next = note_of(collector, completed + 1);
    if (is_idle || mark_end < start)
        next->has_percent_goal =
            copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT_HEAP_GOAL, &next->percent_goal);
}

uint64_t collector_look_interval(const struct collector *collector)
{
    if (collector->fresh < 2 || collector->span_ns == 0)
        return 0;
    uint64_t interval = collector->span_ns / collector->fresh / LOOKS_A_CYCLE;
    return interval > SHORTEST_LOOK_NS ? interval : SHORTEST_LOOK_NS;
}

/* ---- cycles ---- */

static void fill_from_note(struct gc_cycle *cycle, const struct cycle_note *note, uint64_t init_time)
{
    if (note->has_start && note->has_end) {
        cycle->heap_before = note->heap_before;
        cycle->heap_peak = note->heap_peak;
        cycle->heap_after = note->heap_after;
        cycle->heap_known = true;
    }
    if (note->has_end) {
        cycle->heap_goal = note->heap_goal;
        cycle->goal_known = true;
    }
    if (note->has_start && note->has_mark && note->has_end && note->sweep_termination <= note->mark &&
        note->mark <= note->mark_termination && note->mark_termination <= note->end) {
        cycle->sweep_termination_ns = note->mark - note->sweep_termination;
        cycle->mark_ns = note->mark_termination - note->mark;
        cycle->mark_termination_ns = note->end - note->mark_termination;
        cycle->procs = note->procs;
        cycle->stop_procs = note->stop_procs;
        cycle->phases_known = true;
    }
    if (note->has_cpu) {
        cycle->assist_cpu_ns = note->assist_ns;
        cycle->background_cpu_ns = note->background_ns;
        cycle->idle_cpu_ns = note->idle_ns;
        cycle->stack_bytes = note->stack_bytes;
        cycle->globals_bytes = note->globals_bytes;
        cycle->cpu_fraction = note->cpu_fraction;
        cycle->cpu_known = true;
    }
    if (note->has_start && init_time != 0 && note->sweep_termination >= init_time) {
        cycle->since_init_ns = note->sweep_termination - init_time;
        cycle->since_init_known = true;
    }
}

/* What is known of how cycles without a note came about. */
struct unnoted {
    bool none_forced, all_forced;
};

static struct unnoted judge_unnoted(const struct collector *collector, uint32_t fresh, uint32_t forced,
                                    uint64_t completed)
{
    uint32_t noted = 0, noted_forced = 0;
    for (uint32_t i = 0; i < fresh && i < COLLECTOR_RING; i++) {
        const struct cycle_note *note = find_note(collector, completed - i);
        noted += note->has_start;
        noted_forced += note->has_start && note->forced;
    }
    uint32_t rest = fresh - noted, rest_forced = forced - noted_forced;
    return (struct unnoted){.none_forced = rest_forced == 0, .all_forced = rest > 0 && rest_forced == rest};
}

static enum gc_cause cause_of(const struct gc_cycle *cycle, const struct cycle_note *note,
                              const struct unnoted *unnoted, uint64_t previous_end_unix_ns,
                              const struct copied_struct *controller)
{
    if (note->has_start ? note->forced : unnoted->all_forced)
        return GC_CAUSE_FORCED;
    if (!note->has_start && !unnoted->none_forced)
        return GC_CAUSE_UNKNOWN;
    uint64_t took = cycle->phases_known ? note->end - note->sweep_termination : cycle->pause_ns;
    uint64_t began = cycle->end_unix_ns > took ? cycle->end_unix_ns - took : 0;
    bool is_late =
        previous_end_unix_ns != 0 && began > previous_end_unix_ns && began - previous_end_unix_ns >= PERIOD_NS;
    if (is_late && (!cycle->heap_known || !cycle->goal_known ||
                    cycle->heap_before < cycle->heap_goal / 10 * TRIGGER_TENTHS))
        return GC_CAUSE_PERIODIC;
    uint64_t limit, percent;
    if (!copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, &limit) ||
        !copied_struct_get(controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT, &percent))
        return GC_CAUSE_UNKNOWN;
    if (limit >= INT64_MAX)
        return GC_CAUSE_HEAP;
    if ((int32_t)percent < 0)
        return GC_CAUSE_MEMORY_LIMIT;
    if (!note->has_percent_goal || !cycle->goal_known)
        return GC_CAUSE_UNKNOWN;
    return cycle->heap_goal < note->percent_goal ? GC_CAUSE_MEMORY_LIMIT : GC_CAUSE_HEAP;
}

/* Of the cycles since the last sample, the last `count`. */
static struct error *add_cycles(struct collector *collector, const struct memory_state *state, uint64_t completed,
                                uint32_t fresh, size_t count, struct snapshot *snapshot)
{
    const struct copied_struct *memstats = &state->memstats;
    uint32_t forced = (uint32_t)get(memstats, GO_FIELD_MSTATS_NUMFORCEDGC) - collector->seen_forced;
    struct unnoted unnoted = judge_unnoted(collector, fresh, forced, completed);
    struct gc_cycle *cycles = arena_alloc_array(&snapshot->arena, count, sizeof(*cycles));
    if (!cycles)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        uint64_t number = completed - (count - 1 - i);
        const struct cycle_note *note = find_note(collector, number);
        bool has_previous = number > 1 && completed - (number - 1) < COLLECTOR_RING;
        cycles[i] = (struct gc_cycle){
            .number = number,
            .end_unix_ns = ring_entry(memstats, GO_FIELD_MSTATS_PAUSE_END, number),
            .pause_ns = ring_entry(memstats, GO_FIELD_MSTATS_PAUSE_NS, number),
            .times_known = true,
        };
        fill_from_note(&cycles[i], note, state->init_time);
        uint64_t previous = has_previous ? ring_entry(memstats, GO_FIELD_MSTATS_PAUSE_END, number - 1) : 0;
        if (state->gc_controller.bytes)
            cycles[i].cause = (uint8_t)cause_of(&cycles[i], note, &unnoted, previous, &state->gc_controller);
    }
    snapshot->gc_cycles = cycles;
    snapshot->num_gc_cycles = count;
    return NULL;
}

struct error *collector_sample(struct collector *collector, const struct memory_state *state, struct snapshot *snapshot)
{
    const struct copied_struct *memstats = &state->memstats;
    static const enum go_field needed[] = {GO_FIELD_MSTATS_PAUSE_NS, GO_FIELD_MSTATS_PAUSE_END};
    uint64_t number;
    collector->span_ns = collector->sampled_ns && snapshot->monotonic_ns > collector->sampled_ns
                             ? snapshot->monotonic_ns - collector->sampled_ns
                             : 0;
    collector->sampled_ns = snapshot->monotonic_ns;
    collector->fresh = 0;
    /* A cycle whose end was not read in one piece comes with the next sample. */
    if (!memstats->bytes || !state->cycle_consistent || !copied_struct_get(memstats, GO_FIELD_MSTATS_NUMGC, &number) ||
        !go_layout_has_all(memstats->layout, needed, ARRAY_SIZE(needed)))
        return NULL;
    collector_note(collector, state);
    uint32_t completed = (uint32_t)number, fresh = collector->started ? completed - collector->seen : completed;
    size_t count = fresh < COLLECTOR_RING ? fresh : COLLECTOR_RING;
    if (collector->started && fresh > COLLECTOR_RING) {
        /* Also where a hostile target counts backwards. */
        snapshot_add_problem(snapshot,
                             "garbage collector: %u cycles passed since the last sample, of which the runtime keeps %u",
                             fresh, COLLECTOR_RING);
    }
    struct error *error = add_cycles(collector, state, completed, fresh, count, snapshot);
    if (error)
        return error;
    collector->fresh = collector->started ? fresh : 0;
    collector->started = true;
    collector->seen = completed;
    collector->seen_forced = (uint32_t)get(memstats, GO_FIELD_MSTATS_NUMFORCEDGC);
    return NULL;
}
