#include "tui/screens/source_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

/* Instructions of a function that are listed. */
#define MAX_CODE_ROWS 512

/* ---- the table of lines ---- */

static bool has_profile(const void *context)
{
    return ((const struct model *)context)->shown->num_sites > 0;
}

static void draw_bytes(const struct list_cell *cell, int64_t bytes, bool is_here)
{
    if (bytes != 0)
        cell_bytes(cell, is_here ? ROLE_FIGURE : ROLE_TEXT, (double)bytes);
}

static void draw_inuse(const struct list_cell *cell, const void *row)
{
    const struct source_row *line = row;
    draw_bytes(cell, line->values.inuse_bytes, line->is_here);
}

static void draw_allocated(const struct list_cell *cell, const void *row)
{
    const struct source_row *line = row;
    draw_bytes(cell, line->values.alloc_bytes, line->is_here);
}

static void draw_number(const struct list_cell *cell, const void *row)
{
    const struct source_row *line = row;
    canvas_printf(cell->canvas, 0, 0, line->is_here ? ROLE_STRONG : ROLE_FAINT, "%6u", line->number);
    if (line->is_here)
        canvas_rune(cell->canvas, 7, 0, ROLE_STRONG, 0x25b6);
}

/* As much of a text as its column has room for, from where it was moved to. */
static void draw_text(const struct list_cell *cell, enum role role, const char *text)
{
    canvas_text_fit(cell->canvas, 0, 0, cell->canvas.width, role, text_skip_columns(text, cell->pan));
}

static void draw_source(const struct list_cell *cell, const void *row)
{
    const struct source_row *line = row;
    draw_text(cell, line->is_here ? ROLE_FIGURE : ROLE_MUTED, line->text);
}

static uint64_t identify_line(const void *context, const void *row)
{
    (void)context;
    return ((const struct source_row *)row)->number;
}

static const char *text_of_line(const void *context, const void *row, char *buffer)
{
    (void)context, (void)buffer;
    return ((const struct source_row *)row)->text;
}

/* All the room there is: only the first rows of a list would be measured. */
static int measure_line(const void *context, const void *row)
{
    (void)context, (void)row;
    return SOURCE_FILE_MAX_COLUMNS;
}

static const struct column line_columns[] = {
    {.title = "in use", .width = 8, .priority = 1, .right = true, .is_shown = has_profile, .draw = draw_inuse,
     .help = "bytes in use of all stacks that have this line"},
    {.title = "allocated", .width = 9, .priority = 2, .right = true, .is_shown = has_profile, .draw = draw_allocated,
     .help = "bytes that they have allocated since the start"},
    {.title = "line", .width = 8, .draw = draw_number},
    {.title = "", .width = 24, .flexible = true, .draw = draw_source},
};

