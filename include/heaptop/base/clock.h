/* The system's clocks in nanoseconds. */
#ifndef HEAPTOP_BASE_CLOCK_H
#define HEAPTOP_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND_NS UINT64_C(1000000000)

/* Since what the clock counts from: 1970 for CLOCK_REALTIME. The clocks that heaptop asks for never fail. */
static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * CLOCK_SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Whether a period has passed since *last (0: never), which then is now. */
static inline bool clock_is_due(uint64_t *last, uint64_t now, uint64_t period)
{
    if (*last && now - *last < period)
        return false;
    *last = now;
    return true;
}

#endif
