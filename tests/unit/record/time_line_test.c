/* Moving about in a recording by its keys: where each goes, what it looks like, and that a recording which goes on is
 * followed. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/tui/golden.h"

#define SECONDS 300
#define MARK 60
#define SECOND_MARK 210
/* Samples that are not in the file: from this one on, so many. */
#define GAP 120
#define GAP_SAMPLES 20
/* What was suspected, from this one to that. */
#define SUSPECT 160
#define SUSPECT_END 200

static struct snapshot *snapshots[SECONDS];

static void make_snapshots(void)
{
    struct scene scene;
    setenv("TZ", "UTC", 1);
    tzset();
    scene_init(&scene);
    for (size_t i = 0; i < SECONDS; i++)
        snapshots[i] = scene_next(&scene);
    scene_deinit(&scene);
}

static void record_suspect(struct recorder *recorder, const struct snapshot *snapshot, bool is_one)
{
    const struct recorder_suspect suspect = {.kind = "site_grows",
                                             .confidence = "likely",
                                             .summary = "main.hold keeps \x1b[31m what it allocates",
                                             .evidence = "",
                                             .advice = ""};
    recorder_set_suspects(recorder, snapshot, &suspect, is_one);
}

static struct recorder *record_scene(const char *path, size_t count)
{
    struct recorder *recorder = NULL;
    check_good(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < count; i++) {
        if (i == MARK)
            recorder_mark(recorder, snapshots[i]->unix_ns, "deploy v2");
        if (i == SECOND_MARK)
            recorder_mark(recorder, snapshots[i]->unix_ns,
                          "load test with \x1b[31m many more words than there is room for");
        if (i < GAP || i >= GAP + GAP_SAMPLES)
            record_one(recorder, snapshots[i]);
        if (i == SUSPECT || i == SUSPECT_END)
            record_suspect(recorder, snapshots[i], true);
        if (i == SUSPECT_END + 1)
            record_suspect(recorder, snapshots[i], false);
    }
    return recorder;
}

/* All of it, which is made once: no test writes to it. */
static const char *night(void)
{
    return scratch_path("night.heaptop");
}

static void open_stage(struct stage *stage, const char *path, int width, int height, uint64_t start_unix_ns)
{
    struct session_options options = {
        .width = width, .height = height, .glyphs = GLYPHS_BRAILLE, .start_unix_ns = start_unix_ns};
    *stage = (struct stage){.source = replay(path)};
    ck_assert_ptr_null(session_create(stage->source, &options, &stage->session));
}

static void close_stage(struct stage *stage)
{
    session_destroy(stage->session);
    source_close(stage->source);
}

static void settle(struct stage *stage)
{
    do {
        ck_assert_ptr_null(session_pull(stage->session));
    } while (session_is_busy(stage->session));
}

/* Once there is something: what plays, or is still being recorded, comes by the clock. */
static void pull_next(struct stage *stage)
{
    struct pollfd next = {.fd = stage->source->ops->descriptor(stage->source), .events = POLLIN};
    ck_assert_int_ge(next.fd, 0);
    ck_assert_int_eq(poll(&next, 1, -1), 1);
    ck_assert_ptr_null(session_pull(stage->session));
}

static void press(struct stage *stage, const char *keys)
{
    stage_keys(stage, keys);
    settle(stage);
}

/* Which of the seconds is on view. */
static size_t second_of(const struct stage *stage)
{
    return (size_t)((stage->session->model.shown->unix_ns - snapshots[0]->unix_ns) / BUILDER_SECOND_NS);
}

static void setup(void)
{
    make_snapshots();
    check_good(recorder_close(record_scene(night(), SECONDS), NULL));
}

static void teardown(void)
{
    builder_release(snapshots, SECONDS);
    scratch_remove();
}

struct golden {
    const char *name;
    int width, height;
    enum colour_depth depth;
    const char *keys;
};

