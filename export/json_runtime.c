/* The members of the JSON document that tell of Go's scheduler and garbage collector. */
#include "export/json.h"

#include <math.h>

/* ---- scheduler ---- */

void json_add_thread_role(struct json_writer *writer, json_t *object, const struct thread *thread)
{
    bool is_machine = thread->role != THREAD_ROLE_UNKNOWN && thread->role != THREAD_FOREIGN;
    json_add_string(writer, object, "role", thread_role_name((enum thread_role)thread->role));
    json_add_if(writer, object, "machine", (uint64_t)thread->machine, is_machine);
    json_add_if(writer, object, "proc", (uint64_t)thread->proc, is_machine && thread->proc >= 0);
    json_add_if(writer, object, "locked_goid", thread->locked_goid, thread->locked_goid != 0);
    if (thread->role == THREAD_ROLE_UNKNOWN)
        json_say_unavailable(writer, "threads[].role", "no Go runtime's account of its threads could be read");
}

static void add_procs(struct json_writer *writer, json_t *object)
{
    const struct snapshot *snapshot = writer->snapshot;
    json_t *list = json_add_array(writer, object, "procs");
    for (size_t i = 0; i < snapshot->num_procs && !writer->failed; i++) {
        const struct proc *proc = &snapshot->procs[i];
        json_t *row = json_append_object(writer, list);
        json_add_integer(writer, row, "id", proc->id);
        json_add_string(writer, row, "state", proc_state_name((enum proc_state)proc->state));
        json_add_integer(writer, row, "queue", proc->queue);
        json_add_if(writer, row, "machine", (uint64_t)proc->machine, proc->machine >= 0);
        json_add_if(writer, row, "tid", (uint64_t)proc->tid, proc->tid > 0);
        json_add_if(writer, row, "goid", proc->goid, proc->goid != 0);
        json_add_integer(writer, row, "schedule_ticks", proc->schedule_ticks);
        json_add_integer(writer, row, "syscall_ticks", proc->system_call_ticks);
    }
}

void json_add_scheduler(struct json_writer *writer, json_t *document)
{
    const struct scheduler_load *load = &writer->analysis->scheduler;
    json_t *object = json_object_get(document, "scheduler");
    struct text note = {0};
    scheduler_write_note(load, &note);
    json_add_string(writer, object, "note", note.data);
    writer->failed |= note.failed;
    text_deinit(&note);
    json_add_real(writer, object, "busy_procs", load->known ? load->busy_procs : NAN);
    json_add_real(writer, object, "waiting_goroutines", load->known ? load->waiting : NAN);
    json_add_real(writer, object, "switches_per_s", load->switches_per_s);
    json_add_real(writer, object, "syscalls_per_s", load->system_calls_per_s);
    if (!load->known)
        json_say_unavailable(writer, "scheduler.busy_procs", "the Ps could not be read");
    if (isnan(load->switches_per_s))
        json_say_unavailable(writer, "scheduler.switches_per_s", "two samples are needed");
    add_procs(writer, object);
    json_t *goroutines = json_add_object(writer, object, "goroutines_at");
    for (unsigned kind = 0; kind < WAIT_KIND_COUNT; kind++)
        json_add_integer(writer, goroutines, wait_kind_name(kind), load->goroutines[kind]);
}

/* ---- garbage collector ---- */

static const char too_few_cycles[] = "too few GC cycles were seen in full";

void json_add_gc(struct json_writer *writer, json_t *document)
{
    const struct gc_activity *activity = &writer->analysis->gc;
    json_t *object = json_add_object(writer, document, "gc");
    json_add_integer(writer, object, "pauses", activity->num_pauses);
    json_add_real(writer, object, "pause_p50_ns", activity->pause_p50_ns);
    json_add_real(writer, object, "pause_p99_ns", activity->pause_p99_ns);
    json_add_real(writer, object, "pause_max_ns", activity->pause_max_ns);
    json_t *histogram = json_add_array(writer, object, "pause_histogram");
    for (unsigned i = 0; i < GC_PAUSE_CLASSES && !writer->failed; i++) {
        json_t *class = json_append_object(writer, histogram);
        json_add_real(writer, class, "up_to_ns", gc_pause_class_end(i));
        json_add_integer(writer, class, "count", activity->pauses[i]);
    }
    json_t *causes = json_add_object(writer, object, "causes");
    for (int cause = 0; cause < GC_CAUSES; cause++) {
        const char *name = gc_cause_name((enum gc_cause)cause);
        json_add_integer(writer, causes, *name ? name : "unknown", activity->causes[cause]);
    }
    json_add_real(writer, object, "cycles_per_s", activity->cycles_per_s);
    json_add_real(writer, object, "cpu_share", activity->cpu_share);
    json_add_real(writer, object, "freed_share", activity->freed_share);
    json_add_boolean(writer, object, "pinned_to_memory_limit", activity->pinned);
    json_add_boolean(writer, object, "thrashing", activity->thrashing);
    if (activity->num_pauses == 0)
        json_say_unavailable(writer, "gc.pause_p99_ns", "no GC cycle was seen");
    if (isnan(activity->cycles_per_s))
        json_say_unavailable(writer, "gc.cycles_per_s", too_few_cycles);
    if (isnan(activity->cpu_share))
        json_say_unavailable(writer, "gc.cpu_share", too_few_cycles);
    if (isnan(activity->freed_share))
        json_say_unavailable(writer, "gc.freed_share", too_few_cycles);
}

