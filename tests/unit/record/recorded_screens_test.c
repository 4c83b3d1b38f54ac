/* Every screen at the largest, the usual and the smallest size, in 256 colours and in none: one file a screen,
 * tests/screens/recorded/NAME.txt. One session is resized from each to the next. Renewed as the other golden screens
 * are, with HEAPTOP_UPDATE_GOLDEN=1. golden_coverage_test tells which are missing. */
#include "tests/unit/record/golden_sources.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/golden_state.h"
#include "tests/unit/tui/golden.h"

static const struct {
    const char *name;
    enum golden_source_id source;
    const char *keys;       /* Those behind a | are pressed at each size. */
} screens[] = {
    {"overview", GO, ""},
    {"overview-goroutines", GO, "Tab"},
    {"overview-filtered", GO, "\\ tsdb Enter"},
    {"sites", GO, "2"},
    {"sites-tree", GO, "2 t Enter j"},
    {"sites-searched", GO, "2 / promql Enter n"},
    {"site", GO, "2 Enter"},
    {"site-stacks", GO, "2 Enter Tab"},
    {"site-source", GO, "2 Enter Tab Tab"},
    {"source", GO, "2 Enter Enter"},
    {"source-none", GO, "2 Enter j j Enter"},
    {"goroutines", GO, "3"},
    {"goroutines-by-creator", GO, "3 o"},
    {"goroutines-by-state", GO, "3 o o"},
    {"goroutines-by-kind", GO, "3 o o o"},
    {"goroutines-by-labels", GO, "3 o o o o"},
    {"goroutines-tree", GO, "3 t Enter"},
    {"goroutines-who-made-whom", GO, "3 o t Enter j"},
    {"goroutine-group", GO, "3 Enter"},
    {"goroutine-group-stacks", GO, "3 o o Enter Tab"},
    {"goroutine-group-singles", GO, "3 Enter Tab"},
    {"goroutine", GO, "3 Enter Tab j Enter"},
    {"goroutine-made-by", GO, "3 Enter Tab j Enter Tab"},
    {"threads", GO, "4"},
    {"thread", GO, "4 Enter"},
    {"procs", GO, "4 Tab"},
    {"gc", GO, "5"},
    {"gc-cycle", GO, "5 Enter"},
    {"memory", GO, "6"},
    {"memory-spans", GO, "6 Tab"},
    {"memory-caches", GO, "6 Tab Tab"},
    {"flame", GO, "7 G"},
    {"flame-zoomed", GO, "7 G Down Enter"},
    {"flame-allocated", GO, "7 Tab / labels Enter"},
    {"flame-growth", GO, "7 Tab Tab G"},
    {"flame-goroutines", GO, "7 Tab Tab Tab i"},
    {"flame-threads", GO, "7 Shift-Tab"},
    {"suspects", GO, "8"},
    {"suspect-goroutines", GO, "8 j j j"},
    {"difference", GO, "@ -200s Enter ( End ) D"},
    {"difference-goroutines", GO, "@ -200s Enter ( End ) D Tab"},
    {"difference-counters", GO, "@ -200s Enter ( End ) D Tab Tab"},
    {"difference-memory", GO, "@ -200s Enter ( End ) D Tab Tab Tab"},
    {"span", GO, "@ -200s Enter ( @ +60s Enter ) 2"},
    {"start", GO, "Home"},
    {"no-time-line", GO, "T 2"},
    {"list-alone", GO, "z"},
    {"list-alone-frames", GO, "2 Enter z"},
    {"graph", GO, "Z Z"},
    {"graph-site", GO, "2 Enter Z"},
    {"graph-goroutine-group", GO, "3 Enter Z"},
    {"graph-goroutines", GO, "4 Z"},
    {"graph-gc", GO, "5 Z"},
    {"command", GO, ": s"},
    {"command-completed", GO, "2 : sort Space Tab Tab"},
    {"help", GO, "?"},
    {"help-end", GO, "3 | Esc ? PgDn PgDn PgDn PgDn PgDn PgDn PgDn PgDn PgDn PgDn"},
    {"problems", GO, "!"},
    {"prompt-search", GO, "2 / rang"},
    {"prompt-filter", GO, "2 \\ labels"},
    {"prompt-jump", GO, "@ 03:06"},
    {"off-overview", OFF, ""},
    {"off-sites", OFF, "2"},
    {"off-flame", OFF, "7"},
    {"native-overview", NATIVE, ""},
    {"native-goroutines", NATIVE, "3"},
    {"native-threads", NATIVE, "4"},
    {"native-thread-stacks", NATIVE, "4 Tab"},
    {"native-thread", NATIVE, "4 j j Enter"},
    {"native-gc", NATIVE, "5"},
    {"native-memory", NATIVE, "6"},
    {"native-chunks", NATIVE, "6 Tab"},
    {"native-types", NATIVE, "6 Tab Tab"},
    {"native-flame-threads", NATIVE, "7 Shift-Tab"},
    {"native-suspects", NATIVE, "8"},
    {"preloaded-overview", PRELOADED, ""},
    {"preloaded-site", PRELOADED, "2 Enter"},
    {"faults-sites", FAULTS, "2"},
    {"faults-site", FAULTS, "2 Enter"},
    {"java-overview", JAVA, ""},
    {"java-gc", JAVA, "5"},
    {"java-suspects", JAVA, "8"},
    {"python-overview", PYTHON, ""},
    {"exited-overview", EXITED, ""},
    {"incident-goroutines", LEAKING_GOROUTINES, ""},
    {"incident-goroutines-groups", LEAKING_GOROUTINES, "3"},
    {"incident-goroutines-suspects", LEAKING_GOROUTINES, "8"},
    {"incident-cache", GROWING_CACHE, ""},
    {"incident-cache-sites", GROWING_CACHE, "2"},
    {"incident-cache-gc", GROWING_CACHE, "5"},
    {"incident-idle", IDLE_HEAP, ""},
    {"incident-idle-memory", IDLE_HEAP, "6"},
    {"incident-idle-suspects", IDLE_HEAP, "8"},
    {"live", LIVE, ""},
    {"live-site-code", LIVE, "2 Enter"},
    {"live-source-code", LIVE, "2 Enter Enter"},
    {"live-paused", LIVE, "Space 2"},
    {"live-recording", LIVE, "2 R Up"},
    {"live-said", LIVE, "2 R"},
    {"live-stop-running", LIVE, "4 X"},
    {"live-mark", LIVE, "m deploy"},
    {"live-past", LIVE, ", , 2"},
    {"live-failed", LIVE_FAILED, ""},
    {"live-failed-problems", LIVE_FAILED, "!"},
    {"live-off", LIVE_OFF, ""},
    {"live-profiling-on", LIVE_OFF, "2 P"},
    {"live-switched", LIVE_SWITCHED, "2"},
    {"live-profiling-off", LIVE_SWITCHED, "P"},
    {"live-native", LIVE_NATIVE, "2"},
    {"live-native-stop-running", LIVE_NATIVE, "4 X"},
    {"live-probe-on", LIVE_NATIVE, "P"},
    {"live-probe-allocations", LIVE_COUNTED, "P"},
    {"live-probed", LIVE_PROBED, ""},
    {"live-probe-off", LIVE_PROBED, "2 P"},
    {"live-waiting", LIVE_WAITING, ""},
    {"live-first", LIVE_FIRST, ""},
    {"live-first-memory", LIVE_FIRST, "6"},
    {"live-exited", LIVE_EXITED, ""},
    {"suspects-none", LIVE_FIRST, "8"},
};

