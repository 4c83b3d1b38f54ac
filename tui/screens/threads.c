/* The kernel's threads: what each does, or waits in. */
#include <math.h>
#include <stdio.h>

#include "tui/format.h"
#include "tui/list_screen.h"
#include "tui/screens/thread_list.h"

static struct error *threads_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    list_init(&((struct list_screen *)state)->list, &thread_list);
    return NULL;
}

static struct error *threads_update(struct session *session, void *state)
{
    const struct analysis *analysis = session->model.analysis;
    return list_screen_set(session, state, analysis->threads, analysis->num_threads, sizeof(*analysis->threads));
}

static void threads_draw(struct session *session, void *state, struct canvas canvas)
{
    struct list_screen *screen = state;
    const struct model *model = &session->model;
    size_t running = 0, waiting = 0, disk = 0;
    double cpu = 0;
    for (size_t i = 0; i < model->analysis->num_threads; i++) {
        const struct thread_row *row = &model->analysis->threads[i];
        running += row->thread.state == 'R';
        disk += row->thread.state == 'D';
        waiting += row->thread.state == 'S' || row->thread.state == 'I';
        cpu += isnan(row->cpu_fraction) ? 0 : row->cpu_fraction;
    }
    char buffer[FORMAT_BUFFER], text[128];
    int x = canvas_text(canvas, 2, 0, ROLE_FIGURE, format_counter(buffer, model->shown, COUNTER_THREADS));
    x = canvas_text(canvas, x, 0, ROLE_MUTED, " threads");
    snprintf(text, sizeof(text), "%zu running \xc2\xb7 %zu sleeping", running, waiting);
    x = canvas_text(canvas, x + 3, 0, ROLE_MUTED, text);
    if (disk > 0)
        x = canvas_printf(canvas, x, 0, ROLE_NOTICE, " \xc2\xb7 %zu waiting for a disk", disk);
    canvas_printf(canvas, x + 3, 0, ROLE_MUTED, "CPU %s of one", units_format_percent(buffer, cpu));
    section_draw(canvas, 1, "Threads", &screen->list, true);
    list_draw(&screen->list, canvas_part(canvas, 0, 2, canvas.width, canvas.height - 2), true);
}

static const enum action threads_footer[] = {ACTION_SEARCH, ACTION_FILTER, ACTION_SORT, ACTION_REVERSE, ACTION_NONE};

const struct screen_ops threads_screen = {
    .title = "Threads",
    .state_size = sizeof(struct list_screen),
    .footer = threads_footer,
    .open = threads_open,
    .close = list_screen_close,
    .update = threads_update,
    .draw = threads_draw,
    .focus = list_screen_focus,
};
