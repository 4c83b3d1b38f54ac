#include "tui/terminal_type.h"

#include <stdlib.h>

#include "unit/check_main.h"

START_TEST(terminals_without_a_description_have_kin)
{
    ck_assert_str_eq(terminal_type_kin("xterm-kitty"), "xterm-256color");
    ck_assert_str_eq(terminal_type_kin("alacritty-direct"), "xterm-256color");
    ck_assert_str_eq(terminal_type_kin("screen.xterm-new"), "screen-256color");
    ck_assert_str_eq(terminal_type_kin("tmux"), "tmux-256color");
    ck_assert_str_eq(terminal_type_kin("vt420"), "vt100");
    /* Nobody is their own kin, and of a printer nothing is known. */
    ck_assert_ptr_null(terminal_type_kin("xterm-256color"));
    ck_assert_ptr_null(terminal_type_kin("dumb"));
    ck_assert_ptr_null(terminal_type_kin(""));
    ck_assert_ptr_null(terminal_type_description("xterm"));
}
END_TEST

static void set(const char *all, const char *ctype, const char *lang)
{
    setenv("LC_ALL", all, 1);
    setenv("LC_CTYPE", ctype, 1);
    setenv("LANG", lang, 1);
}

START_TEST(the_environment_tells_of_utf8)
{
    set("", "", "de_DE.UTF-8");
    ck_assert(terminal_wants_utf8());
    set("", "C.utf8", "C");
    ck_assert(terminal_wants_utf8());
    set("POSIX", "C.utf8", "de_DE.UTF-8");
    ck_assert(!terminal_wants_utf8());
    set("", "", "de_DE.ISO-8859-1");
    ck_assert(!terminal_wants_utf8());
    set("", "", "");
    ck_assert(!terminal_wants_utf8());
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("terminal_type");
    TCase *tests = tcase_create("terminal_type");
    tcase_add_test(tests, terminals_without_a_description_have_kin);
    tcase_add_test(tests, the_environment_tells_of_utf8);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
