#include "tests/unit/tui/tui_test.h"

#include <dirent.h>
#include <limits.h>

#include "tests/unit/check_main.h"
#include "tui/chrome.h"

static const struct stage_options usual = {.width = 120, .height = 40, .seconds = 120};

static void click(struct stage *stage, int x, int y, enum mouse_kind kind)
{
    ck_assert_ptr_null(
        session_handle(stage->session, &(struct event){.type = EVENT_MOUSE, .mouse = kind, .x = x, .y = y}));
}

static struct list *focused(struct stage *stage)
{
    const struct open_screen *top = session_top(stage->session);
    return top->ops->focus(top->state);
}

START_TEST(the_selection_stays_on_its_row_when_the_data_moves)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "2 > > > G k k");
    uint64_t identity = focused(&stage)->selected_identity;
    for (int i = 0; i < 40; i++) {
        stage_second(&stage);
        struct list *list = focused(&stage);
        ck_assert_uint_eq(list->ops->identity(list->context, list_selected(list)), identity);
    }
    stage_keys(&stage, "S");
    ck_assert_uint_eq(focused(&stage)->ops->identity(focused(&stage)->context, list_selected(focused(&stage))),
                      identity);
    stage_close(&stage);
}
END_TEST

START_TEST(a_filter_shows_its_chip_and_escape_clears_it)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "2 \\ PROMQL");
    ck_assert_uint_eq(focused(&stage)->num_rows, 2);
    ck_shows_after(&stage, "Enter", "\\ PROMQL");
    ck_assert(stage_shows(&stage, "1 / 2 of 18"));
    ck_assert(!stage_shows(&stage, "newMemSeries"));
    ck_shows_after(&stage, "Esc", "newMemSeries");
    ck_shows_after(&stage, "\\ zzzz Enter", "none match");
    ck_assert_ptr_null(list_selected(focused(&stage)));
    stage_keys(&stage, "Enter j G Up Esc");
    ck_assert_ptr_nonnull(list_selected(focused(&stage)));
    stage_close(&stage);
}
END_TEST

START_TEST(search_goes_round_and_says_when_nothing_is_found)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "2 / labels Enter");
    size_t first = focused(&stage)->selected;
    stage_keys(&stage, "n n n n");
    ck_assert_uint_eq(focused(&stage)->selected, first);
    stage_keys(&stage, "N n");
    ck_assert_uint_eq(focused(&stage)->selected, first);
    ck_shows_after(&stage, "/ nowhere Enter", "not found: nowhere");
    ck_hides_after(&stage, "j", "not found");
    stage_close(&stage);
}
END_TEST

/* What heaptop has done to the process is never out of sight. */
START_TEST(that_a_library_was_loaded_is_said_at_every_width)
{
    for (int width = 60; width <= 160; width += 20) {
        struct stage stage;
        stage_open(&stage, &(struct stage_options){
                               .width = width, .height = 24, .seconds = 3, .profiling = PROFILING_PRELOADED});
        ck_assert(stage_shows(&stage, "preloaded"));
        ck_assert(width < 160 || stage_shows(&stage, "0 writes \xc2\xb7 preloaded"));
        stage_close(&stage);
    }
}
END_TEST

START_TEST(pause_holds_the_view_and_sampling_goes_on)
{
    struct stage stage;
    stage_open(&stage, &usual);
    struct model *model = &stage.session->model;
    stage_keys(&stage, "2 Space");
    uint64_t held = model->shown->unix_ns;
    char *before = stage_text(&stage);
    for (int i = 0; i < 60; i++)
        stage_second(&stage);
    ck_assert_uint_eq(model->shown->unix_ns, held);
    ck_assert_uint_eq(model->latest->unix_ns, held + 60 * BUILDER_SECOND_NS);
    char *after = stage_text(&stage);
    ck_assert(strstr(after, "PAUSED 1 min"));
    /* All below the title is as it was. */
    ck_assert_str_eq(strchr(before, '\n'), strchr(after, '\n'));
    /* Sorting, other screens and details work on what is held. */
    stage_keys(&stage, "> > > 5 3 1 2 Enter j Esc");
    ck_assert_uint_eq(model->shown->unix_ns, held);
    stage_keys(&stage, "Space");
    ck_assert_uint_eq(model->shown->unix_ns, held + 60 * BUILDER_SECOND_NS);
    ck_assert(stage_shows(&stage, "LIVE"));
    free(before);
    free(after);
    stage_keys(&stage, "Space Space Space");
    stage_close(&stage);
}
END_TEST

