/* The scheduler at a glance, and the kernel's threads: what each does for the Go runtime, or waits in. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tui/format.h"
#include "tui/screens/proc_list.h"
#include "tui/screens/thread_group_list.h"
#include "tui/screens/thread_list.h"
#include "tui/session.h"
#include "tui/stack_graph.h"

/* The graph only where enough rows are left for the table. */
#define GRAPH_HEIGHT 18
#define PROCS_BESIDE_WIDTH 110
#define PROC_LINE_WIDTH 46

/* What is listed. */
enum pane { PANE_THREADS, PANE_STACKS, PANE_PROCS, PANES };

struct threads {
    struct list lists[PANES];
    enum pane pane;
};

static struct error *threads_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    static const struct list_ops *const ops[PANES] = {
        [PANE_THREADS] = &thread_list, [PANE_STACKS] = &thread_group_list, [PANE_PROCS] = &proc_list};
    for (int i = 0; i < PANES; i++)
        list_init(&((struct threads *)state)->lists[i], ops[i]);
    return NULL;
}

static void threads_close(void *state)
{
    for (int i = 0; i < PANES; i++)
        list_deinit(&((struct threads *)state)->lists[i]);
}

static struct list *threads_focus(void *state)
{
    struct threads *threads = state;
    return &threads->lists[threads->pane];
}

static struct error *threads_update(struct session *session, void *state)
{
    struct threads *threads = state;
    const struct analysis *analysis = session->model.analysis;
    const struct snapshot *snapshot = analysis ? analysis->snapshot : NULL;
    bool is_set =
        list_set_rows(&threads->lists[PANE_STACKS], &session->model, analysis ? analysis->thread_groups : NULL,
                      analysis ? analysis->num_thread_groups : 0, sizeof(struct thread_group)) &&
        list_set_rows(&threads->lists[PANE_THREADS], &session->model, analysis ? analysis->threads : NULL,
                      analysis ? analysis->num_threads : 0, sizeof(struct thread_row)) &&
        list_set_rows(&threads->lists[PANE_PROCS], &session->model, snapshot ? snapshot->procs : NULL,
                      snapshot ? snapshot->num_procs : 0, sizeof(struct proc));
    return is_set ? NULL : error_no_memory();
}

/* ---- facts ---- */

/* A line of figures and words, as far as there is room. */
struct line {
    struct canvas canvas;
    int x, y;
};

static void add(struct line *line, enum role role, const char *figure, const char *what)
{
    int width = (int)utf8_width(figure) + 1 + (int)utf8_width(what);
    if (line->x + width > line->canvas.width - 1)
        return;
    line->x = canvas_text(line->canvas, line->x, line->y, role, figure);
    line->x = canvas_text(line->canvas, line->x + 1, line->y, ROLE_MUTED, what) + 3;
}

static void add_count(struct line *line, enum role role, int64_t count, const char *what)
{
    char buffer[UNITS_BUFFER];
    if (count > 0)
        add(line, role, units_format_exact(buffer, count), what);
}

static void draw_process_line(const struct model *model, struct line line)
{
    size_t running = 0, sleeping = 0, disk = 0;
    double cpu = 0;
    char buffer[FORMAT_BUFFER];
    for (size_t i = 0; i < model->analysis->num_threads; i++) {
        const struct thread_row *row = &model->analysis->threads[i];
        running += row->thread.state == 'R';
        disk += row->thread.state == 'D';
        sleeping += row->thread.state == 'S' || row->thread.state == 'I';
        cpu += isnan(row->cpu_fraction) ? 0 : row->cpu_fraction;
    }
    add(&line, ROLE_FIGURE, format_counter(buffer, model->shown, COUNTER_THREADS), "threads");
    add_count(&line, ROLE_TEXT, (int64_t)running, "running");
    add_count(&line, ROLE_TEXT, (int64_t)sleeping, "sleeping");
    add_count(&line, ROLE_NOTICE, (int64_t)disk, "waiting for a disk");
    add(&line, ROLE_TEXT, units_format_percent(buffer, cpu), "of one CPU");
}

