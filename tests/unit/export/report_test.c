#include <stdio.h>

#include "heaptop/export.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

static char *make_report(struct snapshot **snapshots, size_t count, unsigned columns)
{
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    struct text text = {0};
    ck_assert_ptr_null(history_create(NULL, &history));
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_null(history_add(history, snapshots[i]));
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert_ptr_null(export_report(history, analysis, columns, &text));
    analysis_destroy(analysis);
    history_destroy(history);
    return text_take(&text);
}

static void check_width(const char *report, unsigned columns)
{
    while (*report) {
        size_t length = strcspn(report, "\n");
        char *line = strndup(report, length);
        ck_assert_msg(utf8_width(line) <= columns, "%zu columns: %s", utf8_width(line), line);
        ck_assert_msg(length == 0 || line[length - 1] != ' ', "a line ends in a space: %s|", line);
        for (size_t i = 0; i < length; i++)
            ck_assert_msg((unsigned char)line[i] >= 0x20 && line[i] != 0x7f, "a control character: %s", line);
        free(line);
        report += length + (report[length] == '\n');
    }
}

static char *read_file(const char *path)
{
    static char content[65536];
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
    fclose(file);
    return content;
}

/* HEAPTOP_UPDATE_GOLDEN=1 writes the file anew: look at the difference before it is committed. */
static void check_golden(const char *name, const char *report)
{
    char path[512];
    snprintf(path, sizeof(path), SOURCE_DIR "/tests/unit/export/golden/%s", name);
    if (getenv("HEAPTOP_UPDATE_GOLDEN")) {
        ck_assert_ptr_null(export_write_file(path, report, strlen(report)));
        return;
    }
    const char *expected = read_file(path);
    ck_assert_msg(expected != NULL, "there is no %s", path);
    for (const char *a = expected, *b = report; *a || *b;) {
        size_t left = strcspn(a, "\n"), right = strcspn(b, "\n");
        ck_assert_msg(
            left == right && strncmp(a, b, left) == 0,
            "%s: expected\n%.*s\ngot\n%.*s\n(HEAPTOP_UPDATE_GOLDEN=1 build-dev/tests/report_test writes it anew)", name,
            (int)left, a, (int)right, b);
        a += left + (a[left] == '\n');
        b += right + (b[right] == '\n');
    }
}

START_TEST(a_growing_service)
{
    struct snapshot *snapshots[120];
    builder_demo(snapshots, 120);
    char *report = make_report(snapshots, 120, 80);
    check_width(report, 80);
    check_golden("growing_80.txt", report);
    free(report);
    report = make_report(snapshots, 120, 120);
    check_width(report, 120);
    check_golden("growing_120.txt", report);
    free(report);
    builder_release(snapshots, 120);
}
END_TEST

START_TEST(the_verdict_comes_before_its_figures)
{
    struct snapshot *snapshots[120];
    builder_demo(snapshots, 120);
    char *report = make_report(snapshots, 120, 80);
    static const char *const parts[] = {
        "Growing ",   "Key figures", "Call sites that grow", "Call sites that hold most",
        "Goroutines", "Memory: RSS", "Not read, and why",    "What looking has cost"};
    const char *at = report;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const char *found = strstr(at, parts[i]);
        ck_assert_msg(found != NULL, "'%s' is missing or comes too early", parts[i]);
        at = found;
    }
    free(report);
    builder_release(snapshots, 120);
}
END_TEST

/* Growth that the next GC cycles may take back is marked, and so is older memory without a site. */
START_TEST(what_is_not_sure_is_marked)
{
    struct builder *b = builder_create();
    struct snapshot *snapshots[40];
    size_t site = builder_site(b, 4096, "main.leak m.go:7; main.main m.go:1");
    builder_allocate(b, site, 40);
    builder_gc(b);
    for (size_t i = 0; i < ARRAY_SIZE(snapshots); i++) {
        builder_allocate(b, site, 4);
        snapshots[i] = builder_take(b);
        builder_advance(b, 1);
    }
    char *report = make_report(snapshots, ARRAY_SIZE(snapshots), 80);
    check_width(report, 80);
    ck_assert_msg(strstr(report, "MB/s?  main.leak") != NULL, "%s", report);
    ck_assert_ptr_nonnull(strstr(report, "? Growing by what was counted since"));
    free(report);
    builder_release(snapshots, ARRAY_SIZE(snapshots));

    b->profile_since_unix_ns = b->unix_ns - 60 * BUILDER_SECOND_NS;
    b->other_heap_bytes = INT64_C(700) << 20;
    builder_gc(b);
    snapshots[0] = builder_take(b);
    report = make_report(snapshots, 1, 80);
    check_width(report, 80);
    ck_assert_msg(strstr(report, "(allocated before profiling was switched on)") != NULL, "%s", report);
    ck_assert_ptr_nonnull(strstr(report, "switched on"));
    free(report);
    builder_release(snapshots, 1);
    builder_destroy(b);
}
END_TEST

