/* One call site: its figures, its history, its stacks, and the source around the selected frame. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/chrome.h"
#include "tui/panel.h"
#include "tui/screens/allocation_list.h"
#include "tui/session.h"
#include "tui/source_file.h"

#define GRAPH_LEAST_HEIGHT 22
#define BESIDE_WIDTH 110
#define TWO_COLUMNS_WIDTH 110

struct frame_row {
    frame_id frame;
    uint32_t index;
    bool is_subject;
};

enum site_pane { PANE_STACK, PANE_STACKS };

struct site_detail {
    frame_id subject;
    const struct allocation_row *row;   /* In the analysis on view; NULL when the profile no longer has it. */
    struct list frames, stacks;
    enum site_pane pane;
    VECTOR(struct frame_row) frame_rows;
    stack_id shown_stack;               /* Whose frames are listed. */
    frame_id source_of;                 /* Whose source was read last. */
    struct source_lines source;
    char source_reason[160];            /* Why there is none. */
};

/* ---- the frames of a stack ---- */

static void draw_frame(const struct list_cell *cell, const void *row)
{
    const struct frame_row *frame = row;
    if (frame->is_subject)
        canvas_rune(cell->canvas, 0, 0, ROLE_STRONG, 0x25b6);
    frame_draw(cell->canvas, 2, 0, cell->canvas.width - 2, cell->pan, cell_catalog(cell->context), frame->frame);
}

static void draw_frame_place(const struct list_cell *cell, const void *row)
{
    cell_place(cell, ((const struct frame_row *)row)->frame);
}

static void draw_origin(const struct list_cell *cell, const void *row)
{
    static const char *const names[] = {
        [FRAME_UNKNOWN] = "",          [FRAME_RUNTIME] = "runtime", [FRAME_STANDARD] = "standard",
        [FRAME_DEPENDENCY] = "module", [FRAME_APPLICATION] = "app", [FRAME_NATIVE] = "C"};
    const struct frame *frame = catalog_frame(cell_catalog(cell->context), ((const struct frame_row *)row)->frame);
    cell_left(cell, ROLE_FAINT, frame->origin < ARRAY_SIZE(names) ? names[frame->origin] : "");
}

static uint64_t identify_frame(const void *context, const void *row)
{
    (void)context;
    return ((const struct frame_row *)row)->index;
}

static const char *text_of_frame(const void *context, const void *row, char *buffer)
{
    char place[FORMAT_BUFFER];
    frame_id frame = ((const struct frame_row *)row)->frame;
    snprintf(buffer, LIST_TEXT, "%.400s %s", catalog_function(cell_catalog(context), frame),
             frame_place(cell_catalog(context), frame, place));
    return buffer;
}

static int measure_frame(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    return 2 + (int)utf8_width(frame_function(cell_catalog(context), ((const struct frame_row *)row)->frame, buffer));
}

static const struct column frame_columns[] = {
    {.title = "function", .width = 24, .flexible = true, .draw = draw_frame},
    {.title = "line", .width = 20, .priority = 1, .draw = draw_frame_place},
    {.title = "of", .width = 8, .priority = 2, .draw = draw_origin},
};

static const struct list_ops frame_list = {
    .columns = frame_columns,
    .num_columns = ARRAY_SIZE(frame_columns),
    .first_sort = LIST_UNSORTED,
    .hide_titles = true,
    .identity = identify_frame,
    .text = text_of_frame,
    .measure = measure_frame,
};

/* ---- data ---- */

static const struct allocation_row *find_row(const struct analysis *analysis, frame_id subject)
{
    for (size_t i = 0; i < analysis->num_call_sites; i++)
        if (analysis->call_sites[i].subject == subject)
            return &analysis->call_sites[i];
    return NULL;
}

/* Lists the frames of the stack selected below, or of the one that holds most. */
static bool list_frames(struct session *session, struct site_detail *site)
{
    const struct allocation_row *selected = list_selected(&site->stacks);
    stack_id id = selected ? selected->stack : site->row ? site->row->stack : 0;
    const struct catalog *catalog = session->model.shown->catalog;
    struct stack stack = catalog_stack(catalog, id);
    uint32_t subject = catalog_stack_subject(catalog, id);
    site->frame_rows.count = 0;
    for (uint32_t i = 0; i < stack.depth; i++)
        if (!vector_append(&site->frame_rows, (struct frame_row){stack.frames[i], i, i == subject}))
            return false;
    if (!list_set_rows(&site->frames, &session->model, site->frame_rows.items, site->frame_rows.count,
                       sizeof(*site->frame_rows.items)))
        return false;
    if (id != site->shown_stack)
        list_select_identity(&site->frames, subject);
    site->shown_stack = id;
    return true;
}

