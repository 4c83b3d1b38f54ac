#include "tui/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/tui.h"
#include "tui/chrome.h"
#include "tui/profiling.h"
#include "tui/save.h"
#include "tui/stop_running.h"
#include "tui/time_line.h"

#define WHEEL_LINES 3
#define POPUP_PAGE 10

static const struct screen_ops *const tab_screens[] = {
    &overview_screen, &sites_screen, &goroutines_screen, &threads_screen, &gc_screen, &memory_screen,
    &flame_screen, &suspects_screen,
};
#define NUM_TABS ARRAY_SIZE(tab_screens)

/* ---- lifecycle ---- */

static void close_screen(struct open_screen *screen)
{
    if (screen->state && screen->ops->close)
        screen->ops->close(screen->state);
    free(screen->state);
    *screen = (struct open_screen){0};
}

static struct error *open_screen(struct session *session, struct open_screen *place, const struct screen_ops *ops,
                                 const void *argument)
{
    void *state = calloc(1, ops->state_size ? ops->state_size : 1);
    if (!state)
        return error_no_memory();
    *place = (struct open_screen){ops, state};
    struct error *error = ops->open ? ops->open(session, state, argument) : NULL;
    if (error)
        close_screen(place);
    return error;
}

void session_destroy(struct session *session)
{
    if (!session)
        return;
    while (session->depth > 0)
        close_screen(&session->above[--session->depth]);
    for (size_t i = 0; session->tabs && i < NUM_TABS; i++)
        close_screen(&session->tabs[i]);
    free(session->tabs);
    playback_close(session);
    if (session->live)
        model_deinit(session->live);
    free(session->live);
    text_deinit(&session->verdict);
    text_deinit(&session->clipboard);
    grid_deinit(&session->grid);
    model_deinit(&session->model);
    free(session);
}

DEFINE_CLEANUP(struct session *, session_destroy)

struct error *session_create(struct source *source, const struct session_options *options, struct session **ret_session)
{
    _cleanup_(session_destroyp) struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return error_no_memory();
    session->grid.glyphs = options->glyphs;
    session->grid.theme = options->theme;
    session->can_pick = options->can_pick;
    session->profile_rate = options->profile_rate ? options->profile_rate : PROFILING_DEFAULT_RATE;
    session->keeper = options->keeper;
    session->code = options->code;
    session->source_maps = options->source_maps;
    session->settings = options->settings;
    session->wanted_theme = options->wanted_theme;
    if (options->notice)
        session_say(session, "%s", options->notice);
    session->changed = true;
    struct error *error = model_init(&session->model, source, options->interval_ns);
    if (error)
        return error;
    session->model.is_kept = session->keeper && source->live;
    session->tabs = calloc(NUM_TABS + 1, sizeof(*session->tabs));
    if (!session->tabs || !grid_resize(&session->grid, options->width, options->height))
        return error_no_memory();
    for (size_t i = 0; i < NUM_TABS; i++) {
        error = open_screen(session, &session->tabs[i], tab_screens[i], NULL);
        if (error)
            return error;
    }
    if (source->ops->timeline) {
        session->is_time_line_shown = true;
        error = playback_open(session, options->start_unix_ns);
        if (error)
            return error;
    }
    *ret_session = take_pointer(session);
    return NULL;
}

const struct open_screen *session_top(const struct session *session)
{
    return session->depth > 0 ? &session->above[session->depth - 1] : &session->tabs[session->tab];
}

/* ---- data ---- */

/* Only the screen in view follows the samples: the lists of the others are set again before they are seen. */
struct error *session_update(struct session *session)
{
    const struct open_screen *top = session_top(session);
    session->changed = true;
    return session->model.analysis && top->ops->update ? top->ops->update(session, top->state) : NULL;
}

struct error *session_renew(struct session *session)
{
    struct error *error = NULL;
    if (session->model.is_reading) {
        /* A sample alone has no verdict; the line says why. */
        text_deinit(&session->verdict);
    } else if (session->model.analysis) {
        struct chosen_span span;
        text_deinit(&session->verdict);
        error = model_span_chosen(&session->model, &span)
                    ? analysis_write_span(session->model.analysis, &span, &session->verdict)
                    : analysis_write_verdict(session->model.analysis, &session->verdict);
    }
    return error ? error : session_update(session);
}

