/* A session for the screens' tests and for trying them by hand: the builder's leaking prometheus, with as many call
 * sites, goroutines, threads and regions as such a program has. Deterministic. */
#ifndef TESTS_UNIT_TUI_SCENE_H
#define TESTS_UNIT_TUI_SCENE_H

#include "tests/unit/snapshot_builder.h"

struct scene_site {
    uint64_t object_size;
    double start_mb, growth_mb_per_s, wave_mb;
    unsigned churn;             /* Sampled objects allocated and freed each second. */
    const char *stack;
};

#define SCENE_PROM "github.com/prometheus/prometheus/"
#define SCENE_LOOP \
    SCENE_PROM "scrape.(*scrapeLoop).append scrape.go:1701;" SCENE_PROM \
               "scrape.(*scrapeLoop).scrapeAndReport scrape.go:1480;" SCENE_PROM \
               "scrape.(*scrapeLoop).run scrape.go:1322;runtime.goexit asm_amd64.s:1700"
#define SCENE_RULES \
    SCENE_PROM "rules.(*Group).Eval group.go:471;" SCENE_PROM \
               "rules.(*Group).run group.go:231;runtime.goexit asm_amd64.s:1700"
#define SCENE_HTTP "net/http.(*conn).serve server.go:2092;runtime.goexit asm_amd64.s:1700"

static const struct scene_site scene_sites[] = {
    {224, 60, 0.86, 0, 2,
     SCENE_PROM "tsdb.(*Head).getOrCreate head.go:1622;" SCENE_PROM
                "tsdb.(*Head).Init head.go:640;main.main main.go:1188"},
    {512, 22, 0, 0.6, 12,
     SCENE_PROM "tsdb/index.(*MemPostings).addFor postings.go:402;" SCENE_PROM
                "tsdb.(*Head).getOrCreateWithID head.go:1661;" SCENE_LOOP},
    {96, 18, 0.12, 0, 4,
     SCENE_PROM "tsdb.newMemSeries head.go:2011;" SCENE_PROM "tsdb.(*Head).getOrCreateWithID head.go:1650;" SCENE_LOOP},
    {1024, 11, 0, 2.5, 60,
     SCENE_PROM "promql.(*evaluator).rangeEval engine.go:1240;" SCENE_PROM
                "promql.(*evaluator).eval engine.go:1502;" SCENE_RULES},
    {2048, 9, 0, 1.2, 30, SCENE_PROM "model/textparse.(*PromParser).Next promparse.go:361;" SCENE_LOOP},
    {32, 7.5, 0, 0, 3, SCENE_PROM "model/labels.(*ScratchBuilder).Labels labels.go:600;" SCENE_LOOP},
    {8192, 6, 0, 0.3, 8,
     "github.com/golang/snappy.Decode decode.go:56;" SCENE_PROM "tsdb/wlog.(*Reader).next reader.go:110;" SCENE_PROM
     "tsdb.(*Head).loadWAL head_wal.go:130;main.main main.go:1188"},
    {4096, 5, 0, 0.2, 20,
     "compress/flate.NewReader inflate.go:803;compress/gzip.(*Reader).readHeader gunzip.go:238;" SCENE_LOOP},
    {256, 4.5, 0, 0, 1,
     "github.com/cespare/xxhash/v2.New xxhash.go:60;" SCENE_PROM "model/labels.Labels.Hash labels.go:88;" SCENE_LOOP},
    {16384, 4, 0, 0.1, 2,
     "google.golang.org/protobuf/internal/impl.(*MessageInfo).init "
     "message.go:91;google.golang.org/protobuf/proto.Unmarshal decode.go:60;" SCENE_HTTP},
    {640, 3.2, 0, 0.1, 5,
     "go.opentelemetry.io/otel/sdk/trace.(*tracer).newSpan tracer.go:44;" SCENE_PROM
     "promql.(*Engine).exec engine.go:690;" SCENE_HTTP},
    {128, 2.6, 0, 0, 0,
     "k8s.io/client-go/tools/cache.(*threadSafeMap).Update "
     "thread_safe_store.go:250;k8s.io/client-go/tools/cache.(*Reflector).Run reflector.go:300;runtime.goexit "
     "asm_amd64.s:1700"},
    {1 << 20, 2, 0, 0, 0,
     SCENE_PROM "tsdb.NewHead head.go:280;" SCENE_PROM "tsdb.open db.go:900;main.main main.go:1150"},
    {64, 1.5, 0, 0, 9,
     "context.WithValue context.go:720;net/http.(*Server).Serve server.go:3290;main.main main.go:1100"},
    {48, 0.9, 0, 0, 6,
     "strings.(*Builder).grow builder.go:71;" SCENE_PROM "model/labels.Labels.String labels_common.go:53;" SCENE_RULES},
};
#define SCENE_SITES (sizeof(scene_sites) / sizeof(scene_sites[0]))

