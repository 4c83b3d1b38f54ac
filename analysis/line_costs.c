#include "heaptop/analysis/line_costs.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/analysis.h"

struct gathering {
    const struct catalog *catalog;
    string_id file;
    struct table indices;       /* Line -> index in costs. */
    VECTOR(struct line_cost) costs;
    VECTOR(uint64_t) counted_in;        /* By the same index: the stack last counted, from 1. */
};

static bool add_line(struct gathering *gathering, uint32_t line, uint64_t stack_number,
                     const struct site_values *values)
{
    bool is_new;
    uint64_t *index = table_insert(&gathering->indices, line, &is_new);
    if (!index)
        return false;
    if (is_new) {
        *index = gathering->costs.count;
        if (!vector_append(&gathering->costs, (struct line_cost){.line = line}) ||
            !vector_append(&gathering->counted_in, 0))
            return false;
    }
    if (gathering->counted_in.items[*index] == stack_number)
        return true;
    gathering->counted_in.items[*index] = stack_number;
    struct site_values *sum = &gathering->costs.items[*index].values;
    sum->alloc_objects += values->alloc_objects;
    sum->alloc_bytes += values->alloc_bytes;
    sum->inuse_objects += values->inuse_objects;
    sum->inuse_bytes += values->inuse_bytes;
    return true;
}

static bool add_stack(struct gathering *gathering, stack_id id, uint64_t number, const struct site_values *values)
{
    struct stack stack = catalog_stack(gathering->catalog, id);
    for (uint32_t i = 0; i < stack.depth; i++) {
        const struct frame *frame = catalog_frame(gathering->catalog, stack.frames[i]);
        if (frame->file == gathering->file && frame->line != 0 && !add_line(gathering, frame->line, number, values))
            return false;
    }
    return true;
}

static int compare_lines(const void *left, const void *right)
{
    const struct line_cost *a = left, *b = right;
    return (a->line > b->line) - (a->line < b->line);
}

struct error *line_costs_of(const struct analysis *analysis, string_id file, struct arena *arena,
                            struct line_cost **ret_costs, size_t *ret_count)
{
    struct gathering gathering = {.catalog = analysis->snapshot->catalog, .file = file};
    bool done = true;
    for (size_t i = 0; file && done && i < analysis->num_stacks; i++)
        done = add_stack(&gathering, analysis->stacks[i].stack, i + 1, &analysis->stacks[i].published);
    size_t count = gathering.costs.count;
    struct line_cost *costs = done ? arena_copy_array(arena, gathering.costs.items, count, sizeof(*costs)) : NULL;
    if (costs && count > 0)
        qsort(costs, count, sizeof(*costs), compare_lines);
    table_deinit(&gathering.indices);
    vector_deinit(&gathering.costs);
    vector_deinit(&gathering.counted_in);
    if (!costs)
        return error_no_memory();
    *ret_costs = costs;
    *ret_count = count;
    return NULL;
}
