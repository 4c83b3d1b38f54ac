#include "analysis/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/growth.h"
#include "analysis/scheduler_load.h"
#include "analysis/series.h"
#include "analysis/managed_heap.h"

#define DEFAULT_COUNTER_POINTS 1024
#define DEFAULT_SITE_POINTS 96
#define DEFAULT_MAX_ROWS 20000
/* Cycles are dropped so many at a time, so that keeping them contiguous costs little. */
#define CYCLES_SLACK 512
/* Rises below these are none. */
#define SMALLEST_HEAP_RISE (256 << 10)
#define SMALLEST_RSS_RISE (1 << 20)
#define SMALLEST_TIMER_RISE 16
#define SMALLEST_THREAD_RISE 4
/* Verdicts on what is sampled hold for the window divided by this: seven seconds of fifteen minutes. */
#define VERDICT_PARTS 128

struct error *history_create(const struct history_options *options, struct history **ret_history)
{
    struct history *history = calloc(1, sizeof(*history));
    if (!history)
        return error_no_memory();
    if (options)
        history->options = *options;
    struct history_options *filled = &history->options;
    if (!filled->counter_points)
        filled->counter_points = DEFAULT_COUNTER_POINTS;
    if (!filled->site_points)
        filled->site_points = DEFAULT_SITE_POINTS;
    if (!filled->max_rows)
        filled->max_rows = DEFAULT_MAX_ROWS;
    if (!filled->window_ns)
        filled->window_ns = SERIES_RECENT_NS;
    *ret_history = history;
    return NULL;
}

static void tracked_deinit(struct tracked *tracked)
{
    series_deinit(&tracked->inuse);
    series_deinit(&tracked->allocated);
    series_deinit(&tracked->provisional);
}

static size_t tracked_memory(const struct tracked *tracked)
{
    return series_memory(&tracked->inuse) + series_memory(&tracked->allocated) + series_memory(&tracked->provisional);
}

void history_destroy(struct history *history)
{
    if (!history)
        return;
    snapshot_unref(history->latest);
    for (int id = 0; id < COUNTER_COUNT; id++) {
        series_deinit(&history->counters[id]);
        series_deinit(&history->rates[id]);
    }
    for (int i = 0; i < WAIT_KIND_COUNT; i++)
        series_deinit(&history->kinds[i]);
    series_deinit(&history->profile_cycles);
    series_deinit(&history->marked);
    series_deinit(&history->gc_readings);
    series_deinit(&history->outside_go);
    series_deinit(&history->outside_anonymous);
    series_deinit(&history->unattributed);
    for (size_t i = 0; i < history->stacks.count; i++)
        tracked_deinit(&history->stacks.items[i].tracked);
    for (size_t i = 0; i < history->call_sites.count; i++)
        tracked_deinit(&history->call_sites.items[i].tracked);
    for (size_t i = 0; i < history->goroutines.count; i++)
        series_deinit(&history->goroutines.items[i].counts);
    vector_deinit(&history->buckets);
    vector_deinit(&history->stacks);
    vector_deinit(&history->call_sites);
    vector_deinit(&history->call_site_order);
    vector_deinit(&history->stack_order);
    vector_deinit(&history->goroutines);
    vector_deinit(&history->cycles);
    vector_deinit(&history->cpu_fractions);
    vector_deinit(&history->next_cpu_fractions);
    vector_deinit(&history->span_classes);
    vector_deinit(&history->heap_caches);
    malloc_history_deinit(&history->malloc);
    table_deinit(&history->stacks_by_id);
    table_deinit(&history->call_sites_by_key);
    table_deinit(&history->goroutines_by_key);
    free(history);
}

/* Only what was read for this snapshot makes a point. */
static bool is_fresh(const struct counter *counter)
{
    return counter->provenance != PROVENANCE_UNAVAILABLE && counter->provenance != PROVENANCE_STALE;
}

static double counter_value(const struct snapshot *snapshot, enum counter_id id)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_infos[id].unit == UNIT_FRACTION ? counter->value.real : (double)counter->value.integer;
}

