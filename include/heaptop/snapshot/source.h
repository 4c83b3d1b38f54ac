/* Where snapshots come from: a live process, a recording, a test. Screens cannot tell which. */
#ifndef HEAPTOP_SNAPSHOT_SOURCE_H
#define HEAPTOP_SNAPSHOT_SOURCE_H

#include "heaptop/snapshot/snapshot.h"
#include "heaptop/snapshot/timeline.h"

struct source;

/* What costs the target or heaptop more than a sample should, and is therefore only had when somebody looks. */
enum source_request {
    SOURCE_REQUEST_MEMORY_MAP,  /* snapshot->memory_map, in one of the next snapshots. */
    /* To write to the target: see attach_options.profile_rate. Only when a person has said so. snapshot->profile_switch
     * tells what came of it; a problem says why where it could not be. */
    SOURCE_REQUEST_PROFILING_ON,
    SOURCE_REQUEST_PROFILING_OFF,
    /* Page-fault samples of a program that keeps no heap profile: see attach_options.probe. As profiling is. */
    SOURCE_REQUEST_PROBE_FAULTS,
    SOURCE_REQUEST_PROBE_OFF,
    /* Calls of its allocator: counted for a moment, which PROFILE_SWITCH_COUNTED tells the end of; and sampled. */
    SOURCE_REQUEST_PROBE_COUNT,
    SOURCE_REQUEST_PROBE_ALLOCATIONS,
    SOURCE_REQUEST_SAMPLE,      /* The next snapshot now, and not when its time has come. */
    /* The next snapshot alone has the stacks of goroutines that run: their threads are stopped, each for a moment. */
    SOURCE_REQUEST_RUNNING_STACKS,
};

struct source_ops {
    /* Waits at most timeout_ns (0: do not wait) for the next snapshot. *ret_snapshot is NULL when none came in time;
     * else the caller's reference. After the snapshot with `exited` set none follow. Errors: whatever keeps the
     * source from ever going on. */
    struct error *(*next)(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot);
    /* Moves to the last snapshot at or before this time. NULL in sources that cannot. */
    struct error *(*seek)(struct source *source, uint64_t unix_ns);
    /* NULL where the interval is fixed. */
    void (*set_interval)(struct source *source, uint64_t interval_ns);
    /* Becomes readable when `next` would return something at once; -1 when there is no such descriptor. */
    int (*descriptor)(struct source *source);
    /* NULL in sources that cannot. To be repeated for as long as it is wanted; how often it is granted is up to the
     * source. */
    void (*request)(struct source *source, enum source_request what);
    void (*close)(struct source *source);
    /* NULL in sources that remember nothing; those that have it can seek. */
    const struct timeline_ops *timeline;
};

struct source {
    const struct source_ops *ops;
    bool live;
};

static inline void source_close(struct source *source)
{
    if (source)
        source->ops->close(source);
}

/* Does nothing where the source cannot. */
static inline void source_request(struct source *source, enum source_request what)
{
    if (source->ops->request)
        source->ops->request(source, what);
}

#endif
