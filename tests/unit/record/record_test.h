/* What the tests of recordings share: a folder of their own, and writing snapshots to a file in it. */
#ifndef TESTS_UNIT_RECORD_RECORD_TEST_H
#define TESTS_UNIT_RECORD_RECORD_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/record.h"
#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

/* A fresh folder, which the next test removes not: it goes with the tests' own folder. */
__attribute__((unused)) static const char *scratch_path(const char *name)
{
    static char folder[64], path[128];
    if (!folder[0]) {
        /* Where writing is cheap, if there is such a place. */
        snprintf(folder, sizeof(folder), "%s/heaptop-record-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(folder));
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

__attribute__((unused)) static void scratch_remove(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", scratch_path(""));
    ck_assert_int_eq(system(command), 0);
}

__attribute__((unused)) static void check_good(struct error *error)
{
    ck_assert_msg(!error, "%s", error ? error->message : "");
}

/* Waits until the recorder is done with so many in all. */
__attribute__((unused)) static void record_wait(struct recorder *recorder, uint64_t done)
{
    struct recorder_status now;
    for (recorder_status(recorder, &now); now.ticks + now.dropped < done; recorder_status(recorder, &now)) {
        const struct timespec moment = {.tv_nsec = 20000};
        nanosleep(&moment, NULL);
    }
}

/* Hands it over and waits until it is in the file, so that nothing is dropped. */
__attribute__((unused)) static void record_one(struct recorder *recorder, struct snapshot *snapshot)
{
    struct recorder_status before;
    recorder_status(recorder, &before);
    recorder_add(recorder, snapshot);
    record_wait(recorder, before.ticks + before.dropped + 1);
}

/* So many are handed over ahead of what is written; the recorder's queue has room for them. */
#define RECORD_AHEAD 8u

/* In one of them goroutines are listed one by one, whatever else is written; 0: in those that the recorder chooses. */
__attribute__((unused)) static void record_listing(const char *path, struct snapshot *const *snapshots, size_t count,
                                                   size_t listed)
{
    struct recorder *recorder = NULL;
    struct recorder_status status;
    check_good(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < count; i++) {
        if (i % RECORD_AHEAD == 0 || (listed && i == listed))
            record_wait(recorder, i);
        if (listed && i == listed)
            recorder_request_keyframe(recorder);
        recorder_add(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, &status));
    ck_assert_uint_eq(status.dropped, 0);
}

__attribute__((unused)) static void record_all(const char *path, struct snapshot *const *snapshots, size_t count)
{
    record_listing(path, snapshots, count, 0);
}

__attribute__((unused)) static struct source *replay(const char *path)
{
    struct recording *recording = NULL;
    struct source *source = NULL;
    check_good(recording_open(path, &recording));
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    return source;
}

/* The next one, or NULL at the end. */
__attribute__((unused)) static struct snapshot *take(struct source *source)
{
    struct snapshot *snapshot = NULL;
    check_good(source->ops->next(source, 0, &snapshot));
    return snapshot;
}

#endif
