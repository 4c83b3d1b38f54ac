#include "heaptop/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "width_table.h"

#define SMALLEST_CAPACITY ((size_t)64)
#define REPLACEMENT_CHARACTER 0xfffd

void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

/* Room for `length` more bytes and a NUL, or `failed`. */
static bool make_room(struct text *text, size_t length)
{
    if (text->failed)
        return false;
    size_t needed;
    if (__builtin_add_overflow(text->length, length, &needed) || __builtin_add_overflow(needed, 1, &needed)) {
        text->failed = true;
        return false;
    }
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity > SIZE_MAX / 2 ? SIZE_MAX : text->capacity * 2;
    if (capacity < SMALLEST_CAPACITY)
        capacity = SMALLEST_CAPACITY;
    if (capacity < needed)
        capacity = needed;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append_bytes(struct text *text, const void *bytes, size_t length)
{
    if (!make_room(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->failed = true;
        return;
    }
    if (!make_room(text, (size_t)length))
        return;
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

/* Characters that change what stands around them, or end the line: the C1 controls, the line and paragraph
 * separators, and the controls of the bidirectional algorithm (UAX 9, section 2), with which one name can be made to
 * look like another. */
static bool must_escape(uint32_t rune)
{
    return (rune >= 0x80 && rune <= 0x9f) || rune == 0x61c || rune == 0x200e || rune == 0x200f ||
           (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

void text_append_escaped(struct text *text, const char *bytes, size_t length)
{
    size_t plain = 0; /* Where the bytes begin that are not yet appended and need no escape. */
    size_t at = 0;
    while (at < length) {
        uint32_t rune;
        size_t taken = utf8_decode(bytes + at, length - at, &rune);
        /* A decoded U+FFFD is three bytes long; an invalid byte is one. */
        bool is_raw = taken == 1 && (rune < 0x20 || rune == 0x7f || rune == REPLACEMENT_CHARACTER);
        if (is_raw || must_escape(rune)) {
            text_append_bytes(text, bytes + plain, at - plain);
            if (is_raw)
                text_printf(text, "\\x%02x", (unsigned char)bytes[at]);
            else
                text_printf(text, "\\u{%x}", rune);
            plain = at + taken;
        }
        at += taken;
    }
    text_append_bytes(text, bytes + plain, length - plain);
}

char *text_take(struct text *text)
{
    if (!text->data)
        text_append_bytes(text, "", 0);
    if (text->failed) {
        text_deinit(text);
        return NULL;
    }
    char *data = text->data;
    *text = (struct text){0};
    return data;
}

size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_rune)
{
    if (length == 0)
        return 0;
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        *ret_rune = first;
        return 1;
    }
    *ret_rune = REPLACEMENT_CHARACTER;

    /* The smallest value that needs a form tells an overlong one. */
    size_t needed;
    uint32_t rune, smallest;
    if ((first & 0xe0) == 0xc0) {
        needed = 2, rune = first & 0x1f, smallest = 0x80;
    } else if ((first & 0xf0) == 0xe0) {
        needed = 3, rune = first & 0x0f, smallest = 0x800;
    } else if ((first & 0xf8) == 0xf0) {
        needed = 4, rune = first & 0x07, smallest = 0x10000;
    } else {
        return 1;
    }
    if (length < needed)
        return 1;
    for (size_t i = 1; i < needed; i++) {
        unsigned char next = (unsigned char)bytes[i];
        if ((next & 0xc0) != 0x80)
            return 1;
        rune = rune << 6 | (next & 0x3f);
    }
    if (rune < smallest || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return 1;
    *ret_rune = rune;
    return needed;
}

size_t utf8_from_rune(uint32_t rune, char bytes[4])
{
    if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        rune = REPLACEMENT_CHARACTER;
    if (rune < 0x80) {
        bytes[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        bytes[0] = (char)(0xc0 | rune >> 6);
        bytes[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        bytes[0] = (char)(0xe0 | rune >> 12);
        bytes[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | rune >> 18);
    bytes[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}

static bool in_ranges(const struct width_range *ranges, size_t count, uint32_t rune)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rune > ranges[middle].last)
            low = middle + 1;
        else if (rune < ranges[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

int rune_width(uint32_t rune)
{
    /* Nearly all there is to measure is below the first combining character. */
    if (rune < width_zero_ranges[0].first)
        return 1;
    if (in_ranges(width_zero_ranges, width_zero_count, rune))
        return 0;
    return in_ranges(width_wide_ranges, width_wide_count, rune) ? 2 : 1;
}

size_t utf8_width(const char *string)
{
    size_t length = strlen(string), width = 0, at = 0;
    while (at < length) {
        uint32_t rune;
        at += utf8_decode(string + at, length - at, &rune);
        width += (size_t)rune_width(rune);
    }
    return width;
}
