/* Goroutines one by one in recordings: which are listed when, and that a list reads as it was. */
#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/record/snapshot_compare.h"

#include "record/goroutine_list_rows.h"

#define LONG_TIME 400

static uint32_t dice(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* ---- sessions ---- */

static void make_room(struct snapshot *snapshot, size_t goroutines, size_t waits, size_t objects)
{
    snapshot->goroutines = arena_alloc_array(&snapshot->arena, goroutines, sizeof(*snapshot->goroutines));
    snapshot->waits = arena_alloc_array(&snapshot->arena, waits, sizeof(*snapshot->waits));
    snapshot->wait_objects = arena_alloc_array(&snapshot->arena, objects, sizeof(*snapshot->wait_objects));
    ck_assert(snapshot->goroutines && snapshot->waits && snapshot->wait_objects);
    snapshot->goroutines_reason = NULL;
    snapshot->goroutines_not_listed = 0;
    snapshot->num_goroutines = snapshot->num_waits = snapshot->num_wait_objects = 0;
}

#define OBJECTS 24

/* Goroutines that come, go, change their group, and wait on up to three channels of which some come and go too. */
static void list_at_random(struct snapshot *snapshot, unsigned n, uint32_t *random)
{
    make_room(snapshot, 200, 600, OBJECTS);
    for (unsigned i = 0; i < OBJECTS; i++)
        snapshot->wait_objects[i] = (struct wait_object){
            .kind = (uint8_t)(i % 5 == 0 ? WAIT_OBJECT_SEMAPHORE : WAIT_OBJECT_CHANNEL),
            .address = 0xc000000000 + 96 * ((uint64_t)i / 2 + (i < 12 ? 0 : n / 30)) + i % 2 * 0x10000,
            .is_read = i % 2,
            .is_closed = i % 7 == 3,
            .is_timer = i % 11 == 4,
            .is_bounded = i % 13 == 5,
            .senders = i,
            .receivers = n / 50,
            .goroutines = 1 + i,
            .length = i < 4 ? n : 0,
            .capacity = 1000,
        };
    snapshot->num_wait_objects = OBJECTS;
    for (uint64_t goid = 1; goid < 200; goid++) {
        uint32_t luck = (uint32_t)(goid * 2654435761u) >> 8;
        /* Some live for ever, some for a while, some but a moment. */
        if ((luck % 3 == 1 && (n + luck) % 150 > 70) || (luck % 3 == 2 && dice(random) % 4 != 0))
            continue;
        struct listed_goroutine *goroutine = &snapshot->goroutines[snapshot->num_goroutines++];
        *goroutine = (struct listed_goroutine){
            .goid = luck % 3 == 2 ? goid + 1000 * n : goid,
            .parent_goid = luck % 5 ? luck % 199 : 0,
            .wait_since_ns = luck % 4 ? 1000000 * (uint64_t)(1 + luck % 1000) + (luck % 4 == 3 ? n : 0) : 0,
            .group = (luck + (luck % 3 ? n / 90 : 0)) % (uint32_t)snapshot->num_goroutine_groups,
            .first_wait = (uint32_t)snapshot->num_waits,
            .num_waits = (uint16_t)(luck % 4),
            .examined = luck % 4 != 0 || luck % 8 == 0,
        };
        for (unsigned i = 0; i < goroutine->num_waits; i++)
            snapshot->waits[snapshot->num_waits++] = (luck + 7 * i + n / 100) % OBJECTS;
    }
    snapshot->goroutines_not_listed = n % 9;
}

static void take_session(struct snapshot **snapshots, unsigned count, unsigned seconds)
{
    struct builder *b = builder_demo_create();
    uint32_t random = 7;
    for (unsigned n = 0; n < count; n++) {
        builder_demo_second(b, n);
        /* A group that is gone takes its goroutines with it, until it comes back. */
        if (n % 100 == 50)
            b->groups.count--;
        if (n % 100 == 80)
            b->groups.count++;
        snapshots[n] = builder_take(b);
        list_at_random(snapshots[n], n, &random);
        builder_advance(b, seconds);
    }
    builder_destroy(b);
}

/* ---- what is read ---- */

/* A snapshot of the file against the one whose goroutines it should have: the last that was listed. */
static void check_list(struct snapshot *const *snapshots, size_t at, size_t listed, const struct snapshot *read)
{
    uint64_t age = snapshots[at]->monotonic_ns - snapshots[listed]->monotonic_ns;
    ck_assert_ptr_nonnull(read->goroutines);
    ck_assert_ptr_null(read->goroutines_reason);
    ck_assert_uint_eq(snapshot_goroutines_age_ns(read), age);
    compare_goroutines(snapshots[listed], read);
    for (size_t i = 0; i < read->num_goroutines; i++) {
        uint64_t waited, expected;
        bool is_known = snapshot_goroutine_waited(read, &read->goroutines[i], &waited);
        const struct listed_goroutine *same = find_listed(snapshots[listed], read->goroutines[i].goid);
        ck_assert_int_eq(is_known, snapshot_goroutine_waited(snapshots[listed], same, &expected));
        ck_assert_uint_eq(waited, expected);
    }
}

START_TEST(a_list_reads_as_it_was_until_the_next)
{
    static const unsigned steps[] = {1, 10, 61};
    struct snapshot *snapshots[LONG_TIME];
    size_t listed[LONG_TIME], lists = 0, at = 0;
    uint32_t random = 3;
    take_session(snapshots, LONG_TIME, steps[_i]);
    record_all(scratch_path("l"), snapshots, LONG_TIME);
    struct source *source = replay(scratch_path("l"));
    for (struct snapshot *read; (read = take(source)); snapshot_unref(read), at++) {
        bool is_new = read->goroutines_monotonic_ns == 0;
        lists += is_new;
        listed[at] = is_new ? at : listed[at - 1];
        check_list(snapshots, at, listed[at], read);
        /* No longer than this without a list, where little changes. */
        ck_assert_uint_le(snapshot_goroutines_age_ns(read), 2 * GOROUTINE_LIST_PERIOD_NS);
    }
    ck_assert_uint_eq(at, LONG_TIME);
    ck_assert_uint_ge(lists, LONG_TIME * steps[_i] / 120);
    ck_assert(_i == 2 || lists <= LONG_TIME * steps[_i] / 60 + 10);
    for (int n = 0; n < 60; n++) {
        size_t i = dice(&random) % LONG_TIME;
        check_good(source->ops->seek(source, snapshots[i]->unix_ns));
        struct snapshot *read = take(source);
        check_list(snapshots, i, listed[i], read);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, LONG_TIME);
    scratch_remove();
}
END_TEST

/* When somebody marks a moment, or asks for all of it, and at the end. */
START_TEST(there_is_a_list_when_it_is_asked_for)
{
    enum { TICKS = 40 };
    struct snapshot *snapshots[TICKS];
    struct recorder *recorder = NULL;
    take_session(snapshots, TICKS, 1);
    snapshots[TICKS - 1]->exited = true;
    snapshots[TICKS - 1]->exit_reason = "killed";
    /* What is left of a process that has ended is as of before. */
    snapshots[TICKS - 1]->goroutines_monotonic_ns = snapshots[TICKS - 2]->monotonic_ns;
    check_good(recorder_open(scratch_path("w"), NULL, &recorder));
    for (size_t i = 0; i < TICKS; i++) {
        if (i == 10)
            recorder_mark(recorder, snapshots[i]->unix_ns, "deploy");
        if (i == 20)
            recorder_request_keyframe(recorder);
        record_one(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, NULL));
    struct source *source = replay(scratch_path("w"));
    for (size_t i = 0; i < TICKS; i++) {
        struct snapshot *read = take(source);
        size_t listed = i < 10 ? 0 : i < 20 ? 10 : 20;
        if (i < TICKS - 1)
            check_list(snapshots, i, listed, read);
        else
            compare_goroutines(snapshots[i], read);
        ck_assert(i < TICKS - 1 || snapshot_goroutines_age_ns(read) == BUILDER_SECOND_NS);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, TICKS);
    scratch_remove();
}
END_TEST

/* So many of each group, with ids of their own; the first are the last to have begun to wait. */
static void list_many(struct snapshot *snapshot, const uint32_t *counts, size_t groups, uint64_t first_goid)
{
    size_t total = 0;
    for (size_t i = 0; i < groups; i++)
        total += counts[i];
    make_room(snapshot, total, 1, 1);
    for (size_t i = 0; i < groups; i++)
        for (uint32_t j = 0; j < counts[i]; j++)
            snapshot->goroutines[snapshot->num_goroutines++] = (struct listed_goroutine){
                .goid = first_goid++, .group = (uint32_t)i, .wait_since_ns = counts[i] - j};
}

/* Of very many the few of small groups are all there, and of large ones those that wait the longest. */
START_TEST(of_very_many_some_of_each_group_are_listed)
{
    static const uint32_t counts[] = {3, 29000, 4000, 500};
    const uint32_t each = GOROUTINE_LIST_MOST - 3 - 500 - 4000;
    uint32_t listed[ARRAY_SIZE(counts)] = {0};
    struct builder *b = builder_demo_create();
    builder_demo_second(b, 0);
    struct snapshot *snapshot = builder_take(b);
    list_many(snapshot, counts, ARRAY_SIZE(counts), 1);
    snapshot->goroutines_not_listed = 11;
    record_all(scratch_path("m"), &snapshot, 1);
    struct source *source = replay(scratch_path("m"));
    struct snapshot *read = take(source);
    ck_assert_uint_eq(read->num_goroutines, GOROUTINE_LIST_MOST);
    ck_assert_uint_eq(read->goroutines_not_listed, snapshot->num_goroutines - GOROUTINE_LIST_MOST + 11);
    for (size_t i = 0; i < read->num_goroutines; i++) {
        const struct listed_goroutine *goroutine = &read->goroutines[i];
        listed[goroutine->group]++;
        ck_assert(goroutine->group != 1 || goroutine->wait_since_ns <= each);
    }
    ck_assert_uint_eq(listed[0], 3);
    ck_assert_uint_eq(listed[1], each);
    ck_assert_uint_eq(listed[2], 4000);
    ck_assert_uint_eq(listed[3], 500);
    snapshot_unref(read);
    source_close(source);
    snapshot_unref(snapshot);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

/* A program whose goroutines are others every time is listed more seldom: what a list costs is bounded over time. */
START_TEST(where_much_changes_lists_are_further_apart)
{
    enum { TICKS = 200, EACH = 2000 };
    static const uint32_t counts[] = {EACH};
    struct snapshot *snapshots[TICKS];
    struct builder *b = builder_demo_create();
    size_t lists = 0;
    uint64_t longest = 0;
    for (unsigned n = 0; n < TICKS; n++) {
        builder_demo_second(b, n);
        snapshots[n] = builder_take(b);
        list_many(snapshots[n], counts, 1, 1 + (uint64_t)n * EACH);
        builder_advance(b, 10);
    }
    record_all(scratch_path("f"), snapshots, TICKS);
    struct source *source = replay(scratch_path("f"));
    for (struct snapshot *read; (read = take(source)); snapshot_unref(read)) {
        uint64_t age = snapshot_goroutines_age_ns(read);
        lists += age == 0;
        longest = age > longest ? age : longest;
        ck_assert_uint_eq(read->num_goroutines, EACH);
    }
    /* Each place has a row. */
    uint64_t apart = EACH / GOROUTINE_LIST_ROWS_PER_SECOND * BUILDER_SECOND_NS;
    ck_assert_uint_ge(longest, apart - 10 * BUILDER_SECOND_NS);
    ck_assert_uint_le(longest, apart + 10 * BUILDER_SECOND_NS);
    ck_assert_uint_le(lists, TICKS * 10 * BUILDER_SECOND_NS / apart + 3);
    source_close(source);
    builder_release(snapshots, TICKS);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

/* As a torn reading of a program may give them: one id twice, a group that is none, objects that are one. */
START_TEST(a_list_that_makes_no_sense_is_written_as_far_as_it_does)
{
    struct builder *b = builder_demo_create();
    builder_demo_second(b, 0);
    struct snapshot *snapshot = builder_take(b);
    make_room(snapshot, 5, 3, 3);
    for (int i = 0; i < 3; i++)
        snapshot->wait_objects[i] = (struct wait_object){
            .kind = WAIT_OBJECT_CHANNEL, .address = i == 2 ? UINT64_MAX : 0xc000010000, .senders = (uint32_t)i};
    snapshot->num_wait_objects = snapshot->num_waits = 3;
    for (uint32_t i = 0; i < 3; i++)
        snapshot->waits[i] = i;
    snapshot->goroutines[0] = (struct listed_goroutine){.goid = 5, .group = 1, .num_waits = 3, .examined = true};
    snapshot->goroutines[1] = (struct listed_goroutine){.goid = 5, .group = 2};
    snapshot->goroutines[2] = (struct listed_goroutine){.goid = 6, .group = 99};
    snapshot->goroutines[3] = (struct listed_goroutine){.goid = 0, .group = 1};
    snapshot->goroutines[4] = (struct listed_goroutine){.goid = UINT64_MAX, .group = 0};
    snapshot->num_goroutines = 5;
    record_all(scratch_path("n"), &snapshot, 1);
    struct source *source = replay(scratch_path("n"));
    struct snapshot *read = take(source);
    ck_assert_ptr_nonnull(read);
    ck_assert_uint_eq(read->num_goroutines, 2);
    ck_assert_uint_eq(read->goroutines_not_listed, 3);
    const struct listed_goroutine *five = find_listed(read, 5);
    ck_assert_uint_eq(five->group, 1);
    ck_assert_uint_eq(five->num_waits, 3);
    ck_assert_uint_eq(read->waits[five->first_wait], read->waits[five->first_wait + 1]);
    ck_assert_uint_eq(read->wait_objects[read->waits[five->first_wait + 2]].address, UINT64_MAX);
    ck_assert_ptr_nonnull(find_listed(read, UINT64_MAX));
    snapshot_unref(read);
    source_close(source);
    snapshot_unref(snapshot);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("goroutine_list");
    TCase *tests = tcase_create("goroutine_list");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_list_reads_as_it_was_until_the_next, 0, 3);
    tcase_add_test(tests, there_is_a_list_when_it_is_asked_for);
    tcase_add_test(tests, of_very_many_some_of_each_group_are_listed);
    tcase_add_test(tests, where_much_changes_lists_are_further_apart);
    tcase_add_test(tests, a_list_that_makes_no_sense_is_written_as_far_as_it_does);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
