#include "tui/screens/gc_cycle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/graph.h"

/* With headings. */
#define ALL_ROWS 30
#define FIGURE_END 36
#define NOTE_X 39

static struct error *cycle_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    *(struct cycle_argument *)state = *(const struct cycle_argument *)argument;
    return NULL;
}

static void cycle_close(void *state)
{
    (void)state;
}

static struct error *cycle_update(struct session *session, void *state)
{
    (void)session, (void)state;
    return NULL;
}

/* The rows of the screen, one below the other. */
struct rows {
    struct canvas canvas;
    int y;
    bool is_dense;      /* There is no room for headings. */
};

static void heading(struct rows *rows, const char *title)
{
    if (rows->is_dense)
        return;
    rows->y++;
    canvas_rule(rows->canvas, 0, rows->y, rows->canvas.width, ROLE_FAINT);
    canvas_printf(rows->canvas, 2, rows->y++, ROLE_HEADING, " %s ", title);
}

static void figure(struct rows *rows, const char *label, bool known, const char *value, const char *note)
{
    canvas_text(rows->canvas, 2, rows->y, ROLE_MUTED, label);
    canvas_text_right(rows->canvas, FIGURE_END, rows->y, known ? ROLE_FIGURE : ROLE_FAINT, known ? value : NOT_KNOWN);
    canvas_text_fit(rows->canvas, NOTE_X, rows->y, rows->canvas.width - NOTE_X - 2, ROLE_MUTED, note);
    rows->y++;
}

/* A figure with a bar of its part of a whole, between the figure and the note. */
static void part(struct rows *rows, const char *label, bool known, const char *value, double fraction, const char *note)
{
    int bar = rows->canvas.width >= 110 ? 30 : 0;
    canvas_text(rows->canvas, 2, rows->y, ROLE_MUTED, label);
    canvas_text_right(rows->canvas, FIGURE_END, rows->y, known ? ROLE_FIGURE : ROLE_FAINT, known ? value : NOT_KNOWN);
    if (known && bar > 0)
        bar_draw(rows->canvas, NOTE_X, rows->y, bar, ROLE_GRAPH_3, fraction);
    int x = NOTE_X + (bar > 0 ? bar + 2 : 0);
    canvas_text_fit(rows->canvas, x, rows->y, rows->canvas.width - x - 2, ROLE_MUTED, note);
    rows->y++;
}

static void draw_times(struct rows *rows, const struct cycle_argument *argument)
{
    const struct gc_cycle *cycle = &argument->cycle;
    char buffer[FORMAT_BUFFER];
    bool known = cycle->phases_known;
    double all = (double)(cycle->sweep_termination_ns + cycle->mark_ns + cycle->mark_termination_ns);
    heading(rows, "Time");
    part(rows, "sweep termination", known, units_format_duration(buffer, (double)cycle->sweep_termination_ns),
         all > 0 ? (double)cycle->sweep_termination_ns / all : 0, "the world stands still");
    part(rows, "mark", known, units_format_duration(buffer, (double)cycle->mark_ns),
         all > 0 ? (double)cycle->mark_ns / all : 0, "beside the program");
    part(rows, "mark termination", known, units_format_duration(buffer, (double)cycle->mark_termination_ns),
         all > 0 ? (double)cycle->mark_termination_ns / all : 0, "the world stands still");
    figure(rows, "paused in all", cycle->times_known, units_format_duration(buffer, (double)cycle->pause_ns), "");
}

static void draw_cpu(struct rows *rows, const struct cycle_argument *argument)
{
    const struct gc_cycle *cycle = &argument->cycle;
    char buffer[FORMAT_BUFFER], note[FORMAT_BUFFER];
    bool known = cycle->cpu_known;
    double all = (double)(cycle->assist_cpu_ns + cycle->background_cpu_ns + cycle->idle_cpu_ns);
    heading(rows, "CPU");
    part(rows, "marking: assists", known, units_format_duration(buffer, (double)cycle->assist_cpu_ns),
         all > 0 ? (double)cycle->assist_cpu_ns / all : 0, "by goroutines that allocate");
    part(rows, "marking: workers", known, units_format_duration(buffer, (double)cycle->background_cpu_ns),
         all > 0 ? (double)cycle->background_cpu_ns / all : 0, "a quarter of the Ps");
    part(rows, "marking: idle Ps", known, units_format_duration(buffer, (double)cycle->idle_cpu_ns),
         all > 0 ? (double)cycle->idle_cpu_ns / all : 0, "costs the program nothing");
    snprintf(note, sizeof(note), "%u P%s", cycle->procs, cycle->procs == 1 ? "" : "s");
    figure(rows, "share since the last", !isnan(argument->cpu_share), units_format_percent(buffer, argument->cpu_share),
           cycle->phases_known ? note : "");
    figure(rows, "share since the start", known, units_format_percent(buffer, cycle->cpu_fraction), "");
}

