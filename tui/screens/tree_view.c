#include "tui/screens/tree_view.h"

#include <stdio.h>

#include "tui/cells.h"

/* Rows of the tree that are open at once; more is a tree nobody reads. */
#define TREE_MAX_ROWS 5000
#define TREE_INDENT 2

void tree_view_init(struct tree_view *view, const struct list_ops *ops, tree_maker *make)
{
    list_init(&view->list, ops);
    view->make = make;
    arena_init(&view->arena);
    table_init(&view->open);
}

void tree_view_deinit(struct tree_view *view)
{
    list_deinit(&view->list);
    arena_deinit(&view->arena);
    table_deinit(&view->open);
    vector_deinit(&view->rows);
}

struct growth tree_growth_of(const struct tree_row *row)
{
    double speed = row->node->growth_per_second;
    return (struct growth){.verdict = speed > 0   ? GROWTH_GROWING
                                      : speed < 0 ? GROWTH_SHRINKING
                                                  : GROWTH_PLATEAU,
                           .per_second = speed};
}

void tree_draw_growth(const struct list_cell *cell, const void *row)
{
    struct growth growth = tree_growth_of(row);
    growth_draw(cell->canvas, &growth, true);
}

static int indent_of(const struct tree_node *node)
{
    return node->depth > 0 ? (int)(node->depth - 1) * TREE_INDENT : 0;
}

void tree_draw_frame(const struct list_cell *cell, const void *row)
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

void tree_draw_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, ((const struct tree_row *)row)->node->frame);
}

uint64_t tree_identify(const void *context, const void *row)
{
    (void)context;
    return ((const struct tree_row *)row)->identity;
}

const char *tree_text(const void *context, const void *row, char *buffer)
{
    char place[FORMAT_BUFFER];
    frame_id frame = ((const struct tree_row *)row)->node->frame;
    const struct catalog *catalog = cell_catalog(context);
    snprintf(buffer, LIST_TEXT, "%.400s %s", catalog_function(catalog, frame), frame_place(catalog, frame, place));
    return buffer;
}

int tree_measure(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    const struct tree_node *node = ((const struct tree_row *)row)->node;
    return indent_of(node) + 2 + (int)utf8_width(frame_function(cell_catalog(context), node->frame, buffer));
}

static uint64_t path_identity(uint64_t parent, const struct catalog *catalog, frame_id frame)
{
    const struct frame *where = catalog_frame(catalog, frame);
    const uint32_t parts[] = {where->function, where->line, where->function ? 0 : frame};
    return table_hash_bytes(parts, sizeof(parts), parent + 1);
}

/* Adds the children of a node, and those below the open ones. Without recursion: the depth of the tree is the target's.
 */
static bool add_rows(struct tree_view *view, const struct catalog *catalog, const struct tree_node *root)
{
    const struct tree_node *node = root->first_child;
    VECTOR(uint64_t) path = {0};    /* Identities of the nodes above. */
    bool done = true;
    while (done && node && view->rows.count < TREE_MAX_ROWS) {
        uint64_t identity = path_identity(path.count ? path.items[path.count - 1] : 0, catalog, node->frame);
        bool is_open =
            node->num_children > 0 && table_find(&view->open, identity) && *table_find(&view->open, identity);
        done = vector_append(&view->rows, (struct tree_row){node, identity, is_open});
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

struct error *tree_view_update(struct tree_view *view, const struct session *session)
{
    arena_deinit(&view->arena);
    arena_init(&view->arena);
    view->rows.count = 0;
    struct tree_node *root;
    struct error *error = view->make(session->model.analysis, &view->arena, &root);
    if (error)
        return error;
    bool done =
        add_rows(view, session->model.shown->catalog, root) &&
        list_set_rows(&view->list, &session->model, view->rows.items, view->rows.count, sizeof(*view->rows.items));
    return done ? NULL : error_no_memory();
}

/* Opens, closes, or (with neither) changes the selected branch. */
static void set_open(struct tree_view *view, const struct session *session, bool change, bool open)
{
    const struct tree_row *row = list_selected(&view->list);
    if (!row || row->node->num_children == 0)
        return;
    uint64_t *place = table_insert(&view->open, row->identity, NULL);
    if (place)
        *place = change ? !*place : open;
    error_destroy(tree_view_update(view, session));
}

bool tree_view_act(struct tree_view *view, struct session *session, enum action action)
{
    const struct tree_row *row = list_selected(&view->list);
    switch (action) {
    case ACTION_OPEN:
        if (row && row->node->num_children == 0)
            session_say(session, "there is nothing below this line");
        set_open(view, session, true, false);
        return true;
    case ACTION_RIGHT:
        if (!row || row->is_open || row->node->num_children == 0)
            return false;
        set_open(view, session, false, true);
        return true;
    case ACTION_LEFT:
        if (!row || !row->is_open)
            return false;
        set_open(view, session, false, false);
        return true;
    default:
        return false;
    }
}
