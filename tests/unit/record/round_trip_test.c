#include "tests/unit/check_main.h"
#include "tests/unit/record/busy_session.h"
#include "tests/unit/record/record_test.h"
#include "tests/unit/record/snapshot_compare.h"

#include <glob.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define SECONDS 200

START_TEST(what_was_written_is_read_back)
{
    struct snapshot *snapshots[SECONDS];
    busy_session(snapshots, SECONDS);
    record_all(scratch_path("a.heaptop"), snapshots, SECONDS);
    struct source *source = replay(scratch_path("a.heaptop"));
    for (size_t i = 0; i < SECONDS; i++) {
        struct snapshot *read = take(source);
        ck_assert_ptr_nonnull(read);
        compare_snapshots(snapshots[i], read);
        snapshot_unref(read);
    }
    ck_assert_ptr_null(take(source));
    source_close(source);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

static const struct thread *find_thread(const struct snapshot *snapshot, pid_t tid)
{
    for (size_t i = 0; i < snapshot->num_threads; i++)
        if (snapshot->threads[i].tid == tid)
            return &snapshot->threads[i];
    return NULL;
}

/* A minute of the busy session as the first format had it: what it says of some of its samples. */
START_TEST(files_of_the_first_format_are_read)
{
    struct source *source = replay(SOURCE_DIR "/tests/unit/record/fixtures/format-1.heaptop");
    struct snapshot *snapshots[60];
    for (size_t i = 0; i < 60; i++) {
        snapshots[i] = take(source);
        ck_assert_ptr_nonnull(snapshots[i]);
        ck_assert_uint_eq(snapshots[i]->sequence, i + 1);
        ck_assert_uint_eq(snapshots[i]->cost.samples_taken, i + 1);
        ck_assert_uint_eq(snapshots[i]->cost.cpu_ns, 800000 * (i + 1));
        ck_assert_uint_eq(snapshots[i]->interval_ns, BUILDER_SECOND_NS);
        ck_assert_uint_eq(snapshots[i]->num_sites, 5);
        ck_assert_uint_eq(snapshots[i]->num_procs, 2);
        ck_assert_uint_eq(snapshots[i]->num_problems, i % 23 == 5);
        ck_assert_uint_eq(snapshots[i]->num_threads, i >= 20 && i < 40 ? 5 : 4);
        ck_assert_uint_eq(snapshots[i]->num_regions, i == 0               ? 2
                                                     : i == 10 || i == 30 ? 3
                                                     : i == 20            ? 4
                                                     : i % 10             ? 0
                                                                          : 5);
        ck_assert_int_eq(snapshots[i]->memory_map != NULL, i % 20 == 10);
        ck_assert_int_eq(snapshots[i]->exited, i == 59);
    }
    ck_assert_ptr_null(take(source));
    /* And the same where it is sought. */
    check_good(source->ops->seek(source, snapshots[20]->unix_ns));
    struct snapshot *again = take(source);
    compare_snapshots(snapshots[20], again);
    snapshot_unref(again);
    const struct thread *late = find_thread(snapshots[21], 4250), *reads = find_thread(snapshots[21], 4243),
                        *runs = find_thread(snapshots[40], 4244);
    ck_assert_ptr_nonnull(late);
    ck_assert_str_eq(catalog_string(snapshots[21]->catalog, late->name), "late");
    ck_assert_str_eq(catalog_string(snapshots[21]->catalog, late->system_call), "openat");
    ck_assert_int_eq(late->state, 'D');
    ck_assert_uint_eq(late->cpu_ns, 10000000);
    ck_assert_int_eq(late->proc, -1);
    ck_assert_uint_eq(late->read_monotonic_ns, snapshots[21]->monotonic_ns);
    ck_assert_uint_eq(reads->read_monotonic_ns, snapshots[21]->monotonic_ns - 1234);
    ck_assert_ptr_null(find_thread(snapshots[40], 4250));
    ck_assert_int_eq(runs->role, THREAD_RUNS_GO);
    ck_assert_uint_eq(runs->cpu_ns, 8200000000);
    ck_assert_int_eq(runs->proc, 0);
    ck_assert_int_eq(runs->machine, 2);
    ck_assert_uint_eq(snapshots[40]->procs[0].schedule_ticks, 812345);
    ck_assert_uint_eq(snapshots[40]->procs[0].system_call_ticks, 90871);
    ck_assert_uint_eq(snapshots[40]->procs[0].queue, 3);
    ck_assert_uint_eq(snapshots[20]->regions[0].start, 0x10000000);
    ck_assert_uint_eq(snapshots[20]->regions[3].start, 0xc000000000);
    ck_assert_str_eq(snapshots[59]->exit_reason, "killed by signal 9");
    ck_assert_int_eq(counter_known(&snapshots[49]->counters[COUNTER_RSS]), true);
    ck_assert_str_eq(snapshots[50]->counters[COUNTER_RSS].reason, "the page went away");
    builder_release(snapshots, 60);
    source_close(source);
}
END_TEST

/* The same minute as the second format had it, in which goroutines were not listed one by one, nor malloc's heap was
 * there. */
START_TEST(files_of_the_second_format_are_read)
{
    struct source *source = replay(SOURCE_DIR "/tests/unit/record/fixtures/format-2.heaptop");
    struct snapshot *snapshots[60];
    busy_session(snapshots, 60);
    for (size_t i = 0; i < 60; i++) {
        struct snapshot *read = take(source);
        ck_assert_ptr_nonnull(read);
        ck_assert_ptr_null(read->goroutines);
        ck_assert_str_eq(read->goroutines_reason, GOROUTINES_NOT_RECORDED);
        snapshots[i]->goroutines = NULL;
        snapshots[i]->malloc_heap = NULL;
        if (snapshots[i]->memory_map)
            snapshots[i]->memory_map->resident[REGION_MANAGED_HEAP] = (struct resident_bytes){0};
        /* Counters that there were none of then. */
        for (int id = 0; id < COUNTER_COUNT; id++)
            if (read->counters[id].reason && strcmp(read->counters[id].reason, "not recorded") == 0)
                snapshots[i]->counters[id].reason = read->counters[id].reason;
        snapshots[i]->num_goroutines = snapshots[i]->goroutines_not_listed = 0;
        compare_snapshots(snapshots[i], read);
        snapshot_unref(read);
    }
    ck_assert_ptr_null(take(source));
    source_close(source);
    builder_release(snapshots, 60);
}
END_TEST

/* The third had no name of the allocator, and else what there is now. */
START_TEST(files_of_the_third_format_are_read)
{
    struct snapshot *snapshots[60];
    sqlite3 *database = NULL;
    busy_session(snapshots, 60);
    record_all(scratch_path("a.heaptop"), snapshots, 60);
    ck_assert_int_eq(sqlite3_open(scratch_path("a.heaptop"), &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database,
                                  "DROP VIEW v_malloc_heaps; ALTER TABLE malloc_heaps DROP COLUMN allocator; "
                                  "PRAGMA user_version = 3",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(database);
    struct source *source = replay(scratch_path("a.heaptop"));
    size_t named = 0;
    for (size_t i = 0; i < 60; i++) {
        struct snapshot *read = take(source);
        ck_assert_ptr_nonnull(read);
        if (snapshots[i]->malloc_heap && snapshots[i]->malloc_heap->allocator) {
            snapshots[i]->malloc_heap->allocator = NULL;
            named++;
        }
        compare_snapshots(snapshots[i], read);
        snapshot_unref(read);
    }
    ck_assert_uint_gt(named, 0);
    source_close(source);
    builder_release(snapshots, 60);
    scratch_remove();
}
END_TEST

START_TEST(seeking_gives_what_playing_does)
{
    struct snapshot *snapshots[SECONDS];
    busy_session(snapshots, SECONDS);
    record_all(scratch_path("a.heaptop"), snapshots, SECONDS);
    struct source *source = replay(scratch_path("a.heaptop"));
    uint32_t random = 1;
    for (int n = 0; n < 300; n++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 8) % SECONDS;
        check_good(source->ops->seek(source, snapshots[i]->unix_ns + (random & 1 ? BUILDER_SECOND_NS / 2 : 0)));
        for (size_t k = i; k < SECONDS && k < i + 3; k++) {
            struct snapshot *read = take(source);
            ck_assert_ptr_nonnull(read);
            compare_snapshots(snapshots[k], read);
            snapshot_unref(read);
        }
    }
    check_good(source->ops->seek(source, 0));
    struct snapshot *first = take(source);
    ck_assert_uint_eq(first->sequence, 1);
    snapshot_unref(first);
    check_good(source->ops->seek(source, UINT64_MAX / 2));
    struct snapshot *last = take(source);
    ck_assert_uint_eq(last->sequence, SECONDS);
    ck_assert(last->exited);
    snapshot_unref(last);
    source_close(source);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

static uint64_t find_map(struct source *source, int direction, uint64_t unix_ns)
{
    uint64_t found = 0;
    check_good(source->ops->timeline->find(source, TIMELINE_MEMORY_MAP, direction, unix_ns, &found));
    return found;
}

/* A landmark is found by its time, wherever between samples one looks from; itself it does not count. */
START_TEST(landmarks_are_found_from_between_samples)
{
    struct snapshot *snapshots[60];
    busy_session(snapshots, 60);
    record_all(scratch_path("f.heaptop"), snapshots, 60);
    struct source *source = replay(scratch_path("f.heaptop"));
    /* Memory was looked at in these. */
    uint64_t first = snapshots[10]->unix_ns, second = snapshots[30]->unix_ns;
    ck_assert_uint_eq(find_map(source, -1, first), 0);
    ck_assert_uint_eq(find_map(source, -1, first + 1), first);
    ck_assert_uint_eq(find_map(source, -1, first + BUILDER_SECOND_NS / 2), first);
    ck_assert_uint_eq(find_map(source, -1, second), first);
    ck_assert_uint_eq(find_map(source, 1, first - 1), first);
    ck_assert_uint_eq(find_map(source, 1, first), second);
    ck_assert_uint_eq(find_map(source, 1, first + 1), second);
    source_close(source);
    builder_release(snapshots, 60);
    scratch_remove();
}
END_TEST

/* What is made of a memory map goes on saying why the heap is not known when the map is no more. */
START_TEST(the_reason_of_a_memory_map_outlives_it)
{
    static const char torn[] = "spans: torn";
    struct snapshot *snapshots[SECONDS];
    busy_session(snapshots, SECONDS);
    ck_assert_str_eq(snapshots[30]->memory_map->heap_reason, torn);
    record_all(scratch_path("a.heaptop"), snapshots, SECONDS);
    struct source *source = replay(scratch_path("a.heaptop"));
    check_good(source->ops->seek(source, snapshots[30]->unix_ns));
    struct snapshot *read = take(source);
    ck_assert_str_eq(read->memory_map->heap_reason, torn);
    ck_assert_ptr_eq(read->memory_map->heap_reason,
                     catalog_string(read->catalog, catalog_add_string(read->catalog, torn, strlen(torn))));
    snapshot_unref(read);
    source_close(source);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

/* Enough rows that there are keyframes in between. */
START_TEST(keyframes_let_a_jump_read_little)
{
    enum { SITES = 600, TICKS = 120 };
    struct snapshot *snapshots[TICKS];
    struct builder *b = builder_create();
    for (int i = 0; i < SITES; i++) {
        char stack[96];
        snprintf(stack, sizeof(stack), "example.com/app/p%d.F f%d.go:%d; main.main main.go:9", i, i, i + 1);
        builder_site(b, 16 + 16 * (unsigned)(i % 64), stack);
    }
    for (int n = 0; n < TICKS; n++) {
        for (int i = 0; i < SITES; i++)
            if ((i + n) % 3 == 0)
                builder_allocate(b, (size_t)i, 1 + (unsigned)(i % 5));
        if (n % 10 == 9)
            builder_gc(b);
        b->regions.count = 0;
        if (n % 4 == 1) {
            builder_region(b, 0x7ffc0000, 132 << 10, "rw-p", "[stack]");
            builder_region(b, 0xc000000000, (64 + (unsigned)n / 16) << 20, "rw-p", "[anon: Go: heap]");
        }
        snapshots[n] = builder_take(b);
        builder_advance(b, 1);
    }
    record_all(scratch_path("b.heaptop"), snapshots, TICKS);
    struct source *source = replay(scratch_path("b.heaptop"));
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    ck_assert_int_eq(sqlite3_open(scratch_path("b.heaptop"), &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(handle, "SELECT count(*) FROM keyframes", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_ge(sqlite3_column_int(statement, 0), 2);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    for (int i = TICKS - 1; i >= 0; i -= 7) {
        check_good(source->ops->seek(source, snapshots[i]->unix_ns));
        struct snapshot *read = take(source);
        compare_snapshots(snapshots[i], read);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, TICKS);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

/* More threads than are kept in mind come and go, with keyframes in between. */
START_TEST(threads_that_come_and_go_are_told_apart)
{
    enum { TICKS = 150, EACH = 60 };
    struct snapshot *snapshots[TICKS];
    struct builder *b = builder_create();
    for (int n = 0; n < TICKS; n++) {
        char name[32];
        snprintf(name, sizeof(name), "worker-%d", n % 7);
        b->threads.count = 0;
        builder_thread(b, 4242, "main", 'S', "futex");
        for (int i = 0; i < EACH; i++)
            builder_thread(b, 5000 + n * EACH + i, name, 'R', NULL);
        snapshots[n] = builder_take(b);
        builder_advance(b, 1);
    }
    record_all(scratch_path("g.heaptop"), snapshots, TICKS);
    struct source *source = replay(scratch_path("g.heaptop"));
    for (int n = 0; n < TICKS; n++) {
        struct snapshot *read = take(source);
        compare_snapshots(snapshots[n], read);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, TICKS);
    builder_destroy(b);
    scratch_remove();
}
END_TEST

START_TEST(marks_and_what_is_known_of_the_file)
{
    struct snapshot *snapshots[3];
    struct recorder *recorder = NULL;
    struct recording *recording = NULL;
    struct recording_info info;
    struct timeline_mark *marks;
    struct arena arena;
    size_t count;
    builder_demo(snapshots, 3);
    check_good(recorder_open(scratch_path("c.heaptop"), NULL, &recorder));
    record_one(recorder, snapshots[0]);
    recorder_mark(recorder, snapshots[0]->unix_ns + 5, "deploy\x1b[2J 2.1");
    record_one(recorder, snapshots[1]);
    /* Read while it is still being written. */
    check_good(recording_open(scratch_path("c.heaptop"), &recording));
    check_good(recording_read_info(recording, &info));
    ck_assert_uint_eq(info.ticks, 2);
    ck_assert(!info.closed);
    struct source *source = NULL;
    check_good(replay_source_open(recording, &(struct replay_options){0}, &source));
    snapshot_unref(take(source));
    snapshot_unref(take(source));
    ck_assert_ptr_null(take(source));
    record_one(recorder, snapshots[2]);
    struct snapshot *followed = take(source);
    ck_assert_ptr_nonnull(followed);
    compare_snapshots(snapshots[2], followed);
    snapshot_unref(followed);
    source_close(source);
    check_good(recorder_close(recorder, NULL));
    arena_init(&arena);
    check_good(recording_open(scratch_path("c.heaptop"), &recording));
    check_good(recording_read_info(recording, &info));
    ck_assert_uint_eq(info.ticks, 3);
    ck_assert_uint_eq(info.marks, 1);
    ck_assert_uint_eq(info.gaps, 0);
    ck_assert(info.closed);
    ck_assert_uint_eq(info.first_unix_ns, snapshots[0]->unix_ns);
    ck_assert_uint_eq(info.last_unix_ns, snapshots[2]->unix_ns);
    check_good(recording_read_marks(recording, &arena, &marks, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(marks[0].text, "deploy\\x1b[2J 2.1");
    ck_assert_uint_eq(marks[0].unix_ns, snapshots[0]->unix_ns + 5);
    arena_deinit(&arena);
    recording_close(recording);
    /* One plain file, for its owner alone. */
    struct stat status;
    char log[160];
    ck_assert_int_eq(stat(scratch_path("c.heaptop"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    snprintf(log, sizeof(log), "%s-wal", scratch_path("c.heaptop"));
    ck_assert_int_ne(stat(log, &status), 0);
    builder_release(snapshots, 3);
    scratch_remove();
}
END_TEST

START_TEST(a_file_that_is_there_is_left_alone)
{
    struct snapshot *snapshots[1];
    struct recorder *recorder = NULL;
    builder_demo(snapshots, 1);
    record_all(scratch_path("d.heaptop"), snapshots, 1);
    struct error *error = recorder_open(scratch_path("d.heaptop"), NULL, &recorder);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_USAGE);
    error_destroy(error);
    error = recorder_open(scratch_path("no/such/folder"), NULL, &recorder);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_NOT_FOUND);
    error_destroy(error);
    builder_release(snapshots, 1);
    scratch_remove();
}
END_TEST

/* Each file of a rotation is a whole recording, and together they have every sample. */
START_TEST(rotated_files_are_complete_each)
{
    struct snapshot *snapshots[SECONDS];
    struct recorder *recorder = NULL;
    struct recorder_status status;
    const struct recorder_options options = {.rotate_ns = 60 * BUILDER_SECOND_NS};
    uint64_t sequence = 0;
    busy_session(snapshots, SECONDS);
    check_good(recorder_open(scratch_path("night.heaptop"), &options, &recorder));
    for (size_t i = 0; i < SECONDS; i++)
        record_one(recorder, snapshots[i]);
    check_good(recorder_close(recorder, &status));
    ck_assert_uint_eq(status.files, 4);
    ck_assert_uint_eq(status.ticks, SECONDS);
    glob_t files;
    ck_assert_int_eq(glob(scratch_path("night-*.heaptop"), 0, NULL, &files), 0);
    ck_assert_uint_eq(files.gl_pathc, 4);
    /* The first has the time at which it was opened, which is now: after all others. */
    for (size_t i = 0; i < 4; i++) {
        struct source *source = replay(files.gl_pathv[(i + 3) % 4]);
        for (struct snapshot *read; (read = take(source)); snapshot_unref(read)) {
            ck_assert_uint_eq(read->sequence, sequence + 1);
            compare_snapshots(snapshots[sequence++], read);
        }
        source_close(source);
    }
    ck_assert_uint_eq(sequence, SECONDS);
    globfree(&files);
    builder_release(snapshots, SECONDS);
    scratch_remove();
}
END_TEST

/* Processes one after the other, each with a catalog of its own: names and stacks are there once. */
START_TEST(names_are_written_once_for_all_processes)
{
    struct snapshot *snapshots[30];
    struct recorder *recorder = NULL;
    for (size_t i = 0; i < 3; i++) {
        builder_demo(snapshots + 10 * i, 10);
        for (size_t k = 0; k < 10; k++) {
            snapshots[10 * i + k]->target.pid = 100 + (pid_t)i;
            snapshots[10 * i + k]->unix_ns += 10 * i * BUILDER_SECOND_NS;
        }
    }
    check_good(recorder_open(scratch_path("n"), NULL, &recorder));
    for (size_t i = 0; i < 30; i++) {
        if (i % 10 == 0 && i > 0)
            recorder_gap(recorder, snapshots[i - 1]->unix_ns, snapshots[i]->unix_ns, "it was started again");
        record_one(recorder, snapshots[i]);
    }
    check_good(recorder_close(recorder, NULL));
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    ck_assert_int_eq(sqlite3_open(scratch_path("n"), &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(handle,
                                        "SELECT (SELECT count(*) - count(DISTINCT text) FROM strings), "
                                        "(SELECT count(*) FROM stacks), (SELECT count(DISTINCT stack) FROM sites), "
                                        "(SELECT count(*) FROM keyframes), (SELECT count(*) FROM gaps)",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), 0);
    ck_assert_int_eq(sqlite3_column_int(statement, 1), sqlite3_column_int(statement, 2));
    ck_assert_int_eq(sqlite3_column_int(statement, 3), 3);
    ck_assert_int_eq(sqlite3_column_int(statement, 4), 2);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    struct source *source = replay(scratch_path("n"));
    for (size_t i = 0; i < 30; i++) {
        struct snapshot *read = take(source);
        compare_snapshots(snapshots[i], read);
        snapshot_unref(read);
    }
    source_close(source);
    builder_release(snapshots, 30);
    scratch_remove();
}
END_TEST

static int add_row(void *context, int columns, char **values, char **names)
{
    struct text *text = context;
    (void)names;
    for (int i = 0; i < columns; i++)
        text_printf(text, "%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
    text_append(text, "\n");
    return 0;
}

/* From when to when each was one, for whoever has but the sqlite3 shell. */
START_TEST(suspects_have_a_beginning_and_an_end)
{
    struct snapshot *snapshots[40];
    struct recorder *recorder = NULL;
    struct text text = {0};
    sqlite3 *handle = NULL;
    builder_demo(snapshots, 40);
    check_good(recorder_open(scratch_path("s"), NULL, &recorder));
    stack_id stack = snapshots[0]->sites[0].stack;
    frame_id subject = catalog_stack(snapshots[0]->catalog, stack).frames[0];
    struct recorder_suspect suspects[] = {
        {.kind = "site_grows",
         .confidence = "possible",
         .unit = "bytes",
         .subject = subject,
         .stack = stack,
         .per_second = 2.5,
         .share = (double)NAN,
         .summary = "It grows.",
         .evidence = "One.\nTwo.",
         .advice = "Look."},
        {.kind = "gc_thrash",
         .confidence = "likely",
         .per_second = (double)NAN,
         .share = 0.5,
         .summary = "It thrashes."},
        {.kind = "type_grows", .confidence = "sure", .name = "a::Session", .summary = "More."},
        {.kind = "type_grows", .confidence = "sure", .name = "a::Item", .summary = "Too."}};
    for (size_t i = 0; i < 40; i++) {
        record_one(recorder, snapshots[i]);
        suspects[0].confidence = i < 20 ? "possible" : "sure";
        /* The second one comes, goes, and comes back. */
        if (i % 5 == 0)
            recorder_set_suspects(recorder, snapshots[i], suspects,
                                  i == 35 || i == 30   ? 4
                                  : i == 10 || i == 15 ? 2
                                                       : 1);
    }
    check_good(recorder_close(recorder, NULL));
    ck_assert_int_eq(sqlite3_open(scratch_path("s"), &handle), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(
            handle,
            "SELECT suspect, (from_unix_ns - (SELECT min(unix_ns) FROM ticks)) / 1000000000, "
            "(to_unix_ns - (SELECT min(unix_ns) FROM ticks)) / 1000000000, kind, confidence, per_second, share, "
            "evidence FROM suspects",
            add_row, &text, NULL),
        SQLITE_OK);
    ck_assert_str_eq(text.data, "1|0|35|site_grows|sure|2.5|NULL|One.\nTwo.\n2|10|15|gc_thrash|likely|NULL|0.5|NULL\n"
                                "3|30|35|gc_thrash|likely|NULL|0.5|NULL\n"
                                "4|30|35|type_grows|sure|0.0|0.0|NULL\n5|30|35|type_grows|sure|0.0|0.0|NULL\n");
    text.length = 0;
    ck_assert_int_eq(sqlite3_exec(handle, "SELECT function, place FROM v_suspects LIMIT 1", add_row, &text, NULL),
                     SQLITE_OK);
    ck_assert_msg(strstr(text.data, "getOrCreate") && strstr(text.data, "head.go:1622"), "%s", text.data);
    sqlite3_close(handle);
    text_deinit(&text);
    builder_release(snapshots, 40);
    scratch_remove();
}
END_TEST

/* What is not known is no zero, also not for whoever has but the sqlite3 shell; what is known again is told, though
 * it is what it was. */
START_TEST(what_is_not_known_has_no_value)
{
    enum { TICKS = 6 };
    struct snapshot *snapshots[TICKS];
    struct text text = {0};
    sqlite3 *handle = NULL;
    struct builder *b = builder_create();
    builder_site(b, 32, "main.f main.go:7; main.main main.go:9");
    for (int n = 0; n < TICKS; n++) {
        builder_set(b, COUNTER_RSS, n == 4 ? 0 : 8192);
        if (n % 2 == 0 && n != 4)
            builder_set_unavailable(b, COUNTER_RSS, "the page went away");
        snapshots[n] = builder_take(b);
        builder_advance(b, 1);
    }
    builder_destroy(b);
    record_all(scratch_path("u.heaptop"), snapshots, TICKS);
    struct source *source = replay(scratch_path("u.heaptop"));
    for (int n = 0; n < TICKS; n++) {
        struct snapshot *read = take(source);
        ck_assert_int_eq(counter_known(&read->counters[COUNTER_RSS]), n % 2 == 1 || n == 4);
        compare_snapshots(snapshots[n], read);
        snapshot_unref(read);
    }
    source_close(source);
    ck_assert_int_eq(sqlite3_open(scratch_path("u.heaptop"), &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle, "SELECT rss_bytes FROM ticks LEFT JOIN counters USING (tick) ORDER BY tick",
                                  add_row, &text, NULL), SQLITE_OK);
    ck_assert_str_eq(text.data, "NULL\n8192\nNULL\n8192\n0\n8192\n");
    sqlite3_close(handle);
    text_deinit(&text);
    builder_release(snapshots, TICKS);
    scratch_remove();
}
END_TEST

START_TEST(replay_keeps_the_pace_of_the_recording)
{
    struct snapshot *snapshots[3];
    struct recording *recording = NULL;
    struct source *source = NULL;
    builder_demo(snapshots, 3);
    record_all(scratch_path("e.heaptop"), snapshots, 3);
    check_good(recording_open(scratch_path("e.heaptop"), &recording));
    check_good(replay_source_open(recording, &(struct replay_options){.speed = 20}, &source));
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    snapshot_unref(take(source));
    ck_assert_ptr_null(take(source));
    for (int i = 1; i < 3; i++) {
        struct snapshot *snapshot = NULL;
        check_good(source->ops->next(source, 10 * BUILDER_SECOND_NS, &snapshot));
        ck_assert_ptr_nonnull(snapshot);
        snapshot_unref(snapshot);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double took = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    ck_assert_double_ge(took, 0.1);
    source_close(source);
    builder_release(snapshots, 3);
    scratch_remove();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("round_trip");
    TCase *tests = tcase_create("round_trip");
    tcase_add_test(tests, what_was_written_is_read_back);
    tcase_add_test(tests, seeking_gives_what_playing_does);
    tcase_add_test(tests, the_reason_of_a_memory_map_outlives_it);
    tcase_add_test(tests, landmarks_are_found_from_between_samples);
    tcase_add_test(tests, files_of_the_first_format_are_read);
    tcase_add_test(tests, files_of_the_second_format_are_read);
    tcase_add_test(tests, files_of_the_third_format_are_read);
    tcase_add_test(tests, keyframes_let_a_jump_read_little);
    tcase_add_test(tests, threads_that_come_and_go_are_told_apart);
    tcase_add_test(tests, marks_and_what_is_known_of_the_file);
    tcase_add_test(tests, a_file_that_is_there_is_left_alone);
    tcase_add_test(tests, rotated_files_are_complete_each);
    tcase_add_test(tests, names_are_written_once_for_all_processes);
    tcase_add_test(tests, suspects_have_a_beginning_and_an_end);
    tcase_add_test(tests, what_is_not_known_has_no_value);
    tcase_add_test(tests, replay_keeps_the_pace_of_the_recording);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
