/* Every screen over a recording, at the largest, the usual and the smallest size, in 256 colours and in none: one file
 * a screen, tests/screens/recorded/NAME.txt. One session is resized from each to the next. Renewed as the other golden
 * screens are, with HEAPTOP_UPDATE_GOLDEN=1. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/tui/golden.h"

#define SECONDS 300
#define LISTED (SECONDS - 10)
#define VERDICT                                                                                                        \
    "Growing 3.1 MB/s for 5 min. 82% of it: tsdb.(*Head).getOrCreate  head.go:1622. At this rate the 2.0 GB limit is " \
    "met in 4 h 10 min."

static const struct {
    const char *name, *keys;
} screens[] = {
    {"overview", ""},
    {"sites", "2"},
    {"sites-tree", "2 t Enter j"},
    {"site", "2 Enter"},
    {"source", "2 Enter Enter"},
    {"goroutines", "3"},
    {"goroutines-tree", "3 t Enter"},
    {"goroutines-by-creator", "3 o"},
    {"goroutine-group", "3 Enter"},
    {"threads", "4"},
    {"thread", "4 Enter"},
    {"procs", "4 Tab"},
    {"gc", "5"},
    {"gc-cycle", "5 Enter"},
    {"memory", "6"},
    {"memory-spans", "6 Tab"},
    {"memory-caches", "6 Tab Tab"},
    {"flame", "7 G"},
    {"flame-allocated", "7 Tab / labels Enter"},
    {"flame-growth", "7 Tab Tab G"},
    {"flame-goroutines", "7 Tab Tab Tab i"},
    {"flame-threads", "7 Shift-Tab"},
    {"suspects", "8"},
    {"difference", "@ -200s Enter ( End ) D"},
    {"enlarged", "z"},
    {"graph", "Z Z"},
    {"graph-goroutines", "4 Z"},
    {"command", ": s"},
    {"help", "?"},
    {"problems", "!"},
};

static struct stage_sources sources;

static void settle(struct stage *stage)
{
    do {
        ck_assert_ptr_null(session_pull(stage->session));
    } while (session_is_busy(stage->session));
    stage_settle(stage);
}

static void record_scene(const char *path)
{
    struct snapshot *snapshots[SECONDS];
    struct scene scene;
    scene_init(&scene);
    scene.is_measured = true;
    for (size_t i = 0; i < SECONDS; i++)
        snapshots[i] = scene_next(&scene);
    struct recorder *recorder = NULL;
    check_good(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < SECONDS; i++) {
        /* Goroutines are listed one by one then, whatever else is written. */
        if (i == LISTED)
            recorder_request_keyframe(recorder);
        record_one(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, NULL));
    builder_release(snapshots, SECONDS);
    scene_deinit(&scene);
}

static void setup(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    stage_sources_make(&sources);
    record_scene(scratch_path("scene.heaptop"));
}

static void teardown(void)
{
    stage_sources_remove(&sources);
    scratch_remove();
}

/* The analysis room's sentence has tests of its own. */
static void set_verdict(struct session *session)
{
    if (session->verdict.length == 0)
        return;
    text_deinit(&session->verdict);
    text_append(&session->verdict, VERDICT);
}

static void dump(struct stage *stage, int width, int height, struct text *text)
{
    const struct event resize = {.type = EVENT_RESIZE, .width = width, .height = height};
    ck_assert_ptr_null(session_handle(stage->session, &resize));
    settle(stage);
    set_verdict(stage->session);
    session_draw(stage->session);
    ck_assert_int_eq(stage->session->grid.width, width);
    ck_assert_int_eq(stage->session->grid.height, height);
    golden_append(&stage->session->grid, text);
}

START_TEST(a_recorded_screen_is_as_it_was)
{
    char name[64];
    struct text text = {0};
    struct stage stage = {.source = replay(scratch_path("scene.heaptop"))};
    const struct session_options options = {
        .width = 160, .height = 44, .source_maps = {.maps = {sources.map}, .count = 1}};
    ck_assert_ptr_null(session_create(stage.source, &options, &stage.session));
    settle(&stage);
    for (const char *keys = screens[_i].keys; *keys;) {
        char key[16];
        size_t length = strcspn(keys, " ");
        snprintf(key, sizeof(key), "%.*s", (int)length, keys);
        stage_keys(&stage, key);
        settle(&stage);
        keys += length + strspn(keys + length, " ");
    }
    text_printf(&text, "keys: %s\n", screens[_i].keys);
    dump(&stage, 200, 60, &text);
    dump(&stage, 80, 24, &text);
    dump(&stage, 60, 15, &text);
    snprintf(name, sizeof(name), "recorded/%s", screens[_i].name);
    golden_check_text(&text, name);
    text_deinit(&text);
    session_destroy(stage.session);
    source_close(stage.source);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("recorded_screens");
    TCase *tests = tcase_create("golden");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_recorded_screen_is_as_it_was, 0, ARRAY_SIZE(screens));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
