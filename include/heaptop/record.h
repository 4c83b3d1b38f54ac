/* Recordings: a session in one SQLite file (docs/recording.md), written while it goes on and read back as a source,
 * from which every screen, report and export works as from the live process. */
#ifndef HEAPTOP_RECORD_H
#define HEAPTOP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* Of the files that are written (user_version). 2: counters in three tables, what ticks seldom tell apart from them,
 * states of threads once, regions by number and not by position. 3: goroutines one by one as well, and malloc's heap. 1
 * and 2 are read as well. */
#define RECORD_FORMAT_VERSION 4

/* ---- writing ---- */

struct recorder;

struct recorder_options {
    /* Ticks that are older than this become fewer: one in ten seconds, at ten times the age one a minute, and so on
     * (record/thinning.c). 0: all stay. */
    uint64_t keep_ns;
    /* The file and its log together stay below: ticks become fewer, the oldest first, where it would grow larger, and
     * at last go. At least RECORD_MIN_BYTES. 0: no bound. */
    uint64_t max_bytes;
    /* A new file when the present one is so old, or so large; 0: never. Then the names of the files have the time at
     * which they begin: "night-20260102-030405.heaptop". */
    uint64_t rotate_ns, rotate_bytes;
    bool redact;            /* Command lines, values of NAME=VALUE and goroutine labels are not written. */
};
#define RECORD_MIN_BYTES (4 << 20)

struct recorder_status {
    uint64_t bytes;         /* Of the file and its write-ahead log. */
    uint64_t files;         /* Begun so far: 1, unless they are rotated. */
    bool wants_memory_map;  /* A next file is due, which should begin with a snapshot that has one. */
    uint64_t ticks;         /* Samples that are in the file for good. */
    uint64_t dropped;       /* Samples that are not: the file has a gap for them. */
    char problem[160];      /* Why the latest one was dropped, escaped; "" when nothing is wrong now. */
};

/* Creates the file (for its owner alone) and starts the thread that writes it. ERROR_USAGE when there is a file of this
 * name; else whatever keeps it from being made. options: NULL for all of them 0. */
struct error *recorder_open(const char *path, const struct recorder_options *options, struct recorder **ret_recorder);

/* Whether recorder_open would make its file now: makes it, and removes it again. Errors as there. */
struct error *recorder_try(const char *path, const struct recorder_options *options);

/* Hands a snapshot over, with a reference of the recorder's own. Never waits for the disk: a snapshot for which there
 * is no room in the queue is dropped, and the recording has a gap with its reason. The snapshots of one recorder come
 * in the order of their time; they may be of one process after the other. */
void recorder_add(struct recorder *recorder, struct snapshot *snapshot);

/* A mark at this time; the text is escaped and cut to RECORD_MAX_MARK bytes. At most RECORD_MAX_PENDING_MARKS wait for
 * a disk; more are dropped. */
void recorder_mark(struct recorder *recorder, uint64_t unix_ns, const char *text);
#define RECORD_MAX_MARK 256
#define RECORD_MAX_PENDING_MARKS 64

/* Samples were not taken from one time to another; the reason is treated like a mark's text. */
void recorder_gap(struct recorder *recorder, uint64_t from_unix_ns, uint64_t to_unix_ns, const char *reason);

/* What heaptop suspects as of a snapshot, which has been added: all of it, so that what is not among them is suspected
 * no longer. Strings are copied; ids are those of the snapshot's catalog. */
struct recorder_suspect {
    const char *kind, *confidence, *unit;   /* unit: what per_second counts; NULL: nothing. */
    /* What it is about tells it apart from others of its kind, from one list to the next: a line, or by name; 0 and
     * NULL for none. */
    frame_id subject, created_by;
    const char *name;
    stack_id stack;
    double per_second, share;               /* NAN: not known. */
    uint64_t since_unix_ns;                 /* 0: not known. */
    const char *summary, *evidence, *advice;
};
void recorder_set_suspects(struct recorder *recorder, const struct snapshot *snapshot,
                           const struct recorder_suspect *suspects, size_t count);

/* All is written anew with the next snapshot, so that a reader needs nothing from before. */
void recorder_request_keyframe(struct recorder *recorder);

void recorder_status(struct recorder *recorder, struct recorder_status *ret_status);

/* Writes what waits, leaves one plain file behind, and ends the recorder, whatever it returns. Accepts NULL.
 * *ret_status, unless NULL, is filled in always. */
struct error *recorder_close(struct recorder *recorder, struct recorder_status *ret_status);

/* ---- reading ---- */

struct recording;

struct recording_info {
    uint64_t ticks;
    uint64_t first_unix_ns, last_unix_ns;   /* 0, 0 in a recording without a tick. */
    uint64_t marks, gaps;
    bool closed;            /* Ended cleanly; else it is still being written, or its recorder was killed. */
};

/* Whether this is the name of a file that begins as an SQLite file does, which a recording is: to tell a file from a
 * process's name. */
bool recording_is_file(const char *path);

/* Opens it to be read. ERROR_NOT_FOUND, ERROR_PERMISSION; ERROR_BAD_DATA for what is no recording, or a damaged one;
 * ERROR_UNSUPPORTED for the format of a newer heaptop. */
struct error *recording_open(const char *path, struct recording **ret_recording);
void recording_close(struct recording *recording);      /* Accepts NULL. */

struct error *recording_read_info(struct recording *recording, struct recording_info *ret_info);
/* In the arena; oldest first, at most RECORD_MAX_LISTED. */
struct error *recording_read_marks(struct recording *recording, struct arena *arena, struct timeline_mark **ret_marks,
                                   size_t *ret_count);
struct error *recording_read_gaps(struct recording *recording, struct arena *arena, struct timeline_gap **ret_gaps,
                                  size_t *ret_count);
#define RECORD_MAX_LISTED 65536

struct replay_options {
    double speed;           /* So many seconds of the recording in one; 0: as fast as they are asked for. */
    /* Names are added to this one, so that ids are those of the session that it belongs to; NULL: to one of its own. */
    struct catalog *catalog;
};

/* A source over the recording, which it closes with itself, also when this fails. It begins at the first tick; seek
 * goes to the last tick at or before a time, which the next `next` gives. A recording that is still being written is
 * followed. Where the file is damaged, `next` gives what can be read, with a problem in the snapshot, and
 * ERROR_BAD_DATA where it cannot go on. */
struct error *replay_source_open(struct recording *recording, const struct replay_options *options,
                                 struct source **ret_source);
/* From now on, a snapshot that was sought forward has the GC cycles of all that were passed over as well. */
void replay_source_gather_cycles(struct source *source);

#endif
