#include "tui/screens/single_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/screens/goroutine_list.h"

const struct goroutine_group *single_group(const struct model *model, const struct listed_goroutine *goroutine)
{
    const struct snapshot *shown = model->shown;
    return goroutine->group < shown->num_goroutine_groups ? &shown->goroutine_groups[goroutine->group] : NULL;
}

void single_write_moment(const struct snapshot *snapshot, struct text *text)
{
    char clock[FORMAT_BUFFER];
    uint64_t age = snapshot_goroutines_age_ns(snapshot);
    if (age)
        text_printf(text, ", as of %s", format_clock(clock, snapshot->unix_ns - age));
}

void single_write_waits(const struct model *model, const struct listed_goroutine *goroutine, struct text *text)
{
    const struct snapshot *shown = model->shown;
    const struct goroutine_group *group = single_group(model, goroutine);
    for (unsigned i = 0; group && i < goroutine->num_waits && goroutine->first_wait + i < shown->num_waits; i++) {
        const struct wait_object *object = &shown->wait_objects[shown->waits[goroutine->first_wait + i]];
        text_append(text, i ? ", " : "");
        wait_object_write(object, (enum wait_kind)group->kind, text);
    }
}

const struct listed_goroutine *single_find(const struct snapshot *snapshot, uint64_t goid)
{
    for (size_t i = 0; i < snapshot->num_goroutines; i++)
        if (snapshot->goroutines[i].goid == goid)
            return &snapshot->goroutines[i];
    return NULL;
}

static void draw_goid(const struct list_cell *cell, const void *row)
{
    char text[FORMAT_BUFFER];
    snprintf(text, sizeof(text), "%" PRIu64, ((const struct listed_goroutine *)row)->goid);
    cell_right(cell, ROLE_FIGURE, text);
}

static void draw_state(const struct list_cell *cell, const void *row)
{
    const struct goroutine_group *group = single_group(cell->context, row);
    if (group)
        cell_left(cell, ROLE_TEXT, goroutine_state(cell_catalog(cell->context), group));
}

static void draw_wait(const struct list_cell *cell, const void *row)
{
    char text[UNITS_BUFFER];
    uint64_t waited;
    if (snapshot_goroutine_waited(((const struct model *)cell->context)->shown, row, &waited))
        cell_right(cell, ROLE_TEXT, units_format_duration(text, (double)waited));
    else
        cell_not_known(cell);
}

static void draw_waits_on(const struct list_cell *cell, const void *row)
{
    struct text text = {0};
    single_write_waits(cell->context, row, &text);
    if (text.length > 0)
        canvas_text_fit(cell->canvas, -cell->pan, 0, cell->canvas.width + cell->pan, ROLE_TEXT, text.data);
    text_deinit(&text);
}

static void draw_parent(const struct list_cell *cell, const void *row)
{
    char text[FORMAT_BUFFER];
    uint64_t parent = ((const struct listed_goroutine *)row)->parent_goid;
    if (!parent)
        return;
    snprintf(text, sizeof(text), "%" PRIu64, parent);
    cell_right(cell, ROLE_MUTED, text);
}

/* Equal ones stay in the order of their ids, whatever order they were read in. */
static int compare_goid(const void *context, const void *first, const void *second)
{
    (void)context;
    uint64_t a = ((const struct listed_goroutine *)first)->goid, b = ((const struct listed_goroutine *)second)->goid;
    return (a > b) - (a < b);
}

static int compare_waits(const void *context, const void *first, const void *second)
{
    const struct snapshot *shown = ((const struct model *)context)->shown;
    uint64_t a, b;
    bool known_a = snapshot_goroutine_waited(shown, first, &a), known_b = snapshot_goroutine_waited(shown, second, &b);
    if (known_a != known_b)
        return known_a ? 1 : -1;
    return a != b ? (a > b) - (a < b) : compare_goid(context, second, first);
}

static int compare_parent(const void *context, const void *first, const void *second)
{
    uint64_t a = ((const struct listed_goroutine *)first)->parent_goid;
    uint64_t b = ((const struct listed_goroutine *)second)->parent_goid;
    return a != b ? (a > b) - (a < b) : compare_goid(context, second, first);
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return ((const struct listed_goroutine *)row)->goid;
}

static const char *text_of_single(const void *context, const void *row, char *buffer)
{
    struct text text = {0};
    const struct listed_goroutine *goroutine = row;
    single_write_waits(context, row, &text);
    snprintf(buffer, LIST_TEXT, "%" PRIu64 " %" PRIu64 " %.400s", goroutine->goid, goroutine->parent_goid,
             text.length ? text.data : "");
    text_deinit(&text);
    return buffer;
}

static const struct column columns[] = {
    {.title = "goroutine", .width = 10, .right = true, .draw = draw_goid, .compare = compare_goid, .help = "its id"},
    {.title = "waiting", .width = 12, .right = true, .draw = draw_wait, .compare = compare_waits,
     .help = "how long, counted from a GC on"},
    {.title = "state", .width = 17, .priority = 2, .draw = draw_state},
    {.title = "waits on", .width = 24, .flexible = true, .draw = draw_waits_on,
     .help = "the channel or lock, and who else waits there"},
    {.title = "made by", .width = 9, .priority = 1, .right = true, .draw = draw_parent, .compare = compare_parent,
     .help = "the goroutine that ran the go statement"},
};

const struct list_ops single_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 1,
    .identity = identify,
    .text = text_of_single,
};
