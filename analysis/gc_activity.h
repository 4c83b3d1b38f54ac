/* How the GC's activity is computed from a history. */
#ifndef ANALYSIS_GC_ACTIVITY_H
#define ANALYSIS_GC_ACTIVITY_H

#include "analysis/history.h"

/* ERROR_NO_MEMORY. */
struct error *gc_activity_of(const struct history *history, struct gc_activity *ret_activity);

#endif
