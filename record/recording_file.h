/* One file that a recorder writes: made, tended while it grows, and ended as one plain file. */
#ifndef HEAPTOP_RECORD_RECORDING_FILE_H
#define HEAPTOP_RECORD_RECORDING_FILE_H

#include "heaptop/record.h"
#include "record/suspect_rows.h"
#include "record/thinning.h"
#include "record/tick_writer.h"

struct recording_file {
    char *path;
    struct database database;
    struct tick_writer writer;
    struct suspect_rows suspects;
    struct thinning thinning;
    uint64_t first_unix_ns;     /* Of its first tick; 0: it has none. */
};

/* Creates the file, for its owner alone. ERROR_USAGE when there is one of this name. */
struct error *recording_file_create(const char *path, const struct recorder_options *options,
                                    struct recording_file **ret_file);
/* The last gap, if any (ticks is 0 when there is none), and the mark of a clean end; one plain file remains. */
struct error *recording_file_finish(struct recording_file *file, const struct recording_gap_row *gap);
void recording_file_destroy(struct recording_file *file);       /* Accepts NULL. */

/* Of the file and its write-ahead log. */
uint64_t recording_file_bytes(const struct recording_file *file);
/* What is due after a tick of this time: thinning, in small pieces. */
void recording_file_tend(struct recording_file *file, uint64_t unix_ns);

/* "night.heaptop" at a time is "night-20260102-030405.heaptop" (UTC), malloc'd; a number is added where it is not the
 * first of this name. NULL when memory is out. */
char *recording_file_name(const char *path, uint64_t unix_ns, unsigned number);

#endif
