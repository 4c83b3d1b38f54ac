/* The sentence on top of the screen. */
#include "heaptop/analysis.h"

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define MEBIBYTE (1 << 20)

/* A program seen for a number of seconds: `second` changes it before each snapshot. */
typedef void program(struct builder *b, unsigned second);

static enum verdict_level last_level;

static char *verdict_after(program *second, unsigned seconds, struct builder *b)
{
    static char sentence[1024];
    struct history *history = NULL;
    ck_assert_ptr_null(history_create(NULL, &history));
    for (unsigned i = 0; i < seconds; i++) {
        second(b, i);
        struct snapshot *snapshot = builder_take(b);
        ck_assert_ptr_null(history_add(history, snapshot));
        snapshot_unref(snapshot);
        builder_advance(b, 1);
    }
    struct analysis *analysis = NULL;
    struct text text = {0};
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert_ptr_null(analysis_write_verdict(analysis, &text));
    last_level = analysis_verdict_level(analysis);
    snprintf(sentence, sizeof(sentence), "%s", text.data);
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
    builder_destroy(b);
    return sentence;
}

static void steady(struct builder *b, unsigned second)
{
    b->other_heap_bytes = 640 * MEBIBYTE;
    builder_collect_at(b, second);
}

START_TEST(steady_is_calm)
{
    ck_assert_str_eq(verdict_after(steady, 721, builder_create()),
                     "Not growing: live heap 640.0 MB, steady for 12 min.");
    ck_assert_int_eq(last_level, VERDICT_CALM);
    /* Judged over the window, however long the session. */
    ck_assert_str_eq(verdict_after(steady, 4000, builder_create()),
                     "Not growing: live heap 640.0 MB, steady for 15 min.");
}
END_TEST

START_TEST(few_cycles_are_watched)
{
    ck_assert_str_eq(verdict_after(steady, 1, builder_create()), "Watching: 1 GC cycle so far, the verdict needs 5.");
    ck_assert_int_eq(last_level, VERDICT_WAITING);
    ck_assert_str_eq(verdict_after(steady, 10, builder_create()),
                     "Watching: 2 GC cycles so far, the verdict needs 5. RSS is steady.");
}
END_TEST

static void seldom(struct builder *b, unsigned second)
{
    b->other_heap_bytes = 640 * MEBIBYTE;
    builder_add(b, COUNTER_TOTAL_ALLOC, 1024);
    if (second % 120 == 0)
        builder_gc(b);
}

START_TEST(seldom_cycles_are_explained)
{
    ck_assert_str_eq(verdict_after(seldom, 361, builder_create()),
                     "Watching: 4 GC cycles so far, the verdict needs 5; one comes about every 2 min. "
                     "It allocates 1.00 KB/s in all, and can grow no faster. RSS is steady.");
}
END_TEST

static void rare(struct builder *b, unsigned second)
{
    builder_add(b, COUNTER_TOTAL_ALLOC, 2048);
    if (second == 0)
        builder_gc(b);
}

START_TEST(absent_cycles_are_explained)
{
    ck_assert_str_eq(verdict_after(rare, 76, builder_create()),
                     "Watching: 1 GC cycle so far, the verdict needs 5; none came in 1 min 15 s. "
                     "It allocates 2.00 KB/s in all, and can grow no faster. RSS is steady.");
}
END_TEST

static void no_gc(struct builder *b, unsigned second)
{
    builder_set(b, COUNTER_GOGC, -1);
    builder_set(b, COUNTER_HEAP_MARKED, 4 * MEBIBYTE);
    builder_set(b, COUNTER_RSS, (50 + 2 * (int64_t)second) * MEBIBYTE);
}