static struct error *add_counters(struct history *history, const struct snapshot *snapshot)
{
    const struct snapshot *previous = history->latest;
    double seconds = previous ? ((double)snapshot->monotonic_ns - (double)previous->monotonic_ns) / 1e9 : 0;
    uint32_t points = history->options.counter_points;
    for (int i = 0; i < COUNTER_COUNT; i++) {
        enum counter_id id = (enum counter_id)i;
        if (!is_fresh(&snapshot->counters[id]))
            continue;
        if (!series_add(&history->counters[id], points, snapshot->unix_ns, counter_value(snapshot, id)))
            return error_no_memory();
        if (!(seconds > 0) || !is_fresh(&previous->counters[id]))
            continue;
        double difference = counter_infos[id].unit == UNIT_FRACTION
                                ? counter_value(snapshot, id) - counter_value(previous, id)
                                : (double)(snapshot->counters[id].value.integer - previous->counters[id].value.integer);
        if (!series_add(&history->rates[id], points, snapshot->unix_ns, difference / seconds))
            return error_no_memory();
    }
    const struct counter *total = &snapshot->counters[COUNTER_TOTAL_ALLOC];
    if (is_fresh(total)) {
        if (history->num_total_alloc == RECENT_SAMPLES) {
            history->num_total_alloc--;
            memmove(history->total_alloc, history->total_alloc + 1,
                    history->num_total_alloc * sizeof(history->total_alloc[0]));
        }
        history->total_alloc[history->num_total_alloc++] =
            (struct point){.unix_ns = snapshot->monotonic_ns, .value = (double)total->value.integer};
    }
    return NULL;
}

static struct error *add_outside(struct history *history, const struct snapshot *snapshot)
{
    static const enum counter_id needed[] = {COUNTER_RSS, COUNTER_GO_SYS, COUNTER_HEAP_RELEASED};
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!is_fresh(&snapshot->counters[needed[i]]))
            return NULL;
    }
    double mapped = counter_value(snapshot, COUNTER_GO_SYS) - counter_value(snapshot, COUNTER_HEAP_RELEASED);
    uint32_t points = history->options.counter_points;
    /* As long as less is resident than Go has mapped, a rise may be Go touching its own memory for the first time. */
    bool added = series_add(&history->outside_go, points, snapshot->unix_ns,
                            fmax(counter_value(snapshot, COUNTER_RSS) - mapped, 0));
    if (added && is_fresh(&snapshot->counters[COUNTER_ANON]))
        added = series_add(&history->outside_anonymous, points, snapshot->unix_ns,
                           counter_value(snapshot, COUNTER_ANON) - mapped);
    return added ? NULL : error_no_memory();
}

/* The live heap is what the last cycle marked: it changes once a cycle. */
static struct error *add_live_heap(struct history *history, const struct snapshot *snapshot)
{
    const struct counter *num_gc = &snapshot->counters[COUNTER_NUM_GC];
    const struct counter *marked = &snapshot->counters[COUNTER_HEAP_MARKED];
    if (!is_fresh(num_gc) || !is_fresh(marked) || num_gc->value.integer <= 0)
        return NULL;
    if (history->num_gc_readings > 0 && num_gc->value.integer == history->num_gc)
        return NULL;
    history->num_gc = num_gc->value.integer;
    history->num_gc_readings++;
    uint32_t points = history->options.counter_points;
    if (!series_add(&history->marked, points, snapshot->unix_ns, (double)marked->value.integer) ||
        !series_add(&history->gc_readings, points, snapshot->unix_ns, (double)history->num_gc_readings))
        return error_no_memory();
    struct growth_input input = {.values = &history->marked,
                                 .observations = &history->gc_readings,
                                 .smallest_rise = SMALLEST_HEAP_RISE,
                                 .min_observations = GROWTH_MIN_OBSERVATIONS,
                                 .window_ns = history->options.window_ns};
    history->heap_growth = growth_judge(&input);
    return NULL;
}

static struct error *add_cycles(struct history *history, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_gc_cycles; i++) {
        const struct gc_cycle *cycle = &snapshot->gc_cycles[i];
        if (history->cycles.count > 0 && cycle->number <= history->cycles.items[history->cycles.count - 1].number)
            continue;
        if (history->cycles.count == HISTORY_MAX_CYCLES + CYCLES_SLACK) {
            history->cycles.count -= CYCLES_SLACK;
            memmove(history->cycles.items, history->cycles.items + CYCLES_SLACK,
                    history->cycles.count * sizeof(*history->cycles.items));
        }
        if (!vector_append(&history->cycles, *cycle))
            return error_no_memory();
    }
    return NULL;
}