/* Reads the source around the selected frame, once for each that is selected. */
static void read_source(struct session *session, struct site_detail *site)
{
    const struct frame_row *row = list_selected(&site->frames);
    frame_id id = row ? row->frame : 0;
    if (id == site->source_of)
        return;
    const struct catalog *catalog = session->model.shown->catalog;
    const struct frame *frame = catalog_frame(catalog, id);
    const char *path = catalog_file(catalog, id);
    source_lines_deinit(&site->source);
    site->source = (struct source_lines){.count = 0};
    site->source_of = id;
    site->source_reason[0] = '\0';
    if (path[0] != '/' || frame->line == 0) {
        snprintf(site->source_reason, sizeof(site->source_reason), "%s",
                 path[0] ? "compiled without full paths: the source cannot be found"
                         : "no file is known for this frame");
        return;
    }
    struct error *error = source_lines_read(path, frame->line, &site->source);
    if (error)
        snprintf(site->source_reason, sizeof(site->source_reason), "%s", error->message);
    error_destroy(error);
}

/* ---- figures ---- */

struct fact {
    const char *label;
    char figure[FORMAT_BUFFER];
    char note[96];
    enum role role;
};

#define NUM_FACTS 6

static void write_growth(const struct allocation_row *row, struct fact *fact)
{
    char speed[FORMAT_BUFFER], error[UNITS_BUFFER], clock[FORMAT_BUFFER];
    bool moves = row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING;
    *fact = (struct fact){.label = "growth", .role = verdict_role(row->growth.verdict)};
    if (!moves) {
        fact->role = ROLE_TEXT;
        snprintf(fact->figure, sizeof(fact->figure), "%s", growth_verdict_name(row->growth.verdict));
        return;
    }
    char mark[5] = "";
    mark[utf8_encode(verdict_mark(row->growth.verdict), mark)] = '\0';
    snprintf(fact->figure, sizeof(fact->figure), "%s %s", mark, format_growth_bytes(speed, row->growth.per_second));
    snprintf(fact->note, sizeof(fact->note), "\xc2\xb1%s, since %s",
             units_format_rate(error, row->growth.error_per_second), format_clock(clock, row->growth.since_unix_ns));
}

static void write_facts(const struct session *session, const struct allocation_row *row, struct fact facts[NUM_FACTS])
{
    const struct snapshot *shown = session->model.shown;
    char buffer[FORMAT_BUFFER], when[FORMAT_BUFFER] = "";
    double last_gc;
    memset(facts, 0, NUM_FACTS * sizeof(*facts));
    for (size_t i = 0; i < NUM_FACTS; i++)
        facts[i].role = ROLE_FIGURE;
    facts[0].label = "in use";
    char percent[UNITS_BUFFER] = "";
    if (row->relative_error > 0)
        units_format_percent(percent, row->relative_error);
    snprintf(facts[0].figure, sizeof(facts[0].figure), "%s%s%s",
             units_format_bytes(buffer, (double)row->published.inuse_bytes), percent[0] ? " \xc2\xb1" : "", percent);
    if (counter_value(shown, COUNTER_LAST_GC, &last_gc) && last_gc > 0)
        ago(session, (uint64_t)last_gc, when);
    snprintf(facts[0].note, sizeof(facts[0].note), "as of GC %s%s%s",
             units_format_exact(buffer, (int64_t)shown->profile_cycle), when[0] ? ", " : "", when);
    write_growth(row, &facts[1]);
    facts[2].label = "right now";
    units_format_bytes(facts[2].figure, (double)row->provisional.inuse_bytes);
    snprintf(facts[2].note, sizeof(facts[2].note), "provisional: the next GC confirms it");
    facts[3].label = "allocates";
    snprintf(facts[3].figure, sizeof(facts[3].figure), "%s",
             isnan(row->alloc_bytes_per_s) ? NOT_KNOWN : units_format_rate(buffer, row->alloc_bytes_per_s));
    if (isnan(row->alloc_bytes_per_s))
        snprintf(facts[3].note, sizeof(facts[3].note), "known after two GC cycles");
    else if (!isnan(row->alloc_objects_per_s))
        snprintf(facts[3].note, sizeof(facts[3].note), "%s objects/s",
                 units_format_count(buffer, row->alloc_objects_per_s));
    facts[4].label = "objects";
    units_format_count(facts[4].figure, (double)row->published.inuse_objects);
    if (row->published.inuse_objects > 0)
        snprintf(facts[4].note, sizeof(facts[4].note), "%s each",
                 units_format_bytes(buffer, (double)row->published.inuse_bytes / (double)row->published.inuse_objects));
    facts[5].label = "frees";
    snprintf(facts[5].figure, sizeof(facts[5].figure), "%s",
             isnan(row->free_bytes_per_s) ? NOT_KNOWN : units_format_rate(buffer, row->free_bytes_per_s));
    double kept = row->alloc_bytes_per_s > 0 ? 1 - row->free_bytes_per_s / row->alloc_bytes_per_s : NAN;
    if (!isnan(kept))
        snprintf(facts[5].note, sizeof(facts[5].note), "%s",
                 kept > 0.9   ? "what it allocates, it keeps"
                 : kept < 0.1 ? "what it allocates is freed again"
                              : "part of it is kept");
}