static void draw_roles_line(const struct scheduler_load *load, struct line line)
{
    static const struct {
        enum thread_role role;
        const char *what;
    } roles[] = {
        {THREAD_RUNS_GO, "run Go"},       {THREAD_SYSTEM_CALL, "in system calls"}, {THREAD_IN_C, "in C code"},
        {THREAD_IDLE, "idle"},            {THREAD_LOCKED_IDLE, "locked and idle"}, {THREAD_SPINS, "looking for work"},
        {THREAD_SCHEDULES, "scheduling"}, {THREAD_FOREIGN, "not Go's"},            {THREAD_RUNTIME, "the runtime's"},
    };
    canvas_text(line.canvas, line.x, line.y, ROLE_MUTED, "of them");
    line.x += 9;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        add_count(&line, ROLE_TEXT, load->threads[roles[i].role], roles[i].what);
    add_count(&line, ROLE_TEXT, load->locked_threads, "with a goroutine locked to them");
}

static void draw_procs_line(const struct model *model, struct line line)
{
    const struct scheduler_load *load = &model->analysis->scheduler;
    char buffer[FORMAT_BUFFER];
    double queued = 0, global = 0, running = 0, idle = 0, calling = 0, stopped = 0;
    counter_value(model->shown, COUNTER_RUN_QUEUE, &queued);
    counter_value(model->shown, COUNTER_GLOBAL_RUN_QUEUE, &global);
    counter_value(model->shown, COUNTER_PROCS_RUNNING, &running);
    counter_value(model->shown, COUNTER_PROCS_IDLE, &idle);
    counter_value(model->shown, COUNTER_PROCS_SYSCALL, &calling);
    counter_value(model->shown, COUNTER_PROCS_STOPPED, &stopped);
    add(&line, ROLE_FIGURE, units_format_exact(buffer, load->procs), load->procs == 1 ? "P" : "Ps");
    add_count(&line, ROLE_TEXT, (int64_t)running, "running");
    add_count(&line, ROLE_TEXT, (int64_t)calling, "in system calls");
    add_count(&line, ROLE_TEXT, (int64_t)idle, "idle");
    add_count(&line, ROLE_NOTICE, (int64_t)stopped, "stopped");
    add(&line, queued + global > 0 ? ROLE_FIGURE : ROLE_TEXT, units_format_exact(buffer, (int64_t)(queued + global)),
        "waiting to run");
    if (load->switches_per_s >= 0)
        add(&line, ROLE_TEXT, units_format_count(buffer, load->switches_per_s), "switches/s");
    if (load->system_calls_per_s >= 0)
        add(&line, ROLE_TEXT, units_format_count(buffer, load->system_calls_per_s), "system calls/s");
}

/* What it means, then the figures; returns the rows taken. */
static int draw_facts(const struct model *model, struct canvas canvas)
{
    const struct scheduler_load *load = &model->analysis->scheduler;
    int y = 0;
    struct text note = {0};
    scheduler_write_note(load, &note);
    if (note.data && !note.failed)
        canvas_text_fit(canvas, 2, y++, canvas.width - 4,
                        load->verdict == SCHEDULER_OVERLOADED ? ROLE_NOTICE : ROLE_TEXT, note.data);
    text_deinit(&note);
    if (load->known)
        draw_procs_line(model, (struct line){canvas, 2, y++});
    draw_process_line(model, (struct line){canvas, 2, y++});
    if (load->roles_known)
        draw_roles_line(load, (struct line){canvas, 2, y++});
    return y;
}

/* ---- goroutines over time ---- */

/* The kinds of one layer, from the bottom: what uses or wants CPU first. */
static const struct {
    const char *name;
    uint32_t kinds;         /* Bits of enum wait_kind. */
} layer_kinds[] = {
    {"running", 1u << WAIT_RUNNING},
    {"runnable", 1u << WAIT_RUNNABLE},
    {"system call", 1u << WAIT_SYSTEM_CALL},
    {"channel", 1u << WAIT_CHAN_SEND | 1u << WAIT_CHAN_RECEIVE | 1u << WAIT_SELECT},
    {"lock", 1u << WAIT_LOCK | 1u << WAIT_SEMAPHORE},
    {"network", 1u << WAIT_NETWORK},
    {"sleep", 1u << WAIT_SLEEP},
    {"other", 1u << WAIT_GC | 1u << WAIT_IDLE | 1u << WAIT_UNKNOWN},
};

