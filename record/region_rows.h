/* The address space as rows: its regions, each of which is written when it comes, changes or goes, and the executable
 * mappings among them. */
#ifndef HEAPTOP_RECORD_REGION_ROWS_H
#define HEAPTOP_RECORD_REGION_ROWS_H

#include "record/tick_reader.h"
#include "record/tick_writer.h"

/* Those that changed since they were read last, or are gone; in a keyframe all that are there. Returns how many there
 * are; 0 when none were read in this tick. */
size_t region_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);
/* All of them where any differs from before. Returns the tick whose rows hold; 0: there are none. */
uint64_t mapping_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);

/* The changes of these ticks, in the reader's state. */
void region_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
/* Into a snapshot, where regions were read in its tick; false when memory is out. */
bool region_rows_fill(const struct tick_reader *reader, struct snapshot *snapshot);
bool mapping_rows_fill(struct tick_reader *reader, struct snapshot *snapshot);

#endif
