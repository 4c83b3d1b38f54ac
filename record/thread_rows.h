/* Threads and Ps as rows: each thread once, what threads are at once as well, and from tick to tick how they are. */
#ifndef HEAPTOP_RECORD_THREAD_ROWS_H
#define HEAPTOP_RECORD_THREAD_ROWS_H

#include "record/tick_reader.h"
#include "record/tick_writer.h"

/* Those that changed, or are gone; in a keyframe all that are there. */
void thread_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);
void proc_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);

/* The changes of these ticks, in the reader's state. */
void thread_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
void proc_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
/* As they are in a keyframe that names none. */
void thread_rows_forget(struct tick_reader *reader);

#endif
