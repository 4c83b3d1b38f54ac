/* What is kept of a live session: the view goes back over it and comes forward again, with all that is selected and
 * open; and a recording while somebody wants one. */
#include "cli/keeper.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/tui/tui_test.h"

#define SECONDS 120

struct kept {
    struct scene scene;
    struct builder_source *live;
    struct keeper *keeper;
    struct stage stage;
};

/* One more second passes. */
static struct snapshot *take_second(struct kept *kept)
{
    struct builder_source *live = kept->live;
    struct snapshot **grown = realloc(live->snapshots, (live->count + 1) * sizeof(struct snapshot *));
    ck_assert_ptr_nonnull(grown);
    live->snapshots = grown;
    struct snapshot *snapshot = scene_next(&kept->scene);
    live->snapshots[live->count++] = snapshot;
    ck_assert_ptr_null(session_pull(kept->stage.session));
    return snapshot;
}

/* The same, and it is in the private file. */
static void pass_second(struct kept *kept)
{
    const struct snapshot *snapshot = take_second(kept);
    const struct tui_keeper *interface = keeper_interface(kept->keeper);
    for (bool written = false; !written;) {
        struct source *past = NULL;
        struct arena arena;
        struct timeline timeline = {0};
        struct error *error = interface->past(interface->context, &past);
        arena_init(&arena);
        if (!error)
            ck_assert_ptr_null(past->ops->timeline->read(past, &arena, &timeline));
        error_destroy(error);
        written = timeline.last_unix_ns == snapshot->unix_ns;
        arena_deinit(&arena);
    }
}

static void open_kept(struct kept *kept, const char *output, size_t seconds)
{
    setenv("TZ", "UTC", 1);
    tzset();
    *kept = (struct kept){0};
    scene_init(&kept->scene);
    struct source *live = builder_source(NULL, 0);
    kept->live = (struct builder_source *)live;
    ck_assert_ptr_null(keeper_create(live, output, &kept->keeper));
    struct session_options options = {
        .width = 160, .height = 44, .glyphs = GLYPHS_BRAILLE, .keeper = keeper_interface(kept->keeper)};
    ck_assert_ptr_null(session_create(keeper_source(kept->keeper), &options, &kept->stage.session));
    /* The file is made with the second one. */
    take_second(kept);
    for (size_t i = 1; i < seconds; i++)
        pass_second(kept);
}

static void close_kept(struct kept *kept)
{
    session_destroy(kept->stage.session);
    keeper_destroy(kept->keeper);
    scene_deinit(&kept->scene);
}

static void settle(struct kept *kept)
{
    do {
        ck_assert_ptr_null(session_pull(kept->stage.session));
    } while (session_is_busy(kept->stage.session));
}

static void press(struct kept *kept, const char *keys)
{
    stage_keys(&kept->stage, keys);
    settle(kept);
}

static size_t second_of(const struct kept *kept)
{
    return (size_t)((kept->stage.session->model.shown->unix_ns - BUILDER_START_NS) / BUILDER_SECOND_NS);
}

START_TEST(the_past_looks_as_it_looked)
{
    struct kept kept;
    static const char *const looks[] = {"1", "2", "3", "5", "6"};
    char *before[ARRAY_SIZE(looks)];
    open_kept(&kept, NULL, 60);
    press(&kept, "T");
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        press(&kept, looks[i]);
        before[i] = stage_text(&kept.stage);
    }
    size_t then = second_of(&kept);
    for (int i = 0; i < 10; i++)
        pass_second(&kept);
    press(&kept, ", , , , , , , , , ,");
    ck_assert_uint_eq(second_of(&kept), then);
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        press(&kept, looks[i]);
        char *again = stage_text(&kept.stage);
        /* But for the title, the time line, which has more in it, and the keys. */
        char *body = strchr(before[i], '\n'), *body_again = strchr(again, '\n'), *end = strstr(body, "\n RSS  "), *next;
        for (; end && (next = strstr(end + 1, "\n RSS  ")); end = next)
            ;
        ck_assert_ptr_nonnull(end);
        ck_assert_msg(strncmp(body, body_again, (size_t)(end - body)) == 0, "%s:\n%.1800s\nthen\n%.1800s", looks[i],
                      body, body_again);
        free(again);
        free(before[i]);
    }
    ck_assert(stage_shows(&kept.stage, "PAST"));
    close_kept(&kept);
}
END_TEST

