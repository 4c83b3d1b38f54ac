#include "tui/chrome.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "heaptop/tui.h"
#include "tui/format.h"

#define MAX_VERDICT_LINES 3
/* Where there is no room for whole titles, the others than that of the tab on view are cut to fewer columns, as many as
 * there is room for, but not to less than these. */
#define LONG_TITLE 12
#define SHORT_TITLE 2
/* From so many columns on keys stand further apart. */
#define WIDE_LINE 100

const char *ago(const struct session *session, uint64_t unix_ns, char *buffer)
{
    char duration[UNITS_BUFFER];
    uint64_t now = session->model.shown ? session->model.shown->unix_ns : 0;
    units_format_duration(duration, now > unix_ns ? (double)(now - unix_ns) : 0.0);
    snprintf(buffer, FORMAT_BUFFER, "%s ago", duration);
    return buffer;
}

/* ---- title ---- */

/* " · TEXT" when it fits before `limit`. */
static int draw_fact(struct canvas canvas, int x, int limit, const char *text)
{
    if (!text[0] || x + 3 + (int)utf8_width(text) > limit)
        return x;
    x = canvas_text(canvas, x, 0, ROLE_FAINT, " \xc2\xb7 ");
    return canvas_text(canvas, x, 0, ROLE_MUTED, text);
}

/* That it is being recorded, and how much that is; returns the column where it begins. */
static int draw_recording(const struct session *session, struct canvas canvas, int right)
{
    struct text status = {0};
    if (session->keeper)
        session->keeper->write_status(session->keeper->context, &status);
    if (status.length) {
        right = canvas_text_right(canvas, right, 0, ROLE_NOTICE, status.data);
        right = canvas_text_right(canvas, right - 1, 0, ROLE_GROWING, "REC") - 2;
    }
    text_deinit(&status);
    return right;
}

/* Whether it is live, held or over; returns the column where it begins. */
static int draw_state(const struct session *session, struct canvas canvas, int right)
{
    const struct model *model = &session->model;
    const struct snapshot *shown = model->shown;
    char interval[UNITS_BUFFER], text[2 * FORMAT_BUFFER];
    units_format_duration(interval, (double)model->interval_ns);
    enum role role = ROLE_CALM;
    uint32_t mark = 0x25cf;
    if (session->playback.is_on && shown) {
        char clock[FORMAT_BUFFER];
        const char *over = shown->exited ? " EXITED" : "", *what = session->live ? "PAST" : "REPLAY";
        format_clock(clock, shown->unix_ns);
        if (model->failure)
            snprintf(text, sizeof(text), "%s %s DAMAGED", what, clock);
        else if (session->playback.is_playing)
            snprintf(text, sizeof(text), "%s %s %gx", what, clock, playback_speed(&session->playback));
        else
            snprintf(text, sizeof(text), "%s %s%s", what, clock, over);
        role = session->playback.is_playing ? ROLE_CALM : ROLE_NOTICE;
        mark = session->playback.is_playing ? 0x25b6 : 0x2016;
    } else if (model->failure || (model->latest && model->latest->exited)) {
        snprintf(text, sizeof(text), "%s", model->latest && model->latest->exited ? "EXITED" : "NO MORE SAMPLES");
        role = ROLE_NOTICE;
        mark = 0x25cb;
    } else if (model->paused) {
        units_format_duration(interval, (double)(model->latest->unix_ns - shown->unix_ns));
        snprintf(text, sizeof(text), "PAUSED %s", interval);
        role = ROLE_NOTICE;
        mark = 0x25cb;
    } else if (!shown) {
        snprintf(text, sizeof(text), "ATTACHING");
        role = ROLE_MUTED;
        mark = 0x25cb;
    } else {
        snprintf(text, sizeof(text), "%s %s", model->source->live ? "LIVE" : "REPLAY", interval);
    }
    right = draw_recording(session, canvas, right);
    int x = canvas_text_right(canvas, right, 0, role, text) - 2;
    canvas_rune(canvas, x, 0, role, mark);
    return x;
}