static struct error *pull_samples(struct session *session)
{
    bool changed = false, was_paused = session->model.paused;
    if (session->playback.is_on) {
        struct error *error = session->live ? model_pull(session->live, &changed) : NULL;
        changed = false;
        if (!error)
            error = playback_work(session, &changed);
        if (!error && session->live && playback_has_caught_up(session))
            return session_leave_past(session);
        return error || !changed ? error : session_renew(session);
    }
    struct error *error = model_pull(&session->model, &changed);
    if (error || !changed)
        return error;
    session->changed = true;
    profiling_follow(session);
    if (was_paused)
        return NULL;
    if (session->keeper && session->model.analysis)
        session->keeper->suspects(session->keeper->context, session->model.analysis);
    return session_renew(session);
}

struct error *session_pull(struct session *session)
{
    const struct open_screen *top = session_top(session);
    bool changed = false;
    struct error *error = top->ops->work ? top->ops->work(session, top->state, &changed) : NULL;
    session->changed |= changed;
    return error ? error : pull_samples(session);
}

static struct error *set_paused(struct session *session, bool paused)
{
    struct error *error = model_set_paused(&session->model, paused);
    return error ? error : session_renew(session);
}

/* ---- the past of a live session ---- */

/* The edges of a span are samples of one session, whichever way it is looked at. */
static void carry_span(const struct model *from, struct model *to)
{
    struct snapshot *before[] = {to->span_start, to->span_end};
    to->span_start = from->span_start ? snapshot_ref(from->span_start) : NULL;
    to->span_end = from->span_end ? snapshot_ref(from->span_end) : NULL;
    snapshot_unref(before[0]);
    snapshot_unref(before[1]);
}

struct error *session_enter_past(struct session *session, bool *ret_done)
{
    struct source *past = NULL;
    *ret_done = false;
    if (!session->keeper || !session->model.shown) {
        session_say(session, "nothing is kept of this session to go back to");
        return NULL;
    }
    struct error *error = session->keeper->past(session->keeper->context, &past);
    if (error) {
        session_say(session, "%s", error->message ? error->message : "there is no past");
        error_destroy(error);
        return NULL;
    }
    struct model *live = malloc(sizeof(*live));
    if (!live)
        return error_no_memory();
    *live = session->model;
    error = model_init(&session->model, past, live->interval_ns);
    session->model.span_ns = live->span_ns;
    carry_span(live, &session->model);
    if (!error)
        error = model_take_over(&session->model, live);
    if (!error)
        error = playback_open(session, live->shown->unix_ns);
    if (error) {
        playback_close(session);
        model_deinit(&session->model);
        session->model = *live;
        free(live);
        return error;
    }
    /* It takes in what comes, and shows nothing. */
    live->paused = true;
    session->live = live;
    session->was_time_line_shown = session->is_time_line_shown;
    session->is_time_line_shown = true;
    *ret_done = true;
    return session_renew(session);
}

struct error *session_leave_past(struct session *session)
{
    struct model *live = session->live;
    carry_span(&session->model, live);
    playback_close(session);
    model_deinit(&session->model);
    session->model = *live;
    session->live = NULL;
    free(live);
    session->is_time_line_shown = session->was_time_line_shown;
    return set_paused(session, false);
}

bool session_is_busy(const struct session *session)
{
    return playback_is_busy(session);
}

int session_descriptor(const struct session *session)
{
    const struct open_screen *top = session_top(session);
    return top->ops->descriptor ? top->ops->descriptor(top->state) : -1;
}

void session_say(struct session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->message, sizeof(session->message), format, arguments);
    va_end(arguments);
}

/* ---- screens ---- */

struct error *session_push(struct session *session, const struct screen_ops *ops, const void *argument)
{
    if (session->depth == SESSION_MAX_DEPTH)
        return NULL;
    struct error *error = open_screen(session, &session->above[session->depth], ops, argument);
    if (error)
        return error;
    session->depth++;
    session->is_maximised = false;
    session->graph_alone = 0;
    return session_update(session);
}

struct error *session_show_tab(struct session *session, size_t tab)
{
    while (session->depth > 0)
        close_screen(&session->above[--session->depth]);
    session->tab = tab;
    session->is_maximised = false;
    session->graph_alone = 0;
    return session_update(session);
}

struct list *session_list(const struct session *session)
{
    const struct open_screen *top = session_top(session);
    return top->ops->focus ? top->ops->focus(top->state) : NULL;
}

