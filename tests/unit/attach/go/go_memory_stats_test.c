#include "attach/go/memory_stats.h"

#include "attach/go/collector.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

static const remote_address memstats = FAKE_GO_BASE + FAKE_GO_MEMSTATS;
static const remote_address controller = FAKE_GO_BASE + FAKE_GO_CONTROLLER;
static const remote_address work = FAKE_GO_BASE + FAKE_GO_WORK;

/* A field of one generation of memstats.heapStats. */
static void set_delta(struct fake_go *fake, unsigned generation, enum go_field field, uint64_t value)
{
    const int32_t *offset = fake->process.layout.offset;
    fake_go_field(fake,
                  memstats + (uint64_t)offset[GO_FIELD_MSTATS_HEAP_STATS] +
                      (uint64_t)offset[GO_FIELD_HEAP_STATS_STATS] + generation * (uint64_t)offset[GO_FIELD_DELTA_SIZE],
                  field, value);
}

static void set_small(struct fake_go *fake, unsigned generation, enum go_field field, unsigned class, uint64_t value)
{
    const int32_t *offset = fake->process.layout.offset;
    fake_go_put(fake,
                memstats + (uint64_t)offset[GO_FIELD_MSTATS_HEAP_STATS] + (uint64_t)offset[GO_FIELD_HEAP_STATS_STATS] +
                    generation * (uint64_t)offset[GO_FIELD_DELTA_SIZE] + (uint64_t)offset[field] + class * 8,
                value, 8);
}

static void set_generation(struct fake_go *fake, uint32_t generation)
{
    const int32_t *offset = fake->process.layout.offset;
    fake_go_put(fake,
                memstats + (uint64_t)offset[GO_FIELD_MSTATS_HEAP_STATS] + (uint64_t)offset[GO_FIELD_HEAP_STATS_GEN],
                generation, 4);
}

/* Ends GC cycle `number`. */
static void end_cycle(struct fake_go *fake, uint32_t number, uint64_t pause, uint64_t end)
{
    const int32_t *offset = fake->process.layout.offset;
    fake_go_put(fake, memstats + (uint64_t)offset[GO_FIELD_MSTATS_PAUSE_NS] + (number - 1) % 256 * 8, pause, 8);
    fake_go_put(fake, memstats + (uint64_t)offset[GO_FIELD_MSTATS_PAUSE_END] + (number - 1) % 256 * 8, end, 8);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_NUMGC, number);
    fake_go_field(fake, work, GO_FIELD_WORK_CYCLES, number);
    fake_go_field(fake, work, GO_FIELD_WORK_PAUSE_NS, pause);
}

static struct snapshot *sample(struct fake_go *fake, struct memory_state *state, struct collector *collector)
{
    struct snapshot *snapshot;
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    fake_go_check(memory_state_read(state));
    struct memory_stats stats = {0};
    struct allocation_caches caches;
    struct procs procs = {0};
    fake_go_check(allocation_caches_init(&caches, &fake->process));
    fake_go_check(procs_read(&procs, &fake->process));
    fake_go_check(allocation_caches_read(&caches, &procs));
    fake_go_check(memory_stats_sample(&stats, state, &caches, snapshot));
    allocation_caches_deinit(&caches);
    procs_deinit(&procs);
    fake_go_check(collector_sample(collector, state, snapshot));
    return snapshot;
}

/* A P whose cache has a span of size class 5 that gave 9 of its objects before this P took it and 12 since, and 3
 * tiny objects. Elsewhere the dummy. */
