/* Several figures over time, drawn upon each other so that their sum is seen, and a legend that names them. Each layer
 * has a colour and a texture of its own. */
#ifndef TUI_STACK_GRAPH_H
#define TUI_STACK_GRAPH_H

#include "tui/graph.h"

#define STACK_MAX_LAYERS 8

struct stack_layer {
    const char *name;
    double now;             /* What the legend says. */
    double values[GRID_MAX_WIDTH];      /* One a column; NAN is a gap. */
};

/* How many values a stack of this width takes. */
size_t stack_graph_points(int width);
/* From the bottom up; the scale starts at zero. */
void stack_graph_draw(struct canvas canvas, const struct stack_layer *layers, size_t num_layers,
                      char *(*format)(char *buffer, double value));
/* "█ running 2  ▓ runnable 3": layers that have something now, or that had in the time shown, as far as there is room.
 * One row. */
void stack_legend_draw(struct canvas canvas, int x, int y, const struct stack_layer *layers, size_t num_layers,
                       char *(*format)(char *buffer, double value));

#endif