/* However long the session: the last steps are read from a copy of what the live view knew shortly before. */
START_TEST(the_last_steps_need_little_reading)
{
    struct kept kept;
    enum { MANY = 3 * REWIND_RECENT_SPACING + 20 };
    open_kept(&kept, NULL, MANY);
    const struct session *session = kept.stage.session;
    for (size_t back = 1; back <= 30; back++) {
        press(&kept, ",");
        ck_assert_uint_eq(second_of(&kept), MANY - 1 - back);
        uint64_t from = session->model.rewind.from_unix_ns, shown = session->model.shown->unix_ns;
        ck_assert_msg(from <= shown && shown - from < 2 * REWIND_RECENT_SPACING * BUILDER_SECOND_NS,
                      "%zu back: read from %lu s before", back, (shown - from) / BUILDER_SECOND_NS);
    }
    /* And where it comes forward again, as well as later. */
    press(&kept, "Esc");
    for (size_t i = 0; i < 2 * REWIND_RECENT_SPACING; i++)
        pass_second(&kept);
    press(&kept, ",");
    ck_assert_uint_ge(session->model.rewind.from_unix_ns,
                      session->model.shown->unix_ns - 2 * REWIND_RECENT_SPACING * BUILDER_SECOND_NS);
    close_kept(&kept);
}
END_TEST

static void wait_for_suspects(struct source *source, struct timeline_suspect *ret_first)
{
    for (size_t count = 0; count == 0;) {
        struct arena arena;
        struct timeline timeline = {0};
        arena_init(&arena);
        check_good(source->ops->timeline->read(source, &arena, &timeline));
        count = timeline.num_suspects;
        if (count)
            *ret_first = timeline.suspects[0];
        ret_first->kind = ret_first->summary = ret_first->confidence = NULL;
        arena_deinit(&arena);
    }
}

START_TEST(suspects_are_kept_as_well)
{
    struct kept kept;
    struct source *past = NULL;
    struct timeline_suspect first;
    const char *path = scratch_path("suspects.db");
    unlink(path);
    open_kept(&kept, path, 10);
    stage_keys(&kept.stage, "R");
    for (int i = 0; i < 200; i++)
        pass_second(&kept);
    ck_assert_uint_gt(kept.stage.session->model.analysis->num_suspects, 0);
    const struct tui_keeper *interface = keeper_interface(kept.keeper);
    check_good(interface->past(interface->context, &past));
    wait_for_suspects(past, &first);
    ck_assert_uint_gt(first.from_unix_ns, BUILDER_START_NS);
    stage_keys(&kept.stage, "R");
    close_kept(&kept);
    struct source *source = replay(path);
    wait_for_suspects(source, &first);
    source_close(source);
    scratch_remove();
}
END_TEST

/* As heaptop run --record does. */
START_TEST(a_recording_may_begin_with_the_first_sample)
{
    struct scene scene;
    struct keeper *keeper = NULL;
    struct text said = {0};
    const char *path = scratch_path("first.db");
    unlink(path);
    scene_init(&scene);
    struct builder_source *live = (struct builder_source *)builder_source(NULL, 0);
    check_good(keeper_create(&live->source, NULL, &keeper));
    const struct recorder_options options = {.redact = true};
    check_good(keeper_record(keeper, path, &options));
    live->snapshots = realloc(live->snapshots, 5 * sizeof(struct snapshot *));
    ck_assert_ptr_nonnull(live->snapshots);
    for (; live->count < 5;) {
        struct snapshot *taken = NULL;
        live->snapshots[live->count++] = scene_next(&scene);
        check_good(keeper_source(keeper)->ops->next(keeper_source(keeper), 0, &taken));
        snapshot_unref(taken);
    }
    check_good(keeper_end_recording(keeper, &said));
    ck_assert_ptr_nonnull(strstr(said.data, "recorded 5 samples"));
    text_deinit(&said);
    struct source *source = replay(path);
    struct snapshot *first = take(source);
    ck_assert_uint_eq(first->unix_ns, BUILDER_START_NS);
    ck_assert_str_eq(catalog_string(first->catalog, first->target.command_line), "(left out)");
    snapshot_unref(first);
    source_close(source);
    keeper_destroy(keeper);
    scene_deinit(&scene);
    scratch_remove();
}
END_TEST

