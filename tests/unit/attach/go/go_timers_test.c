/* The number of timers and of queued finalizers, out of the memory of a fake process. */
#include "attach/go/finalizers.h"
#include "attach/go/timers.h"
#include "heaptop/base/cleanup.h"

#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

#define LIST (FAKE_GO_HEAP + 0x5800)
#define FIGURES (FAKE_GO_HEAP + 0x4000)
#define BLOCKS (FAKE_GO_HEAP + 0x1000)

static struct snapshot *sample(struct fake_go *fake)
{
    struct snapshot *snapshot;
    struct procs procs = {0};
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    fake_go_check(procs_read(&procs, &fake->process));
    fake_go_check(timers_sample(&procs, &fake->process, snapshot));
    fake_go_check(finalizers_sample(&fake->process, snapshot));
    procs_deinit(&procs);
    return snapshot;
}

/* Two Ps; of each only the place where these two figures lie is in the image. */
static void set_timers(struct fake_go *fake, const uint32_t lengths[2], const uint32_t stopped[2])
{
    const struct go_layout *layout = &fake->process.layout;
    uint64_t first = (uint64_t)layout->offset[GO_FIELD_P_TIMERS_LEN];
    ck_assert_int_eq(layout->offset[GO_FIELD_P_TIMERS_ZOMBIES], layout->offset[GO_FIELD_P_TIMERS_LEN] + 4);
    fake_go_set(fake, GO_VARIABLE_ALLP, fake_go_address(LIST), 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, 2, 8);
    for (unsigned i = 0; i < 2; i++) {
        remote_address figures = fake_go_address(FIGURES + i * 16);
        fake_go_put(fake, fake_go_address(LIST + i * 8), figures - first, 8);
        fake_go_put(fake, figures, lengths[i], 4);
        fake_go_put(fake, figures + 4, stopped[i], 4);
    }
}

static remote_address block_at(unsigned index)
{
    return fake_go_address(BLOCKS + index * 32);
}

/* Blocks one after the other, each with so many finalizers. */
static void set_queue(struct fake_go *fake, const uint32_t *counts, unsigned num_blocks)
{
    fake_go_set(fake, GO_VARIABLE_FINQ, num_blocks ? block_at(0) : 0, 8);
    for (unsigned i = 0; i < num_blocks; i++) {
        fake_go_put(fake, block_at(i) + 8, i + 1 < num_blocks ? block_at(i + 1) : 0, 8);
        fake_go_put(fake, block_at(i) + 16, counts[i], 4);
    }
}

static const struct counter *counter_of(const struct snapshot *snapshot, enum counter_id id)
{
    return &snapshot->counters[id];
}

static void expect(struct fake_go *fake, enum counter_id id, int64_t value)
{
    struct snapshot *snapshot = sample(fake);
    ck_assert_int_eq(counter_of(snapshot, id)->provenance, PROVENANCE_EXACT);
    ck_assert_int_eq(counter_of(snapshot, id)->value.integer, value);
    snapshot_unref(snapshot);
}

START_TEST(timers_are_those_in_the_heaps_less_those_stopped)
{
    static const unsigned minors[] = {19, 21, 22, 23, 24, 25, 26, 27};
    for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
        struct fake_go *fake = fake_go_create(minors[i]);
        set_timers(fake, (uint32_t[]){100, 7}, (uint32_t[]){30, 0});
        expect(fake, COUNTER_TIMERS, 77);
        /* Stopped meanwhile, between two readings. */
        set_timers(fake, (uint32_t[]){1, 0}, (uint32_t[]){3, 0});
        expect(fake, COUNTER_TIMERS, 0);
        fake_go_destroy(fake);
    }
}
END_TEST

START_TEST(what_is_no_count_of_timers_is_not_shown)
{
    struct fake_go *fake = fake_go_create(24);
    set_timers(fake, (uint32_t[]){0xfffffff0, 7}, (uint32_t[]){0, 0});
    struct snapshot *snapshot = sample(fake);
    ck_assert_int_eq(counter_of(snapshot, COUNTER_TIMERS)->provenance, PROVENANCE_UNAVAILABLE);
    snapshot_unref(snapshot);
    fake->process.variables[GO_VARIABLE_ALLP].address = 0;
    snapshot = sample(fake);
    ck_assert_int_eq(counter_of(snapshot, COUNTER_TIMERS)->provenance, PROVENANCE_UNAVAILABLE);
    ck_assert_ptr_nonnull(counter_of(snapshot, COUNTER_TIMERS)->reason);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

/* So many are counted, and it is said that there are more. */
static void expect_part(struct fake_go *fake, int64_t count)
{
    struct snapshot *snapshot = sample(fake);
    const struct counter *counter = counter_of(snapshot, COUNTER_FINALIZERS_QUEUED);
    ck_assert_int_eq(counter->value.integer, count);
    ck_assert_int_eq(counter->provenance, PROVENANCE_SAMPLED);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    snapshot_unref(snapshot);
}

START_TEST(finalizers_are_counted_block_by_block)
{
    struct fake_go *fake = fake_go_create(24);
    set_queue(fake, NULL, 0);
    expect(fake, COUNTER_FINALIZERS_QUEUED, 0);
    set_queue(fake, (uint32_t[]){17, 101, 101}, 3);
    expect(fake, COUNTER_FINALIZERS_QUEUED, 219);
    /* A block that has become something else ends the list: what was counted is a part. */
    set_queue(fake, (uint32_t[]){17, 101, 5000}, 3);
    expect_part(fake, 118);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(a_hostile_queue_ends)
{
    struct fake_go *fake = fake_go_create(24);
    set_queue(fake, (uint32_t[]){1, 1}, 2);
    fake_go_put(fake, block_at(1) + 8, block_at(0), 8);
    expect_part(fake, FINALIZER_MAX_BLOCKS);
    /* The next block is not there. */
    fake_go_put(fake, block_at(1) + 8, 0x10, 8);
    expect_part(fake, 2);
    fake->process.variables[GO_VARIABLE_FINQ].address = 0x10;
    struct snapshot *snapshot = sample(fake);
    ck_assert_int_eq(counter_of(snapshot, COUNTER_FINALIZERS_QUEUED)->provenance, PROVENANCE_UNAVAILABLE);
    snapshot_unref(snapshot);
    fake->process.variables[GO_VARIABLE_FINQ].address = 0;
    snapshot = sample(fake);
    ck_assert_int_eq(counter_of(snapshot, COUNTER_FINALIZERS_QUEUED)->provenance, PROVENANCE_UNAVAILABLE);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_timers");
    TCase *tests = tcase_create("go_timers");
    tcase_add_test(tests, timers_are_those_in_the_heaps_less_those_stopped);
    tcase_add_test(tests, what_is_no_count_of_timers_is_not_shown);
    tcase_add_test(tests, finalizers_are_counted_block_by_block);
    tcase_add_test(tests, a_hostile_queue_ends);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
