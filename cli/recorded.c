#include "cli/recorded.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t end_length = strlen(end);
    return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

bool recorded_find(const char *argument, struct recorded *ret_recorded)
{
    const char *at = strrchr(argument, '@');
    /* "FILE@@1767323045": the seconds have an '@' of their own. */
    if (at && at > argument && at[-1] == '@')
        at--;
    size_t length = at ? (size_t)(at - argument) : strlen(argument);
    char *prefix = strndup(argument, length), *whole = strdup(argument);
    struct recorded found = {0};
    if (prefix && whole && recording_is_file(whole))
        found.path = whole;
    else if (prefix && whole && at && recording_is_file(prefix))
        found = (struct recorded){.path = prefix, .moment = at + 1};
    else if (prefix && whole && (memchr(prefix, '/', length) || ends_with(prefix, length, ".heaptop")))
        found = (struct recorded){.path = prefix, .moment = at ? at + 1 : NULL};
    if (found.path != prefix)
        free(prefix);
    if (found.path != whole)
        free(whole);
    if (!found.path)
        return false;
    *ret_recorded = found;
    return true;
}

void recorded_deinit(struct recorded *recorded)
{
    free(recorded->path);
    recorded->path = NULL;
}

DEFINE_CLEANUP(struct recording *, recording_close)
DEFINE_CLEANUP(struct source *, source_close)

struct error *recorded_open(struct recorded *recorded, double speed, struct source **ret_source)
{
    _cleanup_(recording_closep) struct recording *recording = NULL;
    _cleanup_(source_closep) struct source *source = NULL;
    struct recording_info info = {0};
    uint64_t moment = 0;
    struct error *error = recording_open(recorded->path, &recording);
    if (!error)
        error = recording_read_info(recording, &info);
    if (!error && info.ticks == 0)
        error = error_create(ERROR_BAD_DATA, "the recording '%s' has no samples", recorded->path);
    if (!error && recorded->moment)
        error = moment_parse(recorded->moment, info.first_unix_ns, info.last_unix_ns, &moment);
    if (!error)
        error = replay_source_open(take_pointer(recording), &(struct replay_options){.speed = speed}, &source);
    if (!error && recorded->moment)
        error = source->ops->seek(source, moment);
    if (error)
        return error;
    recorded->moment_unix_ns = moment;
    *ret_source = take_pointer(source);
    return NULL;
}
