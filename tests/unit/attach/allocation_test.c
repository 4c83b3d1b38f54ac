/* Runs the room with an allocator that fails at the Nth call, for every N: each failure is an error or a marked gap,
 * nothing is left behind, nothing crashes. */
#include "attach/live_source.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"
#include "unit/failing_malloc.h"

#if HAS_OWN_ALLOCATOR

/* So many allocations are enough for any of what is run here. */
#define ENOUGH 100000

/* Calls it with 0, 1, 2, ... allocations allowed until all it wanted were had. */
static void run_with_every_limit(void (*run)(void))
{
    bool has_failed = true;
    for (size_t limit = 0; has_failed; limit++) {
        ck_assert_uint_lt(limit, ENOUGH);
        in_use = 0;
        allowed = limit;
        is_limited = true;
        run();
        is_limited = false;
        ck_assert_msg(in_use == 0, "%td blocks left behind when allocation %zu failed", in_use, limit + 1);
        has_failed = allowed == 0;
    }
}

/* Failures of the limit are told as such; a stray one would hide behind them. */
static void accept(struct error *error)
{
    if (error) {
        bool is_expected = error->kind == ERROR_NO_MEMORY || error->kind == ERROR_SYSTEM;
        is_limited = false;
        ck_assert_msg(is_expected, "%s", error->message);
        is_limited = true;
    }
    error_destroy(error);
}

static struct fixture fixture;

static void sample_twice(void)
{
    struct session *session;
    struct error *error = session_open(fixture.pid, (struct reader_list){0}, &session);
    if (error) {
        accept(error);
        return;
    }
    for (int i = 0; i < 2; i++) {
        struct snapshot *snapshot;
        error = session_sample(session, 0, 0, &snapshot);
        accept(error);
        if (!error)
            snapshot_unref(snapshot);
    }
    session_close(session);
}

static void list(void)
{
    struct process_list processes;
    struct program_kinds *kinds;
    struct error *error = program_kinds_create(&kinds);
    if (error) {
        accept(error);
        return;
    }
    error = process_list_read(kinds, &processes);
    accept(error);
    if (!error)
        process_list_deinit(&processes);
    program_kinds_destroy(kinds);
}

static void find(void)
{
    struct process_list processes;
    struct error *error = process_list_find("allocation_test", &processes);
    /* A row that could not be read is left out. */
    if (error && error->kind == ERROR_NOT_FOUND) {
        error_destroy(error);
        return;
    }
    accept(error);
    if (!error)
        process_list_deinit(&processes);
}

static void examine(void)
{
    struct doctor_report report;
    struct error *error = doctor_examine_with(fixture.pid, (struct reader_list){0}, &report);
    accept(error);
    if (!error)
        doctor_report_deinit(&report);
}

static void (*const runs[])(void) = {sample_twice, examine, list, find};

START_TEST(test_every_allocation)
{
    fixture = fixture_start(2);
    /* What the C library allocates once and keeps (user names, time zones) is allocated now. */
    runs[_i]();
    run_with_every_limit(runs[_i]);
    fixture_end(&fixture);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("allocation");
    TCase *tests = tcase_create("allocation");
    tcase_add_loop_test(tests, test_every_allocation, 0, (int)ARRAY_SIZE(runs));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}

#else

int main(void)
{
    return EXIT_SUCCESS;
}

#endif
