#include "tui/picker.h"

#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/tui/golden.h"

#define SECOND_NS UINT64_C(1000000000)

static struct picker_row rows[] = {
    {.pid = 100,
     .user = "root",
     .name = "etcd",
     .command_line = "/usr/bin/etcd",
     .runtime = "go1.23.5",
     .allocator = "Go+glibc",
     .rss_bytes = 90 << 20,
     .readable = true},
    {.pid = 200,
     .user = "prom",
     .name = "prometheus",
     .command_line = "prometheus --x",
     .runtime = "go1.24.4",
     .allocator = "Go",
     .rss_bytes = 80 << 20,
     .readable = true},
    {.pid = 300,
     .user = "root",
     .name = "sshd",
     .command_line = "sshd: \xe6\xbc\xa2",
     .runtime = "",
     .allocator = "",
     .rss_bytes = 8 << 20},
};

static struct picker_session *session;

static void set_up(void)
{
    ck_assert_ptr_null(picker_session_create(NULL, 120, 12, GLYPHS_BRAILLE, &session));
    ck_assert_ptr_null(picker_session_update(session, rows, ARRAY_SIZE(rows), 5 * SECOND_NS));
}

static void tear_down(void)
{
    picker_session_destroy(session);
}

static void key(uint32_t code)
{
    ck_assert_ptr_null(picker_session_handle(session, &(struct event){.type = EVENT_KEY, .key = code}));
}

static void type(const char *text)
{
    for (; *text; text++)
        key((unsigned char)*text);
}

static bool shows(const char *what)
{
    struct text text = {0};
    picker_session_draw(session);
    grid_dump_text(&session->grid, &text);
    bool shown = text.data && strstr(text.data, what);
    text_deinit(&text);
    return shown;
}

START_TEST(typing_filters_and_enter_chooses)
{
    ck_assert(shows("3 of 3"));
    type("PROM");
    ck_assert(shows("1 of 3"));
    ck_assert(!shows("etcd"));
    key(INPUT_ENTER);
    ck_assert(session->over);
    ck_assert_int_eq(session->chosen, 200);
}
END_TEST

START_TEST(escape_clears_and_then_leaves)
{
    type("zz");
    ck_assert(shows("0 of 3"));
    ck_assert(shows("no process has that"));
    ck_assert(!shows("Enter"));
    key(INPUT_ENTER);
    ck_assert(!session->over);
    key(INPUT_ESCAPE);
    ck_assert(shows("3 of 3"));
    key(INPUT_ESCAPE);
    ck_assert(session->over);
    ck_assert_int_eq(session->chosen, 0);
}
END_TEST

START_TEST(growth_is_counted_from_the_first_look)
{
    struct picker_row later[ARRAY_SIZE(rows)];
    memcpy(later, rows, sizeof(rows));
    later[1].rss_bytes += 20 << 20;
    later[0].rss_bytes -= 4 << 20;
    ck_assert(!shows("MB/s"));
    ck_assert_ptr_null(picker_session_update(session, later, ARRAY_SIZE(later), 15 * SECOND_NS));
    ck_assert(shows("\xe2\x96\xb2 +2.00 MB/s"));
    ck_assert(shows("\xe2\x96\xbc  -410 KB/s"));
}
END_TEST

START_TEST(the_selection_stays_on_its_process)
{
    struct picker_row later[ARRAY_SIZE(rows)];
    memcpy(later, rows, sizeof(rows));
    key(INPUT_DOWN);
    later[1].rss_bytes = 500 << 20;
    ck_assert_ptr_null(picker_session_update(session, later, ARRAY_SIZE(later), 6 * SECOND_NS));
    key(INPUT_ENTER);
    ck_assert_int_eq(session->chosen, 200);
}
END_TEST

START_TEST(what_may_not_be_read_is_said)
{
    ck_assert(shows("no permission"));
}
END_TEST

START_TEST(runtime_and_allocator_are_shown_and_filtered_by)
{
    ck_assert(shows("go1.23.5      Go+glibc"));
    ck_assert(shows("runtime       allocator"));
    type("+glibc");
    ck_assert(shows("1 of 3"));
    ck_assert(shows("etcd"));
    /* Short of room the command goes first, then who runs it, then what allocates; what it is stays. */
    ck_assert_ptr_null(
        picker_session_handle(session, &(struct event){.type = EVENT_RESIZE, .width = 60, .height = 15}));
    ck_assert(shows("go1.23.5") && shows("90.0 MB") && shows("growth") && !shows("allocator ") && !shows("/usr/bin"));
}
END_TEST

START_TEST(the_list_survives_any_size_and_an_empty_one)
{
    for (int width = 1; width < 140; width += 11) {
        for (int height = 1; height < 20; height += 3) {
            ck_assert_ptr_null(picker_session_handle(
                session, &(struct event){.type = EVENT_RESIZE, .width = width, .height = height}));
            picker_session_draw(session);
        }
    }
    ck_assert_ptr_null(picker_session_update(session, NULL, 0, 7 * SECOND_NS));
    key(INPUT_DOWN);
    key(INPUT_TAB);
    key(INPUT_ENTER);
    ck_assert(!session->over);
    picker_session_draw(session);
}
END_TEST

START_TEST(a_filter_can_be_given)
{
    struct picker_session *other;
    ck_assert_ptr_null(picker_session_create("ssh", 80, 24, GLYPHS_ASCII, &other));
    ck_assert_ptr_null(picker_session_update(other, rows, ARRAY_SIZE(rows), SECOND_NS));
    ck_assert_uint_eq(other->list.num_rows, 1);
    picker_session_destroy(other);
}
END_TEST

START_TEST(it_looks_as_it_did)
{
    static const struct {
        int width, height;
    } sizes[] = {{200, 60}, {80, 24}, {60, 15}};
    static const struct {
        const char *name, *typed;
    } looks[] = {{"picker", ""}, {"picker-filtered", "go+glibc"}, {"picker-none", "nothing like it"}};
    struct text text = {0};
    char name[64];
    key(INPUT_DOWN);
    type(looks[_i].typed);
    /* golden_coverage_test wants the second line. */
    text_printf(&text, "keys: Down%s%s\nshows: process_table\n", looks[_i].typed[0] ? " " : "", looks[_i].typed);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        const struct event resize = {.type = EVENT_RESIZE, .width = sizes[i].width, .height = sizes[i].height};
        ck_assert_ptr_null(picker_session_handle(session, &resize));
        picker_session_draw(session);
        golden_append(&session->grid, &text);
    }
    snprintf(name, sizeof(name), "recorded/%s", looks[_i].name);
    golden_check_text(&text, name);
    text_deinit(&text);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("picker");
    TCase *tests = tcase_create("picker");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, typing_filters_and_enter_chooses);
    tcase_add_test(tests, escape_clears_and_then_leaves);
    tcase_add_test(tests, growth_is_counted_from_the_first_look);
    tcase_add_test(tests, the_selection_stays_on_its_process);
    tcase_add_test(tests, what_may_not_be_read_is_said);
    tcase_add_test(tests, runtime_and_allocator_are_shown_and_filtered_by);
    tcase_add_test(tests, the_list_survives_any_size_and_an_empty_one);
    tcase_add_test(tests, a_filter_can_be_given);
    tcase_add_loop_test(tests, it_looks_as_it_did, 0, 3);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
