#include "attach/exit_snapshot.h"

#include <string.h>

#include "heaptop/base/cleanup.h"

static const char ended[] = "the process has ended; this is the last figure read";
static const char never_read[] = "the process ended before it was read";

DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

/* A copy in the arena; NULL for NULL, and when memory is out. */
static const char *copy_reason(struct arena *arena, const char *reason)
{
    return reason ? arena_copy_string(arena, reason, strlen(reason)) : NULL;
}

static void copy_counters(struct snapshot *snapshot, const struct snapshot *last)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        struct counter *counter = &snapshot->counters[id];
        *counter = last->counters[id];
        if (counter_known(counter)) {
            counter->provenance = PROVENANCE_STALE;
            counter->reason = ended;
        } else {
            counter->reason = copy_reason(&snapshot->arena, counter->reason);
        }
    }
}

/* Copies an array of the last snapshot; it holds catalog ids and no pointers. */
#define copy_array(snapshot, last, array, count) \
    __extension__({ \
        (snapshot)->array = \
            arena_copy_array(&(snapshot)->arena, (last)->array, (last)->count, sizeof(*(last)->array)); \
        (snapshot)->count = (snapshot)->array ? (last)->count : 0; \
        (snapshot)->array != NULL; \
    })

static bool copy_goroutines(struct snapshot *snapshot, const struct snapshot *last)
{
    /* What they waited on, and since when, is counted to then. */
    snapshot->goroutines_monotonic_ns = last->monotonic_ns;
    return copy_array(snapshot, last, goroutines, num_goroutines) &&
           copy_array(snapshot, last, wait_objects, num_wait_objects) && copy_array(snapshot, last, waits, num_waits);
}

static bool copy_contents(struct snapshot *snapshot, const struct snapshot *last)
{
    copy_counters(snapshot, last);
    snapshot->target = last->target;
    snapshot->profile_state = last->profile_state;
    snapshot->profile_reason = copy_reason(&snapshot->arena, last->profile_reason);
    snapshot->profile_cycle = last->profile_cycle;
    snapshot->profile_torn = last->profile_torn;
    snapshot->profile_since_unix_ns = last->profile_since_unix_ns;
    snapshot->sites_truncated = last->sites_truncated;
    snapshot->goroutines_reason = last->goroutines_reason;
    snapshot->goroutines_not_listed = last->goroutines_not_listed;
    /* GC cycles were already told of, and regions are read seldom anyway. */
    return copy_array(snapshot, last, sites, num_sites) &&
           copy_array(snapshot, last, goroutine_groups, num_goroutine_groups) &&
           (!last->goroutines || copy_goroutines(snapshot, last)) && copy_array(snapshot, last, threads, num_threads) &&
           copy_array(snapshot, last, size_classes, num_size_classes) && copy_array(snapshot, last, procs, num_procs) &&
           copy_array(snapshot, last, mappings, num_mappings);
}

struct error *exit_snapshot_create(struct catalog *catalog, const struct snapshot *last, const struct target_info *info,
                                   const char *reason, bool out_of_memory, struct snapshot **ret_snapshot)
{
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    struct error *error = snapshot_create(catalog, &snapshot);
    if (error)
        return error;
    snapshot->target = *info;
    snapshot->exited = true;
    snapshot->exit_reason =
        arena_printf(&snapshot->arena, "%s%s", reason,
                     out_of_memory ? ", and its cgroup counted a kill for lack of memory meanwhile" : "");
    if (!snapshot->exit_reason || (last && !copy_contents(snapshot, last)))
        return error_no_memory();
    for (int id = 0; id < COUNTER_COUNT && !last; id++)
        snapshot_set_unavailable(snapshot, (enum counter_id)id, never_read);
    *ret_snapshot = take_pointer(snapshot);
    return NULL;
}
