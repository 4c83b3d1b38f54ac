#include "tui/grid.h"

#include <string.h>

#include "tests/unit/check_main.h"

static struct grid grid;

static void set_up(void)
{
    ck_assert(grid_resize(&grid, 10, 3));
    grid.glyphs = GLYPHS_BRAILLE;
}

static void tear_down(void)
{
    grid_deinit(&grid);
}

static void check_screen(const char *expected)
{
    struct text text = {0};
    grid_dump_text(&grid, &text);
    ck_assert_str_eq(text.data, expected);
    text_deinit(&text);
}

START_TEST(text_is_cut_at_the_edges)
{
    struct canvas canvas = canvas_over(&grid);
    ck_assert_int_eq(canvas_text(canvas, 7, 0, ROLE_TEXT, "abcdef"), 13);
    canvas_text(canvas, -2, 1, ROLE_TEXT, "abcdef");
    canvas_text(canvas, 0, 3, ROLE_TEXT, "below");
    canvas_text(canvas, 0, -1, ROLE_TEXT, "above");
    check_screen("       abc\ncdef\n\n");
    struct canvas part = canvas_part(canvas, 2, 2, 3, 5);
    ck_assert_int_eq(part.height, 1);
    canvas_text(part, 0, 0, ROLE_TEXT, "xyz!");
    check_screen("       abc\ncdef\n  xyz\n");
}
END_TEST

START_TEST(longer_text_ends_in_an_ellipsis)
{
    struct canvas canvas = canvas_over(&grid);
    ck_assert_int_eq(canvas_text_fit(canvas, 0, 0, 5, ROLE_TEXT, "abcde"), 5);
    ck_assert_int_eq(canvas_text_fit(canvas, 0, 1, 5, ROLE_TEXT, "abcdef"), 5);
    /* A wide character that would be cut in two gives way. */
    ck_assert_int_eq(canvas_text_fit(canvas, 0, 2, 4, ROLE_TEXT, "ab\xe6\xbc\xa2\xe5\xad\x97"), 3);
    check_screen("abcde\nabcd\xe2\x80\xa6\nab\xe2\x80\xa6\n");
}
END_TEST

START_TEST(wide_characters_take_two_cells_and_never_half_a_one)
{
    struct canvas canvas = canvas_over(&grid);
    canvas_text(canvas, 0, 0, ROLE_TEXT, "\xe6\xbc\xa2\xe5\xad\x97");
    ck_assert_uint_eq(grid_cell(&grid, 1, 0)->rune, 0);
    canvas_text(canvas, 1, 0, ROLE_TEXT, "x");      /* Over the right half. */
    canvas_text(canvas, 2, 0, ROLE_TEXT, "y");      /* Over the left half. */
    canvas_text(canvas, 9, 1, ROLE_TEXT, "\xe6\xbc\xa2");   /* Cut through by the edge. */
    canvas_text(canvas, -1, 2, ROLE_TEXT, "\xe6\xbc\xa2z");
    check_screen(" xy\n\n z\n");
    for (int x = 0; x < 10; x++)
        for (int y = 0; y < 3; y++)
            ck_assert_uint_ne(grid_cell(&grid, x, y)->rune, 0);
}
END_TEST

START_TEST(combining_characters_join_what_is_before_them)
{
    struct canvas canvas = canvas_over(&grid);
    ck_assert_int_eq(canvas_text(canvas, 0, 0, ROLE_TEXT, "e\xcc\x81x"), 2);
    ck_assert_uint_eq(grid_cell(&grid, 0, 0)->combining[0], 0x301);
    /* More than fit are dropped; one without a base as well. */
    canvas_text(canvas, 0, 1, ROLE_TEXT, "\xcc\x81o\xcc\x81\xcc\x82\xcc\x83");
    ck_assert_uint_eq(grid_cell(&grid, 0, 1)->combining[1], 0x302);
    check_screen("e\xcc\x81x\no\xcc\x81\xcc\x82\n\n");
}
END_TEST

START_TEST(control_characters_never_get_in)
{
    struct canvas canvas = canvas_over(&grid);
    canvas_text(canvas, 0, 0, ROLE_TEXT, "\x1b[2J\n\r\t\x7f");
    canvas_text(canvas, 0, 1, ROLE_TEXT, "\xc2\x9b\xe2\x80\xae\xe2\x80\xa8");
    canvas_rune(canvas, 5, 2, ROLE_TEXT, 7);
    canvas_text(canvas, 0, 2, ROLE_TEXT, "\xff\xfe");
    for (int x = 0; x < 10; x++) {
        for (int y = 0; y < 3; y++) {
            uint32_t rune = grid_cell(&grid, x, y)->rune;
            ck_assert(rune >= 0x20 && (rune < 0x7f || rune > 0x9f) && rune != 0x202e && rune != 0x2028);
        }
    }
}
END_TEST

