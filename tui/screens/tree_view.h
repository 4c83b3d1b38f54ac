/* A tree of frames as a list of lines that open and close: a part of several screens. */
#ifndef TUI_SCREENS_TREE_VIEW_H
#define TUI_SCREENS_TREE_VIEW_H

#include "tui/list.h"
#include "tui/session.h"

/* A line of the tree: a node that can be seen, because all above it are open. */
struct tree_row {
    const struct tree_node *node;
    uint64_t identity;      /* Of the path from the root: stays when the tree is built anew. */
    bool is_open;
};

/* Makes the tree that is shown. */
typedef struct error *tree_maker(const struct analysis *analysis, struct arena *arena, struct tree_node **ret_root);

struct tree_view {
    struct list list;
    tree_maker *make;
    struct arena arena;                     /* Of the tree that is shown. */
    struct table open;                      /* Identities of open nodes. */
    VECTOR(struct tree_row) rows;
};

/* The list's rows are struct tree_row; its functions and columns may be those below. */
void tree_view_init(struct tree_view *view, const struct list_ops *ops, tree_maker *make);
void tree_view_deinit(struct tree_view *view);

/* Builds it anew, with the branches open that were. */
struct error *tree_view_update(struct tree_view *view, const struct session *session);
/* Opens and closes branches; false: not an action of a tree. */
bool tree_view_act(struct tree_view *view, struct session *session, enum action action);

void tree_draw_growth(const struct list_cell *cell, const void *row);   /* Of bytes. */
void tree_draw_frame(const struct list_cell *cell, const void *row);
void tree_draw_place(const struct list_cell *cell, const void *row);
uint64_t tree_identify(const void *context, const void *row);
const char *tree_text(const void *context, const void *row, char *buffer);
int tree_measure(const void *context, const void *row);
/* What grows or shrinks by so much. */
struct growth tree_growth_of(const struct tree_row *row);

#endif
