/* What is typed: commands and what completes them, lines brought back, keys that settings have moved. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tui/command.h"

#define USUAL {.width = 160, .height = 60, .seconds = 60}

static struct stage stage;

static void set_up(void)
{
    stage_open(&stage, &(struct stage_options)USUAL);
}

static void tear_down(void)
{
    action_bind_defaults();
    stage_close(&stage);
}

/* What is at hand for a line, one after the other. */
static char *matches_of(const char *typed)
{
    struct command_match matches[COMMAND_MATCHES];
    struct text text = {0};
    size_t count = command_matches(stage.session, typed, matches);
    for (size_t i = 0; i < count; i++)
        text_printf(&text, "%s%s", i ? "|" : "", matches[i].line);
    return text_take(&text);
}

static void check_matches(const char *typed, const char *expected)
{
    char *got = matches_of(typed);
    ck_assert_msg(strcmp(got, expected) == 0, "'%s' may become %s, not %s", typed, got, expected);
    free(got);
}

START_TEST(every_action_is_a_command)
{
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++) {
        const char *name = action_name((enum action)action);
        char *got = matches_of(name);
        ck_assert_msg(strstr(got, name), "%s: %s", name, got);
        free(got);
        ck_assert_uint_lt(strlen(name), 20);
        ck_assert_int_eq(action_of_name(name), action);
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
    }
    char *all = matches_of("");
    size_t count = 1;
    for (const char *c = all; *c; c++)
        count += *c == '|';
    ck_assert_uint_ge(count, ACTION_COUNT - 1);
    ck_assert_uint_lt(count, COMMAND_MATCHES);
    free(all);
}
END_TEST

START_TEST(arguments_are_completed)
{
    check_matches("th", "theme");
    check_matches("theme c", "theme contrast|theme colour-blind");
    check_matches("theme x", "");
    check_matches("go m", "go mark");
    check_matches("filter a", "");
    stage_keys(&stage, "2");
    check_matches("sort in", "sort in use");
    check_matches("screen g", "screen goroutines|screen gc");
    check_matches("nonsense", "");
    check_matches("nonsense x", "");
}
END_TEST

START_TEST(tab_goes_through_what_completes)
{
    stage_keys(&stage, ": theme Space c Tab");
    ck_assert_str_eq(stage.session->prompt.typed, "theme contrast");
    stage_keys(&stage, "Tab");
    ck_assert_str_eq(stage.session->prompt.typed, "theme colour-blind");
    stage_keys(&stage, "Tab");
    ck_assert_str_eq(stage.session->prompt.typed, "theme contrast");
    ck_assert(stage_shows(&stage, "> theme contrast"));
    stage_keys(&stage, "Enter");
    ck_assert_int_eq(stage.session->grid.theme, TUI_THEME_CONTRAST);
    /* What is typed after it is completed anew. */
    stage_keys(&stage, ": the Tab Space m Tab Enter");
    ck_assert_int_eq(stage.session->grid.theme, TUI_THEME_MONO);
}
END_TEST

START_TEST(commands_do_what_keys_do)
{
    stage_keys(&stage, ": pause Enter");
    ck_assert(stage.session->model.paused);
    stage_keys(&stage, ": pau Enter");
    ck_assert(!stage.session->model.paused);
    stage_keys(&stage, ": screen Space gor Enter");
    ck_assert_str_eq(session_top(stage.session)->ops->title, "Goroutines");
    stage_keys(&stage, "2 : sort Space objects Enter");
    ck_assert_str_eq(session_list(stage.session)->ops->columns[session_list(stage.session)->sort].title, "objects");
    stage_keys(&stage, ": filter Space tsdb Enter");
    ck_assert_str_eq(session_list(stage.session)->filter, "tsdb");
    ck_assert(stage_shows(&stage, "\\ tsdb"));
    stage_keys(&stage, "Esc : search Space append Enter");
    ck_assert_str_eq(session_list(stage.session)->search, "append");
    stage_keys(&stage, ": quit Enter");
    ck_assert(stage.session->quit);
}
END_TEST

