/* The goroutines of one row: how many, since when they wait, on what, who started them, their stack and the source
 * around it; one by one, or their groups. */
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/panel.h"
#include "tui/screens/goroutine_list.h"
#include "tui/screens/single_list.h"
#include "tui/screens/stack_view.h"
#include "tui/session.h"

#define GRAPH_LEAST_HEIGHT 22
#define TWO_COLUMNS_WIDTH 110

enum group_pane { PANE_STACK, PANE_BELOW };

struct group_argument {
    enum goroutine_grouping grouping;
    struct goroutine_group group;
};

struct group_detail {
    enum goroutine_grouping grouping;
    struct goroutine_group key;         /* What is 0 in it is not the same for all. */
    const struct goroutine_row *row;    /* In the analysis on view; NULL when there is no such goroutine any more. */
    struct stack_view view;             /* Of the group selected in `groups`. */
    struct list groups;
    VECTOR(struct goroutine_row) rows;  /* The groups in the row. */
    struct list singles;                /* Below, where there is one group only. */
    VECTOR(struct listed_goroutine) goroutines;
    enum group_pane pane;
};

/* ---- figures ---- */

struct fact {
    const char *label;
    char figure[FORMAT_BUFFER];
    char note[96];
    enum role role;
};

#define NUM_FACTS 2
#define MOST_SENTENCE_LINES 3

static void write_facts(const struct session *session, const struct goroutine_row *row, struct fact facts[NUM_FACTS])
{
    const struct catalog *catalog = session->model.shown->catalog;
    const struct goroutine_group *group = &row->group;
    char buffer[FORMAT_BUFFER], place[FORMAT_BUFFER];
    facts[0] = (struct fact){.label = "started", .figure = NOT_KNOWN, .role = ROLE_TEXT};
    if (group->created_by)
        snprintf(facts[0].figure, sizeof(facts[0].figure), "%s", frame_place(catalog, group->created_by, place));
    if (group->start)
        snprintf(facts[0].note, sizeof(facts[0].note), "as %s", frame_function(catalog, group->start, buffer));
    facts[1] = (struct fact){.label = "made by", .figure = NOT_KNOWN, .role = ROLE_TEXT};
    if (group->parent_start) {
        snprintf(facts[1].figure, sizeof(facts[1].figure), "%s", frame_function(catalog, group->parent_start, buffer));
        if (group->parent_created_by)
            snprintf(facts[1].note, sizeof(facts[1].note), "started %s",
                     frame_place(catalog, group->parent_created_by, place));
    } else if (group->parent_known && group->parent_ended) {
        snprintf(facts[1].figure, sizeof(facts[1].figure), "goroutines that have ended");
    }
}

static int draw_facts(const struct session *session, const struct goroutine_row *row, struct canvas canvas)
{
    const struct catalog *catalog = session->model.shown->catalog;
    _cleanup_(text_deinit) struct text sentence = {0};
    goroutine_write_summary(catalog, row, &sentence);
    if (row->group.labels) {
        text_append(&sentence, "  ");
        goroutine_write_labels(catalog, row->group.labels, &sentence);
    }
    int y = canvas_text_wrap(canvas, 2, 0, canvas.width - 4, MOST_SENTENCE_LINES, ROLE_STRONG,
                             sentence.length ? sentence.data : "");
    struct fact facts[NUM_FACTS];
    write_facts(session, row, facts);
    int columns = canvas.width >= TWO_COLUMNS_WIDTH ? 2 : 1, rows = NUM_FACTS / columns;
    for (int i = 0; i < NUM_FACTS; i++) {
        struct canvas part = canvas_part(canvas, 2 + canvas.width / columns * (i % columns), y + i / columns,
                                         canvas.width / columns - 3, 1);
        canvas_text(part, 0, 0, ROLE_MUTED, facts[i].label);
        canvas_text(part, 11, 0, facts[i].role, facts[i].figure);
        int x = 11 + (int)utf8_width(facts[i].figure);
        x = x < 26 ? 26 : x + 2;
        canvas_text_fit(part, x, 0, part.width - x, ROLE_MUTED, facts[i].note);
    }
    return y + rows;
}

/* ---- drawing ---- */

/* Why goroutines are not listed one by one, or these are not; nothing where they are. */
static void write_note(const struct group_detail *group, const struct snapshot *shown, struct text *text)
{
    if (group->rows.count != 1)
        return;
    if (shown->goroutines_reason)
        text_append(text, shown->goroutines_reason);
    else if (group->singles.num_all == 0 && snapshot_goroutines_age_ns(shown)) {
        text_append(text, "one by one: none was here when they were listed last");
        single_write_moment(shown, text);
    }
}

