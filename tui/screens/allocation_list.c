#include "tui/screens/allocation_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

/* ---- cells ---- */

static void draw_inuse(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)((const struct allocation_row *)row)->published.inuse_bytes);
}

static void draw_objects(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (((const struct allocation_row *)row)->is_unattributed) {
        cell_not_known(cell);
        return;
    }
    cell_right(cell, ROLE_TEXT,
               units_format_count(buffer, (double)((const struct allocation_row *)row)->published.inuse_objects));
}

static void draw_share(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_MUTED, units_format_percent(buffer, ((const struct allocation_row *)row)->share));
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    growth_draw(cell->canvas, &((const struct allocation_row *)row)->growth, true);
}

static void draw_alloc(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    double rate = ((const struct allocation_row *)row)->alloc_bytes_per_s;
    if (isnan(rate))
        cell_not_known(cell);
    else
        cell_right(cell, rate > 0 ? ROLE_TEXT : ROLE_FAINT, rate > 0 ? units_format_rate(buffer, rate) : "0");
}

static void draw_change(const struct list_cell *cell, const void *row)
{
    cell_change(cell, &((const struct allocation_row *)row)->growth, true);
}

static void draw_trend(const struct list_cell *cell, const void *row)
{
    const struct allocation_row *site = row;
    cell_trend(cell, site->inuse, &site->growth);
}

static void draw_function(const struct list_cell *cell, const void *row)
{
    if (((const struct allocation_row *)row)->is_unattributed) {
        bool is_narrow = cell->canvas.width < (int)sizeof(ANALYSIS_UNATTRIBUTED) - 1;
        cell_left(cell, ROLE_NOTICE, is_narrow ? ANALYSIS_UNATTRIBUTED_SHORT : ANALYSIS_UNATTRIBUTED);
        return;
    }
    cell_frame(cell, ((const struct allocation_row *)row)->subject);
}

static void draw_place(const struct list_cell *cell, const void *row)
{
    if (!((const struct allocation_row *)row)->is_unattributed)
        cell_place(cell, ((const struct allocation_row *)row)->subject);
}

/* Another stack of the same call site, or NULL. */
static const struct allocation_row *sibling_of(const struct model *model, const struct allocation_row *row)
{
    const struct allocation_row *first = model->analysis->stacks, *end = first + model->analysis->num_stacks;
    if (row > first && row < end && row[-1].subject == row->subject)
        return row - 1;
    return row >= first && row + 1 < end && row[1].subject == row->subject ? row + 1 : NULL;
}

/* What tells the stacks of one call site apart: the nearest caller that another does not have, else the nearest callee,
 * else the caller. */
static frame_id caller_of(const struct model *model, const struct allocation_row *row)
{
    const struct catalog *catalog = model->shown->catalog;
    struct stack stack = catalog_stack(catalog, row->stack), other = {0};
    uint32_t subject = catalog_stack_subject(catalog, row->stack), other_subject = 0;
    const struct allocation_row *sibling = sibling_of(model, row);
    if (sibling) {
        other = catalog_stack(catalog, sibling->stack);
        other_subject = catalog_stack_subject(catalog, sibling->stack);
    }
    for (uint32_t i = 1; sibling && subject + i < stack.depth; i++)
        if (other_subject + i >= other.depth || stack.frames[subject + i] != other.frames[other_subject + i])
            return stack.frames[subject + i];
    for (uint32_t i = 1; sibling && i <= subject; i++)
        if (i > other_subject || stack.frames[subject - i] != other.frames[other_subject - i])
            return stack.frames[subject - i];
    return subject + 1 < stack.depth ? stack.frames[subject + 1] : row->subject;
}

static void draw_caller(const struct list_cell *cell, const void *row)
{
    cell_frame(cell, caller_of(cell->context, row));
}

static void draw_caller_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, caller_of(cell->context, row));
}

/* ---- order ---- */

DEFINE_COMPARE(compare_inuse, struct allocation_row, published.inuse_bytes)
DEFINE_COMPARE(compare_objects, struct allocation_row, published.inuse_objects)
DEFINE_COMPARE(compare_share, struct allocation_row, share)
DEFINE_COMPARE(compare_alloc, struct allocation_row, alloc_bytes_per_s)

DEFINE_COMPARE(compare_change, struct allocation_row, growth.change)

static int compare_growth(const void *context, const void *first, const void *second)
{
    (void)context;
    const struct allocation_row *a = first, *b = second;
    return compare_growths(&a->growth, &b->growth);
}

static int compare_function(const void *context, const void *first, const void *second)
{
    const struct allocation_row *a = first, *b = second;
    return compare_frames(cell_catalog(context), a->subject, b->subject);
}