struct scene {
    struct builder *b;
    size_t first_site, first_group, first_thread;
    unsigned second;
    bool is_native;         /* Nothing of a runtime can be read. */
    bool has_stacks;        /* Of threads, when it is native. */
    bool is_measured;       /* Its resident pages were looked at. */
};

__attribute__((unused)) static void scene_add_people(struct scene *scene)
{
    struct builder *b = scene->b;
    scene->first_group = b->groups.count;
    builder_goroutine_stack(b, 3,
                            BUILDER_TSDB ".(*watcher).next watch.go:301;" BUILDER_TSDB ".(*watcher).loop watch.go:244");
    builder_goroutines(b, 14, "waiting", "select", SCENE_PROM "scrape.(*Manager).reloader manager.go:180",
                       SCENE_PROM "scrape.(*Manager).Run manager.go:160");
    builder_goroutines(b, 8, "waiting", "sync.Cond.Wait",
                       SCENE_PROM "storage/remote.(*QueueManager).updateShardsLoop queue_manager.go:1000",
                       SCENE_PROM "storage/remote.(*QueueManager).Start queue_manager.go:700");
    builder_goroutines(b, 4, "waiting", "sleep", SCENE_PROM "rules.(*Group).run group.go:200",
                       SCENE_PROM "rules.(*Manager).Update manager.go:200");
    builder_goroutines(b, 3, "runnable", NULL, SCENE_PROM "promql.(*Engine).exec engine.go:640",
                       SCENE_PROM "rules.(*Group).Eval group.go:430");
    builder_goroutines(b, 2, "syscall", NULL, "os/signal.loop signal_unix.go:21",
                       "os/signal.Notify.func1 signal.go:151");
    for (size_t i = scene->first_group; i < b->groups.count; i++) {
        b->groups.items[i].wait_known = b->groups.items[i].wait_reason != 0;
        b->groups.items[i].wait_ns_min = (i + 1) * BUILDER_SECOND_NS / 2;
        b->groups.items[i].wait_ns_max = (i + 1) * (i + 1) * 9 * BUILDER_SECOND_NS;
    }
    scene->first_thread = b->threads.count;
    for (int i = 0; i < 10; i++) {
        size_t thread = builder_thread(b, 4246 + i, i < 7 ? "prometheus" : "grpc-worker",
                                       i == 3   ? 'D'
                                       : i == 6 ? 'R'
                                                : 'S',
                                       i == 3   ? "fsync"
                                       : i == 6 ? NULL
                                       : i % 3  ? "futex"
                                                : "epoll_pwait");
        b->threads.items[thread].processor = i % 4;
        /* Those with another name are C's own. */
        static const enum thread_role roles[] = {THREAD_IDLE,    THREAD_IDLE,   THREAD_IDLE,    THREAD_SYSTEM_CALL,
                                                 THREAD_IDLE,    THREAD_IN_C,   THREAD_RUNS_GO, THREAD_FOREIGN,
                                                 THREAD_FOREIGN, THREAD_FOREIGN};
        static const uint64_t goids[10] = {[3] = 4701, [5] = 4702, [6] = 18231};
        builder_role(b, thread, roles[i], i == 6 ? 1 : -1, goids[i]);
    }
    b->procs.items[1] = (struct proc){.id = 1,
                                      .state = PROC_RUNNING,
                                      .queue = 5,
                                      .machine = 10,
                                      .tid = 4252,
                                      .goid = 18231,
                                      .schedule_ticks = 800123,
                                      .system_call_ticks = 88012};
    builder_set(b, COUNTER_PROCS_RUNNING, 2);
    builder_set(b, COUNTER_PROCS_IDLE, 0);
    builder_set(b, COUNTER_RUN_QUEUE, 8);
    builder_set(b, COUNTER_MACHINES, 11);
    builder_set(b, COUNTER_MACHINES_IN_C, 1);
    builder_set(b, COUNTER_FOREIGN_THREADS, 3);
    builder_region(b, 0x400000, 0x3c00000, "r-xp", "/usr/bin/prometheus");
    builder_region(b, 0x4000000, 0x4a00000, "r--p", "/usr/bin/prometheus");
    builder_region(b, 0x8a00000, 0x200000, "rw-p", "/usr/bin/prometheus");
    builder_region(b, 0xc000000000, 0x34000000, "rw-p", "[anon: Go: heap]");
    builder_region(b, 0xc034000000, 0xcc000000, "---p", "[anon: Go: heap reservation]");
    builder_region(b, 0x7f2a40000000, 0x8000000, "rw-s", "/var/lib/prometheus/chunks_head/000017");
    builder_region(b, 0x7f2a80000000, 0x1d0000, "r-xp", "/usr/lib/x86_64-linux-gnu/libc.so.6");
    builder_region(b, 0x7ffc10000000, 0x21000, "rw-p", "[stack]");
}

