#include "tui/grid.h"

#include <math.h>
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
    ck_assert_uint_ne(theme_resolve(TUI_THEME_DARK, DEPTH_MONO, ROLE_GROWING, GROUND_PLAIN).attributes, 0);
    ck_assert_uint_ne(theme_resolve(TUI_THEME_DARK, DEPTH_MONO, ROLE_TEXT, GROUND_SELECTED).attributes, 0);
    ck_assert_uint_ne(theme_resolve(TUI_THEME_DARK, DEPTH_MONO, ROLE_KEY, GROUND_BAR).attributes, 0);
}
END_TEST

START_TEST(few_colours_are_never_text_in_the_colour_of_its_ground)
{
    enum tui_theme theme = (enum tui_theme)_i;
    for (int role = 0; role < ROLE_COUNT; role++) {
        for (int ground = 0; ground < GROUND_COUNT; ground++) {
            struct appearance mono = theme_resolve(theme, DEPTH_MONO, role, ground);
            ck_assert_int_eq(mono.foreground, -1);
            ck_assert_int_eq(mono.background, -1);
            struct appearance eight = theme_resolve(theme, DEPTH_8, role, ground),
                              sixteen = theme_resolve(theme, DEPTH_16, role, ground);
            ck_assert_int_lt(eight.foreground, 8);
            ck_assert_int_lt(eight.background, 8);
            ck_assert_int_lt(sixteen.foreground, 16);
            ck_assert(eight.background < 0 || ground == GROUND_CURSOR || eight.foreground != eight.background);
            ck_assert(sixteen.background < 0 || ground == GROUND_CURSOR || sixteen.foreground != sixteen.background);
        }
    }
}
END_TEST

/* ---- what eyes make of it ---- */

static double linear(int value)
{
    double share = value / 255.0;
    return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4);
}

/* WCAG 2.1: relative luminance, and the contrast of two colours, from 1 to 21. */
static double luminance(int32_t rgb)
{
    return 0.2126 * linear(rgb >> 16 & 255) + 0.7152 * linear(rgb >> 8 & 255) + 0.0722 * linear(rgb & 255);
}

static double contrast_of(int32_t a, int32_t b)
{
    double light = luminance(a), dark = luminance(b);
    return light > dark ? (light + 0.05) / (dark + 0.05) : (dark + 0.05) / (light + 0.05);
}

