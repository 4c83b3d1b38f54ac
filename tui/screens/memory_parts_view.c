#include "tui/screens/memory_parts_view.h"

#include <stdio.h>

#include "tui/cells.h"
#include "tui/graph.h"

/* From here on RSS's parts have the runtime's account beside them. */
#define BESIDE_WIDTH 110
/* Of so many rows at most the account below them has its share. */
#define BELOW_HEIGHT 14
#define FEW_ROWS 8

/* ---- counters ---- */

struct part {
    enum counter_id id;
    const char *label;
    bool is_head;           /* What the parts below it are parts of. */
};

static const struct part kernel_parts[] = {
    {COUNTER_RSS, "RSS", true},     {COUNTER_ANON, "anonymous", false}, {COUNTER_FILE, "of files", false},
    {COUNTER_SHMEM, "shared", false}, {COUNTER_SWAP, "swapped out", false},
};

static const struct part go_parts[] = {
    {COUNTER_GO_SYS, "Go, obtained", true},           {COUNTER_HEAP_INUSE, "heap in use", false},
    {COUNTER_HEAP_IDLE, "heap idle", false},          {COUNTER_HEAP_RELEASED, "of it returned", false},
    {COUNTER_STACK_INUSE, "goroutine stacks", false}, {COUNTER_GC_SYS, "GC metadata", false},
    {COUNTER_OTHER_SYS, "other", false},
};

static int draw_parts(const struct model *model, struct canvas canvas, const struct part *parts, size_t count)
{
    double whole = 0;
    counter_value(model->shown, parts[0].id, &whole);
    for (size_t i = 0; i < count; i++) {
        char buffer[FORMAT_BUFFER];
        double value = 0;
        const struct counter *counter = &model->shown->counters[parts[i].id];
        bool known = counter_value(model->shown, parts[i].id, &value);
        int y = (int)i, x = parts[i].is_head ? 2 : 4;
        canvas_text(canvas, x, y, parts[i].is_head ? ROLE_TEXT : ROLE_MUTED, parts[i].label);
        canvas_text_right(canvas, 31, y, known ? ROLE_FIGURE : ROLE_FAINT,
                          format_counter(buffer, model->shown, parts[i].id));
        if (known && whole > 0)
            bar_draw(canvas, 33, y, canvas.width - 35, parts[i].is_head ? ROLE_GRAPH_4 : ROLE_GRAPH_2, value / whole);
        else if (!known)
            canvas_text_fit(canvas, 33, y, canvas.width - 35, ROLE_FAINT,
                            counter->reason ? counter->reason : "not read");
    }
    return (int)count;
}

/* The same of malloc's heap, in programs that have no other; returns how many rows it took. */
static int draw_malloc_parts(struct canvas canvas, const struct malloc_heap *heap)
{
    if (!heap || !heap->known) {
        canvas_text(canvas, 2, 0, ROLE_TEXT, "malloc");
        return canvas_text_wrap(canvas, 10, 0, canvas.width - 12, 4, ROLE_FAINT,
                                heap && heap->reason ? heap->reason : "not read yet");
    }
    const struct {
        const char *label;
        uint64_t bytes;
    } rows[] = {
        {"malloc, obtained", heap->system_bytes + heap->mapped_bytes},
        {"in use", heap->used_bytes - heap->cache_bytes},
        {"large, in mappings", heap->mapped_bytes},
        {"free in bins", heap->free_bytes},
        {"free at the top", heap->top_bytes},
        {"kept for threads", heap->fast_bytes + heap->cache_bytes},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char buffer[UNITS_BUFFER];
        canvas_text(canvas, i == 0 ? 2 : 4, (int)i, i == 0 ? ROLE_TEXT : ROLE_MUTED, rows[i].label);
        canvas_text_right(canvas, 31, (int)i, ROLE_FIGURE, units_format_bytes(buffer, (double)rows[i].bytes));
        if (rows[0].bytes > 0)
            bar_draw(canvas, 33, (int)i, canvas.width - 35, i == 0 ? ROLE_GRAPH_4 : ROLE_GRAPH_2,
                     (double)rows[i].bytes / (double)rows[0].bytes);
    }
    return (int)ARRAY_SIZE(rows);
}

