/* What is on a screen, in words: "goroutines_screen, 'By creator' of goroutines_screen, popup HELP". Every golden file
 * has it in its second line, from which golden_coverage_test tells what is shown and what is not. Screens and lists go
 * by the names of their tables in the program's sources, where all of them are found, whoever added them; popups and
 * prompts by those of their enums. */
#ifndef TESTS_UNIT_RECORD_GOLDEN_STATE_H
#define TESTS_UNIT_RECORD_GOLDEN_STATE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/symbols.h"
#include "tests/unit/check_main.h"
#include "tui/picker.h"
#include "tui/session.h"

#define MAX_TABLES 96

/* A `const struct screen_ops NAME = {` or a `const struct list_ops NAME = {`. */
struct golden_table {
    char name[48];
    bool is_screen;
    uintptr_t address;
};

static struct golden_table golden_tables[MAX_TABLES];
static size_t num_golden_tables;

static void find_tables_in_file(const char *path)
{
    static const char *const kinds[] = {"const struct list_ops ", "const struct screen_ops "};
    char line[256];
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    while (fgets(line, sizeof(line), file)) {
        for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
            const char *name = strstr(line, kinds[kind]), *end = name ? strstr(name, " = {") : NULL;
            if (!end || name[strlen(kinds[kind])] == '*')
                continue;
            name += strlen(kinds[kind]);
            ck_assert_uint_lt(num_golden_tables, MAX_TABLES);
            struct golden_table *table = &golden_tables[num_golden_tables++];
            table->is_screen = kind == 1;
            snprintf(table->name, sizeof(table->name), "%.*s", (int)(end - name), name);
        }
    }
    fclose(file);
}

static void find_tables_in_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    ck_assert_msg(entries != NULL, "cannot open %s", folder);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[512];
        size_t length = strlen(entry->d_name);
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (length > 2 && strcmp(entry->d_name + length - 2, ".c") == 0)
            find_tables_in_file(path);
    }
    closedir(entries);
}

/* All of them, with their addresses in this very program: many are static. */
static void golden_tables_find(void)
{
    static struct image_symbol symbols[MAX_TABLES + 1];
    struct image *image = NULL;
    /* The picker is a program of its own, and linked for its table alone. */
    picker_session_destroy(NULL);
    find_tables_in_folder(SOURCE_DIR "/tui");
    find_tables_in_folder(SOURCE_DIR "/tui/screens");
    ck_assert_uint_gt(num_golden_tables, 0);
    ck_assert_ptr_null(image_open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "this program", &image));
    for (size_t i = 0; i < num_golden_tables; i++)
        symbols[i].name = golden_tables[i].name;
    symbols[num_golden_tables].name = "overview_screen";
    ck_assert_ptr_null(image_find_symbols(image, symbols, num_golden_tables + 1));
    uintptr_t bias = (uintptr_t)&overview_screen - symbols[num_golden_tables].address;
    for (size_t i = 0; i < num_golden_tables; i++) {
        ck_assert_msg(symbols[i].source != SYMBOL_MISSING, "%s is in the sources, and not in this program",
                      golden_tables[i].name);
        golden_tables[i].address = symbols[i].address + bias;
    }
    image_close(image);
}

static const char *golden_table_name(const void *address)
{
    for (size_t i = 0; i < num_golden_tables; i++)
        if (golden_tables[i].address == (uintptr_t)address)
            return golden_tables[i].name;
    ck_abort_msg("a table of a screen or a list is not written as `const struct ..._ops NAME = {` in tui/");
    return NULL;
}

static void append_cells(const struct grid *grid, int x, int y, bool (*belongs)(const struct cell *cell),
                         struct text *text)
{
    for (; x < grid->width && belongs(grid_cell(grid, x, y)); x++) {
        char bytes[4];
        if (grid_cell(grid, x, y)->rune != 0)
            text_append_bytes(text, bytes, utf8_from_rune(grid_cell(grid, x, y)->rune, bytes));
    }
}

static bool is_strong(const struct cell *cell)
{
    return cell->role == ROLE_STRONG;
}

static bool is_chip(const struct cell *cell)
{
    return cell->ground == GROUND_CHIP;
}

/* The title of the section that has the focus, or the one picked of several in a row, which stands on a chip. */
static void find_heading(const struct session *session, struct text *heading)
{
    const struct grid *grid = &session->grid;
    for (int y = session->tab_y + 1; y + 1 < grid->height; y++) {
        for (int x = 0; x + 2 < grid->width; x++) {
            const struct cell *cell = grid_cell(grid, x, y), *next = cell + 1;
            if (is_chip(cell))
                return append_cells(grid, x, y, is_chip, heading);
            if (cell->rune == 0x2500 && next->rune == ' ' && is_strong(next))
                return append_cells(grid, x + 2, y, is_strong, heading);
        }
    }
}

/* The same without what follows in brackets; a place in the sources is "a place". "" where there is none. */
static void write_heading(const struct session *session, struct text *text)
{
    struct text heading = {0};
    find_heading(session, &heading);
    const char *from = heading.data ? heading.data + strspn(heading.data, " ") : "";
    size_t length = strcspn(from, "(,");
    while (length > 0 && from[length - 1] == ' ')
        length--;
    if (memchr(from, ':', length))
        text_append(text, "a place");
    else
        text_append_bytes(text, from, length);
    text_deinit(&heading);
}

/* Parts that are parted by ", ", each of which some golden file must have. The session was just drawn, at a size at
 * which nothing is left out. */
static void golden_state_write(const struct session *session, struct text *state)
{
    static const char *const popups[] = {
        [POPUP_NONE] = "none",
#define X(popup) [POPUP_##popup] = #popup,
        TUI_POPUPS(X)
#undef X
    };
    static const char *const prompts[] = {
        [PROMPT_NONE] = "none",
#define X(prompt) [PROMPT_##prompt] = #prompt,
        TUI_PROMPTS(X)
#undef X
    };
    const struct open_screen *top = session_top(session);
    const struct list *list = session_list(session);
    const char *screen = golden_table_name(top->ops);
    struct text heading = {0};
    text_append(state, screen);
    if (!session->is_maximised && session->popup == POPUP_NONE)
        write_heading(session, &heading);
    if (list && session->graph_alone == 0)
        text_printf(state, ", %s of %s", golden_table_name(list->ops), screen);
    if (heading.length)
        text_printf(state, ", '%s' of %s", heading.data, screen);
    if (session->graph_alone > 0)
        text_printf(state, ", a graph of %s", screen);
    if (session->is_maximised)
        text_append(state, ", a list alone");
    if (session->popup != POPUP_NONE)
        text_printf(state, ", popup %s", popups[session->popup]);
    if (session->prompt.kind != PROMPT_NONE)
        text_printf(state, ", prompt %s", prompts[session->prompt.kind]);
    text_deinit(&heading);
}

#endif
