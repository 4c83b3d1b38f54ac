#include "heaptop/analysis/flame_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct flame_tree *tree;
    enum sample_value objects;  /* What is counted beside the tree's value. */
    struct table children;      /* Hash of parent and name -> index. */
};

static int64_t add_saturated(int64_t left, int64_t right)
{
    int64_t sum;
    if (__builtin_add_overflow(left, right, &sum))
        return right > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static string_id frame_name(struct flame_tree *tree, const struct frame *frame)
{
    char address[32];
    if (frame->function)
        return frame->function;
    snprintf(address, sizeof(address), "0x%" PRIx64, frame->address);
    const char *name = frame->address ? address : "unknown";
    return catalog_add_string(tree->catalog, name, strlen(name));
}

/* The index of a child, made when it is new; 0 when memory is out. */
static uint32_t find_child(struct builder *builder, uint32_t parent, string_id name, frame_id frame)
{
    struct flame_tree *tree = builder->tree;
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
        tree->nodes.items[tree->nodes.count++] =
            (struct flame_node){.name = name, .frame = frame, .depth = depth, .parent = parent};
        tree->depth = depth > tree->depth ? depth : tree->depth;
        return (uint32_t)*index;
    }
    struct flame_node *node = &tree->nodes.items[*index];
    if (node->frame != frame)
        node->lines_differ |=
            catalog_frame(tree->catalog, node->frame)->line != catalog_frame(tree->catalog, frame)->line;
    return (uint32_t)*index;
}

/* The node of a stack's innermost frame; 0 when memory is out, or the stack is empty. */
static uint32_t find_path(struct builder *builder, struct stack stack, bool *ret_good)
{
    struct flame_tree *tree = builder->tree;
    uint32_t node = 0, kept = stack.depth < FLAME_TREE_MAX_DEPTH ? stack.depth : FLAME_TREE_MAX_DEPTH - 1;
    *ret_good = true;
    for (uint32_t i = 0; i < kept && *ret_good; i++) {
        frame_id frame = stack.frames[stack.depth - 1 - i];
        node = find_child(builder, node, frame_name(tree, catalog_frame(tree->catalog, frame)), frame);
        *ret_good = node != 0;
    }
    if (*ret_good && kept < stack.depth) {
        string_id name = catalog_add_string(tree->catalog, FLAME_TREE_DEEPER, strlen(FLAME_TREE_DEEPER));
        node = find_child(builder, node, name, 0);
        *ret_good = node != 0;
    }
    return node;
}

static struct error *add_sample(struct builder *builder, const struct sample *sample)
{
    struct flame_tree *tree = builder->tree;
    const int64_t values[] = {sample_value_of(sample, DIFF_OLD, tree->value),
                              sample_value_of(sample, DIFF_NEW, tree->value)};
    if (values[DIFF_OLD] == 0 && values[DIFF_NEW] == 0)
        return NULL;
    bool good;
    uint32_t index = find_path(builder, catalog_stack(tree->catalog, sample->stack), &good);
    if (!good)
        return error_no_memory();
    struct flame_node *node = &tree->nodes.items[index];
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
        node->self[side] = add_saturated(node->self[side], values[side]);
        node->objects[side] =
            add_saturated(node->objects[side], sample_value_of(sample, (enum diff_side)side, builder->objects));
    }
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
static struct error *sort_nodes(struct flame_tree *tree)
{
    size_t count = tree->nodes.count;
    _cleanup_free_ struct order *order = calloc(count, sizeof(*order));
    _cleanup_free_ uint32_t *places = calloc(count, sizeof(*places));
    _cleanup_free_ struct flame_node *sorted = calloc(count, sizeof(*sorted));
    if (!order || !places || !sorted)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct flame_node *node = &tree->nodes.items[i];
        order[i] = (struct order){.index = (uint32_t)i,
                                  .parent = node->parent,
                                  .depth = node->depth,
                                  .name = catalog_string(tree->catalog, node->name)};
    }
    qsort(order, count, sizeof(*order), compare_order);
    for (size_t i = 0; i < count; i++)
        places[order[i].index] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = tree->nodes.items[order[i].index];
        sorted[i].parent = places[sorted[i].parent];
        struct flame_node *parent = &sorted[sorted[i].parent];
        if (i > 0 && parent->num_children++ == 0)
            parent->first_child = (uint32_t)i;
    }
    memcpy(tree->nodes.items, sorted, count * sizeof(*sorted));
    return NULL;
}

