/* Holds the sources against docs/architecture.md: the table of which room may include what, and the list of files. */
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unit/check_main.h"
#include "unit/house/sources.h"

#define MAX_FILES 1000
#define MAX_ROOMS 16

struct room {
    char name[32];
    char may_include[256]; /* "base, snapshot, zlib", as the table has it */
};

static char files[MAX_FILES][MAX_PATH]; /* .c and .h of every room and of include/, relative to the sources' root */
static size_t file_count;
static struct room rooms[MAX_ROOMS];
static size_t room_count;
static char *architecture;

/* The headers of libraries, and the name by which the table allows them. */
static const struct {
    const char *prefix, *library;
} libraries[] = {
    {"curses.h", "ncursesw"}, {"ncurses", "ncursesw"},     {"capstone/", "Capstone"}, {"bpf/", "libbpf"},
    {"libelf.h", "libelf"},   {"gelf.h", "libelf"},        {"dwarf.h", "libdw"},      {"elfutils/", "libdw"},
    {"jansson.h", "jansson"}, {"zlib.h", "zlib"},          {"sqlite3.h", "SQLite"},   {"zstd", "zstd"},
    {"lzma.h", "liblzma"},    {"demangle.h", "libiberty"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static void list_folder(const char *folder)
{
    char path[2 * MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, folder);
    DIR *opened = opendir(path);
    if (!opened)
        return; /* A room is made when its first file comes. */
    for (struct dirent *entry; (entry = readdir(opened));) {
        char relative[MAX_PATH];
        if (entry->d_name[0] == '.')
            continue;
        ck_assert_int_lt(snprintf(relative, sizeof relative, "%s/%s", folder, entry->d_name), MAX_PATH);
        if (entry->d_type == DT_DIR) {
            list_folder(relative);
        } else if (ends_with(relative, ".c") || ends_with(relative, ".h")) {
            ck_assert_uint_lt(file_count, MAX_FILES);
            strcpy(files[file_count++], relative);
        }
    }
    closedir(opened);
}

/* Copies the text between two bars of a table's row, without blanks and back ticks at its ends, and returns the second
 * bar; NULL when there is no further cell. */
static const char *read_cell(const char *row, char *cell, size_t size)
{
    const char *start = row + 1 + strspn(row + 1, " `"), *end = strpbrk(row + 1, "|\n");
    if (!end || *end == '\n')
        return NULL;
    while (end > start && strchr(" `", end[-1]))
        end--;
    snprintf(cell, size, "%.*s", (int)(end - start), start);
    return strpbrk(row + 1, "|\n");
}

static void read_rooms(void)
{
    const char *row = strstr(architecture, "| room | what | may include |");
    ck_assert_msg(row != NULL, "docs/architecture.md has no table: | room | what | may include |");
    while ((row = strchr(row, '\n')) && *++row == '|') {
        struct room room = {0};
        char what[MAX_PATH];
        const char *rest = read_cell(row, room.name, sizeof room.name);
        rest = rest ? read_cell(rest, what, sizeof what) : NULL;
        rest = rest ? read_cell(rest, room.may_include, sizeof room.may_include) : NULL;
        /* Rows of folders with one name are rooms, but for the tests, which may include all. */
        char *slash = strchr(room.name, '/');
        if (!rest || !slash || slash[1] != '\0')
            continue;
        if (strcmp(room.name, "tests/") == 0 || strcmp(room.name, "screenshots/") == 0)
            continue;
        *slash = '\0';
        ck_assert_uint_lt(room_count, MAX_ROOMS);
        rooms[room_count++] = room;
    }
    ck_assert_uint_ge(room_count, 8);
}

static void setup(void)
{
    architecture = read_source("docs/architecture.md");
    read_rooms();
    list_folder("include/heaptop");
    for (size_t i = 0; i < room_count; i++)
        list_folder(rooms[i].name);
    ck_assert_uint_gt(file_count, 0);
}

static void teardown(void)
{
    free(architecture);
}

/* The room of a path: its first folder, or of a public header the name after include/heaptop/. */
static const struct room *room_of(const char *path)
{
    const char *public = "include/heaptop/";
    const char *start = strncmp(path, public, strlen(public)) == 0 ? path + strlen(public) : path;
    size_t length = strcspn(start, "/.");
    for (size_t i = 0; i < room_count; i++)
        if (strlen(rooms[i].name) == length && strncmp(rooms[i].name, start, length) == 0)
            return &rooms[i];
    return NULL;
}

/* Is `name` one of the words of "a, b, c"? "all" allows everything. */
static bool list_has(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *word = list; *word; word += strspn(word, ", ")) {
        size_t word_length = strcspn(word, ",");
        if (word_length == length && strncmp(word, name, length) == 0)
            return true;
        if (word_length == 3 && strncmp(word, "all", 3) == 0)
            return true;
        word += word_length;
    }
    return false;
}

/* The path, relative to the root, of what `"name"` means within `from`; false if there is no such file. */
static bool resolve_include(const char *from, const char *name, char *path)
{
    const char *slash = strrchr(from, '/');
    snprintf(path, MAX_PATH, "%.*s/%s", (int)(slash - from), from, name);
    if (source_exists(path))
        return true;
    snprintf(path, MAX_PATH, "include/%s", name);
    if (source_exists(path))
        return true;
    snprintf(path, MAX_PATH, "%s", name);
    return source_exists(path);
}

static void check_library(const char *file, const struct room *room, const char *name)
{
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        const char *prefix = libraries[i].prefix, *library = libraries[i].library;
        if (strncmp(name, prefix, strlen(prefix)) == 0 && !list_has(room->may_include, library))
            complain("%s includes <%s>, but %s/ may not include %s\n", file, name, room->name, library);
    }
}

