/* The rows of a table about a span of ticks, whose keys must rise. */
#ifndef HEAPTOP_RECORD_TICK_SPAN_H
#define HEAPTOP_RECORD_TICK_SPAN_H

#include "record/tick_reader.h"

struct span {
    struct row row;
    struct tick_reader *reader;
    int64_t last, count;
};

/* Of tables that are keyed by tick. */
struct span span_begin(struct tick_reader *reader, enum read_statement statement, int64_t first, int64_t last);
/* Of keyed tables: all keys of the ticks from first to last. */
struct span span_keys(struct tick_reader *reader, enum read_statement statement, int64_t first, int64_t last);
/* False at the end, and where the keys do not rise or never end. */
bool span_next(struct span *span);

/* Of the present row. */
int64_t span_integer(const struct span *span, int column);
bool span_is_null(const struct span *span, int column);
int64_t span_key(const struct span *span);
/* A text that stands in the row itself, escaped; it lives as long as the catalog. */
const char *span_text(struct tick_reader *reader, const struct span *span, int column);

/* Makes the vector at least so long, with zeros; false, with the code set, when memory is out. */
#define TICK_READER_GROW(reader, vector, wanted) \
    __extension__({ \
        bool has_room_ = vector_extend((vector), (wanted)); \
        if (!has_room_) \
            (reader)->database->code = SQLITE_NOMEM; \
        has_room_; \
    })

/* One row by its id, at which the statement is left; false when there is none. */
bool tick_reader_find_row(struct tick_reader *reader, enum read_statement statement, int64_t id, struct row *ret_row);

#endif
