#include "analysis/sentence.h"

#include "heaptop/base/units.h"

void sentence_add_bytes(struct text *text, double bytes)
{
    char buffer[UNITS_BUFFER];
    text_append(text, units_format_bytes(buffer, bytes));
}

void sentence_add_rate(struct text *text, double bytes_per_second)
{
    char buffer[UNITS_BUFFER];
    text_append(text, units_format_rate(buffer, bytes_per_second));
}

void sentence_add_duration(struct text *text, double nanoseconds)
{
    char buffer[UNITS_BUFFER];
    text_append(text, units_format_duration(buffer, nanoseconds));
}

void sentence_add_count(struct text *text, int64_t count)
{
    char buffer[UNITS_BUFFER];
    text_append(text, units_format_exact(buffer, count));
}