START_TEST(selections_and_open_screens_stay)
{
    struct kept kept;
    open_kept(&kept, NULL, SECONDS);
    stage_keys(&kept.stage, "2 j j");
    const struct list *list = session_top(kept.stage.session)->ops->focus(session_top(kept.stage.session)->state);
    uint64_t identity = list->selected_identity;
    press(&kept, ", , ,");
    ck_assert_ptr_nonnull(kept.stage.session->live);
    ck_assert_uint_eq(list->selected_identity, identity);
    ck_assert_uint_eq(list->ops->identity(list->context, list_selected(list)), identity);
    press(&kept, "Enter");
    ck_assert_uint_eq(kept.stage.session->depth, 1);
    press(&kept, "End");
    ck_assert_ptr_null(kept.stage.session->live);
    ck_assert_uint_eq(kept.stage.session->depth, 1);
    ck_assert_uint_eq(second_of(&kept), SECONDS - 1);
    press(&kept, "Esc");
    ck_assert_uint_eq(list->ops->identity(list->context, list_selected(list)), identity);
    close_kept(&kept);
}
END_TEST

START_TEST(sampling_goes_on_behind_the_past)
{
    struct kept kept;
    open_kept(&kept, NULL, SECONDS);
    press(&kept, "Space");
    for (int i = 0; i < 5; i++)
        pass_second(&kept);
    ck_assert(kept.stage.session->model.paused);
    ck_assert_uint_eq(second_of(&kept), SECONDS - 1);
    /* From the moment that was held. */
    press(&kept, ",");
    ck_assert_uint_eq(second_of(&kept), SECONDS - 2);
    for (int i = 0; i < 5; i++)
        pass_second(&kept);
    ck_assert_uint_eq(second_of(&kept), SECONDS - 2);
    press(&kept, "Esc");
    ck_assert_ptr_null(kept.stage.session->live);
    ck_assert(!kept.stage.session->model.paused);
    ck_assert_uint_eq(second_of(&kept), SECONDS + 9);
    /* Playing catches up with the live view, and becomes it. */
    press(&kept, ", ,");
    stage_keys(&kept.stage, "+ + + + + + + + + Space");
    while (kept.stage.session->live)
        ck_assert_ptr_null(session_pull(kept.stage.session));
    ck_assert_uint_eq(second_of(&kept), SECONDS + 9);
    close_kept(&kept);
}
END_TEST

START_TEST(a_baseline_holds_in_the_live_view)
{
    struct kept kept;
    open_kept(&kept, NULL, 60);
    press(&kept, "2 (");
    for (int i = 0; i < 20; i++)
        pass_second(&kept);
    ck_assert(stage_shows(&kept.stage, "In the 20 s of the span"));
    ck_assert(stage_shows(&kept.stage, "in span"));
    press(&kept, ", ,");
    ck_assert(stage_shows(&kept.stage, "In the 18 s of the span"));
    press(&kept, "D");
    ck_assert(stage_shows(&kept.stage, "difference of"));
    press(&kept, "Esc Esc");
    ck_assert_ptr_null(kept.stage.session->live);
    ck_assert(stage_shows(&kept.stage, "In the 20 s of the span"));
    close_kept(&kept);
}
END_TEST