START_TEST(ascii_has_a_stand_in_for_everything)
{
    grid.glyphs = GLYPHS_ASCII;
    struct canvas canvas = canvas_over(&grid);
    canvas_text(canvas, 0, 0, ROLE_TEXT, "\xe2\x96\xb2 \xc2\xb7\xe2\x80\xa6\xe2\x80\xba\xe6\xbc\xa2" "e\xcc\x81");
    canvas_frame(canvas_part(canvas, 0, 1, 4, 2), ROLE_FAINT);
    check_screen("^ -~>??e\n+--+\n+--+\n");
}
END_TEST

START_TEST(places_found_are_marked_whatever_the_case)
{
    struct canvas canvas = canvas_over(&grid);
    canvas_text(canvas, 0, 0, ROLE_TEXT, "abHead head");
    canvas_mark(canvas, 0, 0, 10, "hea");
    ck_assert_int_eq(grid_cell(&grid, 2, 0)->role, ROLE_MATCH);
    ck_assert_int_eq(grid_cell(&grid, 4, 0)->role, ROLE_MATCH);
    ck_assert_int_eq(grid_cell(&grid, 5, 0)->role, ROLE_TEXT);
    ck_assert_int_eq(grid_cell(&grid, 9, 0)->role, ROLE_MATCH);
}
END_TEST

START_TEST(grounds_stay_behind_new_text)
{
    struct canvas canvas = canvas_over(&grid);
    canvas_ground(canvas, 0, 0, 10, GROUND_SELECTED);
    canvas_text(canvas, 2, 0, ROLE_FIGURE, "a");
    ck_assert_int_eq(grid_cell(&grid, 2, 0)->ground, GROUND_SELECTED);
    struct text text = {0};
    grid_dump_styles(&grid, DEPTH_MONO, &text);
    ck_assert_str_eq(text.data, "0: [0-1 reverse] [2-2 bold reverse] [3-9 reverse]\n1:\n2:\n");
    text_deinit(&text);
}
END_TEST

START_TEST(no_role_is_lost_without_colour)
{
    /* What says "growing", "here" and "this is a key" is seen on a terminal without colour too. */
    ck_assert_uint_ne(theme_resolve(DEPTH_MONO, ROLE_GROWING, GROUND_PLAIN).attributes, 0);
    ck_assert_uint_ne(theme_resolve(DEPTH_MONO, ROLE_TEXT, GROUND_SELECTED).attributes, 0);
    ck_assert_uint_ne(theme_resolve(DEPTH_MONO, ROLE_KEY, GROUND_BAR).attributes, 0);
    for (int role = 0; role < ROLE_COUNT; role++) {
        for (int ground = 0; ground < GROUND_COUNT; ground++) {
            struct appearance mono = theme_resolve(DEPTH_MONO, role, ground);
            ck_assert_int_eq(mono.foreground, -1);
            ck_assert_int_eq(mono.background, -1);
            struct appearance eight = theme_resolve(DEPTH_8, role, ground),
                              sixteen = theme_resolve(DEPTH_16, role, ground);
            ck_assert_int_lt(eight.foreground, 8);
            ck_assert_int_lt(eight.background, 8);
            ck_assert_int_lt(sixteen.foreground, 16);
            /* Never text in the colour of its ground. */
            ck_assert(eight.background < 0 || ground == GROUND_CURSOR || eight.foreground != eight.background);
            ck_assert(sixteen.background < 0 || ground == GROUND_CURSOR || sixteen.foreground != sixteen.background);
        }
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("grid");
    TCase *tests = tcase_create("grid");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, text_is_cut_at_the_edges);
    tcase_add_test(tests, longer_text_ends_in_an_ellipsis);
    tcase_add_test(tests, wide_characters_take_two_cells_and_never_half_a_one);
    tcase_add_test(tests, combining_characters_join_what_is_before_them);
    tcase_add_test(tests, control_characters_never_get_in);
    tcase_add_test(tests, ascii_has_a_stand_in_for_everything);
    tcase_add_test(tests, places_found_are_marked_whatever_the_case);
    tcase_add_test(tests, grounds_stay_behind_new_text);
    tcase_add_test(tests, no_role_is_lost_without_colour);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
