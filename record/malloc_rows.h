/* The heap of malloc as rows: its sums in the ticks in which it was read, and of arenas, sizes of chunks and types what
 * changed since it was read before. */
#ifndef HEAPTOP_RECORD_MALLOC_ROWS_H
#define HEAPTOP_RECORD_MALLOC_ROWS_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

struct tick_reader;
struct tick_writer;

/* Types are numbered by their names in the file; of those that were ever live so many are told apart. */
#define MALLOC_ROWS_MAX_TYPES 65536u

/* ---- writing ---- */

struct written_type {
    int64_t name;               /* In the file. */
    uint64_t objects, bytes;    /* 0 objects: the file says that there are none. */
    uint64_t seen_in;           /* The tick. */
};

struct malloc_writer {
    /* Its arenas and classes as the file has them, all zeros in the beginning; NULL: not needed yet. */
    struct malloc_heap *heap;
    VECTOR(struct written_type) types;
    struct table types_by_name; /* To index + 1. */
};

void malloc_writer_init(struct malloc_writer *writer);
void malloc_writer_deinit(struct malloc_writer *writer);
/* Nothing for a snapshot in which the heap was not read. */
void malloc_rows_write(struct tick_writer *writer, const struct snapshot *snapshot);

/* ---- reading ---- */

struct read_type {
    int64_t name;               /* In the file. */
    uint64_t objects, bytes;    /* 0 objects: there are none. */
};

struct malloc_reader {
    struct malloc_heap *heap;   /* Arenas and classes only; NULL: the file has told nothing yet. */
    VECTOR(struct read_type) types;
    struct table types_by_name; /* To index + 1. */
};

void malloc_reader_init(struct malloc_reader *reader);
void malloc_reader_deinit(struct malloc_reader *reader);
void malloc_rows_read(struct tick_reader *reader, int64_t first, int64_t last);
void malloc_rows_forget(struct tick_reader *reader);
/* Where the tick has a reading. False when memory is out. */
bool malloc_rows_fill(struct tick_reader *reader, struct snapshot *snapshot);

#endif
