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

/* Hands it over and waits until it is in the file, so that nothing is dropped. */
__attribute__((unused)) static void record_one(struct recorder *recorder, struct snapshot *snapshot)
{
    struct recorder_status before, now;
    recorder_status(recorder, &before);
    recorder_add(recorder, snapshot);
    do {
        const struct timespec moment = {.tv_nsec = 20000};
        nanosleep(&moment, NULL);
        recorder_status(recorder, &now);
    } while (now.ticks + now.dropped == before.ticks + before.dropped);
}

__attribute__((unused)) static void record_all(const char *path, struct snapshot *const *snapshots, size_t count)
{
    struct recorder *recorder = NULL;
    check_good(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < count; i++)
        record_one(recorder, snapshots[i]);
    check_good(recorder_close(recorder, NULL));
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