static int compare_place(const void *context, const void *first, const void *second)
{
    const struct allocation_row *a = first, *b = second;
    const struct catalog *catalog = cell_catalog(context);
    return strcmp(file_short_name(catalog_file(catalog, a->subject)),
                  file_short_name(catalog_file(catalog, b->subject)));
}

/* ---- the tables ---- */

static uint64_t identify_site(const void *context, const void *row)
{
    (void)context;
    const struct allocation_row *site = row;
    return site->is_unattributed ? UINT64_MAX : site->subject;
}

static uint64_t identify_stack(const void *context, const void *row)
{
    (void)context;
    return ((const struct allocation_row *)row)->stack;
}

static const char *text_of_frame(const struct catalog *catalog, frame_id frame, char *buffer)
{
    char place[FORMAT_BUFFER];
    snprintf(buffer, LIST_TEXT, "%.400s %s", catalog_function(catalog, frame), frame_place(catalog, frame, place));
    return buffer;
}

static const char *text_of_site(const void *context, const void *row, char *buffer)
{
    if (((const struct allocation_row *)row)->is_unattributed) {
        snprintf(buffer, LIST_TEXT, "%s", ANALYSIS_UNATTRIBUTED);
        return buffer;
    }
    return text_of_frame(cell_catalog(context), ((const struct allocation_row *)row)->subject, buffer);
}

static const char *text_of_stack(const void *context, const void *row, char *buffer)
{
    return text_of_frame(cell_catalog(context), caller_of(context, row), buffer);
}

static int measure_site(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    if (((const struct allocation_row *)row)->is_unattributed)
        return (int)sizeof(ANALYSIS_UNATTRIBUTED_SHORT) - 1;
    return (int)utf8_width(
        frame_function(cell_catalog(context), ((const struct allocation_row *)row)->subject, buffer));
}

static int measure_stack(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    return (int)utf8_width(frame_function(cell_catalog(context), caller_of(context, row), buffer));
}

/* What both tables have, in this order. */
#define INUSE_COLUMN \
    {.title = "in use", .width = 8, .right = true, .draw = draw_inuse, .compare = compare_inuse, \
     .title_now = held_title, .help = "bytes allocated here and not freed, as of the last GC"}
#define CHANGE_COLUMNS \
    {.title = "growth", .width = 12, .right = true, .draw = draw_growth, .compare = compare_growth, \
     .help = "of the bytes in use across GC cycles, with its mark"}, \
    {.title = "in span", .width = 10, .right = true, .draw = draw_change, .compare = compare_change, \
     .is_shown = has_chosen_span, .help = "how the bytes in use changed over the span that was chosen"}, \
    {.title = "allocates", .width = 10, .priority = 4, .right = true, .draw = draw_alloc, .compare = compare_alloc, \
     .title_now = gains_title, .help = "bytes a second, freed again or not"}, \
    {.title = "objects", .width = 7, .priority = 5, .right = true, .draw = draw_objects, .compare = compare_objects, \
     .title_now = units_title, .help = "objects in use, as of the last GC"}, \
    {.title = "trend", .width = TREND_WIDTH, .stretch = TREND_MOST, .priority = 2, .draw = draw_trend, \
     .help = "bytes in use over the time of the graphs"}

static const struct column site_columns[] = {
    INUSE_COLUMN,
    {.title = "share", .width = 5, .priority = 3, .right = true, .draw = draw_share, .compare = compare_share,
     .help = "of all bytes in use that the heap profile knows"},
    CHANGE_COLUMNS,
    {.title = "call site",
     .width = 24,
     .flexible = true,
     .ascending = true,
     .draw = draw_function,
     .compare = compare_function,
     .help = "the nearest function of the program itself"},
    {.title = "line", .width = 20, .priority = 1, .ascending = true, .draw = draw_place, .compare = compare_place},
};

const struct list_ops call_site_list = {
    .columns = site_columns,
    .num_columns = ARRAY_SIZE(site_columns),
    .first_sort = 2,
    .identity = identify_site,
    .text = text_of_site,
    .measure = measure_site,
};

static const struct column stack_columns[] = {
    INUSE_COLUMN,
    CHANGE_COLUMNS,
    {.title = "by way of", .width = 24, .flexible = true, .draw = draw_caller,
     .help = "what this stack has and the others of the site have not"},
    {.title = "line", .width = 20, .priority = 1, .draw = draw_caller_place},
};

const struct list_ops stack_list = {
    .columns = stack_columns,
    .num_columns = ARRAY_SIZE(stack_columns),
    .first_sort = 1,
    .identity = identify_stack,
    .text = text_of_stack,
    .measure = measure_stack,
};