/* Of a program in C++: its pages, and what malloc has of them, of which one size grows. */
__attribute__((unused)) static void scene_measure_native(struct snapshot *snapshot, unsigned n)
{
    struct memory_map *map = arena_alloc(&snapshot->arena, sizeof(*map));
    struct malloc_heap *heap = arena_alloc(&snapshot->arena, sizeof(*heap));
    uint64_t rss = (uint64_t)snapshot->counters[COUNTER_RSS].value.integer;
    builder_check(map && heap);
    map->rss_bytes = rss;
    map->took_ns = 6400000;
    map->heap_reason = "not a Go program";
    map->resident[REGION_PROGRAM] = (struct resident_bytes){.file = UINT64_C(31) << 20, .anonymous = UINT64_C(1) << 20};
    map->resident[REGION_FILE].file = UINT64_C(9) << 20;
    map->resident[REGION_C_HEAP].anonymous = rss - (UINT64_C(41) << 20);
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        heap->classes[i].largest = malloc_class_largest(i);
    heap->classes[malloc_class_of(48)] =
        (struct malloc_class){48, 1000000 + 6000 * n, 48000000 + 288000 * n, 1200, 57600, 7, 336};
    heap->classes[malloc_class_of(112)] = (struct malloc_class){112, 412000, 46144000, 88000, 9856000, 21, 2352};
    heap->classes[malloc_class_of(4000)] = (struct malloc_class){4096, 1100, 4400000, 40, 160000, 0, 0};
    heap->classes[MALLOC_CLASSES - 1].used_chunks = 1;
    heap->classes[MALLOC_CLASSES - 1].used_bytes = UINT64_C(90) << 40;
    heap->known = heap->mapped_known = true;
    heap->used_bytes = 98544000 + 288000 * n;
    heap->free_bytes = 10073600;
    heap->top_bytes = 131072;
    heap->system_bytes = heap->used_bytes + heap->free_bytes + heap->top_bytes;
    heap->cache_bytes = 2688;
    heap->mapped_chunks = 3;
    heap->mapped_bytes = UINT64_C(12) << 20;
    heap->num_arenas = 4;
    static const char *const types[] = {"cache::Entry<std::string>", "net::Session", "(anonymous namespace)::Job"};
    heap->num_types = sizeof(types) / sizeof(types[0]);
    heap->types = arena_alloc_array(&snapshot->arena, heap->num_types, sizeof(*heap->types));
    builder_check(heap->types != NULL);
    for (size_t i = 0; i < heap->num_types; i++) {
        uint64_t objects = i == 0 ? 1000000 + 6000 * (uint64_t)n : UINT64_C(412000) >> (2 * i);
        heap->types[i] = (struct malloc_type){catalog_add_string(snapshot->catalog, types[i], strlen(types[i])),
                                              objects, objects * (i == 0 ? 48 : 112)};
    }
    snapshot->malloc_heap = heap;
    snapshot->memory_map = map;
}

