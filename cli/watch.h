/* Watching a process for a while: from a source to a history. */
#ifndef HEAPTOP_CLI_WATCH_H
#define HEAPTOP_CLI_WATCH_H

#include "heaptop/analysis.h"

/* Takes snapshots into the history until for_ns have passed since the first, the target ends, the source has no more,
 * or an interrupt comes (interrupt_open's descriptor). What came before an error stays in the history. */
struct error *watch_source(struct source *source, int interrupt, uint64_t for_ns, struct history *history);

#endif
