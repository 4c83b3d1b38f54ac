#include "heaptop/analysis.h"

#include <string.h>

#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

#define MIB (UINT64_C(1) << 20)

/* A Go program with some C in it: 100 MiB of Go heap, whose spans are known. */
static struct snapshot *make_snapshot(struct memory_map *map)
{
    struct builder *builder = builder_create();
    builder_set(builder, COUNTER_HEAP_MARKED, (int64_t)(50 * MIB));
    builder_set(builder, COUNTER_HEAP_ALLOC, (int64_t)(62 * MIB));
    builder_set(builder, COUNTER_HEAP_INUSE, (int64_t)(70 * MIB));
    builder_set(builder, COUNTER_HEAP_RELEASED, (int64_t)(30 * MIB));
    builder_set(builder, COUNTER_STACK_INUSE, (int64_t)(3 * MIB));
    struct snapshot *snapshot = builder_take(builder);
    builder_destroy(builder);
    *map = (struct memory_map){
        .rss_bytes = 200 * MIB,
        .took_ns = 2000000,
        .heap_known = true,
        .heap = {.object_resident = 60 * MIB,
                 .slack_resident = 8 * MIB,
                 .manual_resident = 4 * MIB,
                 .free_resident = 28 * MIB},
    };
    map->resident[REGION_GO_HEAP].anonymous = 100 * MIB;
    map->resident[REGION_GO_RUNTIME].anonymous = 9 * MIB;
    map->resident[REGION_PROGRAM] = (struct resident_bytes){.file = 20 * MIB, .anonymous = 2 * MIB};
    map->resident[REGION_C_HEAP].anonymous = 40 * MIB;
    map->resident[REGION_THREAD_STACK].anonymous = MIB;
    map->resident[REGION_FILE].file = 5 * MIB;
    map->resident[REGION_SHARED].file = 6 * MIB;
    map->resident[REGION_ANONYMOUS].anonymous = 7 * MIB;
    snapshot->memory_map = map;
    return snapshot;
}

static uint64_t sum(const struct memory_parts *parts)
{
    uint64_t total = 0;
    for (int part = 0; part < MEMORY_PART_COUNT; part++)
        total += parts->bytes[part];
    return total;
}

START_TEST(test_parts_sum_to_rss)
{
    struct memory_map map;
    struct snapshot *snapshot = make_snapshot(&map);
    struct memory_parts parts = memory_parts_of(snapshot);
    ck_assert(parts.known && parts.heap_known);
    ck_assert_uint_eq(sum(&parts), 200 * MIB);
    ck_assert_uint_eq(parts.excess_bytes, 0);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_LIVE], 50 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_RECENT], 10 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_SLACK], 8 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_IDLE], 28 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_GOROUTINES], 3 * MIB);
    /* A MiB of spans that are no stacks: the GC's work buffers. */
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_RUNTIME], 10 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_PROGRAM], 22 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_C_HEAP], 40 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_ANONYMOUS], 7 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_UNEXPLAINED], 10 * MIB);
    ck_assert_uint_eq(parts.released_bytes, 30 * MIB);
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(test_more_pages_than_rss)
{
    struct memory_map map;
    struct snapshot *snapshot = make_snapshot(&map);
    map.rss_bytes = 180 * MIB;
    struct memory_parts parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_UNEXPLAINED], 0);
    ck_assert_uint_eq(parts.excess_bytes, 10 * MIB);
    ck_assert_uint_eq(sum(&parts), 190 * MIB);
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(test_without_spans)
{
    struct memory_map map;
    struct snapshot *snapshot = make_snapshot(&map);
    map.heap_known = false;
    map.heap_reason = "the heap has more spans than are looked at";
    map.heap = (struct heap_use){0};
    struct memory_parts parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(sum(&parts), 200 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_LIVE], 50 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_RECENT], 12 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_SLACK], 8 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_GOROUTINES], 3 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_IDLE], 27 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_UNEXPLAINED], 10 * MIB);
    ck_assert_ptr_eq(parts.heap_reason, map.heap_reason);

    /* Less is resident than the runtime counts: the sum stays. */
    map.resident[REGION_GO_HEAP].anonymous = 51 * MIB;
    parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(sum(&parts), 200 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_LIVE], 50 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_GOROUTINES], MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_IDLE], 0);
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(test_counters_not_known)
{
    struct memory_map map;
    struct snapshot *snapshot = make_snapshot(&map);
    snapshot_set_unavailable(snapshot, COUNTER_HEAP_MARKED, "not found");
    struct memory_parts parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(sum(&parts), 200 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_UNDIVIDED], 60 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_LIVE], 0);
    map.heap_known = false;
    parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(sum(&parts), 200 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_UNDIVIDED], 100 * MIB);
    snapshot_set_unavailable(snapshot, COUNTER_HEAP_RELEASED, "not found");
    ck_assert(!memory_parts_of(snapshot).released_known);
    snapshot_unref(snapshot);
}
END_TEST

