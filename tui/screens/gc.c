/* Garbage collection: what it is at, pauses and the heap over time, and a row for every cycle. */
#include <math.h>
#include <stdio.h>

#include "tui/cells.h"
#include "tui/graph.h"
#include "tui/list_screen.h"
#include "tui/panel.h"
#include "tui/screens/gc_cycle.h"

/* Graphs only where enough rows are left for the table. */
#define GRAPH_HEIGHT 20

/* ---- the table ---- */

static const struct gc_cycle *cycle_of(const void *row)
{
    return row;
}

static void draw_number(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_FIGURE, units_format_exact(buffer, (int64_t)cycle_of(row)->number));
}

static void draw_when(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    if (cycle_of(row)->times_known)
        cell_left(cell, ROLE_TEXT, format_clock(buffer, cycle_of(row)->end_unix_ns));
    else
        cell_left(cell, ROLE_FAINT, NOT_KNOWN);
}

static void draw_pause(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (cycle_of(row)->times_known)
        cell_right(cell, ROLE_FIGURE, units_format_duration(buffer, (double)cycle_of(row)->pause_ns));
    else
        cell_not_known(cell);
}

static void draw_heap_figure(const struct list_cell *cell, bool known, uint64_t bytes)
{
    cell_bytes(cell, ROLE_TEXT, known ? (double)bytes : NAN);
}

static void draw_before(const struct list_cell *cell, const void *row)
{
    draw_heap_figure(cell, cycle_of(row)->heap_known, cycle_of(row)->heap_before);
}

static void draw_after(const struct list_cell *cell, const void *row)
{
    draw_heap_figure(cell, cycle_of(row)->heap_known, cycle_of(row)->heap_after);
}

static void draw_goal(const struct list_cell *cell, const void *row)
{
    draw_heap_figure(cell, cycle_of(row)->goal_known, cycle_of(row)->heap_goal);
}

static void draw_freed(const struct list_cell *cell, const void *row)
{
    const struct gc_cycle *cycle = cycle_of(row);
    uint64_t peak = cycle->heap_peak > cycle->heap_before ? cycle->heap_peak : cycle->heap_before;
    draw_heap_figure(cell, cycle->heap_known && peak >= cycle->heap_after, peak - cycle->heap_after);
}

static void draw_cause(const struct list_cell *cell, const void *row)
{
    enum gc_cause cause = (enum gc_cause)cycle_of(row)->cause;
    const char *name = gc_cause_name(cause);
    cell_left(cell,
              cause == GC_CAUSE_MEMORY_LIMIT ? ROLE_NOTICE
              : *name                        ? ROLE_TEXT
                                             : ROLE_FAINT,
              *name ? name : NOT_KNOWN);
}

static void draw_mark(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (cycle_of(row)->phases_known)
        cell_right(cell, ROLE_TEXT, units_format_duration(buffer, (double)cycle_of(row)->mark_ns));
    else
        cell_not_known(cell);
}

/* The row before it in the session, or NULL. */
static const struct gc_cycle *previous_cycle(const struct model *model, const struct gc_cycle *cycle)
{
    size_t count;
    const struct gc_cycle *cycles = model_cycles(model, &count);
    return cycle > cycles && cycle < cycles + count ? cycle - 1 : NULL;
}

static void draw_cpu_share(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    double share = gc_cycle_cpu_share(cycle_of(row), previous_cycle(cell->context, row));
    if (isnan(share))
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_TEXT, units_format_percent(buffer, share));
}

/* What survived, of what was there: a leak shows as bars that get longer. */
static void draw_survived(const struct list_cell *cell, const void *row)
{
    const struct gc_cycle *cycle = cycle_of(row);
    uint64_t peak = cycle->heap_peak > cycle->heap_before ? cycle->heap_peak : cycle->heap_before;
    if (!cycle->heap_known || peak == 0)
        return;
    char buffer[UNITS_BUFFER];
    double fraction = (double)cycle->heap_after / (double)peak;
    canvas_text_right(cell->canvas, 4, 0, ROLE_MUTED, units_format_percent(buffer, fraction));
    bar_draw(cell->canvas, 5, 0, cell->canvas.width - 5, ROLE_GRAPH_3, fraction);
}

