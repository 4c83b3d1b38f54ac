/* All call sites: as a list, or as a tree of who called them. */
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/profiling.h"
#include "tui/screens/allocation_list.h"
#include "tui/session.h"

/* Rows of the tree that are open at once; more is a tree nobody reads. */
#define TREE_MAX_ROWS 5000
#define TREE_INDENT 2

/* A line of the tree: a node that can be seen, because all above it are open. */
struct tree_row {
    const struct tree_node *node;
    uint64_t identity;      /* Of the path from the root: stays when the tree is built anew. */
    bool is_open;
};

struct sites {
    struct list list, tree;
    bool as_tree;
    struct arena arena;                     /* Of the tree that is shown. */
    struct table open;                      /* Identities of open nodes. */
    VECTOR(struct tree_row) rows;
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

static void draw_tree_growth(const struct list_cell *cell, const void *row)
{
    double speed = ((const struct tree_row *)row)->node->growth_per_second;
    struct growth growth = {.verdict = speed > 0   ? GROWTH_GROWING
                                       : speed < 0 ? GROWTH_SHRINKING
                                                   : GROWTH_PLATEAU,
                            .per_second = speed};
    growth_draw(cell->canvas, &growth, true);
}

static void draw_tree_objects(const struct list_cell *cell, const void *row)
{
    char buffer[UNITS_BUFFER];
    cell_right(cell, ROLE_TEXT,
               units_format_count(buffer, (double)((const struct tree_row *)row)->node->values.inuse_objects));
}

static int indent_of(const struct tree_node *node)
{
    return node->depth > 0 ? (int)(node->depth - 1) * TREE_INDENT : 0;
}

static void draw_tree_frame(const struct list_cell *cell, const void *row)
{
    const struct tree_row *line = row;
    /* Deep branches are moved left as long names are. */
    int x = indent_of(line->node) - cell->pan;
    if (line->node->num_children > 0)
        canvas_rune(cell->canvas, x, 0, ROLE_ACCENT, line->is_open ? 0x25be : 0x25b8);
    else
        canvas_rune(cell->canvas, x, 0, ROLE_FAINT, 0xb7);
    struct canvas canvas = canvas_part(cell->canvas, x + 2, 0, cell->canvas.width, 1);
    frame_draw(canvas, 0, 0, canvas.width, x + 2 < 0 ? -(x + 2) : 0, cell_catalog(cell->context), line->node->frame);
}

static void draw_tree_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, ((const struct tree_row *)row)->node->frame);
}

static uint64_t identify_tree(const void *context, const void *row)
{
    (void)context;
    return ((const struct tree_row *)row)->identity;
}

static const char *text_of_tree(const void *context, const void *row, char *buffer)
{
    char place[FORMAT_BUFFER];
    frame_id frame = ((const struct tree_row *)row)->node->frame;
    const struct catalog *catalog = cell_catalog(context);
    snprintf(buffer, LIST_TEXT, "%.400s %s", catalog_function(catalog, frame), frame_place(catalog, frame, place));
    return buffer;
}

static int measure_tree(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    const struct tree_node *node = ((const struct tree_row *)row)->node;
    return indent_of(node) + 2 + (int)utf8_width(frame_function(cell_catalog(context), node->frame, buffer));
}

static const struct column tree_columns[] = {
    {.title = "in use", .width = 8, .right = true, .draw = draw_tree_inuse,
     .help = "bytes in use, here and in the branches below"},
    {.title = "share", .width = 5, .priority = 2, .right = true, .draw = draw_tree_share},
    {.title = "growth", .width = 12, .right = true, .draw = draw_tree_growth,
     .help = "of the call sites below that grow"},
    {.title = "objects", .width = 7, .priority = 3, .right = true, .draw = draw_tree_objects},
    {.title = "call site and callers", .width = 30, .flexible = true, .draw = draw_tree_frame,
     .help = "Enter opens a branch: who called it"},
    {.title = "line", .width = 20, .priority = 1, .draw = draw_tree_place},
};

