#include "analysis/scheduler_load.h"

#include <math.h>

#include "heaptop/base/cleanup.h"

/* Of the Ps: from here on they count as all busy, and below as idle. */
#define NEARLY_ALL 0.9
#define HARDLY_ANY 0.1
/* Fewer threads in C or in system calls are no remarkable number. */
#define MANY_THREADS 8

const char *proc_state_name(enum proc_state state)
{
    static const char *const names[PROC_STATES] = {"idle", "running", "system call", "stopped"};
    return (unsigned)state < PROC_STATES ? names[state] : "";
}

const char *thread_role_name(enum thread_role role)
{
    static const char *const names[THREAD_ROLES] = {
        [THREAD_ROLE_UNKNOWN] = "",          [THREAD_RUNS_GO] = "runs Go",   [THREAD_SCHEDULES] = "schedules",
        [THREAD_SPINS] = "looks for work",   [THREAD_SYSTEM_CALL] = "system call", [THREAD_IN_C] = "in C",
        [THREAD_IDLE] = "idle",              [THREAD_LOCKED_IDLE] = "locked, idle", [THREAD_RUNTIME] = "Go runtime",
        [THREAD_FOREIGN] = "C thread",
    };
    return (unsigned)role < THREAD_ROLES ? names[role] : "";
}

static void count_goroutines(const struct snapshot *snapshot, uint32_t counts[WAIT_KIND_COUNT])
{
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        if (!group->system)
            counts[group->kind < WAIT_KIND_COUNT ? group->kind : WAIT_UNKNOWN] += group->count;
    }
}

struct error *history_add_kinds(struct history *history, const struct snapshot *snapshot)
{
    uint32_t counts[WAIT_KIND_COUNT] = {0};
    const struct counter *goroutines = &snapshot->counters[COUNTER_GOROUTINES];
    if (!counter_known(goroutines) || goroutines->provenance == PROVENANCE_STALE)
        return NULL;
    count_goroutines(snapshot, counts);
    for (int i = 0; i < WAIT_KIND_COUNT; i++) {
        if (!series_add(&history->kinds[i], history->options.counter_points, snapshot->unix_ns, counts[i]))
            return error_no_memory();
    }
    return NULL;
}

const struct series *history_goroutines_at(const struct history *history, enum wait_kind kind)
{
    return &history->kinds[kind];
}

/* ---- the load ---- */

/* The mean over the last so many nanoseconds, each value counting for as long as it was the last; NAN without any. */
static double recent_mean(const struct series *series, uint64_t now, uint64_t span)
{
    uint64_t start = now > span ? now - span : 0;
    double sum = 0, weight = 0, last = NAN;
    for (uint32_t i = series->count; i-- > 0;) {
        struct point point = series_point(series, i);
        uint64_t until = i + 1 < series->count ? series_point(series, i + 1).unix_ns : now;
        if (i + 1 == series->count)
            last = point.value;
        if (until <= start && i + 1 < series->count)
            break;
        uint64_t from = point.unix_ns > start ? point.unix_ns : start;
        if (until > from) {
            sum += point.value * (double)(until - from);
            weight += (double)(until - from);
        }
    }
    return weight > 0 ? sum / weight : last;
}

/* The last value is of this very moment and would weigh nothing: it counts for as long as the one before it did. */
static double mean_of(const struct history *history, enum counter_id id)
{
    const struct series *series = &history->counters[id];
    uint64_t now = history->latest->unix_ns;
    uint64_t before = series->count >= 2 ? series_point(series, series->count - 2).unix_ns : now;
    uint64_t step = now > before && now - before < SCHEDULER_RECENT_NS ? now - before : 0;
    return recent_mean(series, now + step, SCHEDULER_RECENT_NS);
}

/* Of what only rises: series keep 24 bits of a value, so that a rate that falls to nothing may be kept as a little
 * less. */
static double rate_of(const struct history *history, enum counter_id id)
{
    double rate = recent_mean(&history->rates[id], history->latest->unix_ns + 1, SCHEDULER_RECENT_NS);
    return rate < 0 ? 0 : rate;
}

