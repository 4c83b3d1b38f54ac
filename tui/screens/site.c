/* One call site: its figures, its history, its stacks, and the source around the selected frame. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/chrome.h"
#include "tui/panel.h"
#include "tui/screens/allocation_list.h"
#include "tui/screens/stack_view.h"
#include "tui/session.h"

#define GRAPH_LEAST_HEIGHT 22
#define TWO_COLUMNS_WIDTH 110

enum site_pane { PANE_STACK, PANE_STACKS };

struct site_detail {
    frame_id subject;
    const struct allocation_row *row;   /* In the analysis on view; NULL when the profile no longer has it. */
    struct stack_view view;             /* Of the stack selected in `stacks`, or of the one that holds most. */
    struct list stacks;
    enum site_pane pane;
};

/* ---- data ---- */

static const struct allocation_row *find_row(const struct analysis *analysis, frame_id subject)
{
    for (size_t i = 0; i < analysis->num_call_sites; i++)
        if (analysis->call_sites[i].subject == subject)
            return &analysis->call_sites[i];
    return NULL;
}

/* ---- figures ---- */

struct fact {
    const char *label;
    char figure[FORMAT_BUFFER];
    char note[96];
    enum role role;
};

#define NUM_FACTS 6

static void write_growth(const struct allocation_row *row, struct fact *fact)
{
    char speed[FORMAT_BUFFER], error[UNITS_BUFFER], clock[FORMAT_BUFFER];
    bool moves = row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING;
    *fact = (struct fact){.label = "growth", .role = verdict_role(row->growth.verdict)};
    if (!moves) {
        fact->role = ROLE_TEXT;
        snprintf(fact->figure, sizeof(fact->figure), "%s", growth_verdict_name(row->growth.verdict));
        return;
    }
    char mark[5] = "";
    uint32_t rune = row->growth.provisional ? GROWTH_PROVISIONAL_MARK : verdict_mark(row->growth.verdict);
    mark[utf8_from_rune(rune, mark)] = '\0';
    snprintf(fact->figure, sizeof(fact->figure), "%s %s", mark, format_growth_bytes(speed, row->growth.per_second));
    snprintf(fact->note, sizeof(fact->note), "\xc2\xb1%s, since %s",
             units_format_rate(error, row->growth.error_per_second), format_clock(clock, row->growth.since_unix_ns));
}

static void write_facts(const struct session *session, const struct allocation_row *row, struct fact facts[NUM_FACTS])
{
    const struct snapshot *shown = session->model.shown;
    char buffer[FORMAT_BUFFER], when[FORMAT_BUFFER] = "";
    double last_gc;
    memset(facts, 0, NUM_FACTS * sizeof(*facts));
    for (size_t i = 0; i < NUM_FACTS; i++)
        facts[i].role = ROLE_FIGURE;
    facts[0].label = snapshot_profile_held(shown);
    char percent[UNITS_BUFFER] = "";
    if (row->relative_error > 0)
        units_format_percent(percent, row->relative_error);
    snprintf(facts[0].figure, sizeof(facts[0].figure), "%s%s%s",
             units_format_bytes(buffer, (double)row->published.inuse_bytes), percent[0] ? " \xc2\xb1" : "", percent);
    if (counter_value(shown, COUNTER_LAST_GC, &last_gc) && last_gc > 0)
        ago(session, (uint64_t)last_gc, when);
    char moment[SNAPSHOT_MOMENT_BUFFER];
    snprintf(facts[0].note, sizeof(facts[0].note), "%s%s%s", snapshot_profile_moment(shown, moment),
             when[0] ? ", " : "", when);
    write_growth(row, &facts[1]);
    facts[2].label = "right now";
    units_format_bytes(facts[2].figure, (double)row->provisional.inuse_bytes);
    snprintf(facts[2].note, sizeof(facts[2].note), "%s",
             snapshot_profile_kind(shown) == PROFILE_OF_RUNTIME ? "provisional: the next GC confirms it" : "");
    facts[3].label = snapshot_profile_gains(shown);
    snprintf(facts[3].figure, sizeof(facts[3].figure), "%s",
             isnan(row->alloc_bytes_per_s) ? NOT_KNOWN : units_format_rate(buffer, row->alloc_bytes_per_s));
    if (isnan(row->alloc_bytes_per_s))
        snprintf(facts[3].note, sizeof(facts[3].note), "known after two %ss", snapshot_profile_step(shown));
    else if (!isnan(row->alloc_objects_per_s))
        snprintf(facts[3].note, sizeof(facts[3].note), "%s %s/s", units_format_count(buffer, row->alloc_objects_per_s),
                 snapshot_profile_units(shown));
    facts[4].label = snapshot_profile_units(shown);
    units_format_count(facts[4].figure, (double)row->published.inuse_objects);
    if (row->published.inuse_objects > 0)
        snprintf(facts[4].note, sizeof(facts[4].note), "%s each",
                 units_format_bytes(buffer, (double)row->published.inuse_bytes / (double)row->published.inuse_objects));
    facts[5].label = "frees";
    snprintf(facts[5].figure, sizeof(facts[5].figure), "%s",
             isnan(row->free_bytes_per_s) ? NOT_KNOWN : units_format_rate(buffer, row->free_bytes_per_s));
    if (snapshot_profile_kind(shown) == PROFILE_OF_FAULTS) {
        snprintf(facts[5].figure, sizeof(facts[5].figure), "%s", NOT_KNOWN);
        snprintf(facts[5].note, sizeof(facts[5].note), "page faults do not tell");
        return;
    }
    double kept = row->alloc_bytes_per_s > 0 ? 1 - row->free_bytes_per_s / row->alloc_bytes_per_s : NAN;
    if (!isnan(kept))
        snprintf(facts[5].note, sizeof(facts[5].note), "%s",
                 kept > 0.9   ? "what it allocates, it keeps"
                 : kept < 0.1 ? "what it allocates is freed again"
                              : "part of it is kept");
}

