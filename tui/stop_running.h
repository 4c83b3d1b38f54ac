/* Asking whether running goroutines shall be stopped for a moment, for their stacks. */
#ifndef TUI_STOP_RUNNING_H
#define TUI_STOP_RUNNING_H

#include "tui/session.h"

/* Opens the question, or says why there is nothing to ask. */
void stop_running_ask(struct session *session);
/* Takes the key that answers it. */
void stop_running_answer(struct session *session, uint32_t key);

#endif
