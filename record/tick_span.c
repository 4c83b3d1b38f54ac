#include "record/tick_span.h"

#include "record/schema.h"

/* What a recorder writes stays far below; a damaged file stops here. */
#define MAX_ROWS (INT64_C(1) << 24)

struct span span_begin(struct tick_reader *reader, enum read_statement statement, int64_t first, int64_t last)
{
    struct span span = {
        .row = row_begin(reader->database, reader->statements[statement]), .reader = reader, .last = first - 1};
    row_integer(&span.row, first);
    row_integer(&span.row, last);
    return span;
}

struct span span_keys(struct tick_reader *reader, enum read_statement statement, int64_t first, int64_t last)
{
    return span_begin(reader, statement, first << RECORD_KEY_BITS, (last << RECORD_KEY_BITS) + RECORD_MAX_KEY);
}

bool span_next(struct span *span)
{
    if (!row_next(&span->row))
        return false;
    int64_t at = sqlite3_column_int64(span->row.statement, 0);
    if (at <= span->last || ++span->count > MAX_ROWS) {
        span->reader->damaged++;
        row_reset(&span->row);
        return false;
    }
    span->last = at;
    return true;
}

int64_t span_integer(const struct span *span, int column)
{
    return sqlite3_column_int64(span->row.statement, column);
}

bool span_is_null(const struct span *span, int column)
{
    return sqlite3_column_type(span->row.statement, column) == SQLITE_NULL;
}

int64_t span_key(const struct span *span)
{
    return span->last & RECORD_MAX_KEY;
}

const char *span_text(struct tick_reader *reader, const struct span *span, int column)
{
    const char *bytes = (const char *)sqlite3_column_text(span->row.statement, column);
    struct catalog *catalog = reader->names.catalog;
    return catalog_string(catalog, catalog_add_untrusted(catalog, bytes ? bytes : "",
                                                         (size_t)sqlite3_column_bytes(span->row.statement, column)));
}
