/* Text: a growing string, display width, and the escaping through which every untrusted name passes. */
#ifndef HEAPTOP_BASE_TEXT_H
#define HEAPTOP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. `failed` is set when memory ran out, and stays set: append freely and test once. */
struct text {
    char *data;         /* NUL-terminated once anything was appended; NULL before. */
    size_t length;
    size_t capacity;
    bool failed;
};

void text_deinit(struct text *text);
void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const void *bytes, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends what came from a target or a file: control characters, DEL, C1 controls, line separators, bidirectional
 * controls and invalid UTF-8 become \xNN or \u{N}; all else is kept. A backslash is kept as it is. */
void text_append_escaped(struct text *text, const char *bytes, size_t length);
/* Hands the string over (malloc'd; "" when nothing was appended) and empties the text; NULL when memory ran out. */
char *text_take(struct text *text);

/* Decodes one character at `bytes`: returns its length in bytes (1 for an invalid byte, *ret_rune then U+FFFD); 0 at
 * length 0. */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_rune);
/* Writes up to 4 bytes, returns how many. What is no character (a surrogate, above U+10FFFF) is written as U+FFFD. */
size_t utf8_from_rune(uint32_t rune, char bytes[4]);
/* Terminal columns of one character: 0 combining, 2 wide, else 1. Independent of the locale. */
int rune_width(uint32_t rune);
/* Terminal columns of a string. */
size_t utf8_width(const char *string);

#endif
