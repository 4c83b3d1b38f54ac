#include "tui/time_line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/session.h"

/* Figures are named at the left. */
#define LABEL_WIDTH 20
/* "15:04:05" */
#define CLOCK_WIDTH 8
/* From this height of the screen on there are three figures, below one. */
#define TALL_SCREEN 30
/* More cycles than every third column would be a fence. */
#define CYCLE_PARTS 3

static const struct {
    const char *label;
    char *(*format)(char *buffer, double value);
    enum counter_id counter;
} figures[STRIP_FIGURES] = {
    [STRIP_RSS] = {"RSS", units_format_bytes, COUNTER_RSS},
    [STRIP_HEAP] = {"heap live", units_format_bytes, COUNTER_HEAP_LIVE},
    [STRIP_GOROUTINES] = {"goroutines", units_format_count, COUNTER_GOROUTINES},
};

/* What no sample had of this program, a heap or goroutines, takes no row. */
static bool is_drawn(const struct session *session, int figure)
{
    return figure == STRIP_RSS || !isnan(session->model.strip.now[figure]);
}

int time_line_height(const struct session *session, int screen_height)
{
    if (!session->is_time_line_shown || session->model.strip.first_unix_ns == 0)
        return 0;
    int height = 1;
    for (int figure = 0; figure < STRIP_FIGURES; figure++)
        height += is_drawn(session, figure);
    return screen_height < TALL_SCREEN ? 2 : height;
}

/* What the whole width stands for. */
static void time_range(const struct session *session, uint64_t *ret_from, uint64_t *ret_to)
{
    const struct playback *playback = &session->playback;
    const struct strip *strip = &session->model.strip;
    *ret_from = playback->is_on ? playback->timeline.first_unix_ns : strip->first_unix_ns;
    *ret_to = playback->is_on ? playback->timeline.last_unix_ns : strip->last_unix_ns;
    /* One sample alone still has a width. */
    if (*ret_to <= *ret_from)
        *ret_to = *ret_from + 1;
}

static int column_of(uint64_t unix_ns, uint64_t from, uint64_t to, int width)
{
    if (unix_ns <= from)
        return 0;
    int column = (int)((double)(unix_ns - from) / (double)(to - from) * width);
    return column < width ? column : width - 1;
}

static void draw_figure(const struct session *session, struct canvas canvas, int y, enum strip_figure figure)
{
    char buffer[UNITS_BUFFER];
    double columns[GRID_MAX_WIDTH], value;
    uint64_t from, to;
    int width = canvas.width - LABEL_WIDTH - 1;
    time_range(session, &from, &to);
    canvas_text(canvas, 1, y, ROLE_MUTED, figures[figure].label);
    if (session->model.shown && counter_value(session->model.shown, figures[figure].counter, &value))
        canvas_text_right(canvas, LABEL_WIDTH - 1, y, ROLE_FIGURE, figures[figure].format(buffer, value));
    strip_columns(&session->model.strip, figure, from, to, columns, (size_t)width);
    sparkline_draw(canvas, LABEL_WIDTH, y, width, columns, false);
}

static void draw_cycles(const struct session *session, struct canvas axis, uint64_t from, uint64_t to)
{
    bool has[GRID_MAX_WIDTH];
    int count = 0;
    double width = (double)(to - from) / axis.width;
    for (int x = 0; x < axis.width; x++) {
        has[x] = strip_cycles(&session->model.strip, from + (uint64_t)(width * x),
                              from + (uint64_t)(width * (x + 1))) > 0;
        count += has[x];
    }
    for (int x = 0; x < axis.width && count <= axis.width / CYCLE_PARTS; x++)
        if (has[x])
            canvas_rune(axis, x, 0, ROLE_FAINT, 0x2534);
}

static void draw_gaps(const struct session *session, struct canvas axis, uint64_t from, uint64_t to)
{
    const struct timeline *timeline = &session->playback.timeline;
    for (size_t i = 0; i < timeline->num_gaps; i++) {
        int first = column_of(timeline->gaps[i].from_unix_ns, from, to, axis.width);
        int last = column_of(timeline->gaps[i].to_unix_ns, from, to, axis.width);
        for (int x = first; x <= last; x++)
            canvas_rune(axis, x, 0, ROLE_NOTICE, 0x254c);
    }
}

