#include "tui/screens/diff_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

#define MINUS "\xe2\x88\x92"

/* The mark that stands before a change, so that colour is never needed to tell. */
static const struct {
    uint32_t mark;
    enum role role;
} looks[DIFF_KIND_COUNT] = {
    [DIFF_SAME] = {'=', ROLE_FAINT},       [DIFF_GREW] = {0x25b2, ROLE_GROWING},    [DIFF_SHRANK] = {0x25bc, ROLE_CALM},
    [DIFF_APPEARED] = {'+', ROLE_GROWING}, [DIFF_VANISHED] = {0x00d7, ROLE_CALM},
};

static const struct catalog *catalog_of(const void *context)
{
    return ((const struct diff *)context)->catalog;
}

/* ---- cells ---- */

static char *write_value(char *buffer, bool of_bytes, double value)
{
    return of_bytes ? units_format_bytes(buffer, value) : units_format_exact(buffer, (int64_t)value);
}

static void draw_change(const struct list_cell *cell, const struct diff_change *change, bool of_bytes)
{
    char buffer[UNITS_BUFFER], text[UNITS_BUFFER + 4];
    enum role role = looks[change->kind].role;
    canvas_rune(cell->canvas, 0, 0, role, looks[change->kind].mark);
    if (change->change == 0)
        return;
    snprintf(text, sizeof(text), "%s%s", change->change < 0 ? MINUS : "+",
             write_value(buffer, of_bytes, fabs((double)change->change)));
    cell_right(cell, role, text);
}

static void draw_value(const struct list_cell *cell, bool of_bytes, double value)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, value != 0 ? ROLE_TEXT : ROLE_FAINT, write_value(buffer, of_bytes, value));
}

static void draw_frame(const struct list_cell *cell, frame_id frame)
{
    if (frame)
        frame_draw(cell->canvas, 0, 0, cell->canvas.width, cell->pan, catalog_of(cell->context), frame);
}

static void draw_frame_place(const struct list_cell *cell, frame_id frame)
{
    char buffer[FORMAT_BUFFER];
    cell_left(cell, ROLE_MUTED, frame_place(catalog_of(cell->context), frame, buffer));
}

/* ---- call sites ---- */

static bool is_of_bytes(const void *context)
{
    enum site_value value = ((const struct diff *)context)->value;
    return value == SITE_INUSE_BYTES || value == SITE_ALLOC_BYTES;
}

static void draw_site_change(const struct list_cell *cell, const void *row)
{
    draw_change(cell, &((const struct diff_allocation_row *)row)->change, is_of_bytes(cell->context));
}

static void draw_site_side(const struct list_cell *cell, const void *row, enum diff_side side)
{
    const struct diff *diff = cell->context;
    const struct diff_allocation_row *site = row;
    draw_value(cell, is_of_bytes(diff), (double)site_value_of(&site->values[side], diff->value));
}

static void draw_site_old(const struct list_cell *cell, const void *row)
{
    draw_site_side(cell, row, DIFF_OLD);
}

static void draw_site_new(const struct list_cell *cell, const void *row)
{
    draw_site_side(cell, row, DIFF_NEW);
}

static void draw_site_kind(const struct list_cell *cell, const void *row)
{
    enum diff_kind kind = ((const struct diff_allocation_row *)row)->change.kind;
    cell_left(cell, looks[kind].role, diff_kind_name(kind));
}

static void draw_site_share(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    const struct diff_change *change = &((const struct diff_allocation_row *)row)->change;
    if (change->change != 0)
        cell_right(cell, ROLE_MUTED, units_format_percent(buffer, change->share));
}

static void draw_site_function(const struct list_cell *cell, const void *row)
{
    draw_frame(cell, ((const struct diff_allocation_row *)row)->subject);
}

static void draw_site_place(const struct list_cell *cell, const void *row)
{
    draw_frame_place(cell, ((const struct diff_allocation_row *)row)->subject);
}

DEFINE_COMPARE(compare_site_change, struct diff_allocation_row, change.change)