struct error *session_show(struct session *session, const struct screen_ops *ops, uint64_t identity)
{
    for (size_t i = 0; i < NUM_TABS; i++) {
        if (tab_screens[i] != ops)
            continue;
        struct error *error = session_show_tab(session, i);
        struct list *list = session_list(session);
        if (!error && list)
            list_select_identity(list, identity);
        return error;
    }
    return NULL;
}

/* ---- what there is something for ---- */

static unsigned num_graphs(const struct session *session)
{
    const struct open_screen *top = session_top(session);
    return top->ops->num_graphs ? top->ops->num_graphs(session, top->state) : 0;
}

static bool list_offers(const struct list *list, enum action action)
{
    switch (action) {
    case ACTION_SORT:
    case ACTION_REVERSE:
        return list->num_all > 0 && list_can_sort(list);
    case ACTION_OPEN:
    case ACTION_SEARCH:
    case ACTION_FILTER:
    case ACTION_TREE:
    case ACTION_GROUPING:
    case ACTION_COPY:
    case ACTION_MAXIMISE:
        return list->num_all > 0;
    default:
        return true;
    }
}

bool session_offers(const struct session *session, enum action action)
{
    const struct open_screen *top = session_top(session);
    const struct list *list = session_list(session);
    if (action == ACTION_RECORD)
        return session->keeper != NULL;
    if (action == ACTION_SPAN_SHORTER || action == ACTION_SPAN_LONGER)
        return num_graphs(session) > 0;
    return (!list || list_offers(list, action)) &&
           (!top->ops->offers || !session->model.analysis || top->ops->offers(session, top->state, action));
}

/* ---- searching, going, marking ---- */

char *session_search_text(const struct session *session)
{
    const struct open_screen *top = session_top(session);
    struct list *list = session_list(session);
    return list ? list->search : top->ops->needle ? top->ops->needle(top->state) : NULL;
}

bool session_find(struct session *session, int direction)
{
    const struct open_screen *top = session_top(session);
    struct list *list = session_list(session);
    return list ? list_find(list, direction) : top->ops->find && top->ops->find(session, top->state, direction);
}

struct error *session_go_to(struct session *session, const char *moment)
{
    bool done = session->playback.is_on;
    struct error *error = done || !moment[0] ? NULL : session_enter_past(session, &done);
    return error || !done ? error : playback_jump_to(session, moment);
}

/* At the moment on view: what somebody looks at is what they mean. */
void session_mark(struct session *session, const char *text)
{
    if (!session->model.shown)
        return;
    session->keeper->mark(session->keeper->context, session->model.shown->unix_ns, text);
    session->playback.read_at_ns = 0;
    session_say(session, "marked");
}

/* ---- graphs ---- */

/* The first, the next, and behind the last the whole screen again. */
static void show_graph_alone(struct session *session)
{
    unsigned count = num_graphs(session);
    char key[KEY_NAME_BUFFER];
    session->is_maximised = false;
    session->graph_alone = session->graph_alone < count ? session->graph_alone + 1 : 0;
    if (count == 0)
        session_say(session, "there is no graph on this screen");
    else if (session->graph_alone > 0)
        session_say(session, "graph %u of %u; %s: %s, Esc: back", session->graph_alone, count,
                    action_key_name(ACTION_GRAPH, key), session->graph_alone < count ? "the next" : "back");
}

/* ---- actions ---- */

static struct error *go_back(struct session *session)
{
    struct list *list = session_list(session);
    if (list && list->filter[0]) {
        list->filter[0] = '\0';
        return session_update(session);
    }
    if (list && list->search[0]) {
        list->search[0] = '\0';
        return NULL;
    }
    if (session->is_maximised || session->graph_alone) {
        session->is_maximised = false;
        session->graph_alone = 0;
        return NULL;
    }
    if (session->depth > 0) {
        close_screen(&session->above[--session->depth]);
        return session_update(session);
    }
    return session->live ? session_leave_past(session) : NULL;
}

static struct error *act_on_list(struct session *session, enum action action)
{
    struct list *list = session_list(session);
    const char *text = session_search_text(session);
    char key[KEY_NAME_BUFFER];
    if (text && (action == ACTION_NEXT_MATCH || action == ACTION_PREVIOUS_MATCH)) {
        if (!text[0])
            session_say(session, "nothing to search for: type %s first", action_key_name(ACTION_SEARCH, key));
        else if (!session_find(session, action == ACTION_NEXT_MATCH ? +1 : -1))
            session_say(session, "not found: %s", text);
        return NULL;
    }
    if (!list)
        return NULL;
    bool resort;
    list_act(list, action, &resort);
    return resort ? session_update(session) : NULL;
}

