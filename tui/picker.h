/* The process picker without a terminal: rows and events in, cells and a choice out. */
#ifndef TUI_PICKER_H
#define TUI_PICKER_H

#include "heaptop/tui.h"
#include "tui/event.h"
#include "tui/line_edit.h"
#include "tui/list.h"

/* When a process was first listed, and its RSS then. */
struct first_look {
    uint64_t rss_bytes, when_ns;
};

struct picker_session {
    struct grid grid;
    struct list list;
    struct line_edit edit;
    struct picker_row *rows;        /* The last list, with the growth filled in; strings are the lister's. */
    size_t num_rows, capacity;
    struct table first_seen;        /* From a pid to its index in `seen`. */
    VECTOR(struct first_look) seen;
    uint64_t now_ns;
    pid_t chosen;
    bool over;
};

/* filter may be NULL. */
struct error *picker_session_create(const char *filter, int width, int height, enum glyphs glyphs,
                                    struct picker_session **ret_session);
void picker_session_destroy(struct picker_session *session);    /* Accepts NULL. */
/* Takes in a new list; the strings must live until the next one. now_ns: of any clock that only goes forward. */
struct error *picker_session_update(struct picker_session *session, const struct picker_row *rows, size_t count,
                                    uint64_t now_ns);
struct error *picker_session_handle(struct picker_session *session, const struct event *event);
void picker_session_draw(struct picker_session *session);

#endif
