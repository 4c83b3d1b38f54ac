/* What replay shows for a tick equals what the live view showed: two sessions, one over the source that a live process
 * would be and one over its recording, driven by the same keys. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"

struct shape {
    int width, height;
    unsigned seconds;
    bool is_native, exits;
};

/* Over every screen, into rows, sorted, filtered, folded, held. */
static const char *const keys[] = {
    "",
    "j j",
    "Enter",
    "Esc",
    "2",
    "j j j Enter",
    "Tab j",
    "Esc",
    "> >",
    "S",
    "2 \\ promql Enter",
    "Esc",
    "3",
    "j Enter",
    "Esc",
    "4",
    "> > S",
    "5",
    "j j",
    "6",
    "j",
    "1",
    "+ +",
    "- - -",
    "?",
    "Esc",
    "!",
    "Esc",
    "2 Right Down Left",
    "G",
    "Space",
    "Space",
};

static void check_same(struct stage *live, struct stage *replayed, const char *when)
{
    char *a = stage_text(live), *b = stage_text(replayed);
    ck_assert_msg(strcmp(a, b) == 0, "after '%s' live shows\n%s\nand replay\n%s", when, a, b);
    free(a);
    free(b);
}

static void check_shape(const struct shape *shape)
{
    struct stage live = {0}, replayed = {0};
    struct scene scene;
    struct snapshot **snapshots = calloc(shape->seconds, sizeof(*snapshots));
    const char *path = scratch_path("screens.heaptop");
    ck_assert_ptr_nonnull(snapshots);
    setenv("TZ", "UTC", 1);
    tzset();
    scene_init(&scene);
    scene.is_native = shape->is_native;
    for (unsigned i = 0; i < shape->seconds; i++) {
        if (shape->exits && i + 1 == shape->seconds)
            scene.b->exit_reason = "exited with status 2";
        snapshots[i] = scene_next(&scene);
    }
    unlink(path);
    record_all(path, snapshots, shape->seconds);
    struct session_options options = {.width = shape->width, .height = shape->height, .glyphs = GLYPHS_BRAILLE};
    live.source = builder_source(snapshots, shape->seconds);
    /* The title says which of the two it is; all else must be the same. */
    live.source->live = false;
    replayed.source = replay(path);
    ck_assert_ptr_null(session_create(live.source, &options, &live.session));
    ck_assert_ptr_null(session_create(replayed.source, &options, &replayed.session));
    stage_pull(&live);
    stage_pull(&replayed);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        stage_keys(&live, keys[i]);
        stage_keys(&replayed, keys[i]);
        check_same(&live, &replayed, keys[i]);
    }
    session_destroy(live.session);
    session_destroy(replayed.session);
    source_close(live.source);
    source_close(replayed.source);
    builder_release(snapshots, shape->seconds);
    free(snapshots);
    scene_deinit(&scene);
}

START_TEST(replay_shows_what_the_live_view_showed)
{
    static const struct shape shapes[] = {
        {80, 24, 1, false, false},    {120, 40, 2, false, false},  {160, 44, 60, false, false},
        {200, 60, 150, false, false}, {80, 24, 150, false, false}, {120, 40, 90, true, false},
        {120, 40, 100, false, true},
    };
    check_shape(&shapes[_i]);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("replay_screens");
    TCase *tests = tcase_create("replay_screens");
    tcase_add_loop_test(tests, replay_shows_what_the_live_view_showed, 0, 7);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