static struct error *toggle_recording(struct session *session)
{
    struct text said = {0};
    if (!session->keeper) {
        session_say(session, "there is nothing to record here");
        return NULL;
    }
    struct error *error = session->keeper->toggle_recording(session->keeper->context, &said);
    if (error)
        session_say(session, "%s", error->message ? error->message : "it cannot be recorded");
    else if (said.length)
        session_say(session, "%s", said.data);
    error_destroy(error);
    text_deinit(&said);
    return NULL;
}

static struct error *show_difference(struct session *session)
{
    struct chosen_span span;
    if (!model_span_chosen(&session->model, &span)) {
        char start[KEY_NAME_BUFFER], end[KEY_NAME_BUFFER];
        session_say(session, "what with what? Choose a span first: %s where it starts, %s where it ends",
                    action_key_name(ACTION_SPAN_START, start), action_key_name(ACTION_SPAN_END, end));
        return NULL;
    }
    const struct diff_pair pair = {.before = span.start, .after = span.end, .value = SITE_INUSE_BYTES};
    return session_push(session, &diff_screen, &pair);
}

/* To the newest sample, whatever keeps the view from it. */
static struct error *follow(struct session *session)
{
    bool done;
    if (session->live)
        return session_leave_past(session);
    return session->playback.is_on ? playback_act(session, ACTION_LAST_MOMENT, &done) : set_paused(session, false);
}

/* What takes a live view into its past. */
static bool is_of_the_past(const struct session *session, enum action action)
{
    switch (action) {
    case ACTION_STEP_BACK:
    case ACTION_NEXT_MARK:
    case ACTION_PREVIOUS_MARK:
    case ACTION_PREVIOUS_GC:
    case ACTION_LARGEST_RISE:
        return true;
    case ACTION_SPAN_START:
    case ACTION_SPAN_END:
    case ACTION_BASELINE:
        return session->model.paused;
    default:
        return false;
    }
}

static struct error *act_in_time(struct session *session, enum action action, bool *ret_done)
{
    struct error *error = NULL;
    *ret_done = false;
    if (!session->playback.is_on && session->model.source->live && is_of_the_past(session, action)) {
        bool entered;
        error = session_enter_past(session, &entered);
        *ret_done = !entered;
    }
    if (session->live && action == ACTION_LAST_MOMENT) {
        *ret_done = true;
        return session_leave_past(session);
    }
    if (!error && !*ret_done && session->playback.is_on)
        error = playback_act(session, action, ret_done);
    return error;
}

struct error *session_act(struct session *session, enum action action)
{
    const struct open_screen *top = session_top(session);
    if (action == ACTION_NONE)
        return NULL;
    /* A row that is not to be seen is not opened. */
    if (action == ACTION_OPEN && session->graph_alone > 0)
        return go_back(session);
    if (session->model.analysis && top->ops->act && top->ops->act(session, top->state, action))
        return NULL;
    bool done;
    struct error *error = act_in_time(session, action, &done);
    if (error || done)
        return error;
    switch (action) {
    case ACTION_QUIT:
        session->quit = true;
        return NULL;
    case ACTION_PICK:
        session->quit = session->pick_again = session->can_pick;
        return NULL;
    case ACTION_HELP:
    case ACTION_PROBLEMS:
        session->popup = action == ACTION_HELP ? POPUP_HELP : POPUP_PROBLEMS;
        session->popup_top = 0;
        return NULL;
    case ACTION_STOP_RUNNING:
        stop_running_ask(session);
        return NULL;
    case ACTION_PROFILING:
        profiling_ask(session);
        return NULL;
    case ACTION_BACK:
        return go_back(session);
    case ACTION_SEARCH:
        return prompt_begin(session, PROMPT_SEARCH);
    case ACTION_FILTER:
        return prompt_begin(session, PROMPT_FILTER);
    case ACTION_COMMAND:
        return prompt_begin(session, PROMPT_COMMAND);
    case ACTION_PAUSE:
        return set_paused(session, !session->model.paused);
    case ACTION_SLOWER:
    case ACTION_FASTER:
        if (!session->model.source->ops->set_interval)
            session_say(session, "the interval of this source is fixed");
        model_change_interval(&session->model, action == ACTION_SLOWER ? +1 : -1);
        return NULL;
    case ACTION_SPAN_LONGER:
    case ACTION_SPAN_SHORTER:
        model_change_span(&session->model, action == ACTION_SPAN_LONGER ? +1 : -1);
        return NULL;
    case ACTION_TIME_LINE:
        session->is_time_line_shown = !session->is_time_line_shown;
        return NULL;
    case ACTION_JUMP:
    case ACTION_MARK:
        return prompt_begin(session, action == ACTION_JUMP ? PROMPT_JUMP : PROMPT_MARK);
    case ACTION_RECORD:
        return toggle_recording(session);
    case ACTION_DIFFERENCE:
        return show_difference(session);
    case ACTION_BASELINE:
        return playback_set_baseline(session);
    case ACTION_FOLLOW:
        return follow(session);
    case ACTION_MAXIMISE:
        session->is_maximised = !session->is_maximised && session_list(session);
        session->graph_alone = 0;
        return NULL;
    case ACTION_GRAPH:
        show_graph_alone(session);
        return NULL;
    case ACTION_COPY:
        save_to_clipboard(session);
        return NULL;
    case ACTION_SAVE_SCREEN:
        save_screen(session);
        return NULL;
    case ACTION_SAVE_LIST:
        save_list(session);
        return NULL;
    case ACTION_SPAN_START:
    case ACTION_SPAN_END:
        return playback_set_span(session, action == ACTION_SPAN_END);
    case ACTION_FIRST_MOMENT:
        return act_on_list(session, ACTION_TOP);
    case ACTION_LAST_MOMENT:
        return act_on_list(session, ACTION_BOTTOM);
    default:
        return act_on_list(session, action);
    }
}

