/* Threads as they are listed, one by one and by their stacks. */
#include <math.h>
#include <stdlib.h>

#include "analysis/history.h"
#include "heaptop/base/table.h"

static struct error *compute_rows(const struct history *history, struct analysis *analysis)
{
    const struct snapshot *snapshot = analysis->snapshot;
    analysis->threads = arena_alloc_array(&analysis->arena, snapshot->num_threads, sizeof(*analysis->threads));
    if (!analysis->threads)
        return error_no_memory();
    analysis->num_threads = snapshot->num_threads;
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        /* Fewer are known after an add that ran out of memory. */
        double fraction = i < history->cpu_fractions.count ? history->cpu_fractions.items[i] : NAN;
        analysis->threads[i] = (struct thread_row){.thread = snapshot->threads[i], .cpu_fraction = fraction};
    }
    return NULL;
}

static int compare_groups(const void *left, const void *right)
{
    const struct thread_group *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return a->first_tid < b->first_tid ? -1 : a->first_tid > b->first_tid;
}

static void add_to_group(struct thread_group *group, const struct thread_row *row)
{
    group->count++;
    if (row->thread.stack_quality > group->stack_quality)
        group->stack_quality = row->thread.stack_quality;
    if (!isnan(row->cpu_fraction))
        group->cpu_fraction = (isnan(group->cpu_fraction) ? 0 : group->cpu_fraction) + row->cpu_fraction;
}

static struct error *compute_groups(struct analysis *analysis)
{
    struct thread_group *groups = arena_alloc_array(&analysis->arena, analysis->num_threads, sizeof(*groups));
    if (!groups)
        return error_no_memory();
    struct table by_stack;
    table_init(&by_stack);
    size_t count = 0;
    for (size_t i = 0; i < analysis->num_threads; i++) {
        const struct thread_row *row = &analysis->threads[i];
        bool is_new;
        if (!row->thread.stack)
            continue;
        uint64_t *index = table_insert(&by_stack, row->thread.stack, &is_new);
        if (!index) {
            table_deinit(&by_stack);
            return error_no_memory();
        }
        if (is_new) {
            *index = count;
            groups[count++] = (struct thread_group){.stack = row->thread.stack,
                                                    .first_tid = row->thread.tid,
                                                    .cpu_fraction = NAN,
                                                    .system_call = row->thread.system_call};
        }
        add_to_group(&groups[*index], row);
    }
    table_deinit(&by_stack);
    qsort(groups, count, sizeof(*groups), compare_groups);
    analysis->thread_groups = groups;
    analysis->num_thread_groups = count;
    return NULL;
}

struct error *analysis_compute_threads(const struct history *history, struct analysis *analysis)
{
    struct error *error = compute_rows(history, analysis);
    return error ? error : compute_groups(analysis);
}