/* The kernel joins neighbours that the program and the runtime have mapped. */
START_TEST(test_mapped_beside_the_runtime)
{
    struct memory_map map;
    struct snapshot *snapshot = make_snapshot(&map);
    static const enum counter_id own[] = {COUNTER_MSPAN_SYS, COUNTER_MCACHE_SYS, COUNTER_BUCKHASH_SYS, COUNTER_GC_SYS,
                                          COUNTER_OTHER_SYS};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        snapshot_set(snapshot, own[i], (int64_t)MIB);
    map.rss_bytes = 300 * MIB;
    map.resident[REGION_GO_RUNTIME].anonymous = 109 * MIB;
    struct memory_parts parts = memory_parts_of(snapshot);
    ck_assert_uint_eq(sum(&parts), 300 * MIB);
    /* What the runtime counts, a MiB that it does not count, and a MiB of its work buffers in the heap. */
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_RUNTIME], 7 * MIB);
    ck_assert_uint_eq(parts.bytes[MEMORY_PART_ANONYMOUS], 110 * MIB);
    snapshot_set_unavailable(snapshot, COUNTER_GC_SYS, "not found");
    ck_assert_uint_eq(memory_parts_of(snapshot).bytes[MEMORY_PART_RUNTIME], 110 * MIB);
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(test_kept_by_history)
{
    struct memory_map map;
    struct span_class classes[] = {{.object_size = 48, .spans = 3}, {.object_size = 0, .spans = 1}};
    struct snapshot *with = make_snapshot(&map), *without;
    map.span_classes = classes;
    map.num_span_classes = 2;
    struct history *history;
    struct analysis *analysis;
    ck_assert_ptr_null(history_create(NULL, &history));
    ck_assert_ptr_null(history_add(history, with));
    without = make_snapshot(&map);
    without->memory_map = NULL;
    without->unix_ns = with->unix_ns + BUILDER_SECOND_NS;
    without->monotonic_ns = with->monotonic_ns + BUILDER_SECOND_NS;
    ck_assert(!memory_parts_of(without).known);
    /* Catalogs differ, but nothing here is named. */
    ck_assert_ptr_null(history_add(history, without));
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert(analysis->memory_parts.known);
    ck_assert_uint_eq(analysis->memory_parts.unix_ns, with->unix_ns);
    ck_assert_uint_eq(analysis->num_span_classes, 2);
    ck_assert_uint_eq(analysis->span_classes[0].object_size, 48);
    analysis_destroy(analysis);
    history_destroy(history);
    snapshot_unref(with);
    snapshot_unref(without);
}
END_TEST

static void assert_note(const struct memory_parts *parts, const char *expected)
{
    struct text text = {0};
    ck_assert_ptr_null(memory_parts_write_note(parts, &text));
    ck_assert_str_eq(text.data ? text.data : "", expected);
    text_deinit(&text);
}

START_TEST(test_notes)
{
    struct memory_parts parts = {0};
    assert_note(&parts, "");
    parts = (struct memory_parts){.known = true, .rss_bytes = 100 * MIB, .bytes = {[MEMORY_PART_LIVE] = 90 * MIB}};
    assert_note(&parts, "90.0 MB are live objects; nothing else stands out.");
    parts.bytes[MEMORY_PART_LIVE] = 20 * MIB;
    parts.bytes[MEMORY_PART_IDLE] = 60 * MIB;
    parts.released_bytes = 500 * MIB;
    assert_note(&parts, "60.0 MB are heap kept for reuse: not a leak; Go gives it back bit by bit. "
                        "500.0 MB of address space were given back to the system: they cost nothing.");
    parts.released_bytes = 0;
    parts.bytes[MEMORY_PART_IDLE] = 0;
    parts.bytes[MEMORY_PART_C_HEAP] = 60 * MIB;
    parts.bytes[MEMORY_PART_UNEXPLAINED] = 3 * MIB;
    parts.heap_known = true;
    assert_note(&parts, "60.0 MB are malloc of C code: no Go profile shows them. 3.0 MB are not explained.");
    /* Where there is no Go heap it goes without saying. */
    parts.heap_known = false;
    assert_note(&parts, "3.0 MB are not explained.");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("memory_parts");
    TCase *tests = tcase_create("memory_parts");
    tcase_add_test(tests, test_parts_sum_to_rss);
    tcase_add_test(tests, test_more_pages_than_rss);
    tcase_add_test(tests, test_without_spans);
    tcase_add_test(tests, test_counters_not_known);
    tcase_add_test(tests, test_mapped_beside_the_runtime);
    tcase_add_test(tests, test_kept_by_history);
    tcase_add_test(tests, test_notes);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