static void check_own(const char *file, const struct room *room, const char *name)
{
    char path[MAX_PATH];
    if (!resolve_include(file, name, path)) {
        complain("%s includes \"%s\", which is not there\n", file, name);
        return;
    }
    const struct room *other = room_of(path);
    if (!other)
        complain("%s includes \"%s\", which is in no room\n", file, name);
    else if (other == room)
        return;
    else if (!list_has(room->may_include, other->name))
        complain("%s includes \"%s\", but %s/ may not include %s/\n", file, name, room->name, other->name);
    else if (strncmp(path, "include/", 8) != 0 && strcmp(room->may_include, "all") != 0)
        complain("%s includes \"%s\", a private header of %s/\n", file, name, other->name);
}

/* The next #include at or after *position: its name, and whether it stands in angle brackets. */
static bool next_include(const char **position, char *name, bool *ret_system)
{
    for (const char *line = *position; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *start = line + strspn(line, " \t");
        if (*start != '#' || strncmp(start + 1 + strspn(start + 1, " \t"), "include", 7) != 0)
            continue;
        start = strpbrk(start, "<\"\n");
        if (!start || *start == '\n')
            continue;
        *ret_system = *start == '<';
        snprintf(name, MAX_PATH, "%.*s", (int)strcspn(start + 1, ">\"\n"), start + 1);
        *position = strchr(line, '\n');
        return true;
    }
    return false;
}

START_TEST(rooms_include_only_what_the_table_allows)
{
    for (size_t i = 0; i < file_count; i++) {
        const struct room *room = room_of(files[i]);
        if (!room) {
            complain("%s is in no room of the table\n", files[i]);
            continue;
        }
        char *text = read_source(files[i]), name[MAX_PATH];
        const char *position = text;
        for (bool system; next_include(&position, name, &system);) {
            if (system)
                check_library(files[i], room, name);
            else
                check_own(files[i], room, name);
        }
        free(text);
    }
    check_no_complaints();
}
END_TEST

/* A missing include in a header shows when it comes first in some file. */
START_TEST(sources_include_their_own_header_first)
{
    for (size_t i = 0; i < file_count; i++) {
        char header[MAX_PATH + 2], public[2 * MAX_PATH], name[MAX_PATH], path[MAX_PATH] = "";
        if (!ends_with(files[i], ".c"))
            continue;
        snprintf(header, sizeof header, "%.*s.h", (int)strlen(files[i]) - 2, files[i]);
        snprintf(public, sizeof public, "include/heaptop/%s", header);
        const char *own = source_exists(header) ? header : source_exists(public) ? public : NULL;
        if (!own)
            continue;
        char *text = read_source(files[i]);
        const char *position = text;
        bool system = true;
        bool found = next_include(&position, name, &system) && !system && resolve_include(files[i], name, path);
        if (!found || strcmp(path, own) != 0)
            complain("%s does not include %s first\n", files[i], own);
        free(text);
    }
    check_no_complaints();
}
END_TEST

