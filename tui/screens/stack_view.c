#include "tui/screens/stack_view.h"

#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

#define BESIDE_WIDTH 110

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

void stack_view_init(struct stack_view *view)
{
    list_init(&view->frames, &frame_list);
}

void stack_view_deinit(struct stack_view *view)
{
    list_deinit(&view->frames);
    vector_deinit(&view->rows);
    source_lines_deinit(&view->source);
}

bool stack_view_set(struct stack_view *view, const struct session *session, stack_id id)
{
    const struct catalog *catalog = session->model.shown->catalog;
    struct stack stack = catalog_stack(catalog, id);
    uint32_t subject = catalog_stack_subject(catalog, id);
    view->rows.count = 0;
    for (uint32_t i = 0; i < stack.depth; i++)
        if (!vector_append(&view->rows, (struct frame_row){stack.frames[i], i, i == subject}))
            return false;
    if (!list_set_rows(&view->frames, &session->model, view->rows.items, view->rows.count, sizeof(*view->rows.items)))
        return false;
    if (id != view->shown)
        list_select_identity(&view->frames, subject);
    view->shown = id;
    return true;
}

/* Reads the source around the selected frame, once for each that is selected. */
static void read_source(struct stack_view *view, const struct session *session)
{
    const struct frame_row *row = list_selected(&view->frames);
    frame_id id = row ? row->frame : 0;
    if (id == view->source_of)
        return;
    const struct catalog *catalog = session->model.shown->catalog;
    const struct frame *frame = catalog_frame(catalog, id);
    const char *path = catalog_file(catalog, id);
    source_lines_deinit(&view->source);
    view->source = (struct source_lines){.count = 0};
    view->source_of = id;
    view->source_reason[0] = '\0';
    if (path[0] != '/' || frame->line == 0) {
        snprintf(view->source_reason, sizeof(view->source_reason), "%s",
                 path[0] ? "compiled without full paths: the source cannot be found"
                         : "no file is known for this frame");
        return;
    }
    struct error *error = source_lines_read(path, frame->line, &view->source);
    if (error)
        snprintf(view->source_reason, sizeof(view->source_reason), "%s", error->message);
    error_destroy(error);
}

static void draw_source(const struct stack_view *view, const struct session *session, struct canvas canvas)
{
    const struct catalog *catalog = session->model.shown->catalog;
    char place[FORMAT_BUFFER], title[FORMAT_BUFFER + 16];
    snprintf(title, sizeof(title), "%s", frame_place(catalog, view->source_of, place));
    section_draw(canvas, 0, title[0] ? title : "Source", NULL, false);
    struct canvas text = canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1);
    if (view->source.count == 0) {
        canvas_text_fit(text, 2, 0, text.width - 3, ROLE_MUTED, view->source_reason);
        return;
    }
    uint32_t line = catalog_frame(catalog, view->source_of)->line, index = line - view->source.first;
    /* The line stands in the middle. */
    uint32_t half = (uint32_t)text.height / 2, from = index > half ? index - half : 0;
    if (view->source.count - from < (uint32_t)text.height)
        from = view->source.count > (uint32_t)text.height ? view->source.count - (uint32_t)text.height : 0;
    for (int y = 0; y < text.height && from + (uint32_t)y < view->source.count; y++) {
        uint32_t number = view->source.first + from + (uint32_t)y;
        bool here = number == line;
        canvas_printf(text, 1, y, here ? ROLE_STRONG : ROLE_FAINT, "%6u", number);
        if (here)
            canvas_rune(text, 8, y, ROLE_STRONG, 0x25b6);
        canvas_text_fit(text, 10, y, text.width - 11, here ? ROLE_FIGURE : ROLE_MUTED,
                        view->source.lines[from + (uint32_t)y]);
        if (here)
            canvas_ground(text, 0, y, text.width, GROUND_BAR);
    }
}

void stack_view_draw(struct stack_view *view, const struct session *session, struct canvas canvas, bool focused)
{
    read_source(view, session);
    struct canvas stack = canvas, source = canvas_part(canvas, 0, 0, 0, 0);
    if (canvas.width >= BESIDE_WIDTH) {
        stack = canvas_part(canvas, 0, 0, canvas.width / 2 - 1, canvas.height);
        source = canvas_part(canvas, canvas.width / 2, 0, canvas.width - canvas.width / 2, canvas.height);
    } else if (canvas.height >= 10) {
        int frames = (int)view->frames.num_rows + 1, half = canvas.height * 3 / 5;
        frames = frames > half ? half : frames;
        stack = canvas_part(canvas, 0, 0, canvas.width, frames);
        source = canvas_part(canvas, 0, frames, canvas.width, canvas.height - frames);
    }
    section_draw(stack, 0, "Stack", &view->frames, focused);
    list_draw(&view->frames, canvas_part(stack, 0, 1, stack.width, stack.height - 1), focused);
    if (source.height > 0)
        draw_source(view, session, source);
}
