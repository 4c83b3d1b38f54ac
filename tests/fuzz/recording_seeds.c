/* Writes the first corpus of recording_fuzz: recordings of a made-up process, in small pages so that they stay small.
 *
 *     recording_seeds FOLDER */
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/record.h"
#include "tests/unit/record/busy_session.h"

#define SECONDS 12

static void check(struct error *error)
{
    if (error) {
        fprintf(stderr, "recording_seeds: %s\n", error->message);
        exit(1);
    }
}

/* One after the other, so that the queue never fills. */
static void add(struct recorder *recorder, struct snapshot *snapshot)
{
    struct recorder_status before, now;
    recorder_status(recorder, &before);
    recorder_add(recorder, snapshot);
    do {
        const struct timespec moment = {.tv_nsec = 100000};
        nanosleep(&moment, NULL);
        recorder_status(recorder, &now);
    } while (now.ticks == before.ticks && now.dropped == before.dropped);
}

static void write_seed(const char *folder, const char *name, size_t count)
{
    char path[512];
    struct snapshot *snapshots[SECONDS];
    struct recorder *recorder = NULL;
    sqlite3 *handle = NULL;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
    busy_session(snapshots, SECONDS);
    check(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < count; i++)
        add(recorder, snapshots[i]);
    recorder_mark(recorder, BUILDER_START_NS, "deploy");
    check(recorder_close(recorder, NULL));
    builder_release(snapshots, SECONDS);
    /* The views take room, and no reader looks at them. */
    if (sqlite3_open(path, &handle) != SQLITE_OK ||
        sqlite3_exec(
            handle,
            "PRAGMA writable_schema=1; DELETE FROM sqlite_master WHERE type = 'view'; PRAGMA writable_schema=0;"
            "INSERT INTO gaps VALUES (NULL, 1, 2, 3, 'cannot write: disk is full'); PRAGMA page_size=512; VACUUM",
            NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "recording_seeds: %s\n", sqlite3_errmsg(handle));
        exit(1);
    }
    sqlite3_close(handle);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: recording_seeds FOLDER\n", stderr);
        return 2;
    }
    write_seed(argv[1], "empty", 0);
    write_seed(argv[1], "one", 1);
    write_seed(argv[1], "several", SECONDS);
    return 0;
}
