#include "attach/live_source.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

#define SECOND UINT64_C(1000000000)

/* A reader that counts what is asked of it. */
static struct {
    atomic_uint opened, closed, sampled;
    int sampled_event;
    bool fails, is_gone, is_missing;
    uint64_t magic_address;     /* In the target, which is our own copy. */
    uint64_t read_magic;
} counting = {.sampled_event = -1};

static struct {
    struct reader reader;
    struct memory *memory;
} counting_reader;

static struct error *counting_open(const struct reader_context *context, struct target_info *info,
                                   struct reader **ret_reader);

static struct error *counting_sample(struct reader *reader, struct snapshot *snapshot)
{
    ck_assert_ptr_eq(reader, &counting_reader.reader);
    unsigned count = atomic_fetch_add(&counting.sampled, 1) + 1;
    struct error *error = NULL;
    if (counting.fails)
        error = error_create(ERROR_BAD_DATA, "bucket list has a loop");
    else if (counting.is_gone)
        error = error_create(ERROR_GONE, "gone");
    else if (counting.magic_address)
        error = memory_read_u64(counting_reader.memory, counting.magic_address, &counting.read_magic);
    snapshot_set(snapshot, COUNTER_NUM_GC, count);
    snapshot->cost.samples_retried += 2;
    if (counting.sampled_event >= 0)
        ck_assert_int_eq(write(counting.sampled_event, &(uint64_t){1}, 8), 8);
    return error;
}

static void counting_close(struct reader *reader)
{
    (void)reader;
    atomic_fetch_add(&counting.closed, 1);
}

static const struct reader_ops counting_ops = {
    .name = "counting",
    .open = counting_open,
    .sample = counting_sample,
    .close = counting_close,
};

static struct error *counting_open(const struct reader_context *context, struct target_info *info,
                                   struct reader **ret_reader)
{
    ck_assert_ptr_nonnull(context->image);
    ck_assert_uint_gt(context->num_regions, 5);
    counting_reader.reader.ops = &counting_ops;
    counting_reader.memory = context->memory;
    atomic_fetch_add(&counting.opened, 1);
    if (counting.is_missing)
        return NULL;
    info->runtime = catalog_add_string(context->catalog, "counted", 7);
    *ret_reader = &counting_reader.reader;
    return NULL;
}

static const struct reader_ops *const kinds[] = {&counting_ops};
static const struct reader_list readers = {.items = kinds, .count = 1};

static struct source *open_source(pid_t pid, uint64_t interval_ns, bool once)
{
    struct attach_options options = {.interval_ns = interval_ns, .sample_once = once};
    struct source *source = NULL;
    struct error *error = live_source_create(pid, &options, readers, &source);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return source;
}

static struct snapshot *next(struct source *source)
{
    struct snapshot *snapshot = NULL;
    struct error *error = source->ops->next(source, 60 * SECOND, &snapshot);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    ck_assert_ptr_nonnull(snapshot);
    return snapshot;
}

static bool has_problem(const struct snapshot *snapshot, const char *part)
{
    for (size_t i = 0; i < snapshot->num_problems; i++) {
        if (strstr(snapshot->problems[i].text, part))
            return true;
    }
    return false;
}

