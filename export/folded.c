/* Folded stacks, as Brendan Gregg's FlameGraph tools and many others read them. */
#include <inttypes.h>
#include <string.h>

#include "heaptop/analysis/flame_tree.h"
#include "heaptop/export.h"

/* What separates frames may not be in a name: "go.shape.struct { A int; B int }". */
static void append_name(struct text *text, const char *name)
{
    size_t start = text->length;
    text_append_escaped(text, name, strlen(name));
    for (size_t i = start; !text->failed && i < text->length; i++)
        if (text->data[i] == ';')
            text->data[i] = ':';
}

/* The lines of a node and of all below it; `path` holds the names down to its parent. */
static void write_node(const struct flame_tree *tree, const struct flame_node *node, struct text *path,
                       struct text *text)
{
    size_t length = path->length;
    if (node->name) {
        text_append(path, length ? ";" : "");
        append_name(path, catalog_string(tree->catalog, node->name));
    }
    if (node->self[DIFF_OLD] || node->self[DIFF_NEW]) {
        text_append(text, path->length ? path->data : "(no stack)");
        if (tree->is_difference)
            text_printf(text, " %" PRId64, node->self[DIFF_OLD]);
        text_printf(text, " %" PRId64 "\n", node->self[DIFF_NEW]);
    }
    for (uint32_t i = 0; i < node->num_children; i++)
        write_node(tree, &tree->nodes.items[node->first_child + i], path, text);
    if (path->data)
        path->data[length] = '\0';
    path->length = length;
}

struct error *export_folded(const struct export_request *request, struct text *ret_text)
{
    const struct sample_request wanted = export_samples(request);
    struct flame_tree tree;
    struct error *error = flame_tree_build(&wanted, &tree);
    if (error)
        return error;
    struct text text = {0};
    _cleanup_(text_deinit) struct text path = {0};
    write_node(&tree, &tree.nodes.items[0], &path, &text);
    flame_tree_deinit(&tree);
    if (text.failed || path.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
