#include "tui/playback.h"

#include <math.h>
#include <string.h>

#include "heaptop/base/clock.h"
#include "heaptop/base/moment.h"
#include "tui/format.h"
#include "tui/session.h"

/* Bits of work between keys. */
#define WORK_NS (UINT64_C(15) * 1000000)
#define SCANNED_AT_ONCE 512
#define MAX_SCANS 16
/* How often a session that goes on is asked what is new. */
#define TIMELINE_AGE_NS UINT64_C(1000000000)

static const double speeds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

double playback_speed(const struct playback *playback)
{
    return speeds[playback->speed];
}

static const struct timeline_ops *timeline_of(const struct session *session)
{
    return session->model.source->ops->timeline;
}

static struct error *read_timeline(struct session *session)
{
    struct playback *playback = &session->playback;
    struct timeline timeline;
    struct arena arena;
    arena_init(&arena);
    struct error *error = timeline_of(session)->read(session->model.source, &arena, &timeline);
    if (error) {
        arena_deinit(&arena);
        return error;
    }
    arena_deinit(&playback->arena);
    playback->arena = arena;
    playback->timeline = timeline;
    playback->read_at_ns = clock_ns(CLOCK_MONOTONIC);
    return NULL;
}

/* The source gives what it is asked for, or what is due. */
static void set_pace(struct session *session)
{
    struct playback *playback = &session->playback;
    if (!session->model.is_reading)
        timeline_of(session)->set_pace(session->model.source, playback->is_playing ? playback_speed(playback) : 0);
}

static struct error *scan(struct session *session, bool *ret_changed)
{
    struct playback *playback = &session->playback;
    struct timeline_point points[SCANNED_AT_ONCE];
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + WORK_NS;
    playback->is_scanned = false;
    for (int i = 0; i < MAX_SCANS && clock_ns(CLOCK_MONOTONIC) < end; i++) {
        size_t count = 0;
        struct error *error = timeline_of(session)->scan(session->model.source, &playback->scanned, points,
                                                         SCANNED_AT_ONCE, &count);
        if (error)
            return error;
        for (size_t j = 0; j < count; j++)
            strip_add(&session->model.strip, &points[j]);
        *ret_changed |= count > 0;
        if (count < SCANNED_AT_ONCE) {
            playback->is_scanned = true;
            break;
        }
    }
    return NULL;
}

struct error *playback_open(struct session *session, uint64_t start_unix_ns)
{
    struct playback *playback = &session->playback;
    bool changed = false;
    *playback = (struct playback){.is_on = true};
    arena_init(&playback->arena);
    struct error *error = read_timeline(session);
    if (!error)
        error = scan(session, &changed);
    playback->is_playing = start_unix_ns == 0 && !playback->timeline.ended;
    return error ? error : playback_jump(session, start_unix_ns ? start_unix_ns : playback->timeline.last_unix_ns);
}

void playback_close(struct session *session)
{
    if (session->playback.is_on)
        arena_deinit(&session->playback.arena);
    session->playback = (struct playback){0};
}

/* ---- between keys ---- */

bool playback_is_busy(const struct session *session)
{
    return session->playback.is_on && !session->model.failure &&
           (session->model.is_reading || !session->playback.is_scanned);
}

bool playback_has_caught_up(const struct session *session)
{
    const struct playback *playback = &session->playback;
    const struct snapshot *shown = session->model.shown;
    return playback->is_playing && !session->model.is_reading && shown &&
           shown->unix_ns >= playback->timeline.last_unix_ns;
}

/* What has come since: only of a session that goes on. */
static struct error *look_for_more(struct session *session, bool *ret_changed)
{
    struct playback *playback = &session->playback;
    uint64_t last = playback->timeline.last_unix_ns;
    if (playback->timeline.ended || clock_ns(CLOCK_MONOTONIC) - playback->read_at_ns < TIMELINE_AGE_NS)
        return NULL;
    struct error *error = read_timeline(session);
    if (error)
        return error;
    *ret_changed |= playback->timeline.last_unix_ns != last || playback->timeline.ended;
    if (playback->timeline.last_unix_ns != last)
        playback->is_scanned = false;
    return NULL;
}

static struct error *play(struct session *session, bool *ret_changed)
{
    struct playback *playback = &session->playback;
    struct model *model = &session->model;
    struct error *error = model_pull(model, ret_changed);
    if (error || !*ret_changed || !model->shown)
        return error;
    playback->cursor_unix_ns = model->shown->unix_ns;
    /* What plays beyond the end that was known is a session that goes on. */
    if (playback->cursor_unix_ns > playback->timeline.last_unix_ns) {
        playback->timeline.last_unix_ns = playback->cursor_unix_ns;
        playback->is_scanned = false;
    }
    return NULL;
}

