/* The tables of a recording. docs/recording.md explains them; what is written here is the format, and a change of it is
 * a new version. */
#ifndef HEAPTOP_RECORD_SCHEMA_H
#define HEAPTOP_RECORD_SCHEMA_H

#include "heaptop/base/text.h"
#include "heaptop/record.h"
#include "heaptop/snapshot/counter.h"

/* "heap" in ASCII, at offset 68 of the file (SQLite's application_id). */
#define RECORD_APPLICATION_ID 0x68656170
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
/* The table's text in a version of the format; NULL where that has no such table. */
const char *schema_table_sql(const struct schema_table *table, unsigned version);

/* Tables of counters have one column for each, NULL where nothing changed. A NULL takes a byte, a row some ten: so
 * those that change in most ticks stand together, and those that hardly ever do. Version 1 has the first table only. A
 * reader goes by the names of the columns. */
enum { SCHEMA_COUNTER_TABLES = 3, SCHEMA_MAX_COUNTER_COLUMNS = 256 };
extern const char *const schema_counter_tables[SCHEMA_COUNTER_TABLES];
/* The names of this build's counters, and the table that each is written to. */
extern const char *const schema_counter_names[COUNTER_COUNT];
size_t schema_counter_table(enum counter_id id);

/* "CREATE TABLE ..." of the n-th table of counters, and "CREATE VIEW v_..." of all views, for people. */
void schema_write_counter_table(size_t table, struct text *text);
void schema_write_views(struct text *text);

/* X(ID, column): what a tick tells that seldom changes. NULL: as before. sequence and samples_taken rise with the
 * ticks, so that it is their distance to the tick's number that stays. */
#define TICK_FACTS(X) \
    X(SEQUENCE, "sequence_less_tick") \
    X(EXIT_REASON, "exit_reason") \
    X(PROFILE_STATE, "profile_state") \
    X(PROFILE_REASON, "profile_reason") \
    X(PROFILE_CYCLE, "profile_cycle") \
    X(PROFILE_TORN, "profile_torn") \
    X(SITES_TRUNCATED, "sites_truncated") \
    X(SITES, "sites") \
    X(MAPPINGS, "mappings") \
    X(INTERVAL, "interval_ns") \
    X(STOPS, "stops") \
    X(STOP_NS, "stop_ns") \
    X(WRITES, "writes") \
    X(ATTACH, "attach_ns") \
    X(SYMBOLS, "symbols_ns") \
    X(RSS, "rss_bytes") \
    X(SAMPLES_TAKEN, "samples_taken_less_tick") \
    X(SAMPLES_RETRIED, "samples_retried") \
    X(SAMPLES_DROPPED, "samples_dropped") \
    X(PROFILE_SINCE, "profile_since_unix_ns") \
    X(PRELOAD_RATE, "preload_rate")

enum tick_fact {
#define X(id, column) FACT_##id,
    TICK_FACTS(X)
#undef X
    FACT_COUNT
};

#endif