START_TEST(headers_compile_alone)
{
    for (size_t i = 0; i < file_count; i++) {
        char *command;
        if (!ends_with(files[i], ".h"))
            continue;
        ck_assert_int_gt(asprintf(&command,
                                  "echo '#include \"%s\"' | cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror "
                                  "-fsyntax-only -I '%s/include' -I '%s' -x c - 2>&1",
                                  files[i], SOURCE_DIR, SOURCE_DIR), 0);
        FILE *output = popen(command, "re");
        free(command);
        ck_assert_ptr_nonnull(output);
        char line[MAX_PATH];
        while (fgets(line, sizeof line, output))
            complain("%s", line);
        if (pclose(output) != 0)
            complain("%s does not compile alone\n", files[i]);
    }
    check_no_complaints();
}
END_TEST

START_TEST(one_file_includes_curses)
{
    size_t users = 0;
    bool has_screens = false;
    for (size_t i = 0; i < file_count; i++) {
        char *text = read_source(files[i]), name[MAX_PATH];
        const char *position = text;
        has_screens |= strncmp(files[i], "tui/", 4) == 0;
        for (bool system; next_include(&position, name, &system);) {
            if (!strstr(name, "curses"))
                continue;
            users++;
            complain("%s includes <%s>\n", files[i], name);
        }
        free(text);
    }
    /* Without screens none needs to. */
    ck_assert_msg(users == 1 || (users == 0 && !has_screens), "%zu files include curses, not one\n%s", users,
                  complaints);
}
END_TEST

/* Under which file's line the list has a file: a header, private or public, stands under the source file of its name
 * where there is one ("include/heaptop/base/arena.h" under base/arena.c), every other file under its own. */
static void listed_name(const char *file, char *name, size_t size)
{
    const char *public = "include/heaptop/";
    const char *in_room = file + (strncmp(file, public, strlen(public)) == 0 ? strlen(public) : 0);
    snprintf(name, size, "%.*s.c", (int)strlen(in_room) - 2, in_room);
    if (!source_exists(name))
        snprintf(name, size, "%.*s", (int)size - 1, file);
}

START_TEST(every_file_is_listed)
{
    for (size_t i = 0; i < file_count; i++) {
        char name[MAX_PATH], line[2 * MAX_PATH];
        listed_name(files[i], name, sizeof name);
        snprintf(line, sizeof line, "\n- `%s`: ", name);
        if (!strstr(architecture, line))
            complain("docs/architecture.md does not list %s; add a line that says what it holds:\n- `%s`: ...\n",
                     files[i], name);
    }
    check_no_complaints();
}
END_TEST

START_TEST(every_listed_file_is_there)
{
    const char *line = architecture;
    while ((line = strstr(line, "\n- `"))) {
        line += strlen("\n- `");
        char name[MAX_PATH];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, "`\n"), line);
        if (!source_exists(name))
            complain("docs/architecture.md lists %s, which is not there\n", name);
    }
    check_no_complaints();
}
END_TEST

/* Tables whose rows say more on one line than on several: of SQL, and of offsets, which is generated. */
static const char *const wide_files[] = {"attach/go/layout_table.c", "record/schema.c"};
#define LINE_COLUMNS 120

START_TEST(lines_are_no_longer_than_they_may_be)
{
    for (size_t i = 0; i < file_count; i++) {
        bool is_wide = false;
        for (size_t k = 0; k < sizeof wide_files / sizeof wide_files[0]; k++)
            is_wide |= strcmp(files[i], wide_files[k]) == 0;
        if (is_wide)
            continue;
        char *text = read_source(files[i]);
        unsigned line = 1, columns = 0;
        for (const char *c = text; *c; c++) {
            /* A character of several bytes is one. */
            columns = *c == '\n' ? 0 : columns + ((*c & 0xc0) != 0x80);
            line += *c == '\n';
            if (columns == LINE_COLUMNS + 1 && (c[1] & 0xc0) != 0x80)
                complain("%s:%u is longer than %d columns\n", files[i], line, LINE_COLUMNS);
        }
        free(text);
    }
    check_no_complaints();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("include_table");
    TCase *tests = tcase_create("house");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, rooms_include_only_what_the_table_allows);
    tcase_add_test(tests, sources_include_their_own_header_first);
    tcase_add_test(tests, headers_compile_alone);
    tcase_add_test(tests, one_file_includes_curses);
    tcase_add_test(tests, lines_are_no_longer_than_they_may_be);
    tcase_add_test(tests, every_file_is_listed);
    tcase_add_test(tests, every_listed_file_is_there);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