/* The session, `minutes` before anything was seen. */
__attribute__((unused)) static void scene_init(struct scene *scene)
{
    *scene = (struct scene){.b = builder_demo_create()};
    struct builder *b = scene->b;
    scene->first_site = b->sites.count;
    for (size_t i = 0; i < SCENE_SITES; i++)
        builder_site(b, scene_sites[i].object_size, scene_sites[i].stack);
    scene_add_people(scene);
    b->target.start_unix_ns = BUILDER_START_NS - (3 * 24 + 4) * 3600 * BUILDER_SECOND_NS;
    builder_set(b, COUNTER_THREADS, (int64_t)b->threads.count);
    builder_set(b, COUNTER_GC_SYS, INT64_C(18) << 20);
    builder_set(b, COUNTER_OTHER_SYS, INT64_C(6) << 20);
    builder_set(b, COUNTER_SHMEM, INT64_C(2) << 20);
    builder_set(b, COUNTER_NUM_FORCED_GC, 2);
    builder_set_unavailable(b, COUNTER_CGROUP_USAGE, "the process is in no memory cgroup");
    b->cycle = 1186;
}

/* What is left when there is no runtime that can be read. */
__attribute__((unused)) static void scene_forget_go(struct builder *b)
{
    for (int id = COUNTER_HEAP_LIVE; id < COUNTER_COUNT; id++)
        builder_set_unavailable(b, (enum counter_id)id, "not a Go program");
    b->groups.count = b->procs.count = 0;
    for (size_t i = 0; i < b->threads.count; i++)
        builder_role(b, i, THREAD_ROLE_UNKNOWN, -1, 0);
    b->new_cycles.count = 0;
    b->profile_state = PROFILE_NONE;
    b->profile_reason = "not a Go program: no heap profile to read";
    b->target.runtime = builder_string(b, "native");
    b->target.runtime_version = 0;
}

/* All that wait do so in C++ code, most of them at one place. */
__attribute__((unused)) static void scene_add_stacks(struct builder *b)
{
    for (size_t i = 0; i < b->threads.count; i++) {
        if (b->threads.items[i].state == 'R')
            continue;
        b->threads.items[i].stack = builder_stack(
            b, b->threads.items[i].state == 'D' ? "fsync; rocksdb::PosixWritableFile::Sync() io_posix.cc:1201; "
                                                  "rocksdb::DBImpl::SyncWAL() db_impl.cc:1388; "
                                                  "main server.cc:77"
                                                : "__futex_abstimed_wait_common; pthread_cond_wait; "
                                                  "rocksdb::ThreadPoolImpl::Impl::BGThread threadpool_imp.cc:222; "
                                                  "start_thread; __clone3");
        b->threads.items[i].stack_quality = i % 2 ? STACK_WHOLE : STACK_DEDUCED;
    }
}

/* Whose the resident pages are: most of them the live heap's. */
__attribute__((unused)) static void scene_measure(struct snapshot *snapshot)
{
    struct memory_map *map = arena_alloc(&snapshot->arena, sizeof(*map));
    uint64_t rss = (uint64_t)snapshot->counters[COUNTER_RSS].value.integer;
    builder_check(map);
    map->rss_bytes = rss;
    map->took_ns = 6400000;
    map->heap_known = true;
    map->resident[REGION_GO_RUNTIME].anonymous = UINT64_C(22) << 20;
    map->resident[REGION_PROGRAM] = (struct resident_bytes){.file = UINT64_C(31) << 20, .anonymous = UINT64_C(1) << 20};
    map->resident[REGION_C_HEAP].anonymous = UINT64_C(12) << 20;
    map->resident[REGION_THREAD_STACK].anonymous = UINT64_C(200) << 10;
    map->resident[REGION_FILE].file = UINT64_C(9) << 20;
    map->resident[REGION_SHARED].file = UINT64_C(2) << 20;
    map->resident[REGION_ANONYMOUS].anonymous = UINT64_C(5) << 20;
    map->heap.manual_resident = UINT64_C(3) << 20;
    map->heap.free_resident = UINT64_C(8) << 20;
    map->heap.slack_resident = UINT64_C(61) << 20;
    map->heap.object_resident = rss - (UINT64_C(156) << 20);
    map->resident[REGION_GO_HEAP].anonymous =
        map->heap.manual_resident + map->heap.free_resident + map->heap.slack_resident + map->heap.object_resident;
    static const struct span_class classes[] = {
        {48, false, 4200, 34406400, 34406400, 714000, 702000, 33696000, 576000, 134400, 2, 118, 4080, 12},
        {224, false, 96000, 786432000, 780140544, 3456000, 3310000, 741440000, 32704000, 12288000, 2, 3998, 92000, 0},
        {1024, true, 14000, 114688000, 112000000, 112000, 98000, 100352000, 14336000, 0, 2, 1998, 12000, 0},
        {0, true, 61, 98000000, 97000000, 61, 61, 97600000, 0, 400000, 0, 0, 61, 0},
    };
    map->num_span_classes = ARRAY_SIZE(classes);
    map->span_classes = arena_alloc_array(&snapshot->arena, ARRAY_SIZE(classes), sizeof(classes[0]));
    builder_check(map->span_classes);
    memcpy(map->span_classes, classes, sizeof(classes));
    static const struct heap_cache_use caches[] = {{41, 1343488, 9120, 402112, 11, 196608, 0},
                                                   {39, 1277952, 8700, 389120, 0, 65536, 65536}};
    map->num_caches = ARRAY_SIZE(caches);
    map->caches = arena_alloc_array(&snapshot->arena, ARRAY_SIZE(caches), sizeof(caches[0]));
    builder_check(map->caches);
    memcpy(map->caches, caches, sizeof(caches));
    snapshot->memory_map = map;
    for (size_t i = 0; i < snapshot->num_regions; i++) {
        snapshot->regions[i].is_measured = true;
        snapshot->regions[i].resident_bytes =
            snapshot->regions[i].permissions[0] == 'r' ? snapshot->regions[i].size / 16 * (8 + i) : 0;
    }
}

