#include <inttypes.h>
#include <jansson.h>

#include "heaptop/export.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

/* The document of a session. */
static json_t *export_and_parse(struct snapshot **snapshots, size_t count)
{
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    struct text text = {0};
    ck_assert_ptr_null(history_create(NULL, &history));
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_null(history_add(history, snapshots[i]));
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert_ptr_null(export_json(history, analysis, &text));
    /* Nothing below a space but newlines: escapes of a name must have been made text long before. */
    for (size_t i = 0; i < text.length; i++)
        ck_assert(text.data[i] == '\n' || ((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f));
    ck_assert_int_eq(text.data[text.length - 1], '\n');
    json_error_t problem;
    json_t *document = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem);
    ck_assert_msg(document != NULL, "line %d: %s", problem.line, problem.text);
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
    return document;
}

/* "target.pid" */
static json_t *find(json_t *document, const char *path)
{
    char part[64];
    while (*path) {
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof(part), "%.*s", (int)length, path);
        document = json_object_get(document, part);
        ck_assert_msg(document != NULL, "%s is not there", path);
        path += length + (path[length] == '.');
    }
    return document;
}

static int64_t integer_of(json_t *document, const char *path)
{
    json_t *value = find(document, path);
    ck_assert_msg(json_is_integer(value), "%s is no integer", path);
    return json_integer_value(value);
}

static const char *string_of(json_t *document, const char *path)
{
    json_t *value = find(document, path);
    ck_assert_msg(json_is_string(value), "%s is no string", path);
    return json_string_value(value);
}

START_TEST(every_counter_is_there_or_unavailable_with_a_reason)
{
    struct snapshot *snapshots[20];
    builder_demo(snapshots, 20);
    json_t *document = export_and_parse(snapshots, 20);
    json_t *unavailable = find(document, "unavailable");
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *counter = &snapshots[19]->counters[id];
        char path[96];
        snprintf(path, sizeof(path), "%s.%s", counter_infos[id].group, counter_infos[id].name);
        /* A group of a runtime that the program has not is null as a whole. */
        if (json_is_null(find(document, counter_infos[id].group))) {
            ck_assert(strcmp(counter_infos[id].group, "jvm") == 0 || strcmp(counter_infos[id].group, "python") == 0);
            ck_assert_ptr_nonnull(json_object_get(unavailable, counter_infos[id].group));
            continue;
        }
        json_t *value = find(document, path);
        json_t *reason = json_object_get(unavailable, path);
        ck_assert_msg(counter_known(counter) == json_is_number(value), "%s", path);
        ck_assert_msg(counter_known(counter) == !reason, "%s", path);
        if (counter_known(counter) && counter_infos[id].unit != UNIT_FRACTION)
            ck_assert_int_eq(json_integer_value(value), counter->value.integer);
        if (!counter_known(counter))
            ck_assert_str_eq(json_string_value(reason), "not read");
    }
    ck_assert_str_eq(string_of(document, "schema"), "heaptop/1");
    ck_assert_int_eq(integer_of(document, "target.pid"), 4242);
    ck_assert_str_eq(string_of(document, "target.exe"), "/usr/bin/prometheus");
    ck_assert_str_eq(string_of(document, "target.start_time"), "2026-01-02T02:04:05Z");
    ck_assert_int_eq(integer_of(document, "session.samples"), 20);
    ck_assert_int_eq(integer_of(document, "cost.writes"), 0);
    json_decref(document);
    builder_release(snapshots, 20);
}
END_TEST

START_TEST(sites_hold_what_the_profile_holds)
{
    struct snapshot *snapshots[100];
    builder_demo(snapshots, 100);
    const struct snapshot *last = snapshots[99];
    json_t *document = export_and_parse(snapshots, 100), *sites = find(document, "sites"),
           *call_sites = find(document, "call_sites");
    ck_assert_uint_eq(json_array_size(sites), last->num_sites);
    int64_t expected = 0, sum = 0, call_site_sum = 0;
    for (size_t i = 0; i < last->num_sites; i++)
        expected += site_scale(&last->sites[i].published, 512 * 1024).inuse_bytes;
    for (size_t i = 0; i < json_array_size(sites); i++) {
        json_t *site = json_array_get(sites, i), *stack = find(site, "stack");
        sum += integer_of(site, "inuse_bytes");
        ck_assert_uint_gt(json_array_size(stack), 0);
        ck_assert_uint_gt(strlen(string_of(json_array_get(stack, 0), "function")), 0);
        ck_assert_int_gt(integer_of(json_array_get(stack, 0), "line"), 0);
    }
    for (size_t i = 0; i < json_array_size(call_sites); i++)
        call_site_sum += integer_of(json_array_get(call_sites, i), "inuse_bytes");
    ck_assert_int_eq(sum, expected);
    ck_assert_int_eq(call_site_sum, expected);
    json_t *first = json_array_get(call_sites, 0);
    ck_assert_ptr_nonnull(strstr(string_of(first, "function"), "getOrCreate"));
    ck_assert_str_eq(string_of(first, "verdict"), "growing");
    ck_assert(json_real_value(find(first, "growth_bytes_per_s")) > 2e6);
    ck_assert_str_eq(string_of(document, "verdict.level"), "growing");
    ck_assert_str_eq(string_of(json_array_get(find(document, "suspects"), 0), "kind"), "site_grows");
    json_decref(document);
    builder_release(snapshots, 100);
}
END_TEST