static int draw_cost(const struct session *session, struct canvas canvas, int right, int limit)
{
    const struct model *model = &session->model;
    if (!model->latest)
        return right;
    const struct cost *cost = &model->latest->cost;
    char duration[UNITS_BUFFER], text[2 * FORMAT_BUFFER];
    units_format_duration(duration,
                          isnan(model->cost_per_second) ? (double)cost->sample_cpu_ns : model->cost_per_second);
    bool is_probed = counter_known(&model->latest->counters[COUNTER_FAULT_PERIOD]);
    bool is_traced = counter_known(&model->latest->counters[COUNTER_PROBE_CALLS]);
    const char *placed = cost->preload_rate ? "preloaded"
                         : is_probed        ? "faults sampled"
                         : is_traced        ? "allocations probed"
                                            : "";
    snprintf(text, sizeof(text), "cost %s/s \xc2\xb7 %llu stop%s \xc2\xb7 %llu write%s%s%s", duration,
             (unsigned long long)cost->stops, cost->stops == 1 ? "" : "s", (unsigned long long)cost->writes,
             cost->writes == 1 ? "" : "s", placed[0] ? " \xc2\xb7 " : "", placed);
    enum role role = cost->stops || cost->writes || placed[0] ? ROLE_NOTICE : ROLE_MUTED;
    int x = right - (int)utf8_width(text);
    /* What was done to the process is never out of sight; that nothing was, may be. */
    if (x < limit && role == ROLE_MUTED)
        return right;
    if (x < limit) {
        unsigned long long count = cost->writes ? cost->writes : cost->stops;
        snprintf(text, sizeof(text), "%llu %s%s", count, cost->writes ? "write" : "stop", count == 1 ? "" : "s");
        if (count == 0)
            snprintf(text, sizeof(text), "%s", placed);
        x = right - (int)utf8_width(text);
    }
    canvas_text(canvas, x, 0, role, text);
    canvas_text(canvas, x - 3, 0, ROLE_FAINT, " \xe2\x94\x82 ");
    return x - 3;
}

static void draw_title(const struct session *session, struct canvas canvas)
{
    const struct snapshot *shown = session->model.shown;
    canvas_clear(canvas_part(canvas, 0, 0, canvas.width, 1), GROUND_BAR);
    int x = canvas_text(canvas, 1, 0, ROLE_STRONG, "heaptop");
    int right = canvas.width - 1;
    if (shown) {
        /* The state and the cost stand at the right; the name at the left outlives the facts behind it. */
        const struct catalog *catalog = shown->catalog;
        const char *name = catalog_string(catalog, shown->target.comm);
        int after_name = x + 2 + (int)utf8_width(name) + 14;
        right = draw_cost(session, canvas, right, after_name + 40);
        right = draw_state(session, canvas, right) - 2;
        x = canvas_text_fit(canvas, x + 2, 0, right - x - 2, ROLE_FIGURE, name);
        char fact[FORMAT_BUFFER], duration[UNITS_BUFFER];
        snprintf(fact, sizeof(fact), "pid %d", (int)shown->target.pid);
        x = draw_fact(canvas, x, right, fact);
        if (shown->target.inner_pid != shown->target.pid && shown->target.inner_pid > 0) {
            snprintf(fact, sizeof(fact), "pid %d inside", (int)shown->target.inner_pid);
            x = draw_fact(canvas, x, right, fact);
        }
        const char *container = catalog_string(catalog, shown->target.container);
        snprintf(fact, sizeof(fact), "container %.12s", container);
        x = draw_fact(canvas, x, right, container[0] ? fact : "");
        const char *version = catalog_string(catalog, shown->target.runtime_version);
        x = draw_fact(canvas, x, right, version[0] ? version : catalog_string(catalog, shown->target.runtime));
        uint64_t start = shown->target.start_unix_ns;
        units_format_duration(duration, start && shown->unix_ns > start ? (double)(shown->unix_ns - start) : NAN);
        snprintf(fact, sizeof(fact), "up %s", duration);
        /* Uptime matters more than stripped, and comes after it: it is drawn only where it leaves room. */
        int needed = 3 + (int)utf8_width(fact);
        if (shown->target.stripped == KNOWN_YES)
            x = draw_fact(canvas, x, right - needed, "stripped");
        draw_fact(canvas, x, right, start ? fact : "");
    } else {
        draw_state(session, canvas, right);
    }
    canvas_ground(canvas, 0, 0, canvas.width, GROUND_BAR);
}