/* The next second of it; the caller's reference. */
__attribute__((unused)) static struct snapshot *scene_next(struct scene *scene)
{
    static const int wave[] = {0, 3, 5, 8, 9, 7, 4, 2, -1, -4, -7, -9, -8, -5, -3, -2};
    struct builder *b = scene->b;
    unsigned n = scene->second++;
    for (size_t i = 0; i < SCENE_SITES; i++) {
        const struct scene_site *site = &scene_sites[i];
        double now = site->start_mb + site->growth_mb_per_s * n + site->wave_mb * wave[(n / 8 + i * 3) % 16] / 9.0;
        builder_hold(b, scene->first_site + i, now * 1048576);
        builder_allocate(b, scene->first_site + i, site->churn);
        builder_free(b, scene->first_site + i, site->churn);
    }
    b->pause_ns = 180000 + (uint64_t)((n * 7919) % 23) * 31000 + (n % 56 == 0 ? 900000 : 0);
    builder_demo_second(b, n);
    uint32_t others = 0;
    if (!scene->is_native)
        b->groups.items[scene->first_group + 3].count = 2 + (uint32_t)(wave[n % 16] + 9) / 4;
    for (size_t i = 0; i < b->groups.count; i++)
        others += b->groups.items[i].count;
    builder_set(b, COUNTER_GOROUTINES, others);
    builder_set(b, COUNTER_GO_SYS, b->counters[COUNTER_HEAP_INUSE].value.integer + (INT64_C(49) << 20));
    /* What a program allocates between two collections rises in steps, and not evenly. */
    builder_add(b, COUNTER_TOTAL_ALLOC, (int64_t)(24 + 2 * wave[(n * 3 / 4) % 16]) << 20);
    for (size_t i = scene->first_thread; i < b->threads.count; i++)
        b->threads.items[i].cpu_ns += (uint64_t)(i % 5) * 31000000 + (i == scene->first_thread + 6 ? 410000000 : 0);
    if (scene->is_native) {
        scene_forget_go(b);
        if (scene->has_stacks)
            scene_add_stacks(b);
        builder_set(b, COUNTER_RSS, (INT64_C(180) << 20) + (int64_t)n * 300000);
        builder_set(b, COUNTER_ANON, (INT64_C(150) << 20) + (int64_t)n * 300000);
    }
    struct snapshot *snapshot = builder_take(b);
    if (scene->is_measured && !scene->is_native && n > 0)
        scene_measure(snapshot);
    if (scene->is_measured && scene->is_native && n > 0)
        scene_measure_native(snapshot, n);
    builder_advance(b, 1);
    return snapshot;
}

__attribute__((unused)) static void scene_deinit(struct scene *scene)
{
    builder_destroy(scene->b);
}

#endif