static int compare_site_old(const void *context, const void *a, const void *b)
{
    enum site_value value = ((const struct diff *)context)->value;
    return compare_numbers((double)site_value_of(&((const struct diff_allocation_row *)a)->values[DIFF_OLD], value),
                           (double)site_value_of(&((const struct diff_allocation_row *)b)->values[DIFF_OLD], value));
}

static int compare_site_new(const void *context, const void *a, const void *b)
{
    enum site_value value = ((const struct diff *)context)->value;
    return compare_numbers((double)site_value_of(&((const struct diff_allocation_row *)a)->values[DIFF_NEW], value),
                           (double)site_value_of(&((const struct diff_allocation_row *)b)->values[DIFF_NEW], value));
}

static int compare_site_function(const void *context, const void *a, const void *b)
{
    return compare_frames(catalog_of(context), ((const struct diff_allocation_row *)a)->subject,
                          ((const struct diff_allocation_row *)b)->subject);
}

static const char *write_frame_text(const struct catalog *catalog, frame_id frame, const char *more, char *buffer)
{
    char place[FORMAT_BUFFER];
    snprintf(buffer, LIST_TEXT, "%.400s %s %.32s", catalog_function(catalog, frame), frame_place(catalog, frame, place),
             more);
    return buffer;
}

static const char *text_of_site(const void *context, const void *row, char *buffer)
{
    const struct diff_allocation_row *site = row;
    return write_frame_text(catalog_of(context), site->subject, diff_kind_name(site->change.kind), buffer);
}

static int measure_frame(const void *context, frame_id frame)
{
    char buffer[FORMAT_BUFFER];
    return (int)utf8_width(frame_function(catalog_of(context), frame, buffer));
}

static int measure_site(const void *context, const void *row)
{
    return measure_frame(context, ((const struct diff_allocation_row *)row)->subject);
}

static uint64_t identify_site(const void *context, const void *row)
{
    (void)context;
    return ((const struct diff_allocation_row *)row)->subject;
}

static const struct column site_columns[] = {
    {.title = "change", .width = 11, .right = true, .draw = draw_site_change, .compare = compare_site_change,
     .help = "new less old; = where sampling explains it"},
    {.title = "old", .width = 9, .priority = 1, .right = true, .draw = draw_site_old, .compare = compare_site_old},
    {.title = "new", .width = 9, .right = true, .draw = draw_site_new, .compare = compare_site_new},
    {.title = "share", .width = 5, .priority = 4, .right = true, .draw = draw_site_share,
     .help = "of all that grew, or of all that shrank"},
    {.title = "what", .width = 8, .priority = 3, .draw = draw_site_kind},
    {.title = "call site", .width = 24, .flexible = true, .ascending = true, .draw = draw_site_function,
     .compare = compare_site_function, .help = "matched by name; by line too where both are of one build"},
    {.title = "line", .width = 20, .priority = 2, .draw = draw_site_place},
};