static const struct list_ops tree_list = {
    .columns = tree_columns,
    .num_columns = ARRAY_SIZE(tree_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_tree,
    .text = text_of_tree,
    .measure = measure_tree,
};

static uint64_t path_identity(uint64_t parent, const struct catalog *catalog, frame_id frame)
{
    const struct frame *where = catalog_frame(catalog, frame);
    const uint32_t parts[] = {where->function, where->line, where->function ? 0 : frame};
    return table_hash_bytes(parts, sizeof(parts), parent + 1);
}

/* Adds the children of a node, and those below the open ones. Without recursion: the depth of the tree is the target's.
 */
static bool add_rows(struct sites *sites, const struct catalog *catalog, const struct tree_node *root)
{
    const struct tree_node *node = root->first_child;
    VECTOR(uint64_t) path = {0};    /* Identities of the nodes above. */
    bool done = true;
    while (done && node && sites->rows.count < TREE_MAX_ROWS) {
        uint64_t identity = path_identity(path.count ? path.items[path.count - 1] : 0, catalog, node->frame);
        bool is_open =
            node->num_children > 0 && table_find(&sites->open, identity) && *table_find(&sites->open, identity);
        done = vector_append(&sites->rows, (struct tree_row){node, identity, is_open});
        if (is_open) {
            done = done && vector_append(&path, identity);
            node = node->first_child;
            continue;
        }
        while (node && !node->next_sibling && node != root) {
            node = node->parent;
            if (path.count > 0)
                path.count--;
        }
        node = node && node != root ? node->next_sibling : NULL;
    }
    vector_deinit(&path);
    return done;
}

static struct error *build_tree(struct session *session, struct sites *sites)
{
    arena_deinit(&sites->arena);
    arena_init(&sites->arena);
    sites->rows.count = 0;
    struct tree_node *root;
    struct error *error = analysis_build_tree(session->model.analysis, TREE_CALLERS, &sites->arena, &root);
    if (error)
        return error;
    bool done =
        add_rows(sites, session->model.shown->catalog, root) &&
        list_set_rows(&sites->tree, &session->model, sites->rows.items, sites->rows.count, sizeof(*sites->rows.items));
    return done ? NULL : error_no_memory();
}

/* Opens, closes, or (with neither) changes the selected branch. */
static void set_open(struct session *session, struct sites *sites, bool change, bool open)
{
    const struct tree_row *row = list_selected(&sites->tree);
    if (!row || row->node->num_children == 0)
        return;
    uint64_t *place = table_insert(&sites->open, row->identity, NULL);
    if (place)
        *place = change ? !*place : open;
    error_destroy(build_tree(session, sites));
}

/* ---- the screen ---- */

static struct error *sites_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    struct sites *sites = state;
    list_init(&sites->list, &call_site_list);
    list_init(&sites->tree, &tree_list);
    arena_init(&sites->arena);
    table_init(&sites->open);
    return NULL;
}

static void sites_close(void *state)
{
    struct sites *sites = state;
    list_deinit(&sites->list);
    list_deinit(&sites->tree);
    arena_deinit(&sites->arena);
    table_deinit(&sites->open);
    vector_deinit(&sites->rows);
}

static struct error *sites_update(struct session *session, void *state)
{
    struct sites *sites = state;
    if (sites->as_tree)
        return build_tree(session, sites);
    const struct analysis *analysis = session->model.analysis;
    return list_set_rows(&sites->list, &session->model, analysis->call_sites, analysis_num_listed(analysis),
                         sizeof(*analysis->call_sites))
               ? NULL
               : error_no_memory();
}

/* What the figures below stand for. */
static void draw_profile_line(const struct model *model, struct canvas canvas)
{
    const struct snapshot *shown = model->shown;
    char figure[UNITS_BUFFER], count[UNITS_BUFFER], text[160];
    if (shown->profile_state != PROFILE_ON) {
        canvas_text_fit(canvas, 2, 0, canvas.width - 4, ROLE_NOTICE,
                        shown->profile_reason ? shown->profile_reason : "no heap profile in this program");
        return;
    }
    const struct allocation_totals *totals = &model->analysis->totals;
    int x = canvas_text(canvas, 2, 0, ROLE_FIGURE, units_format_bytes(figure, (double)totals->published.inuse_bytes));
    x = canvas_text(canvas, x + 1, 0, ROLE_MUTED, "in use");
    snprintf(text, sizeof(text), "%s call sites", units_format_exact(count, (int64_t)totals->call_sites));
    x = canvas_text(canvas, x + 3, 0, ROLE_MUTED, text);
    snprintf(text, sizeof(text), "as of GC %s%s", units_format_exact(count, (int64_t)shown->profile_cycle),
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
}

static void sites_draw(struct session *session, void *state, struct canvas canvas)
{
    struct sites *sites = state;
    struct list *list = sites->as_tree ? &sites->tree : &sites->list;
    draw_profile_line(&session->model, canvas);
    section_draw(canvas, 1, sites->as_tree ? "Call sites by caller" : "Call sites", list, true);
    list_draw(list, canvas_part(canvas, 0, 2, canvas.width, canvas.height - 2), true);
    if (list->num_all == 0)
        profiling_offer_draw(session, canvas, 3);
}

static struct list *sites_focus(void *state)
{
    struct sites *sites = state;
    return sites->as_tree ? &sites->tree : &sites->list;
}

static bool act_on_tree(struct session *session, struct sites *sites, enum action action)
{
    const struct tree_row *row = list_selected(&sites->tree);
    switch (action) {
    case ACTION_OPEN:
        set_open(session, sites, true, false);
        return true;
    case ACTION_RIGHT:
        if (!row || row->is_open || row->node->num_children == 0)
            return false;
        set_open(session, sites, false, true);
        return true;
    case ACTION_LEFT:
        if (!row || !row->is_open)
            return false;
        set_open(session, sites, false, false);
        return true;
    default:
        return false;
    }
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
        return act_on_tree(session, sites, action);
    if (action != ACTION_OPEN)
        return false;
    const struct allocation_row *row = list_selected(&sites->list);
    if (row && row->is_unattributed)
        session_say(session, "what was %s has no call site", ANALYSIS_UNATTRIBUTED);
    else if (row)
        error_destroy(session_open_site(session, row->subject));
    return true;
}

static const enum action sites_footer[] = {ACTION_SEARCH,  ACTION_FILTER, ACTION_OPEN, ACTION_SORT,
                                           ACTION_REVERSE, ACTION_TREE,   ACTION_NONE};

const struct screen_ops sites_screen = {
    .title = "Sites",
    .state_size = sizeof(struct sites),
    .footer = sites_footer,
    .open = sites_open,
    .close = sites_close,
    .update = sites_update,
    .draw = sites_draw,
    .focus = sites_focus,
    .act = sites_act,
};
