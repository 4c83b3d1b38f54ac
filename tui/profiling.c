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
    else if (latest->profile_switch == PROFILE_SWITCH_OFFERED)
        session->popup = is_native(latest) ? POPUP_PROBE_ON : POPUP_PROFILING_ON;
    else if (latest->profile_since_unix_ns)
        session_say(session, "another heaptop has switched profiling on in this process, and will put it back");
    else
        session_say(session, "this program profiles by itself: there is nothing to switch on");
}

void profiling_answer(struct session *session, uint32_t key)
{
    bool probes = session->popup == POPUP_PROBE_ON || session->popup == POPUP_PROBE_OFF;
    bool on = session->popup == POPUP_PROFILING_ON || session->popup == POPUP_PROBE_ON;
    session->popup = POPUP_NONE;
    if (key != 'y' && key != 'Y')
        return;
    if (probes)
        source_request(session->model.source, on ? SOURCE_REQUEST_PROBE_FAULTS : SOURCE_REQUEST_PROBE_OFF);
    else
        source_request(session->model.source, on ? SOURCE_REQUEST_PROFILING_ON : SOURCE_REQUEST_PROFILING_OFF);
    session->profiling_asked = on ? PROFILING_ASKED_ON : PROFILING_ASKED_OFF;
    session->profiling_asked_at = session->model.latest ? session->model.latest->sequence : 0;
    session_say(session, probes && on ? "sampling page faults from the next sample on"
                         : probes     ? "page faults are no longer sampled"
                         : on         ? "switching memory profiling on with the next sample"
                                      : "putting memory profiling back with the next sample");
}

void profiling_follow(struct session *session)
{
    const struct snapshot *latest = session->model.latest;
    if (session->profiling_asked == PROFILING_NOT_ASKED || !latest)
        return;
    bool wants_on = session->profiling_asked == PROFILING_ASKED_ON;
    bool is_done = wants_on == (latest->profile_switch == PROFILE_SWITCH_ON);
    if (!is_done && latest->sequence < session->profiling_asked_at + SAMPLES_TO_WAIT)
        return;
    session->profiling_asked = PROFILING_NOT_ASKED;
    session_say(session, "%s", is_done ? "" : "memory profiling is as it was");
    for (size_t i = 0; !is_done && i < latest->num_problems; i++) {
        if (strncmp(latest->problems[i].text, REFUSAL, strlen(REFUSAL)) == 0)
            session_say(session, "%s", latest->problems[i].text);
    }
}

int profiling_offer_draw(const struct session *session, struct canvas canvas, int y)
{
    if (!session->model.shown || session->model.shown->profile_switch != PROFILE_SWITCH_OFFERED)
        return 0;
    int x = canvas_text(canvas, 2, y, ROLE_KEY, "P");
    canvas_text_fit(canvas, x + 1, y, canvas.width - x - 3, ROLE_TEXT,
                    is_native(session->model.shown) ? "samples page faults: who touches new memory; asks first"
                                                    : "switches it on in the running process; asks first");
    return 1;
}
