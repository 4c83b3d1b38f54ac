#include "tui/screens/thread_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/graph.h"

#define CPU_BAR_WIDTH 10
#define CPU_BAR_MOST 40

const char *thread_state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "disk";
    case 'T':
    case 't':
        return "stopped";
    case 'Z':
        return "zombie";
    case 'I':
        return "idle";
    case 'X':
        return "dead";
    default:
        return NOT_KNOWN;
    }
}

static const struct thread *thread_of(const void *row)
{
    return &((const struct thread_row *)row)->thread;
}

static void draw_tid(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "%d", (int)thread_of(row)->tid);
    cell_right(cell, ROLE_FIGURE, buffer);
}

static void draw_name(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_TEXT, catalog_string(cell_catalog(cell->context), thread_of(row)->name));
}

static void draw_state(const struct list_cell *cell, const void *row)
{
    char state = thread_of(row)->state;
    cell_left(cell,
              state == 'R'                   ? ROLE_CALM
              : state == 'D' || state == 'Z' ? ROLE_NOTICE
                                             : ROLE_MUTED,
              thread_state_name(state));
}

static void draw_cpu(const struct list_cell *cell, const void *row)
{
    double fraction = ((const struct thread_row *)row)->cpu_fraction;
    char buffer[UNITS_BUFFER];
    if (isnan(fraction)) {
        cell_not_known(cell);
        return;
    }
    cell_right(cell, fraction > 0 ? ROLE_FIGURE : ROLE_FAINT, units_format_percent(buffer, fraction));
}

static void draw_bar(const struct list_cell *cell, const void *row)
{
    double fraction = ((const struct thread_row *)row)->cpu_fraction;
    bar_draw(cell->canvas, 0, 0, cell->canvas.width, ROLE_GRAPH_3, fraction);
}

static void draw_cpu_time(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_MUTED, units_format_duration(buffer, (double)thread_of(row)->cpu_ns));
}

static void draw_processor(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "%d", thread_of(row)->processor);
    cell_right(cell, ROLE_MUTED, thread_of(row)->processor < 0 ? NOT_KNOWN : buffer);
}

static const char *waits_in(const struct catalog *catalog, const struct thread *thread)
{
    const char *call = catalog_string(catalog, thread->system_call);
    return call[0] ? call : catalog_string(catalog, thread->wait_channel);
}

static void draw_wait(const struct list_cell *cell, const void *row)
{
    const char *where = waits_in(cell_catalog(cell->context), thread_of(row));
    cell_left(cell, where[0] ? ROLE_TEXT : ROLE_FAINT, where[0] ? where : NOT_KNOWN);
}

static void draw_goroutine(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (thread_of(row)->goid == 0)
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_TEXT, units_format_exact(buffer, (int64_t)thread_of(row)->goid));
}

/* What the thread is at for Go, with its P: "runs Go on P3". */
static const char *write_role(char buffer[FORMAT_BUFFER], const struct thread *thread)
{
    const char *name = thread_role_name((enum thread_role)thread->role);
    if (thread->proc >= 0 && thread->role != THREAD_ROLE_UNKNOWN && thread->role != THREAD_FOREIGN)
        snprintf(buffer, FORMAT_BUFFER, "%s on P%d", name, thread->proc);
    else
        snprintf(buffer, FORMAT_BUFFER, "%s", name);
    return buffer;
}

static void draw_role(const struct list_cell *cell, const void *row)
{
    const struct thread *thread = thread_of(row);
    char buffer[FORMAT_BUFFER];
    enum role role = thread->role == THREAD_RUNS_GO                                     ? ROLE_CALM
                     : thread->role == THREAD_IN_C || thread->role == THREAD_FOREIGN ? ROLE_NOTICE
                                                                                        : ROLE_MUTED;
    if (thread->role == THREAD_ROLE_UNKNOWN)
        cell_left(cell, ROLE_FAINT, NOT_KNOWN);
    else
        cell_left(cell, role, write_role(buffer, thread));
}

static void draw_locked(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    if (thread_of(row)->locked_goid == 0)
        cell_not_known(cell);
    else
        cell_right(cell, ROLE_TEXT, units_format_exact(buffer, (int64_t)thread_of(row)->locked_goid));
}

static frame_id subject_of(const struct catalog *catalog, const struct thread *thread)
{
    return thread->stack ? catalog_stack(catalog, thread->stack).frames[catalog_stack_subject(catalog, thread->stack)]
                         : 0;
}

static void draw_subject(const struct list_cell *cell, const void *row)
{
    frame_id subject = subject_of(cell_catalog(cell->context), thread_of(row));
    if (subject)
        cell_frame(cell, subject);
    else
        cell_left(cell, ROLE_FAINT, NOT_KNOWN);
}

