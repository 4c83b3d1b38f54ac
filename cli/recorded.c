#include "cli/recorded.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t end_length = strlen(end);
    return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

/* Whether argument[0..length) is a recording: there is such a file. */
static bool is_file(const char *argument, size_t length)
{
    _cleanup_free_ char *path = strndup(argument, length);
    return path && recording_is_file(path);
}

/* Where the path ends: before the '@' that a time follows, or with the argument. "FILE@@1767323045": the seconds have
 * an '@' of their own; a file's name may have some as well. */
static bool find_path(const char *argument, size_t *ret_length)
{
    size_t length = strlen(argument);
    if (is_file(argument, length)) {
        *ret_length = length;
        return true;
    }
    for (size_t at = length; at-- > 0;) {
        if (argument[at] == '@' && is_file(argument, at)) {
            *ret_length = at;
            return true;
        }
    }
    /* No such file: what was meant is still a file, if no process is called so. */
    const char *slash = strrchr(argument, '/');
    const char *at = strchr(slash ? slash : argument, '@');
    *ret_length = at ? (size_t)(at - argument) : length;
    return slash || ends_with(argument, *ret_length, ".heaptop");
}

bool recorded_find(const char *argument, struct recorded *ret_recorded)
{
    struct recorded found = {0};
    size_t length;
    if (!find_path(argument, &length))
        return false;
    bool good = (found.path = strndup(argument, length)) != NULL;
    const char *moment = argument[length] == '@' ? argument + length + 1 : NULL;
    const char *dots = moment ? strstr(moment, "..") : NULL;
    if (moment)
        good = good && (found.moment = strndup(moment, dots ? (size_t)(dots - moment) : strlen(moment)));
    if (dots)
        good = good && (found.until = strdup(dots + 2));
    if (!good) {
        recorded_deinit(&found);
        return false;
    }
    *ret_recorded = found;
    return true;
}

void recorded_deinit(struct recorded *recorded)
{
    free(recorded->path);
    free(recorded->moment);
    free(recorded->until);
    *recorded = (struct recorded){0};
}

DEFINE_CLEANUP(struct recording *, recording_close)
DEFINE_CLEANUP(struct source *, source_close)

/* Opens it at `moment`, or at its beginning; *ret_from is 0 without a moment, *ret_until
 * as late as can be without an end. */
static struct error *open_at(const char *path, const char *moment, const char *until, double speed,
                             struct source **ret_source, uint64_t *ret_from, uint64_t *ret_until)
{
    _cleanup_(recording_closep) struct recording *recording = NULL;
    _cleanup_(source_closep) struct source *source = NULL;
    struct recording_info info = {0};
    uint64_t from_ns = 0, until_ns = UINT64_MAX;
    struct error *error = recording_open(path, &recording);
    if (!error)
        error = recording_read_info(recording, &info);
    if (!error && info.ticks == 0)
        error = error_create(ERROR_BAD_DATA, "the recording '%s' has no samples", path);
    if (!error && moment)
        error = moment_parse(moment, info.first_unix_ns, info.last_unix_ns, &from_ns);
    if (!error && until)
        error = moment_parse(until, info.first_unix_ns, info.last_unix_ns, &until_ns);
    if (!error && until_ns < from_ns)
        error = error_create(ERROR_USAGE, "the span ends before it begins");
    if (!error)
        error = replay_source_open(take_pointer(recording), &(struct replay_options){.speed = speed}, &source);
    if (!error && moment)
        error = source->ops->seek(source, from_ns);
    if (error)
        return error;
    *ret_source = take_pointer(source);
    *ret_from = from_ns;
    *ret_until = until_ns;
    return NULL;
}

struct error *recorded_open(struct recorded *recorded, double speed, struct source **ret_source)
{
    uint64_t until;
    if (recorded->until)
        return error_create(ERROR_USAGE, "'%s..%s' is a span; here a moment is wanted", recorded->moment,
                            recorded->until);
    return open_at(recorded->path, recorded->moment, NULL, speed, ret_source, &recorded->moment_unix_ns, &until);
}

/* "FROM.." and "..TO" are open at one end. */
static const char *or_open(const char *moment)
{
    return moment && *moment ? moment : NULL;
}

struct error *recorded_open_span(const struct recorded *recorded, struct source **ret_source,
                                 uint64_t *ret_from_unix_ns, uint64_t *ret_until_unix_ns)
{
    return open_at(recorded->path, or_open(recorded->moment), or_open(recorded->until), 0, ret_source,
                   ret_from_unix_ns, ret_until_unix_ns);
}

struct error *recorded_take(const struct recorded *recorded, const char *moment, struct snapshot **ret_snapshot)
{
    _cleanup_(source_closep) struct source *source = NULL;
    struct snapshot *snapshot = NULL;
    uint64_t from, until;
    struct error *error = open_at(recorded->path, moment, NULL, 0, &source, &from, &until);
    if (!error)
        error = source->ops->next(source, 0, &snapshot);
    if (!error && !snapshot)
        error = error_create(ERROR_BAD_DATA, "'%s' has no sample there", recorded->path);
    if (!error)
        *ret_snapshot = snapshot;
    return error;
}

DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

struct error *recorded_find_memory(struct source *source, const struct snapshot *snapshot,
                                   struct snapshot **ret_snapshot)
{
    struct error *error = NULL;
    for (int direction = -1; !error && direction <= 1; direction += 2) {
        _cleanup_(snapshot_unrefp) struct snapshot *found = NULL;
        uint64_t at = 0;
        /* The one itself counts as one before it. */
        error = source->ops->timeline->find(source, TIMELINE_MEMORY_MAP, direction,
                                            snapshot->unix_ns + (direction < 0), &at);
        if (!error && at)
            error = source->ops->seek(source, at);
        if (!error && at)
            error = source->ops->next(source, 0, &found);
        if (found && found->target.pid == snapshot->target.pid &&
            found->target.start_unix_ns == snapshot->target.start_unix_ns) {
            *ret_snapshot = take_pointer(found);
            break;
        }
    }
    return error;
}

struct error *recorded_take_memory(const struct recorded *recorded, const struct snapshot *snapshot,
                                   struct snapshot **ret_snapshot)
{
    _cleanup_(source_closep) struct source *source = NULL;
    uint64_t from, until;
    struct error *error = open_at(recorded->path, NULL, NULL, 0, &source, &from, &until);
    return error ? error : recorded_find_memory(source, snapshot, ret_snapshot);
}
