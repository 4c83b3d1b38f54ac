/* What writer and reader share of SQLite: statements bound and stepped with one error that stays. */
#ifndef HEAPTOP_RECORD_DATABASE_H
#define HEAPTOP_RECORD_DATABASE_H

#include <sqlite3.h>

#include "heaptop/base.h"

struct database {
    sqlite3 *handle;
    int code;               /* The first SQLite result that was no success; while it is set, nothing more is done. */
};

/* One statement being bound, in the order of its parameters. */
struct row {
    struct database *database;
    sqlite3_stmt *statement;
    int column;
};

void database_close(struct database *database);
void database_execute(struct database *database, const char *sql);
/* NULL, with the code set, when it cannot be prepared. */
sqlite3_stmt *database_prepare(struct database *database, const char *sql);
/* The code as an error, which the caller owns: "cannot write 'FILE': disk is full"; NULL while it is SQLITE_OK. */
struct error *database_error(const struct database *database, const char *verb, const char *path);

struct row row_begin(struct database *database, sqlite3_stmt *statement);
void row_integer(struct row *row, int64_t value);
void row_integers(struct row *row, const int64_t *values, size_t count);
void row_real(struct row *row, double value);
void row_null(struct row *row);
void row_nulls(struct row *row, size_t count);
/* The bytes are copied. */
void row_text(struct row *row, const char *text, size_t length);
/* Steps a statement that gives no rows. */
void row_done(struct row *row);
/* Steps a statement that does: true when there is a row. Resets it when there is none, or an error. */
bool row_next(struct row *row);
/* A text of the present row, escaped, in the arena; NULL for NULL, and when memory is out. */
const char *row_escaped(const struct row *row, int column, struct arena *arena);
/* Ends a statement of which not all rows were wanted. */
void row_reset(struct row *row);

#endif