static void fill_layer(const struct model *model, struct stack_layer *layer, uint32_t kinds, size_t points)
{
    double column[GRID_MAX_WIDTH];
    /* All of them: the legend may look at more columns than the graph has. */
    for (size_t i = 0; i < GRID_MAX_WIDTH; i++)
        layer->values[i] = NAN;
    layer->now = 0;
    for (unsigned kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        if (!(kinds & 1u << kind))
            continue;
        model_columns(model, history_goroutines_at(model->history, (enum wait_kind)kind), column, points);
        for (size_t i = 0; i < points; i++) {
            if (!isnan(column[i]))
                layer->values[i] = (isnan(layer->values[i]) ? 0 : layer->values[i]) + column[i];
        }
        layer->now += model->analysis->scheduler.goroutines[kind];
    }
}

static char *format_whole(char *buffer, double value)
{
    return units_format_exact(buffer, (int64_t)value);
}

static void draw_goroutines(const struct model *model, struct canvas canvas)
{
    struct stack_layer layers[ARRAY_SIZE(layer_kinds)];
    char buffer[FORMAT_BUFFER], span[UNITS_BUFFER];
    struct canvas inner = canvas_part(canvas, 1, 1, canvas.width - 3, canvas.height - 3);
    canvas_frame(canvas, ROLE_FAINT);
    int x = canvas_text(canvas, 2, 0, ROLE_MUTED, " goroutines ");
    canvas_printf(canvas, x, 0, ROLE_FIGURE, "%s ", format_counter(buffer, model->shown, COUNTER_GOROUTINES));
    for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
        layers[i].name = layer_kinds[i].name;
        fill_layer(model, &layers[i], layer_kinds[i].kinds, stack_graph_points(inner.width));
    }
    stack_graph_draw(inner, layers, ARRAY_SIZE(layers), format_whole);
    /* As wide as what was filled. */
    stack_legend_draw(canvas_part(canvas, 1, canvas.height - 2, inner.width, 1), 1, 0, layers, ARRAY_SIZE(layers),
                      units_format_count);
    canvas_printf(canvas, 2, canvas.height - 1, ROLE_FAINT, " %s ",
                  units_format_duration(span, (double)model_span(model)));
}

/* A line for each P, beside the graph. */
static void draw_procs(const struct model *model, struct canvas canvas)
{
    const struct snapshot *snapshot = model->shown;
    canvas_frame(canvas, ROLE_FAINT);
    canvas_text(canvas, 2, 0, ROLE_MUTED, " Ps and their run queues ");
    int rows = canvas.height - 2;
    uint32_t most = 1;
    for (size_t i = 0; i < snapshot->num_procs; i++)
        most = snapshot->procs[i].queue > most ? snapshot->procs[i].queue : most;
    for (size_t i = 0; i < snapshot->num_procs && (int)i < rows; i++) {
        const struct proc *proc = &snapshot->procs[i];
        int y = 1 + (int)i;
        if ((int)i == rows - 1 && snapshot->num_procs > (size_t)rows) {
            canvas_printf(canvas, 2, y, ROLE_FAINT, "and %zu more: Tab", snapshot->num_procs - i);
            break;
        }
        canvas_printf(canvas, 2, y, ROLE_MUTED, "P%u", proc->id);
        canvas_text(canvas, 7, y, proc->state == PROC_RUNNING ? ROLE_CALM : ROLE_MUTED,
                    proc_state_name((enum proc_state)proc->state));
        char buffer[UNITS_BUFFER];
        canvas_text_right(canvas, 24, y, proc->queue ? ROLE_FIGURE : ROLE_FAINT,
                          units_format_exact(buffer, proc->queue));
        bar_draw(canvas, 26, y, canvas.width - 28, ROLE_GRAPH_3, (double)proc->queue / most);
    }
}

/* ---- the screen ---- */

