/* One goroutine: what it does, since when, what it waits on and who else waits there, who made it, its stack. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/screens/goroutine_list.h"
#include "tui/screens/single_list.h"
#include "tui/screens/stack_view.h"
#include "tui/session.h"

/* Of a longer chain of creators the newest are shown. */
#define MAX_CREATORS 32u
#define LABEL_WIDTH 11
#define MOST_WAITS 4

enum single_pane { PANE_STACK, PANE_CREATORS };

/* One step of the chain: the goroutine that made the one before. */
struct creator_row {
    uint64_t goid;
    frame_id subject, created_by;   /* What it does and which go statement made it; 0 when it has ended. */
    uint32_t index;
    bool is_alive, is_unknown;      /* Unknown: it may live, but only some goroutines are listed. */
};

struct single {
    uint64_t goid;
    const struct listed_goroutine *goroutine;   /* In the sample on view; NULL when it is not there. */
    const struct goroutine_group *group;
    struct stack_view view;
    struct list creators;
    VECTOR(struct creator_row) rows;
    enum single_pane pane;
};

/* ---- who made it ---- */

static void draw_creator(const struct list_cell *cell, const void *row)
{
    const struct creator_row *creator = row;
    char text[FORMAT_BUFFER];
    snprintf(text, sizeof(text), "%" PRIu64, creator->goid);
    cell_right(cell, creator->is_alive ? ROLE_FIGURE : ROLE_MUTED, text);
}

static void draw_creator_function(const struct list_cell *cell, const void *row)
{
    const struct creator_row *creator = row;
    if (creator->is_alive)
        cell_frame(cell, creator->subject);
    else
        cell_left(cell, ROLE_MUTED, creator->is_unknown ? "not among those listed" : "has ended");
}

static void draw_creator_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, ((const struct creator_row *)row)->subject);
}

static void draw_created_at(const struct list_cell *cell, const void *row)
{
    cell_place(cell, ((const struct creator_row *)row)->created_by);
}

static uint64_t identify_creator(const void *context, const void *row)
{
    (void)context;
    return ((const struct creator_row *)row)->goid;
}

static const char *text_of_creator(const void *context, const void *row, char *buffer)
{
    const struct creator_row *creator = row;
    snprintf(buffer, LIST_TEXT, "%" PRIu64 " %.400s", creator->goid,
             catalog_function(cell_catalog(context), creator->subject));
    return buffer;
}

static const struct column creator_columns[] = {
    {.title = "goroutine", .width = 10, .right = true, .draw = draw_creator},
    {.title = "is in", .width = 24, .flexible = true, .draw = draw_creator_function},
    {.title = "line", .width = 18, .priority = 1, .draw = draw_creator_place},
    {.title = "started at", .width = 20, .priority = 2, .draw = draw_created_at},
};