START_TEST(a_process_of_which_nothing_was_read_has_a_screen)
{
    struct stage stage = {0};
    struct builder *b = builder_create();
    for (int id = 0; id < COUNTER_COUNT; id++)
        builder_set_unavailable(b, (enum counter_id)id, "the process has ended");
    b->profile_state = PROFILE_NONE;
    b->exit_reason = "exited with status 0";
    struct snapshot *snapshot = builder_take(b);
    struct session_options options = {.width = 100, .height = 24};
    stage.source = builder_source(&snapshot, 1);
    ck_assert_ptr_null(session_create(stage.source, &options, &stage.session));
    stage_pull(&stage);
    ck_assert(stage_shows(&stage, "EXITED"));
    ck_shows_after(&stage, "2 3 4 5 6 1 ?", "Help");
    session_destroy(stage.session);
    source_close(stage.source);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(an_exited_process_stays_in_view)
{
    struct stage stage;
    struct stage_options options = usual;
    options.exits = true;
    stage_open(&stage, &options);
    ck_assert(stage_shows(&stage, "EXITED"));
    ck_assert(stage_shows(&stage, "tsdb.(*Head).getOrCreate"));
    stage_keys(&stage, "2 Enter Esc 4 5 6 1");
    ck_assert(!stage.session->quit);
    ck_shows_after(&stage, "!", "exited with status 2");
    stage_close(&stage);
}
END_TEST

START_TEST(the_mouse_selects_sorts_scrolls_and_opens)
{
    struct stage stage;
    stage_open(&stage, &usual);
    session_draw(stage.session);
    click(&stage, stage.session->tab_x[1] + 3, stage.session->tab_y, MOUSE_PRESS);
    ck_assert_uint_eq(stage.session->tab, 1);
    session_draw(stage.session);
    struct list *list = focused(&stage);
    click(&stage, 20, list->drawn.y + 1 + 4, MOUSE_PRESS);
    ck_assert_uint_eq(list->selected, 4);
    click(&stage, 20, list->drawn.y + 1, MOUSE_WHEEL_DOWN);
    ck_assert_uint_eq(list->selected, 7);
    click(&stage, list->drawn.x + list->column_x[0] + 2, list->drawn.y, MOUSE_PRESS);
    ck_assert_uint_eq(list->sort, 0);
    ck_assert(!list->reversed);
    click(&stage, list->drawn.x + list->column_x[0] + 2, list->drawn.y, MOUSE_PRESS);
    ck_assert(list->reversed);
    session_draw(stage.session);
    click(&stage, 20, list->drawn.y + 3, MOUSE_DOUBLE);
    ck_assert_uint_eq(stage.session->depth, 1);
    session_draw(stage.session);
    click(&stage, 500, 500, MOUSE_PRESS);
    stage_close(&stage);
}
END_TEST

START_TEST(both_lists_of_the_overview_take_the_focus)
{
    struct stage stage;
    stage_open(&stage, &usual);
    session_draw(stage.session);
    struct list *sites = focused(&stage);
    stage_keys(&stage, "Tab");
    struct list *goroutines = focused(&stage);
    ck_assert_ptr_ne(sites, goroutines);
    stage_keys(&stage, "Tab");
    ck_assert_ptr_eq(focused(&stage), sites);
    click(&stage, 10, goroutines->drawn.y + 2, MOUSE_PRESS);
    ck_assert_ptr_eq(focused(&stage), goroutines);
    ck_assert_uint_eq(goroutines->selected, 1);
    stage_close(&stage);
}
END_TEST

START_TEST(every_screen_survives_every_size)
{
    struct stage stage;
    stage_open(&stage, &usual);
    static const char *const ways[] = {"1", "2", "2 t Enter", "2 t Enter", "1 Enter", "3",
                                       "4", "5", "6",         "1 ?",       "Esc !"};
    for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
        stage_keys(&stage, ways[way]);
        for (int width = 1; width <= 210; width += width < 70 ? 9 : 23) {
            for (int height = 1; height <= 66; height += height < 26 ? 3 : 13) {
                ck_assert_ptr_null(session_handle(
                    stage.session, &(struct event){.type = EVENT_RESIZE, .width = width, .height = height}));
                session_draw(stage.session);
                if (width < SESSION_LEAST_WIDTH || height < SESSION_LEAST_HEIGHT)
                    ck_assert(width < 45 || stage_shows(&stage, "heaptop needs 60"));
            }
        }
        stage_keys(&stage, "Esc Esc");
    }
    stage_close(&stage);
}
END_TEST

