/* The tables of a recording. docs/recording.md explains them; what is written here is the format, and a change of it is
 * a new version. */
#ifndef HEAPTOP_RECORD_SCHEMA_H
#define HEAPTOP_RECORD_SCHEMA_H

#include "heaptop/base/text.h"
#include "heaptop/snapshot/counter.h"

/* "heap" in ASCII, at offset 68 of the file (SQLite's application_id). */
#define RECORD_APPLICATION_ID 0x68656170
#define RECORD_FORMAT_VERSION 1
#define RECORD_PAGE_BYTES 4096

/* Rows of a tick are keyed by tick * 2^24 + what they are about, so that they are appended where the file grows, and a
 * span of time is one range. */
#define RECORD_KEY_BITS 24
#define RECORD_MAX_KEY ((INT64_C(1) << RECORD_KEY_BITS) - 1)
/* Sites, goroutine groups and threads are numbered from 1; beyond, there are no more of them in the file. */
#define RECORD_MAX_IDENTITY (INT64_C(1) << 20)
/* GOMAXPROCS is far below. */
#define RECORD_MAX_PROCS (1 << 16)
#define RECORD_MAX_REGIONS (INT64_C(1) << 17)
/* 2^38 seconds are 8,700 years. */
#define RECORD_MAX_TICK (INT64_C(1) << 38)

/* goroutine_group_waits: parent (0: not known), and bits of object_flags. */
enum { RECORD_PARENT_ENDED = 1, RECORD_PARENT_ALIVE = 2 };
enum { RECORD_OBJECT_READ = 1, RECORD_OBJECT_CLOSED = 2, RECORD_OBJECT_TIMER = 4, RECORD_OBJECT_BOUNDED = 8 };

/* What becomes of a table's rows when ticks are thinned out (record/thinning.c). "at" tables have the key above. */
enum schema_thinning {
    THIN_NOT,     /* They are not about single ticks, or there are few: all stay. */
    THIN_TICK,    /* Keyed by tick: keyframes. A merged tick is one when one of its parts was. */
    THIN_COLUMNS, /* Keyed by tick, NULL where nothing changed: the last value of each column moves to the tick that
                     stays. */
    THIN_STATES,  /* "at": how something is from a tick on. The last row of each key moves. */
    THIN_EVENTS,  /* "at": what happened since the tick before. All rows move: their keys tell them apart over many
                     ticks. */
    THIN_LIST,    /* "at": of this tick alone. Goes with it. */
};

struct schema_table {
    const char *name;
    enum schema_thinning thinning;
    const char *sql;        /* As SQLite keeps it; a reader holds the file's own against it. */
};

extern const struct schema_table schema_tables[];
extern const size_t schema_num_tables;
extern const char schema_views[];

/* The table of counters has one column for each: its text, from the names of the columns. */
void schema_write_counters_table(const char *const *names, size_t count, struct text *text);
/* The names of this build's counters. */
extern const char *const schema_counter_names[COUNTER_COUNT];

#endif
