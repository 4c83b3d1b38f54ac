#include "tui/screens/stack_view.h"

#include <stdio.h>
#include <string.h>

#include "tui/cells.h"

/* From here on the source has the frames beside it, and these at least so much room. */
#define BESIDE_WIDTH 150
#define LEAST_FRAMES_WIDTH 60
/* Below the frames it gets at least so many rows, and a reason that there is none these. */
#define LEAST_BELOW_HEIGHT 10
#define REASON_HEIGHT 3

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
    source_view_init(&view->source);
}

void stack_view_deinit(struct stack_view *view)
{
    list_deinit(&view->frames);
    vector_deinit(&view->rows);
    source_view_deinit(&view->source);
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

static const struct frame *selected_frame(const struct stack_view *view, const struct session *session)
{
    const struct frame_row *row = list_selected(&view->frames);
    return catalog_frame(session->model.shown->catalog, row ? row->frame : 0);
}

bool stack_view_act(struct stack_view *view, struct session *session, enum action action)
{
    if (action != ACTION_OPEN)
        return false;
    if (view->frames.num_rows > 0)
        error_destroy(session_open_source(session, selected_frame(view, session)));
    return true;
}

int stack_view_list_below(struct stack_view *view, const struct session *session, int width, int height, size_t lines,
                          bool focused)
{
    int rows = list_height_below(height, lines, focused);
    error_destroy(source_view_set(&view->source, session, selected_frame(view, session)));
    if (rows == 0 || rows == height || !source_view_is_empty(&view->source))
        return rows;
    int frames = (int)view->frames.num_rows + 1, needed = frames + REASON_HEIGHT;
    if (width >= BESIDE_WIDTH)
        needed = frames > REASON_HEIGHT ? frames : REASON_HEIGHT;
    size_t wanted = lines + LIST_TITLE_ROWS, least = (size_t)rows;
    int most = height - needed;
    return most <= rows ? rows : wanted < (size_t)most ? (int)(wanted > least ? wanted : least) : most;
}

/* Beside: the frames get what they need, at most half. Below: what the frames leave over, at least two fifths. */
static void divide(const struct stack_view *view, struct canvas canvas, struct canvas *stack, struct canvas *source)
{
    *stack = canvas;
    *source = canvas_part(canvas, 0, 0, 0, 0);
    if (canvas.width >= BESIDE_WIDTH) {
        int needed = list_whole_width(&view->frames), most = canvas.width / 2 - 1;
        int width = needed > most ? most : needed < LEAST_FRAMES_WIDTH ? LEAST_FRAMES_WIDTH : needed;
        *stack = canvas_part(canvas, 0, 0, width, canvas.height);
        *source = canvas_part(canvas, width + 1, 0, canvas.width - width - 1, canvas.height);
    } else if (canvas.height >= LEAST_BELOW_HEIGHT) {
        int frames = (int)view->frames.num_rows + 1;
        int most = source_view_is_empty(&view->source) ? canvas.height - REASON_HEIGHT : canvas.height * 3 / 5;
        frames = frames > most ? most : frames;
        *stack = canvas_part(canvas, 0, 0, canvas.width, frames);
        *source = canvas_part(canvas, 0, frames, canvas.width, canvas.height - frames);
    }
}

void stack_view_draw(struct stack_view *view, const struct session *session, struct canvas canvas, bool focused)
{
    /* Out of memory the source of the frame before stays. */
    error_destroy(source_view_set(&view->source, session, selected_frame(view, session)));
    struct canvas stack, source;
    divide(view, canvas, &stack, &source);
    section_draw(stack, 0, "Stack", &view->frames, focused);
    list_draw(&view->frames, canvas_part(stack, 0, 1, stack.width, stack.height - 1), focused);
    if (source.height > 0)
        source_view_draw(&view->source, session, source, false);
}
