#include "tui/screens/span_list.h"

#include <stdio.h>

#include "tui/cells.h"

static const struct span_class *class_of(const void *row)
{
    return row;
}

static void draw_object_size(const struct list_cell *cell, const void *row)
{
    if (class_of(row)->object_size)
        cell_bytes(cell, ROLE_FIGURE, class_of(row)->object_size);
    else
        cell_right(cell, ROLE_FIGURE, "large");
}

/* What takes part in the GC's marking, and what it need not look into. */
static void draw_pointers(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_MUTED, class_of(row)->no_scan ? "none" : "yes");
}

static void draw_spans(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_TEXT, units_format_exact(buffer, class_of(row)->spans));
}

static void draw_objects(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_TEXT, units_format_exact(buffer, class_of(row)->objects));
}

static void draw_free_slots(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    uint64_t free_slots = class_of(row)->slots - class_of(row)->objects;
    cell_right(cell, free_slots ? ROLE_TEXT : ROLE_FAINT, units_format_exact(buffer, free_slots));
}

static void draw_span_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)class_of(row)->bytes);
}

static void draw_span_resident(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, (double)class_of(row)->resident_bytes);
}

static void draw_free_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)class_of(row)->free_bytes);
}

static void draw_tail_bytes(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_TEXT, (double)class_of(row)->tail_bytes);
}

static void draw_count(const struct list_cell *cell, uint64_t count)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, count ? ROLE_TEXT : ROLE_FAINT, units_format_exact(buffer, (int64_t)count));
}

static void draw_cached(const struct list_cell *cell, const void *row)
{
    draw_count(cell, class_of(row)->cached_spans);
}

static void draw_partial(const struct list_cell *cell, const void *row)
{
    draw_count(cell, class_of(row)->partial_spans);
}

static void draw_full(const struct list_cell *cell, const void *row)
{
    draw_count(cell, class_of(row)->full_spans);
}

static bool knows_caches(const void *context)
{
    const struct model *model = context;
    return model && model->analysis && model->analysis->num_heap_caches > 0;
}

/* Large objects are of no size: they come after all others. */
DEFINE_COMPARE(compare_object_size, struct span_class, object_size - 1)
DEFINE_COMPARE(compare_spans, struct span_class, spans)
DEFINE_COMPARE(compare_objects, struct span_class, objects)
DEFINE_COMPARE(compare_span_bytes, struct span_class, bytes)
DEFINE_COMPARE(compare_span_resident, struct span_class, resident_bytes)
DEFINE_COMPARE(compare_free_bytes, struct span_class, free_bytes)
DEFINE_COMPARE(compare_tail_bytes, struct span_class, tail_bytes)

static uint64_t identify_class(const void *context, const void *row)
{
    (void)context;
    return (uint64_t)class_of(row)->object_size * 2 + class_of(row)->no_scan;
}

static const char *text_of_class(const void *context, const void *row, char *buffer)
{
    (void)context;
    char size[UNITS_BUFFER];
    snprintf(buffer, LIST_TEXT, "%s %s",
             class_of(row)->object_size ? units_format_bytes(size, class_of(row)->object_size) : "large",
             class_of(row)->no_scan ? "no pointers" : "pointers");
    return buffer;
}

static const struct column columns[] = {
    {.title = "object", .width = 9, .right = true, .ascending = true, .draw = draw_object_size,
     .compare = compare_object_size,
     .help = "size of one object; large ones have a span each"},
    {.title = "pointers", .width = 8, .priority = 2, .draw = draw_pointers},
    {.title = "bytes", .width = 9, .right = true, .draw = draw_span_bytes, .compare = compare_span_bytes,
     .help = "of its spans"},
    {.title = "resident", .width = 9, .right = true, .priority = 3, .draw = draw_span_resident,
     .compare = compare_span_resident},
    {.title = "free", .width = 9, .right = true, .draw = draw_free_bytes, .compare = compare_free_bytes,
     .help = "slots without an object: reused for objects of this size only"},
    {.title = "tail", .width = 9, .right = true, .priority = 4, .draw = draw_tail_bytes, .compare = compare_tail_bytes,
     .help = "what is left of spans behind their last slot"},
    {.title = "spans", .width = 9, .right = true, .priority = 1, .draw = draw_spans, .compare = compare_spans},
    {.title = "objects", .width = 12, .right = true, .draw = draw_objects, .compare = compare_objects},
    {.title = "free slots", .width = 12, .right = true, .priority = 1, .draw = draw_free_slots},
    {.title = "cached", .width = 7, .priority = 5, .right = true, .draw = draw_cached, .is_shown = knows_caches,
     .help = "spans that a P allocates from (mcache)"},
    {.title = "partial", .width = 8, .priority = 6, .right = true, .draw = draw_partial, .is_shown = knows_caches,
     .help = "spans with free slots, for any P to take (mcentral)"},
    {.title = "full", .width = 8, .priority = 7, .right = true, .draw = draw_full, .is_shown = knows_caches,
     .help = "spans without free slots"},
};

const struct list_ops span_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 4,
    .identity = identify_class,
    .text = text_of_class,
};