static void fill_cache(struct fake_go *fake)
{
    remote_address list = fake_go_address(FAKE_GO_HEAP), p = list + 0x100, cache = list + 0x400, span = list + 0x1000,
                   dummy = list + 0x1400;
    const int32_t *offset = fake->process.layout.offset;
    fake_go_set(fake, GO_VARIABLE_ALLP, list, 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, 2, 8);
    fake_go_put(fake, list, p, 8);
    fake_go_put(fake, list + 8, p + 0x80, 8);       /* One without a cache. */
    fake_go_put(fake, p + (uint64_t)offset[GO_FIELD_P_MCACHE], cache, 8);
    fake_go_put(fake, p + 0x80 + (uint64_t)offset[GO_FIELD_P_MCACHE], 0, 8);
    fake_go_field(fake, cache, GO_FIELD_MCACHE_TINY_ALLOCS, 3);
    for (unsigned i = 0; i < ALLOCATION_CACHES_SPANS; i++)
        fake_go_put(fake, cache + (uint64_t)offset[GO_FIELD_MCACHE_ALLOC] + i * 8, i == 11 ? span : dummy, 8);
    fake_go_field(fake, span, GO_FIELD_MSPAN_ALLOC_COUNT_BEFORE_CACHE, 9);
    fake_go_field(fake, span, GO_FIELD_MSPAN_ALLOC_COUNT, 21);
    fake_go_field(fake, dummy, GO_FIELD_MSPAN_ALLOC_COUNT, 1000);
}

static struct snapshot *sample_once(struct fake_go *fake)
{
    struct memory_state *state;
    struct collector collector = {0};
    fake_go_check(memory_state_create(&fake->process, &state));
    struct snapshot *snapshot = sample(fake, state, &collector);
    memory_state_destroy(state);
    return snapshot;
}

static int64_t counter(const struct snapshot *snapshot, enum counter_id id)
{
    ck_assert_msg(counter_known(&snapshot->counters[id]), "%s: %s", counter_infos[id].name,
                  snapshot->counters[id].reason);
    return snapshot->counters[id].value.integer;
}

static void fill_heap(struct fake_go *fake)
{
    set_generation(fake, 1);
    for (unsigned generation = 0; generation < 2; generation++) {
        set_delta(fake, generation, GO_FIELD_DELTA_IN_STACKS, generation == 0 ? 300000 : (uint64_t)-100000);
        set_delta(fake, generation, GO_FIELD_DELTA_IN_WORK_BUFS, 1000);
        set_delta(fake, generation, GO_FIELD_DELTA_TINY_ALLOC_COUNT, 7);
        set_delta(fake, generation, GO_FIELD_DELTA_LARGE_ALLOC, 1 << 20);
        set_delta(fake, generation, GO_FIELD_DELTA_LARGE_ALLOC_COUNT, 10);
        set_delta(fake, generation, GO_FIELD_DELTA_LARGE_FREE, 1 << 18);
        set_delta(fake, generation, GO_FIELD_DELTA_LARGE_FREE_COUNT, 3);
        set_small(fake, generation, GO_FIELD_DELTA_SMALL_ALLOC_COUNT, 5, 100);     /* 48 bytes. */
        set_small(fake, generation, GO_FIELD_DELTA_SMALL_FREE_COUNT, 67, 2);       /* 32 KiB. */
    }
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE, 5000000);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_FREE, 600000);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_RELEASED, 40000);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_TRIGGERED, UINT64_MAX);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, INT64_MAX);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT, 100);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT_HEAP_GOAL, 4 << 20);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_STACKS_SYS, 11);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_MSPAN_SYS, 22);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_MCACHE_SYS, 33);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_BUCKHASH_SYS, 44);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_GC_MISC_SYS, 55);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_OTHER_SYS, 66);
    fake_go_put(fake, fake_go_address(FAKE_GO_MHEAP_FIGURES), 1234, 8);
    fake_go_set(fake, GO_VARIABLE_GOMAXPROCS, 16, 4);
}