static const struct list_ops creator_list = {
    .columns = creator_columns,
    .num_columns = ARRAY_SIZE(creator_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_creator,
    .text = text_of_creator,
};

static bool list_creators(struct single *single, const struct model *model)
{
    const struct snapshot *shown = model->shown;
    const struct listed_goroutine *at = single->goroutine;
    single->rows.count = 0;
    while (at && at->parent_goid && single->rows.count < MAX_CREATORS) {
        struct creator_row row = {.goid = at->parent_goid, .index = (uint32_t)single->rows.count};
        at = single_find(shown, row.goid);
        const struct goroutine_group *group = at ? single_group(model, at) : NULL;
        row.is_alive = group != NULL;
        row.is_unknown = !group && shown->goroutines_not_listed > 0;
        row.subject = group ? goroutine_subject(shown->catalog, group) : 0;
        row.created_by = group ? group->created_by : 0;
        if (!vector_append(&single->rows, row))
            return false;
    }
    return list_set_rows(&single->creators, model, single->rows.items, single->rows.count, sizeof(*single->rows.items));
}

/* ---- figures ---- */

static int draw_fact(struct canvas canvas, int y, const char *label, enum role role, const char *figure,
                     const char *note)
{
    canvas_text(canvas, 2, y, ROLE_MUTED, label);
    int x = canvas_text(canvas, 2 + LABEL_WIDTH, y, role, figure);
    canvas_text_fit(canvas, x + 2, y, canvas.width - x - 3, ROLE_MUTED, note);
    return y + 1;
}

static int draw_state(const struct single *single, const struct model *model, struct canvas canvas, int y)
{
    char waited[UNITS_BUFFER];
    _cleanup_(text_deinit) struct text note = {0};
    const struct snapshot *shown = model->shown;
    const struct catalog *catalog = shown->catalog;
    const struct thread *on = NULL;
    uint64_t ns;
    for (size_t i = 0; i < shown->num_threads; i++)
        if (shown->threads[i].goid == single->goid)
            on = &shown->threads[i];
    if (on)
        text_printf(&note, "on thread %d, %s", (int)on->tid,
                    on->system_call ? catalog_string(catalog, on->system_call) : "on a CPU");
    else if (snapshot_goroutine_waited(shown, single->goroutine, &ns))
        text_printf(&note, "for %s", units_format_duration(waited, (double)ns));
    else if (strcmp(catalog_string(catalog, single->group->state), "waiting") == 0)
        text_append(&note, "since when is noted when a GC finds it waiting");
    single_write_moment(shown, &note);
    const char *words = note.length ? note.data : "";
    return draw_fact(canvas, y, "state", ROLE_FIGURE, goroutine_state(catalog, single->group),
                     note.length && *words == ',' ? words + 2 : words);
}

static int draw_waits(const struct single *single, const struct model *model, struct canvas canvas, int y)
{
    const struct snapshot *shown = model->shown;
    const struct listed_goroutine *goroutine = single->goroutine;
    int first = y;
    for (unsigned i = 0; i < goroutine->num_waits && i < MOST_WAITS; i++) {
        const struct wait_object *object = &shown->wait_objects[shown->waits[goroutine->first_wait + i]];
        _cleanup_(text_deinit) struct text text = {0};
        char address[FORMAT_BUFFER] = "";
        wait_object_write(object, (enum wait_kind)single->group->kind, &text);
        if (object->address)
            snprintf(address, sizeof(address), "0x%" PRIx64, object->address);
        if (i + 1 == MOST_WAITS && goroutine->num_waits > MOST_WAITS)
            text_printf(&text, ", and %u more", goroutine->num_waits - MOST_WAITS);
        y = draw_fact(canvas, y, y == first ? "waits on" : "", ROLE_TEXT, text.length ? text.data : "", address);
    }
    return y;
}

static int draw_facts(const struct single *single, const struct session *session, struct canvas canvas)
{
    const struct model *model = &session->model;
    const struct catalog *catalog = model->shown->catalog;
    char place[FORMAT_BUFFER], function[FORMAT_BUFFER], note[FORMAT_BUFFER + 8];
    int y = draw_state(single, model, canvas, 0);
    y = draw_waits(single, model, canvas, y);
    if (single->group->labels) {
        _cleanup_(text_deinit) struct text text = {0};
        goroutine_write_labels(catalog, single->group->labels, &text);
        y = draw_fact(canvas, y, "labels", ROLE_TEXT, text.length ? text.data : "", "");
    }
    snprintf(note, sizeof(note), "as %s", frame_function(catalog, single->group->start, function));
    const char *at = single->group->created_by ? frame_place(catalog, single->group->created_by, place) : NOT_KNOWN;
    return draw_fact(canvas, y, "started", ROLE_TEXT, at, single->group->start ? note : "");
}

/* ---- the screen ---- */

static void single_draw(struct session *session, void *state, struct canvas canvas)
{
    struct single *single = state;
    if (!single->group) {
        canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED,
                        session->model.shown->goroutines ? "this goroutine has ended, or is not among those listed"
                                                         : "goroutines are not listed one by one in this sample");
        return;
    }
    int y = draw_facts(single, session, canvas), left = canvas.height - y;
    int creators = stack_view_list_below(&single->view, session, canvas.width, left, single->rows.count,
                                         single->pane == PANE_CREATORS);
    struct canvas middle = canvas_part(canvas, 0, y, canvas.width, left - creators);
    if (single->view.rows.count > 0) {
        stack_view_draw(&single->view, session, middle, single->pane == PANE_STACK);
    } else {
        section_draw(middle, 0, "Stack", NULL, single->pane == PANE_STACK);
        canvas_text_fit(middle, 2, 1, middle.width - 4, ROLE_MUTED, "no stack: it runs, or moved on while it was read");
    }
    if (creators == 0)
        return;
    struct canvas below = canvas_part(canvas, 0, canvas.height - creators, canvas.width, creators);
    section_draw(below, 0, "Made by", &single->creators, single->pane == PANE_CREATORS);
    list_draw(&single->creators, canvas_part(below, 0, 1, below.width, creators - 1), single->pane == PANE_CREATORS);
}

