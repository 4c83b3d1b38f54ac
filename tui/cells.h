/* Table cells that several screens draw, and the orders they sort by. Their lists' context is the model. */
#ifndef TUI_CELLS_H
#define TUI_CELLS_H

#include "tui/format.h"
#include "tui/list.h"
#include "tui/model.h"

#define TREND_WIDTH 10
#define TREND_MOST 32

/* The catalog of the sample on view. */
const struct catalog *cell_catalog(const void *context);
void cell_left(const struct list_cell *cell, enum role role, const char *text);
void cell_right(const struct list_cell *cell, enum role role, const char *text);
/* What is not known, in a column of figures. */
void cell_not_known(const struct list_cell *cell);
/* Zero is faint: the eye should find what is not. */
void cell_bytes(const struct list_cell *cell, enum role role, double bytes);
void cell_count(const struct list_cell *cell, uint64_t count);
/* Bytes a second, rising or falling; NAN is not known. */
void cell_byte_rate(const struct list_cell *cell, double per_second);
void cell_frame(const struct list_cell *cell, frame_id frame);
void cell_place(const struct list_cell *cell, frame_id frame);
/* A growth's change over the span that was chosen. */
void cell_change(const struct list_cell *cell, const struct growth *growth, bool of_bytes);
/* For columns that are there while a span is chosen. */
bool has_chosen_span(const void *context);
/* "in use", "allocates" and "objects", or what else the figures of call sites are. */
const char *held_title(const void *context);
const char *gains_title(const void *context);
const char *units_title(const void *context);
void cell_trend(const struct list_cell *cell, const struct series *series, const struct growth *growth);

/* Ascending; not known comes first. */
int compare_numbers(double a, double b);
int compare_frames(const struct catalog *catalog, frame_id a, frame_id b);
/* By speed; what neither grows nor shrinks stands at zero. */
int compare_growths(const struct growth *a, const struct growth *b);

/* Defines a column's compare function by one number of each row. */
#define DEFINE_COMPARE(name, type, expression) \
    static int name(const void *context, const void *first, const void *second) \
    { \
        (void)context; \
        const type *a = first, *b = second; \
        return compare_numbers((double)(a->expression), (double)(b->expression)); \
    }

#endif