static void check_sums(unsigned minor)
{
    struct fake_go *fake = fake_go_create(minor);
    fill_heap(fake);
    struct snapshot *snapshot = sample_once(fake);
    uint64_t allocated = 2 * (1 << 20) + 200 * 48, freed = 2 * (1 << 18) + 4 * 32768;
    ck_assert_int_eq(counter(snapshot, COUNTER_TOTAL_ALLOC), (int64_t)allocated);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_ALLOC), (int64_t)(allocated - freed));
    ck_assert_int_eq(counter(snapshot, COUNTER_MALLOCS), 20 + 200 + 14);
    ck_assert_int_eq(counter(snapshot, COUNTER_FREES), 6 + 4 + 14);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_OBJECTS), 210);
    ck_assert_int_eq(counter(snapshot, COUNTER_STACK_INUSE), 200000);
    ck_assert_int_eq(counter(snapshot, COUNTER_STACK_SYS), 200011);
    ck_assert_int_eq(counter(snapshot, COUNTER_GC_SYS), 2055);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_IDLE), 640000);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_SYS), 5640000);
    ck_assert_int_eq(counter(snapshot, COUNTER_GO_SYS), 5640000 + 11 + 22 + 33 + 44 + 55 + 66 + 200000 + 2000);
    ck_assert_int_eq(counter(snapshot, COUNTER_MSPAN_INUSE), 1234);
    ck_assert_int_eq(counter(snapshot, COUNTER_GOMAXPROCS), 16);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_GOAL), 4 << 20);
    ck_assert_int_eq(counter(snapshot, COUNTER_GOGC), 100);
    ck_assert_uint_eq(snapshot->num_size_classes, 68);
    ck_assert_uint_eq(snapshot->size_classes[5].size, 48);
    ck_assert_uint_eq(snapshot->size_classes[5].mallocs, 200);
    ck_assert_uint_eq(snapshot->size_classes[67].frees, 4);
    ck_assert_uint_eq(snapshot->num_problems, 0);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}

START_TEST(sums_are_made_as_the_runtime_makes_them)
{
    check_sums(19);
    check_sums(24);
    check_sums(25);
    check_sums(27);
}
END_TEST

START_TEST(what_the_caches_hold_back_counts)
{
    struct fake_go *fake = fake_go_create(24);
    fill_heap(fake);
    fill_cache(fake);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_uint_eq(snapshot->size_classes[5].mallocs, 212);
    ck_assert_int_eq(counter(snapshot, COUNTER_MALLOCS), 20 + 212 + 17);
    ck_assert_int_eq(counter(snapshot, COUNTER_FREES), 6 + 4 + 17);
    ck_assert_int_eq(counter(snapshot, COUNTER_TOTAL_ALLOC), 2 * (1 << 20) + 212 * 48);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(counts_of_allocations_never_fall)
{
    struct fake_go *fake = fake_go_create(24);
    struct memory_state *state;
    struct memory_stats stats = {0};
    struct allocation_caches caches;
    fill_heap(fake);
    fake_go_show(fake);
    fake_go_check(memory_state_create(&fake->process, &state));
    fake_go_check(memory_state_read(state));
    fake_go_check(allocation_caches_init(&caches, &fake->process));
    for (int held = 12; held >= 0; held -= 6) {
        struct snapshot *snapshot;
        fake_go_check(snapshot_create(fake->catalog, &snapshot));
        caches.known = true;
        caches.small[5] = (uint64_t)held;
        fake_go_check(memory_stats_sample(&stats, state, &caches, snapshot));
        ck_assert_uint_eq(snapshot->size_classes[5].mallocs, 212);
        snapshot_unref(snapshot);
    }
    allocation_caches_deinit(&caches);
    memory_state_destroy(state);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(statistics_that_are_being_turned_over_are_marked)
{
    struct fake_go *fake = fake_go_create(24);
    fill_heap(fake);
    /* A reader has moved on to generation 2 and not yet cleared 0. */
    set_generation(fake, 2);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    ck_assert_ptr_nonnull(strstr(snapshot->problems[0].text, "turning"));
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

static int64_t goal_of(struct fake_go *fake)
{
    struct snapshot *snapshot = sample_once(fake);
    int64_t goal = counter(snapshot, COUNTER_HEAP_GOAL);
    snapshot_unref(snapshot);
    return goal;
}

START_TEST(the_goal_is_the_pacers)
{
    for (unsigned minor = 19; minor <= 21; minor += 2) {
        struct fake_go *fake = fake_go_create(minor);
        fill_heap(fake);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_SWEEP_DIST_MIN_TRIGGER, 5 << 20);
        ck_assert_int_eq(goal_of(fake), 5 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_TRIGGERED, 5 << 20);
        ck_assert_int_eq(goal_of(fake), (5 << 20) + (64 << 10));
        /* A limit of 100 MiB, of which 20 MiB are no heap: 80 MiB, less 1 MiB in 1.19, and less 3% since. */
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_GC_PERCENT_HEAP_GOAL, UINT64_MAX);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, 100 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_MAPPED_READY, 60 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_FREE, 10 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_TOTAL_ALLOC, 130 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_TOTAL_FREE, 100 << 20);
        uint64_t goal = 80 << 20;
        ck_assert_int_eq(goal_of(fake), (int64_t)(minor == 19 ? goal - (1 << 20) : goal - goal / 100 * 3));
        /* What is no heap alone exceeds the limit: as low as can be. */
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_HEAP_MARKED, 33 << 20);
        fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT, 10 << 20);
        ck_assert_int_eq(goal_of(fake), 33 << 20);
        fake_go_destroy(fake);
    }
}
END_TEST