static int draw_facts(const struct session *session, const struct allocation_row *row, struct canvas canvas)
{
    struct fact facts[NUM_FACTS];
    write_facts(session, row, facts);
    int columns = canvas.width >= TWO_COLUMNS_WIDTH ? 2 : 1;
    int rows = columns == 2 ? NUM_FACTS / 2 : canvas.height >= 18 ? NUM_FACTS : 3;
    for (int i = 0; i < rows * columns; i++) {
        const struct fact *fact = &facts[columns == 2 || rows == NUM_FACTS ? i : i == 2 ? 3 : i];
        int left = 2 + canvas.width / columns * (i % columns), y = i / columns;
        struct canvas part = canvas_part(canvas, left, y, canvas.width / columns - 3, 1);
        canvas_text(part, 0, 0, ROLE_MUTED, fact->label);
        canvas_text(part, 11, 0, fact->role, fact->figure);
        int x = 11 + (int)utf8_width(fact->figure);
        x = x < 26 ? 26 : x + 2;
        canvas_text_fit(part, x, 0, part.width - x, ROLE_MUTED, fact->note);
    }
    return rows;
}

/* ---- drawing ---- */

static int draw_history(const struct session *session, const struct allocation_row *row, struct canvas canvas)
{
    if (canvas.height < GRAPH_LEAST_HEIGHT)
        return 0;
    struct panel panel = {.title = "in use over time",
                          .format = units_format_bytes,
                          .series = row->inuse,
                          .verdict = row->growth.verdict};
    snprintf(panel.note, sizeof(panel.note), "one point a GC cycle");
    int height = canvas.height / 4;
    height = height > 11 ? 11 : height;
    panel_draw(canvas_part(canvas, 0, 0, canvas.width, height), &session->model, &panel);
    return height;
}

static void draw_source(struct session *session, struct site_detail *site, struct canvas canvas)
{
    const struct catalog *catalog = session->model.shown->catalog;
    char place[FORMAT_BUFFER], title[FORMAT_BUFFER + 16];
    snprintf(title, sizeof(title), "%s", frame_place(catalog, site->source_of, place));
    section_draw(canvas, 0, title[0] ? title : "Source", NULL, false);
    struct canvas text = canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1);
    if (site->source.count == 0) {
        canvas_text_fit(text, 2, 0, text.width - 3, ROLE_MUTED, site->source_reason);
        return;
    }
    uint32_t line = catalog_frame(catalog, site->source_of)->line, index = line - site->source.first;
    /* The line stands in the middle. */
    uint32_t half = (uint32_t)text.height / 2, from = index > half ? index - half : 0;
    if (site->source.count - from < (uint32_t)text.height)
        from = site->source.count > (uint32_t)text.height ? site->source.count - (uint32_t)text.height : 0;
    for (int y = 0; y < text.height && from + (uint32_t)y < site->source.count; y++) {
        uint32_t number = site->source.first + from + (uint32_t)y;
        bool here = number == line;
        canvas_printf(text, 1, y, here ? ROLE_STRONG : ROLE_FAINT, "%6u", number);
        if (here)
            canvas_rune(text, 8, y, ROLE_STRONG, 0x25b6);
        canvas_text_fit(text, 10, y, text.width - 11, here ? ROLE_FIGURE : ROLE_MUTED,
                        site->source.lines[from + (uint32_t)y]);
        if (here)
            canvas_ground(text, 0, y, text.width, GROUND_BAR);
    }
}

