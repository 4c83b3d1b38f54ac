#include "tui/screens/goroutine_tree_list.h"

#include "tui/cells.h"

static void draw_count(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_FIGURE,
               units_format_exact(buffer, ((const struct tree_row *)row)->node->values.inuse_objects));
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    struct growth growth = tree_growth_of(row);
    growth_draw(cell->canvas, &growth, false);
}

static const struct column columns[] = {
    {.title = "count", .width = 8, .right = true, .draw = draw_count,
     .help = "goroutines here and in the branches below"},
    {.title = "growth", .width = 12, .right = true, .draw = draw_growth, .help = "of those below that grow"},
    {.title = "function", .width = 30, .flexible = true, .draw = tree_draw_frame, .help = "Enter opens a branch"},
    {.title = "line", .width = 20, .priority = 1, .draw = tree_draw_place},
};

const struct list_ops goroutine_tree_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = LIST_UNSORTED,
    .identity = tree_identify,
    .text = tree_text,
    .measure = tree_measure,
};

struct error *goroutine_tree_of_stacks(const struct analysis *analysis, struct arena *arena,
                                       struct tree_node **ret_root)
{
    return analysis_build_goroutine_tree(analysis, GOROUTINE_TREE_STACKS, arena, ret_root);
}

struct error *goroutine_tree_of_creators(const struct analysis *analysis, struct arena *arena,
                                         struct tree_node **ret_root)
{
    return analysis_build_goroutine_tree(analysis, GOROUTINE_TREE_CREATORS, arena, ret_root);
}
