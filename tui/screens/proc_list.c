#include "tui/screens/proc_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/graph.h"

/* runtime/runtime2.go: a P's run queue has so many places. */
#define QUEUE_PLACES 256.0

static const struct proc *proc_of(const void *row)
{
    return row;
}

static void draw_id(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "P%u", proc_of(row)->id);
    cell_right(cell, ROLE_FIGURE, buffer);
}

static void draw_state(const struct list_cell *cell, const void *row)
{
    enum proc_state state = (enum proc_state)proc_of(row)->state;
    cell_left(cell, state == PROC_RUNNING ? ROLE_CALM : state == PROC_STOPPED ? ROLE_NOTICE : ROLE_MUTED,
              proc_state_name(state));
}

static void draw_queue(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, proc_of(row)->queue ? ROLE_FIGURE : ROLE_FAINT, units_format_exact(buffer, proc_of(row)->queue));
}

static void draw_bar(const struct list_cell *cell, const void *row)
{
    bar_draw(cell->canvas, 0, 0, cell->canvas.width, ROLE_GRAPH_3, proc_of(row)->queue / QUEUE_PLACES);
}

static void draw_goroutine(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (proc_of(row)->goid == 0)
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_TEXT, units_format_exact(buffer, (int64_t)proc_of(row)->goid));
}

static void draw_thread(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "%d", (int)proc_of(row)->tid);
    if (proc_of(row)->tid == 0)
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_TEXT, buffer);
}

static void draw_machine(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "M%" PRId64, proc_of(row)->machine);
    if (proc_of(row)->machine < 0)
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_MUTED, buffer);
}

static void draw_switches(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_MUTED, units_format_exact(buffer, proc_of(row)->schedule_ticks));
}

static void draw_system_calls(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_MUTED, units_format_exact(buffer, proc_of(row)->system_call_ticks));
}

DEFINE_COMPARE(compare_id, struct proc, id)
DEFINE_COMPARE(compare_state, struct proc, state)
DEFINE_COMPARE(compare_queue, struct proc, queue)
DEFINE_COMPARE(compare_goroutine, struct proc, goid)
DEFINE_COMPARE(compare_switches, struct proc, schedule_ticks)
DEFINE_COMPARE(compare_system_calls, struct proc, system_call_ticks)

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return proc_of(row)->id;
}

static const char *text_of_proc(const void *context, const void *row, char *buffer)
{
    (void)context;
    snprintf(buffer, LIST_TEXT, "P%u %s", proc_of(row)->id, proc_state_name((enum proc_state)proc_of(row)->state));
    return buffer;
}

static const struct column columns[] = {
    {.title = "P", .width = 6, .right = true, .ascending = true, .draw = draw_id, .compare = compare_id},
    {.title = "state", .width = 11, .ascending = true, .draw = draw_state, .compare = compare_state},
    {.title = "waiting", .width = 8, .right = true, .draw = draw_queue, .compare = compare_queue,
     .help = "goroutines in its run queue, the next one included"},
    {.title = "", .width = 10, .stretch = 40, .priority = 3, .draw = draw_bar},
    {.title = "goroutine", .width = 10, .right = true, .draw = draw_goroutine, .compare = compare_goroutine,
     .help = "that runs on it"},
    {.title = "thread", .width = 8, .right = true, .draw = draw_thread, .help = "that holds it"},
    {.title = "M", .width = 6, .priority = 2, .right = true, .draw = draw_machine,
     .help = "what the runtime calls that thread"},
    {.title = "switches", .width = 14, .priority = 4, .right = true, .draw = draw_switches,
     .compare = compare_switches, .help = "times it took up a goroutine"},
    {.title = "system calls", .width = 14, .priority = 5, .right = true, .draw = draw_system_calls,
     .compare = compare_system_calls, .help = "times it came back from one, or was taken away in one"},
};

const struct list_ops proc_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_proc,
};
