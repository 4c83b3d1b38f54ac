/* Ctrl-C as something to wait for, so that what was seen so far can still be told. */
#ifndef HEAPTOP_CLI_INTERRUPT_H
#define HEAPTOP_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/snapshot/source.h"

/* From now on SIGINT and SIGTERM end no more than a wait. Call it before any thread is started. Returns a descriptor to
 * wait on, or -1. */
int interrupt_open(void);

enum wait_result { WAIT_SNAPSHOT, WAIT_TIME_OUT, WAIT_INTERRUPTED };

/* Waits until the source has something, an interrupt comes, or the time is over. */
enum wait_result interrupt_wait(int interrupt, struct source *source, uint64_t timeout_ns);

#endif