START_TEST(keys_that_leave)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "/ q Esc");
    ck_assert(!stage.session->quit);
    stage_keys(&stage, "? q");
    ck_assert(!stage.session->quit);
    stage_keys(&stage, "q");
    ck_assert(stage.session->quit && !stage.session->pick_again);
    stage.session->quit = false;
    stage_keys(&stage, "p");
    ck_assert(stage.session->quit && stage.session->pick_again);
    stage_close(&stage);
}
END_TEST

static struct error *next_fails(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    (void)source, (void)timeout_ns, (void)ret_snapshot;
    return error_create(ERROR_GONE, "process 4242 is gone");
}

START_TEST(a_source_that_fails_is_said_and_not_asked_again)
{
    static const struct source_ops ops = {.next = next_fails};
    struct source source = {&ops, true};
    struct session *session;
    struct session_options options = {.width = 100, .height = 30};
    ck_assert_ptr_null(session_create(&source, &options, &session));
    ck_assert_ptr_null(session_pull(session));
    ck_assert_str_eq(session->model.failure, "process 4242 is gone");
    ck_assert_ptr_null(session_pull(session));
    /* There is no sample: keys and drawing must do without. */
    for (uint32_t key = 1; key < 127; key++)
        if (key != 'q' && key != 'p')
            ck_assert_ptr_null(session_handle(session, &(struct event){.type = EVENT_KEY, .key = key}));
    session_draw(session);
    ck_assert(!session->quit);
    struct text text = {0};
    session->popup = POPUP_NONE;
    session_draw(session);
    grid_dump_text(&session->grid, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "No samples: process 4242 is gone."));
    text_deinit(&text);
    session_destroy(session);
}
END_TEST

START_TEST(every_key_asks_for_one_thing)
{
    char buffer[KEY_NAME_BUFFER];
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++) {
        ck_assert(action_infos[action].keys[0] != 0);
        for (int i = 0; i < 2; i++) {
            uint32_t key = action_infos[action].keys[i];
            if (key == 0)
                continue;
            ck_assert_int_eq(action_of_key(key), action);
            ck_assert(!(key >= '0' && key <= '9'));
            ck_assert_uint_gt(strlen(key_name(key, buffer)), 0);
        }
        ck_assert_uint_gt(strlen(action_infos[action].help), 0);
    }
    ck_assert_int_eq(action_of_key(0), ACTION_NONE);
}
END_TEST

START_TEST(drawing_is_quick)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){.width = 200, .height = 60, .seconds = 300});
    session_draw(stage.session);
    struct timespec from, to;
    enum { ROUNDS = 200 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < ROUNDS; i++)
        session_draw(stage.session);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double each_ms = ((double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6) / ROUNDS;
    printf("one 200x60 screen: %.3f ms of CPU\n", each_ms);
    /* The aim is 1 ms; sanitizers and busy machines get room. */
    ck_assert(each_ms < 20);
    stage_close(&stage);
}
END_TEST

static int requested = -1;

static void note_request(struct source *source, enum source_request what)
{
    (void)source;
    requested = (int)what;
}

/* What was asked of the source after these keys; -1: nothing. */
static int request_after(enum stage_profiling profiling, bool live, const char *keys)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){.width = 80, .height = 24, .seconds = 20, .profiling = profiling});
    struct source_ops ops = *stage.source->ops;
    ops.request = note_request;
    struct source source = {.ops = &ops, .live = live};
    stage.session->model.source = &source;
    requested = -1;
    stage_keys(&stage, keys);
    ck_assert(!stage.session->quit);
    stage.session->model.source = stage.source;
    stage_close(&stage);
    return requested;
}

START_TEST(nothing_is_written_before_it_is_confirmed)
{
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P Enter"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P Esc y"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P P"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P q"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "y"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, true, "P y"), SOURCE_REQUEST_PROFILING_ON);
    ck_assert_int_eq(request_after(PROFILING_SWITCHED, true, "P n"), -1);
    ck_assert_int_eq(request_after(PROFILING_SWITCHED, true, "P y"), SOURCE_REQUEST_PROFILING_OFF);
    /* A program that profiles by itself, and a recording. */
    ck_assert_int_eq(request_after(PROFILING_OWN, true, "P y"), -1);
    ck_assert_int_eq(request_after(PROFILING_OFFERED, false, "P y"), -1);
}
END_TEST