static int compare_subject(const void *context, const void *first, const void *second)
{
    const struct catalog *catalog = cell_catalog(context);
    return compare_frames(catalog, subject_of(catalog, thread_of(first)), subject_of(catalog, thread_of(second)));
}

static bool knows_stacks(const void *context)
{
    const struct model *model = context;
    return model && model->analysis && model->analysis->num_thread_groups > 0;
}

static bool knows_roles(const void *context)
{
    const struct model *model = context;
    return model && model->analysis && model->analysis->scheduler.roles_known;
}

DEFINE_COMPARE(compare_role, struct thread_row, thread.role)
DEFINE_COMPARE(compare_locked, struct thread_row, thread.locked_goid)
DEFINE_COMPARE(compare_tid, struct thread_row, thread.tid)
DEFINE_COMPARE(compare_cpu, struct thread_row, cpu_fraction)
DEFINE_COMPARE(compare_cpu_time, struct thread_row, thread.cpu_ns)
DEFINE_COMPARE(compare_processor, struct thread_row, thread.processor)
DEFINE_COMPARE(compare_state, struct thread_row, thread.state)
DEFINE_COMPARE(compare_goroutine, struct thread_row, thread.goid)

static int compare_name(const void *context, const void *first, const void *second)
{
    const struct catalog *catalog = cell_catalog(context);
    return strcmp(catalog_string(catalog, thread_of(first)->name), catalog_string(catalog, thread_of(second)->name));
}

static int compare_wait(const void *context, const void *first, const void *second)
{
    const struct catalog *catalog = cell_catalog(context);
    return strcmp(waits_in(catalog, thread_of(first)), waits_in(catalog, thread_of(second)));
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return (uint64_t)thread_of(row)->tid;
}

static const char *text_of_thread(const void *context, const void *row, char *buffer)
{
    const struct catalog *catalog = cell_catalog(context);
    const struct thread *thread = thread_of(row);
    char role[FORMAT_BUFFER];
    snprintf(buffer, LIST_TEXT, "%d %.64s %s %s %.64s %.200s", (int)thread->tid, catalog_string(catalog, thread->name),
             thread_state_name(thread->state), write_role(role, thread), waits_in(catalog, thread),
             catalog_function(catalog, subject_of(catalog, thread)));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    return (int)utf8_width(waits_in(cell_catalog(context), thread_of(row)));
}

static const struct column columns[] = {
    {.title = "tid", .width = 8, .right = true, .ascending = true, .draw = draw_tid, .compare = compare_tid},
    {.title = "name", .width = 16, .priority = 3, .ascending = true, .draw = draw_name, .compare = compare_name},
    {.title = "state", .width = 9, .ascending = true, .draw = draw_state, .compare = compare_state},
    {.title = "CPU", .width = 5, .right = true, .draw = draw_cpu, .compare = compare_cpu,
     .help = "of one processor, since the sample before"},
    {.title = "", .width = CPU_BAR_WIDTH, .stretch = CPU_BAR_MOST, .priority = 4, .draw = draw_bar},
    {.title = "CPU time",
     .width = 12,
     .priority = 3,
     .right = true,
     .draw = draw_cpu_time,
     .compare = compare_cpu_time},
    {.title = "on CPU",
     .width = 7,
     .priority = 5,
     .right = true,
     .ascending = true,
     .draw = draw_processor,
     .compare = compare_processor,
     .help = "the processor it ran on last"},
    {.title = "goroutine",
     .width = 10,
     .priority = 2,
     .right = true,
     .draw = draw_goroutine,
     .compare = compare_goroutine,
     .is_shown = knows_roles,
     .help = "that it runs now"},
    {.title = "locked to",
     .width = 10,
     .priority = 6,
     .right = true,
     .draw = draw_locked,
     .compare = compare_locked,
     .is_shown = knows_roles,
     .help = "the goroutine that called runtime.LockOSThread"},
    {.title = "for Go",
     .width = 18,
     .priority = 1,
     .ascending = true,
     .draw = draw_role,
     .compare = compare_role,
     .is_shown = knows_roles,
     .help = "what it is at, as the runtime sees it"},
    {.title = "in",
     .width = 30,
     .priority = 2,
     .ascending = true,
     .draw = draw_subject,
     .compare = compare_subject,
     .is_shown = knows_stacks,
     .help = "of the functions on its stack the innermost of the program's own"},
    {.title = "waits in", .width = 16, .flexible = true, .ascending = true, .draw = draw_wait, .compare = compare_wait,
     .help = "the system call, or the place in the kernel"},
};

const struct list_ops thread_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 3,
    .identity = identify,
    .text = text_of_thread,
    .measure = measure,
};
