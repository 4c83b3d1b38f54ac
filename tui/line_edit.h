/* One line of text that a person types. */
#ifndef TUI_LINE_EDIT_H
#define TUI_LINE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/event.h"
#include "tui/grid.h"

struct line_edit {
    char *text;             /* The caller's buffer, always terminated. */
    size_t size;            /* Of the buffer. */
    size_t cursor;          /* In bytes; always between characters. */
};

void line_edit_begin(struct line_edit *edit, char *buffer, size_t size);
/* Arrows, Home, End, Backspace, Delete, Ctrl-A, -E, -U (all), -W (a word); characters are inserted. false: not a key
 * for it. */
bool line_edit_key(struct line_edit *edit, uint32_t key);
/* Draws the text with its cursor as a block; scrolls so that the cursor is in view. */
void line_edit_draw(const struct line_edit *edit, struct canvas canvas, int x, int y, int width);

#endif
