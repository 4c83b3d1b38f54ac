/* What replay shows for a tick equals what the live view showed: two sessions, one over the source that a live process
 * would be and one over its recording, driven by the same keys. Only the title and the line of keys say which is which.
 * Then the same after jumps: the replay goes to a tick, and a live view has just seen it. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tui/format.h"

struct shape {
    int width, height;
    unsigned seconds;
    bool is_native, exits, is_measured;
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
    "Tab j",
    "> >",
    "Enter",
    "Tab",
    "Tab Esc Esc",
    "Esc t",
    "4",
    "> > S",
    "5",
    "j j",
    "6",
    "j",
    "Tab j",
    "Tab",
    "Tab",
    "1",
    "+ +",
    "- - -",
    "?",
    "Esc",
    "!",
    "Esc",
    "2 Right Down Left",
    "G",
};

/* Without the title and the line of keys; cuts the text. */
static const char *between(char *text)
{
    char *body = strchr(text, '\n'), *end;
    ck_assert_ptr_nonnull(body);
    end = strrchr(body, '\n');
    if (end && end[1] == '\0') {
        *end = '\0';
        end = strrchr(body, '\n');
    }
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return body;
}

static void check_same(struct stage *live, struct stage *replayed, const char *when)
{
    char *a = stage_text(live), *b = stage_text(replayed);
    const char *live_text = between(a), *replayed_text = between(b);
    ck_assert_msg(strcmp(live_text, replayed_text) == 0, "after '%s' live shows\n%.1800s\nand replay\n%.1800s", when,
                  live_text, replayed_text);
    free(a);
    free(b);
}

/* The last is one in which goroutines are listed one by one, though all else in it is what changed since the one
 * before. */
static void record_marked(const char *path, struct snapshot *const *snapshots, size_t count)
{
    struct recorder *recorder = NULL;
    check_good(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count)
            recorder_mark(recorder, snapshots[i]->unix_ns, "now");
        record_one(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, NULL));
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
    scene.is_native = scene.has_stacks = shape->is_native;
    scene.is_measured = shape->is_measured;
    for (unsigned i = 0; i < shape->seconds; i++) {
        if (shape->exits && i + 1 == shape->seconds)
            scene.b->exit_reason = "exited with status 2";
        snapshots[i] = scene_next(&scene);
    }
    unlink(path);
    record_marked(path, snapshots, shape->seconds);
    struct session_options options = {.width = shape->width, .height = shape->height, .glyphs = GLYPHS_BRAILLE};
    live.source = builder_source(snapshots, shape->seconds);
    replayed.source = replay(path);
    ck_assert_ptr_null(session_create(live.source, &options, &live.session));
    ck_assert_ptr_null(session_create(replayed.source, &options, &replayed.session));
    stage_pull(&live);
    stage_pull(&replayed);
    stage_keys(&replayed, "T");
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
        {80, 24, 1, false, false, false},    {120, 40, 2, false, false, false},  {160, 44, 60, false, false, false},
        {200, 60, 150, false, false, true}, {80, 24, 150, false, false, false}, {120, 40, 90, true, false, true},
        {120, 40, 100, false, true, false}, {160, 44, 70, true, false, false},
    };
    check_shape(&shapes[_i]);
    scratch_remove();
}
END_TEST

#define JUMP_SECONDS 400

/* Screens whose contents rest on all that was before. */
static const char *const looks[] = {"", "2", "2 Enter", "Esc 3", "5", "6", "1"};
/* And where goroutines were listed one by one: those of a group, one of them. */
static const char *const looks_at_a_list[] = {"3 Enter", "Tab j j", "Enter", "Tab", "Esc Esc 1"};

static void compare_looks(struct stage *live, struct stage *replayed, unsigned moment, const char *const *keys_of_looks,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char when[48];
        snprintf(when, sizeof(when), "a jump to %u, %s", moment, keys_of_looks[i]);
        stage_keys(live, keys_of_looks[i]);
        stage_keys(replayed, keys_of_looks[i]);
        check_same(live, replayed, when);
    }
}

/* Where they were not, the screens say as of when they show them. */
static void check_old_list(struct stage *replayed)
{
    char clock[FORMAT_BUFFER], words[FORMAT_BUFFER + 16];
    const struct snapshot *shown = replayed->session->model.shown;
    snprintf(words, sizeof(words), "as of %s", format_clock(clock, shown->unix_ns - snapshot_goroutines_age_ns(shown)));
    stage_keys(replayed, "3 Enter");
    ck_assert(stage_shows(replayed, words));
    stage_keys(replayed, "Tab Enter");
    ck_assert(stage_shows(replayed, words));
    stage_keys(replayed, "Esc Esc 1");
}

