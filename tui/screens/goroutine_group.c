/* The goroutines of one row: how many, since when they wait, who started them, their stack and the source around it. */
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/panel.h"
#include "tui/screens/goroutine_list.h"
#include "tui/screens/stack_view.h"
#include "tui/session.h"

#define GRAPH_LEAST_HEIGHT 22
#define TWO_COLUMNS_WIDTH 110

enum group_pane { PANE_STACK, PANE_GROUPS };

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
    enum group_pane pane;
};

/* ---- figures ---- */

struct fact {
    const char *label;
    char figure[FORMAT_BUFFER];
    char note[96];
    enum role role;
};

#define NUM_FACTS 4

static void write_wait(const struct goroutine_group *group, struct fact *fact)
{
    char least[UNITS_BUFFER], most[UNITS_BUFFER];
    *fact = (struct fact){.label = "waiting", .figure = NOT_KNOWN, .role = ROLE_TEXT};
    if (!group->wait_known) {
        snprintf(fact->note, sizeof(fact->note), "noted when a GC finds them waiting");
        return;
    }
    units_format_duration(least, (double)group->wait_ns_min);
    units_format_duration(most, (double)group->wait_ns_max);
    snprintf(fact->figure, sizeof(fact->figure), "%s", most);
    if (strcmp(least, most) != 0)
        snprintf(fact->note, sizeof(fact->note), "the newest for %s", least);
}

static void write_facts(const struct session *session, const struct goroutine_row *row, struct fact facts[NUM_FACTS])
{
    const struct catalog *catalog = session->model.shown->catalog;
    char buffer[FORMAT_BUFFER], place[FORMAT_BUFFER];
    facts[0] = (struct fact){.label = "goroutines", .role = ROLE_FIGURE};
    units_format_exact(facts[0].figure, row->group.count);
    bool moves = row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING;
    if (moves)
        format_growth_count(buffer, row->growth.per_second);
    snprintf(facts[0].note, sizeof(facts[0].note), "%s %s", growth_verdict_name(row->growth.verdict),
             moves ? buffer : "");
    facts[1] = (struct fact){.label = "state", .role = ROLE_TEXT};
    snprintf(facts[1].figure, sizeof(facts[1].figure), "%s", goroutine_state(catalog, &row->group));
    write_wait(&row->group, &facts[2]);
    facts[3] = (struct fact){.label = "started", .figure = NOT_KNOWN, .role = ROLE_TEXT};
    if (row->group.created_by)
        snprintf(facts[3].figure, sizeof(facts[3].figure), "%s", frame_place(catalog, row->group.created_by, place));
    if (row->group.start)
        snprintf(facts[3].note, sizeof(facts[3].note), "as %s", frame_function(catalog, row->group.start, buffer));
}

static int draw_facts(const struct session *session, const struct goroutine_row *row, struct canvas canvas)
{
    struct fact facts[NUM_FACTS];
    write_facts(session, row, facts);
    int columns = canvas.width >= TWO_COLUMNS_WIDTH ? 2 : 1, rows = NUM_FACTS / columns;
    for (int i = 0; i < NUM_FACTS; i++) {
        struct canvas part =
            canvas_part(canvas, 2 + canvas.width / columns * (i % columns), i / columns, canvas.width / columns - 3, 1);
        canvas_text(part, 0, 0, ROLE_MUTED, facts[i].label);
        canvas_text(part, 11, 0, facts[i].role, facts[i].figure);
        int x = 11 + (int)utf8_width(facts[i].figure);
        x = x < 26 ? 26 : x + 2;
        canvas_text_fit(part, x, 0, part.width - x, ROLE_MUTED, facts[i].note);
    }
    return rows;
}

/* ---- drawing ---- */