/* "call site grows"; a newer heaptop may suspect what this one has no words for. */
static const char *suspect_label(const struct timeline_suspect *suspect)
{
    for (int kind = 0; kind < SUSPECT_KIND_COUNT; kind++)
        if (strcmp(suspect_kind_infos[kind].name, suspect->kind) == 0)
            return suspect_kind_infos[kind].label;
    return suspect->kind;
}

/* A heavier line for as long as anything was suspected, and at its left what it was, as far as there is room before the
 * next. */
static void draw_suspects(const struct session *session, struct canvas axis, uint64_t from, uint64_t to, int limit)
{
    const struct timeline *timeline = &session->playback.timeline;
    for (size_t i = 0; i < timeline->num_suspects; i++) {
        int last = column_of(timeline->suspects[i].to_unix_ns, from, to, axis.width);
        for (int x = column_of(timeline->suspects[i].from_unix_ns, from, to, axis.width); x <= last; x++)
            canvas_rune(axis, x, 0, ROLE_NOTICE, 0x2501);
    }
    int end = limit;
    for (size_t i = timeline->num_suspects; i > 0; i--) {
        int x = column_of(timeline->suspects[i - 1].from_unix_ns, from, to, axis.width);
        if (end - x > 3)
            canvas_text_fit(axis, x + 1, 0, end - x - 2, ROLE_GROWING, suspect_label(&timeline->suspects[i - 1]));
        canvas_rune(axis, x, 0, ROLE_GROWING, 0x25b2);
        end = x;
    }
}

/* As much of each text as there is room for before the next. */
static void draw_marks(const struct session *session, struct canvas axis, uint64_t from, uint64_t to, int limit)
{
    const struct timeline *timeline = &session->playback.timeline;
    for (size_t i = timeline->num_marks; i > 0; i--) {
        const struct timeline_mark *mark = &timeline->marks[i - 1];
        int x = column_of(mark->unix_ns, from, to, axis.width), end = limit;
        if (i < timeline->num_marks)
            end = column_of(timeline->marks[i].unix_ns, from, to, axis.width);
        if (end - x > 3)
            canvas_text_fit(axis, x + 1, 0, end - x - 2, ROLE_NOTICE, mark->text);
        canvas_rune(axis, x, 0, ROLE_NOTICE, 0x25bc);
    }
}

static void draw_span(const struct session *session, struct canvas canvas, struct canvas axis, uint64_t from,
                      uint64_t to)
{
    const struct model *model = &session->model;
    struct chosen_span span;
    if (model_span_chosen(model, &span)) {
        int start = column_of(span.start->unix_ns, from, to, axis.width);
        int end = column_of(span.end->unix_ns, from, to, axis.width);
        for (int y = 0; y < canvas.height; y++)
            canvas_ground(canvas, LABEL_WIDTH + start, y, end - start + 1, GROUND_SELECTED);
    }
    if (model->span_start)
        canvas_rune(axis, column_of(model->span_start->unix_ns, from, to, axis.width), 0, ROLE_STRONG, '(');
    if (model->span_end)
        canvas_rune(axis, column_of(model->span_end->unix_ns, from, to, axis.width), 0, ROLE_STRONG, ')');
}

/* Where the view stands, and how it moves. */
static void draw_clock(const struct session *session, struct canvas canvas, int y)
{
    const struct playback *playback = &session->playback;
    char clock[FORMAT_BUFFER];
    if (!session->model.shown)
        return;
    bool moves = playback->is_on ? playback->is_playing : !session->model.paused;
    canvas_rune(canvas, 1, y, ROLE_STRONG, moves ? 0x25b6 : 0x2016);
    int x = canvas_text(canvas, 3, y, ROLE_FIGURE, format_clock(clock, session->model.shown->unix_ns));
    if (playback->is_on && (playback->speed > 0 || playback->is_playing))
        canvas_printf(canvas, x + 1, y, ROLE_MUTED, "%gx", playback_speed(playback));
}

