/* A tree of frames put together out of paths. */
#ifndef HEAPTOP_ANALYSIS_TREE_H
#define HEAPTOP_ANALYSIS_TREE_H

#include "heaptop/analysis.h"

struct tree_builder {
    const struct catalog *catalog;
    struct arena *arena;
    struct table children;      /* From a parent's serial number, function and line to the child's serial number. */
    VECTOR(struct tree_node *) nodes;
    VECTOR(frame_id) path;      /* Scratch, for whoever adds. */
};

struct error *tree_builder_init(struct tree_builder *builder, const struct catalog *catalog, struct arena *arena);
/* Adds to the nodes along a path from the root. */
struct error *tree_builder_add(struct tree_builder *builder, const frame_id *path, size_t count,
                               const struct site_values *values, double growth_per_second);
/* Puts the children in order and frees what is the builder's own. Takes and returns an error that came before. */
struct error *tree_builder_finish(struct tree_builder *builder, struct error *error, struct tree_node **ret_root);
/* Per second; 0 of what neither grows nor shrinks. */
double tree_growth(const struct growth *growth);

#endif
