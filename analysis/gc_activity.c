#include "analysis/gc_activity.h"

#include <math.h>
#include <stdlib.h>

#include "heaptop/base/cleanup.h"

/* Of so many cycles known in full the median is taken for that of all. */
#define LEAST_TOLD 8

const char *gc_cause_name(enum gc_cause cause)
{
    static const char *const names[GC_CAUSES] = {
        [GC_CAUSE_UNKNOWN] = "",        [GC_CAUSE_HEAP] = "heap goal",    [GC_CAUSE_MEMORY_LIMIT] = "memory limit",
        [GC_CAUSE_FORCED] = "forced",   [GC_CAUSE_PERIODIC] = "periodic",
    };
    return (unsigned)cause < GC_CAUSES ? names[cause] : "";
}

unsigned gc_pause_class(double pause_ns)
{
    unsigned class = 0;
    while (class < GC_PAUSE_CLASSES - 1 && pause_ns > gc_pause_class_end(class))
        class++;
    return class;
}

double gc_pause_class_end(unsigned pause_class)
{
    return pause_class < GC_PAUSE_CLASSES - 1 ? ldexp(GC_PAUSE_FIRST_NS, (int)pause_class) : INFINITY;
}

/* The CPU time of marking and of the pauses, without idle marking: gctrace leaves that out of its percentage, as it was
 * free. */
static double cpu_ns(const struct gc_cycle *cycle)
{
    return (double)cycle->assist_cpu_ns + (double)cycle->background_cpu_ns +
           (double)cycle->stop_procs * ((double)cycle->sweep_termination_ns + (double)cycle->mark_termination_ns);
}

double gc_cycle_cpu_share(const struct gc_cycle *cycle, const struct gc_cycle *previous)
{
    if (!cycle->cpu_known || !cycle->phases_known || cycle->procs == 0 || !previous || !previous->times_known ||
        !cycle->times_known || previous->number + 1 != cycle->number || previous->end_unix_ns >= cycle->end_unix_ns)
        return NAN;
    double share = cpu_ns(cycle) / ((double)(cycle->end_unix_ns - previous->end_unix_ns) * cycle->procs);
    return share < 1 ? share : 1;
}

double gc_cycle_freed_share(const struct gc_cycle *cycle)
{
    uint64_t met = cycle->heap_peak > cycle->heap_before ? cycle->heap_peak : cycle->heap_before;
    if (!cycle->heap_known || met == 0)
        return NAN;
    return met > cycle->heap_after ? (double)(met - cycle->heap_after) / (double)met : 0;
}

static int compare_reals(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void describe_pauses(struct gc_activity *activity, double *pauses, size_t count)
{
    activity->num_pauses = (uint32_t)count;
    activity->pause_p50_ns = activity->pause_p99_ns = activity->pause_max_ns = NAN;
    if (count == 0)
        return;
    qsort(pauses, count, sizeof(*pauses), compare_reals);
    for (size_t i = 0; i < count; i++)
        activity->pauses[gc_pause_class(pauses[i])]++;
    /* The smallest pause that at least so many of 100 do not exceed. */
    activity->pause_p50_ns = pauses[(count * 50 + 99) / 100 - 1];
    activity->pause_p99_ns = pauses[(count * 99 + 99) / 100 - 1];
    activity->pause_max_ns = pauses[count - 1];
}

/* Whether more than one cycle a second came in all of the recent time, and in the last third of it as well. */
static bool lasts(const struct gc_cycle *cycles, size_t first, size_t count, uint64_t now_unix_ns)
{
    const size_t seconds = (size_t)(GC_RECENT_NS / 1000000000u);
    size_t lately = 0;
    for (size_t i = first; i < count; i++)
        lately += cycles[i].end_unix_ns + GC_RECENT_NS / 3 >= now_unix_ns;
    return count - first > GC_THRASH_PER_S * seconds && lately > GC_THRASH_PER_S * seconds / 3;
}

/* What the recent cycles tell: those from `first` on. */
static void describe_recent(struct gc_activity *activity, const struct gc_cycle *cycles, size_t first, size_t count,
                            uint64_t now_unix_ns, const struct gc_counts *counts, double *freed)
{
    double cpu = 0, available = 0;
    size_t limited = 0, known = 0, num_freed = 0;
    for (size_t i = first; i < count; i++) {
        const struct gc_cycle *cycle = &cycles[i], *previous = i > 0 ? &cycles[i - 1] : NULL;
        if (!isnan(gc_cycle_cpu_share(cycle, previous))) {
            cpu += cpu_ns(cycle);
            available += (double)(cycle->end_unix_ns - previous->end_unix_ns) * cycle->procs;
        }
        double share = gc_cycle_freed_share(cycle);
        if (!isnan(share))
            freed[num_freed++] = share;
        known += cycle->cause != GC_CAUSE_UNKNOWN;
        limited += cycle->cause == GC_CAUSE_MEMORY_LIMIT;
    }
    size_t recent = count - first;
    activity->recent_cycles = (uint32_t)recent;
    activity->cycles_per_s = activity->freed_share = NAN;
    if (recent >= 2 && cycles[count - 1].end_unix_ns > cycles[first].end_unix_ns)
        activity->cycles_per_s =
            (double)(recent - 1) / ((double)(cycles[count - 1].end_unix_ns - cycles[first].end_unix_ns) / 1e9);
    activity->cpu_share = available > 0 ? fmin(cpu / available, 1) : counts->cpu_share;
    if (num_freed > 0) {
        qsort(freed, num_freed, sizeof(*freed), compare_reals);
        activity->freed_share = freed[num_freed / 2];
    }
    activity->pinned = known > 0 ? limited > 0 && limited * 2 >= known
                                 : recent > 0 && counts->limit_used >= GC_PINNED_PART;
    activity->forced = counts->forced * 2 > (double)recent;
    /* The median of very few says nothing of the many. */
    bool is_told = num_freed >= LEAST_TOLD || num_freed * 2 >= recent;
    bool frees_little = is_told && activity->freed_share < GC_THRASH_FREED;
    bool costs = !(activity->cpu_share < GC_THRASH_CPU);
    activity->thrashing = lasts(cycles, first, count, now_unix_ns) && (activity->pinned || (frees_little && costs));
}

struct error *gc_activity_compute(const struct gc_cycle *cycles, size_t count, uint64_t now_unix_ns, uint64_t window_ns,
                                  const struct gc_counts *counts, struct gc_activity *ret_activity)
{
    struct gc_activity activity = {0};
    size_t first_recent = count, used = 0;
    _cleanup_free_ double *values = malloc((count ? count : 1) * sizeof(*values));
    if (!values)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct gc_cycle *cycle = &cycles[i];
        if (!cycle->times_known || cycle->end_unix_ns + window_ns < now_unix_ns)
            continue;
        values[used++] = (double)cycle->pause_ns;
        activity.causes[cycle->cause < GC_CAUSES ? cycle->cause : GC_CAUSE_UNKNOWN]++;
        if (first_recent == count && cycle->end_unix_ns + GC_RECENT_NS >= now_unix_ns)
            first_recent = i;
    }
    describe_pauses(&activity, values, used);
    describe_recent(&activity, cycles, first_recent, count, now_unix_ns, counts, values);
    *ret_activity = activity;
    return NULL;
}

