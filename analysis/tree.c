#include "analysis/tree.h"

#include <stdlib.h>

/* Nodes of one build; beyond, stacks are cut where they are. */
#define MAX_NODES 1000000u

/* What makes two frames one node: the function and the line, or the address where there is no name. Below 2^48 for
 * each: function ids have 24 bits. */
static uint64_t frame_key(const struct frame *frame)
{
    return frame->function ? (uint64_t)frame->function << 32 | frame->line : UINT64_C(1) << 63 | frame->address;
}

static bool same_frame(const struct catalog *catalog, frame_id left, frame_id right)
{
    return frame_key(catalog_frame(catalog, left)) == frame_key(catalog_frame(catalog, right));
}

/* The child of a node for a frame, made when new; NULL when memory is out. */
static struct tree_node *find_child(struct tree_builder *builder, uint64_t parent_serial, struct tree_node *parent,
                                    frame_id frame, uint64_t *ret_serial)
{
    uint64_t key[2] = {parent_serial, frame_key(catalog_frame(builder->catalog, frame))};
    uint64_t *serial = NULL;
    for (uint64_t seed = 0;; seed++) {
        bool is_new;
        serial = table_insert(&builder->children, table_hash_bytes(key, sizeof(key), seed), &is_new);
        if (!serial)
            return NULL;
        if (is_new)
            break;
        struct tree_node *node = builder->nodes.items[*serial];
        if (node->parent == parent && same_frame(builder->catalog, node->frame, frame)) {
            *ret_serial = *serial;
            return node;
        }
    }
    struct tree_node *node = arena_alloc(builder->arena, sizeof(*node));
    *serial = builder->nodes.count;
    if (!node || !vector_append(&builder->nodes, node))
        return NULL;
    node->frame = frame;
    node->parent = parent;
    node->depth = parent->depth + 1;
    node->next_sibling = parent->first_child;
    parent->first_child = node;
    parent->num_children++;
    *ret_serial = *serial;
    return node;
}

static void node_add(struct tree_node *node, const struct site_values *values, double growth_per_second)
{
    node->values.alloc_objects += values->alloc_objects;
    node->values.alloc_bytes += values->alloc_bytes;
    node->values.inuse_objects += values->inuse_objects;
    node->values.inuse_bytes += values->inuse_bytes;
    node->growth_per_second += growth_per_second;
}

struct error *tree_builder_init(struct tree_builder *builder, const struct catalog *catalog, struct arena *arena)
{
    *builder = (struct tree_builder){.catalog = catalog, .arena = arena};
    struct tree_node *root = arena_alloc(arena, sizeof(*root));
    return root && vector_append(&builder->nodes, root) ? NULL : error_no_memory();
}

struct error *tree_builder_add(struct tree_builder *builder, const frame_id *path, size_t count,
                               const struct site_values *values, double growth_per_second)
{
    struct tree_node *node = builder->nodes.items[0];
    uint64_t serial = 0;
    node_add(node, values, growth_per_second);
    for (size_t i = 0; i < count && builder->nodes.count < MAX_NODES; i++) {
        node = find_child(builder, serial, node, path[i], &serial);
        if (!node)
            return error_no_memory();
        node_add(node, values, growth_per_second);
    }
    return NULL;
}

double tree_growth(const struct growth *growth)
{
    return growth->verdict == GROWTH_GROWING || growth->verdict == GROWTH_SHRINKING ? growth->per_second : 0;
}

/* The frames from a call site to its callers, or from the program's entry to the allocation. */
static struct error *add_stack(struct tree_builder *builder, const struct allocation_row *row,
                               enum tree_direction direction)
{
    struct stack stack = catalog_stack(builder->catalog, row->stack);
    uint32_t subject = stack.depth ? catalog_stack_subject(builder->catalog, row->stack) : 0;
    uint32_t steps = direction == TREE_CALLERS ? stack.depth - subject : stack.depth;
    builder->path.count = 0;
    for (uint32_t i = 0; i < steps; i++) {
        frame_id frame = stack.frames[direction == TREE_CALLERS ? subject + i : stack.depth - 1 - i];
        if (!vector_append(&builder->path, frame))
            return error_no_memory();
    }
    return tree_builder_add(builder, builder->path.items, builder->path.count, &row->published,
                            tree_growth(&row->growth));
}

static int compare_nodes(const void *left, const void *right)
{
    const struct tree_node *a = *(struct tree_node *const *)left, *b = *(struct tree_node *const *)right;
    if (a->values.inuse_bytes != b->values.inuse_bytes)
        return a->values.inuse_bytes > b->values.inuse_bytes ? -1 : 1;
    if (a->values.inuse_objects != b->values.inuse_objects)
        return a->values.inuse_objects > b->values.inuse_objects ? -1 : 1;
    if (a->values.alloc_bytes != b->values.alloc_bytes)
        return a->values.alloc_bytes > b->values.alloc_bytes ? -1 : 1;
    return a->frame < b->frame ? -1 : a->frame > b->frame;
}

/* Puts every node's children in order. */
static struct error *sort_children(struct tree_builder *builder)
{
    VECTOR(struct tree_node *) children = {0};
    for (size_t i = 0; i < builder->nodes.count; i++) {
        struct tree_node *node = builder->nodes.items[i];
        if (node->num_children < 2)
            continue;
        children.count = 0;
        if (!vector_reserve(&children, node->num_children)) {
            vector_deinit(&children);
            return error_no_memory();
        }
        for (struct tree_node *child = node->first_child; child; child = child->next_sibling)
            children.items[children.count++] = child;
        qsort(children.items, children.count, sizeof(*children.items), compare_nodes);
        for (size_t j = 0; j < children.count; j++)
            children.items[j]->next_sibling = j + 1 < children.count ? children.items[j + 1] : NULL;
        node->first_child = children.items[0];
    }
    vector_deinit(&children);
    return NULL;
}

struct error *tree_builder_finish(struct tree_builder *builder, struct error *error, struct tree_node **ret_root)
{
    if (!error)
        error = sort_children(builder);
    if (!error)
        *ret_root = builder->nodes.items[0];
    table_deinit(&builder->children);
    vector_deinit(&builder->nodes);
    vector_deinit(&builder->path);
    return error;
}

struct error *analysis_build_tree(const struct analysis *analysis, enum tree_direction direction, struct arena *arena,
                                  struct tree_node **ret_root)
{
    struct tree_builder builder;
    struct error *error = tree_builder_init(&builder, analysis->snapshot->catalog, arena);
    for (size_t i = 0; !error && i < analysis->num_stacks; i++)
        error = add_stack(&builder, &analysis->stacks[i], direction);
    return tree_builder_finish(&builder, error, ret_root);
}
