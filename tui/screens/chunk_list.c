#include "tui/screens/chunk_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "tui/cells.h"

static const struct malloc_class_row *row_of(const void *row)
{
    return row;
}

/* "48 B" where all have one size, else up to which. */
static const char *write_size(char buffer[FORMAT_BUFFER], const struct malloc_class_row *row)
{
    char size[UNITS_BUFFER];
    if (row->class.largest == UINT64_MAX)
        snprintf(buffer, FORMAT_BUFFER, "> %s", units_format_bytes(size, (double)row->smallest));
    else
        snprintf(buffer, FORMAT_BUFFER, "%s%s", row->class.largest - row->smallest > 16 ? "\xe2\x89\xa4 " : "",
                 units_format_bytes(size, (double)row->class.largest));
    return buffer;
}

static void draw_size(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    cell_right(cell, ROLE_FIGURE, write_size(buffer, row_of(row)));
}

static void draw_used_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)row_of(row)->class.used_bytes);
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    cell_byte_rate(cell, row_of(row)->growth.bytes_per_s);
}

static void draw_used(const struct list_cell *cell, const void *row)
{
    cell_count(cell, row_of(row)->class.used_chunks);
}

static void draw_free_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, (double)row_of(row)->class.free_bytes);
}

static void draw_free(const struct list_cell *cell, const void *row)
{
    cell_count(cell, row_of(row)->class.free_chunks);
}

static void draw_cached(const struct list_cell *cell, const void *row)
{
    cell_count(cell, row_of(row)->class.cached_chunks);
}

DEFINE_COMPARE(compare_size, struct malloc_class_row, class.largest)
DEFINE_COMPARE(compare_used_bytes, struct malloc_class_row, class.used_bytes)
DEFINE_COMPARE(compare_growth, struct malloc_class_row, growth.bytes_per_s)
DEFINE_COMPARE(compare_used, struct malloc_class_row, class.used_chunks)
DEFINE_COMPARE(compare_free_bytes, struct malloc_class_row, class.free_bytes)
DEFINE_COMPARE(compare_free, struct malloc_class_row, class.free_chunks)
DEFINE_COMPARE(compare_cached, struct malloc_class_row, class.cached_chunks)

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return row_of(row)->class.largest;
}

static const char *text_of_row(const void *context, const void *row, char *buffer)
{
    char size[FORMAT_BUFFER];
    (void)context;
    snprintf(buffer, LIST_TEXT, "%s", write_size(size, row_of(row)));
    return buffer;
}

static const struct column columns[] = {
    {.title = "chunk", .width = 11, .right = true, .ascending = true, .draw = draw_size, .compare = compare_size,
     .help = "its size, with malloc's own 8 bytes"},
    {.title = "in use", .width = 9, .right = true, .draw = draw_used_bytes, .compare = compare_used_bytes},
    {.title = "growth/s", .width = 9, .right = true, .draw = draw_growth, .compare = compare_growth,
     .help = "of what is in use, since malloc's heap was first read"},
    {.title = "chunks", .width = 12, .right = true, .draw = draw_used, .compare = compare_used, .help = "in use"},
    {.title = "free", .width = 9, .right = true, .priority = 1, .draw = draw_free_bytes, .compare = compare_free_bytes,
     .help = "in bins: reused, also for smaller ones"},
    {.title = "free chunks", .width = 12, .right = true, .priority = 2, .draw = draw_free, .compare = compare_free},
    {.title = "kept ready", .width = 12, .right = true, .priority = 3, .draw = draw_cached, .compare = compare_cached,
     .help = "in threads' caches and fastbins: reused for this size only"},
};

const struct list_ops chunk_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 1,
    .identity = identify,
    .text = text_of_row,
};