struct error *playback_work(struct session *session, bool *ret_changed)
{
    struct playback *playback = &session->playback;
    struct model *model = &session->model;
    struct error *error = NULL;
    bool changed = false;
    if (model->failure)
        return NULL;
    if (model->is_reading) {
        error = model_read_on(model, WORK_NS, &changed);
        if (!error && !model->is_reading)
            set_pace(session);
        /* The progress is shown, too. */
        session->changed = true;
    } else if (playback->is_playing) {
        error = play(session, &changed);
        bool at_end = model->shown && model->shown->unix_ns >= playback->timeline.last_unix_ns;
        if (!error && playback->timeline.ended && at_end) {
            playback->is_playing = false;
            session->changed = true;
            set_pace(session);
        }
    }
    *ret_changed |= changed;
    changed = false;
    if (!error)
        error = look_for_more(session, &changed);
    if (!error && !playback->is_scanned)
        error = scan(session, &changed);
    session->changed |= changed;
    return error;
}

/* ---- what is asked for ---- */

struct error *playback_jump(struct session *session, uint64_t unix_ns)
{
    struct playback *playback = &session->playback;
    const struct timeline *timeline = &playback->timeline;
    if (unix_ns < timeline->first_unix_ns)
        unix_ns = timeline->first_unix_ns;
    if (unix_ns > timeline->last_unix_ns)
        unix_ns = timeline->last_unix_ns;
    struct error *error = model_seek(&session->model, unix_ns);
    if (error)
        return error;
    playback->cursor_unix_ns = unix_ns;
    set_pace(session);
    return session_renew(session);
}

static struct error *step(struct session *session, int direction)
{
    const struct snapshot *shown = session->model.shown;
    uint64_t found = 0;
    session->playback.is_playing = false;
    struct error *error = shown ? timeline_of(session)->find(session->model.source, TIMELINE_SNAPSHOT, direction,
                                                             shown->unix_ns, &found)
                                : NULL;
    if (error)
        return error;
    if (found == 0) {
        session_say(session, direction < 0 ? "this is the first sample" : "this is the newest sample");
        set_pace(session);
        return NULL;
    }
    if (found > session->playback.timeline.last_unix_ns)
        session->playback.timeline.last_unix_ns = found;
    return playback_jump(session, found);
}

static struct error *find_landmark(struct session *session, enum timeline_landmark what, int direction)
{
    struct playback *playback = &session->playback;
    const struct snapshot *shown = session->model.shown;
    uint64_t from = what != TIMELINE_GC_CYCLE || !shown ? playback->cursor_unix_ns : shown->unix_ns, found = 0;
    struct error *error = timeline_of(session)->find(session->model.source, what, direction, from, &found);
    if (error)
        return error;
    const char *name = what == TIMELINE_MARK ? "mark" : what == TIMELINE_SUSPECT ? "suspect" : "GC cycle";
    if (found == 0) {
        session_say(session, "there is no %s %s this", name, direction > 0 ? "after" : "before");
        return NULL;
    }
    playback->is_playing = false;
    error = playback_jump(session, found);
    for (size_t i = 0; !error && what == TIMELINE_MARK && i < playback->timeline.num_marks; i++)
        if (playback->timeline.marks[i].unix_ns == found)
            session_say(session, "mark: %s", playback->timeline.marks[i].text);
    for (size_t i = 0; !error && what == TIMELINE_SUSPECT && i < playback->timeline.num_suspects; i++)
        if (playback->timeline.suspects[i].from_unix_ns == found)
            session_say(session, "suspected: %s", playback->timeline.suspects[i].summary);
    return error;
}

static struct error *jump_to_rise(struct session *session)
{
    uint64_t found = strip_largest_rise(&session->model.strip);
    if (found == 0) {
        session_say(session, "RSS never rose");
        return NULL;
    }
    session->playback.is_playing = false;
    return playback_jump(session, found);
}

static struct error *jump_to_end(struct session *session)
{
    struct playback *playback = &session->playback;
    struct error *error = read_timeline(session);
    if (error)
        return error;
    playback->is_scanned = playback->timeline.ended;
    playback->is_playing = !playback->timeline.ended;
    return playback_jump(session, playback->timeline.last_unix_ns);
}

static struct error *toggle_play(struct session *session)
{
    struct playback *playback = &session->playback;
    const struct snapshot *shown = session->model.shown;
    playback->is_playing = !playback->is_playing;
    if (playback->is_playing && playback->timeline.ended && shown && shown->unix_ns >= playback->timeline.last_unix_ns)
        return playback_jump(session, playback->timeline.first_unix_ns);
    set_pace(session);
    return NULL;
}

static void change_speed(struct session *session, int direction)
{
    struct playback *playback = &session->playback;
    if (direction > 0 && playback->speed + 1 < ARRAY_SIZE(speeds))
        playback->speed++;
    if (direction < 0 && playback->speed > 0)
        playback->speed--;
    session_say(session, "%s at %g times the speed", playback->is_playing ? "playing" : "Space plays",
                playback_speed(playback));
    set_pace(session);
}

