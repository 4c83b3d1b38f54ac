/* Values over time as rows of cells: sparklines one row high, graphs of several rows with a scale. */
#ifndef TUI_GRAPH_H
#define TUI_GRAPH_H

#include <stddef.h>

#include "tui/grid.h"

#define GRAPH_MAX_POINTS (2 * GRID_MAX_WIDTH)

/* NAN is a gap. Lowest and highest are what the scale runs from and to. */
struct graph {
    const double *values;   /* graph_points() of them, oldest first. */
    const double *line;     /* A second value drawn as a line over the area, or NULL. */
    double lowest, highest;
    bool hot;               /* In the colours of growth. */
    bool from_zero;         /* The scale starts at zero whatever the values. */
    char *(*format)(char *buffer, double value);    /* For the scale; NULL: no scale is drawn. */
};

/* How many values a graph of this width takes: two a column in braille. */
size_t graph_points(const struct grid *grid, int width);
/* The columns that the scale takes at the left when there is a `format`. */
#define GRAPH_SCALE_WIDTH 10

/* Fits the scale: from zero, unless all values lie far above it; never so narrow that noise looks like a mountain. All
 * NAN: 0 to 1. */
void graph_fit(struct graph *graph, size_t count);
/* Fills the canvas. */
void graph_draw(struct canvas canvas, const struct graph *graph);

/* One row; `width` values. The scale is the values' own. */
void sparkline_draw(struct canvas canvas, int x, int y, int width, const double *values, bool hot);
/* A bar of `fraction` of the width, on a track. */
void bar_draw(struct canvas canvas, int x, int y, int width, enum role role, double fraction);

#endif
