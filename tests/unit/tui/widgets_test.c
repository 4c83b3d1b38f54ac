/* The parts that screens are made of: the text line, graphs, source lines, names. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check_main.h"
#include "tui/cells.h"
#include "tui/format.h"
#include "tui/graph.h"
#include "tui/line_edit.h"
#include "tui/source_file.h"

/* ---- the text line ---- */

static void type(struct line_edit *edit, const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        uint32_t rune;
        at += utf8_decode(text + at, length - at, &rune);
        ck_assert(line_edit_key(edit, rune));
    }
}

START_TEST(a_line_is_edited_by_characters)
{
    char buffer[32] = "ab";
    struct line_edit edit;
    line_edit_begin(&edit, buffer, sizeof(buffer));
    type(&edit, "\xc3\xa9\xe6\xbc\xa2");
    line_edit_key(&edit, INPUT_LEFT);
    line_edit_key(&edit, INPUT_BACKSPACE);
    ck_assert_str_eq(buffer, "ab\xe6\xbc\xa2");
    line_edit_key(&edit, INPUT_HOME);
    type(&edit, "x ");
    line_edit_key(&edit, INPUT_DELETE);
    ck_assert_str_eq(buffer, "x b\xe6\xbc\xa2");
    line_edit_key(&edit, INPUT_END);
    line_edit_key(&edit, CONTROL('w'));
    ck_assert_str_eq(buffer, "x ");
    line_edit_key(&edit, CONTROL('u'));
    ck_assert_str_eq(buffer, "");
    line_edit_key(&edit, INPUT_BACKSPACE);
    line_edit_key(&edit, INPUT_DELETE);
    line_edit_key(&edit, INPUT_LEFT);
    line_edit_key(&edit, INPUT_RIGHT);
    ck_assert_str_eq(buffer, "");
}
END_TEST

START_TEST(a_full_line_takes_no_more_and_control_keys_no_place)
{
    char buffer[6] = "";
    struct line_edit edit;
    line_edit_begin(&edit, buffer, sizeof(buffer));
    type(&edit, "abcd\xe6\xbc\xa2");
    ck_assert_str_eq(buffer, "abcd");
    type(&edit, "e");
    ck_assert_str_eq(buffer, "abcde");
    ck_assert(!line_edit_key(&edit, 0x1b));
    ck_assert(!line_edit_key(&edit, INPUT_F1));
    ck_assert(!line_edit_key(&edit, 0x9b));
    ck_assert_str_eq(buffer, "abcde");
}
END_TEST

START_TEST(the_cursor_stays_in_view)
{
    char buffer[64] = "0123456789abcdefghij";
    struct line_edit edit;
    struct grid grid = {0};
    ck_assert(grid_resize(&grid, 10, 1));
    line_edit_begin(&edit, buffer, sizeof(buffer));
    line_edit_draw(&edit, canvas_over(&grid), 0, 0, 10);
    ck_assert_uint_eq(grid_cell(&grid, 8, 0)->rune, 'j');
    ck_assert_int_eq(grid_cell(&grid, 9, 0)->ground, GROUND_CURSOR);
    grid_deinit(&grid);
}
END_TEST

/* ---- graphs ---- */

static char *draw(enum glyphs glyphs, int width, int height, struct graph *graph)
{
    struct grid grid = {.glyphs = glyphs};
    struct text text = {0};
    ck_assert(grid_resize(&grid, width, height));
    graph_fit(graph, graph_points(&grid, width));
    graph_draw(canvas_over(&grid), graph);
    grid_dump_text(&grid, &text);
    grid_deinit(&grid);
    return text_take(&text);
}

START_TEST(a_graph_shows_its_values_in_every_kind_of_cell)
{
    const double values[] = {0, 25, 50, 75, 100, NAN, NAN, 95};
    struct graph graph = {.values = values, .from_zero = true};
    char *braille = draw(GLYPHS_BRAILLE, 4, 2, &graph), *blocks = draw(GLYPHS_BLOCK, 8, 2, &graph);
    char *ascii = draw(GLYPHS_ASCII, 8, 2, &graph);
    ck_assert_str_eq(braille,
                     " \xe2\xa2\x80\xe2\xa1\x86\xe2\xa2\xa0\n\xe2\xa2\xa0\xe2\xa3\xbe\xe2\xa1\x87\xe2\xa2\xb8\n");
    ck_assert_str_eq(
        blocks,
        "   \xe2\x96\x82\xe2\x96\x85  \xe2\x96\x85\n \xe2\x96\x83\xe2\x96\x87\xe2\x96\x88\xe2\x96\x88  \xe2\x96\x88\n");
    ck_assert_str_eq(ascii, "   .:  :\n .:##  #\n");
    free(braille);
    free(blocks);
    free(ascii);
}
END_TEST

