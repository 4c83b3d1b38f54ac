#include "tui/screens/type_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

static const struct malloc_type_row *row_of(const void *row)
{
    return row;
}

static const char *name_of(const void *context, const void *row)
{
    return catalog_string(cell_catalog(context), row_of(row)->type.name);
}

static void draw_name(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_TEXT, name_of(cell->context, row));
}

static void draw_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)row_of(row)->type.bytes);
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    cell_byte_rate(cell, row_of(row)->growth.bytes_per_s);
}

static void draw_objects(const struct list_cell *cell, const void *row)
{
    cell_count(cell, row_of(row)->type.objects);
}

static void draw_more(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER], text[UNITS_BUFFER + 1];
    int64_t more = row_of(row)->growth.chunks;
    snprintf(text, sizeof(text), "%s%s", more > 0 ? "+" : "", units_format_exact(buffer, more));
    cell_right(cell, more > 0 ? ROLE_GROWING : more < 0 ? ROLE_TEXT : ROLE_FAINT, text);
}

DEFINE_COMPARE(compare_bytes, struct malloc_type_row, type.bytes)
DEFINE_COMPARE(compare_growth, struct malloc_type_row, growth.bytes_per_s)
DEFINE_COMPARE(compare_objects, struct malloc_type_row, type.objects)
DEFINE_COMPARE(compare_more, struct malloc_type_row, growth.chunks)

static int compare_names(const void *context, const void *a, const void *b)
{
    return strcmp(name_of(context, a), name_of(context, b));
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return row_of(row)->type.name;
}

static const char *text_of_row(const void *context, const void *row, char *buffer)
{
    snprintf(buffer, LIST_TEXT, "%.400s", name_of(context, row));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    return (int)utf8_width(name_of(context, row));
}

static const struct column columns[] = {
    {.title = "in use", .width = 9, .right = true, .draw = draw_bytes, .compare = compare_bytes,
     .help = "by malloc's chunks that begin with one; an array of objects is one chunk"},
    {.title = "growth/s", .width = 9, .right = true, .draw = draw_growth, .compare = compare_growth,
     .help = "since malloc's heap was first read"},
    {.title = "objects", .width = 12, .right = true, .draw = draw_objects, .compare = compare_objects},
    {.title = "more", .width = 11, .right = true, .priority = 1, .draw = draw_more, .compare = compare_more,
     .help = "objects than when malloc's heap was first read"},
    {.title = "class", .width = 20, .flexible = true, .ascending = true, .draw = draw_name, .compare = compare_names,
     .help = "of C++ objects with virtual functions"},
};

const struct list_ops type_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_row,
    .measure = measure,
};