static void draw_heap(struct rows *rows, const struct cycle_argument *argument)
{
    const struct gc_cycle *cycle = &argument->cycle;
    char buffer[FORMAT_BUFFER], note[FORMAT_BUFFER + UNITS_BUFFER] = "";
    bool known = cycle->heap_known;
    uint64_t most = cycle->heap_peak > cycle->heap_before ? cycle->heap_peak : cycle->heap_before;
    most = cycle->heap_goal > most ? cycle->heap_goal : most;
    double whole = most > 0 ? (double)most : 1;
    double freed = gc_cycle_freed_share(cycle);
    heading(rows, "Heap");
    part(rows, "heap at its start", known, units_format_bytes(buffer, (double)cycle->heap_before),
         (double)cycle->heap_before / whole, "");
    part(rows, "heap after marking", known, units_format_bytes(buffer, (double)cycle->heap_peak),
         (double)cycle->heap_peak / whole, "");
    if (!isnan(freed))
        snprintf(note, sizeof(note), "it frees %s", units_format_percent(buffer, freed));
    part(rows, "heap found alive", known, units_format_bytes(buffer, (double)cycle->heap_after),
         (double)cycle->heap_after / whole, note);
    part(rows, "heap goal", cycle->goal_known, units_format_bytes(buffer, (double)cycle->heap_goal),
         (double)cycle->heap_goal / whole, "where it was to end");
    figure(rows, "stacks scanned", cycle->cpu_known, units_format_bytes(buffer, (double)cycle->stack_bytes), "");
    figure(rows, "globals scanned", cycle->cpu_known, units_format_bytes(buffer, (double)cycle->globals_bytes), "");
}

static void cycle_draw(struct session *session, void *state, struct canvas canvas)
{
    (void)session;
    const struct cycle_argument *argument = state;
    const struct gc_cycle *cycle = &argument->cycle;
    struct rows rows = {.canvas = canvas, .is_dense = canvas.height < ALL_ROWS};
    char clock[FORMAT_BUFFER];
    const char *cause = gc_cause_name((enum gc_cause)cycle->cause);
    int x = canvas_printf(canvas, 2, 0, ROLE_FIGURE, "cycle %" PRIu64, cycle->number);
    x = canvas_printf(canvas, x, 0, ROLE_TEXT, "   cause: %s", *cause ? cause : "not known");
    if (cycle->times_known)
        canvas_printf(canvas, x, 0, ROLE_MUTED, "   ended %s", format_clock(clock, cycle->end_unix_ns));
    struct text trace = {0};
    gc_cycle_write_trace(cycle, &trace);
    rows.y = 1;
    heading(&rows, "As GODEBUG=gctrace=1 prints it");
    /* Over two lines where one is too short. */
    if (trace.data && !trace.failed) {
        int width = canvas.width - 4;
        int end = canvas_text_fit(canvas, 2, rows.y, width, ROLE_TEXT, trace.data);
        const char *rest = end >= 2 + width && (int)trace.length > width ? strstr(trace.data, " ms cpu, ") : NULL;
        if (rest) {
            int cut = (int)(rest - trace.data) + 8;
            canvas_printf(canvas, 2, rows.y++, ROLE_TEXT, "%-*.*s", width, cut, trace.data);
            canvas_text_fit(canvas, 6, rows.y, width - 4, ROLE_TEXT, trace.data + cut + 1);
        }
        rows.y++;
    }
    text_deinit(&trace);
    draw_times(&rows, argument);
    draw_cpu(&rows, argument);
    draw_heap(&rows, argument);
    if (!cycle->phases_known || !cycle->cpu_known || !cycle->heap_known)
        canvas_text_fit(canvas, 2, rows.y + 1, canvas.width - 4, ROLE_MUTED,
                        "What is not known was overwritten by the next cycle before heaptop looked.");
}

static struct list *cycle_focus(void *state)
{
    (void)state;
    return NULL;
}

static void cycle_describe(const struct session *session, const void *state, struct text *text)
{
    (void)session;
    text_printf(text, "cycle %" PRIu64, ((const struct cycle_argument *)state)->cycle.number);
}

static const enum action cycle_footer[] = {ACTION_BACK, ACTION_NONE};

const struct screen_ops gc_cycle_screen = {
    .title = "Cycle",
    .about = "One GC cycle in its phases, and the heap before, during and after it.",
    .state_size = sizeof(struct cycle_argument),
    .footer = cycle_footer,
    .open = cycle_open,
    .close = cycle_close,
    .update = cycle_update,
    .draw = cycle_draw,
    .focus = cycle_focus,
    .describe = cycle_describe,
};