/* false: all of it is to be seen, or the key is none that scrolls. */
static bool scroll_popup(struct session *session, enum action action)
{
    int lines = action == ACTION_DOWN        ? 1
                : action == ACTION_UP        ? -1
                : action == ACTION_PAGE_DOWN ? POPUP_PAGE
                : action == ACTION_PAGE_UP   ? -POPUP_PAGE
                                             : 0;
    session->popup_top += lines;
    return lines != 0 && session->popup_hidden > 0;
}

static void answer_popup(struct session *session, uint32_t key)
{
    if (session->popup == POPUP_STOP_RUNNING)
        stop_running_answer(session, key);
    else if (session->popup >= POPUP_PROFILING_ON)
        profiling_answer(session, key);
    else
        session->popup = POPUP_NONE;
}

static struct error *handle_key(struct session *session, uint32_t key)
{
    session->message[0] = '\0';
    if (session->prompt.kind != PROMPT_NONE)
        return prompt_key(session, key);
    enum action action = action_of_key(key);
    if (session->popup != POPUP_NONE) {
        if (!scroll_popup(session, action))
            answer_popup(session, key);
        return NULL;
    }
    if (key >= '1' && key < '1' + NUM_TABS)
        return session_show_tab(session, key - '1');
    return session_act(session, action);
}

/* ---- mouse ---- */

static struct error *press(struct session *session, const struct event *event)
{
    uint64_t moment;
    if (time_line_moment_at(session, event->x, event->y, &moment)) {
        bool is_there = session->playback.is_on;
        struct error *error = is_there ? NULL : session_enter_past(session, &is_there);
        session->playback.is_playing = false;
        return error || !is_there ? error : playback_jump(session, moment);
    }
    if (event->y == session->tab_y && session->depth == 0)
        for (size_t i = 0; i < NUM_TABS; i++)
            if (event->x >= session->tab_x[i] - 1 && event->x < session->tab_x[i + 1] - 1)
                return session_show_tab(session, i);
    const struct open_screen *top = session_top(session);
    /* The lists are not where they were. */
    if (session->graph_alone > 0)
        return NULL;
    if (top->ops->mouse && top->ops->mouse(session, top->state, event))
        return NULL;
    if (top->ops->point && !session->is_maximised)
        top->ops->point(top->state, event->x, event->y);
    struct list *list = session_list(session);
    bool resort = false;
    if (!list || !list_click(list, event->x, event->y, &resort))
        return NULL;
    if (resort)
        return session_update(session);
    if (event->mouse == MOUSE_DOUBLE)
        return session_act(session, ACTION_OPEN);
    /* Screens that follow their selection look at it when they are updated. */
    return session_update(session);
}

