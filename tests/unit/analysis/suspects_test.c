/* Suspects: sick programs raise the right one first, healthy ones raise none. */
#include "heaptop/analysis.h"

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define MEBIBYTE (1 << 20)
#define MINUTE_NS (60 * BUILDER_SECOND_NS)

/* A program seen for a number of seconds: `second` changes it before each snapshot. */
typedef void program(struct builder *b, unsigned second);

static struct analysis *analyse(program *second, unsigned seconds, struct builder *b, struct history **ret_history)
{
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    ck_assert_ptr_null(history_create(NULL, &history));
    for (unsigned i = 0; i < seconds; i++) {
        second(b, i);
        struct snapshot *snapshot = builder_take(b);
        ck_assert_ptr_null(history_add(history, snapshot));
        snapshot_unref(snapshot);
        builder_advance(b, 1);
    }
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    builder_destroy(b);
    *ret_history = history;
    return analysis;
}

/* What is first after so many seconds: its kind and confidence and line; "" when there is none. */
static const char *first_after(program *second, unsigned seconds, struct builder *b)
{
    static char buffer[1024];
    struct history *history;
    struct analysis *analysis = analyse(second, seconds, b, &history);
    buffer[0] = '\0';
    if (analysis->num_suspects > 0) {
        const struct suspect *suspect = &analysis->suspects[0];
        struct text frame = {0};
        catalog_write_frame(analysis->snapshot->catalog, suspect->subject, &frame);
        snprintf(buffer, sizeof(buffer), "%s %s %s", suspect_kind_infos[suspect->kind].name,
                 suspect_confidence_name(suspect->confidence), suspect->subject ? frame.data : "-");
        text_deinit(&frame);
        /* The verdict on top says the same. */
        struct text verdict = {0};
        ck_assert_ptr_null(analysis_write_verdict(analysis, &verdict));
        ck_assert_ptr_null(strstr(verdict.data, "Not growing"));
        text_deinit(&verdict);
        ck_assert_uint_gt(strlen(suspect->summary), 0);
        ck_assert_uint_gt(strlen(suspect->advice), 0);
        ck_assert_uint_gt(suspect->num_evidence, 0);
    }
    analysis_destroy(analysis);
    history_destroy(history);
    return buffer;
}

static size_t add_group(struct builder *b, uint32_t count, enum wait_kind kind, const char *reason, const char *stack,
                        const char *created_by)
{
    const char *start = strrchr(stack, ';');
    size_t group = builder_goroutines(b, count, "waiting", reason, start ? start + 1 : stack, created_by);
    builder_goroutine_stack(b, group, stack);
    b->groups.items[group].kind = (uint8_t)kind;
    return group;
}

static void set_wait(struct builder *b, size_t group, uint64_t newest_ns, uint64_t oldest_ns)
{
    b->groups.items[group].wait_known = true;
    b->groups.items[group].wait_ns_min = newest_ns;
    b->groups.items[group].wait_ns_max = oldest_ns;
}

static void count_goroutines(struct builder *b)
{
    int64_t count = 0;
    for (size_t i = 0; i < b->groups.count; i++)
        count += b->groups.items[i].count;
    builder_set(b, COUNTER_GOROUTINES, count);
}

/* ---- call sites ---- */

#define CACHE_STACK                                                                                                    \
    "example.com/app/cache.(*Store).Put store.go:41; example.com/app.handle handle.go:9; runtime.goexit a.s:1"

