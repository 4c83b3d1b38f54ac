/* What stays of a recording that is thinned out reads as before, and its file does not grow. */
#include "tests/unit/check_main.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/record/busy_session.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/record/snapshot_compare.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "record/schema.h"
#include "record/thinning.h"

#define SECONDS 400

static uint32_t dice(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* Two processes, one after the other. */
static void make_snapshots(struct snapshot **snapshots)
{
    busy_session(snapshots, SECONDS / 2);
    busy_session(snapshots + SECONDS / 2, SECONDS / 2);
    for (size_t i = SECONDS / 2; i < SECONDS; i++) {
        snapshots[i]->sequence = i + 1;
        snapshots[i]->unix_ns = BUILDER_START_NS + i * BUILDER_SECOND_NS;
        snapshots[i]->target.pid = 5151;
    }
}

/* Cycles since the tick before that stayed. */
static void check_cycles(struct snapshot *const *snapshots, size_t previous, size_t at, const struct snapshot *read)
{
    size_t count = 0;
    /* Those of another process are not its own. */
    if (previous < SECONDS / 2 && at >= SECONDS / 2)
        previous = SECONDS / 2;
    for (size_t i = previous; i <= at; i++) {
        for (size_t k = 0; k < snapshots[i]->num_gc_cycles; k++, count++) {
            ck_assert_uint_lt(count, read->num_gc_cycles);
            ck_assert_uint_eq(read->gc_cycles[count].number, snapshots[i]->gc_cycles[k].number);
            ck_assert_uint_eq(read->gc_cycles[count].heap_after, snapshots[i]->gc_cycles[k].heap_after);
        }
    }
    ck_assert_uint_eq(count, read->num_gc_cycles);
}

/* Against the snapshot that it was made from; `previous` is the index after that of the tick before. */
static void check_tick(struct snapshot *const *snapshots, size_t previous, size_t at, struct snapshot *read)
{
    size_t cycles = snapshots[at]->num_gc_cycles;
    check_cycles(snapshots, previous, at, read);
    snapshots[at]->num_gc_cycles = read->num_gc_cycles = 0;
    compare_snapshots(snapshots[at], read);
    snapshots[at]->num_gc_cycles = cycles;
    /* Goroutines are listed in some ticks only, which may be gone. */
    if (read->goroutines_monotonic_ns == 0)
        return;
    while (at > 0 && snapshots[at]->monotonic_ns != read->goroutines_monotonic_ns)
        at--;
    compare_goroutines(snapshots[at], read);
}

/* Played from the beginning, and jumped into; how many ticks there are. */
static size_t check_all(const char *path, struct snapshot *const *snapshots, uint32_t *random)
{
    struct source *source = replay(path);
    size_t previous = 0, count = 0, kept[SECONDS];
    for (struct snapshot *read; (read = take(source)); snapshot_unref(read)) {
        size_t at = (size_t)read->sequence - 1;
        ck_assert_uint_lt(at, SECONDS);
        ck_assert(count == 0 || at >= previous);
        check_tick(snapshots, previous, at, read);
        kept[count++] = at;
        previous = at + 1;
    }
    for (int n = 0; n < 20; n++) {
        size_t i = dice(random) % count;
        check_good(source->ops->seek(source, snapshots[kept[i]]->unix_ns + BUILDER_SECOND_NS / 3));
        struct snapshot *read = take(source);
        ck_assert_ptr_nonnull(read);
        ck_assert_uint_eq(read->sequence, kept[i] + 1);
        check_tick(snapshots, i == 0 ? 0 : kept[i - 1] + 1, kept[i], read);
        snapshot_unref(read);
    }
    source_close(source);
    return count;
}

/* Whatever ticks are merged, in whatever order, those that stay read as before. */
START_TEST(any_ticks_may_be_merged)
{
    struct snapshot *snapshots[SECONDS];
    uint32_t random = (uint32_t)_i * 7919 + 1;
    make_snapshots(snapshots);
    record_all(scratch_path("m"), snapshots, SECONDS);
    struct database database = {0};
    struct thinning thinning;
    ck_assert_int_eq(sqlite3_open(scratch_path("m"), &database.handle), SQLITE_OK);
    thinning_init(&thinning, &database, 1, 0);
    bool present[SECONDS + 1];
    memset(present, true, sizeof(present));
    database_execute(&thinning.database, "BEGIN");
    size_t left = SECONDS, wanted = 5 + dice(&random) % 200;
    while (left > wanted) {
        /* A tick goes into the next one that is there. The last stays. */
        size_t tick = 1 + dice(&random) % (SECONDS - 1), previous = tick - 1, next = tick + 1;
        if (!present[tick])
            continue;
        while (previous > 0 && !present[previous])
            previous--;
        while (!present[next])
            next++;
        thinning_merge(&thinning, (int64_t)previous, (int64_t)next);
        present[tick] = false;
        left--;
    }
    database_execute(&thinning.database, "COMMIT");
    ck_assert_int_eq(thinning.database.code, SQLITE_OK);
    thinning_deinit(&thinning);
    sqlite3_close(database.handle);
    ck_assert_uint_eq(check_all(scratch_path("m"), snapshots, &random), wanted);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

static uint64_t file_size(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

START_TEST(old_ticks_become_fewer_and_marks_stay)
{
    struct snapshot *snapshots[SECONDS];
    struct recorder *recorder = NULL;
    uint32_t random = 5;
    const struct recorder_options options = {.keep_ns = 20 * BUILDER_SECOND_NS};
    make_snapshots(snapshots);
    check_good(recorder_open(scratch_path("k"), &options, &recorder));
    for (size_t i = 0; i < SECONDS; i++) {
        if (i == 33)
            recorder_mark(recorder, snapshots[i]->unix_ns - 5, "deploy");
        record_one(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, NULL));
    size_t count = check_all(scratch_path("k"), snapshots, &random);
    /* The last 20 and a little; one in ten seconds of 180 s; one a minute of the rest. */
    ck_assert_msg(count >= 20 + 18 && count < 20 + 18 + 30, "%zu ticks are left", count);
    struct source *source = replay(scratch_path("k"));
    static const size_t stay[] = {0, 33, SECONDS / 2 - 1, SECONDS / 2, SECONDS - 2, SECONDS - 1};
    for (size_t i = 0; i < ARRAY_SIZE(stay); i++) {
        check_good(source->ops->seek(source, snapshots[stay[i]]->unix_ns));
        struct snapshot *read = take(source);
        ck_assert_uint_eq(read->sequence, stay[i] + 1);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

/* A process with some hundred call sites, of which ten change in every tick, and the others now and then. */
static struct builder *make_process(void)
{
    struct builder *b = builder_demo_create();
    for (int i = 0; i < 300; i++) {
        char stack[96];
        snprintf(stack, sizeof(stack), "example.com/app/p%d.F f%d.go:%d; main.main main.go:9", i, i, i + 1);
        builder_site(b, 16 + 16 * (unsigned)(i % 64), stack);
    }
    return b;
}

static void live(struct builder *b, uint64_t n)
{
    for (uint64_t i = 0; i < 12; i++)
        builder_allocate(b, i < 10 ? (size_t)i * 17 : (size_t)(n / 7 + i) % b->sites.count, 1 + (unsigned)(i % 3));
    builder_set(b, COUNTER_RSS, (int64_t)(100 << 20) + (int64_t)(n % 1000) * 4096);
    builder_add(b, COUNTER_CPU, 1000000);
    b->threads.items[n % b->threads.count].cpu_ns += 100000;
    if (n % 20 == 0)
        builder_gc(b);
    b->cost.cpu_ns += 800000;
}

/* Time goes by; who waits, waits on. */
static void pass(struct builder *b, unsigned seconds)
{
    builder_advance(b, seconds);
    for (size_t i = 0; i < b->groups.count; i++) {
        b->groups.items[i].wait_ns_min += seconds * BUILDER_SECOND_NS;
        b->groups.items[i].wait_ns_max += seconds * BUILDER_SECOND_NS;
    }
}

/* Thirty days at a tick in two minutes: 21,600 of them (ten days under a sanitizer). The file and its log stay below
 * their bound at any time, and what is left reaches from the first day to the last. */
START_TEST(a_month_stays_within_its_size)
{
    enum { TICKS = (IS_SANITIZED ? 10 : 30) * 720, BOUND = 4 << 20 };
    struct recorder *recorder = NULL;
    struct recorder_status status;
    struct builder *b = make_process();
    const struct recorder_options options = {.max_bytes = BOUND};
    uint64_t most = 0, first = b->unix_ns, last = 0;
    check_good(recorder_open(scratch_path("month"), &options, &recorder));
    b->interval_ns = 120 * BUILDER_SECOND_NS;
    for (uint64_t n = 0; n < TICKS; n++) {
        live(b, n);
        last = b->unix_ns;
        struct snapshot *snapshot = builder_take(b);
        record_one(recorder, snapshot);
        snapshot_unref(snapshot);
        pass(b, 120);
        recorder_status(recorder, &status);
        most = status.bytes > most ? status.bytes : most;
    }
    check_good(recorder_close(recorder, &status));
    ck_assert_msg(most <= BOUND, "the file took %lu bytes", most);
    ck_assert_uint_eq(status.dropped, 0);
    ck_assert_uint_le(file_size(scratch_path("month")), BOUND);
    struct recording *recording = NULL;
    struct recording_info info;
    check_good(recording_open(scratch_path("month"), &recording));
    check_good(recording_read_info(recording, &info));
    ck_assert_uint_eq(info.first_unix_ns, first);
    ck_assert_uint_eq(info.last_unix_ns, last);
    ck_assert_uint_eq(info.gaps, 0);
    ck_assert_uint_gt(info.ticks, 1000);
    /* No day is without a tick. */
    struct source *source = NULL;
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    uint64_t before = first, widest = 0;
    for (struct snapshot *read; (read = take(source)); snapshot_unref(read)) {
        uint64_t gap = read->unix_ns - before;
        widest = gap > widest ? gap : widest;
        before = read->unix_ns;
        ck_assert_uint_eq(read->num_problems, 0);
        ck_assert_uint_eq(read->num_sites, b->sites.count);
    }
    ck_assert_uint_le(widest, 2 * 3600 * BUILDER_SECOND_NS);
    source_close(source);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

/* What does not fit, however thin: the oldest go, and a gap says so. */
START_TEST(a_process_too_large_for_the_size_loses_its_oldest_ticks)
{
    enum { TICKS = 3000, BOUND = 4 << 20 };
    struct recorder *recorder = NULL;
    struct recorder_status status;
    struct builder *b = make_process();
    const struct recorder_options options = {.max_bytes = BOUND};
    check_good(recorder_open(scratch_path("large"), &options, &recorder));
    for (unsigned n = 0; n < TICKS; n++) {
        live(b, n);
        for (size_t i = 0; i < b->sites.count; i++)
            builder_allocate(b, i, 1 + (unsigned)(i + n) % 3);
        struct snapshot *snapshot = builder_take(b);
        record_one(recorder, snapshot);
        snapshot_unref(snapshot);
        pass(b, 600);
        recorder_status(recorder, &status);
        ck_assert_uint_le(status.bytes, BOUND);
    }
    check_good(recorder_close(recorder, &status));
    struct recording *recording = NULL;
    struct timeline_gap *gaps;
    struct arena arena;
    size_t count;
    arena_init(&arena);
    check_good(recording_open(scratch_path("large"), &recording));
    check_good(recording_read_gaps(recording, &arena, &gaps, &count));
    ck_assert_uint_eq(count, 1 + (status.dropped > 0));
    ck_assert_msg(strstr(gaps[0].reason, "left out"), "%s", gaps[0].reason);
    ck_assert_uint_eq(gaps[0].from_unix_ns, BUILDER_START_NS);
    struct source *source = NULL;
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    size_t ticks = 0;
    for (struct snapshot *read; (read = take(source)); snapshot_unref(read), ticks++) {
        ck_assert_uint_eq(read->num_sites, b->sites.count);
        ck_assert_uint_eq(read->num_problems, 0);
    }
    ck_assert_uint_gt(ticks, 50);
    source_close(source);
    arena_deinit(&arena);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("thinning");
    TCase *tests = tcase_create("thinning");
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, any_ticks_may_be_merged, 0, 8);
    tcase_add_test(tests, old_ticks_become_fewer_and_marks_stay);
    tcase_add_test(tests, a_month_stays_within_its_size);
    tcase_add_test(tests, a_process_too_large_for_the_size_loses_its_oldest_ticks);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
