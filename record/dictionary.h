/* The strings, frames and stacks that a recording already holds: catalog ids to ids in the file. */
#ifndef HEAPTOP_RECORD_DICTIONARY_H
#define HEAPTOP_RECORD_DICTIONARY_H

#include "heaptop/snapshot.h"
#include "record/database.h"

/* File ids by catalog id; 0: not in the file. */
struct id_map {
    VECTOR(int64_t) ids;
    int64_t last, committed;    /* Ids are given out in order; those up to `committed` are there for good. */
};

struct dictionary {
    struct database *database;
    struct catalog *catalog;    /* A reference; NULL before the first snapshot. */
    struct id_map strings, frames, stacks;
    bool redact;                /* Values of what looks like NAME=VALUE are left out. */
    /* What the file holds, by hashes of the content. A process that was started again has a catalog of its own, with
     * the same names in it. A row found by these is looked at before it is believed. */
    struct table known_strings, known_frames, known_stacks;
    VECTOR(int64_t) frame_ids;  /* Scratch: of one stack. */
    sqlite3_stmt *insert_string, *insert_frame, *insert_stack, *insert_stack_frame;
    sqlite3_stmt *select_string, *select_frame, *select_stack;
};

void dictionary_init(struct dictionary *dictionary, struct database *database, bool redact);
void dictionary_deinit(struct dictionary *dictionary);

/* Before the ids of a snapshot: another catalog starts over. */
void dictionary_use(struct dictionary *dictionary, struct catalog *catalog);
/* What was added since the last of the two is there for good, or is not. */
void dictionary_commit(struct dictionary *dictionary);
void dictionary_rollback(struct dictionary *dictionary);

/* The id in the file, which gets the row when it has none; 0 for id 0. Failures are in the database's code. */
int64_t dictionary_string(struct dictionary *dictionary, string_id id);
int64_t dictionary_frame(struct dictionary *dictionary, frame_id id);
int64_t dictionary_stack(struct dictionary *dictionary, stack_id id);
/* A string outside the catalog; NULL gives 0. */
int64_t dictionary_text(struct dictionary *dictionary, const char *text);

#endif