/* What is listed below the stack: groups where there are several, else the goroutines. */
static struct list *below(struct group_detail *group)
{
    return group->rows.count > 1 ? &group->groups : &group->singles;
}

static unsigned group_num_graphs(const struct session *session, const void *state)
{
    (void)session;
    const struct group_detail *group = state;
    return group->row && group->row->counts->count > 0;
}

static void group_draw_graph(const struct session *session, const void *state, struct canvas canvas, unsigned number)
{
    (void)number;
    const struct goroutine_row *row = ((const struct group_detail *)state)->row;
    struct panel panel = {.title = "goroutines over time",
                          .format = units_format_count,
                          .series = row->counts,
                          .verdict = row->growth.verdict};
    panel_draw(canvas, &session->model, &panel);
}

static int draw_history(const struct session *session, const struct group_detail *group, struct canvas canvas)
{
    if (canvas.height < GRAPH_LEAST_HEIGHT || !group_num_graphs(session, group))
        return 0;
    int height = canvas.height / 4;
    height = height > 11 ? 11 : height;
    group_draw_graph(session, group, canvas_part(canvas, 0, 0, canvas.width, height), 0);
    return height;
}

static void group_draw(struct session *session, void *state, struct canvas canvas)
{
    struct group_detail *group = state;
    if (!group->row) {
        canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED, "there are no such goroutines any more");
        return;
    }
    int y = draw_facts(session, group->row, canvas);
    y += draw_history(session, group, canvas_part(canvas, 0, y, canvas.width, canvas.height));
    struct list *list = below(group);
    int left = canvas.height - y, rows = stack_view_list_below(&group->view, session, canvas.width, left,
                                                               list->num_all, group->pane == PANE_BELOW);
    _cleanup_(text_deinit) struct text note = {0}, title = {0};
    if (left > 8)
        write_note(group, session->model.shown, &note);
    struct canvas middle = canvas_part(canvas, 0, y, canvas.width, left - rows - (note.length > 0));
    if (group->view.rows.count > 0) {
        stack_view_draw(&group->view, session, middle, group->pane == PANE_STACK);
    } else {
        section_draw(middle, 0, "Stack", NULL, group->pane == PANE_STACK);
        canvas_text_fit(middle, 2, 1, middle.width - 4, ROLE_MUTED,
                        "no stack: they run, or moved on while it was read");
    }
    if (note.length > 0)
        canvas_text_fit(canvas, 2, canvas.height - 1, canvas.width - 4, ROLE_MUTED, note.data);
    if (rows == 0)
        return;
    struct canvas others = canvas_part(canvas, 0, canvas.height - rows, canvas.width, rows);
    text_append(&title, list == &group->groups ? "Their stacks" : "One by one");
    if (list == &group->singles)
        single_write_moment(session->model.shown, &title);
    section_draw(others, 0, title.failed ? "" : title.data, list, group->pane == PANE_BELOW);
    list_draw(list, canvas_part(others, 0, 1, others.width, rows - 1), group->pane == PANE_BELOW);
}

/* ---- the screen ---- */

static struct error *group_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct group_detail *group = state;
    const struct group_argument *wanted = argument;
    group->grouping = wanted->grouping;
    group->key = wanted->group;
    stack_view_init(&group->view);
    list_init(&group->groups, &goroutine_list);
    list_init(&group->singles, &single_list);
    return NULL;
}

static void group_close(void *state)
{
    struct group_detail *group = state;
    stack_view_deinit(&group->view);
    list_deinit(&group->groups);
    list_deinit(&group->singles);
    vector_deinit(&group->rows);
    vector_deinit(&group->goroutines);
}

/* The goroutines of the only group. */
static bool list_singles(struct group_detail *group, const struct model *model)
{
    const struct snapshot *shown = model->shown;
    group->goroutines.count = 0;
    if (group->rows.count == 1) {
        for (size_t i = 0; i < shown->num_goroutines; i++)
            if (shown->goroutines[i].group == group->rows.items[0].group_index &&
                !vector_append(&group->goroutines, shown->goroutines[i]))
                return false;
    }
    return list_set_rows(&group->singles, model, group->goroutines.items, group->goroutines.count,
                         sizeof(*group->goroutines.items));
}