START_TEST(what_is_not_located_is_unavailable_with_a_reason)
{
    struct fake_go *fake = fake_go_create(24);
    memset(fake->process.variables, 0, sizeof(fake->process.variables));
    struct snapshot *snapshot = sample_once(fake);
    for (int id = COUNTER_HEAP_LIVE; id < COUNTER_COUNT; id++) {
        ck_assert_int_eq(snapshot->counters[id].provenance, PROVENANCE_UNAVAILABLE);
        ck_assert_ptr_nonnull(snapshot->counters[id].reason);
    }
    ck_assert_uint_eq(snapshot->num_size_classes, 0);
    ck_assert_uint_eq(snapshot->num_gc_cycles, 0);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(a_layout_that_leads_out_of_the_struct_is_not_followed)
{
    struct fake_go *fake = fake_go_create(24);
    fill_heap(fake);
    fake->process.layout.offset[GO_FIELD_DELTA_SIZE] = 1 << 30;
    fake->process.layout.offset[GO_FIELD_MSTATS_NUMGC] = 1 << 30;
    fake->process.layout.offset[GO_FIELD_WORK_SIZE] = 1 << 30;
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_int_eq(snapshot->counters[COUNTER_MALLOCS].provenance, PROVENANCE_UNAVAILABLE);
    ck_assert_int_eq(snapshot->counters[COUNTER_NUM_GC].provenance, PROVENANCE_UNAVAILABLE);
    ck_assert_int_eq(counter(snapshot, COUNTER_HEAP_INUSE), 5000000);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(a_fraction_that_is_none_is_not_shown)
{
    struct fake_go *fake = fake_go_create(24);
    double fraction = 0.25;
    uint64_t bits;
    memcpy(&bits, &fraction, 8);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_GC_CPU_FRACTION, bits);
    struct snapshot *snapshot = sample_once(fake);
    ck_assert_double_eq(snapshot->counters[COUNTER_GC_CPU_FRACTION].value.real, 0.25);
    snapshot_unref(snapshot);
    fake_go_field(fake, memstats, GO_FIELD_MSTATS_GC_CPU_FRACTION, UINT64_MAX);
    snapshot = sample_once(fake);
    ck_assert_int_eq(snapshot->counters[COUNTER_GC_CPU_FRACTION].provenance, PROVENANCE_UNAVAILABLE);
    snapshot_unref(snapshot);
    fake_go_destroy(fake);
}
END_TEST

START_TEST(cycles_come_once_each)
{
    struct fake_go *fake = fake_go_create(24);
    struct memory_state *state;
    struct collector collector = {0};
    fake_go_check(memory_state_create(&fake->process, &state));
    for (uint32_t number = 1; number <= 300; number++)
        end_cycle(fake, number, 1000 + number, 1700000000000000000u + number);
    fake_go_field(fake, work, GO_FIELD_WORK_HEAP0, 10);
    fake_go_field(fake, work, GO_FIELD_WORK_HEAP1, 12);
    fake_go_field(fake, work, GO_FIELD_WORK_HEAP2, 6);
    fake_go_field(fake, controller, GO_FIELD_GC_CONTROLLER_LAST_HEAP_GOAL, 14);
    struct snapshot *snapshot = sample(fake, state, &collector);
    ck_assert_uint_eq(snapshot->num_gc_cycles, 256);
    ck_assert_uint_eq(snapshot->gc_cycles[0].number, 45);
    ck_assert_uint_eq(snapshot->gc_cycles[0].pause_ns, 1045);
    ck_assert(!snapshot->gc_cycles[254].heap_known);
    const struct gc_cycle *last = &snapshot->gc_cycles[255];
    ck_assert_uint_eq(last->number, 300);
    ck_assert_uint_eq(last->end_unix_ns, 1700000000000000300u);
    ck_assert(last->times_known && last->heap_known && last->goal_known);
    ck_assert_uint_eq(last->heap_before, 10);
    ck_assert_uint_eq(last->heap_peak, 12);
    ck_assert_uint_eq(last->heap_after, 6);
    ck_assert_uint_eq(last->heap_goal, 14);
    snapshot_unref(snapshot);

    snapshot = sample(fake, state, &collector);
    ck_assert_uint_eq(snapshot->num_gc_cycles, 0);
    snapshot_unref(snapshot);

    /* Two more, and the next has begun: its figures are not the last one's. */
    end_cycle(fake, 301, 5, 6);
    end_cycle(fake, 302, 7, 8);
    fake_go_field(fake, work, GO_FIELD_WORK_PAUSE_NS, 0);
    snapshot = sample(fake, state, &collector);
    ck_assert_uint_eq(snapshot->num_gc_cycles, 2);
    ck_assert_uint_eq(snapshot->gc_cycles[1].number, 302);
    ck_assert(snapshot->gc_cycles[1].times_known && !snapshot->gc_cycles[1].heap_known &&
              !snapshot->gc_cycles[1].goal_known);
    snapshot_unref(snapshot);

    /* More than the ring holds, and backwards. */
    end_cycle(fake, 1000, 7, 8);
    snapshot = sample(fake, state, &collector);
    ck_assert_uint_eq(snapshot->num_gc_cycles, 256);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    snapshot_unref(snapshot);
    end_cycle(fake, 2, 7, 8);
    snapshot = sample(fake, state, &collector);
    ck_assert_uint_le(snapshot->num_gc_cycles, 256);
    snapshot_unref(snapshot);
    memory_state_destroy(state);
    fake_go_destroy(fake);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_memory_stats");
    TCase *tests = tcase_create("memory_stats");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, sums_are_made_as_the_runtime_makes_them);
    tcase_add_test(tests, what_the_caches_hold_back_counts);
    tcase_add_test(tests, counts_of_allocations_never_fall);
    tcase_add_test(tests, statistics_that_are_being_turned_over_are_marked);
    tcase_add_test(tests, the_goal_is_the_pacers);
    tcase_add_test(tests, what_is_not_located_is_unavailable_with_a_reason);
    tcase_add_test(tests, a_layout_that_leads_out_of_the_struct_is_not_followed);
    tcase_add_test(tests, a_fraction_that_is_none_is_not_shown);
    tcase_add_test(tests, cycles_come_once_each);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
