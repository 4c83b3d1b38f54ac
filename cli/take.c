#include "cli/take.h"

#include "cli/recorded.h"
#include "heaptop/attach.h"

DEFINE_CLEANUP(struct source *, source_close)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

/* A reading of the heap profile can meet the end of a GC cycle; then the next is taken, so soon and so often. */
#define RETRY_INTERVAL_NS (50 * 1000 * 1000ull)
#define MAX_SAMPLES 60
#define SAMPLE_TIMEOUT_NS (10 * 1000 * 1000 * 1000ull)
/* The end of a recording. */
#define LAST_MOMENT "-0s"

static struct error *take_live(pid_t pid, bool memory_map, struct snapshot **ret_snapshot)
{
    _cleanup_(source_closep) struct source *source = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
    const struct attach_options attach = {.interval_ns = RETRY_INTERVAL_NS, .memory_map = memory_map};
    struct error *error = live_source_open(pid, &attach, &source);
    for (unsigned i = 0; !error && i < MAX_SAMPLES; i++) {
        struct snapshot *next = NULL;
        error = source->ops->next(source, SAMPLE_TIMEOUT_NS, &next);
        if (error || !next)
            break;
        snapshot_unref(snapshot);
        snapshot = next;
        if (!snapshot->profile_torn || snapshot->exited)
            break;
    }
    if (error)
        return error;
    if (!snapshot)
        return error_create(ERROR_SYSTEM, "no sample came in time");
    *ret_snapshot = take_pointer(snapshot);
    return NULL;
}

enum exit_status take_snapshot(const char *argument, const struct options *options, bool memory_map,
                               struct snapshot **ret_snapshot)
{
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    struct error *error;
    if (recorded_find(argument, &recorded)) {
        if (recorded.until)
            error = error_create(ERROR_USAGE, "'%s' is a span; here a moment is wanted", argument);
        else
            error = recorded_take(&recorded, recorded.moment ? recorded.moment : LAST_MOMENT, ret_snapshot);
        return error ? error_print(error) : STATUS_DONE;
    }
    struct options named = *options;
    pid_t pid = 0;
    named.target = argument;
    enum exit_status status = target_choose(&named, &pid);
    if (status != STATUS_DONE || !pid)
        return status;
    error = take_live(pid, memory_map, ret_snapshot);
    return error ? error_print_attach(error, pid) : STATUS_DONE;
}

enum exit_status take_moment(const char *argument, const struct options *options, struct taken *ret_taken)
{
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    enum exit_status status = take_snapshot(argument, options, true, &ret_taken->snapshot);
    struct snapshot *snapshot = ret_taken->snapshot;
    if (status != STATUS_DONE || !snapshot)
        return status;
    struct error *error = NULL;
    if (snapshot->memory_map)
        ret_taken->with_map = snapshot_ref(snapshot);
    else if (recorded_find(argument, &recorded))
        error = recorded_take_memory(&recorded, snapshot, &ret_taken->with_map);
    return error ? error_print(error) : STATUS_DONE;
}

void taken_deinit(struct taken *taken)
{
    snapshot_unref(taken->snapshot);
    snapshot_unref(taken->with_map);
}
