#include "export/frame_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct frame_tree *tree;
    struct table children;      /* Hash of parent and name -> index. */
};

static int64_t add_saturated(int64_t left, int64_t right)
{
    int64_t sum;
    if (__builtin_add_overflow(left, right, &sum))
        return right > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static string_id frame_name(struct frame_tree *tree, const struct frame *frame)
{
    char address[32];
    if (frame->function)
        return frame->function;
    snprintf(address, sizeof(address), "0x%" PRIx64, frame->address);
    const char *name = frame->address ? address : "unknown";
    return catalog_add_string(tree->set.catalog, name, strlen(name));
}

/* The index of a child, made when it is new; 0 when memory is out. */
static uint32_t find_child(struct builder *builder, uint32_t parent, string_id name, const struct frame *frame)
{
    struct frame_tree *tree = builder->tree;
    const uint32_t key[] = {parent, name};
    bool is_new = false;
    if (!name || !vector_reserve(&tree->nodes, tree->nodes.count + 1))
        return 0;
    uint64_t *index = table_insert(&builder->children, table_hash_bytes(key, sizeof(key), 0), &is_new);
    if (!index)
        return 0;
    if (is_new) {
        *index = tree->nodes.count;
        uint32_t depth = tree->nodes.items[parent].depth + 1;
        tree->nodes.items[tree->nodes.count++] = (struct frame_node){
            .name = name, .file = frame->file, .origin = frame->origin, .depth = depth, .parent = parent};
        tree->depth = depth > tree->depth ? depth : tree->depth;
    }
    return (uint32_t)*index;
}

static struct error *add_sample(struct builder *builder, const struct sample *sample)
{
    struct frame_tree *tree = builder->tree;
    const int64_t values[] = {sample_value(sample, DIFF_OLD, tree->value), sample_value(sample, DIFF_NEW, tree->value)};
    if (values[DIFF_OLD] == 0 && values[DIFF_NEW] == 0)
        return NULL;
    struct stack stack = catalog_stack(tree->set.catalog, sample->stack);
    uint32_t node = 0, kept = stack.depth < FRAME_TREE_MAX_DEPTH ? stack.depth : FRAME_TREE_MAX_DEPTH - 1;
    for (uint32_t i = 0; i < kept; i++) {
        const struct frame *frame = catalog_frame(tree->set.catalog, stack.frames[stack.depth - 1 - i]);
        node = find_child(builder, node, frame_name(tree, frame), frame);
        if (!node)
            return error_no_memory();
    }
    if (kept < stack.depth) {
        static const struct frame deeper = {.origin = FRAME_NATIVE};
        string_id name = catalog_add_string(tree->set.catalog, FRAME_TREE_DEEPER, strlen(FRAME_TREE_DEEPER));
        node = find_child(builder, node, name, &deeper);
        if (!node)
            return error_no_memory();
    }
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
        tree->nodes.items[node].self[side] = add_saturated(tree->nodes.items[node].self[side], values[side]);
    return NULL;
}

struct order {
    uint32_t index, parent, depth;
    const char *name;
};

static int compare_order(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->depth != b->depth)
        return a->depth < b->depth ? -1 : 1;
    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Puts parents before children, and siblings next to each other by name. */
static struct error *sort_nodes(struct frame_tree *tree)
{
    size_t count = tree->nodes.count;
    _cleanup_free_ struct order *order = calloc(count, sizeof(*order));
    _cleanup_free_ uint32_t *places = calloc(count, sizeof(*places));
    _cleanup_free_ struct frame_node *sorted = calloc(count, sizeof(*sorted));
    if (!order || !places || !sorted)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct frame_node *node = &tree->nodes.items[i];
        order[i] = (struct order){.index = (uint32_t)i,
                                  .parent = node->parent,
                                  .depth = node->depth,
                                  .name = catalog_string(tree->set.catalog, node->name)};
    }
    qsort(order, count, sizeof(*order), compare_order);
    for (size_t i = 0; i < count; i++)
        places[order[i].index] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = tree->nodes.items[order[i].index];
        sorted[i].parent = places[sorted[i].parent];
        struct frame_node *parent = &sorted[sorted[i].parent];
        if (i > 0 && parent->num_children++ == 0)
            parent->first_child = (uint32_t)i;
    }
    memcpy(tree->nodes.items, sorted, count * sizeof(*sorted));
    return NULL;
}

static void sum_nodes(struct frame_tree *tree)
{
    for (size_t i = tree->nodes.count; i-- > 0;) {
        struct frame_node *node = &tree->nodes.items[i], *parent = &tree->nodes.items[node->parent];
        int64_t own = node->self[DIFF_OLD] > node->self[DIFF_NEW] ? node->self[DIFF_OLD] : node->self[DIFF_NEW];
        node->width = add_saturated(node->width, own > 0 ? own : 0);
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
            node->total[side] = add_saturated(node->total[side], node->self[side]);
        if (i == 0)
            break;
        parent->width = add_saturated(parent->width, node->width);
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
            parent->total[side] = add_saturated(parent->total[side], node->total[side]);
    }
}

struct error *frame_tree_build(const struct export_request *request, struct frame_tree *ret_tree)
{
    struct frame_tree tree = {0};
    struct error *error = export_value_resolve(request->profile, request->value, &tree.value);
    if (!error)
        error = sample_set_collect(request, &tree.set);
    if (error)
        return error;
    struct builder builder = {.tree = &tree};
    if (!vector_append(&tree.nodes, (struct frame_node){0}))
        error = error_no_memory();
    for (size_t i = 0; !error && i < tree.set.samples.count; i++)
        error = add_sample(&builder, &tree.set.samples.items[i]);
    if (!error)
        error = sort_nodes(&tree);
    table_deinit(&builder.children);
    if (error) {
        frame_tree_deinit(&tree);
        return error;
    }
    sum_nodes(&tree);
    *ret_tree = tree;
    return NULL;
}

int64_t frame_node_change(const struct frame_node *node)
{
    int64_t change;
    if (__builtin_sub_overflow(node->total[DIFF_NEW], node->total[DIFF_OLD], &change))
        return node->total[DIFF_NEW] > 0 ? INT64_MAX : INT64_MIN;
    return change;
}

void frame_tree_deinit(struct frame_tree *tree)
{
    vector_deinit(&tree->nodes);
    sample_set_deinit(&tree->set);
}
