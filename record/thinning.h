/* Old ticks become fewer, so that a recording of months stays small: of the youngest all stay, of older ones one in ten
 * seconds, then one a minute, one in ten minutes, one an hour. What stays reads as it did before: of the ticks that go,
 * the changes move to the next one that stays. */
#ifndef HEAPTOP_RECORD_THINNING_H
#define HEAPTOP_RECORD_THINNING_H

#include "record/database.h"

#define THINNING_LEVELS 4
#define THINNING_MAX_TABLES 64

struct bucket;

struct thinned_table {
    uint8_t kind;           /* enum schema_thinning */
    sqlite3_stmt *take, *erase, *put, *forget;   /* NULL but `erase` where no rows move. */
};

struct thinning_level_state {
    int64_t done;           /* Up to this tick, which stays, all is thinned out. */
    uint64_t due_unix_ns;   /* Nothing to do before. */
};

struct thinning {
    struct database database;       /* The recorder's handle, and a code of its own. */
    uint64_t keep_ns;               /* Younger ticks all stay; 0: all ticks do. */
    uint64_t max_bytes;             /* That the file may take; 0: no bound. */
    uint64_t spare_bytes;           /* Beyond, for thinning itself. */
    bool is_full;                   /* There is little room left. */
    bool wants_keyframe;            /* The oldest ticks can only go once there is a further keyframe. */
    struct thinned_table tables[THINNING_MAX_TABLES];
    size_t num_tables;
    sqlite3_stmt *select_ticks, *select_marked, *select_keyframe, *select_other_process, *insert_keyframe, *trim_events,
        *select_pages;
    struct thinning_level_state levels[THINNING_LEVELS];
    struct bucket *bucket;          /* Scratch. */
    unsigned steps_until_look;      /* At the file's size. */
    int64_t dropped_gap, dropped_ticks;     /* The row of `gaps` about ticks that are gone altogether. */
    uint64_t dropped_from_unix_ns;
};

void thinning_init(struct thinning *thinning, struct database *database, uint64_t keep_ns, uint64_t max_bytes);
/* The spare room is for whoever still writes. */
void thinning_deinit(struct thinning *thinning);

/* A small piece of what is to be done at this time, which is that of the newest tick, as one transaction. False when
 * there is nothing to do now. What fails is tried again later: a recording that is not thinned is still a good one. */
bool thinning_step(struct thinning *thinning, uint64_t now_unix_ns);

/* Merges the ticks between two that stay into the second: for tests. */
void thinning_merge(struct thinning *thinning, int64_t previous, int64_t tick);

#endif
