#include "attach/threads.h"

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

static struct catalog *catalog;
static struct name_cache names;
static struct thread_reader *reader;
static int folder = -1;

static void attach(pid_t pid)
{
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    ck_assert_ptr_null(procfs_open_process(pid, &folder));
    ck_assert_ptr_null(thread_reader_create(folder, &names, &reader));
}

static void detach(void)
{
    thread_reader_destroy(reader);
    name_cache_deinit(&names);
    catalog_unref(catalog);
    close_p(&folder);
}

static struct snapshot *sample(uint64_t expected, uint64_t now)
{
    struct snapshot *snapshot;
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    snapshot->monotonic_ns = now;
    ck_assert_ptr_null(thread_reader_sample(reader, expected, false, snapshot));
    return snapshot;
}

static const struct thread *find(const struct snapshot *snapshot, pid_t tid)
{
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        if (snapshot->threads[i].tid == tid)
            return &snapshot->threads[i];
    }
    return NULL;
}

START_TEST(test_cpu_and_state)
{
    struct fixture fixture = fixture_start(1);
    attach(fixture.pid);
    struct snapshot *before = sample(2, 1), *after;
    fixture_do(&fixture, 'b');
    after = sample(2, 2);
    /* The main thread has worked; the other has not moved, and is known to be as it was. */
    ck_assert_uint_gt(find(after, fixture.pid)->cpu_ns, find(before, fixture.pid)->cpu_ns + 1000000);
    ck_assert_uint_eq(find(after, fixture.other_tid)->cpu_ns, find(before, fixture.other_tid)->cpu_ns);
    ck_assert_uint_eq(find(after, fixture.other_tid)->read_monotonic_ns, 2);
    ck_assert_int_ge(find(after, fixture.pid)->processor, 0);
    ck_assert_str_eq(catalog_string(catalog, find(after, fixture.other_tid)->system_call), "pause");
    snapshot_unref(before);
    snapshot_unref(after);
    detach();
    fixture_end(&fixture);
}
END_TEST

/* More threads than are read in one sample: each gets its turn, and its age tells. */
START_TEST(test_many_take_turns)
{
    enum { threads = 150 };
    struct fixture fixture = fixture_start(threads);
    attach(fixture.pid);
    struct snapshot *snapshot = sample(threads + 1, 1);
    size_t first_read = snapshot->num_threads;
    ck_assert_uint_ge(first_read, 40);
    ck_assert_uint_lt(first_read, threads);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    ck_assert_ptr_nonnull(strstr(snapshot->problems[0].text, "not read yet"));
    snapshot_unref(snapshot);

    uint64_t now = 1;
    size_t count = 0;
    while (count < threads + 1 && now < 20) {
        snapshot = sample(threads + 1, ++now);
        count = snapshot->num_threads;
        snapshot_unref(snapshot);
    }
    ck_assert_uint_ge(count, threads + 1);
    /* Once all are known, those that sleep cost little, and all are seen every time. */
    snapshot = sample(threads + 1, 100);
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        const struct thread *thread = &snapshot->threads[i];
        ck_assert_uint_eq(thread->read_monotonic_ns, 100);
        ck_assert_int_eq(thread->state, 'S');
        ck_assert_uint_ne(thread->name, 0);
    }
    ck_assert_uint_eq(snapshot->num_problems, 0);
    snapshot_unref(snapshot);
    detach();
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_gone)
{
    struct fixture fixture = fixture_start(3);
    attach(fixture.pid);
    snapshot_unref(sample(4, 1));
    fixture_end(&fixture);
    /* No error and no threads: that the process ended is for others to find. */
    struct snapshot *snapshot = sample(4, 2);
    ck_assert_uint_eq(snapshot->num_threads, 0);
    snapshot_unref(snapshot);
    snapshot = sample(4, 3);
    ck_assert_uint_eq(snapshot->num_threads, 0);
    snapshot_unref(snapshot);
    detach();
}
END_TEST

/* A program that gives new names for ever does not make the catalog grow for ever. */
START_TEST(test_names_are_bounded)
{
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    char name[32];
    for (int i = 0; i < NAME_CACHE_MAX + 1000; i++) {
        int length = snprintf(name, sizeof(name), "worker\x1b" "%d", i);
        string_id id = name_cache_add(&names, name, (size_t)length);
        ck_assert_int_eq(id != 0, i < NAME_CACHE_MAX);
        ck_assert_uint_eq(id, name_cache_add(&names, name, (size_t)length));
        ck_assert_int_eq(names.is_full, i >= NAME_CACHE_MAX);
    }
    ck_assert_str_eq(catalog_string(catalog, name_cache_add(&names, "worker\x1b" "7", 8)), "worker\\x1b7");
    ck_assert_uint_eq(name_cache_add(&names, "", 0), 0);
    name_cache_deinit(&names);
    catalog_unref(catalog);
}
END_TEST

START_TEST(test_syscall_text)
{
    static const struct {
        const char *text;
        bool found;
        struct thread_wait wait;
    } rows[] = {
        {"202 0x55 0x80 0x0 0x0 0x0 0x0 0x7ffc 0x7f12\n", true, {true, 202, 0x7ffc, 0x7f12}},
        {"0 0x3 0x7f 0x0 0x0 0x0 0x0 0x7fffffffffffffff 0x1", true, {true, 0, 0x7fffffffffffffff, 1}},
        {"-1 0x7ffc 0x7f12\n", true, {false, 0, 0x7ffc, 0x7f12}},
        {"0 0x3 0x7f", false, {0}},
        {"-1 0x7ffc", false, {0}},
        {"-2 0x7ffc 0x7f12\n", false, {0}},
        {"202 0x55 0x80 0x0 0x0 0x0 0x0 7ffc 0x7f12\n", false, {0}},
        {"running\n", false, {0}},
        {"", false, {0}},
        {"99999999999999999999999 1", false, {0}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct thread_wait wait = {0};
        ck_assert_int_eq(thread_parse_syscall(rows[i].text, strlen(rows[i].text), &wait), rows[i].found);
        ck_assert_int_eq(wait.is_call, rows[i].wait.is_call);
        ck_assert_uint_eq(wait.number, rows[i].wait.number);
        ck_assert_uint_eq(wait.sp, rows[i].wait.sp);
        ck_assert_uint_eq(wait.pc, rows[i].wait.pc);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("threads");
    TCase *tests = tcase_create("threads");
    tcase_add_test(tests, test_cpu_and_state);
    tcase_add_test(tests, test_many_take_turns);
    tcase_add_test(tests, test_gone);
    tcase_add_test(tests, test_names_are_bounded);
    tcase_add_test(tests, test_syscall_text);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
