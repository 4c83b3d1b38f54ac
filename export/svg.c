/* Flame graphs: what FlameGraph's pictures do, in one SVG file. Every name is untrusted: it is escaped, and stands in
 * text and titles only, never in attributes, styles or the script. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "export/flame_script.h"
#include "heaptop/analysis/flame_tree.h"
#include "heaptop/export.h"

/* Pixels. */
#define WIDTH 1200
#define MARGIN 10
#define TOP 62
#define ROW 18
#define BOTTOM 46
#define LETTER 7.3      /* What a letter of the frames' font takes, at 12 pixels. */
#define PADDING 4
/* From so many rows on, frames that only lead from one to the next are drawn as one; where there are more rows even so,
 * they are lower, and below the lowest for letters they have none. The picture is no taller than TALLEST, or as tall as
 * rows of LOWEST_ROW make it. */
#define MANY_ROWS 64
#define TALLEST 1728
#define LOWEST_ROW 4
#define LOWEST_LETTERS 14
/* Of such frames in a row, from so many on, these are drawn at their beginning, and one at their end. */
#define RUN_FRAMES 8
#define RUN_BEGINNING 2
/* Narrower frames than so much of the whole are left out, and more of the narrowest where there are more than these. */
#define SMALLEST_PART (1.0 / 50000)
#define MAX_FRAMES 20000
/* Longer names are cut, in bytes. */
#define MAX_NAME 1024

static const char style[] =
    "svg{background:#fff}.page{fill:#fff}text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "fill:#1b1f24;white-space:pre}.head{font:bold 17px system-ui,'Segoe UI',Cantarell,'DejaVu Sans',sans-serif}"
    ".sub,.key{font:12px system-ui,'Segoe UI',Cantarell,'DejaVu Sans',sans-serif;fill:#57606a}"
    "#details{font:12px system-ui,'Segoe UI',Cantarell,'DejaVu Sans',sans-serif;fill:#1b1f24}"
    "#frames rect{stroke:#fff;stroke-width:.7;rx:2px}#frames text{pointer-events:none;fill:#1b1f24}"
    "#frames g{cursor:pointer}#frames g:hover rect{stroke:#1b1f24;stroke-width:1}"
    "#frames .hit rect{fill:#c77dff}#frames .miss{opacity:.45}.button{cursor:pointer}"
    ".button rect{fill:#eef1f4;stroke:#c4cbd3}.button text{fill:#1b1f24}"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}.page{fill:#0d1117}.head,#details{fill:#e6edf3}"
    ".sub,.key{fill:#9198a1}#frames rect{stroke:#0d1117}#frames g:hover rect{stroke:#fff}}";

/* Where a node is drawn, and where it stands among frames of which each only leads to the next. */
struct placement {
    uint32_t row, position, length;
};

struct drawing {
    const struct export_request *request;
    const struct flame_tree *tree;
    struct text text;
    double scale;               /* Pixels of one unit of a node's width. */
    int64_t smallest;           /* Narrower nodes are left out. */
    size_t left_out;
    uint32_t rows;
    unsigned row_height;
    struct placement *placements;   /* By node. */
};

/* ---- text ---- */

/* XML knows neither control characters, which escaping removes, nor U+FFFE and U+FFFF. */
static void append_xml(struct text *out, const char *string, size_t length)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, string, length);
    for (size_t i = 0; i < escaped.length;) {
        uint32_t rune;
        size_t size = utf8_decode(escaped.data + i, escaped.length - i, &rune);
        if (rune == '<')
            text_append(out, "&lt;");
        else if (rune == '>')
            text_append(out, "&gt;");
        else if (rune == '&')
            text_append(out, "&amp;");
        else if (rune == '"')
            text_append(out, "&quot;");
        else if (rune == '\'')
            text_append(out, "&#39;");
        else if (rune == 0xfffe || rune == 0xffff)
            text_append(out, "\xef\xbf\xbd");
        else
            text_append_bytes(out, escaped.data + i, size);
        i += size;
    }
    out->failed |= escaped.failed;
    text_deinit(&escaped);
}