static int draw_facts(const struct session *session, const struct allocation_row *row, struct canvas canvas)
{
    struct fact facts[NUM_FACTS];
    write_facts(session, row, facts);
    int columns = canvas.width >= TWO_COLUMNS_WIDTH ? 2 : 1;
    int rows = columns == 2 ? NUM_FACTS / 2 : canvas.height >= 18 ? NUM_FACTS : 3;
    for (int i = 0; i < rows * columns; i++) {
        const struct fact *fact = &facts[columns == 2 || rows == NUM_FACTS ? i : i == 2 ? 3 : i];
        int left = 2 + canvas.width / columns * (i % columns), y = i / columns;
        struct canvas part = canvas_part(canvas, left, y, canvas.width / columns - 3, 1);
        canvas_text(part, 0, 0, ROLE_MUTED, fact->label);
        canvas_text(part, 11, 0, fact->role, fact->figure);
        int x = 11 + (int)utf8_width(fact->figure);
        x = x < 26 ? 26 : x + 2;
        canvas_text_fit(part, x, 0, part.width - x, ROLE_MUTED, fact->note);
    }
    return rows;
}

/* ---- drawing ---- */

static unsigned site_num_graphs(const struct session *session, const void *state)
{
    (void)session;
    return ((const struct site_detail *)state)->row != NULL;
}

static void site_draw_graph(const struct session *session, const void *state, struct canvas canvas, unsigned number)
{
    (void)number;
    const struct allocation_row *row = ((const struct site_detail *)state)->row;
    bool is_touched = snapshot_profile_kind(session->model.shown) == PROFILE_OF_FAULTS;
    struct panel panel = {.title = is_touched ? "touched over time" : "in use over time",
                          .format = units_format_bytes,
                          .series = row->inuse,
                          .verdict = row->growth.verdict};
    snprintf(panel.note, sizeof(panel.note), "one point a %s", snapshot_profile_step(session->model.shown));
    panel_draw(canvas, &session->model, &panel);
}

static int draw_history(const struct session *session, const struct site_detail *site, struct canvas canvas)
{
    if (canvas.height < GRAPH_LEAST_HEIGHT)
        return 0;
    int height = canvas.height / 4;
    height = height > 11 ? 11 : height;
    site_draw_graph(session, site, canvas_part(canvas, 0, 0, canvas.width, height), 0);
    return height;
}

