#include "tui/stop_running.h"

void stop_running_ask(struct session *session)
{
    const struct snapshot *latest = session->model.latest;
    session->popup_top = 0;
    if (!session->model.source->live)
        session_say(session, "this is a recording: there is nothing to stop");
    else if (!latest || latest->exited || latest->num_threads == 0)
        session_say(session, "there is nothing to stop");
    else
        session->popup = POPUP_STOP_RUNNING;
}

void stop_running_answer(struct session *session, uint32_t key)
{
    session->popup = POPUP_NONE;
    if (key != 'y' && key != 'Y')
        return;
    source_request(session->model.source, SOURCE_REQUEST_RUNNING_STACKS);
    session_say(session, "the next sample has the stacks of what runs; Space holds it");
}
