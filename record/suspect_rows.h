/* Suspects: a row for each, from when to when it was one. */
#ifndef HEAPTOP_RECORD_SUSPECT_ROWS_H
#define HEAPTOP_RECORD_SUSPECT_ROWS_H

#include "heaptop/record.h"
#include "record/dictionary.h"

/* What was handed over and is not written yet. */
struct suspect_list {
    struct arena arena;
    struct catalog *catalog;        /* A reference. */
    uint64_t unix_ns;
    struct recorder_suspect *suspects;
    size_t count;
};

/* NULL when memory is out. */
struct suspect_list *suspect_list_create(const struct snapshot *snapshot, const struct recorder_suspect *suspects,
                                         size_t count);
void suspect_list_destroy(struct suspect_list *list);       /* Accepts NULL. */

/* One that is suspected now, and the row it has. */
struct open_suspect {
    int64_t row, target;
    char kind[32];
    frame_id subject, created_by;
    uint64_t name;              /* Hash of it; 0: none. */
};

struct suspect_rows {
    struct database *database;
    sqlite3_stmt *write;
    int64_t last;
    VECTOR(struct open_suspect) open;
};

void suspect_rows_init(struct suspect_rows *rows, struct database *database);
void suspect_rows_deinit(struct suspect_rows *rows);
/* As one transaction; what fails is in the database's code. `target` is the row of the process. */
void suspect_rows_write(struct suspect_rows *rows, struct dictionary *dictionary, int64_t target,
                        const struct suspect_list *list);

/* Of a file that is read: into the timeline, in the arena; the oldest RECORD_MAX_LISTED. What fails is in the
 * database's code. */
void suspect_rows_read(struct database *database, struct arena *arena, struct timeline *timeline);

#endif
