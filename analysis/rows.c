#include "analysis/history.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/gc_activity.h"
#include "analysis/scheduler_load.h"
#include "analysis/suspects.h"

void analysis_destroy(struct analysis *analysis)
{
    if (!analysis)
        return;
    /* The analysis lies in its own arena. */
    struct arena arena = analysis->arena;
    arena_deinit(&arena);
}

/* ---- allocation rows ---- */

/* Both gains over the same time, as two rates need not stand for the same. */
static double share_of_heap_growth(const struct history *history, const struct tracked *trend)
{
    const struct growth *heap = &history->heap_growth;
    const struct series *marked = history_counter(history, COUNTER_HEAP_MARKED);
    if (heap->verdict != GROWTH_GROWING || trend->growth.verdict != GROWTH_GROWING || trend->inuse.count == 0)
        return NAN;
    double before, held = 0;
    if (!series_value_at(marked, heap->since_unix_ns, &before))
        return NAN;
    /* A site that came later began with nothing. */
    series_value_at(&trend->inuse, heap->since_unix_ns, &held);
    double gain = series_point(marked, marked->count - 1).value - before;
    double part = series_point(&trend->inuse, trend->inuse.count - 1).value - held;
    return gain > 0 ? fmin(fmax(part / gain, 0), 1) : NAN;
}

static void fill_row(const struct history *history, const struct sums *sums, const struct tracked *trend,
                     struct allocation_row *row)
{
    row->published = sums->published;
    row->provisional = sums->provisional;
    row->sampled_objects = sums->sampled_objects;
    double inuse = (double)sums->published.inuse_bytes;
    row->relative_error = inuse > 0 && sums->variance > 0 ? sqrt(sums->variance) / inuse : 0;
    double total = (double)history->totals.published.inuse_bytes + (double)history->unattributed_bytes;
    row->share = total > 0 ? fmin(fmax(inuse / total, 0), 1) : 0;
    row->growth = trend->growth;
    row->growth_share = share_of_heap_growth(history, trend);
    row->inuse = &trend->inuse;
    row->allocated = &trend->allocated;
    row->alloc_bytes_per_s = row->free_bytes_per_s = row->alloc_objects_per_s = NAN;
    if (trend->allocated.count < 2)
        return;
    row->alloc_bytes_per_s = trend->alloc_bytes_per_s;
    row->free_bytes_per_s = trend->free_bytes_per_s;
    row->alloc_objects_per_s = 0;
    if (row->published.alloc_bytes > 0)
        row->alloc_objects_per_s =
            row->alloc_bytes_per_s * (double)row->published.alloc_objects / (double)row->published.alloc_bytes;
}

static void fill_unattributed(const struct history *history, struct allocation_row *row)
{
    *row = (struct allocation_row){.is_unattributed = true,
                                   .published.inuse_bytes = history->unattributed_bytes,
                                   .growth = history->unattributed_growth,
                                   .growth_share = NAN,
                                   .alloc_bytes_per_s = NAN,
                                   .free_bytes_per_s = NAN,
                                   .alloc_objects_per_s = NAN,
                                   .inuse = &history->unattributed};
    double total = (double)history->totals.published.inuse_bytes + (double)history->unattributed_bytes;
    row->share = total > 0 ? fmin((double)history->unattributed_bytes / total, 1) : 0;
}