/* ---- verdict ---- */

static int draw_verdict(struct session *session, struct canvas canvas, int y)
{
    const struct model *model = &session->model;
    enum verdict_level level = model->analysis ? analysis_verdict_level(model->analysis) : VERDICT_WAITING;
    static const struct {
        uint32_t mark;
        enum role mark_role, text_role;
        enum ground ground;
    } looks[] = {
        [VERDICT_WAITING] = {0x25cb, ROLE_MUTED, ROLE_MUTED, GROUND_PLAIN},
        [VERDICT_CALM] = {0x25cf, ROLE_CALM, ROLE_TEXT, GROUND_PLAIN},
        [VERDICT_NOTICE] = {0x25cf, ROLE_NOTICE, ROLE_TEXT, GROUND_PLAIN},
        [VERDICT_GROWING] = {0x25b2, ROLE_GROWING, ROLE_FIGURE, GROUND_ALERT},
    };
    const char *text = session->verdict.data ? session->verdict.data : "Waiting for the first sample.";
    const struct open_screen *top = session_top(session);
    if (top->ops->verdict && model->analysis && top->ops->verdict(top->state)) {
        text = top->ops->verdict(top->state);
        level = VERDICT_NOTICE;
    }
    char reading[FORMAT_BUFFER + 96];
    struct chosen_span span;
    if (level == VERDICT_CALM && model_span_chosen(model, &span))
        level = VERDICT_NOTICE;
    if (model->is_reading) {
        char percent[UNITS_BUFFER];
        snprintf(reading, sizeof(reading),
                 model->is_coarse
                     ? "Reading all that was before this moment, %s: until then graphs are coarse, and verdicts rough."
                     : "Reading what was before this moment, %s: verdicts and graphs follow.",
                 units_format_percent(percent, rewind_progress(&model->rewind)));
        text = reading;
        level = VERDICT_WAITING;
    }
    _cleanup_(text_deinit) struct text ended = {0};
    if (model->failure && !(model->shown && model->shown->exited)) {
        text_printf(&ended, "%s: %s.", model->shown ? "No more samples" : "No samples", model->failure);
        if (model->shown)
            text_printf(&ended, " Until then: %s", text);
        text = ended.failed ? model->failure : ended.data;
        level = VERDICT_NOTICE;
    }
    int lines = canvas.height < 24 ? 2 : MAX_VERDICT_LINES;
    int used = canvas_text_wrap(canvas, 3, y, canvas.width - 4, lines, looks[level].text_role, text) - y;
    for (int i = 0; i < used; i++)
        canvas_ground(canvas, 0, y + i, canvas.width, looks[level].ground);
    if (used > 0)
        canvas_rune(canvas, 1, y, looks[level].mark_role, looks[level].mark);
    return used;
}

/* ---- tabs, or the path to what was opened ---- */

static void draw_path(const struct session *session, struct canvas canvas, int y, int limit)
{
    int x = canvas_text(canvas, 1, y, ROLE_MUTED, session->tabs[session->tab].ops->title);
    for (size_t i = 0; i < session->depth; i++) {
        const struct open_screen *screen = &session->above[i];
        struct text name = {0};
        if (screen->ops->describe)
            screen->ops->describe(session, screen->state, &name);
        x = canvas_text(canvas, x, y, ROLE_FAINT, " \xe2\x80\xba ");
        x = canvas_text_fit(canvas, x, y, limit - x, i + 1 == session->depth ? ROLE_FIGURE : ROLE_MUTED,
                            name.data ? name.data : screen->ops->title);
        text_deinit(&name);
    }
}