static uint64_t thread_read_ns(const struct snapshot *snapshot, const struct thread *thread)
{
    return thread->read_monotonic_ns ? thread->read_monotonic_ns : snapshot->monotonic_ns;
}

/* Each thread's share of a CPU since it was last read. */
static struct error *add_threads(struct history *history, const struct snapshot *snapshot)
{
    const struct snapshot *previous = history->latest;
    if (!vector_reserve(&history->next_cpu_fractions, snapshot->num_threads) ||
        !vector_reserve(&history->cpu_fractions, snapshot->num_threads))
        return error_no_memory();
    /* Both lists come from the same directory in the same order: the thread is mostly where the last search ended. */
    size_t next = 0, known = previous ? previous->num_threads : 0;
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        const struct thread *thread = &snapshot->threads[i];
        double fraction = NAN;
        for (size_t tried = 0; tried < known; tried++, next++) {
            size_t at = next % known;
            const struct thread *before = &previous->threads[at];
            if (before->tid != thread->tid)
                continue;
            uint64_t then = thread_read_ns(previous, before), now = thread_read_ns(snapshot, thread);
            if (now > then && thread->cpu_ns >= before->cpu_ns)
                fraction = (double)(thread->cpu_ns - before->cpu_ns) / (double)(now - then);
            else if (now == then && at < history->cpu_fractions.count)
                fraction = history->cpu_fractions.items[at];   /* Not read again since. */
            next++;
            break;
        }
        history->next_cpu_fractions.items[i] = fraction;
    }
    if (snapshot->num_threads > 0)
        memcpy(history->cpu_fractions.items, history->next_cpu_fractions.items,
               snapshot->num_threads * sizeof(*history->cpu_fractions.items));
    history->cpu_fractions.count = snapshot->num_threads;
    return NULL;
}

static struct error *add_memory_map(struct history *history, const struct snapshot *snapshot)
{
    const struct memory_map *map = snapshot->memory_map;
    if (!map)
        return NULL;
    if (!vector_reserve(&history->span_classes, map->num_span_classes) ||
        !vector_reserve(&history->heap_caches, map->num_caches))
        return error_no_memory();
    history->heap_caches.count = map->num_caches;
    for (size_t i = 0; i < map->num_caches; i++)
        history->heap_caches.items[i] = map->caches[i];
    history->span_classes.count = map->num_span_classes;
    for (size_t i = 0; i < map->num_span_classes; i++)
        history->span_classes.items[i] = map->span_classes[i];
    history->memory_parts = memory_parts_of(snapshot);
    if (!history->first_parts.known)
        history->first_parts = history->memory_parts;
    return NULL;
}

uint64_t history_verdict_age(const struct history *history, uint64_t unix_ns)
{
    uint64_t observed = unix_ns > history->first_unix_ns ? unix_ns - history->first_unix_ns : 0;
    return (observed < history->options.window_ns ? observed : history->options.window_ns) / VERDICT_PARTS;
}

static void judge_process(struct history *history, const struct snapshot *snapshot)
{
    uint64_t age = history_verdict_age(history, snapshot->unix_ns);
    if (history->latest && snapshot->unix_ns - history->judged_unix_ns < age)
        return;
    uint64_t window = history->options.window_ns;
    history->judged_unix_ns = snapshot->unix_ns;
    history->rss_growth = growth_of_series(&history->counters[COUNTER_RSS], window, SMALLEST_RSS_RISE);
    history->goroutine_growth =
        growth_of_series(&history->counters[COUNTER_GOROUTINES], window, SMALLEST_GOROUTINE_RISE);
    history->outside_growth = growth_of_series(&history->outside_go, window, SMALLEST_RSS_RISE);
    history->outside_anonymous_growth = growth_of_series(&history->outside_anonymous, window, SMALLEST_RSS_RISE);
    history->timer_growth = growth_of_series(&history->counters[COUNTER_TIMERS], window, SMALLEST_TIMER_RISE);
    history->thread_growth = growth_of_series(&history->counters[COUNTER_THREADS], window, SMALLEST_THREAD_RISE);
    history->finalizer_growth =
        growth_of_series(&history->counters[COUNTER_FINALIZERS_QUEUED], window, SMALLEST_TIMER_RISE);
    history->managed = managed_heap_judge(history->counters, window);
}

static bool is_other_process(const struct target_info *a, const struct target_info *b)
{
    return a->pid != b->pid || a->start_unix_ns != b->start_unix_ns;
}

