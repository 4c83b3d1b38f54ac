/* A history that knows what another does. Going back in time begins from such a copy. */
#include "analysis/history.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/series.h"

/* All three are set, copied or empty. */
static bool copy_tracked(struct tracked *tracked)
{
    struct series inuse = tracked->inuse, allocated = tracked->allocated, provisional = tracked->provisional;
    bool good = series_copy(&inuse, &tracked->inuse);
    good = series_copy(&allocated, &tracked->allocated) && good;
    return series_copy(&provisional, &tracked->provisional) && good;
}

static bool copy_table(const struct table *table, struct table *copy)
{
    table_init(copy);
    return table_copy(table, copy);
}

/* `copy` is empty, or has all the items. */
#define COPY_VECTOR(vector, copy) \
    __extension__({ \
        (copy)->items = NULL; \
        (copy)->count = (copy)->capacity = 0; \
        bool reserved_ = vector_reserve((copy), (vector)->count); \
        if (reserved_ && (vector)->count > 0) \
            memcpy((copy)->items, (vector)->items, (vector)->count * sizeof(*(vector)->items)); \
        if (reserved_) \
            (copy)->count = (vector)->count; \
        reserved_; \
    })

static bool copy_process(const struct history *history, struct history *copy)
{
    bool good = true;
    for (int id = 0; id < COUNTER_COUNT; id++) {
        good = series_copy(&history->counters[id], &copy->counters[id]) && good;
        good = series_copy(&history->rates[id], &copy->rates[id]) && good;
    }
    for (int i = 0; i < WAIT_KIND_COUNT; i++)
        good = series_copy(&history->kinds[i], &copy->kinds[i]) && good;
    good = series_copy(&history->profile_cycles, &copy->profile_cycles) && good;
    good = series_copy(&history->marked, &copy->marked) && good;
    good = series_copy(&history->gc_readings, &copy->gc_readings) && good;
    good = series_copy(&history->outside_go, &copy->outside_go) && good;
    good = series_copy(&history->outside_anonymous, &copy->outside_anonymous) && good;
    good = series_copy(&history->unattributed, &copy->unattributed) && good;
    good = COPY_VECTOR(&history->cycles, &copy->cycles) && good;
    good = COPY_VECTOR(&history->cpu_fractions, &copy->cpu_fractions) && good;
    good = COPY_VECTOR(&history->next_cpu_fractions, &copy->next_cpu_fractions) && good;
    good = COPY_VECTOR(&history->heap_caches, &copy->heap_caches) && good;
    return COPY_VECTOR(&history->span_classes, &copy->span_classes) && good;
}

static bool copy_allocations(const struct history *history, struct history *copy)
{
    bool good = COPY_VECTOR(&history->buckets, &copy->buckets);
    good = COPY_VECTOR(&history->stacks, &copy->stacks) && good;
    for (size_t i = 0; i < copy->stacks.count; i++)
        good = copy_tracked(&copy->stacks.items[i].tracked) && good;
    good = COPY_VECTOR(&history->call_sites, &copy->call_sites) && good;
    for (size_t i = 0; i < copy->call_sites.count; i++)
        good = copy_tracked(&copy->call_sites.items[i].tracked) && good;
    good = COPY_VECTOR(&history->call_site_order, &copy->call_site_order) && good;
    good = COPY_VECTOR(&history->stack_order, &copy->stack_order) && good;
    good = copy_table(&history->stacks_by_id, &copy->stacks_by_id) && good;
    return copy_table(&history->call_sites_by_key, &copy->call_sites_by_key) && good;
}

static bool copy_goroutines(const struct history *history, struct history *copy)
{
    bool good = COPY_VECTOR(&history->goroutines, &copy->goroutines);
    for (size_t i = 0; i < copy->goroutines.count; i++)
        good = series_copy(&history->goroutines.items[i].counts, &copy->goroutines.items[i].counts) && good;
    return copy_table(&history->goroutines_by_key, &copy->goroutines_by_key) && good;
}

struct error *history_copy(const struct history *history, struct history **ret_copy)
{
    struct history *copy = malloc(sizeof(*copy));
    if (!copy)
        return error_no_memory();
    *copy = *history;
    if (copy->latest)
        snapshot_ref(copy->latest);
    /* All of them, whatever fails: what is not copied is emptied, and nothing is shared. */
    bool good = copy_process(history, copy);
    good = copy_allocations(history, copy) && good;
    good = copy_goroutines(history, copy) && good;
    good = malloc_history_copy(&history->malloc, &copy->malloc) && good;
    if (!good) {
        history_destroy(copy);
        return error_no_memory();
    }
    *ret_copy = copy;
    return NULL;
}
