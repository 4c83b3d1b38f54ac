/* The source around a frame with what its lines hold and have allocated, or, where there is none, its machine code: a
 * part of several screens. */
#ifndef TUI_SCREENS_SOURCE_VIEW_H
#define TUI_SCREENS_SOURCE_VIEW_H

#include "heaptop/analysis/line_costs.h"
#include "tui/list.h"
#include "tui/session.h"
#include "tui/source_file.h"

struct source_row {
    uint32_t number;
    const char *text;
    struct site_values values;
    bool is_here;               /* The frame's line. */
};

struct code_row {
    struct instruction instruction;
    bool is_here;
};

/* Zeroed, then source_view_init. */
struct source_view {
    struct frame frame;                 /* Names are those of the session's catalog. */
    bool is_set;
    struct source_lines source;
    VECTOR(struct source_row) rows;
    struct list lines;
    char reason[200];                   /* Why there is no source. */
    uint64_t costs_cycle;               /* The GC cycle that the figures are of. */
    size_t costs_stacks;
    bool is_code_read;
    struct arena code_arena;
    VECTOR(struct code_row) code_rows;
    struct list code;
    char code_reason[200];              /* Why there is no code. */
    bool shows_code;
    bool is_centred;                    /* The frame's line was put into the middle once. */
};

void source_view_init(struct source_view *view);
void source_view_deinit(struct source_view *view);

/* Shows what is around this frame, with the figures of the sample on view; reads its file only when it is another one.
 * ERROR_NO_MEMORY. */
struct error *source_view_set(struct source_view *view, const struct session *session, const struct frame *frame);
/* The source, or, when that is asked for or there is no source, the code. */
struct list *source_view_list(struct source_view *view);
/* The other of the two. */
void source_view_toggle(struct source_view *view, const struct session *session);
/* The heading of a section, then what there is. Without the focus the frame's line stands in the middle. */
/* Neither source nor code: there is only the reason to be shown. */
bool source_view_is_empty(const struct source_view *view);
void source_view_draw(struct source_view *view, const struct session *session, struct canvas canvas, bool focused);

#endif
