/* Goroutines one by one as rows, with what they wait on. They are not listed in every tick: once a minute what has
 * changed, or more seldom where much changes; and all of them in keyframes. */
#ifndef HEAPTOP_RECORD_GOROUTINE_LIST_ROWS_H
#define HEAPTOP_RECORD_GOROUTINE_LIST_ROWS_H

#include "heaptop/snapshot.h"
#include "record/places.h"

struct tick_reader;
struct tick_writer;

/* So many are written of one snapshot: as many of each group, those that wait the longest. */
#define GOROUTINE_LIST_MOST 10000u
/* Between two lists, at least. */
#define GOROUTINE_LIST_PERIOD_NS UINT64_C(60000000000)
/* A list of more rows is paid for by a longer time to the next. */
#define GOROUTINE_LIST_ROWS_PER_SECOND 8

/* ---- writing ---- */

struct written_goroutine {
    int64_t columns[5];         /* As the file has them; the first, a goid, is 0 where nothing is. */
    uint32_t objects[SNAPSHOT_MAX_SELECT];      /* Numbers of what it waits on, as the file has them; 0: no row. */
};

struct written_object {
    int64_t columns[8];
};

struct goroutine_list_writer {
    struct places goroutines;   /* By goid. */
    struct places objects;      /* By address and kind. */
    VECTOR(struct written_goroutine) written;   /* By place. */
    VECTOR(struct written_object) written_objects;
    VECTOR(uint32_t) object_numbers;            /* Of the snapshot's objects: place + 1, 0 not asked for yet. */
    uint64_t due_ns;            /* On the monotonic clock. */
    bool is_wanted;             /* The next snapshot is to be listed, whenever the next list is due. */
};

void goroutine_list_writer_init(struct goroutine_list_writer *list);
void goroutine_list_writer_deinit(struct goroutine_list_writer *list);

/* After the snapshot's groups, whose ids in the file are given by their index. Writes nothing where no list is due. */
void goroutine_list_rows_write(struct tick_writer *writer, const struct snapshot *snapshot, const int64_t *group_ids);

/* ---- reading ---- */

struct read_goroutine {
    struct listed_goroutine goroutine;
    int64_t group;              /* In the file. */
    uint32_t objects[SNAPSHOT_MAX_SELECT];      /* Numbers. */
    bool present;
};

struct read_object {
    struct wait_object object;
    uint32_t index;             /* 1 + that of the snapshot being filled; 0: not in it. */
};

struct goroutine_list_reader {
    VECTOR(struct read_goroutine) goroutines;   /* By place. */
    VECTOR(struct read_object) objects;         /* By number. */
    uint64_t monotonic_ns;      /* When they were listed; 0: they are not. */
    uint64_t not_listed;
};

void goroutine_list_reader_deinit(struct goroutine_list_reader *list);
void goroutine_list_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
void goroutine_list_rows_forget(struct tick_reader *reader);
/* Into a snapshot that has its groups, whose indices the reader's groups know. Those of groups that are not there any
 * more are left out. False when memory is out. */
bool goroutine_list_rows_fill(struct tick_reader *reader, struct snapshot *snapshot);

#endif