START_TEST(a_scale_ends_at_round_figures_and_hides_no_noise)
{
    const double leak[] = {10, 700e6}, flat[] = {1000, 1000}, noise[] = {1000, 1010};
    struct graph graph = {.values = leak, .format = units_format_bytes};
    graph_fit(&graph, 2);
    ck_assert_double_eq(graph.lowest, 0);
    ck_assert_double_eq(graph.highest, 800.0 * 1048576);
    /* Far above zero the scale is cut, but never so that noise fills it. */
    graph = (struct graph){.values = flat};
    graph_fit(&graph, 2);
    ck_assert_double_gt(graph.lowest, 0);
    ck_assert_double_le(graph.highest - graph.lowest, 200);
    graph = (struct graph){.values = noise};
    graph_fit(&graph, 2);
    ck_assert_double_ge(graph.highest - graph.lowest, 50);
    const double nothing[] = {NAN, NAN}, zeros[] = {0, 0};
    graph = (struct graph){.values = nothing};
    graph_fit(&graph, 2);
    ck_assert_double_eq(graph.highest, 1);
    graph = (struct graph){.values = zeros};
    graph_fit(&graph, 2);
    ck_assert_double_eq(graph.highest, 1);
    const double huge[] = {1e308, INFINITY};
    graph = (struct graph){.values = huge, .from_zero = true};
    graph_fit(&graph, 2);
    free(draw(GLYPHS_BRAILLE, 1, 3, &graph));
}
END_TEST

/* ---- source lines ---- */

static char source_path[] = "/tmp/heaptop-source-XXXXXX";

static void write_source(const char *bytes, size_t size)
{
    int descriptor = mkstemp(source_path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, bytes, size), (ssize_t)size);
    close(descriptor);
}

START_TEST(a_figure_never_loses_its_first_digits)
{
    struct grid grid = {0};
    struct text text = {0};
    ck_assert(grid_resize(&grid, 8, 2));
    struct canvas canvas = canvas_over(&grid);
    cell_right(&(struct list_cell){.canvas = canvas_part(canvas, 0, 0, 8, 1)}, ROLE_TEXT, "12.5 MB");
    cell_right(&(struct list_cell){.canvas = canvas_part(canvas, 0, 1, 8, 1)}, ROLE_TEXT, "812,345,678");
    grid_dump_text(&grid, &text);
    ck_assert_str_eq(text.data, " 12.5 MB\n812,345\xe2\x80\xa6\n");
    text_deinit(&text);
    grid_deinit(&grid);
}
END_TEST

START_TEST(source_lines_are_escaped_and_tabs_widened)
{
    static const char source[] = "one\n\tif \033[2J {\r\nthree\xff\n";
    write_source(source, sizeof(source) - 1);
    struct source_lines lines;
    struct error *error = source_lines_read(source_path, 2, &lines);
    unlink(source_path);
    ck_assert_ptr_null(error);
    ck_assert_uint_eq(lines.first, 1);
    ck_assert_uint_eq(lines.count, 3);
    ck_assert_str_eq(lines.lines[0], "one");
    ck_assert_str_eq(lines.lines[1], "    if \\x1b[2J {");
    ck_assert_str_eq(lines.lines[2], "three\\xff");
    source_lines_deinit(&lines);
}
END_TEST

