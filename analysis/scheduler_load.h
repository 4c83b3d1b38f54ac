/* How the load of the scheduler is computed from a history. */
#ifndef ANALYSIS_SCHEDULER_LOAD_H
#define ANALYSIS_SCHEDULER_LOAD_H

#include "analysis/history.h"

struct scheduler_load scheduler_load_of(const struct history *history);
/* How many goroutines a new snapshot has of each kind. */
struct error *history_add_kinds(struct history *history, const struct snapshot *snapshot);

#endif