START_TEST(test_one_sample)
{
    struct fixture fixture = fixture_start(1);
    static uint64_t magic = 0x1122334455667788;
    counting.magic_address = (uintptr_t)&magic;
    struct source *source = open_source(fixture.pid, 0, true);
    ck_assert(source->live);
    struct snapshot *snapshot = next(source);
    ck_assert_uint_eq(counting.read_magic, magic);
    ck_assert_uint_eq(snapshot->sequence, 1);
    ck_assert_uint_eq(snapshot->interval_ns, SECOND);
    ck_assert(!snapshot->exited);
    ck_assert_ptr_null(snapshot->exit_reason);

    /* Who it is. */
    const struct target_info *info = &snapshot->target;
    ck_assert_int_eq(info->pid, fixture.pid);
    ck_assert_int_gt(info->inner_pid, 0);
    ck_assert_uint_eq(info->uid, getuid());
    ck_assert_uint_le(info->start_unix_ns, snapshot->unix_ns);
    char link[4096] = "";
    ck_assert_int_gt(readlink("/proc/self/exe", link, sizeof(link) - 1), 0);
    ck_assert_str_eq(catalog_string(snapshot->catalog, info->exe), link);
    ck_assert_str_eq(catalog_string(snapshot->catalog, info->comm), "live_source_tes");
    ck_assert_ptr_nonnull(strstr(catalog_string(snapshot->catalog, info->command_line), "live_source_test"));
    ck_assert_str_eq(catalog_string(snapshot->catalog, info->runtime), "counted");
    ck_assert_int_eq(info->stripped, KNOWN_NO);

    /* What the kernel counts. */
    const struct counter *counters = snapshot->counters;
    ck_assert_int_gt(counters[COUNTER_RSS].value.integer, 100000);
    ck_assert_int_eq(counters[COUNTER_RSS].provenance, PROVENANCE_EXACT);
    ck_assert_int_ge(counters[COUNTER_RSS].value.integer,
                     counters[COUNTER_ANON].value.integer + counters[COUNTER_FILE].value.integer);
    ck_assert_int_gt(counters[COUNTER_VIRTUAL].value.integer, counters[COUNTER_RSS].value.integer);
    /* A sanitizer may have threads of its own in the target. */
    ck_assert_int_ge(counters[COUNTER_THREADS].value.integer, 2);
    ck_assert_int_gt(counters[COUNTER_MINOR_FAULTS].value.integer, 0);
    ck_assert(counter_known(&counters[COUNTER_LIMIT]) || counters[COUNTER_LIMIT].reason);

    /* Threads: names with parentheses, and where each sleeps. */
    ck_assert_uint_eq(snapshot->num_threads, (size_t)counters[COUNTER_THREADS].value.integer);
    ck_assert_int_eq(snapshot->threads[0].tid, fixture.pid);
    const struct thread *other = &snapshot->threads[snapshot->num_threads - 1];
    ck_assert_int_eq(other->tid, fixture.other_tid);
    ck_assert_str_eq(catalog_string(snapshot->catalog, other->name), "idle) S (x");
    ck_assert_int_eq(other->state, 'S');
    ck_assert_str_eq(catalog_string(snapshot->catalog, other->system_call), "pause");
    ck_assert_uint_eq(other->read_monotonic_ns, snapshot->monotonic_ns);

    /* The map, and the program among the executable mappings, with its build id. */
    ck_assert_uint_gt(snapshot->num_regions, 5);
    bool found = false;
    for (size_t i = 0; i < snapshot->num_mappings; i++) {
        const struct mapping *mapping = &snapshot->mappings[i];
        uintptr_t code = (uintptr_t)open_source;
        if (code < mapping->start || code >= mapping->limit)
            continue;
        found = true;
        ck_assert_str_eq(catalog_string(snapshot->catalog, mapping->file), link);
        ck_assert_uint_eq(mapping->build_id, info->build_id);
    }
    ck_assert(found);

    /* What it cost. */
    const struct cost *cost = &snapshot->cost;
    /* The reader's own eight bytes, and stacks of threads. */
    ck_assert_uint_ge(cost->bytes_read, 8);
    ck_assert_uint_ge(cost->read_calls, 1);
    ck_assert_uint_eq(cost->stops + cost->stop_ns + cost->writes, 0);
    ck_assert_uint_gt(cost->cpu_ns, 0);
    ck_assert_uint_gt(cost->sample_ns, 0);
    ck_assert_uint_gt(cost->sample_cpu_ns, 0);
    ck_assert_uint_gt(cost->rss_bytes, 100000);
    ck_assert_uint_ge(cost->attach_ns, cost->symbols_ns);
    ck_assert_uint_eq(cost->samples_taken, 1);
    ck_assert_uint_eq(cost->samples_retried, 2);
    ck_assert_uint_eq(cost->samples_dropped, 0);
    snapshot_unref(snapshot);

    /* And no more. */
    snapshot = NULL;
    ck_assert_ptr_null(source->ops->next(source, 60 * SECOND, &snapshot));
    ck_assert_ptr_null(snapshot);
    source_close(source);
    ck_assert_uint_eq(atomic_load(&counting.closed), 1);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_no_reader_says_why)
{
    struct fixture fixture = fixture_start(0);
    counting.is_missing = true;
    struct source *source = open_source(fixture.pid, 0, true);
    struct snapshot *snapshot = next(source);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_NONE);
    ck_assert_ptr_nonnull(strstr(snapshot->profile_reason, "it keeps no heap profile: `heaptop run` would"));
    ck_assert(!counter_known(&snapshot->counters[COUNTER_HEAP_LIVE]));
    ck_assert_str_eq(snapshot->counters[COUNTER_HEAP_LIVE].reason, "not a Go program");
    ck_assert(counter_known(&snapshot->counters[COUNTER_RSS]));
    ck_assert_str_eq(catalog_string(snapshot->catalog, snapshot->target.runtime), "native");
    snapshot_unref(snapshot);
    source_close(source);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_exit_gives_one_last_snapshot)
{
    static const struct {
        char order;
        const char *reason;
    } ways[] = {{'x', "exited with status 7"}, {'k', "was killed by signal 9 (Killed)"}};
    struct fixture fixture = fixture_start(0);
    /* An interval that never comes round: the end of the process is noticed at once. */
    struct source *source = open_source(fixture.pid, 3600 * SECOND, false);
    struct snapshot *first = next(source);
    fixture_order(&fixture, ways[_i].order);
    struct snapshot *last = next(source);
    ck_assert(last->exited);
    ck_assert_msg(strncmp(last->exit_reason, ways[_i].reason, strlen(ways[_i].reason)) == 0, "%s", last->exit_reason);
    ck_assert_uint_eq(last->sequence, 2);
    ck_assert_uint_ge(last->monotonic_ns, first->monotonic_ns);
    ck_assert_int_eq(last->counters[COUNTER_RSS].provenance, PROVENANCE_STALE);
    ck_assert_int_eq(last->counters[COUNTER_RSS].value.integer, first->counters[COUNTER_RSS].value.integer);
    ck_assert_ptr_nonnull(last->counters[COUNTER_RSS].reason);
    ck_assert(!counter_known(&last->counters[COUNTER_HEAP_LIVE]));
    ck_assert_uint_eq(last->num_threads, first->num_threads);
    ck_assert_uint_eq(last->num_mappings, first->num_mappings);
    ck_assert_int_eq(last->target.pid, fixture.pid);
    snapshot_unref(first);

    /* The last snapshot holds nothing of those before it, and outlives its source. */
    struct snapshot *none = NULL;
    ck_assert_ptr_null(source->ops->next(source, 60 * SECOND, &none));
    ck_assert_ptr_null(none);
    source_close(source);
    ck_assert_str_eq(catalog_string(last->catalog, last->target.comm), "live_source_tes");
    snapshot_unref(last);
    fixture_end(&fixture);
}
END_TEST