/* What the runtime itself says of its memory: Go's, or malloc. */
static int draw_runtime(const struct model *model, struct canvas canvas)
{
    const struct analysis *analysis = model->analysis;
    return analysis && !analysis_is_go(analysis) ? draw_malloc_parts(canvas, analysis->malloc_heap)
                                                 : draw_parts(model, canvas, go_parts, ARRAY_SIZE(go_parts));
}

/* ---- RSS reconciled ---- */

/* A bar for each part, each beginning where the one above it ends, so that they make one whole without a need for
 * colours. */
static void draw_step(struct canvas canvas, int x, int y, int width, double from, double to)
{
    int start = (int)(from * width + 0.5), end = (int)(to * width + 0.5);
    if (end == start && end < width)
        end++;
    if (end == start)
        start--;
    for (int i = 0; i < width; i++)
        canvas_rune(canvas, x + i, y, i >= start && i < end ? ROLE_GRAPH_3 : ROLE_TRACK,
                    i >= start && i < end ? 0x2588 : 0x2500);
}

static int draw_step_row(struct canvas canvas, int y, const char *label, uint64_t bytes, double before, double whole)
{
    char buffer[FORMAT_BUFFER];
    canvas_text(canvas, 2, y, ROLE_MUTED, label);
    canvas_text_right(canvas, 31, y, ROLE_FIGURE, units_format_bytes(buffer, (double)bytes));
    if (whole > 0)
        draw_step(canvas, 33, y, canvas.width - 35, before / whole, (before + (double)bytes) / whole);
    return y + 1;
}

/* As many rows as there is room for: the smallest parts share the last one. */
static int draw_reconciled(struct canvas canvas, const struct memory_parts *parts, int max_rows)
{
    bool is_shown[MEMORY_PART_COUNT];
    int rows = 0;
    for (int part = 0; part < MEMORY_PART_COUNT; part++)
        rows += is_shown[part] = parts->bytes[part] > 0;
    bool is_cut = rows + 1 > max_rows;
    while (is_cut && rows > 1 && rows + 2 > max_rows) {
        int smallest = -1;
        for (int part = 0; part < MEMORY_PART_COUNT; part++) {
            if (is_shown[part] && (smallest < 0 || parts->bytes[part] < parts->bytes[smallest]))
                smallest = part;
        }
        is_shown[smallest] = false;
        rows--;
    }
    char buffer[FORMAT_BUFFER];
    uint64_t all = parts->rss_bytes + parts->excess_bytes, sum = 0;
    canvas_text(canvas, 2, 0, ROLE_TEXT, "RSS, the sum of");
    canvas_text_right(canvas, 31, 0, ROLE_FIGURE, units_format_bytes(buffer, (double)all));
    if (canvas.width > 40)
        bar_draw(canvas, 33, 0, canvas.width - 35, ROLE_GRAPH_4, all ? 1 : 0);
    int y = 1;
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        if (!is_shown[part])
            continue;
        y = draw_step_row(canvas, y, memory_part_infos[part].label, parts->bytes[part], (double)sum, (double)all);
        sum += parts->bytes[part];
    }
    return sum < all ? draw_step_row(canvas, y, "smaller parts", all - sum, (double)sum, (double)all) : y;
}

int memory_parts_draw(const struct model *model, struct canvas canvas, int most)
{
    const struct memory_parts *parts = model->analysis ? &model->analysis->memory_parts : NULL;
    bool is_reconciled = parts && parts->known, is_wide = canvas.width >= BESIDE_WIDTH;
    int half = is_wide ? canvas.width / 2 : canvas.width;
    struct canvas left = canvas_part(canvas, 0, 0, half, canvas.height);
    int y = is_reconciled ? draw_reconciled(left, parts, most)
                          : draw_parts(model, left, kernel_parts, most < FEW_ROWS ? 3 : ARRAY_SIZE(kernel_parts));
    if (is_wide) {
        int rows = draw_runtime(model, canvas_part(canvas, half, 0, canvas.width - half, canvas.height));
        y = rows > y ? rows : y;
    } else if (!is_reconciled && most >= BELOW_HEIGHT) {
        y += draw_runtime(model, canvas_part(canvas, 0, y, canvas.width, canvas.height - y));
    }
    return y;
}