static void leaking_cache(struct builder *b, unsigned second)
{
    builder_hold(b, 0, (60 + 1.0 * second) * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(a_growing_site_is_named)
{
    struct builder *b = builder_create();
    builder_site(b, 1024, CACHE_STACK);
    ck_assert_str_eq(first_after(leaking_cache, 200, b), "site_grows sure cache.(*Store).Put  store.go:41");
}
END_TEST

START_TEST(at_start_up_it_is_less_sure)
{
    struct builder *b = builder_create();
    b->target.start_unix_ns = BUILDER_START_NS - 2 * BUILDER_SECOND_NS;
    builder_site(b, 1024, CACHE_STACK);
    ck_assert_str_eq(first_after(leaking_cache, 200, b), "site_grows likely cache.(*Store).Put  store.go:41");

    b = builder_create();
    b->target.start_unix_ns = BUILDER_START_NS - 2 * BUILDER_SECOND_NS;
    builder_site(b, 1024, CACHE_STACK);
    ck_assert_str_eq(first_after(leaking_cache, 28, b), "");
    b = builder_create();
    builder_site(b, 1024, CACHE_STACK);
    ck_assert_str_eq(first_after(leaking_cache, 28, b), "site_grows sure cache.(*Store).Put  store.go:41");
}
END_TEST

static void filling_cache(struct builder *b, unsigned second)
{
    builder_hold(b, 0, (second < 60 ? 1.0 * second : 60.0) * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(a_cache_that_has_filled_is_none)
{
    struct builder *b = builder_create();
    builder_site(b, 1024, CACHE_STACK);
    ck_assert_str_eq(first_after(filling_cache, 130, b), "");
}
END_TEST

/* Two sites on one path, object by object. */
static void pair_of_sites(struct builder *b, unsigned second)
{
    builder_hold(b, 0, 1.0 * second * MEBIBYTE);
    builder_hold(b, 1, 0.5 * second * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(sites_of_one_cause_are_one_suspect)
{
    struct builder *b = builder_create();
    struct history *history;
    builder_site(b, 1024, CACHE_STACK);
    builder_site(b, 512, "example.com/app.handle handle.go:7; runtime.goexit a.s:1");
    struct analysis *analysis = analyse(pair_of_sites, 200, b, &history);
    ck_assert_uint_eq(analysis->num_suspects, 1);
    ck_assert_double_gt(analysis->suspects[0].share, 0.9);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* ---- goroutines ---- */

#define WATCHER_STACK \
    "runtime.gopark proc.go:1; example.com/app/watch.(*W).next watch.go:60; example.com/app/watch.(*W).loop watch.go:44"

static void leaking_goroutines(struct builder *b, unsigned second)
{
    b->groups.items[0].count = 20 + 14 * second;
    count_goroutines(b);
    builder_set(b, COUNTER_STACK_INUSE, (int64_t)b->groups.items[0].count * 4096);
    builder_hold(b, 0, 0.2 * second * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(leaking_goroutines_stand_above_what_they_hold)
{
    struct builder *b = builder_create();
    struct history *history;
    add_group(b, 20, WAIT_CHAN_RECEIVE, "chan receive", WATCHER_STACK, "example.com/app/watch.Start watch.go:12");
    builder_site(b, 16384, "example.com/app/watch.(*W).next watch.go:57; example.com/app/watch.(*W).loop watch.go:44");
    struct analysis *analysis = analyse(leaking_goroutines, 200, b, &history);
    ck_assert_uint_eq(analysis->num_suspects, 1);
    const struct suspect *suspect = &analysis->suspects[0];
    ck_assert_int_eq(suspect->kind, SUSPECT_GOROUTINES_GROW);
    ck_assert_int_eq(suspect->confidence, SUSPECT_SURE);
    ck_assert_double_eq_tol(suspect->per_second, 14, 0.5);
    ck_assert_str_eq(catalog_function(analysis->snapshot->catalog, suspect->created_by), "example.com/app/watch.Start");
    ck_assert_str_eq(catalog_function(analysis->snapshot->catalog, suspect->subject),
                     "example.com/app/watch.(*W).next");
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* Two a second, and a cache of a megabyte a second elsewhere. */
static void few_goroutines_and_a_cache(struct builder *b, unsigned second)
{
    b->groups.items[0].count = 20 + second / 2;
    count_goroutines(b);
    leaking_cache(b, second);
}

START_TEST(a_large_cache_stands_above_a_few_goroutines)
{
    struct builder *b = builder_create();
    struct history *history;
    add_group(b, 20, WAIT_CHAN_RECEIVE, "chan receive", WATCHER_STACK, "example.com/app/watch.Start watch.go:12");
    builder_site(b, 1024, CACHE_STACK);
    struct analysis *analysis = analyse(few_goroutines_and_a_cache, 200, b, &history);
    ck_assert_uint_eq(analysis->num_suspects, 2);
    ck_assert_int_eq(analysis->suspects[0].kind, SUSPECT_SITE_GROWS);
    ck_assert_int_eq(analysis->suspects[1].kind, SUSPECT_GOROUTINES_GROW);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* What net/http starts for each connection: one cause. */
static void pairs_of_goroutines(struct builder *b, unsigned second)
{
    b->groups.items[0].count = b->groups.items[1].count = 5 + 4 * second;
    count_goroutines(b);
    builder_collect_at(b, second);
}

START_TEST(goroutines_that_come_together_are_one_suspect)
{
    struct builder *b = builder_create();
    struct history *history;
    add_group(b, 5, WAIT_SELECT, "select", "net/http.(*persistConn).readLoop transport.go:2325",
              "net/http.(*Transport).dialConn transport.go:1874");
    add_group(b, 5, WAIT_SELECT, "select", "net/http.(*persistConn).writeLoop transport.go:2519",
              "net/http.(*Transport).dialConn transport.go:1875");
    struct analysis *analysis = analyse(pairs_of_goroutines, 100, b, &history);
    ck_assert_uint_eq(analysis->num_suspects, 1);
    /* No line of the program is on their stacks: what is known of the library helps. */
    ck_assert_ptr_nonnull(strstr(analysis->suspects[0].summary, "readLoop"));
    ck_assert_ptr_nonnull(strstr(analysis->suspects[0].advice, "Body is not closed"));
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* Traffic comes in waves of two minutes; the pool of a server stands. */
static void traffic(struct builder *b, unsigned second)
{
    unsigned phase = second % 120;
    b->groups.items[0].count = 100 + (phase < 60 ? phase * 5 : (120 - phase) * 5);
    b->groups.items[1].count = 500;
    count_goroutines(b);
    builder_collect_at(b, second);
}

START_TEST(traffic_is_none)
{
    struct builder *b = builder_create();
    add_group(b, 100, WAIT_NETWORK, "IO wait", "net.(*conn).Read net.go:1; net/http.(*conn).serve server.go:1",
              "net/http.(*Server).Serve server.go:3");
    set_wait(
        b,
        add_group(b, 500, WAIT_CHAN_RECEIVE, "chan receive", WATCHER_STACK, "example.com/app/watch.Start watch.go:12"),
        30 * MINUTE_NS, 300 * MINUTE_NS);
    ck_assert_str_eq(first_after(traffic, 700, b), "");
}
END_TEST

static void start_of_a_pool(struct builder *b, unsigned second)
{
    b->groups.items[0].count = second < 12 ? 10 * second : 120;
    count_goroutines(b);
    builder_collect_at(b, second);
}

START_TEST(a_pool_that_has_started_is_none)
{
    for (unsigned seconds = 5; seconds <= 60; seconds += 5) {
        struct builder *b = builder_create();
        add_group(b, 0, WAIT_CHAN_RECEIVE, "chan receive", WATCHER_STACK, "example.com/app/watch.Start watch.go:12");
        ck_assert_str_eq(first_after(start_of_a_pool, seconds, b), "");
    }
}
END_TEST

/* ---- stuck ---- */

static void standing(struct builder *b, unsigned second)
{
    count_goroutines(b);
    builder_collect_at(b, second);
}

static const char *first_of_standing(uint32_t count, enum wait_kind kind, const char *reason, uint64_t newest_ns,
                                     uint64_t oldest_ns, uint32_t connections)
{
    struct builder *b = builder_create();
    size_t group = add_group(b, count, kind, reason, WATCHER_STACK, "example.com/app/watch.Start watch.go:12");
    set_wait(b, group, newest_ns, oldest_ns);
    b->groups.items[group].examined = b->groups.items[group].num_objects = count;
    if (connections)
        add_group(b, connections, WAIT_NETWORK, "IO wait",
                  "net.(*conn).Read net.go:1; net/http.(*conn).serve server.go:1",
                  "net/http.(*Server).Serve server.go:3");
    return first_after(standing, 60, b);
}

#define STUCK(confidence) "goroutines_stuck " confidence " watch.(*W).next  watch.go:60"

START_TEST(groups_that_are_stuck_are_told)
{
    ck_assert_str_eq(first_of_standing(30, WAIT_CHAN_SEND, "chan send", 2 * MINUTE_NS, 40 * MINUTE_NS, 0),
                     STUCK("likely"));
    ck_assert_str_eq(first_of_standing(8, WAIT_CHAN_SEND, "chan send", 2 * MINUTE_NS, 40 * MINUTE_NS, 0),
                     STUCK("possible"));
    ck_assert_str_eq(first_of_standing(4, WAIT_LOCK, "sync.Mutex.Lock", 2 * MINUTE_NS, 4 * MINUTE_NS, 0),
                     STUCK("likely"));
    ck_assert_str_eq(first_of_standing(12, WAIT_CHAN_RECEIVE, "chan receive (nil chan)", 0, 0, 0), STUCK("likely"));
    ck_assert_str_eq(first_of_standing(900, WAIT_SELECT, "select", 3 * MINUTE_NS, 90 * MINUTE_NS, 3),
                     STUCK("possible"));
}
END_TEST

START_TEST(groups_that_wait_as_servers_do_are_none)
{
    /* Waits for work, however long; sends that get through; locks that are waited for a moment. */
    ck_assert_str_eq(first_of_standing(900, WAIT_CHAN_RECEIVE, "chan receive", 10 * MINUTE_NS, 600 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(900, WAIT_SEMAPHORE, "sync.Cond.Wait", 10 * MINUTE_NS, 600 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(30, WAIT_CHAN_SEND, "chan send", BUILDER_SECOND_NS, 40 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(2, WAIT_CHAN_SEND, "chan send", 20 * MINUTE_NS, 40 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(40, WAIT_LOCK, "sync.Mutex.Lock", 0, 3 * BUILDER_SECOND_NS, 0), "");
    /* A pool that has been idle since some moment; clients with a connection each; a few of anything. */
    ck_assert_str_eq(first_of_standing(900, WAIT_SELECT, "select", 80 * MINUTE_NS, 90 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(900, WAIT_SELECT, "select", 3 * MINUTE_NS, 90 * MINUTE_NS, 900), "");
    ck_assert_str_eq(first_of_standing(30, WAIT_SELECT, "select", 3 * MINUTE_NS, 900 * MINUTE_NS, 0), "");
    ck_assert_str_eq(first_of_standing(2, WAIT_SELECT, "select (no cases)", 0, 0, 0), "");
}
END_TEST

/* ---- timers and finalizers ---- */

static void leaking_timers(struct builder *b, unsigned second)
{
    builder_set(b, COUNTER_TIMERS, 10 + 5 * (int64_t)second);
    builder_collect_at(b, second);
}

#define TICKER_STACK "time.NewTicker tick.go:36; example.com/app.poll poll.go:20; example.com/app.handle handle.go:9"

START_TEST(timers_that_are_not_stopped_are_told)
{
    struct builder *b = builder_create();
    ck_assert_str_eq(first_after(leaking_timers, 90, b), "timers_grow sure -");
    b = builder_create();
    builder_hold(b, builder_site(b, 248, TICKER_STACK), MEBIBYTE);
    ck_assert_str_eq(first_after(leaking_timers, 90, b), "timers_grow sure app.poll  poll.go:20");

    /* The closure that a line gives to the timer holds more than the timer. */
    b = builder_create();
    builder_hold(b, builder_site(b, 112, "time.AfterFunc sleep.go:171; example.com/app.place order.go:7"), MEBIBYTE);
    builder_hold(b, builder_site(b, 64, "example.com/app.place order.go:7"), 2 * MEBIBYTE);
    /* And the runtime's list of them, which grew under another line, more than both. */
    builder_hold(b, builder_site(b, 1 << 18, "time.AfterFunc sleep.go:171; example.com/app.ask ask.go:3"),
                 4 * MEBIBYTE);
    ck_assert_str_eq(first_after(leaking_timers, 90, b), "timers_grow sure app.place  order.go:7");
}
END_TEST

static void kept_timers(struct builder *b, unsigned second)
{
    builder_set(b, COUNTER_TIMERS, 10);
    builder_hold(b, 0, 0.5 * second * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(timers_that_are_kept_are_told)
{
    struct builder *b = builder_create();
    builder_site(b, 248, TICKER_STACK);
    ck_assert_str_eq(first_after(kept_timers, 200, b), "timers_grow likely app.poll  poll.go:20");
}
END_TEST

/* A deadline for each request. */
static void deadlines(struct builder *b, unsigned second)
{
    builder_set(b, COUNTER_TIMERS, 200 + (second * 37) % 60);
    builder_collect_at(b, second);
}

START_TEST(deadlines_are_none)
{
    struct builder *b = builder_create();
    ck_assert_str_eq(first_after(deadlines, 300, b), "");
}
END_TEST

#define FINALIZER_STACK                                                                                                \
    "runtime.gopark proc.go:1; runtime.chansend chan.go:1; example.com/app.(*File).release file.go:30; "               \
    "runtime.runfinq mfinal.go:255"

static void blocked_finalizer(struct builder *b, unsigned second)
{
    builder_set(b, COUNTER_FINALIZERS_QUEUED, 3 * (int64_t)second);
    builder_hold(b, 0, 1.0 * second * MEBIBYTE);
    builder_collect_at(b, second);
}

START_TEST(a_finalizer_that_does_not_come_back_is_first)
{
    struct builder *b = builder_create();
    builder_site(b, 1024, CACHE_STACK);
    add_group(b, 1, WAIT_CHAN_SEND, "chan send", FINALIZER_STACK, "runtime.createfing mfinal.go:163");
    ck_assert_str_eq(first_after(blocked_finalizer, 10, b), "");
    b = builder_create();
    builder_site(b, 1024, CACHE_STACK);
    add_group(b, 1, WAIT_CHAN_SEND, "chan send", FINALIZER_STACK, "runtime.createfing mfinal.go:163");
    ck_assert_str_eq(first_after(blocked_finalizer, 100, b), "finalizers sure app.(*File).release  file.go:30");
}
END_TEST

/* It runs, and stands elsewhere each time it is looked at. */
static void busy_finalizers(struct builder *b, unsigned second)
{
    builder_goroutine_stack(
        b, 0, second % 3 == 0 ? FINALIZER_STACK : "runtime.gopark proc.go:1; runtime.runfinq mfinal.go:193");
    builder_set(b, COUNTER_FINALIZERS_QUEUED, second % 7);
    builder_collect_at(b, second);
}

START_TEST(finalizers_that_run_are_none)
{
    struct builder *b = builder_create();
    add_group(b, 1, WAIT_IDLE, "finalizer wait", FINALIZER_STACK, "runtime.createfing mfinal.go:163");
    ck_assert_str_eq(first_after(busy_finalizers, 100, b), "");
}
END_TEST

/* ---- the process ---- */

/* Three cycles a second, each of which frees a part of the heap. */
static void collect_often(struct builder *b, double freed)
{
    b->other_heap_bytes = 900 * MEBIBYTE;
    for (int i = 0; i < 3; i++) {
        builder_gc(b);
        struct gc_cycle *cycle = &b->new_cycles.items[b->new_cycles.count - 1];
        cycle->cpu_known = false;       /* The counter gc_cpu_fraction tells. */
        cycle->heap_peak = cycle->heap_before = (uint64_t)((double)cycle->heap_after / (1 - freed));
    }
    builder_set(b, COUNTER_RSS, 1000 * MEBIBYTE);
}

static void thrashing(struct builder *b, unsigned second)
{
    (void)second;
    collect_often(b, 0.04);
    builder_set(b, COUNTER_MEMORY_LIMIT, 1000 * MEBIBYTE);
    builder_set(b, COUNTER_GO_SYS, 990 * MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 0);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.4);
}

static void churning(struct builder *b, unsigned second)
{
    (void)second;
    collect_often(b, 0.5);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.1);
}

/* GOGC is low on purpose, and collecting costs nothing. */
static void tight(struct builder *b, unsigned second)
{
    (void)second;
    collect_often(b, 0.1);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.01);
}

START_TEST(a_gc_that_thrashes_is_told)
{
    ck_assert_str_eq(first_after(thrashing, 60, builder_create()), "gc_thrash sure -");
    ck_assert_str_eq(first_after(churning, 60, builder_create()), "");
    ck_assert_str_eq(first_after(tight, 60, builder_create()), "");
}
END_TEST

static void outside(struct builder *b, unsigned second, bool file)
{
    int64_t more = (int64_t)second * MEBIBYTE;
    b->other_heap_bytes = 100 * MEBIBYTE;
    if (second % 5 == 0)
        builder_gc(b);
    builder_set(b, COUNTER_GO_SYS, 200 * MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 20 * MEBIBYTE);
    builder_set(b, COUNTER_ANON, 190 * MEBIBYTE + (file ? 0 : more));
    builder_set(b, COUNTER_FILE, 40 * MEBIBYTE + (file ? more : 0));
    builder_set(b, COUNTER_RSS, 230 * MEBIBYTE + more);
}

static void c_leak(struct builder *b, unsigned second)
{
    outside(b, second, false);
}

static void mapped_file(struct builder *b, unsigned second)
{
    outside(b, second, true);
}

/* Go has mapped 200 MiB, and touches them bit by bit. */
static void touched_late(struct builder *b, unsigned second)
{
    outside(b, second, false);
    int64_t touched = (second < 120 ? second : 120) * MEBIBYTE;
    builder_set(b, COUNTER_ANON, 60 * MEBIBYTE + touched);
    builder_set(b, COUNTER_RSS, 100 * MEBIBYTE + touched);
}

START_TEST(growth_outside_go_is_told)
{
    ck_assert_str_eq(first_after(touched_late, 100, builder_create()), "");
    ck_assert_str_eq(first_after(c_leak, 120, builder_create()), "outside_go_grows likely -");
    /* A file that is read through a mapping fills RSS as well. */
    ck_assert_str_eq(first_after(mapped_file, 120, builder_create()), "");
}
END_TEST

static void idle_heap(struct builder *b, unsigned second)
{
    b->other_heap_bytes = 50 * MEBIBYTE;
    if (second % 5 == 0)
        builder_gc(b);
    builder_set(b, COUNTER_RSS, 900 * MEBIBYTE);
    builder_set(b, COUNTER_HEAP_IDLE, 800 * MEBIBYTE);
    builder_set(b, COUNTER_HEAP_RELEASED, 50 * MEBIBYTE);
}

START_TEST(idle_heap_is_told_when_it_stays)
{
    ck_assert_str_eq(first_after(idle_heap, 300, builder_create()), "");
    /* The verdict says that it is no leak, and so it begins with that. */
    struct history *history;
    struct analysis *analysis = analyse(idle_heap, 700, builder_create(), &history);
    ck_assert_uint_eq(analysis->num_suspects, 1);
    ck_assert_int_eq(analysis->suspects[0].kind, SUSPECT_HEAP_IDLE);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* Where its pages are known to be idle is no word on how long they have been. */
START_TEST(idle_heap_that_was_just_looked_at_is_not_told)
{
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    struct builder *b = builder_create();
    struct memory_map map = {.rss_bytes = 900 * MEBIBYTE, .heap_known = true};
    map.heap.free_resident = 750 * MEBIBYTE;
    map.resident[REGION_GO_HEAP].anonymous = 850 * MEBIBYTE;
    map.resident[REGION_GO_RUNTIME].anonymous = 50 * MEBIBYTE;
    ck_assert_ptr_null(history_create(NULL, &history));
    for (unsigned second = 0; second < 300; second++) {
        idle_heap(b, second);
        struct snapshot *snapshot = builder_take(b);
        snapshot->memory_map = second == 100 ? &map : NULL;
        ck_assert_ptr_null(history_add(history, snapshot));
        snapshot_unref(snapshot);
        builder_advance(b, 1);
    }
    ck_assert_ptr_null(analysis_compute(history, &analysis));
    ck_assert(analysis->memory_parts.known && analysis->memory_parts.heap_known);
    ck_assert_msg(analysis->num_suspects == 0, "%s", analysis->suspects[0].summary);
    builder_destroy(b);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

/* No profile: nothing tells what grows. */
static void towards_the_limit(struct builder *b, unsigned second)
{
    b->profile_state = PROFILE_OFF;
    b->other_heap_bytes = (int64_t)(600 + second) * MEBIBYTE;
    builder_collect_at(b, second);
    builder_set(b, COUNTER_LIMIT, INT64_C(1500) * MEBIBYTE);
}

START_TEST(a_limit_that_comes_near_is_told)
{
    ck_assert_str_eq(first_after(towards_the_limit, 120, builder_create()), "limit_near likely -");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("suspects");
    TCase *tests = tcase_create("suspects");
    tcase_add_test(tests, a_growing_site_is_named);
    tcase_add_test(tests, at_start_up_it_is_less_sure);
    tcase_add_test(tests, a_cache_that_has_filled_is_none);
    tcase_add_test(tests, sites_of_one_cause_are_one_suspect);
    tcase_add_test(tests, leaking_goroutines_stand_above_what_they_hold);
    tcase_add_test(tests, a_large_cache_stands_above_a_few_goroutines);
    tcase_add_test(tests, goroutines_that_come_together_are_one_suspect);
    tcase_add_test(tests, traffic_is_none);
    tcase_add_test(tests, a_pool_that_has_started_is_none);
    tcase_add_test(tests, groups_that_are_stuck_are_told);
    tcase_add_test(tests, groups_that_wait_as_servers_do_are_none);
    tcase_add_test(tests, timers_that_are_not_stopped_are_told);
    tcase_add_test(tests, timers_that_are_kept_are_told);
    tcase_add_test(tests, deadlines_are_none);
    tcase_add_test(tests, a_finalizer_that_does_not_come_back_is_first);
    tcase_add_test(tests, finalizers_that_run_are_none);
    tcase_add_test(tests, a_gc_that_thrashes_is_told);
    tcase_add_test(tests, growth_outside_go_is_told);
    tcase_add_test(tests, idle_heap_is_told_when_it_stays);
    tcase_add_test(tests, idle_heap_that_was_just_looked_at_is_not_told);
    tcase_add_test(tests, a_limit_that_comes_near_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