/* The process is reaped, and its pid could be another's, while the source still looks. */
START_TEST(test_exit_after_reaping)
{
    struct fixture fixture = fixture_start(0);
    struct source *source = open_source(fixture.pid, ATTACH_MIN_INTERVAL_NS, false);
    snapshot_unref(next(source));
    fixture_order(&fixture, 'x');
    ck_assert_int_eq(waitpid(fixture.pid, NULL, 0), fixture.pid);
    bool has_exited = false;
    while (!has_exited) {
        struct snapshot *snapshot = next(source);
        has_exited = snapshot->exited;
        snapshot_unref(snapshot);
    }
    source_close(source);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_queue_keeps_the_newest)
{
    struct fixture fixture = fixture_start(0);
    uint64_t count;
    counting.sampled_event = eventfd(0, EFD_SEMAPHORE);
    struct source *source = open_source(fixture.pid, ATTACH_MIN_INTERVAL_NS, false);
    /* Wait for 12 samples to be made, and take none. */
    for (size_t i = 0; i < 12; i++)
        ck_assert_int_eq(read(counting.sampled_event, &count, sizeof(count)), 8);
    struct pollfd descriptor = {.fd = source->ops->descriptor(source), .events = POLLIN};
    ck_assert_int_eq(poll(&descriptor, 1, 60000), 1);
    struct snapshot *first = next(source);
    ck_assert_uint_ge(first->sequence, 12 - LIVE_SOURCE_QUEUE);
    /* Slow down, then take what waits: the sequence has no further hole, and what was dropped is counted. */
    source->ops->set_interval(source, 3600 * SECOND);
    uint64_t expected = first->sequence;
    struct snapshot *last = first, *following = NULL;
    for (;;) {
        following = NULL;
        ck_assert_ptr_null(source->ops->next(source, SECOND / 2, &following));
        if (!following)
            break;
        ck_assert_uint_ge(following->sequence, expected + 1);
        expected = following->sequence;
        snapshot_unref(last);
        last = following;
    }
    ck_assert_uint_ge(last->cost.samples_dropped, 12 - LIVE_SOURCE_QUEUE - 1);
    ck_assert_uint_le(last->cost.samples_dropped, last->sequence);
    ck_assert_int_eq(poll(&descriptor, 1, 0), 0);
    /* Faster again wakes the sampler out of its long wait. */
    source->ops->set_interval(source, 1);
    snapshot_unref(last);
    last = next(source);
    ck_assert_uint_eq(last->interval_ns, ATTACH_MIN_INTERVAL_NS);
    snapshot_unref(last);
    source_close(source);
    close(counting.sampled_event);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_failing_reader_is_a_problem)
{
    struct fixture fixture = fixture_start(0);
    counting.fails = true;
    struct source *source = open_source(fixture.pid, ATTACH_MIN_INTERVAL_NS, false);
    uint64_t before = 0;
    for (unsigned i = 0; i < 10; i++) {
        struct snapshot *snapshot = next(source);
        ck_assert_uint_gt(snapshot->sequence, before);
        before = snapshot->sequence;
        ck_assert(has_problem(snapshot, "counting reader: bucket list has a loop"));
        ck_assert(counter_known(&snapshot->counters[COUNTER_RSS]));
        snapshot_unref(snapshot);
    }
    source_close(source);
    ck_assert_uint_eq(atomic_load(&counting.opened), 1);
    fixture_end(&fixture);
}
END_TEST