static struct error *group_update(struct session *session, void *state)
{
    struct group_detail *group = state;
    const struct analysis *analysis = session->model.analysis;
    enum goroutine_grouping grouping = group->grouping;
    group->row = NULL;
    for (size_t i = 0; i < analysis->num_goroutines_by[grouping] && !group->row; i++)
        if (goroutine_groups_match(grouping, &analysis->goroutines_by[grouping][i].group, &group->key))
            group->row = &analysis->goroutines_by[grouping][i];
    group->rows.count = 0;
    for (size_t i = 0; i < analysis->num_goroutines_by[GOROUTINES_BY_GROUP]; i++) {
        const struct goroutine_row *row = &analysis->goroutines_by[GOROUTINES_BY_GROUP][i];
        if (goroutine_groups_match(grouping, &row->group, &group->key) && !vector_append(&group->rows, *row))
            return error_no_memory();
    }
    if (!list_set_rows(&group->groups, &session->model, group->rows.items, group->rows.count,
                       sizeof(*group->rows.items)) ||
        !list_singles(group, &session->model))
        return error_no_memory();
    const struct goroutine_row *selected = list_selected(&group->groups);
    if (!selected && group->rows.count > 0)
        selected = &group->rows.items[0];
    return stack_view_set(&group->view, session, selected ? selected->group.stack : 0) ? NULL : error_no_memory();
}

static struct list *group_focus(void *state)
{
    struct group_detail *group = state;
    return group->pane == PANE_STACK ? &group->view.frames : below(group);
}

static void group_point(void *state, int x, int y)
{
    struct group_detail *group = state;
    if (list_contains(below(group), x, y))
        group->pane = PANE_BELOW;
    else if (list_contains(&group->view.frames, x, y))
        group->pane = PANE_STACK;
}

/* Opens the selected group, or goroutine. */
static void open_selected(struct session *session, struct group_detail *group)
{
    const void *row = list_selected(below(group));
    if (!row)
        return;
    if (below(group) == &group->singles)
        error_destroy(session_open_goroutine(session, ((const struct listed_goroutine *)row)->goid));
    else
        error_destroy(
            session_open_goroutines(session, GOROUTINES_BY_GROUP, &((const struct goroutine_row *)row)->group));
}

static bool group_offers(const struct session *session, const void *state, enum action action)
{
    const struct group_detail *group = state;
    (void)session;
    return action != ACTION_NEXT_PANE || group->groups.num_all + group->singles.num_all > 0;
}

static bool group_act(struct session *session, void *state, enum action action)
{
    struct group_detail *group = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        group->pane = group->pane == PANE_STACK && below(group)->num_all > 0 ? PANE_BELOW : PANE_STACK;
        return true;
    }
    if (group->pane != PANE_BELOW)
        return stack_view_act(&group->view, session, action);
    if (action == ACTION_OPEN) {
        open_selected(session, group);
        return true;
    }
    /* The frames follow the group that is selected. */
    bool resort;
    if (below(group) != &group->groups || !list_act(&group->groups, action, &resort))
        return false;
    error_destroy(group_update(session, group));
    return true;
}

static void group_describe(const struct session *session, const void *state, struct text *text)
{
    const struct group_detail *group = state;
    const struct catalog *catalog = session->model.shown->catalog;
    if (group->grouping == GOROUTINES_BY_STATE)
        text_append(text, goroutine_state(catalog, &group->key));
    else if (group->grouping == GOROUTINES_BY_KIND)
        text_append(text, wait_kind_name(group->key.kind));
    else if (group->grouping == GOROUTINES_BY_LABELS)
        goroutine_write_labels(catalog, group->key.labels, text);
    else
        catalog_write_frame(catalog, goroutine_subject(catalog, &group->key), text);
}

static const enum action group_footer[] = {ACTION_BACK,   ACTION_NEXT_PANE,    ACTION_OPEN,
                                           ACTION_SEARCH, ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER, ACTION_NONE};

static const struct screen_ops goroutine_group_screen = {
    .title = "Goroutine group",
    .about = "Goroutines with one stack: how many over time, what they wait on, each of them.",
    .state_size = sizeof(struct group_detail),
    .footer = group_footer,
    .open = group_open,
    .close = group_close,
    .update = group_update,
    .draw = group_draw,
    .num_graphs = group_num_graphs,
    .draw_graph = group_draw_graph,
    .focus = group_focus,
    .act = group_act,
    .offers = group_offers,
    .point = group_point,
    .describe = group_describe,
};

struct error *session_open_goroutines(struct session *session, enum goroutine_grouping grouping,
                                      const struct goroutine_group *group)
{
    struct group_argument argument = {.grouping = grouping, .group = *group};
    return session_push(session, &goroutine_group_screen, &argument);
}