static const struct list_ops line_list = {
    .columns = line_columns,
    .num_columns = ARRAY_SIZE(line_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_line,
    .text = text_of_line,
    .measure = measure_line,
};

/* ---- the table of instructions ---- */

static void draw_address(const struct list_cell *cell, const void *row)
{
    const struct code_row *code = row;
    canvas_printf(cell->canvas, 0, 0, code->is_here ? ROLE_STRONG : ROLE_FAINT, "%" PRIx64, code->instruction.address);
    if (code->is_here)
        canvas_rune(cell->canvas, cell->canvas.width - 1, 0, ROLE_STRONG, 0x25b6);
}

static void draw_instruction(const struct list_cell *cell, const void *row)
{
    const struct code_row *code = row;
    draw_text(cell, code->is_here ? ROLE_FIGURE : ROLE_MUTED, code->instruction.text);
}

static uint64_t identify_code(const void *context, const void *row)
{
    (void)context;
    return ((const struct code_row *)row)->instruction.address;
}

static const char *text_of_code(const void *context, const void *row, char *buffer)
{
    (void)context, (void)buffer;
    return ((const struct code_row *)row)->instruction.text;
}

static const struct column code_columns[] = {
    {.title = "address", .width = 14, .draw = draw_address, .help = "as linked; the mark stands at the frame's call"},
    {.title = "instruction", .width = 30, .flexible = true, .draw = draw_instruction},
};

static const struct list_ops code_list = {
    .columns = code_columns,
    .num_columns = ARRAY_SIZE(code_columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify_code,
    .text = text_of_code,
};

/* ---- reading ---- */

void source_view_init(struct source_view *view)
{
    list_init(&view->lines, &line_list);
    list_init(&view->code, &code_list);
    arena_init(&view->code_arena);
}

static void forget(struct source_view *view)
{
    source_lines_deinit(&view->source);
    view->source = (struct source_lines){.count = 0};
    view->rows.count = view->code_rows.count = 0;
    arena_deinit(&view->code_arena);
    arena_init(&view->code_arena);
    view->reason[0] = view->code_reason[0] = '\0';
    view->is_set = view->is_code_read = view->shows_code = view->is_centred = false;
}

void source_view_deinit(struct source_view *view)
{
    forget(view);
    arena_deinit(&view->code_arena);
    vector_deinit(&view->rows);
    vector_deinit(&view->code_rows);
    list_deinit(&view->lines);
    list_deinit(&view->code);
}

/* What an error says, as far as there is room. */
static void take_reason(char *reason, size_t size, struct error *error)
{
    if (error)
        snprintf(reason, size, "%s", error->message ? error->message : "it cannot be read");
    error_destroy(error);
}

static void read_lines(struct source_view *view, const struct session *session)
{
    const char *path = catalog_string(session->model.shown->catalog, view->frame.file);
    _cleanup_(text_deinit) struct text here = {0};
    bool is_mapped = source_path_write(&session->source_maps, path, &here);
    const char *missing = NULL;
    if (!path[0])
        missing = "no file is known for this frame";
    else if (view->frame.line == 0)
        missing = "no line is known for this frame";
    else if (!here.data || here.failed || (!is_mapped && here.data[0] != '/'))
        missing = "compiled without full paths: --source-map FROM=TO tells where the source lies";
    if (missing) {
        snprintf(view->reason, sizeof(view->reason), "%s", missing);
        return;
    }
    take_reason(view->reason, sizeof(view->reason), source_lines_read(here.data, view->frame.line, &view->source));
    for (uint32_t i = 0; i < view->source.count; i++) {
        uint32_t number = view->source.first + i;
        /* A line that finds no memory is left out. */
        (void)vector_append(&view->rows, (struct source_row){.number = number,
                                                             .text = view->source.lines[i],
                                                             .is_here = number == view->frame.line});
    }
}

static void read_code(struct source_view *view, const struct session *session)
{
    struct instruction instructions[MAX_CODE_ROWS];
    size_t count = 0;
    view->is_code_read = true;
    if (!session->code) {
        snprintf(view->code_reason, sizeof(view->code_reason),
                 "machine code is read of live processes only: a recording holds none");
        return;
    }
    if (view->frame.address == 0) {
        snprintf(view->code_reason, sizeof(view->code_reason), "this frame has no address");
        return;
    }
    take_reason(view->code_reason, sizeof(view->code_reason),
                session->code->disassemble(session->code->context, view->frame.address, &view->code_arena,
                                           instructions, MAX_CODE_ROWS, &count));
    for (size_t i = 0; i < count; i++) {
        uint64_t away = view->frame.address - instructions[i].address;
        (void)vector_append(&view->code_rows,
                            (struct code_row){.instruction = instructions[i], .is_here = away < instructions[i].size});
    }
}

/* ---- figures ---- */

static struct error *set_costs(struct source_view *view, const struct session *session)
{
    const struct analysis *analysis = session->model.analysis;
    struct arena arena;
    struct line_cost *costs;
    size_t count;
    arena_init(&arena);
    struct error *error = line_costs_of(analysis, view->frame.file, &arena, &costs, &count);
    for (size_t i = 0; !error && i < view->rows.count; i++)
        view->rows.items[i].values = (struct site_values){0};
    for (size_t i = 0; !error && i < count; i++)
        if (costs[i].line >= view->source.first && costs[i].line - view->source.first < view->rows.count)
            view->rows.items[costs[i].line - view->source.first].values = costs[i].values;
    arena_deinit(&arena);
    view->costs_cycle = analysis->snapshot->profile_cycle;
    view->costs_stacks = analysis->num_stacks;
    return error;
}

static bool set_lists(struct source_view *view, const struct session *session)
{
    return list_set_rows(&view->lines, &session->model, view->rows.items, view->rows.count,
                         sizeof(*view->rows.items)) &&
           list_set_rows(&view->code, &session->model, view->code_rows.items, view->code_rows.count,
                         sizeof(*view->code_rows.items));
}

/* Stays where the person has gone, once they have. */
static void select_here(struct list *list, size_t row)
{
    if (row < list->num_rows)
        list_select_identity(list, list->ops->identity(list->context, list->rows[row]));
}

static void select_frame(struct source_view *view)
{
    for (size_t i = 0; i < view->lines.num_rows; i++)
        if (((const struct source_row *)view->lines.rows[i])->is_here)
            select_here(&view->lines, i);
    for (size_t i = 0; i < view->code.num_rows; i++)
        if (((const struct code_row *)view->code.rows[i])->is_here)
            select_here(&view->code, i);
}

static bool same_frame(const struct frame *a, const struct frame *b)
{
    return a->function == b->function && a->file == b->file && a->line == b->line && a->address == b->address;
}

struct error *source_view_set(struct source_view *view, const struct session *session, const struct frame *frame)
{
    const struct analysis *analysis = session->model.analysis;
    bool is_new = !view->is_set || !same_frame(&view->frame, frame);
    if (is_new) {
        forget(view);
        view->frame = *frame;
        view->is_set = true;
        read_lines(view, session);
        if (view->rows.count == 0)
            read_code(view, session);
        view->shows_code = view->rows.count == 0 && view->code_rows.count > 0;
    }
    bool is_old = view->costs_cycle != analysis->snapshot->profile_cycle || view->costs_stacks != analysis->num_stacks;
    struct error *error = view->rows.count > 0 && (is_new || is_old) ? set_costs(view, session) : NULL;
    if (error)
        return error;
    if (!set_lists(view, session))
        return error_no_memory();
    if (is_new)
        select_frame(view);
    return NULL;
}

struct list *source_view_list(struct source_view *view)
{
    return view->shows_code ? &view->code : &view->lines;
}

void source_view_toggle(struct source_view *view, const struct session *session)
{
    if (!view->is_code_read) {
        read_code(view, session);
        if (set_lists(view, session))
            select_frame(view);
    }
    view->shows_code = !view->shows_code;
    view->is_centred = false;
}

bool source_view_is_empty(const struct source_view *view)
{
    return view->shows_code ? view->code.num_all == 0 : view->lines.num_all == 0;
}

/* ---- drawing ---- */

static void write_title(const struct source_view *view, const struct session *session, struct text *title)
{
    const struct catalog *catalog = session->model.shown->catalog;
    const char *file = catalog_string(catalog, view->frame.file);
    if (view->shows_code)
        text_append(title, "Code");
    else if (*file)
        frame_write_place(catalog, &view->frame, title);
    else
        text_append(title, "Source");
    if (!view->shows_code && view->source.modified_unix_ns > session->model.shown->target.start_unix_ns)
        text_append(title, " (changed since the program was started)");
}

/* The frame's row in the middle, as far as there are rows above and below. */
static void centre(struct list *list, int height)
{
    size_t half = height > 1 ? (size_t)(height - 1) / 2 : 0;
    list->top = list->selected > half ? list->selected - half : 0;
}

void source_view_draw(struct source_view *view, const struct session *session, struct canvas canvas, bool focused)
{
    struct list *list = source_view_list(view);
    struct text title = {0};
    write_title(view, session, &title);
    section_draw(canvas, 0, title.data ? title.data : "Source", focused && list->num_all ? list : NULL, focused);
    text_deinit(&title);
    struct canvas below = canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1);
    if (source_view_is_empty(view)) {
        const char *reason = view->shows_code ? view->code_reason : view->reason;
        int y = canvas_text_wrap(below, 2, 0, below.width - 3, below.height, ROLE_MUTED, reason);
        if (!view->shows_code && view->is_code_read)
            canvas_text_wrap(below, 2, y, below.width - 3, below.height - y, ROLE_FAINT, view->code_reason);
        return;
    }
    if (!focused)
        select_frame(view);
    if (!focused || !view->is_centred)
        centre(list, below.height);
    view->is_centred = true;
    list_draw(list, below, focused);
    int y = 1 + (int)list->selected - (int)list->top;
    if (!focused && y < below.height)
        canvas_ground(below, 0, y, below.width, GROUND_BAR);
}
