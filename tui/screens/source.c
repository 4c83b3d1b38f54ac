/* The source of one frame on the whole screen, with what each line holds and has allocated; or its machine code. */
#include <stdio.h>

#include "tui/format.h"
#include "tui/screens/source_view.h"
#include "tui/session.h"

struct source_detail {
    struct frame frame;
    struct source_view view;
};

static struct error *source_open(struct session *session, void *state, const void *argument)
{
    (void)session;
    struct source_detail *source = state;
    source->frame = *(const struct frame *)argument;
    source_view_init(&source->view);
    return NULL;
}

static void source_screen_close(void *state)
{
    source_view_deinit(&((struct source_detail *)state)->view);
}

static struct error *source_update(struct session *session, void *state)
{
    struct source_detail *source = state;
    return source_view_set(&source->view, session, &source->frame);
}

static void source_draw(struct session *session, void *state, struct canvas canvas)
{
    struct source_detail *source = state;
    const struct catalog *catalog = session->model.shown->catalog;
    const char *function = catalog_string(catalog, source->frame.function);
    int x = canvas_text_fit(canvas, 2, 0, canvas.width - 4, ROLE_FIGURE,
                            (int)utf8_width(function) < canvas.width / 2 ? function : function_short_name(function));
    canvas_text_fit(canvas, x + 2, 0, canvas.width - x - 4, ROLE_MUTED, catalog_string(catalog, source->frame.file));
    source_view_draw(&source->view, session, canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1), true);
}

static struct list *source_focus(void *state)
{
    return source_view_list(&((struct source_detail *)state)->view);
}

static bool source_act(struct session *session, void *state, enum action action)
{
    struct source_detail *source = state;
    if (action != ACTION_NEXT_PANE && action != ACTION_PREVIOUS_PANE)
        return false;
    source_view_toggle(&source->view, session);
    return true;
}

static void source_describe(const struct session *session, const void *state, struct text *text)
{
    const struct source_detail *source = state;
    frame_write_place(session->model.shown->catalog, &source->frame, text);
}

static const enum action source_footer[] = {ACTION_BACK, ACTION_SEARCH, ACTION_NEXT_PANE, ACTION_NONE};

static const struct screen_ops source_screen = {
    .title = "Source",
    .about = "The lines around a frame, with what each of them holds and has allocated.",
    .state_size = sizeof(struct source_detail),
    .footer = source_footer,
    .open = source_open,
    .close = source_screen_close,
    .update = source_update,
    .draw = source_draw,
    .focus = source_focus,
    .act = source_act,
    .describe = source_describe,
};

struct error *session_open_source(struct session *session, const struct frame *frame)
{
    return session_push(session, &source_screen, frame);
}