/* The analysis room's sentence has tests of its own. */
static void set_verdict(struct session *session)
{
    if (session->verdict.length == 0 || strncmp(session->verdict.data, "Growing", 7) != 0)
        return;
    text_deinit(&session->verdict);
    text_append(&session->verdict, GO_VERDICT);
    session_draw(session);
}

/* At every size: j and k move it, and Enter opens it. */
static void check_selection_is_seen(struct session *session)
{
    struct list *list = session_list(session);
    if (!list || list->num_rows == 0 || session->popup != POPUP_NONE || session->prompt.kind != PROMPT_NONE ||
        session->graph_alone > 0)
        return;
    bool is_seen = false;
    /* Where it stood at another size does not count. */
    list->drawn = (struct canvas){0};
    session_draw(session);
    for (int y = 0; y < list->drawn.height && !is_seen; y++)
        is_seen = grid_cell(&session->grid, list->drawn.x, list->drawn.y + y)->ground == GROUND_SELECTED;
    ck_assert_msg(is_seen, "at %dx%d the selected row of the list with the focus is not to be seen", session->grid.width,
                  session->grid.height);
}

/* At every size: what a popup says is broken into lines, or scrolls. */
static void check_popup_is_not_cut(const struct session *session)
{
    const struct grid *grid = &session->grid;
    for (int i = 0; session->popup != POPUP_NONE && i < grid->width * grid->height; i++)
        ck_assert_msg(grid->cells[i].rune != 0x2026 || grid->cells[i].ground != GROUND_POPUP,
                      "at %dx%d something in the popup is cut", grid->width, grid->height);
}

