/* Where the resident memory is: its parts, the runtime's own account of the heap, and the regions of the
 * address space. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/screens/cache_list.h"
#include "tui/screens/chunk_list.h"
#include "tui/screens/memory_parts_view.h"
#include "tui/screens/span_list.h"
#include "tui/screens/type_list.h"
#include "tui/session.h"

/* Below so many rows the list comes first. */
#define LOW_HEIGHT 10
/* And so many the list has at least, where there are more. */
#define LIST_LEAST_HEIGHT 8

enum memory_pane { PANE_REGIONS, PANE_SPANS, PANE_CACHES, PANE_CHUNKS, PANE_TYPES, MEMORY_PANES };

struct memory {
    struct list lists[MEMORY_PANES];
    enum memory_pane pane;  /* Which is shown. */
};

static const char *const pane_titles[MEMORY_PANES] = {
    "Regions of the address space", "Spans of the Go heap by size of their objects",
    "What each P keeps to allocate from", "Heap of C code by size of its chunks", "Live C++ objects by class"};

/* ---- regions ---- */

static const struct region *region_of(const void *row)
{
    return row;
}

/* May not be touched at all, so no memory is behind it. */
static bool is_reserved(const struct region *region)
{
    return strncmp(region->permissions, "---", 3) == 0;
}

/* The regions may come from an earlier sample than the rest, but of the same session and catalog. */
static const char *region_name(const void *context, const struct region *region)
{
    const char *name = catalog_string(cell_catalog(context), region->name);
    return name[0] ? name : is_reserved(region) ? "reserved address space: costs nothing" : "anonymous";
}

static void draw_size(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, is_reserved(region_of(row)) ? ROLE_MUTED : ROLE_FIGURE, (double)region_of(row)->size);
}

static void draw_resident(const struct list_cell *cell, const void *row)
{
    const struct region *region = region_of(row);
    if (region->is_measured)
        cell_bytes(cell, ROLE_TEXT, (double)region->resident_bytes);
    else
        cell_left(cell, ROLE_FAINT, "");
}

static void draw_permissions(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_MUTED, region_of(row)->permissions);
}

static void draw_address(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "%012" PRIx64, region_of(row)->start);
    cell_left(cell, ROLE_MUTED, buffer);
}

static void draw_name(const struct list_cell *cell, const void *row)
{
    const struct region *region = region_of(row);
    cell_left(cell,
              is_reserved(region) ? ROLE_FAINT
              : region->name      ? ROLE_TEXT
                                  : ROLE_MUTED,
              region_name(cell->context, region));
}

/* What only reserves addresses comes after all that may hold memory. */
static int compare_size(const void *context, const void *first, const void *second)
{
    (void)context;
    const struct region *a = first, *b = second;
    if (is_reserved(a) != is_reserved(b))
        return is_reserved(a) ? -1 : 1;
    return compare_numbers((double)a->size, (double)b->size);
}

DEFINE_COMPARE(compare_resident, struct region, resident_bytes)
DEFINE_COMPARE(compare_address, struct region, start)

static int compare_name(const void *context, const void *a, const void *b)
{
    return strcmp(region_name(context, a), region_name(context, b));
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return region_of(row)->start;
}

static const char *text_of_region(const void *context, const void *row, char *buffer)
{
    snprintf(buffer, LIST_TEXT, "%" PRIx64 " %s %.400s", region_of(row)->start, region_of(row)->permissions,
             region_name(context, region_of(row)));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    return (int)utf8_width(region_name(context, region_of(row)));
}

static const struct column columns[] = {
    {.title = "size", .width = 9, .right = true, .draw = draw_size, .compare = compare_size,
     .help = "of address space; only touched pages take memory"},
    {.title = "resident", .width = 9, .right = true, .draw = draw_resident, .compare = compare_resident},
    {.title = "perm", .width = 4, .draw = draw_permissions},
    {.title = "from", .width = 12, .priority = 1, .ascending = true, .draw = draw_address, .compare = compare_address},
    {.title = "what", .width = 20, .flexible = true, .ascending = true, .draw = draw_name, .compare = compare_name,
     .help = "the file, or what the program named it"},
};