/* The ends are named where nothing would stand on their names: the first and the last column that something has. */
static void find_free_ends(const struct session *session, int width, int here, int *ret_first, int *ret_last)
{
    uint64_t from, to;
    int first = here < 0 ? width : here, last = here;
    const struct timeline *timeline = &session->playback.timeline;
    const uint64_t edges[] = {session->model.span_start ? session->model.span_start->unix_ns : 0,
                              session->model.span_end ? session->model.span_end->unix_ns : 0,
                              timeline->num_marks ? timeline->marks[0].unix_ns : 0,
                              timeline->num_marks ? timeline->marks[timeline->num_marks - 1].unix_ns : 0,
                              timeline->num_suspects ? timeline->suspects[0].from_unix_ns : 0,
                              timeline->num_suspects ? timeline->suspects[timeline->num_suspects - 1].from_unix_ns : 0};
    time_range(session, &from, &to);
    for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
        int edge = edges[i] ? column_of(edges[i], from, to, width) : here;
        first = edge >= 0 && edge < first ? edge : first;
        last = edge > last ? edge : last;
    }
    *ret_first = first;
    *ret_last = last;
}

static void draw_axis(const struct session *session, struct canvas canvas, int y)
{
    uint64_t from, to;
    char clock[FORMAT_BUFFER];
    struct canvas axis = canvas_part(canvas, LABEL_WIDTH, y, canvas.width - LABEL_WIDTH - 1, 1);
    time_range(session, &from, &to);
    canvas_rule(axis, 0, 0, axis.width, ROLE_FAINT);
    draw_cycles(session, axis, from, to);
    int here = session->model.shown ? column_of(session->model.shown->unix_ns, from, to, axis.width) : -1;
    draw_gaps(session, axis, from, to);
    int first, last;
    find_free_ends(session, axis.width, here, &first, &last);
    if (first > CLOCK_WIDTH)
        canvas_text(axis, 0, 0, ROLE_MUTED, format_clock(clock, from));
    bool has_end = last < axis.width - 1 - CLOCK_WIDTH;
    if (has_end)
        canvas_text_right(axis, axis.width, 0, ROLE_MUTED, format_clock(clock, to));
    int limit = has_end ? axis.width - CLOCK_WIDTH : axis.width;
    draw_suspects(session, axis, from, to, limit);
    draw_marks(session, axis, from, to, limit);
    draw_span(session, canvas, axis, from, to);
    draw_clock(session, canvas, y);
    if (here < 0)
        return;
    for (int row = 0; row < y; row++)
        canvas_ground(canvas, LABEL_WIDTH + here, row, 1, GROUND_CURSOR);
    canvas_rune(axis, here, 0, ROLE_STRONG, 0x25cf);
}

void time_line_draw(struct session *session, struct canvas canvas)
{
    int y = 0;
    session->time_line_y = canvas.y;
    session->time_line_height = canvas.height;
    for (int figure = 0; figure < STRIP_FIGURES && y + 1 < canvas.height; figure++)
        if (is_drawn(session, figure))
            draw_figure(session, canvas, y++, (enum strip_figure)figure);
    draw_axis(session, canvas, y);
}

bool time_line_moment_at(const struct session *session, int x, int y, uint64_t *ret_unix_ns)
{
    uint64_t from, to;
    int width = session->grid.width - LABEL_WIDTH - 1;
    if (session->time_line_height == 0 || y < session->time_line_y ||
        y >= session->time_line_y + session->time_line_height || x < LABEL_WIDTH || x >= LABEL_WIDTH + width)
        return false;
    time_range(session, &from, &to);
    /* The first and the last column are the ends. */
    double part = width > 1 ? (double)(x - LABEL_WIDTH) / (width - 1) : 1;
    *ret_unix_ns = from + (uint64_t)(part * (double)(to - from));
    return true;
}
