/* Asking whether what runs shall be stopped for a moment, for its stack: goroutines, or other programs' threads. */
#ifndef TUI_STOP_RUNNING_H
#define TUI_STOP_RUNNING_H

#include "tui/session.h"

/* Opens the question, or says why there is nothing to ask. */
void stop_running_ask(struct session *session);
/* Takes the key that answers it. */
void stop_running_answer(struct session *session, uint32_t key);

#endif
