#include "tui/panel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_TITLE 10
#define LINE_FIGURE 9
/* Narrower sparklines are not worth their place; a note gives way to one of this width. */
#define LINE_LEAST_TREND 4
#define LINE_GOOD_TREND 8
/* Rows from which a panel is tall. */
#define TALL 12

/* "▲ +3.1 MB/s" from column x; returns the column behind it. */
static int draw_change(struct canvas canvas, int x, int y, const struct panel *panel)
{
    enum role role = verdict_role(panel->verdict);
    canvas_rune(canvas, x, y, role, verdict_mark(panel->verdict));
    canvas_rune(canvas, x + 1, y, role, ' ');
    return canvas_text(canvas, x + 2, y, role, panel->change);
}

static void draw_edge(struct canvas canvas, const struct model *model, const struct panel *panel)
{
    canvas_frame(canvas, ROLE_FAINT);
    int x = canvas_printf(canvas, 2, 0, ROLE_MUTED, " %s ", panel->title);
    const char *figure = panel->missing ? NOT_KNOWN : panel->figure;
    if (figure[0])
        x = canvas_printf(canvas, x, 0, panel->missing ? ROLE_FAINT : ROLE_FIGURE, "%s ", figure);
    if (panel->change[0]) {
        canvas_text(canvas, x, 0, ROLE_TEXT, " ");
        x = draw_change(canvas, x + 1, 0, panel);
        x = canvas_text(canvas, x, 0, ROLE_TEXT, " ");
    }
    int note = (int)utf8_width(panel->note);
    if (note > 0 && x + note + 5 <= canvas.width)
        canvas_printf(canvas, canvas.width - 4 - note, 0, ROLE_MUTED, " %s ", panel->note);
    char span[UNITS_BUFFER];
    units_format_duration(span, (double)(panel->pauses ? model_cycle_span(model) : model_span(model)));
    canvas_printf(canvas, 2, canvas.height - 1, ROLE_FAINT, " %s ", span);
}

/* " least 1.2 MB · most 3.4 MB " on the lower edge. */
static void draw_range(struct canvas canvas, const struct panel *panel, const double *values, size_t count)
{
    char least[UNITS_BUFFER], most[UNITS_BUFFER];
    double lowest = NAN, highest = NAN;
    for (size_t i = 0; i < count; i++) {
        lowest = fmin(lowest, values[i]);
        highest = fmax(highest, values[i]);
    }
    char range[FORMAT_BUFFER];
    snprintf(range, sizeof(range), " least %s \xc2\xb7 most %s ", panel->format(least, lowest),
             panel->format(most, highest));
    canvas_text_right(canvas, canvas.width - 2, canvas.height - 1, ROLE_MUTED, range);
}

static void fill(const struct model *model, const struct panel *panel, double *values, size_t count)
{
    if (panel->pauses)
        model_pause_columns(model, values, count);
    else
        model_columns(model, panel->series, values, count);
}

void panel_draw(struct canvas canvas, const struct model *model, const struct panel *panel)
{
    if (canvas.height < PANEL_LEAST_HEIGHT || canvas.width < 20)
        return;
    draw_edge(canvas, model, panel);
    struct canvas inner = canvas_part(canvas, 1, 1, canvas.width - 3, canvas.height - 2);
    if (panel->missing) {
        canvas_text_fit(inner, 2, inner.height / 2, inner.width - 4, ROLE_MUTED, panel->missing);
        return;
    }
    double values[GRAPH_MAX_POINTS], line[GRAPH_MAX_POINTS];
    size_t count = graph_points(inner.grid, inner.width - GRAPH_SCALE_WIDTH);
    fill(model, panel, values, count);
    if (panel->line)
        model_columns(model, panel->line, line, count);
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        known += !isnan(values[i]);
    if (known == 0) {
        canvas_text_fit(inner, 2, inner.height / 2, inner.width - 4, ROLE_FAINT,
                        panel->pauses ? "no cycle in this time" : "no values yet");
        return;
    }
    struct graph graph = {.values = values,
                          .line = panel->line ? line : NULL,
                          .hot = panel->verdict == GROWTH_GROWING,
                          .format = panel->format,
                          .from_zero = panel->from_zero};
    graph_fit(&graph, count);
    graph_draw(inner, &graph);
    if (canvas.height >= TALL)
        draw_range(canvas, panel, values, count);
}

void panel_draw_line(struct canvas canvas, const struct model *model, const struct panel *panel)
{
    const char *figure = panel->missing ? NOT_KNOWN : panel->figure;
    int x = canvas_text(canvas, 0, 0, ROLE_MUTED, panel->title) + 1 + (int)utf8_width(figure);
    /* Both as long as can be: the figure goes further, not into the title. */
    if (x < LINE_TITLE + LINE_FIGURE)
        x = LINE_TITLE + LINE_FIGURE;
    canvas_text_right(canvas, x, 0, panel->missing ? ROLE_FAINT : ROLE_FIGURE, figure);
    x++;
    if (panel->missing) {
        canvas_text_fit(canvas, x, 0, canvas.width - x, ROLE_FAINT, panel->missing);
        return;
    }
    int room = canvas.width - x, change = panel->change[0] ? (int)utf8_width(panel->change) + 2 : 0;
    int note = change || !panel->note[0] ? 0 : (int)utf8_width(panel->note);
    if (note > 0 && room - note - 2 < LINE_GOOD_TREND)
        note = 0;
    int width = room - (change + note > 0 ? change + note + 2 : 0);
    if (change > 0 && width < LINE_LEAST_TREND + 1)
        width++;
    if (width >= LINE_LEAST_TREND) {
        double values[GRAPH_MAX_POINTS];
        fill(model, panel, values, (size_t)width);
        sparkline_draw(canvas, x, 0, width, values, panel->verdict == GROWTH_GROWING);
    }
    if (change > 0)
        draw_change(canvas, canvas.width - change, 0, panel);
    if (note > 0)
        canvas_text_right(canvas, canvas.width, 0, ROLE_MUTED, panel->note);
}