DEFINE_COMPARE(compare_number, struct gc_cycle, number)
DEFINE_COMPARE(compare_pause, struct gc_cycle, pause_ns)
DEFINE_COMPARE(compare_cause, struct gc_cycle, cause)
DEFINE_COMPARE(compare_mark, struct gc_cycle, mark_ns)
DEFINE_COMPARE(compare_before, struct gc_cycle, heap_before)
DEFINE_COMPARE(compare_after, struct gc_cycle, heap_after)
DEFINE_COMPARE(compare_goal, struct gc_cycle, heap_goal)

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return cycle_of(row)->number;
}

static const char *text_of_cycle(const void *context, const void *row, char *buffer)
{
    (void)context;
    char when[FORMAT_BUFFER];
    snprintf(buffer, LIST_TEXT, "%llu %s %s", (unsigned long long)cycle_of(row)->number,
             gc_cause_name((enum gc_cause)cycle_of(row)->cause),
             cycle_of(row)->times_known ? format_clock(when, cycle_of(row)->end_unix_ns) : "");
    return buffer;
}

static const struct column columns[] = {
    {.title = "cycle", .width = 8, .right = true, .draw = draw_number, .compare = compare_number},
    {.title = "ended", .width = 8, .draw = draw_when},
    {.title = "cause", .width = 12, .ascending = true, .draw = draw_cause, .compare = compare_cause,
     .help = "heap goal (GOGC), memory limit (GOMEMLIMIT), forced (runtime.GC), or periodic (two minutes)"},
    {.title = "mark", .width = 9, .priority = 5, .right = true, .draw = draw_mark, .compare = compare_mark,
     .help = "how long it marked, beside the program"},
    {.title = "CPU", .width = 5, .priority = 6, .right = true, .draw = draw_cpu_share,
     .help = "of GOMAXPROCS since the cycle before, what idle Ps gave left out"},
    {.title = "pause", .width = 9, .right = true, .draw = draw_pause, .compare = compare_pause,
     .help = "how long the whole program stood still"},
    {.title = "heap before", .width = 11, .priority = 1, .right = true, .draw = draw_before, .compare = compare_before,
     .help = "when the cycle began"},
    {.title = "freed", .width = 9, .priority = 3, .right = true, .draw = draw_freed},
    {.title = "heap after", .width = 10, .right = true, .draw = draw_after, .compare = compare_after,
     .help = "what the cycle found alive"},
    {.title = "goal", .width = 9, .priority = 2, .right = true, .draw = draw_goal, .compare = compare_goal,
     .help = "where the cycle was to end, by GOGC and GOMEMLIMIT"},
    {.title = "survived", .width = 25, .stretch = 70, .priority = 4, .draw = draw_survived,
     .help = "of the heap before: longer bars mean less garbage"},
};

static const struct list_ops cycle_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_cycle,
};

/* ---- the graphs ---- */

static void describe_heap(const struct model *model, struct panel *panel)
{
    char buffer[FORMAT_BUFFER];
    *panel = (struct panel){.title = "heap",
                            .format = units_format_bytes,
                            .from_zero = true,
                            .series = history_counter(model->history, COUNTER_HEAP_LIVE),
                            .line = history_counter(model->history, COUNTER_HEAP_GOAL)};
    const struct counter *counter = &model->shown->counters[COUNTER_HEAP_LIVE];
    snprintf(panel->figure, sizeof(panel->figure), "%s", format_counter(buffer, model->shown, COUNTER_HEAP_LIVE));
    if (!counter_known(counter))
        panel->missing = counter->reason ? counter->reason : "not read";
    panel->verdict = model->analysis->heap.verdict;
    if (panel->verdict == GROWTH_GROWING || panel->verdict == GROWTH_SHRINKING)
        format_growth_bytes(panel->change, model->analysis->heap.per_second);
    snprintf(panel->note, sizeof(panel->note), "goal %s", format_counter(buffer, model->shown, COUNTER_HEAP_GOAL));
}