START_TEST(a_screen_is_as_it_was)
{
    static const struct {
        int width, height;
    } sizes[] = {{200, 60}, {80, 24}, {60, 15}};
    const struct golden_source *source = &golden_sources[screens[_i].source];
    struct text text = {0};
    struct stage stage;
    char name[64], first[128];
    const char *keys = screens[_i].keys;
    size_t length = strcspn(keys, "|");
    snprintf(first, sizeof(first), "%.*s", (int)length, keys);
    length += keys[length] == '|';
    length += strspn(keys + length, " ");
    golden_open(&stage, source);
    golden_keys(&stage, first);
    text_printf(&text, "%s, keys: %s\nshows: ", source->name, keys[0] ? keys : "none");
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        golden_resize(&stage, sizes[i].width, sizes[i].height);
        golden_keys(&stage, keys + length);
        if (screens[_i].source == GO)
            set_verdict(stage.session);
        if (i == 0) {
            golden_state_write(stage.session, &text);
            text_append(&text, "\n");
        }
        check_selection_is_seen(stage.session);
        check_popup_is_not_cut(stage.session);
        golden_append(&stage.session->grid, &text);
    }
    snprintf(name, sizeof(name), "recorded/%s", screens[_i].name);
    golden_check_text(&text, name);
    text_deinit(&text);
    golden_close(&stage);
}
END_TEST

/* The picker's is picker_test's. */
START_TEST(no_file_is_left_over)
{
    DIR *entries = opendir(SOURCE_DIR "/tests/screens/recorded");
    ck_assert_ptr_nonnull(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char name[64];
        bool is_known = entry->d_name[0] == '.' || strncmp(entry->d_name, "picker", 6) == 0;
        for (size_t i = 0; i < ARRAY_SIZE(screens) && !is_known; i++) {
            snprintf(name, sizeof(name), "%s.txt", screens[i].name);
            is_known = strcmp(entry->d_name, name) == 0;
        }
        ck_assert_msg(is_known, "tests/screens/recorded/%s is of no screen in this test", entry->d_name);
    }
    closedir(entries);
}
END_TEST

static void setup(void)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < ARRAY_SIZE(screens); i++)
        wanted |= 1u << screens[i].source;
    golden_setup(wanted);
    golden_tables_find();
}

static Suite *make_suite(void)
{
    Suite *suite = suite_create("recorded_screens");
    TCase *tests = tcase_create("golden");
    tcase_add_unchecked_fixture(tests, setup, golden_teardown);
    tcase_add_loop_test(tests, a_screen_is_as_it_was, 0, ARRAY_SIZE(screens));
    tcase_add_test(tests, no_file_is_left_over);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
