#include "attach/go/goroutines.h"

#include <time.h>

#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

#define HEAP(offset) (FAKE_GO_HEAP + (offset))
#define LIST HEAP(0x5000)
#define PROCS HEAP(0x5800)

enum {
    RUNNABLE = 1,
    RUNNING = 2,
    SYSCALL = 3,
    WAITING = 4,
    DEAD = 6,
    COPYSTACK = 8,
    LEAKED = 10,
    DEADEXTRA = 11,
    SCAN = 0x1000
};

static struct snapshot *sample(struct fake_go *fake, struct goroutines *goroutines)
{
    struct snapshot *snapshot;
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snapshot->monotonic_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct procs procs = {0};
    fake_go_check(procs_read(&procs, &fake->process));
    fake_go_check(goroutines_sample(goroutines, &procs, snapshot));
    procs_deinit(&procs);
    return snapshot;
}

static struct snapshot *sample_once(struct fake_go *fake)
{
    struct go_frames *frames;
    struct goroutines *goroutines;
    fake_go_check(go_frames_create(&fake->process, &frames));
    fake_go_check(goroutines_create(&fake->process, frames, &goroutines));
    struct snapshot *snapshot = sample(fake, goroutines);
    goroutines_destroy(goroutines);
    go_frames_destroy(frames);
    return snapshot;
}

/* Two Ps, each with free goroutines. */
static void set_free(struct fake_go *fake, uint32_t of_first, uint32_t of_second, uint32_t global, uint32_t system)
{
    remote_address procs[] = {fake_go_address(HEAP(0x7000)), fake_go_address(HEAP(0x7000) - 0x40)};
    uint64_t free_at = (uint64_t)fake->process.layout.offset[GO_FIELD_P_GFREE_N];
    fake_go_set(fake, GO_VARIABLE_ALLP, fake_go_address(PROCS), 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, 2, 8);
    for (unsigned i = 0; i < 2; i++) {
        fake_go_put(fake, fake_go_address(PROCS + i * 8), procs[i] - free_at, 8);
        fake_go_put(fake, procs[i], i == 0 ? of_first : of_second, 4);
    }
    fake_go_field(fake, fake_go_address(FAKE_GO_SCHED), GO_FIELD_SCHED_GFREE_N, global);
    fake_go_field(fake, fake_go_address(FAKE_GO_SCHED), GO_FIELD_SCHED_NGSYS, system);
}

static void check_count(unsigned minor)
{
    struct fake_go *fake = fake_go_create(minor);
    remote_address all[12];
    for (unsigned i = 0; i < 12; i++)
        all[i] = fake_go_goroutine(fake, HEAP(i * 0x200), i < 4 ? DEAD : RUNNABLE, 0, 0x401010, 0x401000);
    fake_go_all_goroutines(fake, LIST, all, 12);
    set_free(fake, 1, 1, 2, 3);
    if (fake->process.layout.offset[GO_FIELD_SCHED_GFREE_NO_STACK_N] >= 0)
        fake_go_field(fake, fake_go_address(FAKE_GO_SCHED), GO_FIELD_SCHED_GFREE_NO_STACK_N, 1);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_int_eq(snapshot->counters[COUNTER_GOROUTINES].provenance, PROVENANCE_EXACT);
    ck_assert_int_eq(snapshot->counters[COUNTER_GOROUTINES].value.integer, minor >= 25 ? 4 : 5);
    ck_assert_uint_eq(snapshot->num_goroutine_groups, 1);
    ck_assert_uint_eq(snapshot->goroutine_groups[0].count, 8);
    ck_assert_uint_eq(snapshot->num_problems, 0);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}

START_TEST(they_are_counted_as_the_runtime_does)
{
    check_count(19);
    check_count(24);
    check_count(25);
    check_count(27);
}
END_TEST