/* There and back, near and far; each time all screens must be those of a live view that has seen just so much. */
START_TEST(replay_shows_it_after_a_jump_too)
{
    static const unsigned moments[] = {0, 399, 1, 200, 199, 198, 201, 390, 389, 12, 399, 300, 301, 2, 60, 180, 0};
    struct snapshot **snapshots = calloc(JUMP_SECONDS, sizeof(*snapshots));
    struct stage replayed = {0};
    struct scene scene;
    unsigned lists = 0;
    const char *path = scratch_path("jumps.heaptop");
    ck_assert_ptr_nonnull(snapshots);
    setenv("TZ", "UTC", 1);
    tzset();
    scene_init(&scene);
    for (unsigned i = 0; i < JUMP_SECONDS; i++)
        snapshots[i] = scene_next(&scene);
    unlink(path);
    record_all(path, snapshots, JUMP_SECONDS);
    struct session_options options = {.width = 160, .height = 44, .glyphs = GLYPHS_BRAILLE};
    replayed.source = replay(path);
    ck_assert_ptr_null(session_create(replayed.source, &options, &replayed.session));
    stage_keys(&replayed, "T");
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        struct stage live = {.source = builder_source(snapshots, moments[i] + 1)};
        ck_assert_ptr_null(session_create(live.source, &options, &live.session));
        stage_pull(&live);
        ck_assert_ptr_null(playback_jump(replayed.session, snapshots[moments[i]]->unix_ns));
        while (session_is_busy(replayed.session))
            ck_assert_ptr_null(session_pull(replayed.session));
        ck_assert_uint_eq(replayed.session->model.shown->sequence, snapshots[moments[i]]->sequence);
        bool is_list = snapshot_goroutines_age_ns(replayed.session->model.shown) == 0;
        lists += is_list;
        compare_looks(&live, &replayed, moments[i], looks, ARRAY_SIZE(looks));
        if (is_list)
            compare_looks(&live, &replayed, moments[i], looks_at_a_list, ARRAY_SIZE(looks_at_a_list));
        else
            check_old_list(&replayed);
        session_destroy(live.session);
        source_close(live.source);
    }
    ck_assert_uint_eq(lists, 4);
    session_destroy(replayed.session);
    source_close(replayed.source);
    builder_release(snapshots, JUMP_SECONDS);
    free(snapshots);
    scene_deinit(&scene);
    scratch_remove();
}
END_TEST

/* Half a day at a sample in 30 seconds. */
#define FAR_SAMPLES 1500

/* Of a long way back a part is read first, and shown; in the end all is as it would have been live. */
START_TEST(far_back_a_part_of_the_history_is_there_first)
{
    struct snapshot **snapshots = calloc(FAR_SAMPLES, sizeof(*snapshots));
    struct stage live = {0}, replayed = {0};
    struct scene scene;
    bool was_coarse = false;
    uint32_t points = 0;
    const char *path = scratch_path("far.heaptop");
    ck_assert_ptr_nonnull(snapshots);
    setenv("TZ", "UTC", 1);
    tzset();
    scene_init(&scene);
    for (unsigned i = 0; i < FAR_SAMPLES; i++) {
        snapshots[i] = scene_next(&scene);
        builder_advance(scene.b, 29);
    }
    unlink(path);
    record_marked(path, snapshots, FAR_SAMPLES);
    struct session_options options = {.width = 160, .height = 44, .glyphs = GLYPHS_BRAILLE};
    replayed.source = replay(path);
    ck_assert_ptr_null(session_create(replayed.source, &options, &replayed.session));
    stage_keys(&replayed, "T");
    while (session_is_busy(replayed.session)) {
        const struct model *model = &replayed.session->model;
        ck_assert_uint_eq(model->shown->sequence, FAR_SAMPLES);
        if (model->is_coarse && !was_coarse) {
            was_coarse = true;
            /* From the first sample on. */
            const struct series *rss = history_counter(model->history, COUNTER_RSS);
            points = rss->count;
            ck_assert_uint_eq(series_point(rss, 0).unix_ns, snapshots[0]->unix_ns);
            ck_assert(stage_shows(&replayed, "until then graphs are coarse"));
        }
        ck_assert_ptr_null(session_pull(replayed.session));
    }
    ck_assert(was_coarse && !replayed.session->model.is_coarse);
    ck_assert_uint_ge(points, 90);
    ck_assert_uint_lt(points, FAR_SAMPLES / 3);
    live.source = builder_source(snapshots, FAR_SAMPLES);
    ck_assert_ptr_null(session_create(live.source, &options, &live.session));
    stage_pull(&live);
    compare_looks(&live, &replayed, FAR_SAMPLES - 1, looks, ARRAY_SIZE(looks));
    session_destroy(live.session);
    session_destroy(replayed.session);
    source_close(live.source);
    source_close(replayed.source);
    builder_release(snapshots, FAR_SAMPLES);
    free(snapshots);
    scene_deinit(&scene);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("replay_screens");
    TCase *tests = tcase_create("replay_screens");
    tcase_add_loop_test(tests, replay_shows_what_the_live_view_showed, 0, 8);
    tcase_add_test(tests, replay_shows_it_after_a_jump_too);
    tcase_add_test(tests, far_back_a_part_of_the_history_is_there_first);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
