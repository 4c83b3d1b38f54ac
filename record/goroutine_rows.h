/* Groups of goroutines as rows: each once, and from tick to tick how many there are and what they wait on. */
#ifndef HEAPTOP_RECORD_GOROUTINE_ROWS_H
#define HEAPTOP_RECORD_GOROUTINE_ROWS_H

#include "record/tick_reader.h"
#include "record/tick_span.h"
#include "record/tick_writer.h"

/* Those that changed, or are gone; in a keyframe all that are there. */
void goroutine_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);

/* The changes of these ticks, in the reader's state. */
void goroutine_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
/* As they are in a keyframe that names none. */
void goroutine_rows_forget(struct tick_reader *reader);

/* What is waited on, in columns that all tables which have it have in this order: kind, flags, address, goroutines,
 * length, capacity, senders, receivers. */
enum { WAIT_OBJECT_COLUMNS = 8 };
void wait_object_columns(const struct wait_object *object, int64_t columns[WAIT_OBJECT_COLUMNS]);
struct wait_object wait_object_read(const struct span *span, int first_column);

#endif
