#include "tui/graph.h"

#include <math.h>
#include <string.h>

/* Of its height, what a graph shows at least: less is noise. */
#define LEAST_RANGE 0.05
/* Rows from which its scale has a middle. */
#define TALL 11

size_t graph_points(const struct grid *grid, int width)
{
    size_t points = (size_t)(width > 0 ? width : 0) * (grid->glyphs == GLYPHS_BRAILLE ? 2 : 1);
    return points < GRAPH_MAX_POINTS ? points : GRAPH_MAX_POINTS;
}

static void find_range(const double *values, size_t count, double *lowest, double *highest)
{
    for (size_t i = 0; values && i < count; i++) {
        if (isnan(values[i]))
            continue;
        if (isnan(*lowest) || values[i] < *lowest)
            *lowest = values[i];
        if (isnan(*highest) || values[i] > *highest)
            *highest = values[i];
    }
}

/* The next number above that people like at the edge of a scale, in units of the base (1024 for bytes). */
static double round_up(double value, double base)
{
    static const double steps[] = {1,  1.5, 2,  3,  4,  5,   6,   8,   10,  12,  15,  20,  25,  30,
                                   40, 50,  60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 800};
    double unit = 1;
    while (value >= unit * base && isfinite(unit * base))
        unit *= base;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (steps[i] * unit >= value)
            return steps[i] * unit;
    return base * unit;
}

void graph_fit(struct graph *graph, size_t count)
{
    double lowest = NAN, highest = NAN;
    find_range(graph->values, count, &lowest, &highest);
    find_range(graph->line, count, &lowest, &highest);
    graph->lowest = 0;
    graph->highest = 1;
    if (isnan(highest) || highest <= 0)
        return;
    if (graph->from_zero || lowest < highest * 0.7) {
        /* A little air above the highest: a value that stands still is no full panel. */
        graph->highest = round_up(highest * 1.05, graph->format == units_format_bytes ? 1024 : 1000);
        return;
    }
    graph->highest = highest;
    double range = highest - lowest;
    if (range < highest * LEAST_RANGE)
        range = highest * LEAST_RANGE;
    /* A third of the height stays below the lowest value, so that the area has a body. */
    graph->lowest = highest - range * 1.5;
    if (graph->lowest < 0)
        graph->lowest = 0;
}

/* In units of 1/steps of the height; at least one step for what is above the bottom. */
static int level_of(const struct graph *graph, double value, int steps)
{
    if (isnan(value))
        return 0;
    double range = graph->highest - graph->lowest;
    double fraction = range > 0 ? (value - graph->lowest) / range : 0;
    if (fraction >= 1)
        return steps;
    int level = (int)lrint(fraction * steps);
    if (level < 1)
        level = value > 0 ? 1 : 0;
    return level;
}

static enum role shade(const struct graph *graph, int row, int rows)
{
    int band = rows <= 1 ? 2 : (rows - 1 - row) * 4 / rows;
    return (enum role)((graph->hot ? ROLE_HOT_1 : ROLE_GRAPH_1) + band);
}

/* Dots of a braille cell, bottom to top, left and right column (Unicode 2800: bit numbers by dot). */
static const uint8_t braille_left[4] = {0x40, 0x04, 0x02, 0x01};
static const uint8_t braille_right[4] = {0x80, 0x20, 0x10, 0x08};

static void draw_braille(struct canvas canvas, const struct graph *graph)
{
    int steps = canvas.height * 4;
    for (int x = 0; x < canvas.width; x++) {
        int level[2], line[2] = {0, 0};
        for (int i = 0; i < 2; i++) {
            level[i] = level_of(graph, graph->values[2 * x + i], steps);
            if (graph->line)
                line[i] = level_of(graph, graph->line[2 * x + i], steps);
        }
        for (int y = 0; y < canvas.height; y++) {
            int bottom = (canvas.height - 1 - y) * 4;
            unsigned dots = 0;
            for (int dot = 0; dot < 4; dot++) {
                if (level[0] > bottom + dot)
                    dots |= braille_left[dot];
                if (level[1] > bottom + dot)
                    dots |= braille_right[dot];
            }
            /* Every second dot: a dashed line. A cell has one colour: that of the area where both meet. */
            unsigned area = dots;
            for (int dot = 0; dot < 4; dot++)
                if (line[0] == bottom + dot + 1 && line[0] > level[0])
                    dots |= braille_left[dot];
            if (dots)
                canvas_rune(canvas, x, y, area == 0 ? ROLE_GOAL : shade(graph, y, canvas.height), 0x2800 + dots);
        }
    }
}