START_TEST(those_that_wait_for_the_same_are_one_group)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct fake_go *fake = fake_go_create(24);
    remote_address all[] = {
        fake_go_goroutine(fake, HEAP(0), WAITING, 14, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0x200), WAITING | SCAN, 14, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0x400), WAITING, 14, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0x600), WAITING, 9, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0x800), WAITING, 9, 0x401020, 0x401000),
        fake_go_goroutine(fake, HEAP(0xa00), RUNNING, 14, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0xc00), SYSCALL, 0, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0xe00), DEAD, 14, 0x401010, 0x401000),
        fake_go_goroutine(fake, HEAP(0x1000), 0, 0, 0, 0),
        fake_go_goroutine(fake, HEAP(0x1200), DEADEXTRA, 0, 0, 0),
        fake_go_goroutine(fake, HEAP(0x1400), LEAKED, 0, 0, 0x401000),
    };
    fake_go_field(fake, all[0], GO_FIELD_G_WAITSINCE, now_ns - 5000000000u);
    fake_go_field(fake, all[2], GO_FIELD_G_WAITSINCE, now_ns - 60000000000u);
    fake_go_wait_reason(fake, 14, "chan receive");
    fake_go_wait_reason(fake, 9, "sel\033ect");
    fake_go_all_goroutines(fake, LIST, all, 11);
    set_free(fake, 0, 0, 0, 0);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_uint_eq(snapshot->num_goroutine_groups, 6);
    const struct goroutine_group *group = &snapshot->goroutine_groups[0];
    ck_assert_uint_eq(group->count, 3);
    ck_assert_str_eq(catalog_string(fake->catalog, group->state), "waiting");
    ck_assert_str_eq(catalog_string(fake->catalog, group->wait_reason), "chan receive");
    ck_assert_uint_eq(catalog_frame(fake->catalog, group->created_by)->address, 0x40100f);
    ck_assert_uint_eq(catalog_frame(fake->catalog, group->start)->address, 0x401000);
    ck_assert(group->wait_known && !group->system);
    ck_assert_uint_ge(group->wait_ns_min, 5000000000u);
    ck_assert_uint_lt(group->wait_ns_min, 50000000000u);
    ck_assert_uint_ge(group->wait_ns_max, 60000000000u);
    for (size_t i = 1; i < 6; i++) {
        group = &snapshot->goroutine_groups[i];
        ck_assert_uint_eq(group->count, 1);
        ck_assert(!group->wait_known);
        /* A reason that is no plain text goes by its number. */
        if (group->wait_reason != 0)
            ck_assert_str_eq(catalog_string(fake->catalog, group->wait_reason), "wait reason 9");
    }
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(the_list_grows_and_moves)
{
    struct fake_go *fake = fake_go_create(27);
    struct go_frames *frames;
    struct goroutines *goroutines;
    remote_address all[6];
    for (unsigned i = 0; i < 6; i++)
        all[i] = fake_go_goroutine(fake, HEAP((5 - i) * 0x200), RUNNABLE, 0, 0x401010, 0x401000);
    fake_go_all_goroutines(fake, LIST, all, 2);
    set_free(fake, 0, 0, 0, 0);
    fake_go_check(go_frames_create(&fake->process, &frames));
    fake_go_check(goroutines_create(&fake->process, frames, &goroutines));
    struct snapshot *first = sample(fake, goroutines);
    ck_assert_uint_eq(first->goroutine_groups[0].count, 2);
    /* The old array is garbage from then on. */
    memset(fake->image + LIST, 0xee, 64);
    fake_go_all_goroutines(fake, LIST + 0x100, all, 6);
    struct snapshot *second = sample(fake, goroutines);
    ck_assert_uint_eq(second->goroutine_groups[0].count, 6);
    ck_assert_int_eq(second->counters[COUNTER_GOROUTINES].value.integer, 6);
    ck_assert_uint_eq(second->num_problems, 0);
    snapshot_unref(first);
    snapshot_unref(second);
    goroutines_destroy(goroutines);
    go_frames_destroy(frames);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(what_cannot_be_a_goroutine_is_counted_and_left_out)
{
    struct fake_go *fake = fake_go_create(24);
    remote_address all[] = {fake_go_goroutine(fake, HEAP(0), RUNNABLE, 0, 0x401010, 0x401000),
                            0,
                            0xdead0000,
                            fake_go_address(HEAP(0x201)),
                            UINT64_MAX - 7,
                            fake_go_goroutine(fake, HEAP(0x400), 5, 0, 0x401010, 0x401000),
                            fake_go_goroutine(fake, HEAP(0x600), 77, 0, 0x401010, 0x401000)};
    fake_go_all_goroutines(fake, LIST, all, 7);
    set_free(fake, 0, 0, 0, 0);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_uint_eq(snapshot->num_goroutine_groups, 1);
    ck_assert_uint_eq(snapshot->goroutine_groups[0].count, 1);
    ck_assert_uint_eq(snapshot->num_problems, 2);
    ck_assert_str_eq(snapshot->problems[0].text, "goroutines: 4 of 7 pointers in allgs are not readable");
    ck_assert_str_eq(snapshot->problems[1].text, "goroutines: 2 of 7 have a status that does not exist");
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(absurd_lengths_are_bounded)
{
    struct fake_go *fake = fake_go_create(24);
    remote_address one = fake_go_goroutine(fake, HEAP(0), RUNNABLE, 0, 0x401010, 0x401000);
    fake_go_all_goroutines(fake, LIST, &one, 1);
    fake_go_set(fake, GO_VARIABLE_ALLGLEN, UINT64_MAX / 2, 8);
    fake_go_set(fake, GO_VARIABLE_ALLP, fake_go_address(PROCS), 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, UINT64_MAX, 8);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_int_eq(snapshot->counters[COUNTER_GOROUTINES].provenance, PROVENANCE_UNAVAILABLE);
    ck_assert_uint_ge(snapshot->num_problems, 1);
    ck_assert_uint_eq(snapshot->num_goroutine_groups, 0);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_goroutines");
    TCase *tests = tcase_create("goroutines");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, they_are_counted_as_the_runtime_does);
    tcase_add_test(tests, those_that_wait_for_the_same_are_one_group);
    tcase_add_test(tests, the_list_grows_and_moves);
    tcase_add_test(tests, what_cannot_be_a_goroutine_is_counted_and_left_out);
    tcase_add_test(tests, absurd_lengths_are_bounded);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
