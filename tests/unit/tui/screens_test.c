/* Golden screens: scripted keys over the scene, held against tests/screens/NAME.txt. When a change is meant, run this
 * test with HEAPTOP_UPDATE_GOLDEN=1 and look at the difference. The verdict's sentence is the analysis room's, and
 * replaced here. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tests/unit/tui/golden.h"

#define VERDICT                                                                                                        \
    "Growing 3.1 MB/s for 12 min. 82% of it: tsdb.(*Head).getOrCreate head.go:1622. At this rate the 2.0 GB limit is " \
    "met in 4 h 10 min."

struct golden {
    const char *name;
    struct stage_options options;
    enum colour_depth depth;    /* With styles; TEXT_ONLY: only the text. */
    const char *keys;
};

#define WIDE {.width = 160, .height = 44, .seconds = 200}
#define USUAL {.width = 80, .height = 24, .seconds = 200}
#define SMALL {.width = 60, .height = 15, .seconds = 200}
#define WIDE_ASCII {.width = 160, .height = 44, .seconds = 200, .glyphs = GLYPHS_ASCII}
#define USUAL_ASCII {.width = 80, .height = 24, .seconds = 200, .glyphs = GLYPHS_ASCII}
#define USUAL_BLOCK {.width = 110, .height = 34, .seconds = 200, .glyphs = GLYPHS_BLOCK}

static struct stage_sources sources;
#define SOURCE(columns, rows) {.width = columns, .height = rows, .seconds = 200, .sources = &sources}
#define CODE(columns, rows) {.width = columns, .height = rows, .seconds = 200, .has_code = true}

#define NATIVE(columns, rows) {.width = columns, .height = rows, .seconds = 60, .is_native = true}
#define OFF(columns, rows) {.width = columns, .height = rows, .seconds = 200, .profiling = PROFILING_OFFERED}
#define PRELOADED(columns, rows) {.width = columns, .height = rows, .seconds = 200, .profiling = PROFILING_PRELOADED}
#define SWITCHED(columns, rows) {.width = columns, .height = rows, .seconds = 200, .profiling = PROFILING_SWITCHED}

