#include "cli/watch.h"

#include "cli/interrupt.h"
#include "heaptop/base/clock.h"

#define SECOND_NS UINT64_C(1000000000)
/* An end that falls just before a sample waits for it: "--for 10s" at one a second means eleven samples. */
#define END_SLACK 4

struct error *watch_source(struct source *source, int interrupt, uint64_t for_ns, struct history *history)
{
    uint64_t end_ns = UINT64_MAX;
    bool first = true, over = false;
    while (!over) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        if (now >= end_ns)
            break;
        uint64_t left = end_ns - now;
        enum wait_result result = interrupt_wait(interrupt, source, left < SECOND_NS ? left : SECOND_NS);
        if (result == WAIT_TIME_OUT)
            continue;
        /* A sample that is there by then was seen. */
        over = result == WAIT_INTERRUPTED;
        struct snapshot *snapshot = NULL;
        struct error *error = source->ops->next(source, 0, &snapshot);
        if (error)
            return error;
        if (!snapshot)
            break;      /* Interrupted, or readable with nothing to give: the source has ended. */
        error = history_add(history, snapshot);
        if (first)
            end_ns = clock_ns(CLOCK_MONOTONIC) + for_ns + snapshot->interval_ns / END_SLACK;
        first = false;
        /* So that the pages are looked at again near the end. */
        source_request(source, SOURCE_REQUEST_MEMORY_MAP);
        over = over || snapshot->exited || for_ns == 0;
        snapshot_unref(snapshot);
        if (error)
            return error;
    }
    return NULL;
}