START_TEST(keys_record_and_mark)
{
    struct kept kept;
    const char *path = scratch_path("kept.db");
    unlink(path);
    open_kept(&kept, path, 10);
    stage_keys(&kept.stage, "R");
    ck_assert(stage_shows(&kept.stage, "recording to"));
    for (int i = 0; i < 5; i++)
        pass_second(&kept);
    ck_assert(stage_shows(&kept.stage, "REC"));
    stage_keys(&kept.stage, "m here Enter");
    ck_assert(stage_shows(&kept.stage, "marked"));
    for (int i = 0; i < 5; i++)
        pass_second(&kept);
    stage_keys(&kept.stage, "R");
    ck_assert(stage_shows(&kept.stage, "recorded 10 samples"));
    /* What is there already is not overwritten. */
    stage_keys(&kept.stage, "R");
    ck_assert(stage_shows(&kept.stage, "exists already"));
    /* The mark is in the past as well. */
    press(&kept, "{");
    ck_assert(stage_shows(&kept.stage, "mark: here"));
    ck_assert_uint_eq(second_of(&kept), 14);
    close_kept(&kept);

    struct source *source = replay(path);
    struct arena arena;
    struct timeline timeline;
    arena_init(&arena);
    check_good(source->ops->timeline->read(source, &arena, &timeline));
    ck_assert(timeline.ended);
    ck_assert_uint_eq(timeline.first_unix_ns, BUILDER_START_NS + 10 * BUILDER_SECOND_NS);
    ck_assert_uint_eq(timeline.last_unix_ns, BUILDER_START_NS + 19 * BUILDER_SECOND_NS);
    ck_assert_uint_eq(timeline.num_marks, 1);
    ck_assert_str_eq(timeline.marks[0].text, "here");
    arena_deinit(&arena);
    source_close(source);
    scratch_remove();
}
END_TEST

/* Nothing with a name is left, even while the session goes on. */
START_TEST(nothing_stays_behind)
{
    char folder[] = "/tmp/heaptop-keeper-XXXXXX", command[96];
    struct kept kept;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    open_kept(&kept, NULL, 5);
    unsetenv("TMPDIR");
    ck_assert_int_eq(rmdir(folder), 0);
    press(&kept, ", ,");
    ck_assert_uint_eq(second_of(&kept), 2);
    close_kept(&kept);
    /* Without a place for it, the view goes on without a past, and says why. */
    snprintf(command, sizeof(command), "%s/none", folder);
    setenv("TMPDIR", command, 1);
    scene_init(&kept.scene);
    struct source *live = builder_source(NULL, 0);
    ck_assert_ptr_null(keeper_create(live, NULL, &kept.keeper));
    struct snapshot *taken = NULL;
    struct builder_source *given = (struct builder_source *)live;
    given->snapshots = realloc(given->snapshots, 2 * sizeof(struct snapshot *));
    ck_assert_ptr_nonnull(given->snapshots);
    for (; given->count < 2; given->count++)
        given->snapshots[given->count] = scene_next(&kept.scene);
    struct source *source = keeper_source(kept.keeper), *past = NULL;
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_null(source->ops->next(source, 0, &taken));
        ck_assert_ptr_eq(taken, given->snapshots[i]);
        snapshot_unref(taken);
    }
    unsetenv("TMPDIR");
    const struct tui_keeper *interface = keeper_interface(kept.keeper);
    struct error *error = interface->past(interface->context, &past);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error->message, "cannot make a folder"));
    error_destroy(error);
    keeper_destroy(kept.keeper);
    scene_deinit(&kept.scene);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("keeper");
    TCase *tests = tcase_create("keeper");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_past_looks_as_it_looked);
    tcase_add_test(tests, the_last_steps_need_little_reading);
    tcase_add_test(tests, suspects_are_kept_as_well);
    tcase_add_test(tests, a_recording_may_begin_with_the_first_sample);
    tcase_add_test(tests, selections_and_open_screens_stay);
    tcase_add_test(tests, sampling_goes_on_behind_the_past);
    tcase_add_test(tests, a_baseline_holds_in_the_live_view);
    tcase_add_test(tests, keys_record_and_mark);
    tcase_add_test(tests, nothing_stays_behind);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
