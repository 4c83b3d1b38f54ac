/* One snapshot into the file as one transaction: only what differs from the one before, and everything in a keyframe.
 */
#ifndef HEAPTOP_RECORD_TICK_WRITER_H
#define HEAPTOP_RECORD_TICK_WRITER_H

#include "heaptop/snapshot.h"
#include "record/dictionary.h"
#include "record/goroutine_list_rows.h"
#include "record/malloc_rows.h"
#include "record/memory_map_rows.h"
#include "record/schema.h"

/* A keyframe comes when the rows since the last one are so many, and twice those of a keyframe: that bounds both what a
 * jump has to read and what keyframes add to the file. */
#define KEYFRAME_ROWS 12288

struct written_site {
    int64_t id;             /* In the file; 0: not there. */
    struct site site;
};

/* Columns of goroutine_group_waits behind the key. */
#define GROUP_WAIT_COLUMNS 14

struct written_group {
    int64_t id;
    struct goroutine_group group;       /* Its identity. */
    int64_t values[3];
    int64_t waits[GROUP_WAIT_COLUMNS];
    uint64_t seen_in;       /* The tick. */
    bool present;
};

struct written_thread {
    int64_t id;
    pid_t tid;
    string_id name;
    int64_t values[5];
    int64_t read_monotonic_ns;  /* -1: when the tick was. */
    uint64_t seen_in;
    bool present;
};

/* What many threads have in common, from tick to tick. */
struct written_thread_state {
    int64_t id;
    uint32_t words[10];
};

struct written_region {
    int64_t id;
    struct region region;
};

enum tick_statement {
    INSERT_TICK,
    INSERT_KEYFRAME,
    INSERT_FACTS,
    INSERT_COUNTERS,
    INSERT_LAST_COUNTERS = INSERT_COUNTERS + SCHEMA_COUNTER_TABLES - 1,
    INSERT_COUNTER_STATE,
    INSERT_TARGET,
    INSERT_SITE,
    INSERT_SITE_PUBLISHED,
    INSERT_SITE_PROVISIONAL,
    INSERT_GROUP,
    INSERT_GROUP_VALUES,
    INSERT_GROUP_WAITS,
    INSERT_GOROUTINE_LIST,
    INSERT_GOROUTINE,
    INSERT_GOROUTINE_WAIT,
    INSERT_WAIT_OBJECT,
    INSERT_MALLOC_HEAP,
    INSERT_MALLOC_ARENA,
    INSERT_MALLOC_CLASS,
    INSERT_MALLOC_TYPE,
    INSERT_THREAD,
    INSERT_THREAD_STATE,
    INSERT_THREAD_VALUES,
    INSERT_THREAD_READ,
    INSERT_PROC,
    INSERT_PROC_TICKS,
    INSERT_GC_CYCLE,
    INSERT_SIZE_CLASS,
    INSERT_REGION,
    INSERT_MAPPING,
    INSERT_PROBLEM,
    INSERT_GAP,
    INSERT_MARK,
    TICK_STATEMENTS
};

struct tick_writer {
    struct database *database;
    struct dictionary dictionary;
    sqlite3_stmt *statements[TICK_STATEMENTS];
    struct memory_map_rows memory_maps;
    uint64_t tick;                      /* The one being written; ticks count from 1. */
    bool redact;                        /* Command lines and labels are left out. */
    bool wants_keyframe;                /* The next one shall be one. */
    bool keyframe;                      /* The one being written is one. */
    bool has_state;                     /* What follows is what the file says as of the tick before. */
    uint64_t rows, rows_since_keyframe, rows_of_keyframe;
    int64_t last_target, last_site, last_group, last_thread, last_thread_state, last_region;
    struct counter counters[COUNTER_COUNT];     /* But for the reasons: */
    uint64_t reasons[COUNTER_COUNT];    /* Hashes of their texts; 0: none. */
    bool has_target;
    int64_t target_values[17];
    int64_t facts[FACT_COUNT];
    VECTOR(struct written_site) sites;
    VECTOR(struct written_group) groups;
    struct table groups_by_identity;    /* To index + 1. */
    struct goroutine_list_writer list;
    struct malloc_writer malloc;
    VECTOR(struct written_thread) threads;
    struct table threads_by_identity;
    VECTOR(struct written_thread_state) thread_states;
    struct table thread_states_by_words;
    VECTOR(struct proc) procs;          /* As they were written last. */
    VECTOR(struct size_class) size_classes;
    VECTOR(struct written_region) regions;      /* As they were read last. */
    VECTOR(struct mapping) mappings;
    uint64_t mappings_tick;             /* Whose rows they are. */
};

struct recording_gap_row {
    uint64_t from_unix_ns, to_unix_ns, ticks;
    const char *reason;
};

void tick_writer_init(struct tick_writer *writer, struct database *database, bool redact);
void tick_writer_deinit(struct tick_writer *writer);

/* Writes a snapshot, and before it the gap that it ends, if any. What fails is in the database's code, and nothing of
 * the tick is in the file. */
void tick_writer_write(struct tick_writer *writer, const struct snapshot *snapshot,
                       const struct recording_gap_row *gap);
void tick_writer_write_mark(struct tick_writer *writer, uint64_t unix_ns, const char *text);
void tick_writer_write_gap(struct tick_writer *writer, const struct recording_gap_row *gap);

/* ---- for the files that write one kind of rows ---- */

struct row tick_writer_begin(struct tick_writer *writer, enum tick_statement statement);
/* The key of a row of this tick. */
int64_t tick_writer_key(const struct tick_writer *writer, int64_t what);
/* In the file. */
int64_t tick_writer_string(struct tick_writer *writer, string_id id);
/* Notes it in the database's code. */
void tick_writer_out_of_memory(struct tick_writer *writer);
/* Where the table holds 1 + the index of the item with this identity: 0 when there is none yet. NULL when memory is
 * out. */
uint64_t *tick_writer_find_identity(struct table *table, const uint32_t *words, size_t count,
                                    bool (*matches)(const void *items, size_t index, const uint32_t *words),
                                    const void *items);

#endif
