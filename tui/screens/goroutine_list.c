#include "tui/screens/goroutine_list.h"

#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

const char *goroutine_state(const struct catalog *catalog, const struct goroutine_group *group)
{
    const char *reason = catalog_string(catalog, group->wait_reason), *state = catalog_string(catalog, group->state);
    return reason[0] ? reason : state[0] && strcmp(state, "waiting") != 0 ? state : "several";
}

static void draw_count(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    const struct goroutine_group *group = &((const struct goroutine_row *)row)->group;
    /* The runtime's own are always there and nobody's leak. */
    cell_right(cell, group->system ? ROLE_MUTED : ROLE_FIGURE, units_format_exact(buffer, group->count));
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    growth_draw(cell->canvas, &((const struct goroutine_row *)row)->growth, false);
}

static void draw_change(const struct list_cell *cell, const void *row)
{
    cell_change(cell, &((const struct goroutine_row *)row)->growth, false);
}

static void draw_trend(const struct list_cell *cell, const void *row)
{
    const struct goroutine_row *group = row;
    cell_trend(cell, group->counts, &group->growth);
}

/* Of rows by kind: the kind. */
static const char *state_of_row(const struct catalog *catalog, const struct goroutine_row *row)
{
    return row->grouping == GOROUTINES_BY_KIND ? wait_kind_name(row->group.kind)
                                               : goroutine_state(catalog, &row->group);
}

static void draw_state(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_TEXT, state_of_row(cell_catalog(cell->context), row));
}

static void draw_wait(const struct list_cell *cell, const void *row)
{
    const struct goroutine_group *group = &((const struct goroutine_row *)row)->group;
    char least[UNITS_BUFFER], most[UNITS_BUFFER], text[2 * UNITS_BUFFER + 8];
    if (!group->wait_known) {
        cell_not_known(cell);
        return;
    }
    units_format_duration(least, (double)group->wait_ns_min);
    units_format_duration(most, (double)group->wait_ns_max);
    if (strcmp(least, most) == 0)
        snprintf(text, sizeof(text), "%s", most);
    else
        snprintf(text, sizeof(text), "%s \xe2\x80\xa6 %s", least, most);
    /* Where both do not fit, up to the longest. */
    if ((int)utf8_width(text) > cell->canvas.width)
        snprintf(text, sizeof(text), "\xe2\x80\xa6 %s", most);
    cell_right(cell, ROLE_TEXT, text);
}

static void draw_labels(const struct list_cell *cell, const struct goroutine_group *group)
{
    struct text text = {0};
    goroutine_write_labels(cell_catalog(cell->context), group->labels, &text);
    cell_left(cell, text.length ? ROLE_TEXT : ROLE_MUTED, text.length ? text.data : "no labels");
    text_deinit(&text);
}

static void draw_function(const struct list_cell *cell, const void *row)
{
    const struct goroutine_row *line = row;
    if (line->grouping == GOROUTINES_BY_LABELS) {
        draw_labels(cell, &line->group);
        return;
    }
    frame_id subject = goroutine_subject(cell_catalog(cell->context), &((const struct goroutine_row *)row)->group);
    if (subject)
        cell_frame(cell, subject);
}

static void draw_place(const struct list_cell *cell, const void *row)
{
    const struct goroutine_row *line = row;
    if (line->grouping != GOROUTINES_BY_LABELS)
        cell_place(cell, goroutine_subject(cell_catalog(cell->context), &line->group));
}

static void draw_creator(const struct list_cell *cell, const void *row)
{
    const struct goroutine_group *group = &((const struct goroutine_row *)row)->group;
    const struct catalog *catalog = cell_catalog(cell->context);
    if (!group->created_by)
        return;
    if (catalog_file(catalog, group->created_by)[0])
        cell_place(cell, group->created_by);
    else
        cell_frame(cell, group->created_by);
}

DEFINE_COMPARE(compare_count, struct goroutine_row, group.count)
DEFINE_COMPARE(compare_wait, struct goroutine_row, group.wait_ns_max)

DEFINE_COMPARE(compare_change, struct goroutine_row, growth.change)

static int compare_growth(const void *context, const void *first, const void *second)
{
    (void)context;
    const struct goroutine_row *a = first, *b = second;
    return compare_growths(&a->growth, &b->growth);
}

