#include "record/database.h"

#include <string.h>

void database_close(struct database *database)
{
    sqlite3_close_v2(database->handle);
    database->handle = NULL;
}

void database_execute(struct database *database, const char *sql)
{
    if (database->code == SQLITE_OK)
        database->code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
}

sqlite3_stmt *database_prepare(struct database *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (database->code == SQLITE_OK)
        database->code = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    return statement;
}

struct error *database_error(const struct database *database, const char *verb, const char *path)
{
    enum error_kind kind = ERROR_SYSTEM;
    switch (database->code & 0xff) {
    case SQLITE_OK:
        return NULL;
    case SQLITE_NOMEM:
        return error_no_memory();
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        kind = ERROR_BAD_DATA;
        break;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        kind = ERROR_PERMISSION;
        break;
    default:
        break;
    }
    _cleanup_(text_deinit) struct text name = {0};
    text_append_escaped(&name, path, strlen(path));
    return error_create(kind, "cannot %s '%s': %s", verb, name.failed || !name.data ? "?" : name.data,
                        sqlite3_errstr(database->code));
}

struct row row_begin(struct database *database, sqlite3_stmt *statement)
{
    return (struct row){.database = database, .statement = statement, .column = 1};
}

static void note(struct row *row, int code)
{
    if (row->database->code == SQLITE_OK && code != SQLITE_OK)
        row->database->code = code;
}

void row_integer(struct row *row, int64_t value)
{
    if (row->database->code == SQLITE_OK)
        note(row, sqlite3_bind_int64(row->statement, row->column++, value));
}

void row_integers(struct row *row, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_integer(row, values[i]);
}

void row_real(struct row *row, double value)
{
    if (row->database->code == SQLITE_OK)
        note(row, sqlite3_bind_double(row->statement, row->column++, value));
}

void row_null(struct row *row)
{
    if (row->database->code == SQLITE_OK)
        note(row, sqlite3_bind_null(row->statement, row->column++));
}

void row_nulls(struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_null(row);
}

void row_text(struct row *row, const char *text, size_t length)
{
    if (row->database->code == SQLITE_OK)
        note(row, sqlite3_bind_text64(row->statement, row->column++, text, length, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void row_done(struct row *row)
{
    if (row->database->code != SQLITE_OK)
        return;
    int code = sqlite3_step(row->statement);
    note(row, code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code);
    sqlite3_reset(row->statement);
}

bool row_next(struct row *row)
{
    if (row->database->code != SQLITE_OK)
        return false;
    int code = sqlite3_step(row->statement);
    if (code == SQLITE_ROW)
        return true;
    note(row, code == SQLITE_DONE ? SQLITE_OK : code);
    sqlite3_reset(row->statement);
    return false;
}

const char *row_escaped(const struct row *row, int column, struct arena *arena)
{
    const char *bytes = (const char *)sqlite3_column_text(row->statement, column);
    _cleanup_(text_deinit) struct text text = {0};
    if (!bytes)
        return NULL;
    text_append_escaped(&text, bytes, (size_t)sqlite3_column_bytes(row->statement, column));
    return text.failed ? NULL : arena_copy_string(arena, text.data ? text.data : "", text.length);
}

void row_reset(struct row *row)
{
    sqlite3_reset(row->statement);
}