/* A reader that finds the process gone again and again, though it lives, ends the source with an error. */
START_TEST(test_hopeless_source_fails_once)
{
    struct fixture fixture = fixture_start(0);
    counting.is_gone = true;
    struct source *source = open_source(fixture.pid, ATTACH_MIN_INTERVAL_NS, false);
    struct snapshot *snapshot = NULL;
    _cleanup_error_ struct error *error = source->ops->next(source, 60 * SECOND, &snapshot);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_null(snapshot);
    ck_assert_ptr_null(source->ops->next(source, 60 * SECOND, &snapshot));
    ck_assert_ptr_null(snapshot);
    source_close(source);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_exec_is_followed)
{
    struct fixture fixture = fixture_start(2);
    struct source *source = open_source(fixture.pid, ATTACH_MIN_INTERVAL_NS, false);
    struct snapshot *snapshot = next(source);
    ck_assert(!has_problem(snapshot, "exec"));
    snapshot_unref(snapshot);
    fixture_order(&fixture, "et"[_i]);
    for (;;) {
        snapshot = next(source);
        /* Arguments come last: a sample taken just before shows the new program without them, and is followed by one
         * that finds it changed once more. */
        if (has_problem(snapshot, "exec") && snapshot->target.command_line)
            break;
        snapshot_unref(snapshot);
    }
    ck_assert(!snapshot->exited);
    ck_assert_str_eq(catalog_string(snapshot->catalog, snapshot->target.comm), "cat");
    ck_assert_str_eq(catalog_string(snapshot->catalog, snapshot->target.command_line), "cat -");
    ck_assert_uint_gt(snapshot->num_mappings, 0);
    ck_assert_uint_ge(atomic_load(&counting.opened), 2);
    ck_assert_uint_eq(atomic_load(&counting.closed), atomic_load(&counting.opened) - 1);
    snapshot_unref(snapshot);
    source_close(source);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_thread_id_gives_its_process)
{
    struct fixture fixture = fixture_start(1);
    struct source *source = open_source(fixture.other_tid, 0, true);
    struct snapshot *snapshot = next(source);
    ck_assert_int_eq(snapshot->target.pid, fixture.pid);
    ck_assert(has_problem(snapshot, "is a thread of process"));
    snapshot_unref(snapshot);
    source_close(source);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_cannot_attach)
{
    static const pid_t none[] = {0, -1, 0x3fffffff};
    struct attach_options options = {0};
    struct source *source = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        _cleanup_error_ struct error *error = live_source_create(none[i], &options, readers, &source);
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(error->kind, ERROR_GONE);
    }
    /* A zombie. */
    struct fixture fixture = fixture_start(0);
    fixture_order(&fixture, 'x');
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)fixture.pid, &info, WEXITED | WNOWAIT), 0);
    _cleanup_error_ struct error *error = live_source_create(fixture.pid, &options, readers, &source);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    ck_assert_ptr_nonnull(strstr(error->message, "zombie"));
    ck_assert_ptr_null(source);
    fixture_end(&fixture);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("live_source");
    TCase *tests = tcase_create("live_source");
    tcase_add_test(tests, test_one_sample);
    tcase_add_test(tests, test_no_reader_says_why);
    tcase_add_loop_test(tests, test_exit_gives_one_last_snapshot, 0, 2);
    tcase_add_test(tests, test_exit_after_reaping);
    tcase_add_test(tests, test_queue_keeps_the_newest);
    tcase_add_test(tests, test_failing_reader_is_a_problem);
    tcase_add_test(tests, test_hopeless_source_fails_once);
    tcase_add_loop_test(tests, test_exec_is_followed, 0, 2);
    tcase_add_test(tests, test_thread_id_gives_its_process);
    tcase_add_test(tests, test_cannot_attach);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
