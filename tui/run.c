/* The event loops: what happens on the terminal goes into a session, what the session drew goes out. */
#include "heaptop/base/clock.h"
#include "tui/picker.h"
#include "tui/session.h"
#include "tui/terminal.h"


/* A source without a descriptor is asked this often. */
#define SOURCE_POLL_MS 100
/* A recording that somebody looks at may go on. */
#define PLAYBACK_POLL_MS 1000
/* How often processes are listed in the picker. */
#define PICKER_PERIOD_NS UINT64_C(1000000000)
/* While it is still found out what programs they are: half of the time is left for keys. */
#define PICKER_SOON_NS UINT64_C(100000000)

DEFINE_CLEANUP(struct terminal *, terminal_close)
DEFINE_CLEANUP(struct session *, session_destroy)
DEFINE_CLEANUP(struct picker_session *, picker_session_destroy)

/* Events that concern the terminal itself. */
static void handle_terminal(struct terminal *terminal, const struct event *event)
{
    if (event->type == EVENT_SUSPEND)
        terminal_suspend(terminal);
    if (event->type == EVENT_REDRAW || (event->type == EVENT_KEY && action_of_key(event->key) == ACTION_REDRAW))
        terminal_redraw(terminal);
}

/* What wakes us for a model's next sample; -1 when nothing does. */
static int descriptor_of(const struct model *model)
{
    struct source *source = model->source;
    /* A source that has ended would wake us for ever. */
    return !model->failure && source->ops->descriptor ? source->ops->descriptor(source) : -1;
}

static void wait_for_more(struct terminal *terminal, const struct session *session)
{
    const struct model *model = &session->model;
    const int descriptors[TERMINAL_DESCRIPTORS] = {
        descriptor_of(model), session->live ? descriptor_of(session->live) : -1, session_descriptor(session)};
    int timeout_ms = -1;
    if (session_is_busy(session))
        timeout_ms = 0;
    else if (session->playback.is_on)
        timeout_ms = PLAYBACK_POLL_MS;
    else if (!model->failure && descriptors[0] < 0)
        timeout_ms = SOURCE_POLL_MS;
    terminal_wait(terminal, descriptors, timeout_ms);
}

static struct error *run_session(struct terminal *terminal, struct session *session)
{
    while (!session->quit) {
        struct error *error = session_pull(session);
        if (error)
            return error;
        struct event event;
        while (!session->quit && (event = terminal_event(terminal)).type != EVENT_NONE) {
            handle_terminal(terminal, &event);
            error = session_handle(session, &event);
            if (error)
                return error;
            if (session->clipboard.length)
                terminal_copy(terminal, session->clipboard.data, session->clipboard.length);
            text_deinit(&session->clipboard);
        }
        if (session->quit)
            break;
        if (session->changed) {
            session_draw(session);
            terminal_draw(terminal, &session->grid);
        }
        wait_for_more(terminal, session);
    }
    return NULL;
}

struct error *tui_run(struct source *source, const struct tui_options *options, bool *ret_pick_again)
{
    _cleanup_(terminal_closep) struct terminal *terminal = NULL;
    struct error *error = terminal_open(options, &terminal);
    if (error)
        return error;
    struct session_options session_options = {
        .glyphs = terminal_glyphs(terminal), .theme = terminal_theme(options->theme), .wanted_theme = options->theme,
        .interval_ns = options->interval_ns, .can_pick = source->live,
        .start_unix_ns = options->start_unix_ns, .profile_rate = options->profile_rate, .keeper = options->keeper,
        .code = options->code, .source_maps = options->source_maps,

        .settings = options->settings, .notice = options->notice};
    terminal_size(terminal, &session_options.width, &session_options.height);
    _cleanup_(session_destroyp) struct session *session = NULL;
    error = session_create(source, &session_options, &session);
    if (error)
        return error;
    error = run_session(terminal, session);
    if (error)
        return error;
    *ret_pick_again = session->pick_again;
    return NULL;
}

/* ---- two moments ---- */

/* The new moment as a source that gives nothing else: what the difference is opened from. */
struct moment_source {
    struct source source;
    struct snapshot *snapshot;      /* Borrowed; NULL once it was given. */
};

static struct error *moment_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct moment_source *moment = (struct moment_source *)source;
    (void)timeout_ns;
    *ret_snapshot = moment->snapshot ? snapshot_ref(moment->snapshot) : NULL;
    moment->snapshot = NULL;
    return NULL;
}

static void moment_close(struct source *source)
{
    (void)source;
}

static const struct source_ops moment_ops = {.next = moment_next, .close = moment_close};

struct error *tui_show_diff(struct snapshot *const snapshots[2], const struct memory_parts parts[2],
                            enum site_value value, const struct tui_options *options)
{
    _cleanup_(terminal_closep) struct terminal *terminal = NULL;
    _cleanup_(session_destroyp) struct session *session = NULL;
    struct moment_source moment = {.source = {.ops = &moment_ops}, .snapshot = snapshots[DIFF_NEW]};
    struct session_options session_options = {0};
    struct error *error = terminal_open(options, &terminal);
    if (error)
        return error;
    session_options.glyphs = terminal_glyphs(terminal);
    session_options.theme = terminal_theme(options->theme);
    session_options.wanted_theme = options->theme;
    session_options.settings = options->settings;
    session_options.notice = options->notice;
    terminal_size(terminal, &session_options.width, &session_options.height);
    error = session_create(&moment.source, &session_options, &session);
    if (!error)
        error = session_pull(session);
    if (!error)
        error = session_push(session, &diff_screen,
                             &(struct diff_pair){.before = snapshots[DIFF_OLD],
                                                 .after = snapshots[DIFF_NEW],
                                                 .value = value,
                                                 .memory_parts = {&parts[DIFF_OLD], &parts[DIFF_NEW]}});
    return error ? error : run_session(terminal, session);
}

struct error *tui_pick(const struct picker *picker, const char *filter, const struct tui_options *options,
                       pid_t *ret_pid)
{
    _cleanup_(terminal_closep) struct terminal *terminal = NULL;
    struct error *error = terminal_open(options, &terminal);
    if (error)
        return error;
    int width, height;
    terminal_size(terminal, &width, &height);
    _cleanup_(picker_session_destroyp) struct picker_session *session = NULL;
    error = picker_session_create(filter, width, height, terminal_glyphs(terminal), &session);
    if (error)
        return error;
    session->grid.theme = terminal_theme(options->theme);
    uint64_t next_list = 0;
    while (!session->over) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        if (now >= next_list) {
            const struct picker_row *rows;
            size_t count;
            bool unfinished = false;
            error = picker->list(picker->context, &rows, &count, &unfinished);
            if (!error)
                error = picker_session_update(session, rows, count, now);
            if (error)
                return error;
            next_list = now + (unfinished ? PICKER_SOON_NS : PICKER_PERIOD_NS);
        }
        struct event event;
        while (!session->over && (event = terminal_event(terminal)).type != EVENT_NONE) {
            handle_terminal(terminal, &event);
            error = picker_session_handle(session, &event);
            if (error)
                return error;
        }
        if (session->over)
            break;
        picker_session_draw(session);
        terminal_draw(terminal, &session->grid);
        now = clock_ns(CLOCK_MONOTONIC);
        terminal_wait(terminal, (const int[TERMINAL_DESCRIPTORS]){-1, -1, -1},
                      now >= next_list ? 0 : (int)((next_list - now) / 1000000) + 1);
    }
    *ret_pid = session->chosen;
    return NULL;
}
