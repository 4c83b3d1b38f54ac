#include "heaptop/analysis.h"

#include <stdlib.h>

/* Nodes of one build; beyond, stacks are cut where they are. */
#define MAX_NODES 1000000u

struct tree_builder {
    const struct catalog *catalog;
    struct arena *arena;
    struct table children;      /* From a parent's serial number, function and line to the child's serial number. */
    VECTOR(struct tree_node *) nodes;
};

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

static void node_add(struct tree_node *node, const struct allocation_row *row)
{
    node->values.alloc_objects += row->published.alloc_objects;
    node->values.alloc_bytes += row->published.alloc_bytes;
    node->values.inuse_objects += row->published.inuse_objects;
    node->values.inuse_bytes += row->published.inuse_bytes;
    if (row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING)
        node->growth_per_second += row->growth.per_second;
}

static struct error *add_stack(struct tree_builder *builder, const struct allocation_row *row,
                               enum tree_direction direction)
{
    struct stack stack = catalog_stack(builder->catalog, row->stack);
    struct tree_node *node = builder->nodes.items[0];
    uint64_t serial = 0;
    node_add(node, row);
    uint32_t subject = stack.depth ? catalog_stack_subject(builder->catalog, row->stack) : 0;
    uint32_t steps = direction == TREE_CALLERS ? stack.depth - subject : stack.depth;
    for (uint32_t i = 0; i < steps && builder->nodes.count < MAX_NODES; i++) {
        frame_id frame = stack.frames[direction == TREE_CALLERS ? subject + i : stack.depth - 1 - i];
        node = find_child(builder, serial, node, frame, &serial);
        if (!node)
            return error_no_memory();
        node_add(node, row);
    }
    return NULL;
}

static int compare_nodes(const void *left, const void *right)
{
    const struct tree_node *a = *(struct tree_node *const *)left, *b = *(struct tree_node *const *)right;
    if (a->values.inuse_bytes != b->values.inuse_bytes)
        return a->values.inuse_bytes > b->values.inuse_bytes ? -1 : 1;
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

struct error *analysis_build_tree(const struct analysis *analysis, enum tree_direction direction, struct arena *arena,
                                  struct tree_node **ret_root)
{
    struct tree_builder builder = {.catalog = analysis->snapshot->catalog, .arena = arena};
    struct tree_node *root = arena_alloc(arena, sizeof(*root));
    struct error *error = root && vector_append(&builder.nodes, root) ? NULL : error_no_memory();
    for (size_t i = 0; !error && i < analysis->num_stacks; i++)
        error = add_stack(&builder, &analysis->stacks[i], direction);
    if (!error)
        error = sort_children(&builder);
    table_deinit(&builder.children);
    vector_deinit(&builder.nodes);
    if (!error)
        *ret_root = root;
    return error;
}