static void count_threads(struct scheduler_load *load, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        const struct thread *thread = &snapshot->threads[i];
        load->threads[thread->role < THREAD_ROLES ? thread->role : THREAD_ROLE_UNKNOWN]++;
        load->locked_threads += thread->locked_goid != 0;
    }
    load->roles_known = snapshot->num_threads > load->threads[THREAD_ROLE_UNKNOWN];
}

static enum scheduler_verdict judge(const struct scheduler_load *load, size_t threads)
{
    double busy = load->busy_procs / load->procs;
    if (busy >= NEARLY_ALL && load->waiting >= load->procs)
        return SCHEDULER_OVERLOADED;
    if (load->roles_known && load->threads[THREAD_IN_C] >= MANY_THREADS && load->threads[THREAD_IN_C] * 2 > threads)
        return SCHEDULER_IN_C;
    if (load->roles_known && load->threads[THREAD_SYSTEM_CALL] >= MANY_THREADS &&
        load->threads[THREAD_SYSTEM_CALL] * 2 > threads)
        return SCHEDULER_IN_SYSTEM_CALLS;
    return busy >= NEARLY_ALL ? SCHEDULER_FULL : busy < HARDLY_ANY ? SCHEDULER_IDLE : SCHEDULER_EASY;
}

struct scheduler_load scheduler_load_of(const struct history *history)
{
    const struct snapshot *snapshot = history->latest;
    struct scheduler_load load = {.known = snapshot->num_procs > 0, .procs = (uint32_t)snapshot->num_procs};
    load.switches_per_s = load.system_calls_per_s = NAN;
    count_threads(&load, snapshot);
    count_goroutines(snapshot, load.goroutines);
    if (!load.known)
        return load;
    double idle = mean_of(history, COUNTER_PROCS_IDLE), queued = mean_of(history, COUNTER_RUN_QUEUE),
           global = mean_of(history, COUNTER_GLOBAL_RUN_QUEUE);
    load.busy_procs = isnan(idle) || idle > load.procs ? 0 : load.procs - idle;
    load.waiting = (isnan(queued) ? 0 : queued) + (isnan(global) ? 0 : global);
    load.switches_per_s = rate_of(history, COUNTER_SCHEDULE_TICKS);
    load.system_calls_per_s = rate_of(history, COUNTER_SYSCALL_TICKS);
    load.verdict = judge(&load, snapshot->num_threads);
    return load;
}

/* ---- what it means ---- */

static void write_busy(const struct scheduler_load *load, struct text *text)
{
    if (load->procs == 1)
        text_append(text, "The only P is busy");
    else if (load->busy_procs >= load->procs - 0.05)
        text_printf(text, "All %u Ps are busy", load->procs);
    else
        text_printf(text, "%.1f of %u Ps are busy", load->busy_procs, load->procs);
}

void scheduler_write_note(const struct scheduler_load *load, struct text *text)
{
    uint32_t threads = 0;
    for (int role = 0; role < THREAD_ROLES; role++)
        threads += load->threads[role];
    switch (load->verdict) {
    case SCHEDULER_UNKNOWN:
        return;
    case SCHEDULER_OVERLOADED:
        write_busy(load, text);
        text_printf(text, " and %.0f goroutines wait to run: the program is CPU bound.", load->waiting);
        return;
    case SCHEDULER_FULL:
        write_busy(load, text);
        text_append(text, ", but hardly anything waits for one: it uses the CPU it may use.");
        return;
    case SCHEDULER_IN_C:
        text_printf(text, "%u of %u threads are in C code: what they do there the Go scheduler cannot see.",
                    load->threads[THREAD_IN_C], threads);
        return;
    case SCHEDULER_IN_SYSTEM_CALLS:
        text_printf(text, "%u of %u threads are blocked in system calls: each holds a thread and its stack.",
                    load->threads[THREAD_SYSTEM_CALL], threads);
        return;
    case SCHEDULER_EASY:
        text_printf(text, "%.1f of %u Ps are busy", load->busy_procs, load->procs);
        if (load->waiting >= 0.5)
            text_printf(text, ", %.1f goroutines wait to run", load->waiting);
        text_append(text, ": there is CPU to spare.");
        return;
    case SCHEDULER_IDLE:
        text_printf(text, "Hardly any of the %u Ps is busy: the program waits.", load->procs);
        return;
    }
}