static const struct golden goldens[] = {
    {"replay-80x24", 80, 24, DEPTH_256, ""},
    {"replay-160x44", 160, 44, TEXT_ONLY, "@ -100s Enter"},
    {"replay-60x15", 60, 15, TEXT_ONLY, "{"},
    {"replay-jump-prompt-80x24", 80, 24, TEXT_ONLY, "@ 03:06"},
    {"replay-playing-80x24", 80, 24, TEXT_ONLY, "Home + + + Space"},
    {"replay-span-160x44", 160, 44, DEPTH_256, "@ -100s Enter ( @ +60s Enter ) 2"},
    {"replay-span-goroutines-80x24", 80, 24, TEXT_ONLY, "@ -100s Enter ( @ +60s Enter ) 3"},
    {"replay-memory-80x24", 80, 24, TEXT_ONLY, "{ 6"},
    {"replay-suspect-160x44", 160, 44, TEXT_ONLY, "Home @ suspect Enter"},
    {"replay-hidden-80x24", 80, 24, TEXT_ONLY, "{ T"},
    {"diff-80x24", 80, 24, TEXT_ONLY, "@ -200s Enter ( End ) D"},
    {"diff-160x44", 160, 44, DEPTH_256, "@ -200s Enter ( End ) D"},
    {"diff-goroutines-80x24", 80, 24, TEXT_ONLY, "@ -200s Enter ( End ) D Tab"},
    {"diff-counters-160x44", 160, 44, TEXT_ONLY, "@ -200s Enter ( End ) D Tab Tab j"},
    {"diff-memory-80x24", 80, 24, TEXT_ONLY, "@ -200s Enter ( End ) D Tab Tab Tab"},
};

START_TEST(a_screen_is_as_it_was)
{
    const struct golden *golden = &goldens[_i];
    struct stage stage;
    open_stage(&stage, night(), golden->width, golden->height, 0);
    settle(&stage);
    for (const char *word = golden->keys; *word;) {
        char keys[32];
        size_t length = strcspn(word, " ");
        snprintf(keys, sizeof(keys), "%.*s", (int)length, word);
        /* Playing goes on by the clock: here it is only seen to have begun. */
        if (strcmp(keys, "Space") == 0)
            stage_keys(&stage, keys);
        else
            press(&stage, keys);
        word += length;
        word += *word == ' ';
    }
    /* The sentence on top is the analysis room's. */
    if (!strchr(golden->keys, '(') && stage.session->verdict.length) {
        text_deinit(&stage.session->verdict);
        text_append(&stage.session->verdict,
                    "Growing 3.1 MB/s for 12 min. 82% of it: tsdb.(*Head).getOrCreate head.go:1622.");
    }
    session_draw(stage.session);
    golden_check(&stage.session->grid, golden->name, golden->keys, golden->depth);
    close_stage(&stage);
}
END_TEST

START_TEST(keys_go_where_they_say)
{
    static const struct {
        const char *keys;
        size_t second;
    } steps[] = {
        {", , ,", 296}, {".", 297},         {". . . .", 299},     {"Home", 0},        {",", 0},
        {".", 1},       {"}", MARK},        {"}", SECOND_MARK},   {"}", SECOND_MARK}, {"{", MARK},
        {"{", MARK},    {"@ +30s Enter", 90}, {"@ -1m Enter", 30}, {"@ -10m Enter", 0}, {"@ +1h Enter", 299},
        {"@ 03:05 Enter", 55}, {"@ @1767323050 Enter", 5}, {"@ end Enter", 299},
        {"@ start Enter", 0},  {"@ mark Enter", MARK},     {"@ nonsense Enter", MARK}, {"@ Enter", MARK},
        /* A moment needs no word after a colon either; "go" takes it too. */
        {": 03:05 Enter", 55}, {": -5s Enter", 50},        {": go Space mark Enter", MARK},
        {"@ 1234 Esc", MARK},  {"@ +70s Enter", 119},      {". ,", 119},
        {".", GAP + GAP_SAMPLES}, {"@ suspect Enter", SUSPECT}, {"@ suspect Enter", SUSPECT},
        {"End", 299},
    };
    struct stage stage;
    open_stage(&stage, night(), 120, 40, 0);
    settle(&stage);
    ck_assert_uint_eq(second_of(&stage), 299);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        press(&stage, steps[i].keys);
        ck_assert_msg(second_of(&stage) == steps[i].second, "'%s' went to %zu, not %zu", steps[i].keys,
                      second_of(&stage), steps[i].second);
    }
    press(&stage, "Home");
    ck_assert(stage_shows(&stage, "\xe2\x80\x96 REPLAY 03:04:05"));
    press(&stage, "Home ,");
    ck_assert(stage_shows(&stage, "this is the first sample"));
    close_stage(&stage);
}
END_TEST