static int draw_chip(struct canvas canvas, int right, int y, const char *before, const char *text)
{
    int width = (int)utf8_width(before) + (int)utf8_width(text) + 2, x = right - width;
    if (x < 0)
        return right;
    int end = canvas_printf(canvas, x, y, ROLE_FIGURE, " %s%s ", before, text);
    canvas_ground(canvas, x, y, end - x, GROUND_CHIP);
    return x - 1;
}

/* Columns of a tab's title where there are at most so many for it. */
static int title_width(const struct session *session, size_t index, int most)
{
    int width = (int)utf8_width(session->tabs[index].ops->title);
    return index != session->tab && width > most ? most : width;
}

/* Columns of all tabs, so many apart. */
static int tabs_width(const struct session *session, int gap, int most)
{
    int width = 1;
    for (size_t i = 0; session->tabs[i].ops; i++) {
        const struct screen_ops *ops = session->tabs[i].ops;
        size_t count = ops->count ? ops->count(session) : 0;
        width += 2 + title_width(session, i, most) + (count > 9 ? 3 : count > 0 ? 2 : 0) + gap;
    }
    return width - gap;
}

/* "7 Suspects·2", at most so many columns of its title; returns the column behind it. */
static int draw_tab(struct session *session, struct canvas canvas, int x, int y, size_t index, int most)
{
    const struct screen_ops *ops = session->tabs[index].ops;
    bool current = index == session->tab;
    size_t count = ops->count ? ops->count(session) : 0;
    canvas_printf(canvas, x, y, current ? ROLE_STRONG : ROLE_FAINT, "%zu", index + 1);
    int end = x + 2 + title_width(session, index, most);
    canvas_text(canvas_part(canvas, x + 2, y, end - x - 2, 1), 0, 0, current ? ROLE_FIGURE : ROLE_MUTED, ops->title);
    if (count > 0)
        end = canvas_printf(canvas, end, y, ROLE_NOTICE, "\xc2\xb7%zu", count);
    if (current)
        canvas_ground(canvas, x - 1, y, end - x + 2, GROUND_CHIP);
    return end;
}

static void draw_tabs(struct session *session, struct canvas canvas, int y)
{
    int right = canvas.width - 1, x = 1, most = LONG_TITLE;
    int gap = tabs_width(session, 2, most) < canvas.width ? 2 : 1;
    while (most > SHORT_TITLE && tabs_width(session, gap, most) >= canvas.width)
        most--;
    const struct open_screen *top = session_top(session);
    const struct list *list = top->ops->focus ? top->ops->focus(top->state) : NULL;
    size_t i = 0;
    session->tab_y = y;
    memset(session->tab_x, 0, sizeof(session->tab_x));
    for (; session->depth == 0 && session->tabs[i].ops; i++) {
        session->tab_x[i] = x;
        x = draw_tab(session, canvas, x, y, i, most) + gap;
    }
    session->tab_x[i] = session->depth == 0 ? x : 0;
    /* The filter covers tabs where it has to. */
    if (list && list->filter[0] && session->prompt.kind != PROMPT_FILTER)
        right = draw_chip(canvas, right, y, "\\ ", list->filter);
    if (session->model.shown && session->model.shown->num_problems > 0) {
        char text[FORMAT_BUFFER + KEY_NAME_BUFFER], key[KEY_NAME_BUFFER];
        size_t count = session->model.shown->num_problems;
        snprintf(text, sizeof(text), "%s %zu problem%s", action_key_name(ACTION_PROBLEMS, key), count,
                 count == 1 ? "" : "s");
        int least = session->depth == 0 ? x : 62;
        if (right - (int)strlen(text) > least)
            right = canvas_text_right(canvas, right, y, ROLE_NOTICE, text) - 2;
    }
    if (session->depth > 0)
        draw_path(session, canvas, y, right);
}

/* ---- keys ---- */

/* What a key does now, in a word: what is held, or stands still in the past, cannot be paused. */
static const char *key_word(const struct session *session, enum action action)
{
    if (action == ACTION_PAUSE && session->playback.is_on)
        return session->playback.is_playing ? "stop" : "play";
    if (action == ACTION_PAUSE && session->model.paused)
        return "go on";
    if (action == ACTION_FOLLOW && session->live)
        return "live";
    return action_infos[action].word;
}