static int draw_history(const struct session *session, const struct goroutine_row *row, struct canvas canvas)
{
    if (canvas.height < GRAPH_LEAST_HEIGHT || row->counts->count == 0)
        return 0;
    struct panel panel = {.title = "goroutines over time",
                          .format = units_format_count,
                          .series = row->counts,
                          .verdict = row->growth.verdict};
    int height = canvas.height / 4;
    height = height > 11 ? 11 : height;
    panel_draw(canvas_part(canvas, 0, 0, canvas.width, height), &session->model, &panel);
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
    y += draw_history(session, group->row, canvas_part(canvas, 0, y, canvas.width, canvas.height));
    int left = canvas.height - y, groups = group->rows.count > 1 ? (int)group->groups.num_rows + 2 : 0;
    groups = groups > left / 3 ? left / 3 : groups;
    groups = groups < 3 ? 0 : groups;
    struct canvas middle = canvas_part(canvas, 0, y, canvas.width, left - groups);
    if (group->view.rows.count > 0) {
        stack_view_draw(&group->view, session, middle, group->pane == PANE_STACK);
    } else {
        section_draw(middle, 0, "Stack", NULL, group->pane == PANE_STACK);
        canvas_text_fit(middle, 2, 1, middle.width - 4, ROLE_MUTED,
                        "no stack: they run, or moved on while it was read");
    }
    if (groups == 0)
        return;
    struct canvas others = canvas_part(canvas, 0, canvas.height - groups, canvas.width, groups);
    section_draw(others, 0, "Their stacks", &group->groups, group->pane == PANE_GROUPS);
    list_draw(&group->groups, canvas_part(others, 0, 1, others.width, groups - 1), group->pane == PANE_GROUPS);
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
    return NULL;
}

static void group_close(void *state)
{
    struct group_detail *group = state;
    stack_view_deinit(&group->view);
    list_deinit(&group->groups);
    vector_deinit(&group->rows);
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
    for (size_t i = 0; i < analysis->num_goroutines; i++)
        if (goroutine_groups_match(grouping, &analysis->goroutines[i].group, &group->key) &&
            !vector_append(&group->rows, analysis->goroutines[i]))
            return error_no_memory();
    if (!list_set_rows(&group->groups, &session->model, group->rows.items, group->rows.count,
                       sizeof(*group->rows.items)))
        return error_no_memory();
    const struct goroutine_row *selected = list_selected(&group->groups);
    if (!selected && group->rows.count > 0)
        selected = &group->rows.items[0];
    return stack_view_set(&group->view, session, selected ? selected->group.stack : 0) ? NULL : error_no_memory();
}

static struct list *group_focus(void *state)
{
    struct group_detail *group = state;
    return group->pane == PANE_STACK ? &group->view.frames : &group->groups;
}

static void group_point(void *state, int x, int y)
{
    struct group_detail *group = state;
    if (list_contains(&group->groups, x, y))
        group->pane = PANE_GROUPS;
    else if (list_contains(&group->view.frames, x, y))
        group->pane = PANE_STACK;
}

static bool group_act(struct session *session, void *state, enum action action)
{
    struct group_detail *group = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        group->pane = group->pane == PANE_STACK && group->rows.count > 1 ? PANE_GROUPS : PANE_STACK;
        return true;
    }
    if (group->pane != PANE_GROUPS)
        return false;
    /* The frames follow the group that is selected. */
    bool resort;
    if (!list_act(&group->groups, action, &resort))
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
    else
        catalog_write_frame(catalog, goroutine_subject(catalog, &group->key), text);
}

static const enum action group_footer[] = {ACTION_BACK,         ACTION_NEXT_PANE,   ACTION_SEARCH,
                                           ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER, ACTION_NONE};

static const struct screen_ops goroutine_group_screen = {
    .title = "Goroutine group",
    .state_size = sizeof(struct group_detail),
    .footer = group_footer,
    .open = group_open,
    .close = group_close,
    .update = group_update,
    .draw = group_draw,
    .focus = group_focus,
    .act = group_act,
    .point = group_point,
    .describe = group_describe,
};

struct error *session_open_goroutines(struct session *session, enum goroutine_grouping grouping,
                                      const struct goroutine_group *group)
{
    struct group_argument argument = {.grouping = grouping, .group = *group};
    return session_push(session, &goroutine_group_screen, &argument);
}
