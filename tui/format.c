#include "tui/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define PACKAGE_BUFFER 128

size_t function_package_length(const char *short_name)
{
    const char *from = short_name, *end = short_name + strcspn(short_name, "([<: ");
    for (const char *at = short_name; at < end; at++)
        if (*at == '/')
            from = at + 1;
    const char *point = memchr(from, '.', (size_t)(end - from + (*end != '\0')));
    return point && point[1] != '\0' ? (size_t)(point - short_name) + 1 : 0;
}

const char *frame_function(const struct catalog *catalog, frame_id id, char *buffer)
{
    const char *function = catalog_function(catalog, id);
    if (function[0])
        return function_short_name(function);
    const struct frame *frame = catalog_frame(catalog, id);
    if (frame->address == 0)
        return "?";
    snprintf(buffer, FORMAT_BUFFER, "0x%" PRIx64, frame->address);
    return buffer;
}

const char *frame_place(const struct catalog *catalog, frame_id id, char *buffer)
{
    const char *file = catalog_file(catalog, id);
    if (!file[0])
        return "";
    const struct frame *frame = catalog_frame(catalog, id);
    if (frame->line == 0)
        snprintf(buffer, FORMAT_BUFFER, "%s", file_short_name(file));
    else
        snprintf(buffer, FORMAT_BUFFER, "%.50s:%" PRIu32, file_short_name(file), frame->line);
    return buffer;
}

void frame_write_place(const struct catalog *catalog, const struct frame *frame, struct text *text)
{
    const char *file = catalog_string(catalog, frame->file);
    text_append(text, *file ? file_short_name(file) : "?");
    if (*file && frame->line)
        text_printf(text, ":%" PRIu32, frame->line);
}

const char *text_skip_columns(const char *text, int columns)
{
    size_t length = strlen(text), at = 0;
    while (columns > 0 && at < length) {
        uint32_t rune;
        at += utf8_decode(text + at, length - at, &rune);
        columns -= rune_width(rune);
    }
    return text + at;
}

int frame_draw(struct canvas canvas, int x, int y, int width, int pan, const struct catalog *catalog, frame_id frame)
{
    char buffer[FORMAT_BUFFER];
    const char *name = frame_function(catalog, frame, buffer);
    size_t package = function_package_length(name);
    const char *from = text_skip_columns(name, pan);
    int end = canvas_text_fit(canvas, x, y, width, ROLE_TEXT, from);
    /* Only where the package stands is drawn over, so that the name's cut stays right. */
    if ((size_t)(from - name) < package) {
        char part[PACKAGE_BUFFER];
        size_t length = package - (size_t)(from - name);
        if (length >= sizeof(part))
            length = sizeof(part) - 1;
        memcpy(part, from, length);
        part[length] = '\0';
        if ((int)utf8_width(part) < width)
            canvas_text(canvas, x, y, ROLE_MUTED, part);
    }
    return end;
}

uint32_t verdict_mark(enum growth_verdict verdict)
{
    switch (verdict) {
    case GROWTH_GROWING:
        return 0x25b2;
    case GROWTH_SHRINKING:
        return 0x25bc;
    case GROWTH_SAWTOOTH:
        return 0x2248;
    case GROWTH_PLATEAU:
        return '=';
    case GROWTH_TOO_FEW:
        break;
    }
    return 0xb7;
}

enum role verdict_role(enum growth_verdict verdict)
{
    return verdict == GROWTH_GROWING ? ROLE_GROWING : verdict == GROWTH_SHRINKING ? ROLE_CALM : ROLE_FAINT;
}

void growth_draw(struct canvas canvas, const struct growth *growth, bool of_bytes)
{
    char buffer[FORMAT_BUFFER];
    canvas_rune(canvas, 0, 0, verdict_role(growth->verdict),
                growth->provisional ? GROWTH_PROVISIONAL_MARK : verdict_mark(growth->verdict));
    if (growth->verdict != GROWTH_GROWING && growth->verdict != GROWTH_SHRINKING)
        return;
    if (of_bytes)
        format_growth_bytes(buffer, growth->per_second);
    else
        format_growth_count(buffer, growth->per_second);
    canvas_text_right(canvas, canvas.width, 0, verdict_role(growth->verdict), buffer);
}

char *format_growth_bytes(char *buffer, double per_second)
{
    char figure[UNITS_BUFFER];
    units_format_rate(figure, per_second);
    snprintf(buffer, FORMAT_BUFFER, "%s%s", per_second > 0 ? "+" : "", figure);
    return buffer;
}

char *format_growth_count(char *buffer, double per_second)
{
    char figure[UNITS_BUFFER];
    /* Slow growth of a count is told per minute: 0.02 a second says little. */
    bool slow = fabs(per_second) < 0.95;
    units_format_count(figure, slow ? per_second * 60 : per_second);
    snprintf(buffer, FORMAT_BUFFER, "%s%s/%s", per_second > 0 ? "+" : "", figure, slow ? "min" : "s");
    return buffer;
}

char *format_clock(char *buffer, uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / SECOND_NS);
    struct tm local;
    if (!localtime_r(&seconds, &local) || strftime(buffer, FORMAT_BUFFER, "%H:%M:%S", &local) == 0)
        snprintf(buffer, FORMAT_BUFFER, NOT_KNOWN);
    return buffer;
}

bool counter_value(const struct snapshot *snapshot, enum counter_id id, double *ret_value)
{
    const struct counter *counter = &snapshot->counters[id];
    if (!counter_known(counter))
        return false;
    *ret_value = counter_infos[id].unit == UNIT_FRACTION ? counter->value.real : (double)counter->value.integer;
    return true;
}

const char *format_value(char *buffer, enum counter_id id, double value)
{
    switch (counter_infos[id].unit) {
    case UNIT_BYTES:
        return units_format_bytes(buffer, value);
    case UNIT_COUNT:
        return units_format_exact(buffer, (int64_t)value);
    case UNIT_NANOSECONDS:
        return units_format_duration(buffer, value);
    case UNIT_UNIX_NANOSECONDS:
        return format_clock(buffer, (uint64_t)value);
    case UNIT_FRACTION:
        return units_format_percent(buffer, value);
    case UNIT_PERCENT:
        if (value < 0)
            return "off";
        snprintf(buffer, FORMAT_BUFFER, "%.0f", value);
        return buffer;
    }
    return NOT_KNOWN;
}

const char *format_counter(char *buffer, const struct snapshot *snapshot, enum counter_id id)
{
    double value;
    return counter_value(snapshot, id, &value) ? format_value(buffer, id, value) : NOT_KNOWN;
}
