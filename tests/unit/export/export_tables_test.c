/* CSV, OpenMetrics, and comparisons as JSON and text. */
#include <jansson.h>

#include "heaptop/export.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

static char *make_csv(const struct export_request *request)
{
    struct text text = {0};
    struct error *error = export_csv(request, &text);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return text_take(&text);
}

START_TEST(sites_are_a_table)
{
    struct builder *b = builder_create_exact();
    size_t site = builder_site(b, 100, "main.fill a.go:4; main.main a.go:9");
    struct frame hostile = {.function = catalog_add_string(b->catalog, "=cmd|\"x\",\n", 10), .address = 1};
    frame_id id = catalog_add_frame(b->catalog, &hostile);
    size_t formula = builder_site(b, 1, "main.unused a.go:1");
    b->sites.items[formula].stack = catalog_add_stack(b->catalog, &id, 1);
    builder_allocate(b, site, 3);
    builder_allocate(b, formula, 1);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    struct export_request request = {.snapshot = before};
    char *text = make_csv(&request);
    ck_assert_str_eq(text, "function,file,line,object_bytes,alloc_objects,alloc_bytes,inuse_objects,inuse_bytes,stack\n"
                           "main.fill,/src/a.go,4,100,3,300,3,300,main.main;main.fill\n"
                           "\"'=cmd|\"\"x\"\",\\x0a\",,,1,1,1,1,1,\"'=cmd|\"\"x\"\",\\x0a\"\n");
    free(text);
    builder_free(b, site, 3);
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    request = (struct export_request){.snapshot = after, .base = before};
    text = make_csv(&request);
    ck_assert_ptr_nonnull(strstr(text, ",old_inuse_bytes,new_inuse_bytes,change_inuse_bytes,stack\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "main.fill,/src/a.go,4,100,3,3,0,300,300,0,3,0,-3,300,0,-300,main.main;main.fill\n"));
    free(text);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(counters_are_a_table_over_time)
{
    struct builder *b = builder_create();
    struct text text = {0};
    ck_assert_ptr_null(export_csv_counters_header(&text));
    builder_advance(b, 0.25);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.125);
    struct snapshot *snapshot = builder_take(b);
    ck_assert_ptr_null(export_csv_counters_row(snapshot, &text));
    ck_assert(strncmp(text.data, "time,unix_ns,memory_rss_bytes,", 30) == 0);
    const char *row = strchr(text.data, '\n') + 1;
    ck_assert_msg(strncmp(row, "2026-01-02T03:04:05.250Z,1767323045250000000,33554432,,", 55) == 0, "%s", row);
    ck_assert_ptr_nonnull(strstr(row, ",0.125,"));
    size_t columns[2] = {0};
    for (const char *at = text.data; *at; at++)
        columns[at > row] += *at == ',';
    ck_assert_uint_eq(columns[0], columns[1]);
    ck_assert_uint_eq(columns[0], COUNTER_COUNT + 1);
    text_deinit(&text);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(openmetrics_names_units_and_escapes)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 1024, "main.fill a.go:4; main.main a.go:9");
    struct frame hostile = {
        .function = catalog_add_string(b->catalog, "a\\b\"c\nd", 7), .line = 3, .origin = FRAME_APPLICATION};
    frame_id id = catalog_add_frame(b->catalog, &hostile);
    size_t second = builder_site(b, 1024, "main.unused a.go:1");
    b->sites.items[second].stack = catalog_add_stack(b->catalog, &id, 1);
    builder_hold(b, site, 1 << 20);
    builder_hold(b, second, 1 << 20);
    builder_set(b, COUNTER_CPU, 1500000000);
    builder_set_unavailable(b, COUNTER_SWAP, "not there");
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    ck_assert_ptr_null(history_create(NULL, &history));
    ck_assert_ptr_null(history_add(history, snapshot));
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    struct text text = {0};
    ck_assert_ptr_null(export_openmetrics(history, analysis, &text));
    static const char *const parts[] = {
        ("# HELP heaptop_memory_rss_bytes Resident set size\n# TYPE heaptop_memory_rss_bytes gauge\n"
         "# UNIT heaptop_memory_rss_bytes bytes\nheaptop_memory_rss_bytes{pid=\"4242\",comm=\"app\"} 33554432\n"),
        "; only rises\n# UNIT heaptop_process_cpu_seconds "
        "seconds\nheaptop_process_cpu_seconds{pid=\"4242\",comm=\"app\"} 1.5\n",
        "heaptop_go_last_gc_timestamp_seconds{pid=\"4242\",comm=\"app\"} 1767323045.000\n",
        ",function=\"main.fill\",file=\"/src/a.go\",line=\"4\"} ",
        ",function=\"a\\\\b\\\"c\\\\x0ad\",file=\"\",line=\"3\"} ",
        "heaptop_sample_timestamp_seconds{pid=\"4242\",comm=\"app\"} 1767323045.000\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ck_assert_msg(strstr(text.data, parts[i]) != NULL, "there is no %s", parts[i]);
    ck_assert_ptr_null(strstr(text.data, "swap"));
    ck_assert_str_eq(text.data + text.length - 7, "\n# EOF\n");
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

static struct diff *make_diff(void)
{
    struct builder *b = builder_create();
    size_t grows = builder_site(b, 1024, "main.grows a.go:4; main.main a.go:9");
    size_t goes = builder_site(b, 1024, "main.goes a.go:5; main.main a.go:9");
    size_t group = builder_goroutines(b, 12, "waiting", "chan receive", "main.worker w.go:1", "main.main m.go:4");
    builder_goroutine_stack(b, group, "main.worker w.go:9");
    builder_hold(b, grows, 10 << 20);
    builder_hold(b, goes, 40 << 20);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    builder_advance(b, 60);
    builder_hold(b, grows, 300 << 20);
    builder_hold(b, goes, 0);
    builder_set(b, COUNTER_RSS, 500 << 20);
    b->groups.items[group].count = 500;
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    struct diff *diff = NULL;
    ck_assert_ptr_null(diff_compute(&(struct diff_source){.snapshot = before}, &(struct diff_source){.snapshot = after},
                                    NULL, &diff));
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
    return diff;
}

START_TEST(a_comparison_is_a_document)
{
    struct diff *diff = make_diff();
    struct text text = {0};
    ck_assert_ptr_null(export_diff_json(diff, &text));
    json_error_t error;
    json_t *document = json_loads(text.data, 0, &error);
    ck_assert_msg(document != NULL, "%s", error.text);
    const char *kind = NULL, *function = NULL, *schema = NULL, *second_kind = NULL, *reason = NULL;
    json_int_t change = 0, rss = 0, old_goroutines = 0, elapsed = 0;
    ck_assert_int_eq(json_unpack_ex(document, &error, 0,
                                    "{s:s, s:I, s:[{s:s, s:s, s:I}, {s:s}], s:{s:{s:f}}, s:[{s:I}], s:{s:s}}", "schema",
                                    &schema, "elapsed_ns", &elapsed, "call_sites", "kind", &kind, "function", &function,
                                    "change", &change, "kind", &second_kind, "memory", "rss_bytes", "change",
                                    &(double){0}, "goroutines", "old", &old_goroutines, "unavailable",
                                    "memory.swap_bytes", &reason),
                     0);
    rss = (json_int_t)json_real_value(
        json_object_get(json_object_get(json_object_get(document, "memory"), "rss_bytes"), "change"));
    ck_assert_str_eq(schema, "heaptop/1");
    ck_assert_str_eq(kind, "grew");
    ck_assert_str_eq(second_kind, "vanished");
    ck_assert_str_eq(function, "main.grows");
    ck_assert_int_eq(change, diff->call_sites[0].change.change);
    ck_assert_int_eq(rss, 468 << 20);
    ck_assert_int_eq(old_goroutines, 12);
    ck_assert_int_eq(elapsed, 60 * (json_int_t)1000000000);
    ck_assert_str_eq(reason, "not read");
    json_decref(document);
    text_deinit(&text);
    diff_destroy(diff);
}
END_TEST

START_TEST(a_comparison_is_read_by_people)
{
    struct diff *diff = make_diff();
    for (unsigned columns = 40; columns <= 160; columns += 40) {
        struct text text = {0};
        ck_assert_ptr_null(export_diff_report(diff, columns, &text));
        ck_assert_msg(strncmp(text.data, "NEW holds 249.", 14) == 0, "%.100s", text.data);
        ck_assert_ptr_nonnull(strstr(text.data, "one process at two moments"));
        ck_assert_msg(strstr(text.data, "    32.0 MB     500.0 MB    +468.0 MB  x15.62\n") != NULL, "%.900s",
                      text.data);
        ck_assert_ptr_nonnull(strstr(text.data, "(gone)  main.goes"));
        ck_assert_ptr_nonnull(strstr(text.data, "      +488  100%        12       500  main.worker"));
        for (const char *line = text.data; *line; line += strcspn(line, "\n") + 1)
            ck_assert_uint_le(strcspn(line, "\n"), columns < 72 ? 72 : columns);
        text_deinit(&text);
    }
    diff_destroy(diff);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("export_tables");
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, sites_are_a_table);
    tcase_add_test(tests, counters_are_a_table_over_time);
    tcase_add_test(tests, openmetrics_names_units_and_escapes);
    tcase_add_test(tests, a_comparison_is_a_document);
    tcase_add_test(tests, a_comparison_is_read_by_people);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
