/* A recording that holds anything: the input is the file. Opened in memory, read from the beginning, and jumped about
 * in. */
#include <stdlib.h>

#include "record/recording.h"

#define MAX_TICKS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every snapshot, whatever the file. */
static void check_snapshot(const struct snapshot *snapshot)
{
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (!counter_known(&snapshot->counters[id]) && !snapshot->counters[id].reason)
            abort();
    for (size_t i = 0; i < snapshot->num_problems; i++)
        for (const char *at = snapshot->problems[i].text; *at; at++)
            if ((unsigned char)*at < ' ')
                abort();
    for (const char *at = catalog_string(snapshot->catalog, snapshot->target.command_line); *at; at++)
        if ((unsigned char)*at < ' ')
            abort();
}

static void read_source(struct source *source, uint64_t first_unix_ns, uint64_t last_unix_ns)
{
    for (int i = 0; i < MAX_TICKS; i++) {
        struct snapshot *snapshot = NULL;
        if (i % 8 == 7)
            error_destroy(
                source->ops->seek(source, first_unix_ns + (last_unix_ns - first_unix_ns) / 8 * (uint64_t)(i / 8)));
        struct error *error = source->ops->next(source, 0, &snapshot);
        error_destroy(error);
        if (error || !snapshot)
            return;
        check_snapshot(snapshot);
        snapshot_unref(snapshot);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recording *recording = NULL;
    struct recording_info info;
    struct error *error = recording_open_bytes(data, size, &recording);
    if (!error)
        error = recording_read_info(recording, &info);
    if (error) {
        error_destroy(error);
        recording_close(recording);
        return 0;
    }
    struct arena arena;
    struct timeline_mark *marks;
    struct timeline_gap *gaps;
    size_t count;
    arena_init(&arena);
    error_destroy(recording_read_marks(recording, &arena, &marks, &count));
    error_destroy(recording_read_gaps(recording, &arena, &gaps, &count));
    arena_deinit(&arena);
    struct source *source = NULL;
    error = replay_source_open(recording, &(struct replay_options){0}, &source);
    error_destroy(error);
    if (error)
        return 0;
    read_source(source, info.first_unix_ns, info.last_unix_ns);
    source_close(source);
    return 0;
}