static struct error *compute_allocations(const struct history *history, struct analysis *analysis)
{
    analysis->totals = history->totals;
    if (analysis->snapshot->profile_state != PROFILE_ON)
        return NULL;
    size_t num_sites = history->call_site_order.count, num_stacks = history->stack_order.count;
    struct allocation_row *sites = arena_alloc_array(&analysis->arena, num_sites + 1, sizeof(*sites));
    struct allocation_row *stacks = arena_alloc_array(&analysis->arena, num_stacks, sizeof(*stacks));
    if (!sites || !stacks)
        return error_no_memory();
    for (size_t i = 0; i < num_stacks; i++) {
        const struct tracked_stack *stack = &history->stacks.items[history->stack_order.items[i]];
        fill_row(history, &stack->tracked.sums, &stack->tracked, &stacks[i]);
        stacks[i].subject = stack->subject;
        stacks[i].stack = stack->stack;
        stacks[i].first_stack = (uint32_t)i;
        stacks[i].num_stacks = 1;
    }
    uint32_t next = 0;
    for (size_t i = 0; i < num_sites; i++) {
        uint32_t index = history->call_site_order.items[i];
        const struct tracked_call_site *call_site = &history->call_sites.items[index];
        fill_row(history, &call_site->tracked.sums, history_call_site_trend(history, call_site), &sites[i]);
        sites[i].first_stack = next;
        if (next < num_stacks) {
            sites[i].subject = stacks[next].subject;
            sites[i].stack = stacks[next].stack;
        }
        while (next < num_stacks && history->stacks.items[history->stack_order.items[next]].call_site == index)
            next++;
        sites[i].num_stacks = next - sites[i].first_stack;
    }
    if (history->has_unattributed) {
        analysis->unattributed = &sites[num_sites];
        fill_unattributed(history, analysis->unattributed);
    }
    analysis->call_sites = sites;
    analysis->num_call_sites = num_sites;
    analysis->stacks = stacks;
    analysis->num_stacks = num_stacks;
    return NULL;
}

/* ---- the process as a whole ---- */

/* A monotonic counter's rise per second over the window. */
static double window_rate(const struct history *history, enum counter_id id)
{
    const struct series *series = &history->counters[id];
    if (series->count < 2)
        return NAN;
    struct point first = series_point(series, 0), last = series_point(series, series->count - 1);
    uint64_t window = history->options.window_ns;
    uint64_t start = last.unix_ns - first.unix_ns > window ? last.unix_ns - window : first.unix_ns;
    double before = first.value;
    series_value_at(series, start, &before);
    return (last.value - before) / ((double)(last.unix_ns - start) / 1e9);
}

static double alloc_rate(const struct history *history)
{
    if (history->num_total_alloc < 2)
        return NAN;
    const struct point *first = &history->total_alloc[0], *last = &history->total_alloc[history->num_total_alloc - 1];
    double seconds = (double)(last->unix_ns - first->unix_ns) / 1e9;
    return last->unix_ns > first->unix_ns ? (last->value - first->value) / seconds : NAN;
}

/* How long until the kernel's limit is met: by what is resident. While RSS still has room inside that the heap grows
 * into, it does not rise: then the heap's growth tells sooner. */
static double seconds_to_hard_limit(const struct analysis *analysis, double limit)
{
    double rss = snapshot_counter_or(analysis->snapshot, COUNTER_RSS, 0);
    double used = snapshot_counter_or(analysis->snapshot, COUNTER_CGROUP_USAGE, rss);
    double growth = 0;
    if (analysis->rss.verdict == GROWTH_GROWING)
        growth = analysis->rss.per_second;
    else if (analysis->heap.verdict == GROWTH_GROWING)
        growth = analysis->heap.per_second;
    return growth > 0 ? fmax(limit - used, 0) / growth : INFINITY;
}

/* How long until GOMEMLIMIT is met: by what no collection can free. As it comes near, Go collects more often and RSS
 * stays below it, so RSS tells nothing. The heap's share of the limit is what the rest of Go's memory leaves of it
 * (runtime/mgcpacer.go memoryLimitHeapGoal, Go 1.19-1.27). */
static double seconds_to_soft_limit(const struct analysis *analysis, double limit)
{
    const struct snapshot *snapshot = analysis->snapshot;
    double other =
        snapshot_counter_or(snapshot, COUNTER_GO_SYS, 0) - snapshot_counter_or(snapshot, COUNTER_HEAP_SYS, 0);
    double used = snapshot_counter_or(snapshot, COUNTER_HEAP_MARKED, 0) + fmax(other, 0);
    return analysis->heap.verdict == GROWTH_GROWING ? fmax(limit - used, 0) / analysis->heap.per_second : INFINITY;
}

