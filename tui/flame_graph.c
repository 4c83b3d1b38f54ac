#include "tui/flame_graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"

/* A frame's name wants so many columns to be of use; its amount stands behind it where both have room. */
#define LEAST_NAME 2
#define AMOUNT_GAP 2

void flame_graph_deinit(struct flame_graph *graph)
{
    flame_tree_deinit(&graph->tree);
    vector_deinit(&graph->zooms);
    vector_deinit(&graph->matches);
    vector_deinit(&graph->boxes);
}

bool flame_graph_is_empty(const struct flame_graph *graph)
{
    return graph->tree.nodes.count == 0 || graph->tree.nodes.items[0].width <= 0;
}

const struct flame_node *flame_graph_node(const struct flame_graph *graph, uint32_t node)
{
    return &graph->tree.nodes.items[node];
}

/* ---- another tree ---- */

/* The child of this name; FLAME_NO_NODE when there is none. Children are in order of their names. */
static uint32_t find_child(const struct flame_tree *tree, const struct flame_node *node, const char *name)
{
    uint32_t low = node->first_child, high = low + node->num_children;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(flame_node_name(tree, &tree->nodes.items[middle]), name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return FLAME_NO_NODE;
}

/* The node with the same path of names, or as much of it as there is. */
static uint32_t find_same(const struct flame_tree *tree, const struct flame_tree *before, uint32_t node)
{
    const char *path[FLAME_TREE_MAX_DEPTH + 1];
    size_t depth = 0;
    for (; node != 0; node = before->nodes.items[node].parent)
        path[depth++] = flame_node_name(before, &before->nodes.items[node]);
    uint32_t found = 0;
    while (depth > 0) {
        uint32_t child = find_child(tree, &tree->nodes.items[found], path[--depth]);
        if (child == FLAME_NO_NODE || tree->nodes.items[child].width <= 0)
            break;
        found = child;
    }
    return found;
}

/* What was zoomed into from above `zoom` stays only where that is above it still. */
static void drop_zooms(struct flame_graph *graph)
{
    while (graph->zooms.count > 0 &&
           graph->zooms.items[graph->zooms.count - 1] >= flame_graph_node(graph, graph->zoom)->depth)
        graph->zooms.count--;
}

void flame_graph_clear(struct flame_graph *graph)
{
    flame_tree_deinit(&graph->tree);
    graph->zoom = graph->picked = graph->first_depth = 0;
    graph->zooms.count = graph->boxes.count = 0;
    graph->found = graph->found_width = 0;
}

void flame_graph_set(struct flame_graph *graph, struct flame_tree *tree)
{
    uint32_t zoom = find_same(tree, &graph->tree, graph->zoom), picked = find_same(tree, &graph->tree, graph->picked);
    flame_tree_deinit(&graph->tree);
    graph->tree = *tree;
    *tree = (struct flame_tree){0};
    graph->zoom = zoom;
    graph->picked = picked;
    drop_zooms(graph);
    graph->boxes.count = 0;
    flame_graph_search(graph);
}

/* ---- searching ---- */

static bool is_match(const struct flame_graph *graph, const struct flame_node *node)
{
    return node->name < graph->matches.count && graph->matches.items[node->name];
}

/* Looks at every name once, however many frames have it. */
static bool look_at_names(struct flame_graph *graph)
{
    enum { NOT_LOOKED_AT, NO, YES };
    const struct flame_tree *tree = &graph->tree;
    graph->matches.count = 0;
    for (size_t i = 1; i < tree->nodes.count; i++) {
        string_id name = tree->nodes.items[i].name;
        if (name >= graph->matches.count) {
            if (!vector_reserve(&graph->matches, (size_t)name + 1))
                return false;
            memset(graph->matches.items + graph->matches.count, NOT_LOOKED_AT, name + 1 - graph->matches.count);
            graph->matches.count = (size_t)name + 1;
        }
        if (graph->matches.items[name] == NOT_LOOKED_AT)
            graph->matches.items[name] = text_contains(catalog_string(tree->catalog, name), graph->needle) ? YES : NO;
    }
    for (size_t i = 0; i < graph->matches.count; i++)
        graph->matches.items[i] = graph->matches.items[i] == YES;
    return true;
}

/* Of frames within each other the outermost counts. */
static void sum_found(struct flame_graph *graph)
{
    const struct flame_tree *tree = &graph->tree;
    for (uint32_t i = 0; i < tree->nodes.count;) {
        const struct flame_node *node = &tree->nodes.items[i++];
        if (!is_match(graph, node))
            continue;
        bool is_within = false;
        for (uint32_t above = node->parent; above != 0 && !is_within; above = tree->nodes.items[above].parent)
            is_within = is_match(graph, &tree->nodes.items[above]);
        if (is_within)
            continue;
        graph->found_width += node->width;
        graph->found += tree->is_difference ? flame_node_change(node) : node->total[DIFF_NEW];
    }
}

void flame_graph_search(struct flame_graph *graph)
{
    graph->found = graph->found_width = 0;
    graph->matches.count = 0;
    if (graph->needle[0] == '\0' || flame_graph_is_empty(graph))
        return;
    /* Out of memory nothing is found. */
    if (look_at_names(graph))
        sum_found(graph);
    else
        graph->matches.count = 0;
}

static const struct flame_box *box_of(const struct flame_graph *graph, uint32_t node)
{
    for (size_t i = 0; i < graph->boxes.count; i++)
        if (graph->boxes.items[i].node == node)
            return &graph->boxes.items[i];
    return NULL;
}

static void zoom_to_widest(struct flame_graph *graph)
{
    uint32_t widest = 0;
    for (uint32_t i = 1; i < graph->tree.nodes.count; i++) {
        const struct flame_node *node = flame_graph_node(graph, i);
        if (is_match(graph, node) && (widest == 0 || node->width > flame_graph_node(graph, widest)->width))
            widest = i;
    }
    graph->picked = widest;
    flame_graph_zoom(graph);
}

bool flame_graph_find(struct flame_graph *graph, int direction)
{
    size_t count = graph->boxes.count, step = direction < 0 ? count - 1 : 1, at = 0;
    if (graph->found_width == 0)
        return false;
    while (at < count && graph->boxes.items[at].node != graph->picked)
        at++;
    if (direction != 0)
        at += step;
    for (size_t i = 0; i < count; i++, at += step) {
        const struct flame_box *box = &graph->boxes.items[at % count];
        if (box->node != FLAME_NO_NODE && is_match(graph, flame_graph_node(graph, box->node))) {
            graph->picked = box->node;
            return true;
        }
    }
    zoom_to_widest(graph);
    return true;
}

/* ---- zooming and moving ---- */

bool flame_graph_zoom(struct flame_graph *graph)
{
    if (flame_graph_is_empty(graph) || graph->picked == graph->zoom)
        return false;
    uint32_t depth = flame_graph_node(graph, graph->zoom)->depth;
    bool is_deeper = flame_graph_node(graph, graph->picked)->depth > depth;
    graph->zoom = graph->picked;
    if (is_deeper)
        /* Without memory for it one goes back further. */
        (void)vector_append(&graph->zooms, depth);
    drop_zooms(graph);
    return true;
}

bool flame_graph_unzoom(struct flame_graph *graph)
{
    if (flame_graph_is_empty(graph) || graph->zoom == 0)
        return false;
    uint32_t depth = graph->zooms.count > 0 ? graph->zooms.items[--graph->zooms.count] : 0;
    while (flame_graph_node(graph, graph->zoom)->depth > depth)
        graph->zoom = flame_graph_node(graph, graph->zoom)->parent;
    return true;
}

static bool is_drawn(const struct flame_graph *graph, const struct flame_box *box)
{
    return box->node != FLAME_NO_NODE && box->node < graph->tree.nodes.count;
}

static void move_sideways(struct flame_graph *graph, int direction)
{
    const struct flame_box *here = box_of(graph, graph->picked), *best = NULL;
    for (size_t i = 0; here && i < graph->boxes.count; i++) {
        const struct flame_box *box = &graph->boxes.items[i];
        if (box->depth != here->depth || !is_drawn(graph, box))
            continue;
        if (direction < 0 ? box->x < here->x : box->x > here->x && !best)
            best = box;
    }
    if (best)
        graph->picked = best->node;
}

/* Of a node above what is zoomed into, the child on the way there; the node itself where it has none. */
static uint32_t widest_child(const struct flame_graph *graph, uint32_t index)
{
    const struct flame_node *node = flame_graph_node(graph, index);
    uint32_t widest = index, below = graph->zoom;
    while (flame_graph_node(graph, below)->depth > node->depth + 1)
        below = flame_graph_node(graph, below)->parent;
    if (below != index && flame_graph_node(graph, below)->parent == index)
        return below;
    for (uint32_t i = 0; i < node->num_children; i++) {
        uint32_t child = node->first_child + i;
        int64_t width = flame_graph_node(graph, child)->width;
        if (width > 0 && (widest == index || width > flame_graph_node(graph, widest)->width))
            widest = child;
    }
    return widest;
}

void flame_graph_move(struct flame_graph *graph, enum flame_move move)
{
    if (flame_graph_is_empty(graph))
        return;
    switch (move) {
    case FLAME_LEFT:
    case FLAME_RIGHT:
        move_sideways(graph, move == FLAME_LEFT ? -1 : +1);
        return;
    case FLAME_TO_CALLER:
        graph->picked = flame_graph_node(graph, graph->picked)->parent;
        return;
    case FLAME_TO_CALLED:
        graph->picked = widest_child(graph, graph->picked);
        return;
    case FLAME_TO_ROOT:
        graph->picked = 0;
        return;
    case FLAME_TO_LEAF:
        for (uint32_t child; (child = widest_child(graph, graph->picked)) != graph->picked;)
            graph->picked = child;
        return;
    }
}

/* ---- laying out ---- */

static void add_box(struct flame_graph *graph, uint32_t node, uint32_t depth, int left, int right)
{
    /* What finds no memory is not drawn. */
    if (right > left)
        (void)vector_append(&graph->boxes, (struct flame_box){node, depth, left, right - left});
}

/* The boxes of a node's children, and of all below: `x` is where the node begins, in columns. As deep as the tree is:
 * FLAME_TREE_MAX_DEPTH. */
static void lay_out_children(struct flame_graph *graph, const struct flame_node *node, double x, double scale)
{
    int next = (int)floor(x + 1e-6);
    for (uint32_t i = 0; i < node->num_children; i++) {
        const struct flame_node *child = flame_graph_node(graph, node->first_child + i);
        double end = x + (double)child->width * scale;
        int left = (int)floor(x + 1e-6), right = (int)floor(end + 1e-6);
        if (right > left && (double)child->width * scale >= 0.5) {
            add_box(graph, FLAME_NO_NODE, child->depth, next, left);
            add_box(graph, node->first_child + i, child->depth, left, right);
            next = right;
            lay_out_children(graph, child, x, scale);
        }
        x = end;
    }
    if (node->num_children > 0)
        add_box(graph, FLAME_NO_NODE, node->depth + 1, next, (int)floor(x + 1e-6));
}

static void lay_out(struct flame_graph *graph, int width)
{
    const struct flame_node *zoom = flame_graph_node(graph, graph->zoom);
    graph->boxes.count = 0;
    /* Those above take the whole width. */
    if (!vector_reserve(&graph->boxes, (size_t)zoom->depth + 1))
        return;
    graph->boxes.count = (size_t)zoom->depth + 1;
    uint32_t node = graph->zoom;
    for (size_t i = graph->boxes.count; i-- > 0; node = flame_graph_node(graph, node)->parent)
        graph->boxes.items[i] = (struct flame_box){node, (uint32_t)i, 0, width};
    lay_out_children(graph, zoom, 0, (double)width / (double)zoom->width);
}

/* What is picked is among what is drawn, and in view. */
static void keep_in_view(struct flame_graph *graph, uint32_t rows)
{
    uint32_t deepest = 0;
    while (graph->picked != 0 && !box_of(graph, graph->picked))
        graph->picked = flame_graph_node(graph, graph->picked)->parent;
    for (size_t i = 0; i < graph->boxes.count; i++)
        deepest = graph->boxes.items[i].depth > deepest ? graph->boxes.items[i].depth : deepest;
    uint32_t depth = flame_graph_node(graph, graph->picked)->depth;
    uint32_t most = deepest + 1 > rows ? deepest + 1 - rows : 0;
    /* Beside what is picked one sees where it comes from and what it calls. */
    uint32_t before = depth > 0 ? depth - 1 : 0, after = depth < deepest ? depth + 1 : depth;
    if (graph->first_depth > before)
        graph->first_depth = before;
    if (after >= graph->first_depth + rows)
        graph->first_depth = after - rows + 1;
    if (graph->first_depth > most)
        graph->first_depth = most;
}

/* ---- drawing ---- */

enum ground flame_ground(enum frame_origin origin)
{
    switch (origin) {
    case FRAME_APPLICATION:
        return GROUND_FLAME_OWN;
    case FRAME_DEPENDENCY:
        return GROUND_FLAME_MODULE;
    case FRAME_STANDARD:
        return GROUND_FLAME_STANDARD;
    case FRAME_RUNTIME:
    case FRAME_UNKNOWN:
    case FRAME_NATIVE:
        break;
    }
    return GROUND_FLAME_RUNTIME;
}

/* By how much of itself it has changed. */
static enum ground change_ground(const struct flame_node *node)
{
    int64_t change = flame_node_change(node);
    int64_t larger = node->total[DIFF_NEW] > node->total[DIFF_OLD] ? node->total[DIFF_NEW] : node->total[DIFF_OLD];
    double part = larger > 0 ? (double)change / (double)larger : 0;
    if (change == 0)
        return GROUND_FLAME_SAME;
    if (change > 0)
        return part > 0.5 ? GROUND_FLAME_GREW_3 : part > 0.1 ? GROUND_FLAME_GREW_2 : GROUND_FLAME_GREW_1;
    return part < -0.5 ? GROUND_FLAME_SHRANK_3 : part < -0.1 ? GROUND_FLAME_SHRANK_2 : GROUND_FLAME_SHRANK_1;
}

/* Its first column: where it begins, whether it was found, and in a difference which way it went. */
static uint32_t edge_of(const struct flame_graph *graph, const struct flame_node *node)
{
    int64_t change = graph->tree.is_difference ? flame_node_change(node) : 0;
    if (is_match(graph, node))
        return 0x25c6;
    if (change != 0)
        return verdict_mark(change > 0 ? GROWTH_GROWING : GROWTH_SHRINKING);
    return 0x258f;
}

static void write_amount(const struct flame_graph *graph, const struct flame_node *node, char *buffer)
{
    char figure[UNITS_BUFFER];
    int64_t amount = graph->tree.is_difference ? flame_node_change(node) : node->total[DIFF_NEW];
    const char *sign = graph->tree.is_difference && amount > 0 ? "+" : "";
    snprintf(buffer, FORMAT_BUFFER, "%s%s", sign,
             flame_tree_counts_bytes(&graph->tree) ? units_format_bytes(figure, (double)amount)
                                                   : units_format_exact(figure, amount));
}

static void draw_box(const struct flame_graph *graph, struct canvas canvas, const struct flame_box *box)
{
    if (box->node == FLAME_NO_NODE) {
        for (int x = 0; x < canvas.width; x++)
            canvas_rune(canvas, x, 0, ROLE_FAINT, 0xb7);
        return;
    }
    const struct flame_node *node = flame_graph_node(graph, box->node);
    const struct frame *frame = catalog_frame(graph->tree.catalog, node->frame);
    bool is_picked = box->node == graph->picked, is_found = is_match(graph, node);
    bool is_above = node->depth < flame_graph_node(graph, graph->zoom)->depth;
    enum ground ground = graph->tree.is_difference ? change_ground(node)
                         : node->frame             ? flame_ground((enum frame_origin)frame->origin)
                                                   : GROUND_FLAME_SAME;
    enum role role = is_picked ? ROLE_FIGURE : is_above ? ROLE_MUTED : ROLE_TEXT;
    int room = canvas.width - 1;
    canvas_rune(canvas, 0, 0, is_found ? ROLE_NOTICE : is_picked ? ROLE_FIGURE : ROLE_MUTED, edge_of(graph, node));
    if (room >= LEAST_NAME) {
        const char *name = function_name_fitting(flame_node_name(&graph->tree, node), (size_t)room);
        int end = canvas_text_fit(canvas, 1, 0, room, role, name);
        char amount[FORMAT_BUFFER];
        write_amount(graph, node, amount);
        if (end + AMOUNT_GAP + (int)utf8_width(amount) < canvas.width)
            canvas_text_right(canvas, canvas.width - 1, 0, is_picked ? ROLE_FIGURE : ROLE_MUTED, amount);
        if (graph->needle[0])
            canvas_mark(canvas, 1, 0, end - 1, graph->needle);
    }
    canvas_ground(canvas, 0, 0, canvas.width, is_picked ? GROUND_CURSOR : is_found ? GROUND_FLAME_FOUND : ground);
}

void flame_graph_draw(struct flame_graph *graph, struct canvas canvas)
{
    graph->drawn = canvas;
    if (flame_graph_is_empty(graph) || canvas.height < 1)
        return;
    lay_out(graph, canvas.width);
    keep_in_view(graph, (uint32_t)canvas.height);
    for (size_t i = 0; i < graph->boxes.count; i++) {
        const struct flame_box *box = &graph->boxes.items[i];
        if (box->depth < graph->first_depth || box->depth >= graph->first_depth + (uint32_t)canvas.height)
            continue;
        int row = (int)(box->depth - graph->first_depth);
        int y = graph->is_icicle ? row : canvas.height - 1 - row;
        draw_box(graph, canvas_part(canvas, box->x, y, box->width, 1), box);
    }
}

bool flame_graph_pick_at(struct flame_graph *graph, int x, int y, bool *ret_again)
{
    *ret_again = false;
    int row = graph->is_icicle ? y - graph->drawn.y : graph->drawn.y + graph->drawn.height - 1 - y;
    if (row < 0 || row >= graph->drawn.height)
        return false;
    for (size_t i = 0; i < graph->boxes.count; i++) {
        const struct flame_box *box = &graph->boxes.items[i];
        int left = graph->drawn.x + box->x;
        if (box->depth != graph->first_depth + (uint32_t)row || x < left || x >= left + box->width ||
            !is_drawn(graph, box))
            continue;
        *ret_again = box->node == graph->picked;
        graph->picked = box->node;
        return true;
    }
    return false;
}