START_TEST(gc_cycles_are_found_both_ways)
{
    struct stage stage;
    open_stage(&stage, night(), 120, 40, 0);
    settle(&stage);
    press(&stage, "Home");
    size_t found[64], count = 0, before;
    do {
        before = second_of(&stage);
        press(&stage, "c");
        found[count++] = second_of(&stage);
        /* Each is a sample that brought a cycle. */
        ck_assert(second_of(&stage) == before || stage.session->model.shown->num_gc_cycles > 0);
    } while (second_of(&stage) != before && count < ARRAY_SIZE(found));
    ck_assert_uint_gt(count, 5);
    ck_assert(stage_shows(&stage, "there is no GC cycle after this"));
    for (size_t i = count - 1; i-- > 1;) {
        press(&stage, "C");
        ck_assert_uint_eq(second_of(&stage), found[i - 1]);
    }
    close_stage(&stage);
}
END_TEST

START_TEST(the_largest_rise_is_where_rss_rose_most)
{
    struct stage stage;
    open_stage(&stage, night(), 120, 40, 0);
    settle(&stage);
    size_t most = 1;
    int64_t largest = 0;
    for (size_t i = 1; i < SECONDS; i++) {
        size_t earlier = i == GAP + GAP_SAMPLES ? GAP - 1 : i - 1;
        int64_t rise = snapshots[i]->counters[COUNTER_RSS].value.integer -
                       snapshots[earlier]->counters[COUNTER_RSS].value.integer;
        if ((i < GAP || i >= GAP + GAP_SAMPLES) && rise > largest) {
            largest = rise;
            most = i;
        }
    }
    press(&stage, "^");
    ck_assert_uint_eq(second_of(&stage), most);
    close_stage(&stage);
}
END_TEST

START_TEST(a_click_goes_there)
{
    struct stage stage;
    open_stage(&stage, night(), 120, 40, 0);
    settle(&stage);
    session_draw(stage.session);
    int y = stage.session->time_line_y, width = 120;
    for (int x = 20; x < width; x += 14) {
        struct event event = {.type = EVENT_MOUSE, .mouse = MOUSE_PRESS, .x = x, .y = y};
        ck_assert_ptr_null(session_handle(stage.session, &event));
        settle(&stage);
        session_draw(stage.session);
        double part = (double)(x - 20) / (width - 22);
        double expected = part * 299;
        /* Where there is a gap, what is before it. */
        if (expected < GAP || expected >= GAP + GAP_SAMPLES)
            ck_assert_msg(second_of(&stage) + 1 >= (size_t)expected && second_of(&stage) <= (size_t)expected + 1,
                          "column %d is second %zu, not %.0f", x, second_of(&stage), expected);
    }
    close_stage(&stage);
}
END_TEST

START_TEST(it_begins_where_it_is_told_to)
{
    struct stage stage;
    open_stage(&stage, night(), 120, 40, snapshots[77]->unix_ns + 1);
    settle(&stage);
    ck_assert_uint_eq(second_of(&stage), 77);
    ck_assert(!stage.session->playback.is_playing);
    close_stage(&stage);
}
END_TEST