static void site_draw(struct session *session, void *state, struct canvas canvas)
{
    struct site_detail *site = state;
    if (!site->row) {
        canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED, "the profile no longer has this call site");
        return;
    }
    read_source(session, site);
    int y = draw_facts(session, site->row, canvas);
    y += draw_history(session, site->row, canvas_part(canvas, 0, y, canvas.width, canvas.height));
    int left = canvas.height - y;
    int stacks = site->row->num_stacks > 1 ? (int)site->stacks.num_rows + 2 : 0, most = left / 3;
    stacks = stacks > most ? most : stacks;
    stacks = stacks < 3 ? 0 : stacks;
    struct canvas middle = canvas_part(canvas, 0, y, canvas.width, left - stacks);
    struct canvas stack = middle, source = canvas_part(middle, 0, 0, 0, 0);
    if (canvas.width >= BESIDE_WIDTH) {
        stack = canvas_part(middle, 0, 0, canvas.width / 2 - 1, middle.height);
        source = canvas_part(middle, canvas.width / 2, 0, canvas.width - canvas.width / 2, middle.height);
    } else if (middle.height >= 10) {
        int frames = (int)site->frames.num_rows + 1, half = middle.height * 3 / 5;
        frames = frames > half ? half : frames;
        stack = canvas_part(middle, 0, 0, canvas.width, frames);
        source = canvas_part(middle, 0, frames, canvas.width, middle.height - frames);
    }
    section_draw(stack, 0, "Stack", &site->frames, site->pane == PANE_STACK);
    list_draw(&site->frames, canvas_part(stack, 0, 1, stack.width, stack.height - 1), site->pane == PANE_STACK);
    if (source.height > 0)
        draw_source(session, site, source);
    if (stacks == 0)
        return;
    struct canvas others = canvas_part(canvas, 0, canvas.height - stacks, canvas.width, stacks);
    section_draw(others, 0, "Its stacks", &site->stacks, site->pane == PANE_STACKS);
    list_draw(&site->stacks, canvas_part(others, 0, 1, others.width, stacks - 1), site->pane == PANE_STACKS);
}

/* ---- the screen ---- */

static struct error *site_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct site_detail *site = state;
    site->subject = *(const frame_id *)argument;
    list_init(&site->frames, &frame_list);
    list_init(&site->stacks, &stack_list);
    return NULL;
}

static void site_close(void *state)
{
    struct site_detail *site = state;
    list_deinit(&site->frames);
    list_deinit(&site->stacks);
    vector_deinit(&site->frame_rows);
    source_lines_deinit(&site->source);
}

static struct error *site_update(struct session *session, void *state)
{
    struct site_detail *site = state;
    const struct analysis *analysis = session->model.analysis;
    site->row = find_row(analysis, site->subject);
    const struct allocation_row *stacks = site->row ? &analysis->stacks[site->row->first_stack] : NULL;
    bool done =
        list_set_rows(&site->stacks, &session->model, stacks, site->row ? site->row->num_stacks : 0, sizeof(*stacks)) &&
        list_frames(session, site);
    return done ? NULL : error_no_memory();
}

static struct list *site_focus(void *state)
{
    struct site_detail *site = state;
    return site->pane == PANE_STACK ? &site->frames : &site->stacks;
}

static void site_point(void *state, int x, int y)
{
    struct site_detail *site = state;
    if (list_contains(&site->stacks, x, y))
        site->pane = PANE_STACKS;
    else if (list_contains(&site->frames, x, y))
        site->pane = PANE_STACK;
}

static bool site_act(struct session *session, void *state, enum action action)
{
    struct site_detail *site = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        site->pane = site->pane == PANE_STACK && site->stacks.num_rows > 1 ? PANE_STACKS : PANE_STACK;
        return true;
    }
    if (site->pane != PANE_STACKS)
        return false;
    /* The frames follow the stack that is selected. */
    bool resort;
    if (!list_act(&site->stacks, action, &resort))
        return false;
    error_destroy(site_update(session, site));
    return true;
}

static void site_describe(const struct session *session, const void *state, struct text *text)
{
    const struct site_detail *site = state;
    catalog_write_frame(session->model.shown->catalog, site->subject, text);
}

static const enum action site_footer[] = {ACTION_BACK,         ACTION_NEXT_PANE,   ACTION_SEARCH,
                                          ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER, ACTION_NONE};

const struct screen_ops site_screen = {
    .title = "Call site",
    .state_size = sizeof(struct site_detail),
    .footer = site_footer,
    .open = site_open,
    .close = site_close,
    .update = site_update,
    .draw = site_draw,
    .focus = site_focus,
    .act = site_act,
    .point = site_point,
    .describe = site_describe,
};

struct error *session_open_site(struct session *session, frame_id subject)
{
    return session_push(session, &site_screen, &subject);
}