const struct list_ops diff_site_list = {
    .columns = site_columns,
    .num_columns = ARRAY_SIZE(site_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_site,
    .text = text_of_site,
    .measure = measure_site,
};

/* ---- goroutines ---- */

static void draw_group_change(const struct list_cell *cell, const void *row)
{
    draw_change(cell, &((const struct diff_goroutine_row *)row)->change, false);
}

static void draw_group_old(const struct list_cell *cell, const void *row)
{
    draw_value(cell, false, ((const struct diff_goroutine_row *)row)->counts[DIFF_OLD]);
}

static void draw_group_new(const struct list_cell *cell, const void *row)
{
    draw_value(cell, false, ((const struct diff_goroutine_row *)row)->counts[DIFF_NEW]);
}

static void draw_group_state(const struct list_cell *cell, const void *row)
{
    const struct diff_goroutine_row *group = row;
    const struct catalog *catalog = catalog_of(cell->context);
    const char *reason = catalog_string(catalog, group->wait_reason), *state = catalog_string(catalog, group->state);
    cell_left(cell, ROLE_TEXT, reason[0] ? reason : state[0] ? state : "several");
}

static frame_id group_frame(const void *row)
{
    const struct diff_goroutine_row *group = row;
    return group->start ? group->start : group->created_by;
}

static void draw_group_function(const struct list_cell *cell, const void *row)
{
    draw_frame(cell, group_frame(row));
}

static void draw_group_creator(const struct list_cell *cell, const void *row)
{
    draw_frame_place(cell, ((const struct diff_goroutine_row *)row)->created_by);
}

DEFINE_COMPARE(compare_group_change, struct diff_goroutine_row, change.change)
DEFINE_COMPARE(compare_group_old, struct diff_goroutine_row, counts[DIFF_OLD])
DEFINE_COMPARE(compare_group_new, struct diff_goroutine_row, counts[DIFF_NEW])

static const char *text_of_group(const void *context, const void *row, char *buffer)
{
    const struct diff_goroutine_row *group = row;
    return write_frame_text(catalog_of(context), group_frame(row), diff_kind_name(group->change.kind), buffer);
}

static int measure_group(const void *context, const void *row)
{
    return measure_frame(context, group_frame(row));
}

static uint64_t identify_group(const void *context, const void *row)
{
    (void)context;
    const struct diff_goroutine_row *group = row;
    const uint32_t parts[] = {group->created_by, group->start, group->system};
    return table_hash_bytes(parts, sizeof(parts), 0);
}

static const struct column group_columns[] = {
    {.title = "change", .width = 11, .right = true, .draw = draw_group_change, .compare = compare_group_change},
    {.title = "old", .width = 9, .priority = 1, .right = true, .draw = draw_group_old, .compare = compare_group_old},
    {.title = "new", .width = 9, .right = true, .draw = draw_group_new, .compare = compare_group_new},
    {.title = "state", .width = 17, .priority = 3, .draw = draw_group_state},
    {.title = "is in", .width = 24, .flexible = true, .draw = draw_group_function,
     .help = "the function it was started with"},
    {.title = "started at", .width = 20, .priority = 2, .draw = draw_group_creator, .help = "the go statement"},
};

const struct list_ops diff_goroutine_list = {
    .columns = group_columns,
    .num_columns = ARRAY_SIZE(group_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_group,
    .text = text_of_group,
    .measure = measure_group,
};

/* ---- counters ---- */

static double value_of(const struct diff_counter_row *row, enum diff_side side)
{
    const struct counter *counter = &row->counter->values[side];
    return counter_infos[row->id].unit == UNIT_FRACTION ? counter->value.real : (double)counter->value.integer;
}

static void draw_counter_change(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER], text[FORMAT_BUFFER + 4];
    const struct diff_counter_row *counter = row;
    double change = counter->counter->change;
    if (change == 0) {
        cell_right(cell, ROLE_FAINT, "0");
        return;
    }
    snprintf(text, sizeof(text), "%s%s", change < 0 ? MINUS : "+", format_value(buffer, counter->id, fabs(change)));
    cell_right(cell, ROLE_TEXT, text);
}

static void draw_counter_side(const struct list_cell *cell, const void *row, enum diff_side side)
{
    char buffer[FORMAT_BUFFER];
    cell_right(cell, ROLE_TEXT, format_value(buffer, ((const struct diff_counter_row *)row)->id, value_of(row, side)));
}

static void draw_counter_old(const struct list_cell *cell, const void *row)
{
    draw_counter_side(cell, row, DIFF_OLD);
}

static void draw_counter_new(const struct list_cell *cell, const void *row)
{
    draw_counter_side(cell, row, DIFF_NEW);
}

static void draw_counter_ratio(const struct list_cell *cell, const void *row)
{
    char text[32];
    double ratio = ((const struct diff_counter_row *)row)->counter->ratio;
    if (isnan(ratio) || ratio < 0 || ratio > 9999)
        return;
    snprintf(text, sizeof(text), "\xc3\x97%.2f", ratio);
    cell_right(cell, ROLE_MUTED, text);
}

static void draw_counter_name(const struct list_cell *cell, const void *row)
{
    const struct counter_info *info = &counter_infos[((const struct diff_counter_row *)row)->id];
    int x = canvas_text(cell->canvas, 0, 0, ROLE_TEXT, info->name);
    canvas_text_fit(cell->canvas, x + 2, 0, cell->canvas.width - x - 2, ROLE_MUTED, info->help);
}

DEFINE_COMPARE(compare_counter_change, struct diff_counter_row, counter->change)
DEFINE_COMPARE(compare_counter_ratio, struct diff_counter_row, counter->ratio)

static int compare_counter_name(const void *context, const void *a, const void *b)
{
    (void)context;
    return strcmp(counter_infos[((const struct diff_counter_row *)a)->id].name,
                  counter_infos[((const struct diff_counter_row *)b)->id].name);
}

static const char *text_of_counter(const void *context, const void *row, char *buffer)
{
    (void)context;
    const struct counter_info *info = &counter_infos[((const struct diff_counter_row *)row)->id];
    snprintf(buffer, LIST_TEXT, "%s  %s", info->name, info->help);
    return buffer;
}

static uint64_t identify_counter(const void *context, const void *row)
{
    (void)context;
    return (uint64_t)((const struct diff_counter_row *)row)->id + 1;
}

static const struct column counter_columns[] = {
    {.title = "change", .width = 13, .right = true, .draw = draw_counter_change, .compare = compare_counter_change},
    {.title = "old", .width = 13, .priority = 1, .right = true, .draw = draw_counter_old},
    {.title = "new", .width = 13, .right = true, .draw = draw_counter_new},
    {.title = "ratio", .width = 7, .priority = 2, .right = true, .draw = draw_counter_ratio,
     .compare = compare_counter_ratio, .help = "new over old"},
    {.title = "counter", .width = 20, .flexible = true, .ascending = true, .draw = draw_counter_name,
     .compare = compare_counter_name},
};

const struct list_ops diff_counter_list = {
    .columns = counter_columns,
    .num_columns = ARRAY_SIZE(counter_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_counter,
    .text = text_of_counter,
};

/* ---- memory ---- */

static const struct diff_memory_part *part_of(const void *row)
{
    return ((const struct diff_memory_row *)row)->part;
}

static void draw_part_change(const struct list_cell *cell, const void *row)
{
    draw_change(cell, &part_of(row)->change, true);
}

static void draw_part_old(const struct list_cell *cell, const void *row)
{
    draw_value(cell, true, (double)part_of(row)->bytes[DIFF_OLD]);
}

static void draw_part_new(const struct list_cell *cell, const void *row)
{
    draw_value(cell, true, (double)part_of(row)->bytes[DIFF_NEW]);
}

static void draw_part_name(const struct list_cell *cell, const void *row)
{
    const struct memory_part_info *info = &memory_part_infos[((const struct diff_memory_row *)row)->id];
    int x = canvas_text(cell->canvas, 0, 0, ROLE_TEXT, info->label);
    canvas_text_fit(cell->canvas, x + 2, 0, cell->canvas.width - x - 2, ROLE_MUTED, info->help);
}

DEFINE_COMPARE(compare_part_change, struct diff_memory_row, part->change.change)
DEFINE_COMPARE(compare_part_old, struct diff_memory_row, part->bytes[DIFF_OLD])
DEFINE_COMPARE(compare_part_new, struct diff_memory_row, part->bytes[DIFF_NEW])

static const char *text_of_part(const void *context, const void *row, char *buffer)
{
    const struct memory_part_info *info = &memory_part_infos[((const struct diff_memory_row *)row)->id];
    (void)context;
    snprintf(buffer, LIST_TEXT, "%s  %s", info->label, info->help);
    return buffer;
}

static uint64_t identify_part(const void *context, const void *row)
{
    (void)context;
    return ((const struct diff_memory_row *)row)->id;
}

static const struct column memory_columns[] = {
    {.title = "change", .width = 12, .right = true, .draw = draw_part_change, .compare = compare_part_change},
    {.title = "old", .width = 10, .priority = 1, .right = true, .draw = draw_part_old, .compare = compare_part_old},
    {.title = "new", .width = 10, .right = true, .draw = draw_part_new, .compare = compare_part_new},
    {.title = "part of resident memory", .width = 24, .flexible = true, .draw = draw_part_name},
};

const struct list_ops diff_memory_list = {
    .columns = memory_columns,
    .num_columns = ARRAY_SIZE(memory_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_part,
    .text = text_of_part,
};
