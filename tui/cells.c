#include "tui/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/graph.h"

const struct catalog *cell_catalog(const void *context)
{
    return ((const struct model *)context)->shown->catalog;
}

void cell_left(const struct list_cell *cell, enum role role, const char *text)
{
    canvas_text_fit(cell->canvas, 0, 0, cell->canvas.width, role, text);
}

void cell_right(const struct list_cell *cell, enum role role, const char *text)
{
    /* A figure that lost its first digits would be another one. */
    if ((int)utf8_width(text) > cell->canvas.width)
        canvas_text_fit(cell->canvas, 0, 0, cell->canvas.width, role, text);
    else
        canvas_text_right(cell->canvas, cell->canvas.width, 0, role, text);
}

void cell_not_known(const struct list_cell *cell)
{
    cell_right(cell, ROLE_FAINT, NOT_KNOWN);
}

void cell_bytes(const struct list_cell *cell, enum role role, double bytes)
{
    char buffer[UNITS_BUFFER];
    if (isnan(bytes))
        cell_not_known(cell);
    else
        cell_right(cell, bytes == 0 ? ROLE_FAINT : role, units_format_bytes(buffer, bytes));
}

void cell_count(const struct list_cell *cell, uint64_t count)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, count ? ROLE_TEXT : ROLE_FAINT, units_format_exact(buffer, (int64_t)count));
}

void cell_byte_rate(const struct list_cell *cell, double per_second)
{
    char buffer[UNITS_BUFFER], text[UNITS_BUFFER + 1];
    if (isnan(per_second)) {
        cell_not_known(cell);
        return;
    }
    snprintf(text, sizeof(text), "%s%s", per_second < 0 ? "-" : "", units_format_bytes(buffer, fabs(per_second)));
    cell_right(cell, per_second > 0 ? ROLE_GROWING : ROLE_MUTED, text);
}

void cell_frame(const struct list_cell *cell, frame_id frame)
{
    frame_draw(cell->canvas, 0, 0, cell->canvas.width, cell->pan, cell_catalog(cell->context), frame);
}

void cell_place(const struct list_cell *cell, frame_id frame)
{
    char buffer[FORMAT_BUFFER];
    cell_left(cell, ROLE_MUTED, frame_place(cell_catalog(cell->context), frame, buffer));
}

void cell_trend(const struct list_cell *cell, const struct series *series, const struct growth *growth)
{
    double values[TREND_MOST];
    int width = cell->canvas.width < TREND_MOST ? cell->canvas.width : TREND_MOST;
    model_columns(cell->context, series, values, (size_t)width);
    sparkline_draw(cell->canvas, 0, 0, width, values, growth->verdict == GROWTH_GROWING);
}

void cell_change(const struct list_cell *cell, const struct growth *growth, bool of_bytes)
{
    char buffer[UNITS_BUFFER], text[UNITS_BUFFER + 4];
    double change = growth->change;
    const char *sign = change < 0 ? "\xe2\x88\x92" : change > 0 ? "+" : "";
    snprintf(text, sizeof(text), "%s%s", sign,
             of_bytes ? units_format_bytes(buffer, fabs(change)) : units_format_exact(buffer, fabs(change)));
    enum role role = verdict_role(growth->verdict);
    cell_right(cell, growth->verdict == GROWTH_PLATEAU || change == 0 ? ROLE_FAINT : role, change == 0 ? "0" : text);
}

bool has_chosen_span(const void *context)
{
    struct chosen_span span;
    return model_span_chosen(context, &span);
}

const char *held_title(const void *context)
{
    const struct model *model = context;
    return model->shown ? snapshot_profile_held(model->shown) : "in use";
}

const char *gains_title(const void *context)
{
    const struct model *model = context;
    return model->shown ? snapshot_profile_gains(model->shown) : "allocates";
}

const char *units_title(const void *context)
{
    const struct model *model = context;
    return model->shown ? snapshot_profile_units(model->shown) : "objects";
}

int compare_numbers(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) - isnan(a);
    return a < b ? -1 : a > b;
}

int compare_frames(const struct catalog *catalog, frame_id a, frame_id b)
{
    char buffer[FORMAT_BUFFER], other[FORMAT_BUFFER];
    return strcmp(frame_function(catalog, a, buffer), frame_function(catalog, b, other));
}

static double growth_order(const struct growth *growth)
{
    return growth->verdict == GROWTH_GROWING || growth->verdict == GROWTH_SHRINKING ? growth->per_second : 0;
}

int compare_growths(const struct growth *a, const struct growth *b)
{
    return compare_numbers(growth_order(a), growth_order(b));
}