/* Where resident pages were looked at, the parts are those that sum to RSS. */
START_TEST(memory_in_parts)
{
    struct snapshot *snapshot;
    builder_demo(&snapshot, 1);
    struct memory_map map = {.rss_bytes = 100 << 20, .heap_known = true};
    map.resident[REGION_PROGRAM].file = 30 << 20;
    map.resident[REGION_GO_HEAP].anonymous = 60 << 20;
    map.heap.object_bytes = map.heap.object_resident = 50 << 20;
    map.heap.slack_bytes = map.heap.slack_resident = 10 << 20;
    snapshot->memory_map = &map;
    char *report = make_report(&snapshot, 1, 80);
    check_width(report, 80);
    const char *memory = strstr(report, "\nMemory: RSS 100.0 MB is the sum of\n");
    ck_assert_msg(memory != NULL, "%s", report);
    static const char *const parts[] = {"free slots in spans", "program", "unexplained"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ck_assert_msg(strstr(memory, parts[i]) != NULL, "%s is missing: %s", parts[i], memory);
    ck_assert_ptr_nonnull(strstr(memory, "   30.0 MB  program: "));
    ck_assert_ptr_nonnull(strstr(memory, "   10.0 MB  unexplained: "));
    free(report);
    snapshot->memory_map = NULL;
    snapshot_unref(snapshot);
}
END_TEST

/* They were looked at earlier than the rest was: then it is said when. */
START_TEST(memory_in_parts_of_an_earlier_moment)
{
    struct snapshot *snapshots[8];
    builder_demo(snapshots, 8);
    struct memory_map map = {.rss_bytes = 100 << 20};
    map.resident[REGION_PROGRAM].file = 30 << 20;
    snapshots[2]->memory_map = &map;
    char *report = make_report(snapshots, 8, 80);
    ck_assert_msg(strstr(report, "\nMemory: RSS 100.0 MB, 5 s ago, is the sum of\n") != NULL, "%s", report);
    free(report);
    snapshots[2]->memory_map = NULL;
    builder_release(snapshots, 8);
}
END_TEST

/* No runtime, one sample: what there is, and why there is no more. */
START_TEST(a_process_that_is_no_go_program)
{
    struct builder *b = builder_create();
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (strcmp(counter_infos[id].group, "go") == 0 || strcmp(counter_infos[id].group, "scheduler") == 0)
            builder_set_unavailable(b, (enum counter_id)id, "no Go runtime was found");
    b->target.runtime = b->target.runtime_version = b->target.main_module = b->target.how_located =
        b->target.how_laid_out = 0;
    b->profile_state = PROFILE_NONE;
    b->profile_reason = "not a Go program";
    builder_set(b, COUNTER_ANON, 20 << 20);
    builder_set(b, COUNTER_FILE, 12 << 20);
    builder_thread(b, 4242, "app", 'S', "poll");
    struct snapshot *snapshot = builder_take(b);
    char *report = make_report(&snapshot, 1, 80);
    check_width(report, 80);
    check_golden("no_runtime.txt", report);
    free(report);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(a_process_that_has_ended)
{
    struct builder *b = builder_create();
    struct snapshot *snapshots[2];
    size_t site = builder_site(b, 1024, "main.hold main.go:9; main.main main.go:20");
    builder_hold(b, site, 5 << 20);
    builder_gc(b);
    snapshots[0] = builder_take(b);
    builder_advance(b, 1);
    b->exit_reason = "killed by signal 9";
    snapshots[1] = builder_take(b);
    char *report = make_report(snapshots, 2, 80);
    ck_assert_ptr_nonnull(strstr(report, "killed by signal 9"));
    ck_assert_ptr_nonnull(strstr(report, "main.hold"));
    free(report);
    builder_release(snapshots, 2);
    builder_destroy(b);
}
END_TEST

START_TEST(long_and_wide_names_stay_inside)
{
    struct builder *b = builder_create();
    char name[700], stack[800];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name, "example.com/app/", 16);
    memcpy(name + 20, ".f", 2);
    snprintf(stack, sizeof(stack), "%.240s main.go:123456", name);
    size_t site = builder_site(b, 1024, stack);
    builder_hold(b, site, 5 << 20);
    site = builder_site(
        b, 1024,
        "example.com/app/\xe8\xa8\x98\xe6\x86\xb6.\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86"
        "\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8"
        "\x98"
        "\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6\xe8\xa8\x98\xe6\x86\xb6 main.go:1");
    builder_hold(b, site, 4 << 20);
    builder_goroutines(b, 3, "waiting", "a reason that is far longer than any that the runtime has", stack, stack);
    b->problems.count = 0;
    ck_assert(vector_append(&b->problems, name));
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    for (unsigned columns = 72; columns <= 140; columns += 17) {
        char *report = make_report(&snapshot, 1, columns);
        check_width(report, columns);
        free(report);
    }
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    tcase_add_test(tests, a_growing_service);
    tcase_add_test(tests, the_verdict_comes_before_its_figures);
    tcase_add_test(tests, memory_in_parts);
    tcase_add_test(tests, memory_in_parts_of_an_earlier_moment);
    tcase_add_test(tests, what_is_not_sure_is_marked);
    tcase_add_test(tests, a_process_that_is_no_go_program);
    tcase_add_test(tests, a_process_that_has_ended);
    tcase_add_test(tests, long_and_wide_names_stay_inside);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