/* What stacks that end in a node add to its width. */
static int64_t own_width(const struct flame_tree *tree, const struct flame_node *node)
{
    int64_t larger = node->self[DIFF_OLD] > node->self[DIFF_NEW] ? node->self[DIFF_OLD] : node->self[DIFF_NEW];
    int64_t smaller = node->self[DIFF_OLD] > node->self[DIFF_NEW] ? node->self[DIFF_NEW] : node->self[DIFF_OLD], apart;
    if (!tree->is_by_change)
        return larger > 0 ? larger : 0;
    return __builtin_sub_overflow(larger, smaller, &apart) ? INT64_MAX : apart;
}

static void sum_nodes(struct flame_tree *tree)
{
    for (size_t i = tree->nodes.count; i-- > 0;) {
        struct flame_node *node = &tree->nodes.items[i], *parent = &tree->nodes.items[node->parent];
        node->width = add_saturated(node->width, own_width(tree, node));
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
            node->total[side] = add_saturated(node->total[side], node->self[side]);
        if (i == 0)
            break;
        parent->width = add_saturated(parent->width, node->width);
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
            parent->total[side] = add_saturated(parent->total[side], node->total[side]);
            parent->objects[side] = add_saturated(parent->objects[side], node->objects[side]);
        }
    }
}

static enum sample_value objects_of(enum sample_value value)
{
    if (value == SAMPLE_INUSE_BYTES)
        return SAMPLE_INUSE_OBJECTS;
    return value == SAMPLE_ALLOC_BYTES ? SAMPLE_ALLOC_OBJECTS : value;
}

static struct error *add_samples(struct flame_tree *tree, const struct sample_set *set)
{
    struct builder builder = {.tree = tree, .objects = objects_of(tree->value)};
    struct error *error = vector_append(&tree->nodes, (struct flame_node){0}) ? NULL : error_no_memory();
    for (size_t i = 0; !error && i < set->samples.count; i++)
        error = add_sample(&builder, &set->samples.items[i]);
    table_deinit(&builder.children);
    return error ? error : sort_nodes(tree);
}

struct error *flame_tree_build(const struct sample_request *request, struct flame_tree *ret_tree)
{
    struct flame_tree tree = {.profile = request->profile, .is_difference = request->base != NULL,
                              .is_by_change = request->base && request->by_change};
    struct sample_set set;
    struct error *error = sample_value_resolve(request->profile, request->value, &tree.value);
    if (!error)
        error = sample_set_collect(request, &set);
    if (error)
        return error;
    tree.catalog = catalog_ref(set.catalog);
    error = add_samples(&tree, &set);
    sample_set_deinit(&set);
    if (error) {
        flame_tree_deinit(&tree);
        return error;
    }
    sum_nodes(&tree);
    *ret_tree = tree;
    return NULL;
}

void flame_tree_deinit(struct flame_tree *tree)
{
    vector_deinit(&tree->nodes);
    catalog_unref(tree->catalog);
    tree->catalog = NULL;
}

const char *flame_node_name(const struct flame_tree *tree, const struct flame_node *node)
{
    return node->name ? catalog_string(tree->catalog, node->name) : "all";
}

int64_t flame_node_change(const struct flame_node *node)
{
    int64_t change;
    if (__builtin_sub_overflow(node->total[DIFF_NEW], node->total[DIFF_OLD], &change))
        return node->total[DIFF_NEW] > 0 ? INT64_MAX : INT64_MIN;
    return change;
}

bool flame_tree_counts_bytes(const struct flame_tree *tree)
{
    return tree->value == SAMPLE_INUSE_BYTES || tree->value == SAMPLE_ALLOC_BYTES;
}
