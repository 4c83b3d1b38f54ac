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

/* One of several sizes in a file, with its styles in 256 colours and in none. */
__attribute__((unused)) static void golden_append(const struct grid *grid, struct text *text)
{
    text_printf(text, "---- %dx%d ----\n", grid->width, grid->height);
    grid_dump_text(grid, text);
    text_append(text, "in 256 colours:\n");
    grid_dump_styles(grid, DEPTH_256, text);
    text_append(text, "in none:\n");
    grid_dump_styles(grid, DEPTH_MONO, text);
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