static void describe_pauses(const struct model *model, struct panel *panel)
{
    char buffer[UNITS_BUFFER], other[UNITS_BUFFER];
    const struct analysis *analysis = model->analysis;
    const struct counter *counter = &model->shown->counters[COUNTER_NUM_GC];
    *panel = (struct panel){.title = "pauses", .format = units_format_duration, .from_zero = true, .pauses = true};
    if (!counter_known(counter))
        panel->missing = counter->reason ? counter->reason : "not read";
    if (isnan(analysis->gc.pause_p99_ns)) {
        snprintf(panel->figure, sizeof(panel->figure), NOT_KNOWN);
        return;
    }
    snprintf(panel->figure, sizeof(panel->figure), "p99 %s", units_format_duration(buffer, analysis->gc.pause_p99_ns));
    snprintf(panel->note, sizeof(panel->note), "longest %s", units_format_duration(other, analysis->gc.pause_max_ns));
}

/* How many pauses of each length: bars from the shortest to the longest that there were. */
static void draw_distribution(const struct gc_activity *activity, struct canvas canvas)
{
    char buffer[UNITS_BUFFER];
    canvas_frame(canvas, ROLE_FAINT);
    canvas_text(canvas, 2, 0, ROLE_MUTED, " pauses by length ");
    unsigned first = GC_PAUSE_CLASSES, last = 0;
    uint32_t most = 1;
    for (unsigned i = 0; i < GC_PAUSE_CLASSES; i++) {
        if (activity->pauses[i] == 0)
            continue;
        first = i < first ? i : first;
        last = i;
        most = activity->pauses[i] > most ? activity->pauses[i] : most;
    }
    int rows = canvas.height - 2, classes = first <= last ? (int)(last - first) + 1 : 0;
    /* Where there are more classes than rows, several share one. */
    int each = rows > 0 ? (classes + rows - 1) / rows : 0;
    for (int y = 0; each > 0 && y * each < classes; y++) {
        uint32_t count = 0;
        unsigned end = first + (unsigned)(y * each);
        for (int i = 0; i < each && y * each + i < classes; i++)
            count += activity->pauses[end = first + (unsigned)(y * each + i)];
        if (isinf(gc_pause_class_end(end)))
            canvas_text_right(canvas, 11, y + 1, ROLE_MUTED, "longer");
        else
            canvas_text_right(canvas, 11, y + 1, ROLE_MUTED, units_format_duration(buffer, gc_pause_class_end(end)));
        canvas_text_right(canvas, 18, y + 1, count ? ROLE_FIGURE : ROLE_FAINT, units_format_exact(buffer, count));
        bar_draw(canvas, 20, y + 1, canvas.width - 22, ROLE_GRAPH_3, (double)count / most);
    }
}

/* ---- the screen ---- */

static struct error *gc_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    list_init(&((struct list_screen *)state)->list, &cycle_list);
    return NULL;
}

static struct error *gc_update(struct session *session, void *state)
{
    size_t count;
    const struct gc_cycle *cycles = model_cycles(&session->model, &count);
    return list_screen_set(session, state, cycles, count, sizeof(*cycles));
}

/* What it is at of late, in a sentence; 0 or 1 rows. */
static int draw_activity(const struct model *model, struct canvas canvas, int y)
{
    const struct gc_activity *activity = &model->analysis->gc;
    struct text text = {0};
    gc_activity_write_note(activity, &text);
    bool has_text = text.data && !text.failed && text.length > 0;
    if (has_text)
        canvas_text_fit(canvas, 2, y, canvas.width - 4, activity->thrashing ? ROLE_GROWING : ROLE_TEXT, text.data);
    text_deinit(&text);
    return has_text;
}

static int draw_facts(const struct model *model, struct canvas canvas)
{
    static const struct {
        const char *label;
        enum counter_id id;
    } facts[] = {{"cycles", COUNTER_NUM_GC},
                 {"forced", COUNTER_NUM_FORCED_GC},
                 {"paused in all", COUNTER_PAUSE_TOTAL},
                 {"GC CPU", COUNTER_GC_CPU_FRACTION},
                 {"GOGC", COUNTER_GOGC},
                 {"GOMEMLIMIT", COUNTER_MEMORY_LIMIT}};
    int x = 2;
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        char buffer[FORMAT_BUFFER];
        const char *figure = format_counter(buffer, model->shown, facts[i].id);
        const struct counter *counter = &model->shown->counters[facts[i].id];
        if (facts[i].id == COUNTER_MEMORY_LIMIT && counter_known(counter) && counter->value.integer == INT64_MAX)
            figure = "none";
        int width = (int)utf8_width(facts[i].label) + 1 + (int)utf8_width(figure);
        if (x + width > canvas.width - 1)
            break;
        x = canvas_text(canvas, x, 0, ROLE_MUTED, facts[i].label);
        x = canvas_text(canvas, x + 1, 0, counter_known(counter) ? ROLE_FIGURE : ROLE_FAINT, figure) + 3;
    }
    return 1;
}

