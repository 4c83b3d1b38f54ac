/* Where snapshots come from: a live process, a recording, a test. Screens cannot tell which. */
#ifndef HEAPTOP_SNAPSHOT_SOURCE_H
#define HEAPTOP_SNAPSHOT_SOURCE_H

#include "heaptop/snapshot/snapshot.h"

struct source;

struct source_ops {
    /* Waits at most timeout_ns (0: do not wait) for the next snapshot. *ret_snapshot is NULL when none came in time; else the
     * caller's reference. After the snapshot with `exited` set none follow. Errors: whatever keeps the source from ever going on. */
    struct error *(*next)(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot);
    /* Moves to the last snapshot at or before this time. NULL in sources that cannot. */
    struct error *(*seek)(struct source *source, uint64_t unix_ns);
    /* NULL where the interval is fixed. */
    void (*set_interval)(struct source *source, uint64_t interval_ns);
    /* Becomes readable when `next` would return something at once; -1 when there is no such descriptor. */
    int (*descriptor)(struct source *source);
    void (*close)(struct source *source);
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

#endif
