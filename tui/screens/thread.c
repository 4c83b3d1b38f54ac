/* One thread: what it is at and since when, and its stack with the source. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/screens/stack_view.h"
#include "tui/screens/thread_list.h"
#include "tui/session.h"

#define LABEL_WIDTH 11
/* Of less rows the stack needs all that can be had. */
#define LOW_HEIGHT 12

struct single {
    pid_t tid;
    const struct thread_row *row;       /* Of the analysis on view; NULL when it has ended. */
    const struct thread_group *group;   /* Of its stack; NULL where it has none. */
    struct stack_view view;
};

static struct error *thread_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct single *single = state;
    single->tid = *(const pid_t *)argument;
    stack_view_init(&single->view);
    return NULL;
}

static void thread_close(void *state)
{
    stack_view_deinit(&((struct single *)state)->view);
}

static struct error *thread_update(struct session *session, void *state)
{
    struct single *single = state;
    const struct analysis *analysis = session->model.analysis;
    single->row = NULL;
    single->group = NULL;
    for (size_t i = 0; analysis && i < analysis->num_threads && !single->row; i++) {
        if (analysis->threads[i].thread.tid == single->tid)
            single->row = &analysis->threads[i];
    }
    for (size_t i = 0; single->row && i < analysis->num_thread_groups && !single->group; i++) {
        if (analysis->thread_groups[i].stack == single->row->thread.stack)
            single->group = &analysis->thread_groups[i];
    }
    stack_id stack = single->row ? single->row->thread.stack : 0;
    return stack_view_set(&single->view, session, stack) ? NULL : error_no_memory();
}

/* ---- drawing ---- */

static int draw_fact(struct canvas canvas, int y, const char *label, const char *figure, const char *note)
{
    canvas_text(canvas, 2, y, ROLE_MUTED, label);
    int x = canvas_text(canvas, 2 + LABEL_WIDTH, y, ROLE_FIGURE, figure);
    int lines = canvas.height < LOW_HEIGHT ? 1 : 2;
    int below = canvas_text_wrap(canvas, x + 2, y, canvas.width - x - 3, lines, ROLE_MUTED, note);
    return below > y ? below : y + 1;
}

static int draw_facts(const struct single *single, const struct catalog *catalog, struct canvas canvas)
{
    const struct thread *thread = &single->row->thread;
    char figure[FORMAT_BUFFER], note[2 * FORMAT_BUFFER + 64], percent[UNITS_BUFFER], time[UNITS_BUFFER];
    const char *call = catalog_string(catalog, thread->system_call);
    const char *kernel = catalog_string(catalog, thread->wait_channel);
    snprintf(note, sizeof(note), "%s%.80s%s%.80s", call[0] ? "in " : "", call, kernel[0] ? ", in the kernel's " : "",
             kernel);
    int y = draw_fact(canvas, 0, "state", thread_state_name(thread->state), note);
    snprintf(figure, sizeof(figure), "%s",
             isnan(single->row->cpu_fraction) ? NOT_KNOWN : units_format_percent(percent, single->row->cpu_fraction));
    snprintf(note, sizeof(note), "of one, %s since it started, last on number %d",
             units_format_duration(time, (double)thread->cpu_ns), thread->processor);
    y = draw_fact(canvas, y, "CPU", figure, note);
    if (!single->group)
        return y;
    static const char *const qualities[] = {
        [STACK_WHOLE] = "known up to where the thread began",
        [STACK_DEDUCED] = "known up to where the thread began; where one of its frames lies was found by searching",
        [STACK_CUT] = "not known up to where the thread began: that would take a stop"};
    snprintf(figure, sizeof(figure), "%u frames", catalog_stack(catalog, thread->stack).depth);
    y = draw_fact(canvas, y, "stack", figure, qualities[thread->stack_quality]);
    if (single->group->count > 1) {
        char count[UNITS_BUFFER];
        snprintf(figure, sizeof(figure), "%s more", units_format_exact(count, single->group->count - 1));
        y = draw_fact(canvas, y, "threads", figure, "with the same stack");
    }
    return y;
}

static void thread_draw(struct session *session, void *state, struct canvas canvas)
{
    struct single *single = state;
    if (!single->row) {
        canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED, "this thread has ended");
        return;
    }
    int y = draw_facts(single, session->model.shown->catalog, canvas);
    struct canvas below = canvas_part(canvas, 0, y, canvas.width, canvas.height - y);
    if (single->view.rows.count > 0) {
        stack_view_draw(&single->view, session, below, true);
        return;
    }
    section_draw(below, 0, "Stack", NULL, true);
    canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED,
                    single->row->thread.state == 'R' ? "no stack: it runs, and is not stopped to be looked at"
                                                     : "no stack was read");
}

static struct list *thread_focus(void *state)
{
    return &((struct single *)state)->view.frames;
}

static bool thread_act(struct session *session, void *state, enum action action)
{
    return stack_view_act(&((struct single *)state)->view, session, action);
}

static void thread_describe(const struct session *session, const void *state, struct text *text)
{
    const struct single *single = state;
    const char *name =
        single->row ? catalog_string(session->model.shown->catalog, single->row->thread.name) : "";
    text_printf(text, "thread %d %s", (int)single->tid, name);
}

static const enum action thread_footer[] = {ACTION_BACK, ACTION_OPEN, ACTION_SEARCH, ACTION_NONE};

static const struct screen_ops thread_screen = {
    .title = "Thread",
    .about = "One thread: what it does, and its stack.",
    .state_size = sizeof(struct single),
    .footer = thread_footer,
    .open = thread_open,
    .close = thread_close,
    .update = thread_update,
    .draw = thread_draw,
    .focus = thread_focus,
    .act = thread_act,
    .describe = thread_describe,
};

struct error *session_open_thread(struct session *session, pid_t tid)
{
    return session_push(session, &thread_screen, &tid);
}