START_TEST(source_lines_are_bounded)
{
    struct text text = {0};
    for (int i = 1; i <= 9000; i++)
        text_printf(&text, "line %d %0*d\n", i, i == 5000 ? 5000 : 1, 0);
    write_source(text.data, text.length);
    text_deinit(&text);
    struct source_lines lines;
    ck_assert_ptr_null(source_lines_read(source_path, 5000, &lines));
    ck_assert_uint_eq(lines.count, SOURCE_FILE_MAX_LINES);
    ck_assert_uint_le(lines.first, 5000);
    ck_assert_int_eq(strncmp(lines.lines[5000 - lines.first], "line 5000 ", 10), 0);
    ck_assert_uint_le(strlen(lines.lines[5000 - lines.first]), SOURCE_FILE_MAX_COLUMNS);
    source_lines_deinit(&lines);
    /* A line that is not there: another file than the one that was compiled. */
    struct error *error = source_lines_read(source_path, 20000, &lines);
    unlink(source_path);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_BAD_DATA);
    error_destroy(error);
}
END_TEST

START_TEST(sources_lie_where_the_maps_say)
{
    static const struct tui_source_maps maps = {
        .maps = {"/build=/home/me", "/build/vendor/=/opt/vendor/", "example.com/app=/src/app", "/x=/a=b", "/=/root"},
        .count = 4};
    static const char *const pairs[][2] = {
        {"/build/a/b.go", "/home/me/a/b.go"},      {"/build/vendor/c.go", "/opt/vendor/c.go"},
        {"/buildings/a.go", "/buildings/a.go"},    {"example.com/app/main.go", "/src/app/main.go"},
        {"example.com/apple/x.go", "example.com/apple/x.go"}, {"/x/y.go", "/a=b/y.go"},
        {"/usr/lib/go/z.go", "/usr/lib/go/z.go"},  {"/build", "/home/me"}};
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        struct text path = {0};
        bool is_mapped = source_path_write(&maps, pairs[i][0], &path);
        ck_assert_str_eq(path.data, pairs[i][1]);
        ck_assert_int_eq(is_mapped, strcmp(pairs[i][0], pairs[i][1]) != 0);
        text_deinit(&path);
    }
    struct tui_source_maps whole = maps;
    struct text path = {0};
    whole.count = 5;
    source_path_write(&whole, "/usr/lib/go/z.go", &path);
    ck_assert_str_eq(path.data, "/root/usr/lib/go/z.go");
    text_deinit(&path);
}
END_TEST

START_TEST(only_files_are_read_as_source)
{
    static const char *const paths[] = {"/", "/dev/zero", "/no/such/file.go"};
    struct source_lines lines;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct error *error = source_lines_read(paths[i], 1, &lines);
        ck_assert_ptr_nonnull(error);
        error_destroy(error);
    }
    char path[] = "/tmp/heaptop-fifo-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(path));
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    struct error *error = source_lines_read(fifo, 1, &lines);
    unlink(fifo);
    rmdir(path);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_BAD_DATA);
    error_destroy(error);
}
END_TEST

/* ---- names ---- */

START_TEST(packages_are_told_from_names)
{
    ck_assert_uint_eq(function_package_length("tsdb.(*Head).getOrCreate"), 5);
    ck_assert_uint_eq(function_package_length("pgx/v5.(*Conn).Query"), 7);
    ck_assert_uint_eq(function_package_length("main.main"), 5);
    ck_assert_uint_eq(function_package_length("malloc"), 0);
    ck_assert_uint_eq(function_package_length("std::vector<a.b>::f"), 0);
    ck_assert_uint_eq(function_package_length("x."), 0);
    ck_assert_uint_eq(function_package_length(""), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("widgets");
    TCase *tests = tcase_create("widgets");
    tcase_add_test(tests, a_line_is_edited_by_characters);
    tcase_add_test(tests, a_full_line_takes_no_more_and_control_keys_no_place);
    tcase_add_test(tests, the_cursor_stays_in_view);
    tcase_add_test(tests, a_graph_shows_its_values_in_every_kind_of_cell);
    tcase_add_test(tests, a_scale_ends_at_round_figures_and_hides_no_noise);
    tcase_add_test(tests, a_figure_never_loses_its_first_digits);
    tcase_add_test(tests, source_lines_are_escaped_and_tabs_widened);
    tcase_add_test(tests, source_lines_are_bounded);
    tcase_add_test(tests, sources_lie_where_the_maps_say);
    tcase_add_test(tests, only_files_are_read_as_source);
    tcase_add_test(tests, packages_are_told_from_names);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
