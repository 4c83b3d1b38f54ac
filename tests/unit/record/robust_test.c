/* A recorder that is killed or has no room, and files that are no recordings, or damaged ones. */
#include "tests/unit/check_main.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/record/snapshot_compare.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SECONDS 40

/* How often it is killed; the environment may ask for another number. */
static int kills(void)
{
    const char *wanted = getenv("HEAPTOP_TEST_KILLS");
    return wanted ? atoi(wanted) : 200;
}

/* Records as fast as it can, and says in shared memory how many samples are in the file for good. */
static void record_until_killed(const char *path, struct snapshot *const *snapshots, volatile uint64_t *committed)
{
    struct recorder *recorder = NULL;
    if (recorder_open(path, NULL, &recorder))
        _exit(1);
    for (size_t i = 0;; i++) {
        struct recorder_status status;
        /* The same session over and over, each time a later one. */
        struct snapshot *snapshot = snapshots[i % SECONDS];
        snapshot->sequence = i + 1;
        snapshot->unix_ns = BUILDER_START_NS + i * BUILDER_SECOND_NS;
        record_one(recorder, snapshot);
        recorder_status(recorder, &status);
        *committed = status.ticks;
    }
}

START_TEST(a_recorder_that_is_killed_loses_no_more_than_the_sample_in_flight)
{
    struct snapshot *snapshots[SECONDS];
    volatile uint64_t *committed = mmap(NULL, sizeof(*committed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                        -1, 0);
    ck_assert_ptr_ne((void *)committed, MAP_FAILED);
    builder_demo(snapshots, SECONDS);
    uint32_t random = 7;
    for (int n = 0; n < kills(); n++) {
        char path[160];
        snprintf(path, sizeof(path), "%s%d", scratch_path("killed"), n);
        *committed = 0;
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            record_until_killed(path, snapshots, committed);
        /* Once it has begun, at any moment. */
        const struct timespec look = {.tv_nsec = 50000};
        while (*committed == 0)
            nanosleep(&look, NULL);
        random = random * 1664525 + 1013904223;
        const struct timespec moment = {.tv_nsec = (long)((random >> 8) % 20000000)};
        nanosleep(&moment, NULL);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        uint64_t acknowledged = *committed, read = 0;
        struct source *source = replay(path);
        for (struct snapshot *snapshot; (snapshot = take(source)); snapshot_unref(snapshot)) {
            ck_assert_uint_eq(snapshot->sequence, ++read);
            ck_assert_uint_eq(snapshot->num_problems, 0);
        }
        source_close(source);
        ck_assert_msg(read == acknowledged || read == acknowledged + 1, "%d: %lu read of %lu", n, read, acknowledged);
    }
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_full_disk_leaves_a_gap_with_its_reason)
{
    struct snapshot *snapshots[SECONDS];
    struct recorder *recorder = NULL;
    struct recorder_status status;
    struct recording *recording = NULL;
    struct timeline_gap *gaps;
    struct arena arena;
    size_t count;
    builder_demo(snapshots, SECONDS);
    signal(SIGXFSZ, SIG_IGN);
    check_good(recorder_open(scratch_path("full.heaptop"), NULL, &recorder));
    for (int i = 0; i < 10; i++)
        record_one(recorder, snapshots[i]);
    recorder_status(recorder, &status);
    ck_assert_uint_eq(status.ticks, 10);
    ck_assert_str_eq(status.problem, "");
    /* Neither the file nor its log can grow: as when the disk is full. */
    limit_file_size(4096);
    for (int i = 10; i < 20; i++)
        record_one(recorder, snapshots[i]);
    recorder_status(recorder, &status);
    ck_assert_uint_eq(status.ticks, 10);
    ck_assert_uint_eq(status.dropped, 10);
    ck_assert_msg(strstr(status.problem, "cannot write"), "%s", status.problem);
    limit_file_size(RLIM_INFINITY);
    int written = 20;
    /* It is tried again some time later. */
    while (written < SECONDS - 1 && status.ticks == 10) {
        const struct timespec moment = {.tv_nsec = 100000000};
        nanosleep(&moment, NULL);
        record_one(recorder, snapshots[written++]);
        recorder_status(recorder, &status);
    }
    ck_assert_uint_eq(status.ticks, 11);
    ck_assert_str_eq(status.problem, "");
    record_one(recorder, snapshots[written]);
    check_good(recorder_close(recorder, NULL));
    arena_init(&arena);
    check_good(recording_open(scratch_path("full.heaptop"), &recording));
    check_good(recording_read_gaps(recording, &arena, &gaps, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(gaps[0].ticks, (uint64_t)written - 1 - 10);
    ck_assert_uint_eq(gaps[0].from_unix_ns, snapshots[10]->unix_ns);
    ck_assert_uint_eq(gaps[0].to_unix_ns, snapshots[written - 2]->unix_ns);
    ck_assert_msg(strstr(gaps[0].reason, "cannot write"), "%s", gaps[0].reason);
    struct source *source = NULL;
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    for (int i = 0; i <= written; i == 9 ? i = written - 1 : i++) {
        struct snapshot *snapshot = take(source);
        ck_assert_ptr_nonnull(snapshot);
        compare_snapshots(snapshots[i], snapshot);
        snapshot_unref(snapshot);
    }
    ck_assert_ptr_null(take(source));
    source_close(source);
    arena_deinit(&arena);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

/* ---- somebody looks ---- */

static atomic_bool looks;

/* Reads whatever is at the path, again and again, each time for a moment. */
static void *look(void *path)
{
    while (atomic_load(&looks)) {
        sqlite3 *handle = NULL;
        if (access(path, R_OK) == 0 && sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
            sqlite3_exec(handle, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
            const struct timespec moment = {.tv_nsec = 3000000};
            nanosleep(&moment, NULL);
        }
        sqlite3_close(handle);
    }
    return NULL;
}

START_TEST(a_file_may_be_looked_at_while_it_is_made)
{
    pthread_t thread;
    struct snapshot *snapshots[3];
    char path[160];
    builder_demo(snapshots, 3);
    for (int n = 0; n < 10; n++) {
        snprintf(path, sizeof(path), "%s%d", scratch_path("looked"), n);
        atomic_store(&looks, true);
        ck_assert_int_eq(pthread_create(&thread, NULL, look, path), 0);
        struct recorder *recorder = NULL;
        struct recorder_status status;
        check_good(recorder_open(path, NULL, &recorder));
        for (int i = 0; i < 3; i++)
            record_one(recorder, snapshots[i]);
        check_good(recorder_close(recorder, &status));
        ck_assert_uint_eq(status.ticks, 3);
        atomic_store(&looks, false);
        pthread_join(thread, NULL);
    }
    builder_release(snapshots, 3);
    scratch_remove();
}
END_TEST

/* ---- a slow disk ---- */

/* The system's own file system, but for files whose every write takes some time. */
static sqlite3_io_methods slow_methods;
static const sqlite3_io_methods *own_methods;
static atomic_ulong slow_write_ns, slow_writes;

static int write_slowly(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 offset)
{
    unsigned long ns = atomic_load(&slow_write_ns);
    if (ns > 0) {
        const struct timespec moment = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
        atomic_fetch_add(&slow_writes, 1);
        nanosleep(&moment, NULL);
    }
    return own_methods->xWrite(file, bytes, amount, offset);
}

static int open_slowly(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    sqlite3_vfs *own = vfs->pAppData;
    int code = own->xOpen(own, name, file, flags, ret_flags);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    own_methods = file->pMethods;
    slow_methods = *own_methods;
    slow_methods.xWrite = write_slowly;
    file->pMethods = &slow_methods;
    return code;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Each write of a page takes 20 ms, and samples come as fast as they can: handing one over never waits for the disk,
 * and what is lost has a gap. */
START_TEST(a_slow_disk_drops_ticks_and_holds_nobody_up)
{
    enum { MANY = 300 };
    struct snapshot *snapshots[MANY];
    struct recorder *recorder = NULL;
    struct recorder_status status;
    static sqlite3_vfs slow;
    slow = *sqlite3_vfs_find(NULL);
    slow.pAppData = sqlite3_vfs_find(NULL);
    slow.zName = "slow";
    slow.xOpen = open_slowly;
    ck_assert_int_eq(sqlite3_vfs_register(&slow, 1), SQLITE_OK);
    builder_demo(snapshots, MANY);
    check_good(recorder_open(scratch_path("slow"), NULL, &recorder));
    atomic_store(&slow_write_ns, 20000000);
    uint64_t longest = 0;
    for (int i = 0; i < MANY; i++) {
        uint64_t began = now_ns();
        recorder_add(recorder, snapshots[i]);
        if (i == MANY / 2)
            recorder_mark(recorder, snapshots[i]->unix_ns, "deploy");
        uint64_t took = now_ns() - began;
        longest = took > longest ? took : longest;
        recorder_status(recorder, &status);
        const struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
    /* A hundred of them would be no more than two slow writes: on a busy machine one call may be late. */
    ck_assert_msg(longest < 500000000, "a call took %lu ns", longest);
    ck_assert_uint_gt(atomic_load(&slow_writes), 5);
    ck_assert_uint_gt(status.dropped, 0);
    ck_assert_str_eq(status.problem, "the disk was too slow");
    atomic_store(&slow_write_ns, 0);
    check_good(recorder_close(recorder, &status));
    ck_assert_uint_eq(status.ticks + status.dropped, MANY);
    ck_assert_int_eq(sqlite3_vfs_unregister(&slow), SQLITE_OK);
    struct recording *recording = NULL;
    struct recording_info info;
    check_good(recording_open(scratch_path("slow"), &recording));
    check_good(recording_read_info(recording, &info));
    ck_assert_uint_eq(info.ticks, status.ticks);
    ck_assert_uint_eq(info.marks, 1);
    ck_assert_uint_gt(info.gaps, 0);
    recording_close(recording);
    builder_release(snapshots, MANY);
    scratch_remove();
}
END_TEST

START_TEST(a_queue_without_room_drops_and_says_so)
{
    enum { MANY = 400 };
    struct snapshot *snapshots[MANY];
    struct recorder *recorder = NULL;
    struct recorder_status status;
    builder_demo(snapshots, MANY);
    check_good(recorder_open(scratch_path("slow.heaptop"), NULL, &recorder));
    for (int i = 0; i < MANY; i++)
        recorder_add(recorder, snapshots[i]);
    check_good(recorder_close(recorder, &status));
    ck_assert_uint_eq(status.ticks + status.dropped, MANY);
    ck_assert_uint_gt(status.dropped, 0);
    struct recording *recording = NULL;
    struct recording_info info;
    struct timeline_gap *gaps;
    struct arena arena;
    size_t count;
    uint64_t lost = 0;
    arena_init(&arena);
    check_good(recording_open(scratch_path("slow.heaptop"), &recording));
    check_good(recording_read_info(recording, &info));
    ck_assert_uint_eq(info.ticks, status.ticks);
    check_good(recording_read_gaps(recording, &arena, &gaps, &count));
    for (size_t i = 0; i < count; i++) {
        lost += gaps[i].ticks;
        ck_assert_str_eq(gaps[i].reason, "the disk was too slow");
        ck_assert_uint_le(gaps[i].from_unix_ns, gaps[i].to_unix_ns);
    }
    ck_assert_uint_eq(lost, status.dropped);
    arena_deinit(&arena);
    recording_close(recording);
    builder_release(snapshots, MANY);
    scratch_remove();
}
END_TEST

/* ---- files that are something else ---- */

static void write_file(const char *path, const void *bytes, size_t size)
{
    int descriptor = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, bytes, size), (ssize_t)size);
    close(descriptor);
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(fstat(descriptor, &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    ck_assert_int_eq(read(descriptor, bytes, (size_t)status.st_size), status.st_size);
    close(descriptor);
    *ret_size = (size_t)status.st_size;
    return bytes;
}

static void check_refused(const char *path, enum error_kind kind, const char *part)
{
    struct recording *recording = NULL;
    struct error *error = recording_open(path, &recording);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->kind == kind && strstr(error->message, part), "%d %s", error->kind, error->message);
    error_destroy(error);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(handle));
    sqlite3_close(handle);
}

START_TEST(what_is_no_recording_is_refused_with_a_reason)
{
    struct snapshot *snapshots[3];
    builder_demo(snapshots, 3);
    check_refused("/tmp", ERROR_BAD_DATA, "directory");
    check_refused("/dev/null", ERROR_BAD_DATA, "not a file");
    check_refused(scratch_path("none"), ERROR_NOT_FOUND, "cannot open");
    write_file(scratch_path("x"), "", 0);
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "empty");
    write_file(scratch_path("x"), "hello", 5);
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "not a recording");
    unlink(scratch_path("x"));
    run_sql(scratch_path("x"), "CREATE TABLE ticks (tick INTEGER PRIMARY KEY)");
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "not a recording");
    run_sql(scratch_path("x"), "PRAGMA application_id=0x68656170; PRAGMA user_version=1");
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "tables");
    run_sql(scratch_path("x"), "PRAGMA user_version=4");
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "tables");
    unlink(scratch_path("x"));
    record_all(scratch_path("x"), snapshots, 3);
    run_sql(scratch_path("x"), "PRAGMA user_version=5");
    check_refused(scratch_path("x"), ERROR_UNSUPPORTED, "newer");
    /* The tables of one version under the number of another. */
    run_sql(scratch_path("x"), "PRAGMA user_version=1");
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "tables");
    /* A view in the place of a table would be run. */
    run_sql(scratch_path("x"), "PRAGMA user_version=4; ALTER TABLE problems RENAME TO elsewhere; "
                               "CREATE VIEW problems AS WITH RECURSIVE c(at, text) AS (SELECT 1, 1 UNION ALL SELECT at "
                               "+ 1, 1 FROM c) SELECT * FROM c");
    check_refused(scratch_path("x"), ERROR_BAD_DATA, "tables");
    ck_assert(recording_is_file(scratch_path("x")));
    ck_assert(!recording_is_file("/tmp"));
    builder_release(snapshots, 3);
    scratch_remove();
}
END_TEST

