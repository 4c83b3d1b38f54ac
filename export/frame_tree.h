/* A profile's samples as a tree from the outermost frames inwards, merged by function: what folded stacks and graphs
 * are made from. */
#ifndef HEAPTOP_EXPORT_FRAME_TREE_H
#define HEAPTOP_EXPORT_FRAME_TREE_H

#include "export/samples.h"

/* Of deeper stacks the inner frames are one, FRAME_TREE_DEEPER. */
#define FRAME_TREE_MAX_DEPTH 512
#define FRAME_TREE_DEEPER "(deeper frames)"

struct frame_node {
    string_id name;             /* In the tree's catalog, escaped; of the root 0. */
    string_id file;             /* Of the first frame that was met, 0 when unknown. */
    uint8_t origin;             /* enum frame_origin */
    uint32_t depth;             /* The root has 0. */
    uint32_t parent;            /* Index; the root is its own. */
    uint32_t first_child, num_children;     /* Children stand next to each other, by name. */
    int64_t self[2];            /* By enum diff_side. Of stacks that end here. */
    int64_t total[2];           /* With all below. */
    int64_t width;              /* In a graph: self, the larger of both sides, and the widths of its children. */
};

struct frame_tree {
    struct sample_set set;
    enum export_value value;    /* Resolved. */
    VECTOR(struct frame_node) nodes;        /* The root first, parents before children. */
    uint32_t depth;             /* The deepest node's. */
};

/* ERROR_UNSUPPORTED, ERROR_USAGE as export_folded. */
struct error *frame_tree_build(const struct export_request *request, struct frame_tree *ret_tree);
/* New minus old, without overflow. */
int64_t frame_node_change(const struct frame_node *node);
void frame_tree_deinit(struct frame_tree *tree);

#endif