static int key_width(const struct session *session, enum action action)
{
    char buffer[KEY_NAME_BUFFER];
    return (int)utf8_width(action_key_name(action, buffer)) + 1 + (int)utf8_width(key_word(session, action));
}

/* Where the next key goes, and what it has to end before. */
struct key_line {
    const struct session *session;
    struct canvas canvas;
    int x, y, limit;
};

/* What has no key is left out, what there is nothing for, and what there is no room for. */
static void draw_key(struct key_line *line, enum action action)
{
    char buffer[KEY_NAME_BUFFER];
    if (!session_offers(line->session, action))
        return;
    if (action_keys(action)[0] == 0 || line->x + key_width(line->session, action) > line->limit)
        return;
    int x = canvas_text(line->canvas, line->x, line->y, ROLE_KEY, action_key_name(action, buffer));
    x = canvas_text(line->canvas, x + 1, line->y, ROLE_MUTED, key_word(line->session, action));
    line->x = x + (line->canvas.width < WIDE_LINE ? 2 : 3);
}

static void draw_keys(struct key_line *line, const enum action *actions)
{
    for (; actions && *actions != ACTION_NONE; actions++)
        draw_key(line, *actions);
}

static void draw_footer(struct session *session, struct canvas canvas, int y)
{
    if (session->prompt.kind != PROMPT_NONE) {
        prompt_draw(session, canvas, y);
        return;
    }
    canvas_clear(canvas_part(canvas, 0, y, canvas.width, 1), GROUND_BAR);
    if (session->message[0]) {
        canvas_text_fit(canvas, 1, y, canvas.width - 2, ROLE_NOTICE, session->message);
        return;
    }
    /* A popup has its own on its edge, and takes all others. */
    if (session->popup != POPUP_NONE)
        return;
    static const enum action of_a_graph[] = {ACTION_GRAPH, ACTION_BACK, ACTION_SPAN_SHORTER, ACTION_SPAN_LONGER,
                                             ACTION_NONE};
    static const enum action of_the_past[] = {ACTION_PAUSE, ACTION_JUMP, ACTION_NONE},
                             steps[] = {ACTION_STEP_BACK, ACTION_STEP_FORWARD, ACTION_NONE};
    bool is_past = session->playback.is_on;
    /* The way out is always shown. */
    struct key_line line = {session, canvas, 1, y, canvas.width - 3 - key_width(session, ACTION_QUIT)};
    draw_key(&line, ACTION_HELP);
    /* Where it is not known which code allocates, the key that would tell is the next step. */
    const struct snapshot *latest = session->model.latest;
    if (!is_past && latest && latest->profile_switch == PROFILE_SWITCH_OFFERED)
        draw_key(&line, ACTION_PROFILING);
    if (session->live)
        draw_key(&line, ACTION_FOLLOW);
    if (is_past)
        draw_keys(&line, of_the_past);
    /* What the screen can do comes before how to go about in time, where there is no room for both. */
    if (is_past && canvas.width >= WIDE_LINE)
        draw_keys(&line, steps);
    draw_keys(&line, session->graph_alone > 0 ? of_a_graph : session_top(session)->ops->footer);
    if (is_past && canvas.width < WIDE_LINE)
        draw_keys(&line, steps);
    if (!is_past)
        draw_key(&line, ACTION_PAUSE);
    if (session->can_pick)
        draw_key(&line, ACTION_PICK);
    line.limit = canvas.width;
    draw_key(&line, ACTION_QUIT);
}

struct canvas chrome_draw(struct session *session, struct canvas canvas)
{
    draw_title(session, canvas);
    draw_footer(session, canvas, canvas.height - 1);
    int y = 1 + draw_verdict(session, canvas, 1);
    draw_tabs(session, canvas, y);
    y++;
    return canvas_part(canvas, 0, y, canvas.width, canvas.height - 1 - y);
}