static void draw_blocks(struct canvas canvas, const struct graph *graph)
{
    bool ascii = canvas.grid->glyphs == GLYPHS_ASCII;
    static const char ascii_steps[] = {' ', '.', ':', '#'};
    int per_cell = ascii ? 3 : 8;
    for (int x = 0; x < canvas.width; x++) {
        int level = level_of(graph, graph->values[x], canvas.height * per_cell);
        int line = graph->line ? level_of(graph, graph->line[x], canvas.height * per_cell) : 0;
        for (int y = 0; y < canvas.height; y++) {
            int part = level - (canvas.height - 1 - y) * per_cell;
            part = part < 0 ? 0 : part > per_cell ? per_cell : part;
            bool on_line = line > level && (line - 1) / per_cell == canvas.height - 1 - y && x % 2 == 0;
            if (part > 0)
                canvas_rune(canvas, x, y, shade(graph, y, canvas.height),
                            ascii ? (uint32_t)ascii_steps[part] : 0x2580 + (uint32_t)part);
            else if (on_line)
                canvas_rune(canvas, x, y, ROLE_GOAL, 0x2500);
        }
    }
}

void graph_draw(struct canvas canvas, const struct graph *graph)
{
    if (graph->format) {
        char buffer[UNITS_BUFFER];
        int width = GRAPH_SCALE_WIDTH;
        if (canvas.width <= width + 4)
            return;
        canvas_text_right(canvas, width - 1, 0, ROLE_MUTED, graph->format(buffer, graph->highest));
        if (canvas.height > 1)
            canvas_text_right(canvas, width - 1, canvas.height - 1, ROLE_MUTED,
                              graph->lowest > 0 ? graph->format(buffer, graph->lowest) : "0");
        /* What the middle stands for, where there is room to tell them apart. */
        int middle = canvas.height / 2;
        if (canvas.height >= TALL)
            canvas_text_right(canvas, width - 1, middle, ROLE_FAINT,
                              graph->format(buffer, graph->highest - (graph->highest - graph->lowest) * middle /
                                                                         (canvas.height - 1)));
        canvas = canvas_part(canvas, width, 0, canvas.width - width, canvas.height);
    }
    if (canvas.grid->glyphs == GLYPHS_BRAILLE)
        draw_braille(canvas, graph);
    else
        draw_blocks(canvas, graph);
}

void sparkline_draw(struct canvas canvas, int x, int y, int width, const double *values, bool hot)
{
    static const char ascii_steps[] = {'_', '.', '-', '=', '+', '*', '#'};
    double lowest = NAN, highest = NAN;
    find_range(values, (size_t)width, &lowest, &highest);
    if (isnan(highest))
        return;
    double range = highest - lowest;
    /* What stands still is a quiet line at the bottom. */
    bool flat = range <= highest * LEAST_RANGE;
    enum role role = hot ? ROLE_HOT_3 : flat ? ROLE_FAINT : ROLE_GRAPH_2;
    for (int i = 0; i < width; i++) {
        if (isnan(values[i]))
            continue;
        /* Never the full block: the rows of a table would run into each other. */
        int level = flat ? 0 : (int)((values[i] - lowest) / range * 6.999);
        canvas_rune(canvas, x + i, y, role,
                    canvas.grid->glyphs == GLYPHS_ASCII ? (uint32_t)ascii_steps[level] : 0x2581 + (uint32_t)level);
    }
}

void bar_draw(struct canvas canvas, int x, int y, int width, enum role role, double fraction)
{
    if (width <= 0)
        return;
    int halves = fraction > 0 ? (int)lrint((fraction > 1 ? 1 : fraction) * width * 2) : 0;
    if (fraction > 0 && halves < 1)
        halves = 1;
    /* Thin, on a fainter track: full blocks of neighbouring rows would run into one. */
    bool ascii = canvas.grid->glyphs == GLYPHS_ASCII;
    for (int i = 0; i < width; i++) {
        int part = halves - i * 2;
        if (part >= 2)
            canvas_rune(canvas, x + i, y, role, 0x2501);
        else if (part == 1)
            canvas_rune(canvas, x + i, y, role, 0x2578);
        else
            canvas_rune(canvas, x + i, y, ROLE_TRACK, ascii ? ' ' : 0x2500);
    }
}
