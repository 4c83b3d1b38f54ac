/* The strings, frames and stacks of a recording in a catalog: ids in the file to catalog ids. */
#ifndef HEAPTOP_RECORD_NAMES_H
#define HEAPTOP_RECORD_NAMES_H

#include "heaptop/snapshot.h"
#include "record/database.h"

/* Ids beyond are not believed; those of a recorder count from 1. */
#define NAMES_MAX_ID (INT64_C(1) << 24)

struct name_map {
    VECTOR(uint32_t) ids;       /* By id in the file; 0: unknown. */
    int64_t last;               /* The highest that was read. */
};

struct names {
    struct database *database;
    struct catalog *catalog;    /* A reference. */
    struct name_map strings, frames, stacks;
    sqlite3_stmt *select_strings, *select_frames, *select_stack_frames;
    bool is_damaged;            /* Some rows were not what they should be. */
};

/* The database's code tells what went wrong. */
void names_init(struct names *names, struct database *database);
void names_deinit(struct names *names);
/* Before anything was read: adds to this catalog, of which it takes a reference. */
void names_set_catalog(struct names *names, struct catalog *catalog);

/* Ids in the file to ids in the catalog; what came to the file since the last call is read. 0 for 0 and for what is not
 * there. */
string_id names_string(struct names *names, int64_t id);
frame_id names_frame(struct names *names, int64_t id);
stack_id names_stack(struct names *names, int64_t id);

#endif
