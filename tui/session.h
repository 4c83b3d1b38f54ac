/* One session of the live view without a terminal: events in, cells out. tui_run puts it on a terminal; tests feed it
 * keys and read its grid. */
#ifndef TUI_SESSION_H
#define TUI_SESSION_H

#include "heaptop/analysis/diff.h"
#include "heaptop/tui.h"
#include "tui/action.h"
#include "tui/event.h"
#include "tui/grid.h"
#include "tui/line_edit.h"
#include "tui/list.h"
#include "tui/model.h"
#include "tui/playback.h"
#include "tui/prompt.h"

struct session;

/* One kind of screen. `state` is state_size zeroed bytes that live as long as the screen is open. */
struct screen_ops {
    const char *title;
    const char *about;              /* What it shows, in a sentence: the first thing that its help says. */
    size_t state_size;
    const enum action *footer;      /* What the line of keys offers first; ends with ACTION_NONE. */
    struct error *(*open)(struct session *session, void *state, const void *argument);
    void (*close)(void *state);
    /* There is a new sample, or lists are to be filtered or sorted anew. */
    struct error *(*update)(struct session *session, void *state);
    void (*draw)(struct session *session, void *state, struct canvas canvas);
    /* How many graphs there are now, and drawing one of them, counted from 0, on all of the canvas. May be NULL. */
    unsigned (*num_graphs)(const struct session *session, const void *state);
    void (*draw_graph)(const struct session *session, const void *state, struct canvas canvas, unsigned number);
    /* The list that has the focus; NULL when there is none. */
    struct list *(*focus)(void *state);
    /* What only this screen does; false: not an action of it. May be NULL. */
    bool (*act)(struct session *session, void *state, enum action action);
    /* Whether there is anything for an action of the footer now. May be NULL: there is. */
    bool (*offers)(const struct session *session, const void *state, enum action action);
    /* Gives the focus to what is at this cell before a click is handled. May be NULL. */
    void (*point)(void *state, int x, int y);
    /* The sentence on top, where it is not that of the sample on view. May be NULL, and give NULL. */
    const char *(*verdict)(const void *state);
    /* The last part of the path shown at the top; NULL: the title. */
    void (*describe)(const struct session *session, const void *state, struct text *text);
    /* Where there is no list: the text that / looks for, LIST_NEEDLE bytes; and going to the next place found (+1, -1),
     * or with 0 to the one picked or the next, the text being new. false: there is none. May be NULL. */
    char *(*needle)(void *state);
    bool (*find)(struct session *session, void *state, int direction);
    /* What is copied; where it writes nothing, the text of the selected row. May be NULL. */
    void (*copy)(const struct session *session, const void *state, struct text *text);
    /* The mouse where there is no list; false: nothing there. May be NULL. */
    bool (*mouse)(struct session *session, void *state, const struct event *event);
    /* What is made off the drawing path: readable when some of it is done, -1 while nothing is under way; and taking it
     * in, *ret_changed where there is something new to show. May be NULL. */
    int (*descriptor)(const void *state);
    struct error *(*work)(struct session *session, void *state, bool *ret_changed);
    /* How many there are of what a person should see; shown at its tab unless it is 0. May be NULL. */
    size_t (*count)(const struct session *session);
};

extern const struct screen_ops overview_screen, sites_screen, site_screen, goroutines_screen, threads_screen, gc_screen,
    memory_screen, flame_screen, suspects_screen;

/* What the difference screen is opened with. */
struct diff_pair {
    const struct snapshot *before, *after;
    enum site_value value;
    const struct memory_parts *memory_parts[2];     /* As of then; NULL: what the snapshots themselves have. */
};
extern const struct screen_ops diff_screen;

#define SESSION_MAX_DEPTH 5

struct open_screen {
    const struct screen_ops *ops;
    void *state;
};

/* X(POPUP). Those behind PROBLEMS ask: y does it, any other key does not. */
#define TUI_POPUPS(X) \
    X(HELP) \
    X(PROBLEMS) \
    X(PROFILING_ON) \
    X(PROFILING_OFF) \
    X(PROBE_ON) \
    X(PROBE_ALLOCATIONS) \
    X(PROBE_OFF) \
    X(STOP_RUNNING)

enum popup {
    POPUP_NONE,
#define X(popup) POPUP_##popup,
    TUI_POPUPS(X)
#undef X
    POPUP_COUNT
};

struct session_options {
    int width, height;
    enum glyphs glyphs;
    enum tui_theme theme;       /* To draw with; and what was asked for, which may be AUTO. */
    enum tui_theme wanted_theme;
    uint64_t interval_ns;
    bool can_pick;              /* Going back to a picker is possible. */
    uint64_t start_unix_ns;     /* Of a source that remembers: the moment to begin at; 0: the newest. */
    uint64_t profile_rate;      /* With which the source would switch profiling on; 0: Go's own. */
    const struct tui_keeper *keeper;    /* Of a live source, or NULL. */
    const struct tui_code *code;        /* Of a live source, or NULL. */
    struct tui_source_maps source_maps;
    const struct tui_settings_store *settings;  /* NULL: they cannot be saved. */
    const char *notice;         /* What is said at first; NULL: nothing. */
};

