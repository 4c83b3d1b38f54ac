/* Memory profiling switched on and off by a key, which asks first. */
#ifndef TUI_PROFILING_H
#define TUI_PROFILING_H

#include "tui/session.h"

/* Go's (runtime/mprof.go MemProfileRate). */
#define PROFILING_DEFAULT_RATE (512 << 10)

/* Opens the question, where there is one to ask; else says why not. */
void profiling_ask(struct session *session);
/* The key that was pressed when it stood open. */
void profiling_answer(struct session *session, uint32_t key);
/* There is a new sample: what came of it. */
void profiling_follow(struct session *session);
/* Whether it is off and can be switched on. */
bool profiling_is_offered(const struct session *session);
/* Says which key would switch it on, where it is off and can be; returns the rows it took. */
int profiling_offer_draw(const struct session *session, struct canvas canvas, int y);

#endif
