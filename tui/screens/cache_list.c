#include "tui/screens/cache_list.h"

#include <stdio.h>

#include "tui/cells.h"

static const struct heap_cache_use *cache_of(const void *row)
{
    return row;
}

/* The rows stand by P. */
static size_t proc_of(const void *context, const void *row)
{
    const struct model *model = context;
    return (size_t)(cache_of(row) - model->analysis->heap_caches);
}

static void draw_proc(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "P%zu", proc_of(cell->context, row));
    cell_right(cell, ROLE_FIGURE, buffer);
}

static void draw_spans(const struct list_cell *cell, const void *row)
{
    cell_count(cell, cache_of(row)->spans);
}

static void draw_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)cache_of(row)->bytes);
}

static void draw_free_slots(const struct list_cell *cell, const void *row)
{
    cell_count(cell, cache_of(row)->free_slots);
}

static void draw_free_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)cache_of(row)->free_bytes);
}

static void draw_tiny(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, cache_of(row)->tiny_free_bytes);
}

static void draw_pages(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, cache_of(row)->page_bytes);
}

static void draw_released(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, cache_of(row)->released_page_bytes);
}

static int compare_proc(const void *context, const void *first, const void *second)
{
    return compare_numbers((double)proc_of(context, first), (double)proc_of(context, second));
}

DEFINE_COMPARE(compare_spans, struct heap_cache_use, spans)
DEFINE_COMPARE(compare_bytes, struct heap_cache_use, bytes)
DEFINE_COMPARE(compare_free_slots, struct heap_cache_use, free_slots)
DEFINE_COMPARE(compare_free_bytes, struct heap_cache_use, free_bytes)
DEFINE_COMPARE(compare_pages, struct heap_cache_use, page_bytes)

static uint64_t identify(const void *context, const void *row)
{
    return proc_of(context, row);
}

static const char *text_of_cache(const void *context, const void *row, char *buffer)
{
    snprintf(buffer, LIST_TEXT, "P%zu", proc_of(context, row));
    return buffer;
}

static const struct column columns[] = {
    {.title = "P", .width = 6, .right = true, .ascending = true, .draw = draw_proc, .compare = compare_proc},
    {.title = "spans", .width = 7, .right = true, .draw = draw_spans, .compare = compare_spans,
     .help = "that it allocates from without a lock (mcache)"},
    {.title = "in spans", .width = 9, .right = true, .draw = draw_bytes, .compare = compare_bytes},
    {.title = "free slots", .width = 11, .right = true, .draw = draw_free_slots, .compare = compare_free_slots},
    {.title = "free", .width = 9, .right = true, .draw = draw_free_bytes, .compare = compare_free_bytes,
     .help = "memory of these slots: no other P can use it"},
    {.title = "tiny", .width = 6, .priority = 2, .right = true, .draw = draw_tiny,
     .help = "left in the block that the smallest objects share"},
    {.title = "pages", .width = 9, .priority = 1, .right = true, .draw = draw_pages, .compare = compare_pages,
     .help = "in no span, kept for the next one (page cache)"},
    {.title = "returned", .width = 9, .priority = 3, .right = true, .draw = draw_released,
     .help = "of these pages, what the system has back"},
};

const struct list_ops cache_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_cache,
};
