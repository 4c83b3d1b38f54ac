/* Goroutines as trees: of their stacks, and of who made whom. */
#include "analysis/tree.h"

#include <stdlib.h>

/* Generations above a goroutine that are followed. */
#define MAX_GENERATIONS 16u

static uint64_t creator_key(frame_id created_by, frame_id start)
{
    return (uint64_t)created_by << 32 | start;
}

/* The frames from the function that the goroutine was started with to where it waits. */
static struct error *add_stack(struct tree_builder *builder, const struct goroutine_row *row)
{
    struct stack stack = catalog_stack(builder->catalog, row->group.stack);
    for (uint32_t i = stack.depth; i > 0; i--)
        if (!vector_append(&builder->path, stack.frames[i - 1]))
            return error_no_memory();
    if (stack.depth == 0 && row->group.start && !vector_append(&builder->path, row->group.start))
        return error_no_memory();
    return NULL;
}

/* The functions that the goroutine's makers were started with, the oldest first, then its own. */
static struct error *add_creators(struct tree_builder *builder, const struct goroutine_row *row,
                                  const struct analysis *analysis, const struct table *by_creator)
{
    frame_id chain[MAX_GENERATIONS];
    size_t count = 0;
    const struct goroutine_group *group = &row->group;
    while (group && count < MAX_GENERATIONS) {
        chain[count++] = group->start;
        const uint64_t *index = NULL;
        if (group->parent_start)
            index = table_find(by_creator, creator_key(group->parent_created_by, group->parent_start));
        const struct goroutine_group *parent =
            index ? &analysis->goroutines_by[GOROUTINES_BY_CREATOR][*index].group : NULL;
        /* Goroutines may make goroutines like themselves. */
        group = parent && creator_key(parent->created_by, parent->start) != creator_key(group->created_by, group->start)
                    ? parent
                    : NULL;
    }
    while (count > 0)
        if (!vector_append(&builder->path, chain[--count]))
            return error_no_memory();
    return NULL;
}

struct error *analysis_build_goroutine_tree(const struct analysis *analysis, enum goroutine_tree kind,
                                            struct arena *arena, struct tree_node **ret_root)
{
    enum goroutine_grouping by = kind == GOROUTINE_TREE_CREATORS ? GOROUTINES_BY_CREATOR : GOROUTINES_BY_STACK;
    const struct goroutine_row *rows = analysis->goroutines_by[by];
    struct table by_creator = {0};
    struct tree_builder builder;
    struct error *error = tree_builder_init(&builder, analysis->snapshot->catalog, arena);
    for (size_t i = 0; !error && i < analysis->num_goroutines_by[by] && kind == GOROUTINE_TREE_CREATORS; i++) {
        uint64_t *place = table_insert(&by_creator, creator_key(rows[i].group.created_by, rows[i].group.start), NULL);
        if (place)
            *place = i;
        else
            error = error_no_memory();
    }
    for (size_t i = 0; !error && i < analysis->num_goroutines_by[by]; i++) {
        builder.path.count = 0;
        error = kind == GOROUTINE_TREE_CREATORS ? add_creators(&builder, &rows[i], analysis, &by_creator)
                                                : add_stack(&builder, &rows[i]);
        const struct site_values values = {.inuse_objects = rows[i].group.count};
        if (!error)
            error = tree_builder_add(&builder, builder.path.items, builder.path.count, &values,
                                     tree_growth(&rows[i].growth));
    }
    table_deinit(&by_creator);
    return tree_builder_finish(&builder, error, ret_root);
}
