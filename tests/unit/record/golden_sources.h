/* What the golden screens are drawn over: recordings of the scene as a Go program, a native one, a JVM and an
 * interpreter of Python, the recordings of real programs in docs/incidents/, and live sources for what no recording can
 * show. */
#ifndef TESTS_UNIT_RECORD_GOLDEN_SOURCES_H
#define TESTS_UNIT_RECORD_GOLDEN_SOURCES_H

#include "tests/unit/tui/tui_test.h"

#include "tests/unit/record/record_test.h"

#define GO_SECONDS 300
#define GO_LISTED (GO_SECONDS - 10)
#define GO_VERDICT \
    "Growing 3.1 MB/s for 5 min. 82% of it: tsdb.(*Head).getOrCreate  head.go:1622. At this rate the 2.0 GB limit is " \
    "met in 4 h 10 min."

struct golden_source {
    const char *name;
    struct stage_options scene;
    const char *incident;       /* A real program's recording, in docs/incidents/; NULL: the scene is played. */
    bool is_live;               /* It is what is shown, not a recording of it. */
    bool is_kept;               /* Live, it has a past to go back to. */
    bool fails;                 /* Live, it ends with an error. */
    unsigned listed;            /* In this second goroutines are listed one by one, whatever else is written. */
    const char *notice;
};

/* ---- programs that are not Go's ---- */

static void set_program(struct snapshot *snapshot, const char *name, const char *runtime, const char *version)
{
    snapshot->target.comm = catalog_add_string(snapshot->catalog, name, strlen(name));
    snapshot->target.runtime = catalog_add_string(snapshot->catalog, runtime, strlen(runtime));
    snapshot->target.runtime_version = catalog_add_string(snapshot->catalog, version, strlen(version));
}

static void set_counters(struct snapshot *snapshot, enum counter_id first, enum counter_id last, const char *reason)
{
    for (int id = (int)first; id <= (int)last; id++)
        snapshot_set_unavailable(snapshot, (enum counter_id)id, reason);
}

#define MB(n) ((int64_t)(n) << 20)

/* Whose old generation is fuller after each collection. */
static void be_java(struct snapshot *snapshot, unsigned second)
{
    int64_t young = second / 4, full = second / 30, n = (int64_t)second;
    set_program(snapshot, "java", "jvm", "JVM 21.0.2");
    snapshot->malloc_heap = NULL;
    set_counters(snapshot, COUNTER_PY_INTERPRETERS, COUNTER_PY_ARENA_BYTES, "not a Python interpreter");
    snapshot_set(snapshot, COUNTER_JAVA_YOUNG_USED, MB(4 + 12 * (n % 4)));
    snapshot_set(snapshot, COUNTER_JAVA_YOUNG_COMMITTED, MB(64));
    snapshot_set(snapshot, COUNTER_JAVA_OLD_USED, MB(90) + n * 700000 + MB(n % 30));
    snapshot_set(snapshot, COUNTER_JAVA_OLD_COMMITTED, MB(224));
    snapshot_set(snapshot, COUNTER_JAVA_HEAP_USED, MB(94 + 12 * (n % 4)) + n * 700000 + MB(n % 30));
    snapshot_set(snapshot, COUNTER_JAVA_HEAP_COMMITTED, MB(256));
    snapshot_set(snapshot, COUNTER_JAVA_HEAP_MAX, MB(512));
    snapshot_set(snapshot, COUNTER_JAVA_METASPACE_USED, MB(38));
    snapshot_set(snapshot, COUNTER_JAVA_METASPACE_COMMITTED, MB(40));
    snapshot_set(snapshot, COUNTER_JAVA_YOUNG_GCS, 1200 + young);
    snapshot_set(snapshot, COUNTER_JAVA_YOUNG_GC_TIME, (1200 + young) * 7000000);
    snapshot_set(snapshot, COUNTER_JAVA_FULL_GCS, 3 + full);
    snapshot_set(snapshot, COUNTER_JAVA_FULL_GC_TIME, (3 + full) * 120000000);
    snapshot_set(snapshot, COUNTER_JAVA_SAFEPOINTS, 1300 + young + full);
    snapshot_set(snapshot, COUNTER_JAVA_SAFEPOINT_TIME, (1300 + young) * 7100000 + full * 121000000);
    snapshot_set(snapshot, COUNTER_JAVA_THREADS, 31);
    snapshot_set(snapshot, COUNTER_JAVA_CLASSES, 9120);
}

