/* Screens held against tests/screens/NAME.txt. When a change is meant, run the test with HEAPTOP_UPDATE_GOLDEN=1 and
 * look at the difference. */
#ifndef TESTS_UNIT_TUI_GOLDEN_H
#define TESTS_UNIT_TUI_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tui/grid.h"

#define TEXT_ONLY ((enum colour_depth)-1)

__attribute__((unused)) static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    struct text text = {0};
    char buffer[4096];
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), file)) > 0;)
        text_append_bytes(&text, buffer, got);
    fclose(file);
    return text_take(&text);
}

/* The first line that differs, for the message. */
__attribute__((unused)) static void tell_difference(const char *name, const char *expected, const char *got)
{
    size_t line = 1;
    while (*expected && *got && *expected == *got) {
        line += *expected == '\n';
        expected++;
        got++;
    }
    while (line > 1 && expected[-1] != '\n')
        expected--, got--;
    ck_abort_msg("tests/screens/%s.txt differs at line %zu:\n expected: %.*s\n      got: "
                 "%.*s\n(HEAPTOP_UPDATE_GOLDEN=1 rewrites the files)",
                 name, line, (int)strcspn(expected, "\n"), expected, (int)strcspn(got, "\n"), got);
}

/* Against tests/screens/NAME.txt. */
__attribute__((unused)) static void golden_check_text(const struct text *text, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/screens/%s.txt", SOURCE_DIR, name);
    ck_assert(!text->failed);
    if (getenv("HEAPTOP_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "we");
        ck_assert_msg(file != NULL, "cannot write %s", path);
        ck_assert_uint_eq(fwrite(text->data, 1, text->length, file), text->length);
        ck_assert_int_eq(fclose(file), 0);
    }
    char *expected = read_golden(path);
    ck_assert_msg(expected != NULL, "cannot read %s", path);
    if (strcmp(expected, text->data) != 0)
        tell_difference(name, expected, text->data);
    free(expected);
}

__attribute__((unused)) static void golden_append_attributes(struct text *text, uint8_t attributes)
{
    static const char *const names[] = {" bold", " dim", " reverse", " underline"};
    for (size_t i = 0; i < 4; i++)
        if (attributes & 1u << i)
            text_append(text, names[i]);
}

/* How a cell looks in 256 colours and in none. */
struct golden_look {
    struct appearance coloured, plain;
};

/* Whether a cell can be told from one that looks so: of a blank one only what is behind it is seen. */
__attribute__((unused)) static bool golden_look_equals(const struct golden_look *a, const struct golden_look *b,
                                                       bool is_blank)
{
    uint8_t seen = is_blank ? ATTRIBUTE_REVERSE | ATTRIBUTE_UNDERLINE : UINT8_MAX;
    return a->coloured.background == b->coloured.background &&
           (is_blank || a->coloured.foreground == b->coloured.foreground) &&
           (a->coloured.attributes & seen) == (b->coloured.attributes & seen) &&
           (a->plain.attributes & seen) == (b->plain.attributes & seen);
}

/* "4: [2-8 246 on 235 bold, dim]": the columns, how they look in 256 colours, and behind the comma how in none. Blanks
 * belong to what is before them where it cannot be seen that they do not; what is plain in both is left out. */
__attribute__((unused)) static void golden_append_styles(const struct grid *grid, struct text *text)
{
    for (int y = 0; y < grid->height; y++) {
        bool has_any = false;
        for (int x = 0, end; x < grid->width; x = end) {
            struct golden_look look = {0}, next;
            for (end = x; end < grid->width; end++) {
                const struct cell *cell = grid_cell(grid, end, y);
                next.coloured = theme_resolve(grid->theme, DEPTH_256, cell->role, cell->ground);
                next.plain = theme_resolve(grid->theme, DEPTH_MONO, cell->role, cell->ground);
                if (end == x)
                    look = next;
                else if (!golden_look_equals(&look, &next, cell->rune == ' '))
                    break;
            }
            int last = end;
            while (last > x + 1 && look.coloured.background < 0 && !(look.plain.attributes & ATTRIBUTE_REVERSE) &&
                   grid_cell(grid, last - 1, y)->rune == ' ')
                last--;
            bool is_plain = look.coloured.foreground < 0 && look.coloured.background < 0 &&
                            look.coloured.attributes == 0 && look.plain.attributes == 0;
            bool is_nothing = last == x + 1 && grid_cell(grid, x, y)->rune == ' ' && look.coloured.background < 0 &&
                              !(look.plain.attributes & (ATTRIBUTE_REVERSE | ATTRIBUTE_UNDERLINE));
            if (is_plain || is_nothing)
                continue;
            if (!has_any)
                text_printf(text, "%d:", y);
            has_any = true;
            text_printf(text, " [%d-%d", x, last - 1);
            if (look.coloured.foreground >= 0)
                text_printf(text, " %d", (int)look.coloured.foreground);
            if (look.coloured.background >= 0)
                text_printf(text, " on %d", (int)look.coloured.background);
            golden_append_attributes(text, look.coloured.attributes);
            if (look.plain.attributes)
                text_append(text, ",");
            golden_append_attributes(text, look.plain.attributes);
            text_append(text, "]");
        }
        if (has_any)
            text_append(text, "\n");
    }
}

/* One of several sizes in a file, with its styles in 256 colours and in none. */
__attribute__((unused)) static void golden_append(const struct grid *grid, struct text *text)
{
    text_printf(text, "---- %dx%d ----\n", grid->width, grid->height);
    grid_dump_text(grid, text);
    text_append(text, "in 256 colours, in none:\n");
    golden_append_styles(grid, text);
}

/* depth: with styles; TEXT_ONLY: only the text. */
__attribute__((unused)) static void golden_check(struct grid *grid, const char *name, const char *keys,
                                                 enum colour_depth depth)
{
    struct text text = {0};
    text_printf(&text, "keys: %s\n", keys);
    grid_dump_text(grid, &text);
    if (depth != TEXT_ONLY) {
        text_append(&text, "styles:\n");
        grid_dump_styles(grid, depth, &text);
    }
    golden_check_text(&text, name);
    text_deinit(&text);
}

#endif
