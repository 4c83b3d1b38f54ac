/* A profile's samples as a tree from the outermost frames inwards, merged by function: what flame graphs and folded
 * stacks are made from. */
#ifndef HEAPTOP_ANALYSIS_FLAME_TREE_H
#define HEAPTOP_ANALYSIS_FLAME_TREE_H

#include "heaptop/analysis/samples.h"

/* Of deeper stacks the inner frames are one, FLAME_TREE_DEEPER. */
#define FLAME_TREE_MAX_DEPTH 512
#define FLAME_TREE_DEEPER "(deeper frames)"

struct flame_node {
    string_id name;             /* In the tree's catalog, escaped; of the root 0. */
    frame_id frame;             /* Of the first stack that was met; of the root and FLAME_TREE_DEEPER 0. */
    bool lines_differ;          /* Other stacks are at other lines of the function. */
    uint32_t depth;             /* The root has 0. */
    uint32_t parent;            /* Index; the root is its own. */
    uint32_t first_child, num_children;     /* Children stand next to each other, by name. */
    int64_t self[2];            /* By enum diff_side. Of stacks that end here. */
    int64_t total[2];           /* With all below. */
    int64_t objects[2];         /* Likewise: how many, where `total` is bytes; else the same as that. */
    /* In a graph: self, the larger of both sides, and the widths of its children; by change, how far the two sides of
     * self are apart. */
    int64_t width;
};

struct flame_tree {
    struct catalog *catalog;    /* A reference; its own, see struct sample_set. */
    enum sample_profile profile;
    enum sample_value value;    /* Resolved. */
    bool is_difference;         /* It has a base. */
    bool is_by_change;
    VECTOR(struct flame_node) nodes;        /* The root first, parents before children. */
    uint32_t depth;             /* The deepest node's. */
};

/* Keeps nothing of the snapshots. ERROR_UNSUPPORTED where there is no such profile, ERROR_USAGE where it has no such
 * value. */
struct error *flame_tree_build(const struct sample_request *request, struct flame_tree *ret_tree);
void flame_tree_deinit(struct flame_tree *tree);
/* The node's function: borrowed, escaped; "all" for the root. */
const char *flame_node_name(const struct flame_tree *tree, const struct flame_node *node);
/* New minus old, without overflow. */
int64_t flame_node_change(const struct flame_node *node);
/* Whether the tree's value is bytes, or a number of things. */
bool flame_tree_counts_bytes(const struct flame_tree *tree);

#endif