/* Which keeps objects, and makes cycles of others. */
static void be_python(struct snapshot *snapshot, unsigned second)
{
    int64_t n = (int64_t)second;
    set_program(snapshot, "python3", "python", "CPython 3.12.3");
    snapshot->malloc_heap = NULL;
    set_counters(snapshot, COUNTER_JAVA_HEAP_USED, COUNTER_JAVA_CLASSES, "not a JVM");
    snapshot_set(snapshot, COUNTER_PY_INTERPRETERS, 1);
    snapshot_set(snapshot, COUNTER_PY_THREADS, 5);
    snapshot_set(snapshot, COUNTER_PY_GEN0_COUNT, n * 37 % 700);
    snapshot_set(snapshot, COUNTER_PY_GEN1_COUNT, n % 10);
    snapshot_set(snapshot, COUNTER_PY_GEN2_COUNT, n / 10 % 10);
    snapshot_set(snapshot, COUNTER_PY_GEN0_GCS, 8000 + 12 * n);
    snapshot_set(snapshot, COUNTER_PY_GEN1_GCS, 720 + n);
    snapshot_set(snapshot, COUNTER_PY_GEN2_GCS, 40 + n / 10);
    snapshot_set(snapshot, COUNTER_PY_COLLECTED, 512000 + 830 * n);
    snapshot_set(snapshot, COUNTER_PY_UNCOLLECTABLE, 0);
    snapshot_set(snapshot, COUNTER_PY_LONG_LIVED, 410000 + 5200 * (n / 10));
    snapshot_set(snapshot, COUNTER_PY_ARENAS, 96 + n / 2);
    snapshot_set(snapshot, COUNTER_PY_ARENA_BYTES, (96 + n / 2) * MB(1));
}

/* ---- what probes show ---- */

static void offer_probes(struct snapshot *snapshot, unsigned second)
{
    (void)second;
    snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
}

static void count_calls(struct snapshot *snapshot, unsigned second)
{
    (void)second;
    snapshot->profile_switch = PROFILE_SWITCH_COUNTED;
    snapshot->counters[COUNTER_PROBE_SHARE] = (struct counter){.value.real = 0.031, .provenance = PROVENANCE_EXACT};
}

/* Whose call sites are known all the same: a library that was loaded into it counts them, or a probe. */
static void be_native(struct snapshot *snapshot, unsigned second)
{
    (void)second;
    set_program(snapshot, "prometheus", "native", "");
    set_counters(snapshot, COUNTER_HEAP_LIVE, COUNTER_SYSCALL_TICKS, "not a Go program");
    snapshot->num_goroutine_groups = snapshot->num_procs = 0;
    for (size_t i = 0; i < snapshot->num_threads; i++)
        snapshot->threads[i].role = THREAD_ROLE_UNKNOWN;
}

/* Page faults were sampled from the beginning. */
static void sample_faults(struct snapshot *snapshot, unsigned second)
{
    be_native(snapshot, second);
    snapshot->profile_switch = PROFILE_SWITCH_ON;
    snapshot->profile_since_unix_ns = BUILDER_START_NS;
    snapshot_set(snapshot, COUNTER_FAULT_PERIOD, 16);
    snapshot_set(snapshot, COUNTER_PROBE_SAMPLES, 240 * (int64_t)second);
    snapshot_set(snapshot, COUNTER_PROBE_LOST, 0);
    snapshot_set(snapshot, COUNTER_PROBE_COST, 720000 * (int64_t)second);
}

/* ---- the sources ---- */

enum golden_source_id {
    GO, OFF, NATIVE, PRELOADED, FAULTS, JAVA, PYTHON, EXITED,
    LEAKING_GOROUTINES, GROWING_CACHE, IDLE_HEAP,
    LIVE, LIVE_OFF, LIVE_SWITCHED, LIVE_NATIVE, LIVE_COUNTED, LIVE_PROBED, LIVE_WAITING, LIVE_FIRST, LIVE_EXITED,
    LIVE_FAILED,
    /* What can be shown of them, not how it looks: opened often. */
    SHORT, SHORT_LIVE, SHORT_NATIVE,
    GOLDEN_SOURCES,
};