START_TEST(what_cannot_be_done_is_said)
{
    static const struct {
        const char *keys, *said;
    } cases[] = {
        {": nonsense Enter", "there is no command 'nonsense'"},
        {": s Enter", "may be"},
        {": theme Enter", "theme what?"},
        {": theme Space sepia Enter", "there is no theme 'sepia'"},
        {": screen Space x Enter", "there is no screen 'x'"},
        {": pause Space now Enter", "'pause' takes nothing"},
        {": interval Space soon Enter", "soon"},
        {": interval Space 1ms Enter", "shortest"},
        {": save-settings Enter", "nowhere to save"},
        {"2 : sort Space nothing Enter", "there is no column 'nothing'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        stage_keys(&stage, cases[i].keys);
        ck_assert_msg(strstr(stage.session->message, cases[i].said), "%s: '%s'", cases[i].keys, stage.session->message);
        ck_assert_int_eq(stage.session->prompt.kind, PROMPT_NONE);
    }
    stage_keys(&stage, ": Enter : Space Enter");
    ck_assert_str_eq(stage.session->message, "");
}
END_TEST

START_TEST(lines_are_brought_back)
{
    stage_keys(&stage, "2 / promql Enter / tsdb Enter / tsdb Enter / dra Up");
    ck_assert_str_eq(session_list(stage.session)->search, "tsdb");
    stage_keys(&stage, "Up Up Up");
    ck_assert_str_eq(session_list(stage.session)->search, "promql");
    stage_keys(&stage, "Down Down");
    ck_assert_str_eq(session_list(stage.session)->search, "dra");
    stage_keys(&stage, "Up Up Enter");
    ck_assert_str_eq(session_list(stage.session)->search, "promql");
    /* Filters have lines of their own. */
    stage_keys(&stage, "\\ Up");
    ck_assert_str_eq(session_list(stage.session)->filter, "");
    stage_keys(&stage, "xyz Enter \\ Bksp Bksp Bksp Up");
    ck_assert_str_eq(session_list(stage.session)->filter, "xyz");
    /* The oldest go. */
    for (int i = 0; i < 3 * PROMPT_REMEMBERED; i++) {
        stage_keys(&stage, ": x");
        stage_key(&stage, (uint32_t)('a' + i % 26));
        stage_keys(&stage, "Enter");
    }
    ck_assert_uint_eq(stage.session->prompt.histories[PROMPT_COMMAND].count, PROMPT_REMEMBERED);
}
END_TEST

/* ---- keys ---- */

START_TEST(names_of_keys_are_understood_again)
{
    char name[KEY_NAME_BUFFER];
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++)
        for (size_t i = 0; i < ACTION_KEYS; i++) {
            uint32_t key = action_infos[action].keys[i];
            if (key)
                ck_assert_uint_eq(key_of_name(key_name(key, name)), key);
        }
    ck_assert_uint_eq(key_of_name("F12"), INPUT_F12);
    ck_assert_uint_eq(key_of_name("ctrl-x"), CONTROL('x'));
    ck_assert_uint_eq(key_of_name("pgup"), INPUT_PAGE_UP);
    ck_assert_uint_eq(key_of_name("F"), 'F');
    ck_assert_uint_eq(key_of_name("\xc3\xa4"), 0xe4);
    static const char *const none[] = {"", "F0", "F13", "Ctrl-1", "Hyper-x", "ab", "\x01", "\xff"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        ck_assert_uint_eq(key_of_name(none[i]), 0);
}
END_TEST

START_TEST(keys_can_be_others)
{
    const char *robbed;
    ck_assert_ptr_null(tui_bind_keys("help", "F2 h", &robbed));
    /* Nobody was given h. */
    ck_assert_ptr_null(robbed);
    ck_assert_int_eq(action_of_key('h'), ACTION_HELP);
    ck_assert_int_eq(action_of_key('?'), ACTION_NONE);
    /* "left" has lost its first key; its second is shown now. */
    char name[KEY_NAME_BUFFER];
    ck_assert_str_eq(action_key_name(ACTION_LEFT, name), "Left");
    stage_key(&stage, INPUT_F1 + 1);
    ck_assert(stage_shows(&stage, " Help "));
    ck_assert(stage_shows(&stage, "F2  h"));
    stage_keys(&stage, "Enter");
    ck_assert(stage_shows(&stage, "F2 help"));

    ck_assert_ptr_null(tui_bind_keys("pause", "none", &robbed));
    ck_assert_int_eq(action_of_key(' '), ACTION_NONE);
    ck_assert_str_eq(action_key_name(ACTION_PAUSE, name), "(no key)");
    /* What is said of keys is said of those that hold. */
    ck_assert_ptr_null(tui_bind_keys("baseline", "F4", &robbed));
    stage_key(&stage, INPUT_F1 + 3);
    ck_assert(stage_shows(&stage, "F4 again"));
    stage_key(&stage, INPUT_F1 + 3);
    /* What has no key has no place among them. */
    stage_key(&stage, INPUT_DOWN);
    ck_assert(stage_shows(&stage, "F2 help") && !stage_shows(&stage, "(no key)"));

    static const struct {
        const char *action, *keys, *said;
    } bad[] = {{"nonsense", "x", "'nonsense'"}, {"help", "Hyper-x", "'Hyper-x'"}, {"help", "a b c", "2 keys"},
               {"help", "1", "screens"}, {"help", " ", "missing"}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error *error = tui_bind_keys(bad[i].action, bad[i].keys, &robbed);
        ck_assert(error && error->kind == ERROR_USAGE && strstr(error->message, bad[i].said));
        error_destroy(error);
    }
    ck_assert_int_eq(action_of_key('h'), ACTION_HELP);
    tui_bind_default_keys();
    ck_assert_int_eq(action_of_key('?'), ACTION_HELP);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("prompt");
    TCase *tests = tcase_create("prompt");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, every_action_is_a_command);
    tcase_add_test(tests, arguments_are_completed);
    tcase_add_test(tests, tab_goes_through_what_completes);
    tcase_add_test(tests, commands_do_what_keys_do);
    tcase_add_test(tests, what_cannot_be_done_is_said);
    tcase_add_test(tests, lines_are_brought_back);
    tcase_add_test(tests, names_of_keys_are_understood_again);
    tcase_add_test(tests, keys_can_be_others);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
