#include "tui/screens/thread_group_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

static const struct thread_group *group_of(const void *row)
{
    return row;
}

static frame_id subject_of(const struct catalog *catalog, const struct thread_group *group)
{
    return catalog_stack(catalog, group->stack).frames[catalog_stack_subject(catalog, group->stack)];
}

static void draw_count(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_FIGURE, units_format_exact(buffer, group_of(row)->count));
}

static void draw_cpu(const struct list_cell *cell, const void *row)
{
    double fraction = group_of(row)->cpu_fraction;
    char buffer[UNITS_BUFFER];
    if (isnan(fraction))
        cell_not_known(cell);
    else
        cell_right(cell, fraction > 0 ? ROLE_FIGURE : ROLE_FAINT, units_format_percent(buffer, fraction));
}

static void draw_wait(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_TEXT, catalog_string(cell_catalog(cell->context), group_of(row)->system_call));
}

static void draw_function(const struct list_cell *cell, const void *row)
{
    cell_frame(cell, subject_of(cell_catalog(cell->context), group_of(row)));
}

static void draw_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, subject_of(cell_catalog(cell->context), group_of(row)));
}

static void draw_depth(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_MUTED,
               units_format_exact(buffer, catalog_stack(cell_catalog(cell->context), group_of(row)->stack).depth));
}

DEFINE_COMPARE(compare_count, struct thread_group, count)
DEFINE_COMPARE(compare_cpu, struct thread_group, cpu_fraction)

static int compare_wait(const void *context, const void *first, const void *second)
{
    const struct catalog *catalog = cell_catalog(context);
    return strcmp(catalog_string(catalog, group_of(first)->system_call),
                  catalog_string(catalog, group_of(second)->system_call));
}

static int compare_function(const void *context, const void *first, const void *second)
{
    const struct catalog *catalog = cell_catalog(context);
    return compare_frames(catalog, subject_of(catalog, group_of(first)), subject_of(catalog, group_of(second)));
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return group_of(row)->stack;
}

static const char *text_of_group(const void *context, const void *row, char *buffer)
{
    const struct catalog *catalog = cell_catalog(context);
    snprintf(buffer, LIST_TEXT, "%.400s %.64s", catalog_function(catalog, subject_of(catalog, group_of(row))),
             catalog_string(catalog, group_of(row)->system_call));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    const struct catalog *catalog = cell_catalog(context);
    return (int)utf8_width(frame_function(catalog, subject_of(catalog, group_of(row)), buffer));
}

static const struct column columns[] = {
    {.title = "threads", .width = 8, .right = true, .draw = draw_count, .compare = compare_count},
    {.title = "CPU", .width = 5, .right = true, .draw = draw_cpu, .compare = compare_cpu,
     .help = "of one processor, all together, since the sample before"},
    {.title = "waits in", .width = 16, .priority = 1, .ascending = true, .draw = draw_wait, .compare = compare_wait,
     .help = "the system call"},
    {.title = "function", .width = 24, .flexible = true, .ascending = true, .draw = draw_function,
     .compare = compare_function, .help = "the innermost of the program's own"},
    {.title = "of", .width = 20, .priority = 2, .draw = draw_place},
    {.title = "frames", .width = 7, .priority = 3, .right = true, .draw = draw_depth},
};

const struct list_ops thread_group_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_group,
    .measure = measure,
};