static int compare_state(const void *context, const void *first, const void *second)
{
    const struct goroutine_row *a = first, *b = second;
    const struct catalog *catalog = cell_catalog(context);
    return strcmp(state_of_row(catalog, a), state_of_row(catalog, b));
}

static int compare_function(const void *context, const void *first, const void *second)
{
    const struct goroutine_row *a = first, *b = second;
    const struct catalog *catalog = cell_catalog(context);
    return compare_frames(catalog, goroutine_subject(catalog, &a->group), goroutine_subject(catalog, &b->group));
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    const struct goroutine_group *group = &((const struct goroutine_row *)row)->group;
    enum goroutine_grouping grouping = ((const struct goroutine_row *)row)->grouping;
    /* What is the same in all groups of a row now need not be so in the next sample. */
    bool stack = grouping == GOROUTINES_BY_STACK || grouping == GOROUTINES_BY_GROUP;
    bool state = stack || grouping == GOROUTINES_BY_STATE, creator = stack || grouping == GOROUTINES_BY_CREATOR;
    bool labels = grouping == GOROUTINES_BY_LABELS || grouping == GOROUTINES_BY_GROUP;
    const uint32_t parts[] = {state ? group->state : 0,
                              state ? group->wait_reason : 0,
                              creator ? group->created_by : 0,
                              creator ? group->start : 0,
                              stack ? group->stack : 0,
                              labels ? group->labels : 0,
                              stack || grouping == GOROUTINES_BY_KIND ? group->kind : 0,
                              group->system};
    return table_hash_bytes(parts, sizeof(parts), 0);
}

static const char *text_of_group(const void *context, const void *row, char *buffer)
{
    const struct catalog *catalog = cell_catalog(context);
    const struct goroutine_group *group = &((const struct goroutine_row *)row)->group;
    char place[FORMAT_BUFFER], creator[FORMAT_BUFFER];
    frame_id subject = goroutine_subject(catalog, group);
    snprintf(buffer, LIST_TEXT, "%.32s %.200s %s %s %.150s", state_of_row(catalog, row),
             catalog_function(catalog, subject), frame_place(catalog, subject, place),
             frame_place(catalog, group->created_by, creator), catalog_string(catalog, group->labels));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    const struct goroutine_row *line = row;
    const struct catalog *catalog = cell_catalog(context);
    if (line->grouping != GOROUTINES_BY_LABELS)
        return (int)utf8_width(frame_function(catalog, goroutine_subject(catalog, &line->group), buffer));
    struct text text = {0};
    goroutine_write_labels(catalog, line->group.labels, &text);
    int width = text.length ? (int)utf8_width(text.data) : 0;
    text_deinit(&text);
    return width;
}

static const struct column columns[] = {
    {.title = "count", .width = 8, .right = true, .draw = draw_count, .compare = compare_count,
     .help = "goroutines in the same state, doing the same"},
    {.title = "growth", .width = 12, .right = true, .draw = draw_growth, .compare = compare_growth,
     .help = "of all that one go statement started"},
    {.title = "in span", .width = 10, .right = true, .draw = draw_change, .compare = compare_change,
     .is_shown = has_chosen_span, .help = "how their number changed over the span that was chosen"},
    {.title = "trend", .width = TREND_WIDTH, .stretch = TREND_MOST, .priority = 4, .draw = draw_trend,
     .help = "the count over the time of the graphs"},
    {.title = "state", .width = 17, .priority = 1, .ascending = true, .draw = draw_state, .compare = compare_state,
     .help = "its state, or what it waits for"},
    {.title = "waiting", .width = 18, .priority = 3, .right = true, .draw = draw_wait, .compare = compare_wait,
     .help = "shortest and longest wait, counted from a GC on"},
    {.title = "is in",
     .width = 24,
     .flexible = true,
     .ascending = true,
     .draw = draw_function,
     .compare = compare_function,
     .help = "the function it was started with"},
    {.title = "line", .width = 18, .priority = 2, .draw = draw_place},
    {.title = "started at", .width = 20, .priority = 5, .draw = draw_creator,
     .help = "the go statement"},
};

const struct list_ops goroutine_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 1,
    .identity = identify,
    .text = text_of_group,
    .measure = measure,
};