static const struct golden goldens[] = {
    {"overview-160x44", WIDE, DEPTH_256, ""},
    {"overview-80x24", USUAL, DEPTH_16, ""},
    {"overview-60x15", SMALL, DEPTH_8, ""},
    {"overview-mono-80x24", USUAL, DEPTH_MONO, "j"},
    {"overview-ascii-160x44", WIDE_ASCII, TEXT_ONLY, ""},
    {"overview-ascii-80x24", USUAL_ASCII, TEXT_ONLY, ""},
    {"overview-block-110x34", USUAL_BLOCK, TEXT_ONLY, ""},
    {"overview-200x60", {.width = 200, .height = 60, .seconds = 700}, TEXT_ONLY, ""},
    {"overview-first-sample-80x24", {.width = 80, .height = 24, .seconds = 1}, TEXT_ONLY, ""},
    {"overview-waiting-80x24", {.width = 80, .height = 24}, TEXT_ONLY, ""},
    {"overview-native-120x30", {.width = 120, .height = 30, .seconds = 90, .is_native = true}, TEXT_ONLY, ""},
    {"overview-exited-80x24", {.width = 80, .height = 24, .seconds = 100, .exits = true}, TEXT_ONLY, ""},
    {"too-small", {.width = 42, .height = 9, .seconds = 10}, TEXT_ONLY, ""},
    {"sites-160x44", WIDE, TEXT_ONLY, "2"},
    {"sites-60x15", SMALL, TEXT_ONLY, "2"},
    {"sites-filter-80x24", USUAL, DEPTH_256, "2 \\ tsdb Enter j"},
    {"sites-filter-prompt-80x24", USUAL, TEXT_ONLY, "2 \\ labels"},
    {"sites-search-80x24", USUAL, DEPTH_256, "2 / promql Enter n"},
    {"sites-sorted-by-size-80x24", USUAL, TEXT_ONLY, "2 < < S"},
    {"sites-tree-160x44", WIDE, TEXT_ONLY, "2 t Enter j Enter j j j l"},
    {"site-160x44", WIDE, DEPTH_256, "Enter"},
    {"site-80x24", USUAL, TEXT_ONLY, "2 Enter Tab j"},
    {"site-60x15", SMALL, TEXT_ONLY, "2 Enter"},
    {"overview-profiling-off-160x44", OFF(160, 44), TEXT_ONLY, ""},
    {"sites-profiling-off-80x24", OFF(80, 24), TEXT_ONLY, "2"},
    {"profiling-confirm-80x24", OFF(80, 24), DEPTH_256, "2 P"},
    {"profiling-confirm-60x15", OFF(60, 15), TEXT_ONLY, "P"},
    {"overview-profiling-switched-80x24", SWITCHED(80, 24), TEXT_ONLY, ""},
    {"sites-profiling-switched-160x44", SWITCHED(160, 44), DEPTH_256, "2"},
    {"sites-preloaded-80x24", PRELOADED(80, 24), TEXT_ONLY, "2"},
    {"site-preloaded-160x44", PRELOADED(160, 44), TEXT_ONLY, "2 Enter"},
    {"site-preloaded-60x15", PRELOADED(60, 15), TEXT_ONLY, "2 Enter"},
    {"profiling-put-back-80x24", SWITCHED(80, 24), TEXT_ONLY, "P"},
    {"goroutines-160x44", WIDE, TEXT_ONLY, "3"},
    {"goroutines-80x24", USUAL, TEXT_ONLY, "3 j"},
    {"goroutines-by-creator-80x24", USUAL, TEXT_ONLY, "3 o j"},
    {"goroutines-by-state-80x24", USUAL, TEXT_ONLY, "3 o o"},
    {"goroutines-by-kind-80x24", USUAL, TEXT_ONLY, "3 o o o"},
    {"goroutines-by-labels-80x24", USUAL, TEXT_ONLY, "3 o o o o"},
    {"goroutines-tree-80x24", USUAL, TEXT_ONLY, "3 t Enter j Enter"},
    {"goroutines-tree-of-creators-80x24", USUAL, TEXT_ONLY, "3 o t Enter j"},
    {"goroutine-group-160x44", WIDE, TEXT_ONLY, "3 Enter"},
    {"goroutine-group-80x24", USUAL, TEXT_ONLY, "3 o o j Enter Tab"},
    {"goroutine-160x44", WIDE, TEXT_ONLY, "3 Enter Tab j Enter"},
    {"goroutine-80x24", USUAL, TEXT_ONLY, "3 Enter Tab G Enter Tab"},
    {"goroutine-200x60", {.width = 200, .height = 60, .seconds = 200}, DEPTH_256, "3 Enter Tab j Enter"},
    {"goroutine-60x15", SMALL, DEPTH_MONO, "3 Enter Tab j Enter"},
    {"threads-160x44", WIDE, TEXT_ONLY, "4"},
    {"threads-80x24", USUAL, TEXT_ONLY, "4"},
    {"threads-ascii-80x24", USUAL_ASCII, TEXT_ONLY, "4"},
    {"threads-native-160x44", NATIVE(160, 44), DEPTH_256, "4"},
    {"threads-native-80x24", NATIVE(80, 24), TEXT_ONLY, "4"},
    {"thread-stacks-80x24", NATIVE(80, 24), TEXT_ONLY, "4 Tab"},
    {"thread-160x44", NATIVE(160, 44), DEPTH_256, "4 Tab Enter"},
    {"thread-80x24", NATIVE(80, 24), TEXT_ONLY, "4 j j Enter j"},
    {"thread-60x15", NATIVE(60, 15), TEXT_ONLY, "4 j j Enter"},
    {"procs-160x44", WIDE, DEPTH_256, "4 Tab"},
    {"procs-80x24", USUAL, TEXT_ONLY, "4 Tab"},
    {"gc-160x44", WIDE, TEXT_ONLY, "5"},
    {"gc-80x24", USUAL, TEXT_ONLY, "5 j j"},
    {"gc-cycle-160x44", WIDE, TEXT_ONLY, "5 j Enter"},
    {"gc-cycle-80x24", USUAL, TEXT_ONLY, "5 Enter"},
    {"memory-160x44", WIDE, TEXT_ONLY, "6"},
    {"memory-80x24", USUAL, TEXT_ONLY, "6"},
    {"memory-spans-160x44", WIDE, TEXT_ONLY, "6 Tab"},
    {"memory-spans-80x24", USUAL, TEXT_ONLY, "6 Tab j S"},
    {"memory-caches-80x24", USUAL, TEXT_ONLY, "6 Tab Tab"},
    {"memory-60x15", SMALL, TEXT_ONLY, "6"},
    {"memory-first-sample-160x44", {.width = 160, .height = 44, .seconds = 1}, TEXT_ONLY, "6"},
    {"memory-native-80x24", {.width = 80, .height = 24, .seconds = 60, .is_native = true}, TEXT_ONLY, "6"},
    {"memory-native-160x44", NATIVE(160, 44), DEPTH_256, "6 Tab"},
    {"memory-native-60x15", NATIVE(60, 15), TEXT_ONLY, "6 Tab"},
    {"memory-chunks-80x24", NATIVE(80, 24), TEXT_ONLY, "6 Tab s S"},
    {"memory-types-80x24", NATIVE(80, 24), TEXT_ONLY, "6 Tab Tab"},
    {"memory-types-200x60", NATIVE(200, 60), DEPTH_256, "6 Tab Tab"},
    {"memory-types-60x15", NATIVE(60, 15), DEPTH_MONO, "6 Tab Tab"},
    {"site-source-160x44", SOURCE(160, 44), DEPTH_256, "2 Enter"},
    {"site-code-80x24", CODE(80, 24), TEXT_ONLY, "2 Enter"},
    {"source-160x44", SOURCE(160, 44), TEXT_ONLY, "2 Enter Enter"},
    {"source-80x24", SOURCE(80, 24), DEPTH_256, "2 Enter Enter Down"},
    {"source-60x15", SOURCE(60, 15), DEPTH_MONO, "2 Enter Enter / memseries Enter"},
    {"source-code-80x24", CODE(80, 24), TEXT_ONLY, "2 Enter Enter"},
    {"source-none-80x24", USUAL, TEXT_ONLY, "7 G Enter Enter"},
    {"flame-160x44", WIDE, DEPTH_256, "7 Up"},
    {"flame-80x24", USUAL, DEPTH_16, "7 Up Up"},
    {"flame-60x15", SMALL, TEXT_ONLY, "7"},
    {"flame-mono-80x24", USUAL, DEPTH_MONO, "7 / labels Enter"},
    {"flame-ascii-80x24", USUAL_ASCII, TEXT_ONLY, "7 Up"},
    {"flame-icicle-80x24", USUAL, TEXT_ONLY, "7 i Down Down"},
    {"flame-zoomed-80x24", USUAL, TEXT_ONLY, "7 Up Up Enter Up"},
    {"flame-growth-160x44", WIDE, DEPTH_256, "7 Tab Tab Up"},
    {"flame-growth-mono-60x15", SMALL, DEPTH_MONO, "7 Tab Tab Up"},
    {"flame-goroutines-80x24", USUAL, TEXT_ONLY, "7 Tab Tab Tab"},
    {"flame-threads-80x24", USUAL, TEXT_ONLY, "7 Shift-Tab"},
    {"flame-profiling-off-80x24", OFF(80, 24), TEXT_ONLY, "7"},
    {"suspects-160x44", WIDE, TEXT_ONLY, "8 j"},
    {"suspects-80x24", USUAL, DEPTH_256, "8"},
    {"suspects-60x15", SMALL, TEXT_ONLY, "8"},
    {"suspects-none-80x24", {.width = 80, .height = 24, .seconds = 5}, TEXT_ONLY, "8"},
    {"suspects-open-80x24", USUAL, TEXT_ONLY, "8 Enter"},
    {"theme-dark-80x24", USUAL, DEPTH_RGB, "2 j : theme Space dark Enter"},
    {"theme-light-80x24", USUAL, DEPTH_RGB, "2 j : theme Space light Enter"},
    {"theme-light-16-colours-80x24", USUAL, DEPTH_16, "2 j : theme Space light Enter"},
    {"theme-contrast-80x24", USUAL, DEPTH_RGB, "2 j : theme Space contrast Enter"},
    {"theme-contrast-8-colours-80x24", USUAL, DEPTH_8, "2 j : theme Space contrast Enter"},
    {"theme-mono-80x24", USUAL, DEPTH_RGB, "2 j : theme Space mono Enter"},
    {"theme-colour-blind-80x24", USUAL, DEPTH_RGB, "2 j : theme Space colour-blind Enter"},
    {"command-80x24", USUAL, DEPTH_256, ": s"},
    {"command-completed-80x24", USUAL, DEPTH_MONO, "2 : sort Space Tab Tab Tab"},
    {"command-60x15", SMALL, TEXT_ONLY, ":"},
    {"command-160x44", WIDE, TEXT_ONLY, ":"},
    {"help-160x44", WIDE, DEPTH_256, "?"},
    {"help-60x15", SMALL, TEXT_ONLY, "? j j"},
    {"problems-80x24", USUAL, TEXT_ONLY, "!"},
    {"paused-80x24", USUAL, TEXT_ONLY, "Space"},
};

static void set_verdict(struct session *session)
{
    if (session->verdict.length == 0)
        return;
    text_deinit(&session->verdict);
    text_append(&session->verdict, VERDICT);
}

START_TEST(a_screen_is_as_it_was)
{
    const struct golden *golden = &goldens[_i];
    struct stage stage;
    if (golden->options.sources)
        stage_sources_make(&sources);
    stage_open(&stage, &golden->options);
    stage_keys(&stage, golden->keys);
    set_verdict(stage.session);
    session_draw(stage.session);
    if (golden->options.sources)
        stage_sources_remove(&sources);
    golden_check(&stage.session->grid, golden->name, golden->keys, golden->depth);
    stage_close(&stage);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("screens");
    TCase *tests = tcase_create("golden");
    tcase_add_loop_test(tests, a_screen_is_as_it_was, 0, ARRAY_SIZE(goldens));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
