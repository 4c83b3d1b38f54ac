/* Memory profiling of the program that runs now: switched on and off as was asked for, and who has switched it on. */
#ifndef HEAPTOP_ATTACH_PROFILING_H
#define HEAPTOP_ATTACH_PROFILING_H

#include "attach/profile_switch.h"
#include "attach/reader_set.h"

/* Zeroed, it is off and nothing is asked for. */
struct profiling {
    struct profile_switch *profile_switch;      /* On, of the program that runs now; or NULL. */
    uint64_t wanted_rate;               /* One sample in so many bytes; 0: off. */
    char *refusal;                      /* Why it is not on although wanted; NULL when it is, or is not wanted. */
    int64_t searched_rate;              /* The rate for which it was last searched who has switched it on, */
    uint64_t found_since;               /* and what was found; CLOCK_REALTIME, 0: nobody. */
    uint64_t older_samples;             /* In use in the first sample since it is on. */
    bool older_are_counted;
    uint64_t writes;                    /* To targets. */
};

/* Puts back what is on. */
void profiling_deinit(struct profiling *profiling);
/* The same, at the end of one program; the next one's is another. */
void profiling_detach(struct profiling *profiling);

/* From the next profiling_switch on it shall be on, one sample in so many bytes; 0: put back. */
void profiling_request(struct profiling *profiling, uint64_t rate);

/* Switches as was asked for, and sees to the guardian of what is on. Once refused it stays so until it is asked for
 * again. Only final errors (reader_error_is_final). The target is borrowed until it is off again. */
struct error *profiling_switch(struct profiling *profiling, struct target *target, const struct reader_set *readers);

/* Says in the snapshot, which has the readers' sample, who has switched the profile on, if anybody has: looked for
 * once, and when the rate has changed. And why it is not on, although wanted. */
void profiling_fill(struct profiling *profiling, struct target *target, struct snapshot *snapshot);

#endif
