/* Where memory is, as rows of the ticks in which its pages were looked at. */
#ifndef HEAPTOP_RECORD_MEMORY_MAP_ROWS_H
#define HEAPTOP_RECORD_MEMORY_MAP_ROWS_H

#include "heaptop/snapshot.h"
#include "record/database.h"

enum { MEMORY_MAP_TABLES = 5 };

/* Statements of the writer, or of the reader. */
struct memory_map_rows {
    struct database *database;
    sqlite3_stmt *statements[MEMORY_MAP_TABLES];
};

void memory_map_rows_init_writer(struct memory_map_rows *rows, struct database *database);
void memory_map_rows_init_reader(struct memory_map_rows *rows, struct database *database);
void memory_map_rows_deinit(struct memory_map_rows *rows);

/* Nothing for a snapshot without a memory map. Returns how many rows were written. */
uint64_t memory_map_rows_write(struct memory_map_rows *rows, int64_t tick, const struct snapshot *snapshot);
/* Into a snapshot that has its regions already; nothing where the tick has none. False when memory is out. */
bool memory_map_rows_read(struct memory_map_rows *rows, int64_t tick, struct snapshot *snapshot);

#endif