static void (*const graphs[])(const struct model *model, struct panel *panel) = {describe_heap, describe_pauses};

static unsigned gc_num_graphs(const struct session *session, const void *state)
{
    (void)state;
    return session->model.analysis && analysis_is_go(session->model.analysis) ? ARRAY_SIZE(graphs) : 0;
}

static void gc_draw_graph(const struct session *session, const void *state, struct canvas canvas, unsigned number)
{
    struct panel panel;
    (void)state;
    graphs[number](&session->model, &panel);
    panel_draw(canvas, &session->model, &panel);
}

static void gc_draw(struct session *session, void *state, struct canvas canvas)
{
    struct list_screen *screen = state;
    const struct model *model = &session->model;
    if (!analysis_is_go(model->analysis)) {
        canvas_text_wrap(canvas, 2, 1, canvas.width - 4, canvas.height - 1, ROLE_MUTED,
                         model->analysis->managed.kind == MANAGED_NONE
                             ? "Not a Go program: it has no garbage collector that is read."
                             : "Cycles are listed of Go programs. How often this one collects, and what comes of it, "
                               "is on screen 1.");
        return;
    }
    int y = draw_activity(model, canvas, 0);
    y += draw_facts(model, canvas_part(canvas, 0, y, canvas.width, 1));
    if (canvas.height >= GRAPH_HEIGHT) {
        struct panel panel;
        int height = canvas.height / 3, panels = canvas.width >= 130 ? 3 : canvas.width >= 100 ? 2 : 1;
        height = height < 5 ? 5 : height > 12 ? 12 : height;
        int width = canvas.width / panels;
        describe_heap(model, &panel);
        panel_draw(canvas_part(canvas, 0, y, width, height), model, &panel);
        describe_pauses(model, &panel);
        if (panels > 1)
            panel_draw(canvas_part(canvas, width, y, width, height), model, &panel);
        if (panels > 2)
            draw_distribution(&model->analysis->gc,
                              canvas_part(canvas, 2 * width, y, canvas.width - 2 * width, height));
        y += height;
    }
    y += section_draw(canvas, y, "Cycles", &screen->list, true);
    struct canvas below = canvas_part(canvas, 0, y, canvas.width, canvas.height - y);
    list_draw(&screen->list, below, true);
    const struct counter *counter = &model->shown->counters[COUNTER_NUM_GC];
    if (screen->list.num_all == 0)
        canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED,
                        counter_known(counter) ? "no cycle seen yet" : counter->reason ? counter->reason : "not read");
}

static bool gc_act(struct session *session, void *state, enum action action)
{
    if (action != ACTION_OPEN)
        return false;
    const struct gc_cycle *cycle = list_selected(&((struct list_screen *)state)->list);
    if (cycle) {
        struct cycle_argument argument = {
            .cycle = *cycle, .cpu_share = gc_cycle_cpu_share(cycle, previous_cycle(&session->model, cycle))};
        error_destroy(session_push(session, &gc_cycle_screen, &argument));
    }
    return true;
}

static const enum action gc_footer[] = {ACTION_OPEN,    ACTION_SEARCH,       ACTION_SORT,
                                        ACTION_REVERSE, ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER,
                                        ACTION_NONE};

const struct screen_ops gc_screen = {
    .title = "GC",
    .about = "How often the garbage collector runs, for how long it pauses, what it frees.",
    .state_size = sizeof(struct list_screen),
    .footer = gc_footer,
    .open = gc_open,
    .close = list_screen_close,
    .update = gc_update,
    .draw = gc_draw,
    .num_graphs = gc_num_graphs,
    .draw_graph = gc_draw_graph,
    .focus = list_screen_focus,
    .act = gc_act,
};