static void add_cycle(struct json_writer *writer, json_t *object, const struct gc_cycle *cycle,
                      const struct gc_cycle *previous)
{
    json_add_unsigned(writer, object, "number", cycle->number);
    json_add_string(writer, object, "cause", gc_cause_name((enum gc_cause)cycle->cause));
    const struct json_figure times[] = {
        {"end_unix_ns", cycle->end_unix_ns, cycle->times_known},
        {"since_start_ns", cycle->since_init_ns, cycle->since_init_known},
        {"pause_ns", cycle->pause_ns, cycle->times_known},
        {"sweep_termination_ns", cycle->sweep_termination_ns, cycle->phases_known},
        {"mark_ns", cycle->mark_ns, cycle->phases_known},
        {"mark_termination_ns", cycle->mark_termination_ns, cycle->phases_known},
        {"assist_cpu_ns", cycle->assist_cpu_ns, cycle->cpu_known},
        {"background_cpu_ns", cycle->background_cpu_ns, cycle->cpu_known},
        {"idle_cpu_ns", cycle->idle_cpu_ns, cycle->cpu_known},
    };
    const struct json_figure sizes[] = {
        {"heap_before_bytes", cycle->heap_before, cycle->heap_known},
        {"heap_peak_bytes", cycle->heap_peak, cycle->heap_known},
        {"heap_after_bytes", cycle->heap_after, cycle->heap_known},
        {"heap_goal_bytes", cycle->heap_goal, cycle->goal_known},
        {"stack_bytes", cycle->stack_bytes, cycle->cpu_known},
        {"globals_bytes", cycle->globals_bytes, cycle->cpu_known},
        {"procs", cycle->procs, cycle->phases_known},
    };
    json_add_figures(writer, object, times, ARRAY_SIZE(times));
    json_add_real(writer, object, "cpu_share", gc_cycle_cpu_share(cycle, previous));
    json_add_figures(writer, object, sizes, ARRAY_SIZE(sizes));
    struct text trace = {0};
    gc_cycle_write_trace(cycle, &trace);
    json_add_string(writer, object, "gctrace", trace.data);
    writer->failed |= trace.failed;
    text_deinit(&trace);
}

void json_add_gc_cycles(struct json_writer *writer, json_t *document)
{
    size_t count = 0;
    const struct gc_cycle *cycles = history_cycles(writer->history, &count);
    json_t *list = json_add_array(writer, document, "gc_cycles");
    for (size_t i = 0; i < count && !writer->failed; i++) {
        add_cycle(writer, json_append_object(writer, list), &cycles[i], i > 0 ? &cycles[i - 1] : NULL);
        if (!cycles[i].times_known || !cycles[i].heap_known || !cycles[i].goal_known || !cycles[i].phases_known ||
            !cycles[i].cpu_known)
            json_say_unavailable(
                writer, "gc_cycles[]",
                "the runtime keeps pauses of 256 cycles, and all else of the newest only: of those that "
                "passed before heaptop looked, or between two looks, no more is known");
        if (cycles[i].cause == GC_CAUSE_UNKNOWN)
            json_say_unavailable(writer, "gc_cycles[].cause", "it passed before heaptop looked, or between two looks");
        if (!cycles[i].since_init_known)
            json_say_unavailable(writer, "gc_cycles[].since_start_ns",
                                 "runtime.runtimeInitTime was not found, or the cycle was not seen");
    }
}