static void compute_limit(struct analysis *analysis)
{
    double cgroup = snapshot_counter_or(analysis->snapshot, COUNTER_LIMIT, 0);
    double soft = snapshot_counter_or(analysis->snapshot, COUNTER_MEMORY_LIMIT, 0);
    /* GOMEMLIMIT off is the largest integer (runtime/mgcpacer.go, Go 1.19-1.27). */
    if (!(soft > 0) || soft >= 0x1p62)
        soft = 0;
    if (!(cgroup > 0) || cgroup >= 0x1p62)
        cgroup = 0;
    analysis->limit_is_soft = soft > 0 && (!(cgroup > 0) || soft < cgroup);
    double limit = analysis->limit_is_soft ? soft : cgroup;
    analysis->limit_bytes = (uint64_t)limit;
    analysis->seconds_to_limit = INFINITY;
    if (limit > 0)
        analysis->seconds_to_limit =
            analysis->limit_is_soft ? seconds_to_soft_limit(analysis, limit) : seconds_to_hard_limit(analysis, limit);
}

static struct error *compute_process(const struct history *history, struct analysis *analysis)
{
    analysis->rss = history->rss_growth;
    analysis->goroutine_count = history->goroutine_growth;
    analysis->managed = history->managed;
    analysis->outside_go = history->outside_growth;
    analysis->heap = history->heap_growth;
    analysis->first_unix_ns = history->first_unix_ns;
    analysis->window_ns = history->options.window_ns;
    analysis->cycles_seen =
        history->num_gc_readings < UINT32_MAX ? (uint32_t)history->num_gc_readings : UINT32_MAX;
    analysis->alloc_bytes_per_s = alloc_rate(history);
    analysis->alloc_bytes_per_s_window = window_rate(history, COUNTER_TOTAL_ALLOC);
    analysis->gc_per_s = window_rate(history, COUNTER_NUM_GC);
    compute_limit(analysis);
    analysis->scheduler = scheduler_load_of(history);
    return gc_activity_of(history, &analysis->gc);
}

static struct error *copy_memory_parts(const struct history *history, struct analysis *analysis)
{
    size_t count = history->span_classes.count;
    analysis->memory_parts = history->memory_parts;
    analysis->span_classes = arena_alloc_array(&analysis->arena, count, sizeof(*analysis->span_classes));
    if (!analysis->span_classes)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        analysis->span_classes[i] = history->span_classes.items[i];
    analysis->num_span_classes = count;
    analysis->heap_caches =
        arena_alloc_array(&analysis->arena, history->heap_caches.count, sizeof(*analysis->heap_caches));
    if (!analysis->heap_caches)
        return error_no_memory();
    for (size_t i = 0; i < history->heap_caches.count; i++)
        analysis->heap_caches[i] = history->heap_caches.items[i];
    analysis->num_heap_caches = history->heap_caches.count;
    return NULL;
}

struct error *analysis_compute(const struct history *history, struct analysis **ret_analysis)
{
    if (!history->latest)
        return error_create(ERROR_NOT_FOUND, "no snapshot yet");
    struct arena arena;
    arena_init(&arena);
    struct analysis *analysis = arena_alloc(&arena, sizeof(*analysis));
    if (!analysis) {
        arena_deinit(&arena);
        return error_no_memory();
    }
    analysis->arena = arena;
    analysis->snapshot = history->latest;
    struct error *error = compute_allocations(history, analysis);
    if (!error)
        error = analysis_compute_goroutines(history, analysis);
    if (!error)
        error = analysis_compute_threads(history, analysis);
    if (!error)
        error = compute_process(history, analysis);
    if (!error)
        error = copy_memory_parts(history, analysis);
    if (!error)
        error = analysis_compute_malloc(history, analysis);
    if (!error)
        error = suspects_find(history, analysis);
    if (error) {
        analysis_destroy(analysis);
        return error;
    }
    *ret_analysis = analysis;
    return NULL;
}