static const struct list_ops region_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 0,
    .identity = identify,
    .text = text_of_region,
    .measure = measure,
};

/* ---- what is said of the parts ---- */

/* What the parts mean, over the whole width; two lines at most. */
static int draw_note(struct canvas canvas, int y, const struct memory_parts *parts)
{
    struct text note = {0};
    error_destroy(memory_parts_write_note(parts, &note));
    if (note.data && !note.failed)
        y = canvas_text_wrap(canvas, 2, y, canvas.width - 4, canvas.height - y < LOW_HEIGHT ? 1 : 2, ROLE_TEXT,
                             note.data);
    text_deinit(&note);
    return y;
}

/* What malloc has, in a line: what of it is in use, and where the rest is. */
static int draw_malloc(struct canvas canvas, int y, const struct malloc_heap *heap)
{
    char used[UNITS_BUFFER], system[UNITS_BUFFER], free_bytes[UNITS_BUFFER], top[UNITS_BUFFER], ready[UNITS_BUFFER];
    char mapped[UNITS_BUFFER], large[UNITS_BUFFER + 32] = "";
    if (heap->mapped_known && heap->mapped_chunks > 0)
        snprintf(large, sizeof(large), "; large ones besides %s",
                 units_format_bytes(mapped, (double)heap->mapped_bytes));
    canvas_text(canvas, 2, y, ROLE_MUTED, "malloc");
    struct text text = {0};
    text_printf(&text, "%s of %s in use, free in bins %s, at the top %s, kept ready %s%s",
                units_format_bytes(used, (double)(heap->used_bytes - heap->cache_bytes)),
                units_format_bytes(system, (double)heap->system_bytes),
                units_format_bytes(free_bytes, (double)heap->free_bytes),
                units_format_bytes(top, (double)heap->top_bytes),
                units_format_bytes(ready, (double)(heap->fast_bytes + heap->cache_bytes)), large);
    if (heap->torn_arenas > 0)
        text_printf(&text, "; %u of %u arenas changed while they were read", heap->torn_arenas, heap->num_arenas);
    else if (heap->num_arenas > 1)
        text_printf(&text, "; %u arenas", heap->num_arenas);
    int below = y + 1;
    if (text.data && !text.failed)
        below = canvas_text_wrap(canvas, 9, y, canvas.width - 11, 2, ROLE_TEXT, text.data);
    text_deinit(&text);
    return below;
}

/* ---- the screen ---- */

static struct error *memory_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    static const struct list_ops *const ops[MEMORY_PANES] = {&region_list, &span_list, &cache_list, &chunk_list,
                                                           &type_list};
    for (int pane = 0; pane < MEMORY_PANES; pane++)
        list_init(&((struct memory *)state)->lists[pane], ops[pane]);
    return NULL;
}

static void memory_close(void *state)
{
    for (int pane = 0; pane < MEMORY_PANES; pane++)
        list_deinit(&((struct memory *)state)->lists[pane]);
}

static struct error *memory_update(struct session *session, void *state)
{
    const struct snapshot *from = session->model.with_regions;
    if (!session->model.paused)
        source_request(session->model.source, SOURCE_REQUEST_MEMORY_MAP);
    struct memory *memory = state;
    const struct analysis *analysis = session->model.analysis;
    bool is_set =
        list_set_rows(&memory->lists[PANE_REGIONS], &session->model, from ? from->regions : NULL,
                      from ? from->num_regions : 0, sizeof(struct region)) &&
        list_set_rows(&memory->lists[PANE_SPANS], &session->model, analysis ? analysis->span_classes : NULL,
                      analysis ? analysis->num_span_classes : 0, sizeof(struct span_class)) &&
        list_set_rows(&memory->lists[PANE_CACHES], &session->model, analysis ? analysis->heap_caches : NULL,
                      analysis ? analysis->num_heap_caches : 0, sizeof(struct heap_cache_use)) &&
        list_set_rows(&memory->lists[PANE_CHUNKS], &session->model, analysis ? analysis->malloc_classes : NULL,
                      analysis ? analysis->num_malloc_classes : 0, sizeof(struct malloc_class_row)) &&
        list_set_rows(&memory->lists[PANE_TYPES], &session->model, analysis ? analysis->malloc_types : NULL,
                      analysis ? analysis->num_malloc_types : 0, sizeof(struct malloc_type_row));
    return is_set ? NULL : error_no_memory();
}