/* The line at the bottom tells what came of it. */
START_TEST(what_came_of_switching_is_said)
{
    struct stage stage;
    stage_open(&stage,
               &(struct stage_options){.width = 80, .height = 24, .seconds = 20, .profiling = PROFILING_OFFERED});
    stage_keys(&stage, "P y");
    ck_assert_ptr_nonnull(strstr(stage.session->message, "switching memory profiling on"));
    stage_second(&stage);   /* Of a program that profiles by itself: so nothing was switched. */
    ck_assert_ptr_nonnull(strstr(stage.session->message, "switching memory profiling on"));
    builder_check(vector_append(&stage.scene.b->problems, "memory profiling was not switched on: it is on already"));
    for (int i = 0; i < 4; i++)
        stage_second(&stage);
    ck_assert_str_eq(stage.session->message, "memory profiling was not switched on: it is on already");
    stage_close(&stage);
}
END_TEST

/* The row without a call site can be selected, but not opened. */
static void offer_probes(struct snapshot *snapshot, unsigned second)
{
    (void)second;
    snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
}

/* Moving about in a question that does not fit is no answer to it. */
START_TEST(a_question_is_read_whole_before_it_is_answered)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){
                           .width = 60, .height = 15, .seconds = 20, .is_native = true, .adjust = offer_probes});
    ck_shows_after(&stage, "P", "j k scroll");
    ck_assert(!stage_shows(&stage, "asks again"));
    ck_shows_after(&stage, "PgDn", "asks again");
    ck_assert_int_eq(stage.session->popup, POPUP_PROBE_ON);
    ck_hides_after(&stage, "PgUp", "asks again");
    stage_keys(&stage, "n");
    ck_assert_int_eq(stage.session->popup, POPUP_NONE);
    /* Where all of it is to be seen these keys are like any other. */
    stage_keys(&stage, "X j");
    ck_assert_int_eq(stage.session->popup, POPUP_NONE);
    stage_close(&stage);
}
END_TEST

START_TEST(enter_goes_deeper_from_threads_and_ps_too)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){.width = 120, .height = 40, .seconds = 20, .is_native = true});
    stage_keys(&stage, "4 j j Enter Enter");
    ck_assert_str_eq(session_top(stage.session)->ops->title, "Source");
    stage_close(&stage);
    stage_open(&stage, &usual);
    ck_shows_after(&stage, "4 Tab j Enter", "thread 4252");
    stage_close(&stage);
}
END_TEST

START_TEST(what_has_an_order_of_its_own_is_not_reversed)
{
    static const char *const places[] = {"2 t Enter", "3 t Enter", "1 Enter Enter"};
    struct stage stage;
    stage_open(&stage, &(struct stage_options){.width = 120, .height = 40, .seconds = 120, .has_code = true});
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        stage_keys(&stage, places[i]);
        char *before = stage_text(&stage);
        stage_keys(&stage, "S");
        char *after = stage_text(&stage);
        ck_assert_str_eq(before, after);
        free(before);
        free(after);
    }
    stage_close(&stage);
}
END_TEST

START_TEST(the_line_of_keys_has_what_they_do_now)
{
    struct stage stage;
    stage_open(&stage, &usual);
    ck_assert(stage_shows(&stage, "Space pause"));
    ck_shows_after(&stage, "Space", "Space go on");
    /* Nothing is kept of this session: there is nothing to record to. */
    ck_assert(!stage_shows(&stage, "R record"));
    ck_hides_after(&stage, "?", "Space go on");
    ck_shows_after(&stage, "Esc Z Z Up", "Z graph");
    ck_assert(!stage_shows(&stage, "Enter open"));
    stage_close(&stage);
    stage_open(&stage, &(struct stage_options){.width = 120, .height = 40, .seconds = 20, .is_native = true});
    ck_shows_after(&stage, "4", "Enter open");
    ck_hides_after(&stage, "3", "Enter open");
    stage_close(&stage);
}
END_TEST

START_TEST(what_has_no_call_site_is_not_opened)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){
                           .width = 120, .height = 40, .seconds = 100, .profiling = PROFILING_SWITCHED});
    stage_keys(&stage, "2 G");
    session_draw(stage.session);
    struct text text = {0};
    grid_dump_text(&stage.session->grid, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "before profiling was on"));
    text_deinit(&text);
    stage_keys(&stage, "Enter");
    ck_assert_uint_eq(stage.session->depth, 0);
    ck_assert_ptr_nonnull(strstr(stage.session->message, "has no call site"));
    stage_keys(&stage, "/ before Enter Space Space");
    stage_close(&stage);
}
END_TEST

