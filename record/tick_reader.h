/* The state of a recording as of one tick, moved along tick by tick or set anew from a keyframe, and snapshots made of
 * it. */
#ifndef HEAPTOP_RECORD_TICK_READER_H
#define HEAPTOP_RECORD_TICK_READER_H

#include "heaptop/snapshot.h"
#include "record/goroutine_list_rows.h"
#include "record/malloc_rows.h"
#include "record/memory_map_rows.h"
#include "record/names.h"
#include "record/schema.h"

enum read_statement {
    SELECT_TICKS,
    SELECT_COUNTERS,
    SELECT_LAST_COUNTERS = SELECT_COUNTERS + SCHEMA_COUNTER_TABLES - 1,
    SELECT_COUNTER_STATES,
    SELECT_TARGET,
    SELECT_SITE,
    SELECT_SITE_PUBLISHED,
    SELECT_SITE_PROVISIONAL,
    SELECT_GROUP,
    SELECT_GROUP_VALUES,
    SELECT_GROUP_WAITS,
    SELECT_GOROUTINE_LISTS,
    SELECT_GOROUTINES,
    SELECT_GOROUTINE_WAITS,
    SELECT_WAIT_OBJECTS,
    SELECT_MALLOC_HEAPS,
    SELECT_MALLOC_ARENAS,
    SELECT_MALLOC_CLASSES,
    SELECT_MALLOC_TYPES,
    SELECT_THREAD,
    SELECT_THREAD_VALUES,
    SELECT_THREAD_READS,
    SELECT_PROCS,
    SELECT_PROC_TICKS,
    SELECT_GC_CYCLES,
    SELECT_SIZE_CLASSES,
    SELECT_REGIONS,
    SELECT_MAPPINGS,
    SELECT_PROBLEMS,
    SELECT_NEXT_TICK,
    SELECT_KEYFRAME,
    READ_STATEMENTS
};

/* Rows of `ticks`, the columns that a snapshot is made from. */
struct read_tick {
    int64_t tick, target, exit_reason, profile_reason, sites, mappings, regions;
    uint64_t unix_ns, monotonic_ns, sequence, interval_ns, profile_cycle, profile_since_unix_ns;
    enum profile_state profile_state;
    bool exited, profile_torn, sites_truncated;
    struct cost cost;
    int64_t facts[FACT_COUNT];      /* From which some of these are. */
};

struct read_site {
    int64_t id;
    struct site site;
};

struct read_group {
    int64_t id;                     /* 0: not read yet. */
    struct goroutine_group group;   /* Without the waits: */
    int64_t newest_wait, oldest_wait;
    uint32_t index;                 /* In the snapshot that is being filled. */
    bool present;
};

struct read_thread {
    int64_t id;
    struct thread thread;
    bool has_read_time;             /* Else it was read when the tick was. */
    bool present;
};

struct read_region {
    struct region region;
    bool present;
};

/* One of the file's tables of counters. */
struct counter_columns {
    const char *names[SCHEMA_MAX_COUNTER_COLUMNS];  /* While the reader is made. */
    enum counter_id ids[SCHEMA_MAX_COUNTER_COLUMNS];    /* Of this build, or COUNTER_COUNT. */
    size_t count;
};

struct read_proc {
    struct proc proc;
    bool present;
};

/* Where a site of the file stands in a snapshot's list. */
struct site_definition {
    bool known;
    int64_t position;
    stack_id stack;
    uint64_t object_size;
};

struct tick_reader {
    struct database *database;
    struct names names;
    sqlite3_stmt *statements[READ_STATEMENTS];
    struct memory_map_rows memory_maps;
    unsigned version;               /* Of the file's format. */
    struct counter_columns columns[SCHEMA_COUNTER_TABLES];
    enum counter_id numbers[256];   /* The file's counters by number: the one of this build, or COUNTER_COUNT. */
    int64_t tick;                   /* What follows is as of this tick; 0: nothing yet. */
    struct read_tick row;
    struct counter counters[COUNTER_COUNT];
    struct target_info target;
    int64_t target_id;
    VECTOR(struct site_definition) definitions;
    VECTOR(struct read_site) sites;         /* By position. */
    VECTOR(struct read_group) groups;       /* By id. */
    struct goroutine_list_reader list;
    struct malloc_reader malloc;
    VECTOR(struct read_thread) threads;
    VECTOR(struct read_proc) procs;         /* By id. */
    VECTOR(struct size_class) size_classes;
    VECTOR(struct read_region) regions;     /* By number. */
    uint64_t damaged;               /* Rows that were left out. */
};

/* Of a file of this version of the format, with these columns in its tables of counters, whose names are borrowed. */
void tick_reader_init(struct tick_reader *reader, struct database *database, unsigned version,
                      const struct counter_columns columns[SCHEMA_COUNTER_TABLES]);
void tick_reader_deinit(struct tick_reader *reader);

/* The first tick after this one, and its time; false when there is none (yet), or the code is set. */
bool tick_reader_next(struct tick_reader *reader, int64_t after, int64_t *ret_tick, uint64_t *ret_unix_ns);
/* The last tick at or before a time: found by halving, ticks being in the order of time. False when there is none. */
bool tick_reader_find(struct tick_reader *reader, uint64_t unix_ns, int64_t *ret_tick);

/* Brings the state to a tick. */
void tick_reader_move(struct tick_reader *reader, int64_t tick);

/* The snapshot of a tick (record/tick_snapshot.c), with the GC cycles from that tick on which is given. The fastest way
 * is the one after that which was read last. */
struct error *tick_reader_read(struct tick_reader *reader, int64_t tick, int64_t cycles_from,
                               struct snapshot **ret_snapshot);

#endif