struct session {
    struct model model;
    struct grid grid;
    struct open_screen *tabs;                           /* One per tab, always open. */
    size_t tab;
    struct open_screen above[SESSION_MAX_DEPTH];        /* Opened from the tab, one from the other. */
    size_t depth;
    const struct tui_keeper *keeper;
    const struct tui_code *code;
    struct tui_source_maps source_maps;
    const struct tui_settings_store *settings;
    enum tui_theme wanted_theme;                        /* What is kept when settings are saved. */
    struct model *live;                                 /* Set aside while the past is on view; it goes on. */
    struct playback playback;
    bool is_time_line_shown, was_time_line_shown;
    int time_line_y, time_line_height;                  /* Where it was drawn, for the mouse. */
    struct prompt_line prompt;
    enum popup popup;
    int popup_top, popup_hidden;                        /* The first of its lines that is shown; how many are not. */
    uint64_t profile_rate;
    enum { PROFILING_NOT_ASKED, PROFILING_ASKED_ON, PROFILING_ASKED_OFF, PROFILING_ASKED_COUNT } profiling_asked;
    uint64_t profiling_asked_at;    /* Number of the sample that was the latest then. */
    struct text verdict;        /* Of the sample on view. */
    char message[160];          /* Shown in place of the keys until the next event. */
    struct text clipboard;      /* For the terminal's; run.c takes it. */
    bool is_maximised;          /* The list with the focus is drawn alone. */
    unsigned graph_alone;       /* Which graph is, counted from 1; 0: none. */
    bool changed;               /* The grid no longer shows the state. */
    bool can_pick, quit, pick_again;
    int tab_x[10];              /* Where the tabs were drawn, for the mouse; the entry behind the last is its end. */
    int tab_y;
};

/* Borrows the source. */
struct error *session_create(struct source *source, const struct session_options *options,
                             struct session **ret_session);
void session_destroy(struct session *session);      /* Accepts NULL. */

/* Takes in what the source has, and goes on with what takes longer than a key may wait. */
struct error *session_pull(struct session *session);
/* Whether there is more of the latter: then session_pull is to be called again at once. */
bool session_is_busy(const struct session *session);
/* Becomes readable when what the screen in view has made off the drawing path is done: session_pull takes it in. -1
 * while there is nothing to wait for. */
int session_descriptor(const struct session *session);
struct error *session_handle(struct session *session, const struct event *event);
/* Draws into session->grid. */
void session_draw(struct session *session);

/* From the live view into what was kept of it, at the sample on view; false when there is nothing (which is said). And
 * back to the newest sample. */
struct error *session_enter_past(struct session *session, bool *ret_done);
struct error *session_leave_past(struct session *session);

/* The model shows another sample. */
struct error *session_renew(struct session *session);

/* For screens. */
struct error *session_push(struct session *session, const struct screen_ops *ops, const void *argument);
/* Opens the screen of one call site. */
struct error *session_open_site(struct session *session, frame_id subject);
/* Opens the screen of the source around a frame, whose names are of the catalog on view. */
struct error *session_open_source(struct session *session, const struct frame *frame);
/* Opens the screen of the goroutines that are in one row with this group. */
struct error *session_open_goroutines(struct session *session, enum goroutine_grouping grouping,
                                      const struct goroutine_group *group);
/* Opens the screen of one goroutine. */
struct error *session_open_goroutine(struct session *session, uint64_t goid);
/* Opens the screen of one thread. */
struct error *session_open_thread(struct session *session, pid_t tid);
/* Shows the tab of this screen, with this row of its list selected. */
struct error *session_show(struct session *session, const struct screen_ops *ops, uint64_t identity);
/* Whether an action of the footer has anything to do now. */
bool session_offers(const struct session *session, enum action action);
/* The list that has the focus; NULL: there is none. The text that / looks for, LIST_NEEDLE bytes; NULL: nothing can be
 * searched. Going to the next place found (+1, -1), or with 0 to the one at hand or the next: false: there is none. */
struct list *session_list(const struct session *session);
char *session_search_text(const struct session *session);
bool session_find(struct session *session, int direction);
/* Filter or order of the screen's list are others. */
struct error *session_update(struct session *session);
struct error *session_show_tab(struct session *session, size_t tab);
/* As if its key had been pressed. */
struct error *session_act(struct session *session, enum action action);
/* To a moment as a person types it, from the live view into its past where need be. */
struct error *session_go_to(struct session *session, const char *moment);
/* Marks the moment on view. There is a keeper. */
void session_mark(struct session *session, const char *text);
void session_say(struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
const struct open_screen *session_top(const struct session *session);

/* A section's heading: a rule with a title, and a note at its right. Returns the rows it took. */
int section_draw(struct canvas canvas, int y, const char *title, const struct list *list, bool focused);

/* The help, and the list of what could not be read, over the screen. */
void popup_draw(struct session *session, struct canvas canvas);

#endif