START_TEST(a_baseline_is_the_sample_on_view)
{
    struct stage stage;
    stage_open(&stage, &usual);
    const struct model *model = &stage.session->model;
    uint64_t now = model->shown->unix_ns;
    stage_keys(&stage, "b");
    ck_assert_ptr_nonnull(model->span_start);
    ck_assert_uint_eq(model->span_start->unix_ns, now);
    ck_assert(stage_shows(&stage, "growth is now since here"));
    for (int i = 0; i < 5; i++)
        stage_second(&stage);
    struct chosen_span span;
    ck_assert(model_span_chosen(model, &span));
    ck_assert_uint_eq(span.end->unix_ns, now + 5 * BUILDER_SECOND_NS);
    stage_keys(&stage, "b");
    ck_assert_ptr_null(model->span_start);
    ck_assert(!model_span_chosen(model, &span));
    stage_close(&stage);
}
END_TEST

START_TEST(a_frame_without_a_line_says_so)
{
    struct stage stage;
    stage_open(&stage, &usual);
    struct catalog *catalog = stage.session->model.shown->catalog;
    const struct frame frame = {.function = catalog_add_string(catalog, "keep_one", 8),
                                .file = catalog_add_string(catalog, "/usr/bin/leak", 13),
                                .address = 0x1234};
    ck_assert_ptr_null(session_open_source(stage.session, &frame));
    ck_assert(stage_shows(&stage, "no line is known for this frame"));
    ck_assert(!stage_shows(&stage, "leak:0"));
    stage_close(&stage);
}
END_TEST

START_TEST(following_lets_go_of_a_held_view)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "Space");
    stage_second(&stage);
    ck_assert(stage_shows(&stage, "PAUSED"));
    ck_hides_after(&stage, "f", "PAUSED");
    ck_assert_ptr_eq(stage.session->model.shown, stage.session->model.latest);
    stage_keys(&stage, "f");
    ck_assert(!stage.session->model.paused);
    stage_close(&stage);
}
END_TEST

START_TEST(an_enlarged_list_has_the_screen_to_itself)
{
    struct stage stage;
    stage_open(&stage, &usual);
    ck_shows_after(&stage, "Tab", "heap");
    ck_assert(stage_shows(&stage, "Growing call sites"));
    uint64_t identity = focused(&stage)->selected_identity;
    ck_shows_after(&stage, "z", "enlarged: Esc goes back");
    ck_assert(!stage_shows(&stage, "Growing call sites"));
    ck_assert_uint_eq(focused(&stage)->selected_identity, identity);
    ck_shows_after(&stage, "Esc", "Growing call sites");
    /* What is opened from it is whole. */
    ck_hides_after(&stage, "Tab z Enter", "enlarged");
    stage_close(&stage);
}
END_TEST

START_TEST(graphs_have_the_screen_to_themselves_one_after_the_other)
{
    static const char *const titles[] = {"RSS", "heap", "allocation", "goroutines", "GC p99", "threads"};
    struct stage stage;
    char say[64];
    stage_open(&stage, &usual);
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
        stage_keys(&stage, "Z");
        snprintf(say, sizeof(say), "graph %zu of %zu", i + 1, ARRAY_SIZE(titles));
        ck_assert(stage_shows(&stage, say));
        snprintf(say, sizeof(say), "\xe2\x94\x80 %s ", titles[i]);
        ck_assert_msg(stage_shows(&stage, say), "%s", titles[i]);
        ck_assert(stage_shows(&stage, "most "));
        ck_assert(!stage_shows(&stage, "Growing call sites"));
    }
    ck_shows_after(&stage, "Z", "Growing call sites");
    ck_shows_after(&stage, "Z Esc", "Growing call sites");
    /* Enter opens nothing that is not to be seen, and a list alone takes a graph's place. */
    ck_shows_after(&stage, "Z Enter", "Growing call sites");
    ck_shows_after(&stage, "Z z", "enlarged: Esc goes back");
    ck_shows_after(&stage, "2 Z", "there is no graph on this screen");
    stage_close(&stage);
}
END_TEST

START_TEST(what_is_selected_is_copied)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "2 y");
    const struct list *list = focused(&stage);
    char buffer[LIST_TEXT];
    ck_assert_str_eq(stage.session->clipboard.data, list->ops->text(list->context, list_selected(list), buffer));
    ck_assert(stage_shows(&stage, "sent to the terminal's clipboard: "));
    stage_keys(&stage, "7 G y");
    ck_assert_str_eq(stage.session->clipboard.data,
                     "github.com/prometheus/prometheus/tsdb.(*Head).getOrCreate head.go:1622");
    stage_close(&stage);
}
END_TEST