static struct error *handle_mouse(struct session *session, const struct event *event)
{
    if (session->popup != POPUP_NONE) {
        if (event->mouse == MOUSE_WHEEL_UP || event->mouse == MOUSE_WHEEL_DOWN)
            session->popup_top += event->mouse == MOUSE_WHEEL_DOWN ? WHEEL_LINES : -WHEEL_LINES;
        else
            session->popup = POPUP_NONE;
        return NULL;
    }
    if (session->prompt.kind != PROMPT_NONE || !session->model.analysis)
        return NULL;
    if (event->mouse == MOUSE_PRESS || event->mouse == MOUSE_DOUBLE)
        return press(session, event);
    if (session->graph_alone > 0)
        return NULL;
    const struct open_screen *top = session_top(session);
    if (top->ops->mouse && top->ops->mouse(session, top->state, event))
        return NULL;
    if (top->ops->point && !session->is_maximised)
        top->ops->point(top->state, event->x, event->y);
    struct list *list = session_list(session);
    if (list)
        list_scroll(list, event->mouse == MOUSE_WHEEL_DOWN ? WHEEL_LINES : -WHEEL_LINES);
    return NULL;
}

struct error *session_handle(struct session *session, const struct event *event)
{
    session->changed = true;
    switch (event->type) {
    case EVENT_KEY:
        return handle_key(session, event->key);
    case EVENT_MOUSE:
        return handle_mouse(session, event);
    case EVENT_RESIZE:
        return grid_resize(&session->grid, event->width, event->height) ? NULL : error_no_memory();
    case EVENT_QUIT:
        session->quit = true;
        return NULL;
    case EVENT_NONE:
    case EVENT_SUSPEND:
    case EVENT_REDRAW:
        break;
    }
    return NULL;
}

/* ---- drawing ---- */

int section_draw(struct canvas canvas, int y, const char *title, const struct list *list, bool focused)
{
    canvas_rule(canvas, 0, y, canvas.width, ROLE_FAINT);
    canvas_printf(canvas, 2, y, focused ? ROLE_STRONG : ROLE_MUTED, " %s ", title);
    if (!list)
        return 1;
    char note[64];
    if (list->num_rows == 0)
        snprintf(note, sizeof(note), " none%s ", list->num_all ? " match" : "");
    else if (list->num_rows < list->num_all)
        snprintf(note, sizeof(note), " %zu / %zu of %zu ", list->selected + 1, list->num_rows, list->num_all);
    else
        snprintf(note, sizeof(note), " %zu / %zu ", list->selected + 1, list->num_rows);
    canvas_text_right(canvas, canvas.width - 2, y, ROLE_MUTED, note);
    return 1;
}

static void draw_list_alone(const char *title, struct list *list, struct canvas canvas)
{
    char words[64];
    snprintf(words, sizeof(words), "%s (enlarged: Esc goes back)", title);
    section_draw(canvas, 0, words, list, true);
    list_draw(list, canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1), true);
}

void session_draw(struct session *session)
{
    grid_clear(&session->grid);
    struct canvas canvas = canvas_over(&session->grid);
    session->changed = false;
    if (canvas.width < SESSION_LEAST_WIDTH || canvas.height < SESSION_LEAST_HEIGHT) {
        char line[96];
        snprintf(line, sizeof(line), "heaptop needs %d\xc3\x97%d; this is %d\xc3\x97%d", SESSION_LEAST_WIDTH,
                 SESSION_LEAST_HEIGHT, canvas.width, canvas.height);
        canvas_text_fit(canvas, 0, canvas.height / 2, canvas.width, ROLE_TEXT, line);
        return;
    }
    struct canvas inner = chrome_draw(session, canvas);
    int height = time_line_height(session, canvas.height);
    session->time_line_height = 0;
    if (height > 0)
        time_line_draw(session, canvas_part(inner, 0, inner.height - height, inner.width, height));
    inner = canvas_part(inner, 0, 0, inner.width, inner.height - height);
    const struct open_screen *top = session_top(session);
    struct list *list = session->is_maximised ? session_list(session) : NULL;
    if (session->model.analysis && list)
        draw_list_alone(top->ops->title, list, inner);
    else if (session->model.analysis && session->graph_alone > 0 && session->graph_alone <= num_graphs(session))
        top->ops->draw_graph(session, top->state, inner, session->graph_alone - 1);
    else if (session->model.analysis)
        top->ops->draw(session, top->state, inner);
    prompt_draw_matches(session, canvas);
    if (session->popup != POPUP_NONE)
        popup_draw(session, canvas);
}