static void threads_draw(struct session *session, void *state, struct canvas canvas)
{
    struct threads *threads = state;
    const struct model *model = &session->model;
    int y = draw_facts(model, canvas);
    if (model->analysis->scheduler.known && canvas.height >= GRAPH_HEIGHT) {
        int height = canvas.height / 3;
        height = height < 6 ? 6 : height > 14 ? 14 : height;
        bool beside = canvas.width >= PROCS_BESIDE_WIDTH;
        draw_goroutines(model, canvas_part(canvas, 0, y, canvas.width - (beside ? PROC_LINE_WIDTH : 0), height));
        if (beside)
            draw_procs(model, canvas_part(canvas, canvas.width - PROC_LINE_WIDTH, y, PROC_LINE_WIDTH, height));
        y += height;
    }
    struct list *list = threads_focus(threads);
    static const char *const titles[PANES] = {
        [PANE_THREADS] = "Threads", [PANE_STACKS] = "Threads by their stacks", [PANE_PROCS] = "Ps"};
    y += section_draw(canvas, y, titles[threads->pane], list, true);
    struct canvas below = canvas_part(canvas, 0, y, canvas.width, canvas.height - y);
    list_draw(list, below, true);
    if (list->num_all == 0 && threads->pane == PANE_PROCS)
        canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED, "no Go runtime's Ps could be read");
}

static unsigned threads_num_graphs(const struct session *session, const void *state)
{
    (void)state;
    return session->model.analysis->scheduler.known;
}

static void threads_draw_graph(const struct session *session, const void *state, struct canvas canvas, unsigned number)
{
    (void)state, (void)number;
    draw_goroutines(&session->model, canvas);
}

static bool is_offered(const struct session *session, const struct threads *threads, enum pane pane)
{
    if (pane == PANE_STACKS)
        return threads->lists[pane].num_all > 0;
    /* Of a program that is not Go's there are none; in a Go program their absence has a reason, which is shown. */
    return pane != PANE_PROCS || session->model.shown->num_procs > 0 || threads->lists[PANE_STACKS].num_all == 0;
}

static bool threads_offers(const struct session *session, const void *state, enum action action)
{
    const struct threads *threads = state;
    return action != ACTION_NEXT_PANE || is_offered(session, threads, PANE_STACKS) ||
           is_offered(session, threads, PANE_PROCS);
}

static bool threads_act(struct session *session, void *state, enum action action)
{
    struct threads *threads = state;
    const void *row = list_selected(&threads->lists[threads->pane]);
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        do
            threads->pane = (threads->pane + (action == ACTION_NEXT_PANE ? 1 : PANES - 1)) % PANES;
        while (!is_offered(session, threads, threads->pane));
        return true;
    }
    if (action != ACTION_OPEN)
        return false;
    if (row && threads->pane == PANE_PROCS && ((const struct proc *)row)->tid > 0)
        error_destroy(session_open_thread(session, ((const struct proc *)row)->tid));
    else if (row && threads->pane == PANE_PROCS)
        session_say(session, "no thread has P%u now", ((const struct proc *)row)->id);
    else if (row && threads->pane == PANE_THREADS)
        error_destroy(session_open_thread(session, ((const struct thread_row *)row)->thread.tid));
    else if (row)
        error_destroy(session_open_thread(session, ((const struct thread_group *)row)->first_tid));
    return true;
}

static const enum action threads_footer[] = {ACTION_OPEN, ACTION_NEXT_PANE, ACTION_SEARCH, ACTION_FILTER,
                                             ACTION_SORT, ACTION_REVERSE,   ACTION_NONE};

const struct screen_ops threads_screen = {
    .title = "Threads",
    .about = "What each thread does, and for Go what its processors (Ps) are at.",
    .state_size = sizeof(struct threads),
    .footer = threads_footer,
    .open = threads_open,
    .close = threads_close,
    .update = threads_update,
    .draw = threads_draw,
    .num_graphs = threads_num_graphs,
    .draw_graph = threads_draw_graph,
    .focus = threads_focus,
    .act = threads_act,
    .offers = threads_offers,
};