START_TEST(playing_goes_to_the_end_and_stops)
{
    struct stage stage;
    open_stage(&stage, night(), 120, 40, snapshots[200]->unix_ns);
    settle(&stage);
    stage_keys(&stage, "+ + + + + + + + + + Space");
    ck_assert(stage.session->playback.is_playing);
    ck_assert(playback_speed(&stage.session->playback) == 1000);
    /* A tenth of a second at this speed. */
    while (stage.session->playback.is_playing)
        pull_next(&stage);
    ck_assert_uint_eq(second_of(&stage), 299);
    /* Again from the beginning. */
    stage_keys(&stage, "Space");
    ck_assert(stage.session->playback.is_playing);
    ck_assert_uint_eq(second_of(&stage), 0);
    stage_keys(&stage, "Space");
    ck_assert(!stage.session->playback.is_playing);
    close_stage(&stage);
}
END_TEST

START_TEST(a_recording_that_goes_on_is_followed)
{
    struct stage stage;
    const char *path = scratch_path("goes-on.heaptop");
    struct recorder *recorder = record_scene(path, 100);
    open_stage(&stage, path, 120, 40, 0);
    settle(&stage);
    ck_assert_uint_eq(second_of(&stage), 99);
    ck_assert(stage.session->playback.is_playing);
    for (size_t i = 100; i < 110; i++)
        record_one(recorder, snapshots[i]);
    while (second_of(&stage) < 109)
        pull_next(&stage);
    ck_assert_uint_eq(stage.session->playback.timeline.last_unix_ns, snapshots[109]->unix_ns);
    /* Whoever looks at the past stays there; End goes to what has come meanwhile. */
    press(&stage, ", , ,");
    for (size_t i = 110; i < 115; i++)
        record_one(recorder, snapshots[i]);
    settle(&stage);
    ck_assert_uint_eq(second_of(&stage), 106);
    press(&stage, "End");
    ck_assert_uint_eq(second_of(&stage), 114);
    check_good(recorder_close(recorder, NULL));
    while (!stage.session->playback.timeline.ended)
        pull_next(&stage);
    settle(&stage);
    ck_assert(!stage.session->playback.is_playing);
    close_stage(&stage);
}
END_TEST

START_TEST(growth_is_that_of_the_span)
{
    struct stage stage;
    open_stage(&stage, night(), 160, 44, snapshots[100]->unix_ns);
    settle(&stage);
    press(&stage, "( @ +50s Enter");
    ck_assert(stage_shows(&stage, "In the 50 s of the span"));
    ck_assert(stage_shows(&stage, "in span"));
    press(&stage, ") T T");
    char *at_end = stage_text(&stage);
    /* Elsewhere, what the span says stays. */
    press(&stage, "@ +100s Enter");
    ck_assert(stage_shows(&stage, "In the 50 s of the span"));
    press(&stage, "@ -100s Enter T T");
    char *again = stage_text(&stage);
    ck_assert_str_eq(strchr(at_end, '\n'), strchr(again, '\n'));
    free(at_end);
    free(again);
    /* At its edges the same keys clear it. */
    press(&stage, ") @ -50s Enter (");
    ck_assert(!stage_shows(&stage, "of the span:"));
    ck_assert(!stage_shows(&stage, "in span"));
    press(&stage, "D");
    ck_assert(stage_shows(&stage, "Choose a span first"));
    close_stage(&stage);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("time_line");
    TCase *tests = tcase_create("time_line");
    tcase_add_unchecked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_screen_is_as_it_was, 0, ARRAY_SIZE(goldens));
    tcase_add_test(tests, keys_go_where_they_say);
    tcase_add_test(tests, gc_cycles_are_found_both_ways);
    tcase_add_test(tests, the_largest_rise_is_where_rss_rose_most);
    tcase_add_test(tests, a_click_goes_there);
    tcase_add_test(tests, it_begins_where_it_is_told_to);
    tcase_add_test(tests, playing_goes_to_the_end_and_stops);
    tcase_add_test(tests, a_recording_that_goes_on_is_followed);
    tcase_add_test(tests, growth_is_that_of_the_span);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