/* So many bytes of a string as end with a whole character. */
static size_t whole_length(const char *string, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    while (limit > 0 && ((unsigned char)string[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

static void append_name(struct text *out, const char *name)
{
    size_t length = strlen(name), kept = whole_length(name, length, MAX_NAME);
    append_xml(out, name, kept);
    if (kept < length)
        text_append(out, "\xe2\x80\xa6");
}

/* So many bytes of the name as fit; *ret_fits says whether that is all. */
static size_t fitting_length(const char *name, size_t room, bool *ret_fits)
{
    size_t length = strlen(name), at = 0, columns = 0, last = 0;
    while (at < length && columns < room) {
        uint32_t rune;
        last = at;
        at += utf8_decode(name + at, length - at, &rune);
        columns += (size_t)rune_width(rune);
    }
    *ret_fits = at == length && columns <= room;
    return *ret_fits ? length : last;
}

static void append_label(struct text *out, const char *name, double pixels)
{
    size_t room = pixels > 2 * PADDING ? (size_t)((pixels - 2 * PADDING) / LETTER) : 0;
    const char *label = function_name_fitting(name, room);
    bool fits;
    size_t length = fitting_length(label, room, &fits);
    append_xml(out, label, length);
    if (!fits)
        text_append(out, "\xe2\x80\xa6");
}

static void append_amount(const struct drawing *drawing, struct text *out, int64_t amount, bool with_sign)
{
    char buffer[UNITS_BUFFER];
    text_append(out, with_sign && amount > 0 ? "+" : "");
    text_append(out, flame_tree_counts_bytes(drawing->tree) ? units_format_bytes(buffer, (double)amount)
                                                        : units_format_exact(buffer, amount));
}

/* ---- colours ---- */

static void append_colour(struct text *out, double hue, double saturation, double lightness)
{
    static const double offsets[] = {0, 8, 4};      /* Red, green and blue, as CSS Color 3 converts. */
    double chroma = saturation * fmin(lightness, 1 - lightness);
    text_append(out, "#");
    for (int i = 0; i < 3; i++) {
        double k = fmod(offsets[i] + hue / 30, 12);
        double level = lightness - chroma * fmax(-1, fmin(fmin(k - 3, 9 - k), 1));
        text_printf(out, "%02x", (unsigned)(255 * fmin(fmax(level, 0), 1) + 0.5));
    }
}

/* The part of a name that is its package. */
static size_t package_length(const char *name)
{
    const char *function = function_short_name(name);
    const char *dot = strchr(function, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* Whose code it is tells the range of colours; the package picks one of it. All are light enough for dark letters, and
 * the ranges differ in lightness too, for those who cannot tell the hues apart. */
static void append_package_colour(struct text *out, const char *name, uint8_t origin)
{
    static const struct {
        double hue, range, saturation, lightness;
    } ranges[] = {
        [FRAME_UNKNOWN] = {300, 20, 0.20, 0.82},  [FRAME_RUNTIME] = {210, 10, 0.08, 0.84},
        [FRAME_STANDARD] = {130, 40, 0.32, 0.85}, [FRAME_DEPENDENCY] = {195, 45, 0.62, 0.79},
        [FRAME_APPLICATION] = {22, 28, 0.90, 0.72}, [FRAME_NATIVE] = {300, 20, 0.20, 0.82},
    };
    uint64_t hash = table_hash_bytes(name, package_length(name), 0);
    size_t range = origin < ARRAY_SIZE(ranges) ? origin : FRAME_UNKNOWN;
    append_colour(out, ranges[range].hue + ranges[range].range * (double)(hash % 101) / 100, ranges[range].saturation,
                  ranges[range].lightness + 0.05 * (double)(hash / 101 % 5) / 5);
}

/* From blue (all of it gone) over white to red (all of it new). */
static void append_change_colour(struct text *out, int64_t before, int64_t after)
{
    double larger = fmax((double)before, (double)after);
    double change = larger > 0 ? ((double)after - (double)before) / larger : 0;
    double part = fmin(fabs(change), 1);
    append_colour(out, change > 0 ? 6 : 212, part > 0 ? 0.85 : 0, 0.95 - 0.27 * part);
}

/* ---- frames ---- */

/* Nothing ends in it, and nothing branches. */
static bool only_leads_on(const struct flame_tree *tree, const struct flame_node *node)
{
    return node->num_children == 1 && tree->nodes.items[node->first_child].width == node->width;
}

static bool is_in_run(const struct placement *place)
{
    return place->length >= RUN_FRAMES && place->position >= RUN_BEGINNING && place->position + 1 < place->length;
}

static uint32_t run_length(const struct flame_tree *tree, const struct flame_node *node)
{
    uint32_t length = 0;
    for (; only_leads_on(tree, node); node = &tree->nodes.items[node->first_child])
        length++;
    return length;
}

/* Gives each node its row; parents come before children. */
static void place_nodes(struct drawing *drawing)
{
    const struct flame_tree *tree = drawing->tree;
    bool has_runs = tree->depth + 1 > MANY_ROWS;
    drawing->rows = 1;
    for (size_t i = 0; i < tree->nodes.count; i++) {
        const struct flame_node *node = &tree->nodes.items[i], *parent = &tree->nodes.items[node->parent];
        struct placement *place = &drawing->placements[i], *above = &drawing->placements[node->parent];
        if (i > 0 && only_leads_on(tree, parent))
            *place = (struct placement){.position = above->position + 1, .length = above->length};
        else if (has_runs)
            *place = (struct placement){.length = run_length(tree, node)};
        bool goes_on = is_in_run(place) && place->position > RUN_BEGINNING;
        place->row = i == 0 ? 0 : above->row + !goes_on;
        drawing->rows = place->row >= drawing->rows ? place->row + 1 : drawing->rows;
    }
    drawing->row_height = ROW * drawing->rows <= TALLEST              ? ROW
                          : TALLEST / drawing->rows > LOWEST_ROW ? TALLEST / drawing->rows
                                                                 : LOWEST_ROW;
}

/* "… 37 frames: a, b, c": the first line of its title, of which its label is the part before the colon. */
static void append_run(struct drawing *drawing, const struct flame_node *node, struct text *ret_name)
{
    const struct flame_tree *tree = drawing->tree;
    const struct placement *place = &drawing->placements[node - tree->nodes.items];
    text_printf(ret_name, "\xe2\x80\xa6 %u frames: ", place->length - 1 - RUN_BEGINNING);
    for (uint32_t i = place->position; i + 1 < place->length; i++) {
        text_append(ret_name, i > place->position ? ", " : "");
        text_append(ret_name, flame_node_name(tree, node));
        node = &tree->nodes.items[node->first_child];
    }
}

static void append_title(struct drawing *drawing, const struct flame_node *node, const char *name, bool is_run)
{
    struct text *out = &drawing->text;
    const int64_t all = drawing->tree->nodes.items[0].total[DIFF_NEW];
    char percent[UNITS_BUFFER];
    text_append(out, "<title>");
    if (is_run)
        append_xml(out, name, strlen(name));
    else
        append_name(out, name);
    text_append(out, "\n");
    if (drawing->request->base) {
        append_amount(drawing, out, flame_node_change(node), true);
        text_append(out, ": ");
        append_amount(drawing, out, node->total[DIFF_NEW], false);
        text_append(out, ", was ");
        append_amount(drawing, out, node->total[DIFF_OLD], false);
    } else {
        append_amount(drawing, out, node->total[DIFF_NEW], false);
        if (all > 0) {
            text_append(out, ", ");
            units_format_percent(percent, (double)node->total[DIFF_NEW] / (double)all);
            append_xml(out, percent, strlen(percent));      /* "<1%" */
            text_append(out, " of all");
        }
    }
    const char *file = catalog_file(drawing->tree->catalog, node->frame);
    if (*file && !is_run) {
        text_append(out, "\n");
        append_name(out, file);
    }
    text_append(out, "</title>");
}

static void draw_frame(struct drawing *drawing, const struct flame_node *node, double x, double pixels)
{
    struct text *out = &drawing->text;
    const struct placement *place = &drawing->placements[node - drawing->tree->nodes.items];
    const char *name = flame_node_name(drawing->tree, node);
    bool is_run = is_in_run(place);
    struct text run = {0};
    if (is_run) {
        append_run(drawing, node, &run);
        out->failed |= run.failed;
        name = run.data ? run.data : "";
    }
    unsigned height = drawing->row_height;
    unsigned y = TOP + (drawing->request->icicle ? place->row : drawing->rows - 1 - place->row) * height;
    text_printf(out, "<g data-new=\"%" PRId64 "\"", node->total[DIFF_NEW]);
    if (drawing->request->base)
        text_printf(out, " data-old=\"%" PRId64 "\"", node->total[DIFF_OLD]);
    text_append(out, ">");
    append_title(drawing, node, name, is_run);
    text_printf(out, "<rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%u\" fill=\"", x, y, pixels, height - 1);
    if (drawing->request->base)
        append_change_colour(out, node->total[DIFF_OLD], node->total[DIFF_NEW]);
    else if (node->name && !is_run)
        append_package_colour(out, name, catalog_frame(drawing->tree->catalog, node->frame)->origin);
    else
        text_append(out, "#e8eaed");
    text_append(out, "\"/>");
    if (pixels >= 2 * PADDING + 3 * LETTER && height >= LOWEST_LETTERS) {
        text_printf(out, "<text x=\"%.2f\" y=\"%u\">", x + PADDING, y + height - 5);
        if (is_run && run.data)
            run.data[strcspn(run.data, ":")] = '\0';
        append_label(out, name, pixels);
        text_append(out, "</text>");
    }
    text_append(out, "</g>\n");
    text_deinit(&run);
}

/* A node and all below it. Recursion is as deep as the tree: FLAME_TREE_MAX_DEPTH. */
static void draw_node(struct drawing *drawing, const struct flame_node *node, double x)
{
    if (node->width < drawing->smallest || node->width <= 0) {
        drawing->left_out += node->width > 0;
        return;
    }
    const struct placement *place = &drawing->placements[node - drawing->tree->nodes.items];
    if (!is_in_run(place) || place->position == RUN_BEGINNING)
        draw_frame(drawing, node, x, (double)node->width * drawing->scale);
    for (uint32_t i = 0; i < node->num_children; i++) {
        const struct flame_node *child = &drawing->tree->nodes.items[node->first_child + i];
        draw_node(drawing, child, x);
        x += (double)child->width * drawing->scale;
    }
}

static size_t count_frames(const struct flame_tree *tree, int64_t smallest)
{
    size_t count = 0;
    for (size_t i = 0; i < tree->nodes.count; i++)
        count += tree->nodes.items[i].width >= smallest && tree->nodes.items[i].width > 0;
    return count;
}

/* ---- around them ---- */

static void append_time(struct text *out, uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    struct tm parts;
    char buffer[64] = "";
    if (gmtime_r(&seconds, &parts))
        strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S UTC", &parts);
    text_append(out, buffer);
}

static const char *what_is_shown(const struct flame_tree *tree)
{
    switch (tree->value) {
    case SAMPLE_INUSE_BYTES:
        return "bytes in use";
    case SAMPLE_INUSE_OBJECTS:
        return "objects in use";
    case SAMPLE_ALLOC_BYTES:
        return "bytes allocated";
    case SAMPLE_ALLOC_OBJECTS:
        return "objects allocated";
    default:
        return tree->profile == SAMPLE_THREADS ? "threads" : "goroutines";
    }
}

static void append_heading(struct drawing *drawing, struct text *out)
{
    const struct snapshot *snapshot = drawing->request->snapshot;
    if (drawing->request->title) {
        append_name(out, drawing->request->title);
        return;
    }
    append_name(out, catalog_string(snapshot->catalog, snapshot->target.comm));
    text_printf(out, " \xc2\xb7 pid %d \xc2\xb7 %s", (int)snapshot->target.pid, what_is_shown(drawing->tree));
    text_append(out, drawing->request->base ? ", compared" : "");
}

static void append_subtitle(struct drawing *drawing, struct text *out)
{
    const struct flame_node *root = &drawing->tree->nodes.items[0];
    const struct snapshot *base = drawing->request->base;
    append_amount(drawing, out, root->total[DIFF_NEW], false);
    if (base) {
        text_append(out, ", was ");
        append_amount(drawing, out, root->total[DIFF_OLD], false);
        text_append(out, " (");
        append_amount(drawing, out, flame_node_change(root), true);
        text_append(out, ")  \xc2\xb7  ");
        append_time(out, base->unix_ns);
        text_append(out, " \xe2\x86\x92 ");
    } else {
        text_append(out, "  \xc2\xb7  ");
    }
    append_time(out, drawing->request->snapshot->unix_ns);
    if (drawing->left_out)
        text_printf(out, "  \xc2\xb7  %zu frames too small to show", drawing->left_out);
}

static void append_key(struct text *out, double *x, double y, const char *words)
{
    text_printf(out, "\" stroke=\"#8c959f\" stroke-width=\".5\"/><text class=\"key\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
                *x + 17, y + 10, words);
    *x += 17 + 6.2 * (double)strlen(words) + 16;
}

static void append_legend(const struct drawing *drawing, struct text *out, unsigned height)
{
    double x = MARGIN, y = height - 20;
    static const struct {
        const char *words, *example;
        uint8_t origin;
    } owners[] = {{"own code", "main.main", FRAME_APPLICATION},
                  {"dependencies", "a.b/c.d", FRAME_DEPENDENCY},
                  {"standard library", "net/http.f", FRAME_STANDARD},
                  {"runtime", "runtime.f", FRAME_RUNTIME}};
    static const struct {
        const char *words;
        int64_t before, after;
    } changes[] = {
        {"gone", 1, 0}, {"half of it gone", 2, 1}, {"the same", 1, 1}, {"twice as much", 1, 2}, {"new", 0, 1}};
    size_t count = drawing->request->base ? ARRAY_SIZE(changes) : ARRAY_SIZE(owners);
    if (!drawing->request->base && drawing->tree->profile == SAMPLE_THREADS)
        return;
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "<rect x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" rx=\"2\" fill=\"", x, y);
        if (drawing->request->base)
            append_change_colour(out, changes[i].before, changes[i].after);
        else
            append_package_colour(out, owners[i].example, owners[i].origin);
        append_key(out, &x, y, drawing->request->base ? changes[i].words : owners[i].words);
    }
}

static void draw(struct drawing *drawing, struct text *out)
{
    unsigned height = TOP + drawing->rows * drawing->row_height + BOTTOM;
    draw_node(drawing, &drawing->tree->nodes.items[0], MARGIN);
    text_printf(out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                "height=\"%u\" viewBox=\"0 0 %d %u\" data-width=\"%d\" data-margin=\"%d\" data-top=\"%d\" "
                "data-row=\"%u\" data-rows=\"%u\" data-icicle=\"%d\" role=\"img\">\n<desc>",
                WIDTH, height, WIDTH, height, WIDTH, MARGIN, TOP, drawing->row_height, drawing->rows,
                drawing->request->icicle);
    append_heading(drawing, out);
    text_printf(out, "</desc>\n<style>%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n", style);
    text_printf(out, "<text class=\"head\" x=\"%d\" y=\"26\">", MARGIN);
    append_heading(drawing, out);
    text_printf(out, "</text>\n<text class=\"sub\" x=\"%d\" y=\"46\">", MARGIN);
    append_subtitle(drawing, out);
    text_append(out, "</text>\n<g id=\"frames\">\n");
    text_append_bytes(out, drawing->text.data ? drawing->text.data : "", drawing->text.length);
    text_append(out, "</g>\n");
    text_printf(out, "<text id=\"details\" x=\"%d\" y=\"%u\"></text>\n", MARGIN, height - BOTTOM + 18);
    append_legend(drawing, out, height);
    text_append(out, "<script><![CDATA[\n");
    text_append(out, flame_script);
    text_append(out, "]]></script>\n</svg>\n");
}

struct error *export_svg(const struct export_request *request, struct text *ret_text)
{
    const struct sample_request wanted = export_samples(request);
    struct flame_tree tree;
    struct error *error = flame_tree_build(&wanted, &tree);
    if (error)
        return error;
    int64_t whole = tree.nodes.items[0].width;
    struct drawing drawing = {.request = request, .tree = &tree};
    drawing.placements = calloc(tree.nodes.count, sizeof(*drawing.placements));
    if (!drawing.placements) {
        flame_tree_deinit(&tree);
        return error_no_memory();
    }
    place_nodes(&drawing);
    drawing.scale = whole > 0 ? (WIDTH - 2.0 * MARGIN) / (double)whole : 0;
    drawing.smallest = (int64_t)((double)whole * SMALLEST_PART);
    while (count_frames(&tree, drawing.smallest) > MAX_FRAMES)
        drawing.smallest += drawing.smallest / 2 + 1;
    struct text text = {0};
    draw(&drawing, &text);
    text.failed |= drawing.text.failed;
    text_deinit(&drawing.text);
    free(drawing.placements);
    flame_tree_deinit(&tree);
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
