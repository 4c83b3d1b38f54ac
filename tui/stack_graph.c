#include "tui/stack_graph.h"

#include <math.h>

/* What each layer looks like: each has a colour and a texture of its own. */
static const struct {
    enum role role;
    uint32_t rune;
    char ascii;
} looks[STACK_MAX_LAYERS] = {
    {ROLE_CALM, 0x2593, '#'},  {ROLE_HOT_3, 0x2592, '!'},   {ROLE_NOTICE, 0x258c, '='},  {ROLE_GRAPH_4, 0x2588, '+'},
    {ROLE_HOT_1, 0x259a, '%'}, {ROLE_GRAPH_2, 0x2584, '~'}, {ROLE_GRAPH_1, 0x2591, ':'}, {ROLE_MUTED, 0xb7, '.'},
};

size_t stack_graph_points(int width)
{
    int points = width - GRAPH_SCALE_WIDTH;
    return points <= 0 ? 0 : points < GRID_MAX_WIDTH ? (size_t)points : GRID_MAX_WIDTH;
}

static void draw_cell(struct canvas canvas, int x, int y, size_t layer)
{
    bool ascii = canvas.grid->glyphs == GLYPHS_ASCII;
    canvas_rune(canvas, x, y, looks[layer].role, ascii ? (uint32_t)looks[layer].ascii : looks[layer].rune);
}

/* The layer that a height lies in; num_layers above all of them. */
static size_t layer_at(const struct stack_layer *layers, size_t num_layers, size_t at, double height)
{
    double sum = 0;
    for (size_t layer = 0; layer < num_layers; layer++) {
        sum += isnan(layers[layer].values[at]) ? 0 : layers[layer].values[at];
        if (sum > height)
            return layer;
    }
    return num_layers;
}

/* Each row shows the layer that its middle lies in; the lowest one at least something, where there is anything. */
static void draw_column(struct canvas canvas, int x, const struct stack_layer *layers, size_t num_layers, size_t at,
                        double highest)
{
    for (int y = 0; y < canvas.height; y++) {
        double middle = ((double)(canvas.height - 1 - y) + 0.5) / canvas.height * highest;
        size_t layer = layer_at(layers, num_layers, at, middle);
        if (layer == num_layers && y == canvas.height - 1)
            layer = layer_at(layers, num_layers, at, 0);
        if (layer < num_layers)
            draw_cell(canvas, x, y, layer);
    }
}

void stack_graph_draw(struct canvas canvas, const struct stack_layer *layers, size_t num_layers,
                      char *(*format)(char *buffer, double value))
{
    char buffer[UNITS_BUFFER];
    size_t points = stack_graph_points(canvas.width);
    double totals[GRID_MAX_WIDTH];
    if (canvas.width <= GRAPH_SCALE_WIDTH + 4 || canvas.height < 1)
        return;
    for (size_t i = 0; i < points; i++) {
        totals[i] = NAN;
        for (size_t layer = 0; layer < num_layers; layer++) {
            double value = layers[layer].values[i];
            if (!isnan(value))
                totals[i] = (isnan(totals[i]) ? 0 : totals[i]) + value;
        }
    }
    struct graph scale = {.values = totals, .format = format, .from_zero = true};
    graph_fit(&scale, points);
    canvas_text_right(canvas, GRAPH_SCALE_WIDTH - 1, 0, ROLE_MUTED, format(buffer, scale.highest));
    if (canvas.height > 1)
        canvas_text_right(canvas, GRAPH_SCALE_WIDTH - 1, canvas.height - 1, ROLE_MUTED, "0");
    struct canvas area = canvas_part(canvas, GRAPH_SCALE_WIDTH, 0, canvas.width - GRAPH_SCALE_WIDTH, canvas.height);
    for (size_t i = 0; i < points; i++) {
        if (!isnan(totals[i]))
            draw_column(area, (int)i, layers, num_layers, i, scale.highest);
    }
}

static bool has_values(const struct stack_layer *layer, size_t points)
{
    for (size_t i = 0; i < points; i++) {
        if (layer->values[i] > 0)
            return true;
    }
    return layer->now > 0;
}

void stack_legend_draw(struct canvas canvas, int x, int y, const struct stack_layer *layers, size_t num_layers,
                       char *(*format)(char *buffer, double value))
{
    size_t points = stack_graph_points(canvas.width);
    for (size_t layer = 0; layer < num_layers; layer++) {
        char buffer[UNITS_BUFFER];
        if (!has_values(&layers[layer], points))
            continue;
        format(buffer, layers[layer].now);
        int width = (int)utf8_width(layers[layer].name) + (int)utf8_width(buffer) + 3;
        if (x + width > canvas.width)
            return;
        draw_cell(canvas, x, y, layer);
        x = canvas_text(canvas, x + 2, y, ROLE_MUTED, layers[layer].name);
        x = canvas_text(canvas, x + 1, y, ROLE_FIGURE, buffer) + 2;
    }
}