/* Nothing of one process is held against another: all starts over. */
static struct error *start_over(struct history *history)
{
    struct history *fresh = NULL;
    struct error *error = history_create(&history->options, &fresh);
    if (error)
        return error;
    const struct history old = *history;
    *history = *fresh;
    *fresh = old;
    history_destroy(fresh);
    return NULL;
}

struct error *history_add(struct history *history, struct snapshot *snapshot)
{
    if (history->latest && is_other_process(&history->latest->target, &snapshot->target)) {
        struct error *error = start_over(history);
        if (error)
            return error;
    }
    if (!history->latest)
        history->first_unix_ns = snapshot->unix_ns;
    struct error *error = add_counters(history, snapshot);
    if (!error)
        error = add_outside(history, snapshot);
    if (!error)
        error = add_live_heap(history, snapshot);
    if (!error)
        error = add_cycles(history, snapshot);
    if (!error)
        error = add_threads(history, snapshot);
    if (!error)
        error = history_add_goroutines(history, snapshot);
    if (!error)
        error = history_add_kinds(history, snapshot);
    if (!error)
        error = history_add_sites(history, snapshot);
    if (!error)
        error = add_memory_map(history, snapshot);
    if (!error)
        error = malloc_history_add(&history->malloc, snapshot, history->options.site_points, history->options.window_ns,
                                   history_verdict_age(history, snapshot->unix_ns));
    if (error)
        return error;
    judge_process(history, snapshot);
    snapshot_ref(snapshot);
    snapshot_unref(history->latest);
    history->latest = snapshot;
    history->buckets_are_newer = false;
    return NULL;
}

const struct snapshot *history_latest(const struct history *history)
{
    return history->latest;
}

uint64_t history_first_unix_ns(const struct history *history)
{
    return history->first_unix_ns;
}

const struct series *history_counter(const struct history *history, enum counter_id id)
{
    return &history->counters[id];
}

const struct series *history_counter_rate(const struct history *history, enum counter_id id)
{
    return &history->rates[id];
}

const struct gc_cycle *history_cycles(const struct history *history, size_t *ret_count)
{
    size_t skipped = history->cycles.count > HISTORY_MAX_CYCLES ? history->cycles.count - HISTORY_MAX_CYCLES : 0;
    *ret_count = history->cycles.count - skipped;
    return skipped ? history->cycles.items + skipped : history->cycles.items;
}

size_t history_memory(const struct history *history)
{
    size_t bytes = sizeof(*history) + malloc_history_memory(&history->malloc);
    for (int id = 0; id < COUNTER_COUNT; id++)
        bytes += series_memory(&history->counters[id]) + series_memory(&history->rates[id]);
    for (int i = 0; i < WAIT_KIND_COUNT; i++)
        bytes += series_memory(&history->kinds[i]);
    bytes += series_memory(&history->profile_cycles) + series_memory(&history->marked) +
             series_memory(&history->gc_readings) + series_memory(&history->outside_go) +
             series_memory(&history->outside_anonymous) +
             series_memory(&history->unattributed);
    for (size_t i = 0; i < history->stacks.count; i++)
        bytes += tracked_memory(&history->stacks.items[i].tracked);
    for (size_t i = 0; i < history->call_sites.count; i++)
        bytes += tracked_memory(&history->call_sites.items[i].tracked);
    for (size_t i = 0; i < history->goroutines.count; i++)
        bytes += series_memory(&history->goroutines.items[i].counts);
    bytes += history->buckets.capacity * sizeof(*history->buckets.items);
    bytes += history->stacks.capacity * sizeof(*history->stacks.items);
    bytes += history->call_sites.capacity * sizeof(*history->call_sites.items);
    bytes += (history->call_site_order.capacity + history->stack_order.capacity) * sizeof(uint32_t);
    bytes += history->goroutines.capacity * sizeof(*history->goroutines.items);
    bytes += history->cycles.capacity * sizeof(*history->cycles.items);
    bytes += (history->cpu_fractions.capacity + history->next_cpu_fractions.capacity) * sizeof(double);
    bytes += history->span_classes.capacity * sizeof(*history->span_classes.items);
    bytes += history->heap_caches.capacity * sizeof(*history->heap_caches.items);
    /* A slot of a table is a key and a value. */
    bytes += 16 * (history->stacks_by_id.capacity + history->call_sites_by_key.capacity +
                   history->goroutines_by_key.capacity);
    return bytes;
}