static struct list *memory_focus(void *state)
{
    struct memory *memory = state;
    return &memory->lists[memory->pane];
}

static void memory_draw(struct session *session, void *state, struct canvas canvas)
{
    struct memory *memory = state;
    const struct model *model = &session->model;
    const struct memory_parts *parts = model->analysis ? &model->analysis->memory_parts : NULL;
    bool is_reconciled = parts && parts->known, is_low = canvas.height < LOW_HEIGHT;
    int most = canvas.height - LIST_LEAST_HEIGHT;
    int y = memory_parts_draw(model, canvas, is_low ? 2 : most > 4 ? most : 4);
    if (is_reconciled && !is_low)
        y = draw_note(canvas, y, parts);
    if (is_reconciled && !is_low && model->analysis->malloc_heap && model->analysis->malloc_heap->known)
        y = draw_malloc(canvas, y, model->analysis->malloc_heap);
    y += !is_low;
    struct list *list = memory_focus(memory);
    section_draw(canvas, y, pane_titles[memory->pane], list, true);
    struct canvas below = canvas_part(canvas, 0, y + 1, canvas.width, canvas.height - y - 1);
    list_draw(list, below, true);
    if (list->num_all == 0)
        canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED,
                        memory->pane == PANE_REGIONS || !is_reconciled ? "not read yet"
                        : parts->heap_reason                           ? parts->heap_reason
                                                                       : "none");
}

/* Of a program that is not Go's there are neither spans nor Ps; in a Go program their absence has a reason, which is
 * shown. */
static bool is_offered(const struct memory *memory, enum memory_pane pane)
{
    bool has_chunks = memory->lists[PANE_CHUNKS].num_all > 0;
    return pane == PANE_REGIONS || memory->lists[pane].num_all > 0 || (pane < PANE_CHUNKS && !has_chunks);
}

static bool memory_offers(const struct session *session, const void *state, enum action action)
{
    bool has_more = false;
    (void)session;
    for (int pane = PANE_REGIONS + 1; pane < MEMORY_PANES; pane++)
        has_more |= is_offered(state, (enum memory_pane)pane);
    return action != ACTION_NEXT_PANE || has_more;
}

static bool memory_act(struct session *session, void *state, enum action action)
{
    (void)session;
    struct memory *memory = state;
    if (action != ACTION_NEXT_PANE && action != ACTION_PREVIOUS_PANE)
        return false;
    int step = action == ACTION_NEXT_PANE ? 1 : MEMORY_PANES - 1;
    do
        memory->pane = (enum memory_pane)((memory->pane + step) % MEMORY_PANES);
    while (!is_offered(memory, memory->pane));
    return true;
}

static const enum action memory_footer[] = {ACTION_NEXT_PANE, ACTION_SEARCH,  ACTION_FILTER,
                                            ACTION_SORT,      ACTION_REVERSE, ACTION_NONE};

const struct screen_ops memory_screen = {
    .title = "Memory",
    .about = "Where the resident memory is, and what the allocator says of its own.",
    .state_size = sizeof(struct memory),
    .footer = memory_footer,
    .open = memory_open,
    .close = memory_close,
    .update = memory_update,
    .draw = memory_draw,
    .focus = memory_focus,
    .act = memory_act,
    .offers = memory_offers,
};
