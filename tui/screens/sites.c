/* All call sites: as a list, or as a tree of who called them. */
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/profiling.h"
#include "tui/screens/allocation_list.h"
#include "tui/screens/tree_view.h"
#include "tui/session.h"

#define MOST_REASON_LINES 3

struct sites {
    struct list list;
    struct tree_view tree;
    bool as_tree;
};

/* ---- the tree ---- */

static void draw_tree_inuse(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)((const struct tree_row *)row)->node->values.inuse_bytes);
}

static void draw_tree_share(const struct list_cell *cell, const void *row)
{
    const struct tree_node *node = ((const struct tree_row *)row)->node;
    const struct model *model = cell->context;
    int64_t all = model->analysis->totals.published.inuse_bytes;
    char buffer[UNITS_BUFFER];
    if (all > 0)
        cell_right(cell, ROLE_MUTED, units_format_percent(buffer, (double)node->values.inuse_bytes / (double)all));
}

static void draw_tree_objects(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_TEXT,
               units_format_count(buffer, (double)((const struct tree_row *)row)->node->values.inuse_objects));
}

static const struct column tree_columns[] = {
    {.title = "in use", .width = 8, .right = true, .draw = draw_tree_inuse,
     .help = "bytes in use, here and in the branches below"},
    {.title = "share", .width = 5, .priority = 2, .right = true, .draw = draw_tree_share},
    {.title = "growth", .width = 12, .right = true, .draw = tree_draw_growth,
     .help = "of the call sites below that grow"},
    {.title = "objects", .width = 7, .priority = 3, .right = true, .draw = draw_tree_objects},
    {.title = "call site and callers", .width = 30, .flexible = true, .draw = tree_draw_frame,
     .help = "Enter opens a branch: who called it"},
    {.title = "line", .width = 20, .priority = 1, .draw = tree_draw_place},
};

static const struct list_ops tree_list = {
    .columns = tree_columns,
    .num_columns = ARRAY_SIZE(tree_columns),
    .first_sort = LIST_UNSORTED,
    .identity = tree_identify,
    .text = tree_text,
    .measure = tree_measure,
};

static struct error *build(const struct analysis *analysis, struct arena *arena, struct tree_node **ret_root)
{
    return analysis_build_tree(analysis, TREE_CALLERS, arena, ret_root);
}

/* ---- the screen ---- */

static struct error *sites_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    struct sites *sites = state;
    list_init(&sites->list, &call_site_list);
    tree_view_init(&sites->tree, &tree_list, build);
    return NULL;
}

static void sites_close(void *state)
{
    struct sites *sites = state;
    list_deinit(&sites->list);
    tree_view_deinit(&sites->tree);
}

static struct error *sites_update(struct session *session, void *state)
{
    struct sites *sites = state;
    if (sites->as_tree)
        return tree_view_update(&sites->tree, session);
    const struct analysis *analysis = session->model.analysis;
    return list_set_rows(&sites->list, &session->model, analysis->call_sites, analysis_num_listed(analysis),
                         sizeof(*analysis->call_sites))
               ? NULL
               : error_no_memory();
}

/* What the figures below stand for; the row below. */
static int draw_profile_line(const struct model *model, struct canvas canvas)
{
    const struct snapshot *shown = model->shown;
    char figure[UNITS_BUFFER], count[UNITS_BUFFER], text[160];
    if (shown->profile_state != PROFILE_ON) {
        return canvas_text_wrap(canvas, 2, 0, canvas.width - 4, MOST_REASON_LINES, ROLE_NOTICE,
                                shown->profile_reason ? shown->profile_reason : "no heap profile in this program");
    }
    const struct allocation_totals *totals = &model->analysis->totals;
    int x = canvas_text(canvas, 2, 0, ROLE_FIGURE, units_format_bytes(figure, (double)totals->published.inuse_bytes));
    x = canvas_text(canvas, x + 1, 0, ROLE_MUTED, snapshot_profile_held(shown));
    snprintf(text, sizeof(text), "%s call sites", units_format_exact(count, (int64_t)totals->call_sites));
    x = canvas_text(canvas, x + 3, 0, ROLE_MUTED, text);
    char moment[SNAPSHOT_MOMENT_BUFFER];
    snprintf(text, sizeof(text), "%s%s", snapshot_profile_moment(shown, moment),
             shown->profile_torn      ? ", the last consistent reading"
             : shown->sites_truncated ? ", cut at its bound"
                                      : "");
    x = canvas_text(canvas, x + 3, 0, shown->profile_torn || shown->sites_truncated ? ROLE_NOTICE : ROLE_MUTED, text);
    double rate;
    if (counter_value(shown, COUNTER_MEM_PROFILE_RATE, &rate) && rate > 1) {
        snprintf(text, sizeof(text), "sampled every %s", units_format_bytes(figure, rate));
        if (x + 3 + (int)strlen(text) < canvas.width)
            x = canvas_text(canvas, x + 3, 0, ROLE_MUTED, text);
    }
    if (shown->profile_since_unix_ns > PROFILE_SINCE_UNKNOWN && shown->unix_ns > shown->profile_since_unix_ns) {
        snprintf(text, sizeof(text), "on for %s",
                 units_format_duration(figure, (double)(shown->unix_ns - shown->profile_since_unix_ns)));
        if (x + 3 + (int)strlen(text) < canvas.width)
            canvas_text(canvas, x + 3, 0, ROLE_NOTICE, text);
    }
    return 1;
}

static void sites_draw(struct session *session, void *state, struct canvas canvas)
{
    struct sites *sites = state;
    struct list *list = sites->as_tree ? &sites->tree.list : &sites->list;
    int y = draw_profile_line(&session->model, canvas);
    y += section_draw(canvas, y, sites->as_tree ? "Call sites by caller" : "Call sites", list, true);
    list_draw(list, canvas_part(canvas, 0, y, canvas.width, canvas.height - y), true);
    if (list->num_all == 0)
        profiling_offer_draw(session, canvas, y + 1);
}

static struct list *sites_focus(void *state)
{
    struct sites *sites = state;
    return sites->as_tree ? &sites->tree.list : &sites->list;
}

static bool sites_act(struct session *session, void *state, enum action action)
{
    struct sites *sites = state;
    if (action == ACTION_TREE) {
        sites->as_tree = !sites->as_tree;
        error_destroy(sites_update(session, sites));
        return true;
    }
    if (sites->as_tree)
        return tree_view_act(&sites->tree, session, action);
    if (action != ACTION_OPEN)
        return false;
    const struct allocation_row *row = list_selected(&sites->list);
    if (row && row->is_unattributed)
        session_say(session, "what was %s has no call site", ANALYSIS_UNATTRIBUTED);
    else if (row)
        error_destroy(session_open_site(session, row->subject));
    return true;
}

static const enum action sites_footer[] = {ACTION_OPEN,    ACTION_SEARCH, ACTION_FILTER, ACTION_SORT,
                                           ACTION_REVERSE, ACTION_TREE,   ACTION_BASELINE, ACTION_COPY,
                                           ACTION_MAXIMISE, ACTION_NONE};

const struct screen_ops sites_screen = {
    .title = "Sites",
    .about = "Each line that allocates, with what it holds and how fast that grows.",
    .state_size = sizeof(struct sites),
    .footer = sites_footer,
    .open = sites_open,
    .close = sites_close,
    .update = sites_update,
    .draw = sites_draw,
    .focus = sites_focus,
    .act = sites_act,
};
