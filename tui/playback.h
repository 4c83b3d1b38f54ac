/* Moving about in a session that a source remembers: a recording, or what the live view has seen. The screens are those
 * of the live view; what is on them is as of the cursor. */
#ifndef TUI_PLAYBACK_H
#define TUI_PLAYBACK_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"
#include "tui/action.h"

struct session;

struct playback {
    bool is_on;                     /* The session's source remembers. */
    struct arena arena;             /* Of the timeline. */
    struct timeline timeline;
    int64_t scanned;                /* How far the strip has been read. */
    bool is_scanned;
    uint64_t read_at_ns;            /* CLOCK_MONOTONIC: when the timeline was read. */
    uint64_t cursor_unix_ns;        /* What was asked for: the sample on view is the last one up to it. */
    bool is_playing;
    size_t speed;                   /* Index of the speeds. */
};

/* Begins at the last sample at or before this time; 0: at the newest, and goes on where the session does. */
struct error *playback_open(struct session *session, uint64_t start_unix_ns);
void playback_close(struct session *session);

/* What is to be done between keys: reads on, plays. *ret_changed: there is something new to show. */
struct error *playback_work(struct session *session, bool *ret_changed);
/* Whether it wants to be called again at once; else when its source is readable, and once a second. */
bool playback_is_busy(const struct session *session);

/* What only a session that is remembered can do. *ret_done: it was one of those. */
struct error *playback_act(struct session *session, enum action action, bool *ret_done);
/* The sample on view becomes an edge of the span over which growth is shown, or is one no more; in a live view, too. */
struct error *playback_set_span(struct session *session, bool is_end);
/* The same of both edges at once: growth since the sample on view, or that of the last minutes. */
struct error *playback_set_baseline(struct session *session);
/* Playing has reached the end of a session that goes on. */
bool playback_has_caught_up(const struct session *session);
struct error *playback_jump(struct session *session, uint64_t unix_ns);
/* To what somebody typed: "14:03", "-5m", "+30s", "mark", "suspect", "gc", "rise", "start", "end". */
struct error *playback_jump_to(struct session *session, const char *text);
/* Seconds of the session in one. */
double playback_speed(const struct playback *playback);

#endif
