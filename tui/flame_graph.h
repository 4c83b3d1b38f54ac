/* A flame graph of character cells: a tree of frames, each as wide as what is in it, of which one is the whole width
 * and one is picked. Knows nothing of where the tree comes from. */
#ifndef TUI_FLAME_GRAPH_H
#define TUI_FLAME_GRAPH_H

#include "heaptop/analysis/flame_tree.h"
#include "tui/grid.h"
#include "tui/list.h"

/* What was drawn where: so many columns of a row. */
struct flame_box {
    uint32_t node;              /* FLAME_NO_NODE: frames that are too narrow to be drawn. */
    uint32_t depth;
    int x, width;
};
#define FLAME_NO_NODE UINT32_MAX

/* Zeroed, then flame_graph_set. */
struct flame_graph {
    struct flame_tree tree;             /* Its own. No nodes: there is none. */
    uint32_t zoom, picked;              /* Nodes. */
    VECTOR(uint32_t) zooms;             /* Depths of those above `zoom` that it goes back to. */
    bool is_icicle;                     /* Callers on top. */
    uint32_t first_depth;               /* Of the row nearest to the root that is in view. */
    char needle[LIST_NEEDLE];           /* What is searched for. */
    int64_t found_width, found;         /* Of the frames found, none counted twice: as `width`; total, or the change. */
    VECTOR(uint8_t) matches;            /* By string id: whether the name contains the needle. */
    VECTOR(struct flame_box) boxes;     /* From the root upwards, from left to right. */
    struct canvas drawn;
};

void flame_graph_deinit(struct flame_graph *graph);
bool flame_graph_is_empty(const struct flame_graph *graph);
/* Takes over another tree; what is zoomed into and picked stays the same by its names, as far as it is there. */
void flame_graph_set(struct flame_graph *graph, struct flame_tree *tree);
/* Forgets the tree, not what is searched for. */
void flame_graph_clear(struct flame_graph *graph);

void flame_graph_draw(struct flame_graph *graph, struct canvas canvas);
const struct flame_node *flame_graph_node(const struct flame_graph *graph, uint32_t node);

/* To the widest of those called, and on to where that ends; to the next one drawn at the same depth. */
enum flame_move { FLAME_TO_CALLER, FLAME_TO_CALLED, FLAME_TO_ROOT, FLAME_TO_LEAF, FLAME_LEFT, FLAME_RIGHT };
void flame_graph_move(struct flame_graph *graph, enum flame_move move);
/* Makes the picked frame as wide as all; false when it is. */
bool flame_graph_zoom(struct flame_graph *graph);
/* As it was before the last zoom; false when there was none. */
bool flame_graph_unzoom(struct flame_graph *graph);
/* Picks what is drawn at a cell. false: no frame there; *ret_again: it was picked already. */
bool flame_graph_pick_at(struct flame_graph *graph, int x, int y, bool *ret_again);

/* The needle has changed. */
void flame_graph_search(struct flame_graph *graph);
/* Picks the next frame found (+1, -1), round the end; with 0 the picked one or the next. Where all are too narrow to be
 * drawn, zooms to the widest. False when nothing is found. */
bool flame_graph_find(struct flame_graph *graph, int direction);

/* What kind of frame it is, as its ground shows. */
enum ground flame_ground(enum frame_origin origin);

#endif
