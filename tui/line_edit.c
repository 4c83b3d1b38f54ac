#include "tui/line_edit.h"

#include <string.h>

void line_edit_begin(struct line_edit *edit, char *buffer, size_t size)
{
    *edit = (struct line_edit){buffer, size, strlen(buffer)};
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t before(const struct line_edit *edit, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && continues(edit->text[at]))
        at--;
    return at;
}

static size_t after(const struct line_edit *edit, size_t at)
{
    if (edit->text[at])
        at++;
    while (continues(edit->text[at]))
        at++;
    return at;
}

static void cut(struct line_edit *edit, size_t from, size_t to)
{
    memmove(edit->text + from, edit->text + to, strlen(edit->text + to) + 1);
    edit->cursor = from;
}

static void insert(struct line_edit *edit, uint32_t rune)
{
    char bytes[4];
    size_t length = utf8_from_rune(rune, bytes), used = strlen(edit->text);
    if (used + length + 1 > edit->size)
        return;
    memmove(edit->text + edit->cursor + length, edit->text + edit->cursor, used - edit->cursor + 1);
    memcpy(edit->text + edit->cursor, bytes, length);
    edit->cursor += length;
}

static size_t word_start(const struct line_edit *edit)
{
    size_t at = edit->cursor;
    while (at > 0 && edit->text[at - 1] == ' ')
        at--;
    while (at > 0 && edit->text[at - 1] != ' ')
        at--;
    return at;
}

bool line_edit_key(struct line_edit *edit, uint32_t key)
{
    switch (key) {
    case INPUT_LEFT:
        edit->cursor = before(edit, edit->cursor);
        return true;
    case INPUT_RIGHT:
        edit->cursor = after(edit, edit->cursor);
        return true;
    case INPUT_HOME:
    case CONTROL('a'):
        edit->cursor = 0;
        return true;
    case INPUT_END:
    case CONTROL('e'):
        edit->cursor = strlen(edit->text);
        return true;
    case INPUT_BACKSPACE:
        cut(edit, before(edit, edit->cursor), edit->cursor);
        return true;
    case INPUT_DELETE:
        cut(edit, edit->cursor, after(edit, edit->cursor));
        return true;
    case CONTROL('u'):
        cut(edit, 0, strlen(edit->text));
        return true;
    case CONTROL('w'):
        cut(edit, word_start(edit), edit->cursor);
        return true;
    default:
        break;
    }
    if (key < 0x20 || (key >= 0x7f && key <= 0x9f) || key >= KEYS_BEGIN)
        return false;
    insert(edit, key);
    return true;
}

void line_edit_draw(const struct line_edit *edit, struct canvas canvas, int x, int y, int width)
{
    canvas = canvas_part(canvas, x, y, width, 1);
    /* From the first character from which on the cursor is in view. */
    size_t from = 0, length = strlen(edit->text);
    int column;
    for (;;) {
        column = 0;
        for (size_t at = from; at < edit->cursor;) {
            uint32_t rune;
            at += utf8_decode(edit->text + at, edit->cursor - at, &rune);
            column += rune_width(rune);
        }
        if (column < width || from >= length)
            break;
        from = after(edit, from);
    }
    canvas_text(canvas, 0, 0, ROLE_FIGURE, edit->text + from);
    canvas_ground(canvas, column, 0, 1, GROUND_CURSOR);
}