static const struct golden_source golden_sources[GOLDEN_SOURCES] = {
    [GO] = {.name = "go", .scene = {.seconds = GO_SECONDS}, .listed = GO_LISTED},
    [OFF] = {.name = "off", .scene = {.seconds = 60, .profiling = PROFILING_OFFERED}},
    [NATIVE] = {.name = "native", .scene = {.seconds = 60, .is_native = true}},
    [PRELOADED] = {.name = "preloaded",
                   .scene = {.seconds = 60, .profiling = PROFILING_PRELOADED, .adjust = be_native}},
    [FAULTS] = {.name = "faults", .scene = {.seconds = 60, .adjust = sample_faults}},
    [JAVA] = {.name = "java", .scene = {.seconds = 70, .is_native = true, .adjust = be_java}},
    [PYTHON] = {.name = "python", .scene = {.seconds = 70, .is_native = true, .adjust = be_python}},
    [EXITED] = {.name = "exited", .scene = {.seconds = 60, .exits = true}},
    [LEAKING_GOROUTINES] = {.name = "incident-goroutines", .incident = "goroutines"},
    [GROWING_CACHE] = {.name = "incident-cache", .incident = "cache"},
    [IDLE_HEAP] = {.name = "incident-idle", .incident = "idle"},
    [LIVE] = {.name = "live", .scene = {.seconds = 60}, .is_live = true, .is_kept = true},
    [LIVE_OFF] = {.name = "live-off", .scene = {.seconds = 60, .profiling = PROFILING_OFFERED}, .is_live = true},
    [LIVE_SWITCHED] = {.name = "live-switched",
                       .scene = {.seconds = 60, .profiling = PROFILING_SWITCHED},
                       .is_live = true},
    [LIVE_NATIVE] = {.name = "live-native",
                     .scene = {.seconds = 60, .is_native = true, .adjust = offer_probes},
                     .is_live = true},
    [LIVE_COUNTED] = {.name = "live-counted",
                      .scene = {.seconds = 60, .is_native = true, .adjust = count_calls},
                      .is_live = true},
    [LIVE_PROBED] = {.name = "live-probed", .scene = {.seconds = 60, .adjust = sample_faults}, .is_live = true},
    [LIVE_WAITING] = {.name = "live-waiting",
                      .is_live = true,
                      .notice = "settings: line 3: nothing is called 'colour'"},
    [LIVE_FIRST] = {.name = "live-first", .scene = {.seconds = 1}, .is_live = true},
    [SHORT] = {.name = "short", .scene = {.seconds = 24}, .listed = 23},
    [SHORT_LIVE] = {.name = "short-live", .scene = {.seconds = 24}, .is_live = true},
    [SHORT_NATIVE] = {.name = "short-native",
                      .scene = {.seconds = 24, .is_native = true, .adjust = offer_probes},
                      .is_live = true},
    [LIVE_FAILED] = {.name = "live-failed", .scene = {.seconds = 60}, .is_live = true, .fails = true},
    [LIVE_EXITED] = {.name = "live-exited", .scene = {.seconds = 60, .exits = true}, .is_live = true},
};

/* ---- a live session that is kept, as far as its screens show that ---- */

static bool is_being_recorded;
static struct source *golden_past;              /* Open, or NULL. */
static struct catalog *golden_live_catalog;     /* Of the session that is kept, or NULL. */

static void close_past(void)
{
    if (golden_past)
        source_close(golden_past);
    golden_past = NULL;
}

static struct error *keep_past(void *context, struct source **ret_past)
{
    struct recording *recording = NULL;
    (void)context;
    if (!golden_live_catalog)
        return error_create(ERROR_UNSUPPORTED, "nothing is kept of this session to go back to");
    close_past();
    check_good(recording_open(scratch_path(golden_sources[LIVE].name), &recording));
    check_good(replay_source_open(recording, &(struct replay_options){.catalog = golden_live_catalog}, &golden_past));
    *ret_past = golden_past;
    return NULL;
}

static struct error *keep_toggled(void *context, struct text *ret_said)
{
    (void)context;
    is_being_recorded = !is_being_recorded;
    text_printf(ret_said, "%s to prometheus-4242.heaptop", is_being_recorded ? "recording" : "recorded");
    return NULL;
}

static void keep_mark(void *context, uint64_t unix_ns, const char *text)
{
    (void)context, (void)unix_ns, (void)text;
}

static void keep_suspects(void *context, const struct analysis *analysis)
{
    (void)context, (void)analysis;
}

static void keep_status(void *context, struct text *ret_status)
{
    (void)context;
    if (is_being_recorded)
        text_append(ret_status, "1.2 MB");
}

static const struct tui_keeper golden_keeper = {.past = keep_past,
                                                .toggle_recording = keep_toggled,
                                                .mark = keep_mark,
                                                .suspects = keep_suspects,
                                                .write_status = keep_status};