START_TEST(no_profile_is_null_with_the_reason)
{
    struct builder *b = builder_create();
    b->profile_state = PROFILE_OFF;
    b->profile_reason = "MemProfileRate is 0";
    struct snapshot *snapshot = builder_take(b);
    json_t *document = export_and_parse(&snapshot, 1);
    ck_assert(json_is_null(find(document, "sites")));
    ck_assert(json_is_null(find(document, "call_sites")));
    ck_assert_str_eq(json_string_value(json_object_get(find(document, "unavailable"), "sites")), "MemProfileRate is 0");
    ck_assert_str_eq(string_of(document, "heap_profile.state"), "off");
    json_decref(document);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(hostile_names_become_text)
{
    struct builder *b = builder_create();
    b->target.comm = builder_string(b, "\x1b[2J\"}\\\n\xff\xe2\x80\xae");
    size_t site = builder_site(b, 64, "main.x main.go:1");
    struct frame frame = {.address = 0x401000, .line = 3};
    frame.function = builder_string(b, "main.\x1b]0;x\x07\"quoted\"");
    frame.file = builder_string(b, "/a\xc3\x28\x01.go");
    frame_id id = catalog_add_frame(b->catalog, &frame);
    b->sites.items[site].stack = catalog_add_stack(b->catalog, &id, 1);
    builder_allocate(b, site, 9);
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    json_t *document = export_and_parse(&snapshot, 1);
    ck_assert_ptr_null(strchr(string_of(document, "target.comm"), 0x1b));
    ck_assert_ptr_nonnull(strstr(string_of(document, "target.comm"), "\\x1b[2J\"}"));
    json_t *top = json_array_get(find(json_array_get(find(document, "sites"), 0), "stack"), 0);
    ck_assert_str_eq(string_of(top, "function"), "main.\\x1b]0;x\\x07\"quoted\"");
    ck_assert_ptr_nonnull(strstr(string_of(top, "file"), "\\xc3(\\x01.go"));
    json_decref(document);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(a_frame_without_a_name_keeps_its_address)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 64, "main.x main.go:1");
    struct frame frame = {.address = 0x401234};
    frame_id id = catalog_add_frame(b->catalog, &frame);
    b->sites.items[site].stack = catalog_add_stack(b->catalog, &id, 1);
    struct snapshot *snapshot = builder_take(b);
    json_t *document = export_and_parse(&snapshot, 1);
    json_t *top = json_array_get(find(json_array_get(find(document, "sites"), 0), "stack"), 0);
    ck_assert(json_is_null(find(top, "function")) && json_is_null(find(top, "line")));
    ck_assert_str_eq(string_of(top, "address"), "0x401234");
    ck_assert_ptr_nonnull(json_object_get(find(document, "unavailable"), "sites[].stack[].function"));
    json_decref(document);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(stale_and_provisional_figures_are_marked)
{
    struct builder *b = builder_create();
    builder_set(b, COUNTER_HEAP_LIVE, 5);
    b->counters[COUNTER_HEAP_LIVE].provenance = PROVENANCE_STALE;
    b->exit_reason = "killed by signal 9";
    builder_set(b, COUNTER_MALLOCS, INT64_MAX);
    struct snapshot *snapshot = builder_take(b);
    snapshot_add_problem(snapshot, "allgs: %d of 9 pointers not readable", 3);
    json_t *document = export_and_parse(&snapshot, 1);
    ck_assert_int_eq(integer_of(document, "go.heap_live_bytes"), 5);
    ck_assert_str_eq(json_string_value(json_object_get(find(document, "not_exact"), "go.heap_live_bytes")), "stale");
    ck_assert(json_is_true(find(document, "session.exited")));
    ck_assert_str_eq(string_of(document, "session.exit_reason"), "killed by signal 9");
    ck_assert(integer_of(document, "go.mallocs") == INT64_MAX);
    ck_assert_str_eq(json_string_value(json_array_get(find(document, "problems"), 0)),
                     "allgs: 3 of 9 pointers not readable");
    json_decref(document);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    tcase_add_test(tests, every_counter_is_there_or_unavailable_with_a_reason);
    tcase_add_test(tests, sites_hold_what_the_profile_holds);
    tcase_add_test(tests, no_profile_is_null_with_the_reason);
    tcase_add_test(tests, hostile_names_become_text);
    tcase_add_test(tests, a_frame_without_a_name_keeps_its_address);
    tcase_add_test(tests, stale_and_provisional_figures_are_marked);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