struct error *playback_set_span(struct session *session, bool is_end)
{
    struct model *model = &session->model;
    struct chosen_span span;
    struct error *error = model_toggle_span_edge(model, is_end);
    if (!error)
        error = session_renew(session);
    char start_buffer[KEY_NAME_BUFFER], end_buffer[KEY_NAME_BUFFER];
    const char *start = action_key_name(ACTION_SPAN_START, start_buffer);
    const char *end = action_key_name(ACTION_SPAN_END, end_buffer);
    if (!model->span_start && model->span_end)
        session_say(session, "the span ends here; go to where it starts and press %s", start);
    else if (model->span_start && model->span_end && !model_span_chosen(model, &span))
        session_say(session, "the span's end lies before its start");
    else if (model->span_start && !model->span_end)
        session_say(session, "growth is now since here, up to where you go; %s sets the end, %s here again clears it",
                    end, start);
    else if (model->span_start)
        session_say(session, "growth is now that of the span; %s and %s at its edges clear it", start, end);
    else
        session_say(session, "growth is again that of the last minutes");
    return error;
}

struct error *playback_set_baseline(struct session *session)
{
    struct error *error = model_toggle_baseline(&session->model);
    if (!error)
        error = session_renew(session);
    char key[KEY_NAME_BUFFER];
    if (session->model.span_start)
        session_say(session, "growth is now since here; %s again: that of the last minutes",
                    action_key_name(ACTION_BASELINE, key));
    else
        session_say(session, "growth is again that of the last minutes");
    return error;
}

struct error *playback_act(struct session *session, enum action action, bool *ret_done)
{
    *ret_done = true;
    switch (action) {
    case ACTION_STEP_BACK:
        return step(session, -1);
    case ACTION_STEP_FORWARD:
        return step(session, +1);
    case ACTION_FIRST_MOMENT:
        session->playback.is_playing = false;
        return playback_jump(session, session->playback.timeline.first_unix_ns);
    case ACTION_LAST_MOMENT:
        return jump_to_end(session);
    case ACTION_NEXT_MARK:
    case ACTION_PREVIOUS_MARK:
        return find_landmark(session, TIMELINE_MARK, action == ACTION_NEXT_MARK ? +1 : -1);
    case ACTION_NEXT_GC:
    case ACTION_PREVIOUS_GC:
        return find_landmark(session, TIMELINE_GC_CYCLE, action == ACTION_NEXT_GC ? +1 : -1);
    case ACTION_LARGEST_RISE:
        return jump_to_rise(session);
    case ACTION_PAUSE:
        return toggle_play(session);
    case ACTION_SLOWER:
    case ACTION_FASTER:
        /* '+' makes the number larger: of seconds between samples, or of seconds played in one. */
        change_speed(session, action == ACTION_SLOWER ? +1 : -1);
        return NULL;
    case ACTION_SPAN_START:
    case ACTION_SPAN_END:
        return playback_set_span(session, action == ACTION_SPAN_END);
    case ACTION_BASELINE:
        return playback_set_baseline(session);
    default:
        *ret_done = false;
        return NULL;
    }
}

struct error *playback_jump_to(struct session *session, const char *text)
{
    struct playback *playback = &session->playback;
    static const struct {
        const char *word;
        enum action action;
    } words[] = {{"mark", ACTION_NEXT_MARK}, {"gc", ACTION_NEXT_GC},      {"rise", ACTION_LARGEST_RISE},
                 {"end", ACTION_LAST_MOMENT}, {"start", ACTION_FIRST_MOMENT}};
    uint64_t distance = 0, moment = 0;
    bool done;
    if (!text[0])
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(text, words[i].word) == 0)
            return playback_act(session, words[i].action, &done);
    if (strcmp(text, "suspect") == 0)
        return find_landmark(session, TIMELINE_SUSPECT, +1);
    bool is_relative = text[0] == '-' || text[0] == '+';
    struct error *error =
        is_relative ? units_parse_duration(text + 1, &distance)
                    : moment_parse(text, playback->timeline.first_unix_ns, playback->timeline.last_unix_ns, &moment);
    if (error) {
        session_say(session, "%s", error->message ? error->message : "that is no time");
        error_destroy(error);
        return NULL;
    }
    /* Typed by a person who looks at a moment: from there, not from the ends of the session. */
    uint64_t here = playback->cursor_unix_ns;
    if (is_relative)
        moment = text[0] == '+' ? here + distance : here > distance ? here - distance : 0;
    playback->is_playing = false;
    if (moment < playback->timeline.first_unix_ns || moment > playback->timeline.last_unix_ns) {
        char first[FORMAT_BUFFER], last[FORMAT_BUFFER];
        session_say(session, "the session lasted from %s to %s",
                    format_clock(first, playback->timeline.first_unix_ns),
                    format_clock(last, playback->timeline.last_unix_ns));
    }
    return playback_jump(session, moment);
}
