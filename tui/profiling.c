#include "tui/profiling.h"

#include <string.h>

/* What the source says where it could not (attach/session.c). */
#define REFUSAL "memory profiling "
/* The sample after the question may have been on its way already. */
#define SAMPLES_TO_WAIT 3

/* What keeps no heap profile: page faults are sampled instead. */
static bool is_native(const struct snapshot *snapshot)
{
    return snapshot_profile_kind(snapshot) != PROFILE_OF_RUNTIME;
}

void profiling_ask(struct session *session)
{
    const struct snapshot *latest = session->model.latest;
    session->popup_top = 0;
    if (!session->model.source->live)
        session_say(session, "this is a recording: profiling is what it was");
    else if (!latest || latest->exited ||
             (latest->profile_state == PROFILE_NONE && latest->profile_switch == PROFILE_SWITCH_NONE))
        session_say(session, "there is no heap profile to switch on");
    else if (latest->profile_switch == PROFILE_SWITCH_ON)
        session->popup = is_native(latest) ? POPUP_PROBE_OFF : POPUP_PROFILING_OFF;
    else if (latest->profile_switch == PROFILE_SWITCH_COUNTED)
        session->popup = POPUP_PROBE_ALLOCATIONS;
    else if (latest->profile_switch == PROFILE_SWITCH_OFFERED)
        session->popup = is_native(latest) ? POPUP_PROBE_ON : POPUP_PROFILING_ON;
    else if (latest->profile_since_unix_ns)
        session_say(session, "another heaptop has switched profiling on in this process, and will put it back");
    else
        session_say(session, "this program profiles by itself: there is nothing to switch on");
}

/* What each question asks for when it is answered with yes. */
static const struct {
    enum source_request request;
    uint8_t asked;
    const char *said;
} answers[] = {
    [POPUP_PROFILING_ON] = {SOURCE_REQUEST_PROFILING_ON, PROFILING_ASKED_ON,
                            "switching memory profiling on with the next sample"},
    [POPUP_PROFILING_OFF] = {SOURCE_REQUEST_PROFILING_OFF, PROFILING_ASKED_OFF,
                             "putting memory profiling back with the next sample"},
    [POPUP_PROBE_ON] = {SOURCE_REQUEST_PROBE_FAULTS, PROFILING_ASKED_ON,
                        "sampling page faults from the next sample on"},
    [POPUP_PROBE_ALLOCATIONS] = {SOURCE_REQUEST_PROBE_ALLOCATIONS, PROFILING_ASKED_ON,
                                 "sampling allocations from the next sample on"},
    [POPUP_PROBE_OFF] = {SOURCE_REQUEST_PROBE_OFF, PROFILING_ASKED_OFF, "the probe is taken away with the next sample"},
};

static void ask_for(struct session *session, enum source_request request, unsigned asked, const char *said)
{
    source_request(session->model.source, request);
    session->profiling_asked = asked;
    session->profiling_asked_at = session->model.latest ? session->model.latest->sequence : 0;
    session_say(session, "%s", said);
}

void profiling_answer(struct session *session, uint32_t key)
{
    enum popup popup = session->popup;
    session->popup = POPUP_NONE;
    if (key == 'y' || key == 'Y')
        ask_for(session, answers[popup].request, answers[popup].asked, answers[popup].said);
    else if (popup == POPUP_PROBE_ON && (key == 'a' || key == 'A'))
        ask_for(session, SOURCE_REQUEST_PROBE_COUNT, PROFILING_ASKED_COUNT, "counting calls of the allocator");
    else if (popup == POPUP_PROBE_ALLOCATIONS)
        source_request(session->model.source, SOURCE_REQUEST_PROBE_OFF);
}

void profiling_follow(struct session *session)
{
    const struct snapshot *latest = session->model.latest;
    if (session->profiling_asked == PROFILING_NOT_ASKED || !latest)
        return;
    bool wants_on = session->profiling_asked == PROFILING_ASKED_ON;
    bool counts = session->profiling_asked == PROFILING_ASKED_COUNT;
    bool is_done = counts ? latest->profile_switch == PROFILE_SWITCH_COUNTED
                          : wants_on == (latest->profile_switch == PROFILE_SWITCH_ON);
    if (!is_done && latest->sequence < session->profiling_asked_at + SAMPLES_TO_WAIT)
        return;
    session->profiling_asked = PROFILING_NOT_ASKED;
    session_say(session, "%s", is_done ? "" : "memory profiling is as it was");
    if (is_done && counts && session->popup == POPUP_NONE)
        session->popup = POPUP_PROBE_ALLOCATIONS;
    for (size_t i = 0; !is_done && i < latest->num_problems; i++) {
        if (strncmp(latest->problems[i].text, REFUSAL, strlen(REFUSAL)) == 0)
            session_say(session, "%s", latest->problems[i].text);
    }
}

bool profiling_is_offered(const struct session *session)
{
    return session->model.shown && session->model.shown->profile_switch == PROFILE_SWITCH_OFFERED;
}

int profiling_offer_draw(const struct session *session, struct canvas canvas, int y)
{
    if (!profiling_is_offered(session))
        return 0;
    char key[KEY_NAME_BUFFER];
    int x = canvas_text(canvas, 2, y, ROLE_KEY, action_key_name(ACTION_PROFILING, key));
    const char *does = is_native(session->model.shown) ? "samples page faults, or probes the allocator; asks first"
                                                       : "switches it on in the running process; asks first";
    return canvas_text_wrap(canvas, x + 1, y, canvas.width - x - 3, canvas.height - y, ROLE_TEXT, does) - y;
}