/* The only file in this folder, which is emptied. */
static char *take_file(const char *folder)
{
    struct dirent **entries;
    char path[300], *text = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    ck_assert_int_eq(count, 3);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            struct stat status;
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            ck_assert_int_eq(stat(path, &status), 0);
            ck_assert_uint_eq(status.st_mode & 0777, 0600);
            text = calloc(1, (size_t)status.st_size + 1);
            FILE *file = fopen(path, "re");
            ck_assert_ptr_nonnull(file);
            ck_assert_uint_eq(fread(text, 1, (size_t)status.st_size, file), (size_t)status.st_size);
            fclose(file);
            unlink(path);
        }
        free(entries[i]);
    }
    free(entries);
    return text;
}

START_TEST(screen_and_list_are_saved_as_files)
{
    char folder[] = "/tmp/heaptop-saved-XXXXXX", before[PATH_MAX];
    struct stage stage;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
    ck_assert_int_eq(chdir(folder), 0);
    stage_open(&stage, &(struct stage_options){.width = 60, .height = 15, .seconds = 120});
    stage_keys(&stage, "2");
    char *screen = stage_text(&stage);
    ck_shows_after(&stage, "w", "saved: heaptop-sites-");
    char *saved = take_file(folder);
    ck_assert_str_eq(saved, screen);
    free(saved);
    free(screen);
    stage_keys(&stage, "W");
    saved = take_file(folder);
    /* More than the screen has: every row, and the columns that had no room. */
    size_t lines = 0;
    for (const char *at = saved; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, focused(&stage)->num_rows + 1);
    ck_assert_ptr_nonnull(strstr(saved, "allocates"));
    ck_assert(!stage_shows(&stage, "allocates"));
    free(saved);
    ck_assert_int_eq(chmod(folder, 0500), 0);
    if (geteuid() != 0) {
        ck_shows_after(&stage, "w", "cannot make 'heaptop-sites-");
    }
    ck_shows_after(&stage, "7 W", "there is no list to save here");
    stage_close(&stage);
    ck_assert_int_eq(chdir(before), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("session");
    tcase_add_test(tests, the_selection_stays_on_its_row_when_the_data_moves);
    tcase_add_test(tests, a_filter_shows_its_chip_and_escape_clears_it);
    tcase_add_test(tests, search_goes_round_and_says_when_nothing_is_found);
    tcase_add_test(tests, that_a_library_was_loaded_is_said_at_every_width);
    tcase_add_test(tests, pause_holds_the_view_and_sampling_goes_on);
    tcase_add_test(tests, a_process_of_which_nothing_was_read_has_a_screen);
    tcase_add_test(tests, an_exited_process_stays_in_view);
    tcase_add_test(tests, the_mouse_selects_sorts_scrolls_and_opens);
    tcase_add_test(tests, both_lists_of_the_overview_take_the_focus);
    tcase_add_test(tests, every_screen_survives_every_size);
    tcase_add_test(tests, keys_that_leave);
    tcase_add_test(tests, a_source_that_fails_is_said_and_not_asked_again);
    tcase_add_test(tests, every_key_asks_for_one_thing);
    tcase_add_test(tests, nothing_is_written_before_it_is_confirmed);
    tcase_add_test(tests, what_came_of_switching_is_said);
    tcase_add_test(tests, a_question_is_read_whole_before_it_is_answered);
    tcase_add_test(tests, enter_goes_deeper_from_threads_and_ps_too);
    tcase_add_test(tests, what_has_an_order_of_its_own_is_not_reversed);
    tcase_add_test(tests, the_line_of_keys_has_what_they_do_now);
    tcase_add_test(tests, what_has_no_call_site_is_not_opened);
    tcase_add_test(tests, drawing_is_quick);
    tcase_add_test(tests, a_baseline_is_the_sample_on_view);
    tcase_add_test(tests, a_frame_without_a_line_says_so);
    tcase_add_test(tests, following_lets_go_of_a_held_view);
    tcase_add_test(tests, an_enlarged_list_has_the_screen_to_itself);
    tcase_add_test(tests, graphs_have_the_screen_to_themselves_one_after_the_other);
    tcase_add_test(tests, what_is_selected_is_copied);
    tcase_add_test(tests, screen_and_list_are_saved_as_files);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