_Static_assert(GOLDEN_SOURCES < 32, "a bit each");

/* ---- opening them ---- */

static struct stage_sources golden_files;       /* Of the scene's program. */

static void record_source(const struct golden_source *source)
{
    struct scene scene;
    struct snapshot **snapshots = stage_make_snapshots(&scene, &source->scene);
    record_listing(scratch_path(source->name), snapshots, source->scene.seconds, source->listed);
    builder_release(snapshots, source->scene.seconds);
    free(snapshots);
    scene_deinit(&scene);
}

/* Once for all tests of a program, in its own process. wanted: which of them are to be opened, a bit each. */
static void golden_setup(uint32_t wanted)
{
    setenv("TZ", "UTC", 1);
    tzset();
    stage_sources_make(&golden_files);
    for (size_t i = 0; i < GOLDEN_SOURCES; i++) {
        const struct golden_source *source = &golden_sources[i];
        if ((wanted & 1u << i) && (!source->is_live || source->is_kept) && !source->incident)
            record_source(source);
    }
}

static void golden_teardown(void)
{
    stage_sources_remove(&golden_files);
    scratch_remove();
}

/* Until all is read and drawn that takes longer than a key may wait. */
static void golden_settle(struct stage *stage)
{
    do {
        ck_assert_ptr_null(session_pull(stage->session));
    } while (session_is_busy(stage->session));
    stage_settle(stage);
}

static struct error *next_or_failure(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct error *error = builder_source_next(source, timeout_ns, ret_snapshot);
    return error || *ret_snapshot ? error : error_create(ERROR_GONE, "process 4242 is gone");
}

/* The scene's seconds are made once; whoever opens them shares them. */
static void open_live(struct stage *stage, const struct golden_source *source)
{
    static struct snapshot **snapshots[GOLDEN_SOURCES];
    static struct scene scenes[GOLDEN_SOURCES];
    size_t id = (size_t)(source - golden_sources);
    static const struct tui_code code = {.disassemble = stage_disassemble};
    const struct session_options options = {.width = 160,
                                            .height = 44,
                                            .can_pick = true,
                                            .keeper = &golden_keeper,
                                            .code = &code,
                                            .notice = source->notice};
    if (!snapshots[id])
        snapshots[id] = stage_make_snapshots(&scenes[id], &source->scene);
    *stage = (struct stage){.source = builder_source(snapshots[id], source->scene.seconds)};
    golden_live_catalog = source->is_kept ? snapshots[id][0]->catalog : NULL;
    static struct source_ops failing;
    failing = *stage->source->ops;
    failing.next = next_or_failure;
    if (source->fails)
        stage->source->ops = &failing;
    ck_assert_ptr_null(session_create(stage->source, &options, &stage->session));
    stage_pull(stage);
}

static void golden_open(struct stage *stage, const struct golden_source *source)
{
    is_being_recorded = false;
    if (source->is_live) {
        open_live(stage, source);
    } else {
        char incident[256];
        snprintf(incident, sizeof(incident), "%s/docs/incidents/%s.heaptop", SOURCE_DIR, source->incident);
        *stage = (struct stage){.source = replay(source->incident ? incident : scratch_path(source->name))};
        const struct session_options options = {
            .width = 160, .height = 44, .source_maps = {.maps = {golden_files.map}, .count = 1}};
        ck_assert_ptr_null(session_create(stage->source, &options, &stage->session));
    }
    golden_settle(stage);
}

static void golden_close(struct stage *stage)
{
    session_destroy(stage->session);
    close_past();
    source_close(stage->source);
}

/* Waits after every word for what it has begun: a jump reads what was before. */
static void golden_keys(struct stage *stage, const char *keys)
{
    while (*keys) {
        char word[16];
        size_t length = strcspn(keys, " ");
        snprintf(word, sizeof(word), "%.*s", (int)length, keys);
        stage_keys(stage, word);
        golden_settle(stage);
        keys += length + strspn(keys + length, " ");
    }
}

__attribute__((unused)) static void golden_resize(struct stage *stage, int width, int height)
{
    const struct event resize = {.type = EVENT_RESIZE, .width = width, .height = height};
    ck_assert_ptr_null(session_handle(stage->session, &resize));
    golden_settle(stage);
    session_draw(stage->session);
    ck_assert_int_eq(stage->session->grid.width, width);
    ck_assert_int_eq(stage->session->grid.height, height);
}

#endif