/* Reads all of it and jumps about: every way to an end is good, as long as it is one. */
static void read_whatever(const char *path)
{
    struct recording *recording = NULL;
    struct source *source = NULL;
    struct recording_info info;
    struct error *error = recording_open(path, &recording);
    if (!error)
        error = recording_read_info(recording, &info);
    if (error) {
        error_destroy(error);
        recording_close(recording);
        return;
    }
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    for (int i = 0; i < 2 * SECONDS; i++) {
        struct snapshot *snapshot = NULL;
        if (i % 10 == 9)
            error_destroy(
                source->ops->seek(source, BUILDER_START_NS + (uint64_t)(i * 7 % SECONDS) * BUILDER_SECOND_NS));
        error = source->ops->next(source, 0, &snapshot);
        error_destroy(error);
        if (error || !snapshot)
            break;
        ck_assert_uint_le(snapshot->num_problems, SNAPSHOT_MAX_PROBLEMS);
        for (int id = 0; id < COUNTER_COUNT; id++)
            ck_assert(counter_known(&snapshot->counters[id]) || snapshot->counters[id].reason);
        snapshot_unref(snapshot);
    }
    source_close(source);
}

START_TEST(damaged_files_are_read_in_part_or_refused)
{
    struct snapshot *snapshots[SECONDS];
    size_t size;
    builder_demo(snapshots, SECONDS);
    record_all(scratch_path("good"), snapshots, SECONDS);
    uint8_t *bytes = read_file(scratch_path("good"), &size);
    for (size_t length = size; length > 4096; length = length > 8192 ? length - 4096 - length / 16 : 0) {
        write_file(scratch_path("cut"), bytes, length - 1);
        read_whatever(scratch_path("cut"));
    }
    uint32_t random = 3;
    uint8_t *copy = malloc(size);
    for (int n = 0; n < 150; n++) {
        memcpy(copy, bytes, size);
        for (int k = 0; k <= n % 40; k++) {
            random = random * 1664525 + 1013904223;
            /* The first page, which has the header, is hit more often. */
            size_t at = k % 4 == 0 ? 100 + (random >> 8) % 3996 : (random >> 8) % size;
            copy[at] = (uint8_t)(random >> 3);
        }
        write_file(scratch_path("broken"), copy, size);
        read_whatever(scratch_path("broken"));
    }
    free(copy);
    free(bytes);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

/* What a hostile file brings besides tables is never run: triggers, views that never end, expressions in columns. */
START_TEST(nothing_of_a_file_is_run)
{
    static const char *const traps[] = {
        "CREATE TRIGGER trap AFTER INSERT ON ticks BEGIN SELECT load_extension('/tmp/evil'); END",
        "CREATE TRIGGER trap AFTER UPDATE ON strings BEGIN DELETE FROM strings; END",
        "CREATE VIEW v_trap AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c",
        "CREATE TABLE extra (a, b AS (abs(-9223372036854775807 - 1)) STORED)",
        "CREATE INDEX trap ON strings (text COLLATE NOCASE)",
        "CREATE INDEX trap ON ticks (unix_ns) WHERE unix_ns > 0",
    };
    struct snapshot *snapshots[SECONDS];
    size_t size;
    builder_demo(snapshots, SECONDS);
    record_all(scratch_path("good"), snapshots, SECONDS);
    uint8_t *bytes = read_file(scratch_path("good"), &size);
    for (size_t i = 0; i < ARRAY_SIZE(traps); i++) {
        size_t after, before;
        write_file(scratch_path("trap"), bytes, size);
        run_sql(scratch_path("trap"), traps[i]);
        uint8_t *sprung = read_file(scratch_path("trap"), &before);
        struct source *source = replay(scratch_path("trap"));
        for (int k = 0; k < SECONDS; k++) {
            struct snapshot *read = take(source);
            ck_assert_ptr_nonnull(read);
            compare_snapshots(snapshots[k], read);
            snapshot_unref(read);
        }
        source_close(source);
        /* Nor is anything written. */
        uint8_t *left = read_file(scratch_path("trap"), &after);
        ck_assert_uint_eq(before, after);
        ck_assert_mem_eq(sprung, left, before);
        free(sprung);
        free(left);
    }
    /* A table in the place of one of ours that computes its rows is none of ours. */
    write_file(scratch_path("trap"), bytes, size);
    run_sql(scratch_path("trap"),
            "DROP TABLE problems; CREATE TABLE problems (at INTEGER PRIMARY KEY, text TEXT AS (hex(at)))");
    check_refused(scratch_path("trap"), ERROR_BAD_DATA, "tables");
    free(bytes);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

START_TEST(hostile_rows_are_bounded_and_said)
{
    static const char *const harm[] = {
        "INSERT INTO site_provisional VALUES ((5 << 24) + 16777215, 1, 1, 1, 1)",
        "INSERT INTO sites VALUES (900, 9000000000000000000, 1, 1); INSERT INTO site_provisional VALUES ((5 << 24) + "
        "900, 1, 1, 1, 1)",
        "INSERT INTO thread_values VALUES ((5 << 24) + 1048577, 1, 1, 1, 1, 1)",
        "UPDATE thread_values SET proc = 9000000000000000000, cpu_us = 9000000000000000000, thread_state = "
        "thread_state + 1",
        "UPDATE thread_states SET role = 77, machine = -5, state = NULL",
        "DELETE FROM thread_states",
        "INSERT INTO thread_reads VALUES ((5 << 24) + 1048577, 1), ((6 << 24) + 1, -9000000000000000000)",
        "INSERT INTO procs VALUES ((5 << 24) + 16777215, 1, 1, 1, 1, 1)",
        "INSERT INTO proc_ticks VALUES ((5 << 24) + 16777215, 1, 1), ((6 << 24) + 1000, -1, 9000000000000000000)",
        "INSERT INTO regions VALUES ((5 << 24) + 16777215, 1, 1, 'rwxp', 1), ((5 << 24) + 131000, -1, -1, 'zzzz', 9)",
        "DELETE FROM tick_facts",
        "UPDATE procs SET state = 77, queue = -1, tid = 9000000000000000000",
        "UPDATE gc_cycles SET cause = 77, procs = -1, cpu_fraction = 1e300, mark_ns = -9000000000000000000",
        "INSERT INTO strings VALUES (9000000000000000000, 'x'); INSERT INTO problems VALUES (5 << 24, "
        "9000000000000000000)",
        "UPDATE ticks SET regions = 9000000000000000000, target = 77",
        "UPDATE tick_facts SET sites = 9000000000000000000, mappings = -5, profile_state = 9, sequence_less_tick = "
        "-9000000000000000000",
        "UPDATE strings SET text = x'1b5b324a00ff'",
        "UPDATE strings SET text = NULL",
        "UPDATE stack_frames SET frame = 123456",
        "UPDATE thread_states SET state = 'SSSS'; UPDATE thread_values SET processor = 9000000000000000000",
        "UPDATE goroutine_group_values SET count = -1, oldest_wait_monotonic_ns = -9000000000000000000",
        "DELETE FROM keyframes",
        "UPDATE keyframes SET tick = 30",
        "DELETE FROM strings",
        "DELETE FROM counters; DELETE FROM scheduler_counters; DELETE FROM seldom_counters; DELETE FROM counter_states",
        "UPDATE counter_states SET provenance = 77, reason = 9999",
        "INSERT INTO ticks (tick, unix_ns) VALUES (9000000000000000000, 9000000000000000000)",
        "INSERT INTO ticks (tick, unix_ns) VALUES (-7, -9000000000000000000)",
        ("INSERT INTO memory_maps (at, heap_known) VALUES (5 << 24, 77); INSERT INTO memory_map_kinds VALUES ((5 << "
         "24) + 16777215, 'x', -1, -1); "
         "INSERT INTO span_classes (at, object_size) VALUES (5 << 24, -9000000000000000000); INSERT INTO "
         "region_residents VALUES (5 << 24, 200, -1)"),
        "INSERT INTO suspects (suspect, kind, evidence) VALUES (9000000000000000000, x'1b5b32', x'00ff')",
        "DELETE FROM ticks WHERE tick > 3 AND tick < 20",
        "UPDATE targets SET pid = -9000000000000000000, start_unix_ns = tick FROM ticks",
    };
    struct snapshot *snapshots[SECONDS];
    size_t size;
    builder_demo(snapshots, SECONDS);
    record_all(scratch_path("good"), snapshots, SECONDS);
    uint8_t *bytes = read_file(scratch_path("good"), &size);
    for (size_t i = 0; i < ARRAY_SIZE(harm); i++) {
        write_file(scratch_path("harm"), bytes, size);
        run_sql(scratch_path("harm"), harm[i]);
        read_whatever(scratch_path("harm"));
    }
    /* What would move a cursor does not get through, wherever it stands. */
    write_file(scratch_path("harm"), bytes, size);
    run_sql(scratch_path("harm"), "UPDATE strings SET text = char(27) || '[2J' || string");
    struct source *source = replay(scratch_path("harm"));
    struct snapshot *snapshot = take(source);
    ck_assert_msg(strncmp(catalog_string(snapshot->catalog, snapshot->target.exe), "\\x1b[2J", 7) == 0, "%s",
                  catalog_string(snapshot->catalog, snapshot->target.exe));
    ck_assert_ptr_null(strchr(catalog_function(snapshot->catalog, snapshot->goroutine_groups[0].start), '\x1b'));
    snapshot_unref(snapshot);
    source_close(source);
    free(bytes);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("robust");
    TCase *tests = tcase_create("robust");
    tcase_add_test(tests, a_recorder_that_is_killed_loses_no_more_than_the_sample_in_flight);
    tcase_add_test(tests, a_full_disk_leaves_a_gap_with_its_reason);
    tcase_add_test(tests, a_file_may_be_looked_at_while_it_is_made);
    tcase_add_test(tests, a_slow_disk_drops_ticks_and_holds_nobody_up);
    tcase_add_test(tests, a_queue_without_room_drops_and_says_so);
    tcase_add_test(tests, what_is_no_recording_is_refused_with_a_reason);
    tcase_add_test(tests, damaged_files_are_read_in_part_or_refused);
    tcase_add_test(tests, nothing_of_a_file_is_run);
    tcase_add_test(tests, hostile_rows_are_bounded_and_said);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