/* The colour's own value of 256, as the fixed part of the palette has it. */
static int32_t rgb_of_256(int32_t index)
{
    if (index >= 232)
        return (8 + 10 * (index - 232)) * 0x010101;
    int32_t steps[3] = {(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6}, rgb = 0;
    for (int i = 0; i < 3; i++)
        rgb = rgb << 8 | (steps[i] ? 55 + 40 * steps[i] : 0);
    return rgb;
}

/* Text is read, marks are seen, lines may be faint; on whatever ground they come. */
START_TEST(themes_can_be_read)
{
    static const struct {
        enum tui_theme theme;
        int32_t ground, ink;        /* The terminal's own, where the theme has none. */
        double text, faint;
    } eyes[] = {
        {TUI_THEME_DARK, 0x16191f, 0xd5d9e0, 3, 1.1},  {TUI_THEME_LIGHT, 0xffffff, 0x1d2330, 3, 1.3},
        {TUI_THEME_CONTRAST, -1, -1, 7, 4.5},            {TUI_THEME_COLOUR_BLIND, 0x16191f, 0xd5d9e0, 3, 1.1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(eyes); i++) {
        for (int role = 0; role < ROLE_COUNT; role++) {
            for (int ground = 0; ground < GROUND_COUNT; ground++) {
                const char *name = role_name(role);
                bool is_faint = strcmp(name, "FAINT") == 0 || strcmp(name, "TRACK") == 0 || strstr(name, "GRAPH") ||
                                strstr(name, "HOT");
                double least = is_faint ? eyes[i].faint : eyes[i].text;
                /* In frames of flame graphs stand names. */
                if (ground >= GROUND_FLAME_OWN && ground <= GROUND_FLAME_SHRANK_3 && role != ROLE_TEXT &&
                    role != ROLE_FIGURE)
                    continue;
                /* The cursor is a block that is looked at, not read. */
                if (ground == GROUND_CURSOR)
                    least = 2;
                /* What is an accent on a selection is bold, and says nothing that the text does not. */
                if ((ground == GROUND_CHIP || ground == GROUND_SELECTED) && least == 3)
                    least = 2;
                /* The groove in which a bar runs is decoration; on a selection it may be lost. Lines and graphs are
                 * drawn in neither chips nor cursors. */
                if (role == ROLE_TRACK || (is_faint && (ground == GROUND_CHIP || ground == GROUND_CURSOR)))
                    least = 1;
                for (int depth = DEPTH_256; depth <= DEPTH_RGB; depth++) {
                    struct appearance look = theme_resolve(eyes[i].theme, depth, role, ground);
                    int32_t text = look.foreground < 0 ? eyes[i].ink
                                   : depth == DEPTH_256 ? rgb_of_256(look.foreground) : look.foreground;
                    int32_t behind = look.background < 0 ? eyes[i].ground
                                     : depth == DEPTH_256 ? rgb_of_256(look.background) : look.background;
                    ck_assert_int_ge(text, 0);
                    ck_assert_int_ge(behind, 0);
                    double contrast = contrast_of(text, behind);
                    ck_assert_msg(contrast >= least, "%s: %s on %s at depth %d has a contrast of %.2f",
                                  tui_theme_name(eyes[i].theme), name, ground_name(ground), depth, contrast);
                }
            }
        }
    }
}
END_TEST

/* What the colour looks like to eyes without one kind of cones: Vienot, Brettel and Mollon 1999, "Digital video
 * colourmaps for checking the legibility of displays by dichromats", in linear RGB. */
static void see(int32_t rgb, bool is_protan, double ret_seen[3])
{
    double r = linear(rgb >> 16 & 255), g = linear(rgb >> 8 & 255), b = linear(rgb & 255);
    double yellow = is_protan ? 0.11238 * r + 0.88762 * g : 0.29275 * r + 0.70725 * g;
    ret_seen[0] = ret_seen[1] = pow(yellow, 1 / 2.2);
    ret_seen[2] = pow(fmin(fmax(b + (is_protan ? 0.00401 * (r - g) : -0.02234 * (r - g)), 0), 1), 1 / 2.2);
}

START_TEST(colour_blind_eyes_tell_apart_what_matters)
{
    static const enum role roles[] = {ROLE_GROWING, ROLE_CALM, ROLE_NOTICE, ROLE_GRAPH_3, ROLE_HOT_3, ROLE_TEXT};
    for (int is_protan = 0; is_protan < 2; is_protan++) {
        for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
            for (size_t j = 0; j < i; j++) {
                double a[3], b[3], sum = 0;
                int32_t colours[2];
                for (int k = 0; k < 2; k++) {
                    struct appearance look =
                        theme_resolve(TUI_THEME_COLOUR_BLIND, DEPTH_RGB, roles[k ? j : i], GROUND_PLAIN);
                    colours[k] = look.foreground < 0 ? 0xd5d9e0 : look.foreground;
                }
                /* What is one thing to the theme may look like one: growing and hot, at rest and a graph. */
                bool is_same = (roles[i] == ROLE_HOT_3 && roles[j] == ROLE_GROWING) ||
                               (roles[i] == ROLE_GRAPH_3 && roles[j] == ROLE_CALM);
                if (is_same)
                    continue;
                see(colours[0], is_protan, a);
                see(colours[1], is_protan, b);
                for (int k = 0; k < 3; k++)
                    sum += (a[k] - b[k]) * (a[k] - b[k]);
                ck_assert_msg(sqrt(sum) > 0.15, "%s and %s are %.2f apart", role_name(roles[i]), role_name(roles[j]),
                              sqrt(sum));
            }
        }
    }
}
END_TEST

START_TEST(the_theme_follows_the_ground_that_the_terminal_tells_of)
{
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, NULL), TUI_THEME_DARK);
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, "15;0"), TUI_THEME_DARK);
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, "0;15"), TUI_THEME_LIGHT);
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, "0;default;7"), TUI_THEME_LIGHT);
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, "0;8"), TUI_THEME_DARK);
    ck_assert_int_eq(theme_choose(TUI_THEME_AUTO, "0;default"), TUI_THEME_DARK);
    ck_assert_int_eq(theme_choose(TUI_THEME_MONO, "0;15"), TUI_THEME_MONO);
    enum tui_theme theme;
    for (int i = 0; i < TUI_THEME_COUNT; i++)
        ck_assert(tui_theme_find(tui_theme_name((enum tui_theme)i), &theme) && theme == (enum tui_theme)i);
    ck_assert(!tui_theme_find("solarized", &theme));
}
END_TEST

START_TEST(text_is_broken_between_words_and_not_before_a_unit)
{
    static const struct {
        const char *text;
        int width;
        size_t length;
    } lines[] = {
        {"one two", 7, 7},  {"one two", 6, 4},           {"one two", 3, 4},           {"onetwo", 4, 4},
        {"onetwo", 0, 1},   {"frees 1.00 MB/s", 12, 6}, {"frees 1.00 MB/s", 15, 15}, {"frees 1 part", 9, 8},
        {"\xe5\x90\x8d\xe5\x89\x8d", 3, 3},             {"", 5, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        ck_assert_msg(text_line_length(lines[i].text, lines[i].width) == lines[i].length, "'%s' in %d columns: %zu",
                      lines[i].text, lines[i].width, text_line_length(lines[i].text, lines[i].width));
}
END_TEST

START_TEST(what_does_not_fit_ends_with_an_ellipsis)
{
    struct grid small = {0};
    ck_assert(grid_resize(&small, 8, 4));
    struct canvas canvas = canvas_over(&small);
    struct text text = {0};
    ck_assert_int_eq(canvas_text_wrap(canvas, 1, 0, 6, 3, ROLE_TEXT, "one two three four"), 3);
    ck_assert_int_eq(canvas_text_wrap(canvas, 1, 3, 6, 3, ROLE_TEXT, "end"), 4);
    grid_dump_text(&small, &text);
    ck_assert_str_eq(text.data, " one\n two\n three\xe2\x80\xa6\n end\n");
    ck_assert_int_eq(canvas_text_wrap(canvas, 1, 0, 0, 3, ROLE_TEXT, "none"), 0);
    text_deinit(&text);
    grid_deinit(&small);
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
    tcase_add_loop_test(tests, few_colours_are_never_text_in_the_colour_of_its_ground, TUI_THEME_DARK, TUI_THEME_COUNT);
    tcase_add_test(tests, themes_can_be_read);
    tcase_add_test(tests, colour_blind_eyes_tell_apart_what_matters);
    tcase_add_test(tests, the_theme_follows_the_ground_that_the_terminal_tells_of);
    tcase_add_test(tests, text_is_broken_between_words_and_not_before_a_unit);
    tcase_add_test(tests, what_does_not_fit_ends_with_an_ellipsis);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