/* The part of the CPU that GC took lately: memstats.gc_cpu_fraction is of all time since the program started. */
static double counted_cpu_share(const struct history *history)
{
    const struct snapshot *snapshot = history->latest;
    const struct counter *counter = &snapshot->counters[COUNTER_GC_CPU_FRACTION];
    uint64_t start = snapshot->target.start_unix_ns, then = snapshot->unix_ns - GC_RECENT_NS;
    double before;
    if (!counter_known(counter))
        return NAN;
    if (!start || then <= start || !series_value_at(history_counter(history, COUNTER_GC_CPU_FRACTION), then, &before))
        return counter->value.real;
    double now_s = (double)(snapshot->unix_ns - start) / 1e9, then_s = (double)(then - start) / 1e9;
    return fmax((counter->value.real * now_s - before * then_s) / (now_s - then_s), 0);
}

static double count_forced(const struct history *history)
{
    const struct series *forced = history_counter(history, COUNTER_NUM_FORCED_GC);
    double before;
    if (!series_value_at(forced, history->latest->unix_ns - GC_RECENT_NS, &before))
        return NAN;
    return series_point(forced, forced->count - 1).value - before;
}

static double used_of_limit(const struct snapshot *snapshot)
{
    double limit = snapshot_counter_or(snapshot, COUNTER_MEMORY_LIMIT, 0);
    double used =
        snapshot_counter_or(snapshot, COUNTER_GO_SYS, 0) - snapshot_counter_or(snapshot, COUNTER_HEAP_RELEASED, 0);
    return limit > 0 ? used / limit : 0;
}

struct error *gc_activity_of(const struct history *history, struct gc_activity *ret_activity)
{
    size_t count;
    const struct gc_cycle *cycles = history_cycles(history, &count);
    struct gc_counts counts = {.cpu_share = counted_cpu_share(history),
                               .forced = count_forced(history),
                               .limit_used = used_of_limit(history->latest)};
    return gc_activity_compute(cycles, count, history->latest->unix_ns, history->options.window_ns, &counts,
                               ret_activity);
}

static void write_causes(const struct gc_activity *activity, struct text *text)
{
    uint32_t most = 0, total = 0;
    enum gc_cause cause = GC_CAUSE_UNKNOWN;
    for (int i = GC_CAUSE_UNKNOWN + 1; i < GC_CAUSES; i++) {
        total += activity->causes[i];
        if (activity->causes[i] > most) {
            most = activity->causes[i];
            cause = (enum gc_cause)i;
        }
    }
    if (most == 0)
        return;
    if (most == total)
        text_printf(text, "; cause: %s", gc_cause_name(cause));
    else
        text_printf(text, "; cause: %s, %u of %u", gc_cause_name(cause), most, total);
}

void gc_activity_write_note(const struct gc_activity *activity, struct text *text)
{
    char buffer[UNITS_BUFFER];
    if (activity->num_pauses == 0)
        return;
    if (activity->thrashing)
        text_append(text, "The GC thrashes: ");
    if (isnan(activity->cycles_per_s)) {
        text_printf(text, "%u cycle%s in the last 15 s", activity->recent_cycles,
                    activity->recent_cycles == 1 ? "" : "s");
    } else if (activity->cycles_per_s >= 1) {
        text_printf(text, "%.*f cycles a second", activity->cycles_per_s < 10 ? 1 : 0, activity->cycles_per_s);
    } else {
        text_printf(text, "A cycle every %s", units_format_duration(buffer, 1e9 / activity->cycles_per_s));
    }
    if (!isnan(activity->cpu_share))
        text_printf(text, "; %s of the CPU", units_format_percent(buffer, activity->cpu_share));
    if (!isnan(activity->freed_share))
        text_printf(text, "; frees %s each", units_format_percent(buffer, activity->freed_share));
    write_causes(activity, text);
    if (activity->pinned)
        text_append(text, ", GOMEMLIMIT makes it collect");
    text_append(text, ".");
}