static struct error *single_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct single *single = state;
    single->goid = *(const uint64_t *)argument;
    stack_view_init(&single->view);
    list_init(&single->creators, &creator_list);
    return NULL;
}

static void single_close(void *state)
{
    struct single *single = state;
    stack_view_deinit(&single->view);
    list_deinit(&single->creators);
    vector_deinit(&single->rows);
}

/* Of one that is in C code, with the frames of that code: its thread has them. */
static stack_id stack_of(const struct single *single, const struct snapshot *shown)
{
    for (size_t i = 0; single->group && i < shown->num_threads; i++) {
        const struct thread *thread = &shown->threads[i];
        if (thread->role != THREAD_IN_C || thread->goid != single->goid || !thread->stack)
            continue;
        size_t depth = catalog_stack(shown->catalog, single->group->stack).depth;
        if (catalog_stack(shown->catalog, thread->stack).depth > depth)
            return thread->stack;
    }
    return single->group ? single->group->stack : 0;
}

static struct error *single_update(struct session *session, void *state)
{
    struct single *single = state;
    single->goroutine = single_find(session->model.shown, single->goid);
    single->group = single->goroutine ? single_group(&session->model, single->goroutine) : NULL;
    if (!single->group)
        single->goroutine = NULL;
    bool done = list_creators(single, &session->model) &&
                stack_view_set(&single->view, session, stack_of(single, session->model.shown));
    return done ? NULL : error_no_memory();
}

static struct list *single_focus(void *state)
{
    struct single *single = state;
    return single->pane == PANE_STACK ? &single->view.frames : &single->creators;
}

static void single_point(void *state, int x, int y)
{
    struct single *single = state;
    if (list_contains(&single->creators, x, y))
        single->pane = PANE_CREATORS;
    else if (list_contains(&single->view.frames, x, y))
        single->pane = PANE_STACK;
}

static bool single_offers(const struct session *session, const void *state, enum action action)
{
    (void)session;
    return action != ACTION_NEXT_PANE || ((const struct single *)state)->rows.count > 0;
}

static bool single_act(struct session *session, void *state, enum action action)
{
    struct single *single = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        single->pane = single->pane == PANE_STACK && single->rows.count > 0 ? PANE_CREATORS : PANE_STACK;
        return true;
    }
    if (single->pane == PANE_STACK)
        return stack_view_act(&single->view, session, action);
    if (action != ACTION_OPEN)
        return false;
    const struct creator_row *row = list_selected(&single->creators);
    if (row && !row->is_alive)
        session_say(session, "that goroutine has ended, or is not among those listed");
    if (!row || !row->is_alive)
        return true;
    /* The creator takes this screen's place: a chain can be longer than screens are deep. */
    single->goid = row->goid;
    single->pane = PANE_STACK;
    error_destroy(single_update(session, single));
    return true;
}

static void single_describe(const struct session *session, const void *state, struct text *text)
{
    (void)session;
    text_printf(text, "goroutine %" PRIu64, ((const struct single *)state)->goid);
}

static const enum action single_footer[] = {ACTION_BACK, ACTION_NEXT_PANE, ACTION_OPEN, ACTION_SEARCH, ACTION_NONE};

static const struct screen_ops single_screen = {
    .title = "Goroutine",
    .about = "One goroutine: what it waits on, who made it, its stack.",
    .state_size = sizeof(struct single),
    .footer = single_footer,
    .open = single_open,
    .close = single_close,
    .update = single_update,
    .draw = single_draw,
    .focus = single_focus,
    .act = single_act,
    .offers = single_offers,
    .point = single_point,
    .describe = single_describe,
};

struct error *session_open_goroutine(struct session *session, uint64_t goid)
{
    return session_push(session, &single_screen, &goid);
}