START_TEST(without_gc_it_says_so)
{
    ck_assert_str_eq(verdict_after(no_gc, 5, builder_create()),
                     "Watching: 0 GC cycles so far, the verdict needs 5; GOGC is off in this program.");
    ck_assert_str_eq(verdict_after(no_gc, 61, builder_create()),
                     "RSS grows 2.00 MB/s for 1 min. 0 GC cycles so far: whether it is live or garbage is told "
                     "after 5.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
}
END_TEST

static void leak(struct builder *b, unsigned second)
{
    if (second == 0) {
        builder_set(b, COUNTER_LIMIT, INT64_C(8) << 30);
        builder_site(b, 224,
                     "runtime.makeslice; github.com/prometheus/prometheus/tsdb.(*Head).getOrCreate head.go:1622");
        builder_site(b, 4096, "main.other main.go:5");
    }
    builder_hold(b, 0, (100 + 2.5 * second) * MEBIBYTE);
    builder_hold(b, 1, (50 + 0.5 * second) * MEBIBYTE);
    b->other_heap_bytes = 20 * MEBIBYTE;
    builder_collect_at(b, second);
}

START_TEST(a_leak_is_named)
{
    const char *sentence = verdict_after(leak, 721, builder_create());
    ck_assert_str_eq(sentence, "Growing 3.00 MB/s for 12 min. 83% of it: tsdb.(*Head).getOrCreate  head.go:1622. "
                               "At this rate the 8.0 GB limit is met in 17 min.");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
}
END_TEST

/* As in a Prometheus that takes in ever more series. */
static void leak_with_company(struct builder *b, unsigned second)
{
    if (second == 0) {
        builder_site(b, 190, "main.newSeries head.go:2125; main.load main.go:9");
        builder_site(b, 120, "main.newChunk xor.go:65; main.load main.go:9");
        builder_site(b, 120, "main.newChunk xor.go:66; main.load main.go:9");
    }
    builder_hold(b, 0, (10 + 0.8 * second) * MEBIBYTE);
    builder_hold(b, 1, (10 + 0.6 * second) * MEBIBYTE);
    builder_hold(b, 2, (10 + 0.4 * second) * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(the_verdict_tells_why_it_does_not_name_the_first_row)
{
    ck_assert_str_eq(verdict_after(leak_with_company, 721, builder_create()),
                     "Growing 1.80 MB/s for 12 min. 56% of it: main.newChunk  xor.go:65 and 1 site on its path; "
                     "fastest alone: main.newSeries  head.go:2125.");
}
END_TEST

/* Thirty call sites that gain too little each, most of them below one function. */
static void hold_parts(struct builder *b, unsigned second)
{
    for (unsigned i = 0; i < 30; i++) {
        char stack[128];
        snprintf(stack, sizeof(stack), "main.part%u parts.go:%u; main.(*Table).insert table.go:9; main.main m.go:3", i, i + 1);
        if (i >= 26)
            snprintf(stack, sizeof(stack), "main.other%u parts.go:%u; main.main m.go:5", i, i + 1);
        if (second == 0)
            builder_site(b, 190, stack);
        builder_hold(b, i, (1 + 0.02 * second) * MEBIBYTE);
    }
}

static void leak_of_many_parts(struct builder *b, unsigned second)
{
    hold_parts(b, second);
    builder_collect_at(b, second);
}

/* The same, of which one has come far enough to be told. */
static void leak_of_one_larger_part(struct builder *b, unsigned second)
{
    hold_parts(b, second);
    builder_hold(b, 0, (1 + 0.1 * second) * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(what_grows_in_many_parts_is_told_by_its_path)
{
    ck_assert_str_eq(verdict_after(leak_of_one_larger_part, 100, builder_create()),
                     "Growing 701 KB/s for 1 min 39 s. 14% of it: main.part0  parts.go:1; 88% of the gain passes through "
                     "main.(*Table).insert  table.go:9.");
    ck_assert_str_eq(verdict_after(leak_of_many_parts, 100, builder_create()),
                     "Growing 620 KB/s for 1 min 39 s. No call site stands out yet; 87% of the gain passes through "
                     "main.(*Table).insert  table.go:9.");
    /* Of a few samples no share can be told. */
    ck_assert_ptr_null(strstr(verdict_after(leak_of_many_parts, 12, builder_create()), "passes through"));
}
END_TEST

static void slow_leak(struct builder *b, unsigned second)
{
    if (second == 0) {
        builder_site(b, 224, "main.keep m.go:3");
        builder_site(b, 224, "main.keepToo m.go:4");
        builder_allocate(b, 0, 20);
        builder_allocate(b, 1, 20);
    }
    builder_allocate(b, 0, second % 2);
    builder_allocate(b, 1, second % 4 == 0);
    if (second % 100 == 0)
        builder_gc(b);
}

START_TEST(few_cycles_may_tell_provisionally)
{
    const char *sentence = verdict_after(slow_leak, 121, builder_create());
    ck_assert_str_eq(sentence, "Seems to grow 387 KB/s for 2 min, after 2 of 5 GC cycles. 67% of it: main.keep  "
                               "m.go:3, which has freed hardly anything so far.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
}
END_TEST

static void leak_below_soft_limit(struct builder *b, unsigned second)
{
    leak(b, second);
    builder_set(b, COUNTER_MEMORY_LIMIT, INT64_C(4) << 30);
}

static void leak_at_soft_limit(struct builder *b, unsigned second)
{
    leak(b, second);
    builder_set(b, COUNTER_MEMORY_LIMIT, INT64_C(1) << 30);
}

/* Go holds RSS below its own limit by collecting more often: what counts is the live heap. */
START_TEST(a_soft_limit_is_met_by_the_live_heap)
{
    const char *sentence = verdict_after(leak_below_soft_limit, 301, builder_create());
    ck_assert_ptr_nonnull(strstr(sentence, " At this rate the live heap meets GOMEMLIMIT, 4.0 GB, in 16 min."));
    sentence = verdict_after(leak_at_soft_limit, 361, builder_create());
    ck_assert_ptr_nonnull(strstr(sentence, " The live heap has met GOMEMLIMIT, 1.0 GB."));
}
END_TEST

static void leak_unprofiled(struct builder *b, unsigned second)
{
    b->profile_state = PROFILE_OFF;
    b->profile_reason = "MemProfileRate is 0";
    b->other_heap_bytes = (100 + 3 * (int64_t)second) * MEBIBYTE;
    builder_collect_at(b, second);
}

START_TEST(a_leak_without_a_profile_is_a_leak)
{
    ck_assert_str_eq(verdict_after(leak_unprofiled, 301, builder_create()),
                     "Growing 3.00 MB/s for 5 min. Which code, the heap profile would tell: MemProfileRate is 0.");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
}
END_TEST

static void goroutine_leak(struct builder *b, unsigned second)
{
    if (second == 0) {
        builder_goroutines(b, 40, "waiting", "chan receive", "example.com/app/watch.(*W).loop watch.go:244",
                           "example.com/app/watch.Start watch.go:170");
        builder_goroutines(b, 4, "waiting", "GC worker (idle)", "runtime.gcBgMarkWorker", NULL);
        b->groups.items[1].system = true;
    }
    b->groups.items[0].count = 40 + 14 * second;
    builder_set(b, COUNTER_GOROUTINES, b->groups.items[0].count);
    steady(b, second);
}

START_TEST(leaking_goroutines_are_named)
{
    ck_assert_str_eq(verdict_after(goroutine_leak, 181, builder_create()),
                     "Goroutines in watch.(*W).loop  watch.go:244 do not end: 14/s more for 3 min.");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
}
END_TEST

/* As the demo begins: a call site that gains nearly all, and goroutines that hardly weigh anything. */
static void starting(struct builder *b, unsigned second)
{
    if (second == 0) {
        b->target.start_unix_ns = b->unix_ns - 5 * BUILDER_SECOND_NS;
        builder_site(b, 65536, "main.put main.go:39");
        builder_goroutines(b, 40, "waiting", "chan receive", "main.deliver main.go:37", "main.watch main.go:30");
    }
    builder_hold(b, 0, (10 + 3.0 * second) * MEBIBYTE);
    b->other_heap_bytes = 5 * MEBIBYTE;
    b->groups.items[0].count = 40 + 5 * second;
    builder_set(b, COUNTER_GOROUTINES, b->groups.items[0].count);
    builder_gc(b);
}

START_TEST(what_grows_at_the_start_is_not_blamed_on_goroutines)
{
    ck_assert_str_eq(verdict_after(starting, 25, builder_create()),
                     "Growing 3.00 MB/s for 24 s. Nearly all of it: main.put  main.go:39. Goroutines in main.deliver  "
                     "main.go:37 do not end: 5.0/s more for 24 s.");
}
END_TEST

static void idle_heap(struct builder *b, unsigned second)
{
    b->other_heap_bytes = 300 * MEBIBYTE;
    builder_collect_at(b, second);
    builder_set(b, COUNTER_RSS, 2150 * (int64_t)MEBIBYTE);
    builder_set(b, COUNTER_HEAP_IDLE, 1500 * (int64_t)MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 200 * MEBIBYTE);
}

START_TEST(idle_heap_is_no_leak)
{
    ck_assert_str_eq(verdict_after(idle_heap, 121, builder_create()),
                     "Not growing: live heap 300.0 MB, steady for 2 min. "
                     "RSS is 2.1 GB but 1.3 GB of it is idle heap kept for reuse: not a leak.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
}
END_TEST

static void outside(struct builder *b, unsigned second)
{
    steady(b, second);
    builder_set(b, COUNTER_GO_SYS, 1400 * (int64_t)MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 100 * MEBIBYTE);
    builder_set(b, COUNTER_RSS, (1300 + (int64_t)second) * MEBIBYTE);
}

START_TEST(memory_outside_go_is_told)
{
    ck_assert_str_eq(verdict_after(outside, 241, builder_create()),
                     "RSS grows 1.00 MB/s for 4 min while the Go heap is flat: memory outside Go (cgo, mmap).");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
}
END_TEST

static void warming(struct builder *b, unsigned second)
{
    steady(b, second);
    builder_set(b, COUNTER_GO_SYS, (800 + (int64_t)second) * MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 100 * MEBIBYTE);
    builder_set(b, COUNTER_RSS, (700 + (int64_t)second) * MEBIBYTE);
}

START_TEST(garbage_is_no_leak)
{
    ck_assert_str_eq(verdict_after(warming, 241, builder_create()),
                     "RSS grows 1.00 MB/s for 4 min while the live heap is not growing: garbage between collections, "
                     "or memory that Go keeps for reuse.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
}
END_TEST

static void saw(struct builder *b, unsigned second)
{
    b->other_heap_bytes = (300 + 5 * (int64_t)(second % 60)) * MEBIBYTE;
    builder_collect_at(b, second);
}

static void shrinking(struct builder *b, unsigned second)
{
    b->other_heap_bytes = (2000 - 2 * (int64_t)second) * MEBIBYTE;
    builder_collect_at(b, second);
}

START_TEST(saws_and_falls_are_calm)
{
    ck_assert_str_eq(verdict_after(saw, 601, builder_create()),
                     "Not growing: live heap 300.0 MB, up and down without a trend for 10 min.");
    ck_assert_int_eq(last_level, VERDICT_CALM);
    ck_assert_str_eq(verdict_after(shrinking, 301, builder_create()),
                     "Shrinking 2.00 MB/s for 5 min: live heap 1.4 GB.");
}
END_TEST

static void native(struct builder *b, unsigned second)
{
    b->target.runtime = builder_string(b, "native");
    b->profile_state = PROFILE_NONE;
    b->profile_reason = "not a Go program";
    builder_set_unavailable(b, COUNTER_NUM_GC, "not a Go program");
    builder_set(b, COUNTER_RSS, (120 + (second & 1)) * MEBIBYTE);
}

static void native_growing(struct builder *b, unsigned second)
{
    native(b, second);
    builder_set(b, COUNTER_RSS, (120 + 2 * (int64_t)second) * MEBIBYTE);
}

/* It grows for 98 s, and then not at all. */
static void native_filled(struct builder *b, unsigned second)
{
    native(b, second);
    builder_set(b, COUNTER_RSS, 120 * (int64_t)MEBIBYTE + (second < 98 ? second : 98) * 100 * (int64_t)MEBIBYTE / 98);
}

/* By four percent to and fro. */
static void native_noisy(struct builder *b, unsigned second)
{
    native(b, second);
    builder_set(b, COUNTER_RSS, (120 + (second % 3) * 5) * (int64_t)MEBIBYTE);
}


START_TEST(other_programs_are_told_by_rss)
{
    ck_assert_str_eq(verdict_after(native, 3, builder_create()),
                     "Watching: too few samples so far, the verdict needs 10.");
    ck_assert_int_eq(last_level, VERDICT_WAITING);
    ck_assert_str_eq(verdict_after(native, 121, builder_create()),
                     "Not growing: RSS 120.0 MB, steady for 2 min.");
    ck_assert_int_eq(last_level, VERDICT_CALM);
    ck_assert_str_eq(verdict_after(native_growing, 61, builder_create()),
                     "RSS grows 2.00 MB/s for 1 min. What holds it is not known yet.");
    /* A cache that has filled: it is steady, but has not been for long. */
    ck_assert_str_eq(verdict_after(native_filled, 121, builder_create()),
                     "Not growing: RSS 220.0 MB, steady for 26 s after a rise of 100.0 MB.");
    /* Noise about a level is none of that. */
    ck_assert_str_eq(verdict_after(native_noisy, 121, builder_create()),
                     "Not growing: RSS 120.0 MB, steady for 2 min.");
}
END_TEST

static void java(struct builder *b, unsigned second)
{
    native(b, second);
    b->target.runtime = builder_string(b, "jvm");
    builder_set(b, COUNTER_JAVA_HEAP_USED, 412 * MEBIBYTE);
    builder_set(b, COUNTER_JAVA_HEAP_MAX, 1024 * MEBIBYTE);
    builder_set(b, COUNTER_JAVA_YOUNG_USED, 112 * MEBIBYTE);
    builder_set(b, COUNTER_JAVA_OLD_USED, 300 * MEBIBYTE);
    builder_set(b, COUNTER_JAVA_FULL_GCS, 3);
}

static void java_growing(struct builder *b, unsigned second)
{
    java(b, second);
    builder_set(b, COUNTER_JAVA_OLD_USED, (100 + 2 * (int64_t)second) * MEBIBYTE);
}

static void java_collected(struct builder *b, unsigned second)
{
    java_growing(b, second);
    builder_set(b, COUNTER_JAVA_FULL_GCS, 3 + second / 20);
}

static void java_touched(struct builder *b, unsigned second)
{
    java(b, second);
    builder_set(b, COUNTER_RSS, (120 + 2 * (int64_t)second) * MEBIBYTE);
}

static void java_without_generations(struct builder *b, unsigned second)
{
    java(b, second);
    builder_set_unavailable(b, COUNTER_JAVA_YOUNG_USED, "its collector has no generations");
    builder_set_unavailable(b, COUNTER_JAVA_FULL_GCS, "its collector has none of that kind");
}

START_TEST(a_java_heap_is_told_by_its_generations)
{
    ck_assert_str_eq(verdict_after(java, 3, builder_create()), "Java heap 412.0 MB of 1.0 GB.");
    ck_assert_str_eq(verdict_after(java, 121, builder_create()),
                     "Java heap 412.0 MB of 1.0 GB, old generation steady. RSS 120.0 MB, steady for 2 min.");
    ck_assert_int_eq(last_level, VERDICT_CALM);
    ck_assert_str_eq(verdict_after(java_growing, 121, builder_create()),
                     "Java heap 412.0 MB of 1.0 GB, old generation grows 2.00 MB/s for 2 min: not collected since, so "
                     "that it may be garbage. RSS 120.0 MB, steady for 2 min.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
    ck_assert_str_eq(verdict_after(java_collected, 121, builder_create()),
                     "Java heap 412.0 MB of 1.0 GB, old generation grows 2.00 MB/s for 2 min. RSS 120.0 MB, steady for "
                     "2 min.");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
    ck_assert_str_eq(verdict_after(java_touched, 121, builder_create()),
                     "RSS grows 2.00 MB/s for 2 min. Java heap 412.0 MB of 1.0 GB, old generation steady.");
    ck_assert_str_eq(verdict_after(java_without_generations, 121, builder_create()),
                     "Java heap 412.0 MB of 1.0 GB, steady. RSS 120.0 MB, steady for 2 min.");
}
END_TEST

static void python(struct builder *b, unsigned second)
{
    native(b, second);
    b->target.runtime = builder_string(b, "cpython");
    builder_set(b, COUNTER_PY_GEN2_GCS, 1);
    builder_set(b, COUNTER_PY_COLLECTED, 1200);
    builder_set(b, COUNTER_PY_LONG_LIVED, 6000);
    builder_set(b, COUNTER_PY_ARENA_BYTES, 10 * MEBIBYTE);
}

static void python_growing(struct builder *b, unsigned second)
{
    python(b, second);
    builder_set(b, COUNTER_PY_ARENA_BYTES, (10 + (int64_t)second) * MEBIBYTE);
}

static void python_stripped(struct builder *b, unsigned second)
{
    python(b, second);
    builder_set(b, COUNTER_PY_GEN2_GCS, (int64_t)second / 10);
    builder_set(b, COUNTER_PY_LONG_LIVED, 6000 + 1000 * (int64_t)(second / 10 * 10));
    builder_set_unavailable(b, COUNTER_PY_ARENA_BYTES, "not named");
}

START_TEST(python_is_told_by_its_arenas_and_its_collector)
{
    ck_assert_str_eq(verdict_after(python, 121, builder_create()),
                     "Python: 10.0 MB of arenas for small objects, steady; 1 full collection, 1,200 objects freed in "
                     "cycles. RSS 120.0 MB, steady for 2 min.");
    ck_assert_int_eq(last_level, VERDICT_CALM);
    ck_assert_str_eq(
        verdict_after(python_growing, 121, builder_create()),
        "Python: 130.0 MB of arenas for small objects, growing 1.00 MB/s for 2 min; 1 full collection, 1,200 "
        "objects freed in cycles. RSS 120.0 MB, steady for 2 min.");
    ck_assert_int_eq(last_level, VERDICT_GROWING);
    ck_assert_ptr_nonnull(strstr(verdict_after(python_stripped, 121, builder_create()),
                                 "containers after the last full collection, growing "));
}
END_TEST

static void ends(struct builder *b, unsigned second)
{
    leak(b, second);
    if (second == 100)
        b->exit_reason = "exited";
}

START_TEST(the_end_is_told)
{
    ck_assert_str_eq(verdict_after(ends, 101, builder_create()),
                     "The process has ended: exited. The figures are its last.");
    ck_assert_int_eq(last_level, VERDICT_NOTICE);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_test(tests, steady_is_calm);
    tcase_add_test(tests, few_cycles_are_watched);
    tcase_add_test(tests, seldom_cycles_are_explained);
    tcase_add_test(tests, absent_cycles_are_explained);
    tcase_add_test(tests, without_gc_it_says_so);
    tcase_add_test(tests, a_leak_is_named);
    tcase_add_test(tests, the_verdict_tells_why_it_does_not_name_the_first_row);
    tcase_add_test(tests, what_grows_in_many_parts_is_told_by_its_path);
    tcase_add_test(tests, few_cycles_may_tell_provisionally);
    tcase_add_test(tests, a_soft_limit_is_met_by_the_live_heap);
    tcase_add_test(tests, a_leak_without_a_profile_is_a_leak);
    tcase_add_test(tests, leaking_goroutines_are_named);
    tcase_add_test(tests, what_grows_at_the_start_is_not_blamed_on_goroutines);
    tcase_add_test(tests, idle_heap_is_no_leak);
    tcase_add_test(tests, memory_outside_go_is_told);
    tcase_add_test(tests, garbage_is_no_leak);
    tcase_add_test(tests, saws_and_falls_are_calm);
    tcase_add_test(tests, other_programs_are_told_by_rss);
    tcase_add_test(tests, a_java_heap_is_told_by_its_generations);
    tcase_add_test(tests, python_is_told_by_its_arenas_and_its_collector);
    tcase_add_test(tests, the_end_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