static void site_draw(struct session *session, void *state, struct canvas canvas)
{
    struct site_detail *site = state;
    if (!site->row) {
        canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED, "the profile no longer has this call site");
        return;
    }
    int y = draw_facts(session, site->row, canvas);
    y += draw_history(session, site, canvas_part(canvas, 0, y, canvas.width, canvas.height));
    int left = canvas.height - y;
    int stacks = stack_view_list_below(&site->view, session, canvas.width, left,
                                       site->row->num_stacks > 1 ? site->stacks.num_rows : 0,
                                       site->pane == PANE_STACKS);
    struct canvas middle = canvas_part(canvas, 0, y, canvas.width, left - stacks);
    stack_view_draw(&site->view, session, middle, site->pane == PANE_STACK);
    if (stacks == 0)
        return;
    struct canvas others = canvas_part(canvas, 0, canvas.height - stacks, canvas.width, stacks);
    section_draw(others, 0, "Its stacks", &site->stacks, site->pane == PANE_STACKS);
    list_draw(&site->stacks, canvas_part(others, 0, 1, others.width, stacks - 1), site->pane == PANE_STACKS);
}

/* ---- the screen ---- */

static struct error *site_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct site_detail *site = state;
    site->subject = *(const frame_id *)argument;
    stack_view_init(&site->view);
    list_init(&site->stacks, &stack_list);
    return NULL;
}

static void site_close(void *state)
{
    struct site_detail *site = state;
    stack_view_deinit(&site->view);
    list_deinit(&site->stacks);
}

static struct error *site_update(struct session *session, void *state)
{
    struct site_detail *site = state;
    const struct analysis *analysis = session->model.analysis;
    site->row = find_row(analysis, site->subject);
    const struct allocation_row *stacks = site->row ? &analysis->stacks[site->row->first_stack] : NULL;
    if (!list_set_rows(&site->stacks, &session->model, stacks, site->row ? site->row->num_stacks : 0, sizeof(*stacks)))
        return error_no_memory();
    const struct allocation_row *selected = list_selected(&site->stacks);
    stack_id stack = selected ? selected->stack : site->row ? site->row->stack : 0;
    return stack_view_set(&site->view, session, stack) ? NULL : error_no_memory();
}

static struct list *site_focus(void *state)
{
    struct site_detail *site = state;
    return site->pane == PANE_STACK ? &site->view.frames : &site->stacks;
}

static void site_point(void *state, int x, int y)
{
    struct site_detail *site = state;
    if (list_contains(&site->stacks, x, y))
        site->pane = PANE_STACKS;
    else if (list_contains(&site->view.frames, x, y))
        site->pane = PANE_STACK;
}

static bool site_offers(const struct session *session, const void *state, enum action action)
{
    (void)session;
    return action != ACTION_NEXT_PANE || ((const struct site_detail *)state)->stacks.num_rows > 1;
}

static bool site_act(struct session *session, void *state, enum action action)
{
    struct site_detail *site = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        site->pane = site->pane == PANE_STACK && site->stacks.num_rows > 1 ? PANE_STACKS : PANE_STACK;
        return true;
    }
    if (site->pane != PANE_STACKS)
        return stack_view_act(&site->view, session, action);
    if (action == ACTION_OPEN) {
        site->pane = PANE_STACK;
        return true;
    }
    /* The frames follow the stack that is selected. */
    bool resort;
    if (!list_act(&site->stacks, action, &resort))
        return false;
    error_destroy(site_update(session, site));
    return true;
}

static void site_describe(const struct session *session, const void *state, struct text *text)
{
    const struct site_detail *site = state;
    catalog_write_frame(session->model.shown->catalog, site->subject, text);
}

static const enum action site_footer[] = {ACTION_BACK,         ACTION_OPEN,        ACTION_NEXT_PANE, ACTION_SEARCH,
                                          ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER, ACTION_NONE};

const struct screen_ops site_screen = {
    .title = "Call site",
    .about = "One call site: what it holds, over time, and by way of which stacks.",
    .state_size = sizeof(struct site_detail),
    .footer = site_footer,
    .open = site_open,
    .close = site_close,
    .update = site_update,
    .draw = site_draw,
    .num_graphs = site_num_graphs,
    .draw_graph = site_draw_graph,
    .focus = site_focus,
    .act = site_act,
    .offers = site_offers,
    .point = site_point,
    .describe = site_describe,
};

struct error *session_open_site(struct session *session, frame_id subject)
{
    return session_push(session, &site_screen, &subject);
}
