/* Synthetic processes for tests: a builder holds the present state of an imagined Go program; the test changes it, lets
 * time pass, and takes snapshots as a source would.
 *
 *     struct builder *b = builder_create();
 *     size_t site = builder_site(b, 1024, "example.com/app/store.(*Cache).Put cache.go:41; main.main main.go:9");
 *     builder_set(b, COUNTER_RSS, 64 << 20);
 *     for (int i = 0; i < 60; i++) {
 *         builder_allocate(b, site, 3);       -- sampled objects: each stands for about `rate` bytes
 *         builder_gc(b);                      -- publishes what was counted, as a completed GC cycle does
 *         snapshots[i] = builder_take(b);
 *         builder_advance(b, 10);
 *     }
 *     struct source *source = builder_source(snapshots, 60);
 *
 * builder_demo makes a whole session like those in the documentation. Everything is deterministic. Running out of
 * memory aborts. */
#ifndef TESTS_UNIT_SNAPSHOT_BUILDER_H
#define TESTS_UNIT_SNAPSHOT_BUILDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"
#include "heaptop/snapshot.h"

/* 2026-01-02 03:04:05 UTC. */
#define BUILDER_START_NS (UINT64_C(1767323045) * 1000000000u)
#define BUILDER_SECOND_NS UINT64_C(1000000000)

struct builder {
    struct catalog *catalog;
    struct target_info target;
    uint64_t unix_ns;               /* Now; change it with builder_advance. */
    uint64_t sequence, interval_ns;
    int64_t rate;                   /* MemProfileRate. Set it before the first builder_allocate. */
    int64_t other_heap_bytes;       /* Live heap that no site accounts for; builder_gc adds it to HEAP_MARKED. */
    uint64_t pause_ns;              /* Of the next builder_gc. */
    struct counter counters[COUNTER_COUNT];
    enum profile_state profile_state;
    const char *profile_reason;     /* Static. */
    uint64_t profile_since_unix_ns; /* Profiling was switched on then; 0: it always was. */
    bool torn;                      /* The next snapshots are marked torn. */
    const char *exit_reason;        /* Not NULL: the next snapshot says the target is gone. Static. */
    uint64_t cycle;
    VECTOR(struct site) sites;
    VECTOR(struct site_counts) published;
    VECTOR(struct goroutine_group) groups;
    bool lists_goroutines;
    VECTOR(struct thread) threads;
    VECTOR(struct proc) procs;
    VECTOR(struct gc_cycle) new_cycles;     /* Not yet in a snapshot. */
    VECTOR(struct region) regions;          /* Copied into every snapshot while there are any. */
    VECTOR(const char *) problems;          /* Static texts, copied into every snapshot. */
    struct cost cost;
};

__attribute__((unused)) static void builder_check(bool good)
{
    if (!good) {
        fputs("snapshot_builder: out of memory, or a mistake in the test\n", stderr);
        abort();
    }
}

__attribute__((unused)) static string_id builder_string(struct builder *b, const char *text)
{
    string_id id = catalog_add_untrusted(b->catalog, text, strlen(text));
    builder_check(id != 0);
    return id;
}

__attribute__((unused)) static void builder_set(struct builder *b, enum counter_id id, int64_t value)
{
    b->counters[id] = (struct counter){.value.integer = value, .provenance = PROVENANCE_EXACT};
}

__attribute__((unused)) static void builder_set_real(struct builder *b, enum counter_id id, double value)
{
    b->counters[id] = (struct counter){.value.real = value, .provenance = PROVENANCE_EXACT};
}

__attribute__((unused)) static void builder_set_unavailable(struct builder *b, enum counter_id id, const char *reason)
{
    b->counters[id] = (struct counter){.provenance = PROVENANCE_UNAVAILABLE, .reason = reason};
}

__attribute__((unused)) static void builder_add(struct builder *b, enum counter_id id, int64_t difference)
{
    builder_set(b, id, b->counters[id].value.integer + difference);
}

/* A Go program named "app" with one thread's worth of figures and nothing allocated. */
__attribute__((unused)) static struct builder *builder_create(void)
{
    struct builder *b = calloc(1, sizeof(*b));
    builder_check(b && !catalog_create(&b->catalog));
    b->unix_ns = BUILDER_START_NS;
    b->interval_ns = BUILDER_SECOND_NS;
    b->rate = 512 * 1024;
    b->pause_ns = 100000;
    b->profile_state = PROFILE_ON;
    for (int id = 0; id < COUNTER_COUNT; id++)
        builder_set_unavailable(b, (enum counter_id)id, "not read");
    b->target = (struct target_info){
        .pid = 4242,
        .inner_pid = 4242,
        .start_unix_ns = BUILDER_START_NS - 3600 * BUILDER_SECOND_NS,
        .uid = 1000,
        .exe = builder_string(b, "/usr/bin/app"),
        .comm = builder_string(b, "app"),
        .command_line = builder_string(b, "/usr/bin/app --serve"),
        .runtime = builder_string(b, "go"),
        .runtime_version = builder_string(b, "go1.24.4"),
        .main_module = builder_string(b, "example.com/app"),
        .stripped = KNOWN_YES,
        .position_independent = KNOWN_NO,
        .how_located = builder_string(b, "operands"),
        .how_laid_out = builder_string(b, "types"),
    };
    builder_set(b, COUNTER_RSS, 32 << 20);
    builder_set(b, COUNTER_MEM_PROFILE_RATE, b->rate);
    builder_set(b, COUNTER_NUM_GC, 0);
    builder_set(b, COUNTER_TOTAL_ALLOC, 0);
    builder_set(b, COUNTER_GOGC, 100);
    builder_set(b, COUNTER_MEMORY_LIMIT, INT64_MAX);
    return b;
}

__attribute__((unused)) static void builder_destroy(struct builder *b)
{
    catalog_unref(b->catalog);
    vector_deinit(&b->sites);
    vector_deinit(&b->published);
    vector_deinit(&b->groups);
    vector_deinit(&b->threads);
    vector_deinit(&b->procs);
    vector_deinit(&b->new_cycles);
    vector_deinit(&b->regions);
    vector_deinit(&b->problems);
    free(b);
}

/* Go's own rule of thumb: "runtime." is the runtime, a first path element without a dot is the standard library, "main"
 * and the main module's packages are the application, all else a dependency. C++ is the application's. */
__attribute__((unused)) static enum frame_origin builder_origin(struct builder *b, const char *function)
{
    const char *module = catalog_string(b->catalog, b->target.main_module);
    size_t first = strcspn(function, "/");
    if (strncmp(function, "runtime.", 8) == 0 || strncmp(function, "internal/runtime/", 17) == 0)
        return FRAME_RUNTIME;
    if (strncmp(function, "main.", 5) == 0 || strcmp(function, "main") == 0 || strstr(function, "::") ||
        (*module && strncmp(function, module, strlen(module)) == 0))
        return FRAME_APPLICATION;
    if (function[first] == '/' && memchr(function, '.', first))
        return FRAME_DEPENDENCY;
    return FRAME_STANDARD;
}

/* "FUNCTION FILE:LINE", or just "FUNCTION". A file without a slash is put below /src. 0 for "". */
__attribute__((unused)) static frame_id builder_frame(struct builder *b, const char *text, size_t length)
{
    char function[256], path[300], location[256] = "";
    while (length > 0 && *text == ' ')
        text++, length--;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length == 0)
        return 0;
    size_t name = 0;
    while (name < length && text[name] != ' ')
        name++;
    builder_check(name < sizeof(function) && length - name < sizeof(location));
    snprintf(function, sizeof(function), "%.*s", (int)name, text);
    if (name < length)
        snprintf(location, sizeof(location), "%.*s", (int)(length - name - 1), text + name + 1);
    struct frame frame = {.function = builder_string(b, function), .origin = (uint8_t)builder_origin(b, function)};
    char *colon = strrchr(location, ':');
    if (colon) {
        *colon = '\0';
        snprintf(path, sizeof(path), "%s%s", strchr(location, '/') ? "" : "/src/", location);
        frame.file = builder_string(b, path);
        frame.line = (uint32_t)strtoul(colon + 1, NULL, 10);
    }
    frame.address = 0x400000 + (table_hash_bytes(text, length, 0) & 0xfffff0);
    frame_id id = catalog_add_frame(b->catalog, &frame);
    builder_check(id != 0);
    return id;
}

/* Frames in the form above, innermost first, with ';' between. */
__attribute__((unused)) static stack_id builder_stack(struct builder *b, const char *text)
{
    frame_id frames[128];
    size_t depth = 0;
    while (*text) {
        size_t length = strcspn(text, ";");
        builder_check(depth < 128);
        frames[depth++] = builder_frame(b, text, length);
        text += length + (text[length] == ';');
    }
    stack_id id = catalog_add_stack(b->catalog, frames, depth);
    builder_check(id != 0);
    return id;
}

/* A new heap profile bucket with nothing counted; its index. */
__attribute__((unused)) static size_t builder_site(struct builder *b, uint64_t object_size, const char *stack)
{
    struct site site = {.stack = builder_stack(b, stack), .object_size = object_size};
    builder_check(vector_append(&b->sites, site) && vector_append(&b->published, (struct site_counts){0}));
    return b->sites.count - 1;
}

/* So many objects of the site are sampled; TOTAL_ALLOC rises by what they stand for. Provisional until the next
 * builder_gc. */
__attribute__((unused)) static void builder_allocate(struct builder *b, size_t site, uint64_t objects)
{
    struct site *bucket = &b->sites.items[site];
    struct site_counts counts = {.allocs = objects, .alloc_bytes = objects * bucket->object_size};
    bucket->provisional.allocs += counts.allocs;
    bucket->provisional.alloc_bytes += counts.alloc_bytes;
    builder_add(b, COUNTER_TOTAL_ALLOC, site_scale(&counts, b->rate).alloc_bytes);
}

__attribute__((unused)) static void builder_free(struct builder *b, size_t site, uint64_t objects)
{
    struct site *bucket = &b->sites.items[site];
    bucket->provisional.frees += objects;
    bucket->provisional.free_bytes += objects * bucket->object_size;
}

/* Allocates or frees until the site's estimate is about so many bytes in use. */
__attribute__((unused)) static void builder_hold(struct builder *b, size_t site, double inuse_bytes)
{
    struct site *bucket = &b->sites.items[site];
    struct site_counts one = {.allocs = 1000000, .alloc_bytes = 1000000 * bucket->object_size};
    double each = (double)site_scale(&one, b->rate).alloc_bytes / 1e6;
    int64_t wanted = (int64_t)(inuse_bytes / each + 0.5);
    int64_t held = (int64_t)(bucket->provisional.allocs - bucket->provisional.frees);
    if (wanted > held)
        builder_allocate(b, site, (uint64_t)(wanted - held));
    else
        builder_free(b, site, (uint64_t)(held - wanted));
}

/* A GC cycle ends now: what was counted is published, HEAP_MARKED and the rest follow from the sites. */
__attribute__((unused)) static void builder_gc(struct builder *b)
{
    int64_t live = b->other_heap_bytes;
    for (size_t i = 0; i < b->sites.count; i++) {
        b->published.items[i] = b->sites.items[i].provisional;
        live += site_scale(&b->published.items[i], b->rate).inuse_bytes;
    }
    int64_t previous = b->counters[COUNTER_HEAP_MARKED].value.integer;
    struct gc_cycle cycle = {.number = ++b->cycle,
                             .end_unix_ns = b->unix_ns,
                             .pause_ns = b->pause_ns,
                             .heap_before = (uint64_t)(previous ? 2 * previous : 4 << 20),
                             .heap_peak = (uint64_t)(previous ? 2 * previous : 4 << 20) + (64 << 10),
                             .heap_after = (uint64_t)live,
                             .heap_goal = (uint64_t)(previous ? 2 * previous : 4 << 20),
                             .times_known = true,
                             .cause = b->cycle % 5 == 3 ? GC_CAUSE_FORCED : GC_CAUSE_HEAP,
                             .since_init_ns = b->unix_ns - BUILDER_START_NS + 11 * 3600 * BUILDER_SECOND_NS,
                             .sweep_termination_ns = b->pause_ns / 3,
                             .mark_ns = 24000000 + b->cycle * 300000,
                             .mark_termination_ns = b->pause_ns - b->pause_ns / 3,
                             .assist_cpu_ns = 1200000,
                             .background_cpu_ns = 12000000 + b->cycle * 150000,
                             .idle_cpu_ns = 9000000,
                             .stack_bytes = 700 << 10,
                             .globals_bytes = 300 << 10,
                             .procs = 2,
                             .stop_procs = 2,
                             .cpu_fraction = 0.012,
                             .heap_known = true,
                             .goal_known = true,
                             .phases_known = true,
                             .cpu_known = true,
                             .since_init_known = true};
    builder_check(vector_append(&b->new_cycles, cycle));
    builder_set(b, COUNTER_NUM_GC, (int64_t)b->cycle);
    builder_set(b, COUNTER_LAST_GC, (int64_t)b->unix_ns);
    builder_add(b, COUNTER_PAUSE_TOTAL, (int64_t)b->pause_ns);
    builder_set(b, COUNTER_HEAP_MARKED, live);
    builder_set(b, COUNTER_HEAP_LIVE, live);
    builder_set(b, COUNTER_HEAP_ALLOC, live);
    builder_set(b, COUNTER_HEAP_INUSE, live + live / 16);
    builder_set(b, COUNTER_HEAP_GOAL, live < (2 << 20) ? 4 << 20 : 2 * live);
}

static uint8_t builder_wait_kind(const char *state, const char *wait_reason)
{
    static const struct {
        const char *name;
        enum wait_kind kind;
    } kinds[] = {{"running", WAIT_RUNNING},          {"runnable", WAIT_RUNNABLE}, {"syscall", WAIT_SYSTEM_CALL},
                 {"chan receive", WAIT_CHAN_RECEIVE}, {"chan send", WAIT_CHAN_SEND}, {"select", WAIT_SELECT},
                 {"IO wait", WAIT_NETWORK},          {"sleep", WAIT_SLEEP},       {"sync.Mutex.Lock", WAIT_LOCK},
                 {"semacquire", WAIT_SEMAPHORE},     {"sync.Cond.Wait", WAIT_SEMAPHORE}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, wait_reason ? wait_reason : state) == 0)
            return (uint8_t)kinds[i].kind;
    return WAIT_UNKNOWN;
}

/* Creates a group of goroutines; its index. Any text may be NULL. Change its count in b->groups.items[index].count. */
__attribute__((unused)) static size_t builder_goroutines(struct builder *b, uint32_t count, const char *state,
                                                         const char *wait_reason, const char *start,
                                                         const char *created_by)
{
    struct goroutine_group group = {.state = builder_string(b, state),
                                    .wait_reason = wait_reason ? builder_string(b, wait_reason) : 0,
                                    .start = start ? builder_frame(b, start, strlen(start)) : 0,
                                    .created_by = created_by ? builder_frame(b, created_by, strlen(created_by)) : 0,
                                    .kind = builder_wait_kind(state, wait_reason),
                                    .count = count};
    builder_check(vector_append(&b->groups, group));
    return b->groups.count - 1;
}

/* Gives a group its stack, written as for builder_site, below gopark in its goroutine profile. */
__attribute__((unused)) static void builder_goroutine_stack(struct builder *b, size_t index, const char *stack)
{
    char profile_stack[4096];
    b->groups.items[index].stack = builder_stack(b, stack);
    snprintf(profile_stack, sizeof(profile_stack), "runtime.gopark proc.go:364; %s", stack);
    b->groups.items[index].profile_stack = builder_stack(b, profile_stack);
}

/* A thread; its index in b->threads. */
__attribute__((unused)) static size_t builder_thread(struct builder *b, pid_t tid, const char *name, char state,
                                                     const char *system_call)
{
    struct thread thread = {.tid = tid,
                            .proc = -1,
                            .machine = -1,
                            .state = state,
                            .name = builder_string(b, name),
                            .system_call = system_call ? builder_string(b, system_call) : 0};
    builder_check(vector_append(&b->threads, thread));
    return b->threads.count - 1;
}

/* What a thread is at for the Go runtime, with the P (-1: none) and the goroutine (0: none) that it has. */
__attribute__((unused)) static void builder_role(struct builder *b, size_t index, enum thread_role role, int32_t proc,
                                                 uint64_t goid)
{
    struct thread *thread = &b->threads.items[index];
    thread->role = (uint8_t)role;
    thread->machine = role == THREAD_FOREIGN ? -1 : (int64_t)index;
    thread->proc = proc;
    thread->goid = goid;
}

__attribute__((unused)) static void builder_proc(struct builder *b, enum proc_state state, uint32_t queue,
                                                 int64_t machine, pid_t tid, uint64_t goid)
{
    struct proc proc = {.id = (uint32_t)b->procs.count,
                        .state = (uint8_t)state,
                        .queue = queue,
                        .machine = machine,
                        .tid = tid,
                        .goid = goid,
                        .schedule_ticks = 812345,
                        .system_call_ticks = 90871};
    builder_check(vector_append(&b->procs, proc));
}

__attribute__((unused)) static void builder_region(struct builder *b, uint64_t start, uint64_t size,
                                                   const char *permissions, const char *name)
{
    struct region region = {.start = start, .size = size, .name = name ? builder_string(b, name) : 0};
    snprintf(region.permissions, sizeof(region.permissions), "%s", permissions);
    builder_check(vector_append(&b->regions, region));
}

/* A process of which every allocation is sampled, so that its profile is exact. */
__attribute__((unused)) static struct builder *builder_create_exact(void)
{
    struct builder *b = builder_create();
    b->rate = 1;
    builder_set(b, COUNTER_MEM_PROFILE_RATE, 1);
    return b;
}

__attribute__((unused)) static void builder_advance(struct builder *b, double seconds)
{
    b->unix_ns += (uint64_t)(seconds * 1e9);
}

#define BUILDER_COPY(snapshot, member, vector) \
    do { \
        (snapshot)->member = arena_alloc_array(&(snapshot)->arena, (vector)->count, sizeof(*(vector)->items)); \
        builder_check((snapshot)->member); \
        if ((vector)->count) \
            memcpy((snapshot)->member, (vector)->items, (vector)->count * sizeof(*(vector)->items)); \
        (snapshot)->num_##member = (vector)->count; \
    } while (0)

#define BUILDER_LISTED 20u

/* Lists some goroutines of each group one by one. The first is made by none, each other by the first of the group
 * before its own, and each group's by one that has ended. */
static void builder_list_goroutines(struct snapshot *snapshot)
{
    size_t groups = snapshot->num_goroutine_groups, count = 0;
    snapshot->goroutines = arena_alloc_array(&snapshot->arena, groups * BUILDER_LISTED, sizeof(*snapshot->goroutines));
    snapshot->wait_objects = arena_alloc_array(&snapshot->arena, groups, sizeof(*snapshot->wait_objects));
    snapshot->waits = arena_alloc_array(&snapshot->arena, groups, sizeof(*snapshot->waits));
    builder_check(snapshot->goroutines && snapshot->wait_objects && snapshot->waits);
    for (size_t i = 0; i < groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        uint32_t listed = group->count < BUILDER_LISTED ? group->count : BUILDER_LISTED;
        snapshot->wait_objects[i] = group->object;
        snapshot->waits[i] = (uint32_t)i;
        for (uint32_t j = 0; j < listed; j++)
            snapshot->goroutines[count++] = (struct listed_goroutine){
                .goid = 1000 * i + j + 1,
                .parent_goid = j == 1 ? 999 : i > 0 ? 1000 * (i - 1) + 1 : 0,
                .wait_since_ns = group->wait_known ? snapshot->monotonic_ns - group->wait_ns_max + j : 0,
                .group = (uint32_t)i,
                .first_wait = (uint32_t)i,
                .num_waits = group->object.kind != WAIT_OBJECT_NONE,
                .examined = group->object.kind != WAIT_OBJECT_NONE,
            };
        snapshot->goroutines_not_listed += group->count - listed;
    }
    snapshot->num_goroutines = count;
    snapshot->num_waits = snapshot->num_wait_objects = groups;
}

/* A snapshot of the present state; the caller's reference. GC cycles go into one snapshot only. */
__attribute__((unused)) static struct snapshot *builder_take(struct builder *b)
{
    struct snapshot *snapshot = NULL;
    builder_check(!snapshot_create(b->catalog, &snapshot));
    snapshot->sequence = ++b->sequence;
    snapshot->unix_ns = b->unix_ns;
    snapshot->monotonic_ns = b->unix_ns - BUILDER_START_NS + 10000 * BUILDER_SECOND_NS;
    snapshot->interval_ns = b->interval_ns;
    snapshot->target = b->target;
    snapshot->exited = b->exit_reason != NULL;
    snapshot->exit_reason = b->exit_reason;
    memcpy(snapshot->counters, b->counters, sizeof(b->counters));
    snapshot->profile_state = b->profile_state;
    snapshot->profile_reason = b->profile_reason;
    snapshot->profile_cycle = b->cycle;
    snapshot->profile_torn = b->torn;
    snapshot->profile_since_unix_ns = b->profile_since_unix_ns;
    if (b->profile_state == PROFILE_ON) {
        BUILDER_COPY(snapshot, sites, &b->sites);
        for (size_t i = 0; i < b->sites.count; i++)
            snapshot->sites[i].published = b->published.items[i];
    }
    BUILDER_COPY(snapshot, goroutine_groups, &b->groups);
    if (b->lists_goroutines)
        builder_list_goroutines(snapshot);
    else
        snapshot->goroutines_reason = GOROUTINES_NOT_RECORDED;
    BUILDER_COPY(snapshot, threads, &b->threads);
    BUILDER_COPY(snapshot, procs, &b->procs);
    BUILDER_COPY(snapshot, gc_cycles, &b->new_cycles);
    b->new_cycles.count = 0;
    if (b->regions.count)
        BUILDER_COPY(snapshot, regions, &b->regions);
    for (size_t i = 0; i < b->problems.count; i++)
        snapshot_add_problem(snapshot, "%s", b->problems.items[i]);
    b->cost.samples_taken = b->sequence;
    snapshot->cost = b->cost;
    return snapshot;
}

#undef BUILDER_COPY

/* ---- a source over an array of snapshots ---- */

struct builder_source {
    struct source source;
    struct snapshot **snapshots;    /* References of its own. */
    size_t count, next;
};

__attribute__((unused)) static struct error *builder_source_next(struct source *source, uint64_t timeout_ns,
                                                                 struct snapshot **ret_snapshot)
{
    struct builder_source *self = (struct builder_source *)source;
    (void)timeout_ns;
    *ret_snapshot = self->next < self->count ? snapshot_ref(self->snapshots[self->next++]) : NULL;
    return NULL;
}

__attribute__((unused)) static struct error *builder_source_seek(struct source *source, uint64_t unix_ns)
{
    struct builder_source *self = (struct builder_source *)source;
    self->next = 0;
    while (self->next + 1 < self->count && self->snapshots[self->next + 1]->unix_ns <= unix_ns)
        self->next++;
    return NULL;
}

__attribute__((unused)) static int builder_source_descriptor(struct source *source)
{
    (void)source;
    return -1;
}

__attribute__((unused)) static void builder_source_close(struct source *source)
{
    struct builder_source *self = (struct builder_source *)source;
    for (size_t i = 0; i < self->count; i++)
        snapshot_unref(self->snapshots[i]);
    free(self->snapshots);
    free(self);
}

/* Hands the snapshots out one by one, at once, and then none. Takes references of its own. `live` is true; a test may
 * change it. */
__attribute__((unused)) static struct source *builder_source(struct snapshot *const *snapshots, size_t count)
{
    static const struct source_ops ops = {.next = builder_source_next,
                                          .seek = builder_source_seek,
                                          .descriptor = builder_source_descriptor,
                                          .close = builder_source_close};
    struct builder_source *self = calloc(1, sizeof(*self));
    builder_check(self);
    self->source = (struct source){.ops = &ops, .live = true};
    self->snapshots = calloc(count ? count : 1, sizeof(struct snapshot *));
    builder_check(self->snapshots);
    for (size_t i = 0; i < count; i++)
        self->snapshots[i] = snapshot_ref(snapshots[i]);
    self->count = count;
    return &self->source;
}

__attribute__((unused)) static void builder_release(struct snapshot **snapshots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        snapshot_unref(snapshots[i]);
}

/* ---- a whole session: a prometheus whose series count leaks ---- */

#define BUILDER_TSDB "github.com/prometheus/prometheus/tsdb"
#define BUILDER_SCRAPE \
    "github.com/prometheus/prometheus/scrape.(*scrapeLoop).append scrape.go:1701;" \
    "github.com/prometheus/prometheus/scrape.(*scrapeLoop).scrapeAndReport scrape.go:1480;" \
    "github.com/prometheus/prometheus/scrape.(*scrapeLoop).run scrape.go:1322;" \
    "runtime.goexit asm_amd64.s:1700"

enum {
    BUILDER_DEMO_LEAK,
    BUILDER_DEMO_LABELS,
    BUILDER_DEMO_CHUNKS,
    BUILDER_DEMO_BUFFER,
    BUILDER_DEMO_HTTP,
    BUILDER_DEMO_SITES
};

__attribute__((unused)) static struct builder *builder_demo_create(void)
{
    struct builder *b = builder_create();
    b->target.exe = builder_string(b, "/usr/bin/prometheus");
    b->target.comm = builder_string(b, "prometheus");
    b->target.command_line = builder_string(b, "/usr/bin/prometheus --config.file=/etc/prometheus/prometheus.yml");
    b->target.main_module = builder_string(b, "github.com/prometheus/prometheus");
    builder_site(b, 224, BUILDER_TSDB ".(*Head).getOrCreate head.go:1622;"
                         BUILDER_TSDB ".(*headAppender).Append head_append.go:341;" BUILDER_SCRAPE);
    builder_site(b, 48,
                 "github.com/prometheus/prometheus/model/labels.(*Builder).Labels labels.go:402;" BUILDER_SCRAPE);
    builder_site(b, 128, BUILDER_TSDB "/chunkenc.NewXORChunk xor.go:66;"
                         BUILDER_TSDB ".(*memSeries).append head_append.go:1102;" BUILDER_SCRAPE);
    builder_site(b, 65536, "bytes.growSlice buffer.go:249; bytes.(*Buffer).grow buffer.go:151;" BUILDER_SCRAPE);
    builder_site(b, 4096, "bufio.NewReaderSize bufio.go:57; net/http.newBufioReader server.go:860;"
                          "net/http.(*conn).serve server.go:2026; runtime.goexit asm_amd64.s:1700");
    builder_goroutines(b, 2, "running", NULL, "main.main main.go:200", NULL);
    builder_goroutines(b, 31, "waiting", "IO wait", "net/http.(*conn).serve server.go:1900",
                       "net/http.(*Server).Serve server.go:3285");
    builder_goroutines(b, 12, "waiting", "select",
                       "github.com/prometheus/prometheus/scrape.(*scrapeLoop).run scrape.go:1290",
                       "github.com/prometheus/prometheus/scrape.(*scrapePool).sync scrape.go:540");
    builder_goroutines(b, 20, "waiting", "chan receive", BUILDER_TSDB ".(*watcher).loop watch.go:244",
                       BUILDER_TSDB ".(*DB).Watch watch.go:170");
    b->lists_goroutines = true;
    b->groups.items[3].wait_known = true;
    b->groups.items[3].wait_ns_min = 3 * BUILDER_SECOND_NS;
    b->groups.items[3].wait_ns_max = 41 * 60 * BUILDER_SECOND_NS;
    b->groups.items[3].object = (struct wait_object){
        .kind = WAIT_OBJECT_CHANNEL, .address = 0xc000123000, .is_read = true, .goroutines = 20, .receivers = 20};
    b->groups.items[3].num_objects = 1;
    b->groups.items[3].examined = 20;
    b->groups.items[2].parent_known = b->groups.items[3].parent_known = true;
    b->groups.items[2].parent_start = b->groups.items[3].parent_start = b->groups.items[0].start;
    b->groups.items[1].labels = builder_string(b, "{\"listener\":\"public\",\"tenant\":\"acme\"}");
    builder_thread(b, 4242, "prometheus", 'S', "futex");
    builder_thread(b, 4243, "prometheus", 'S', "epoll_pwait");
    builder_thread(b, 4244, "prometheus", 'R', NULL);
    builder_thread(b, 4245, "prometheus", 'S', "futex");
    builder_role(b, 0, THREAD_IDLE, -1, 0);
    builder_role(b, 1, THREAD_RUNTIME, -1, 0);
    builder_role(b, 2, THREAD_RUNS_GO, 0, 1);
    builder_role(b, 3, THREAD_LOCKED_IDLE, -1, 0);
    b->threads.items[3].locked_goid = 17;
    builder_proc(b, PROC_RUNNING, 3, 2, 4244, 1);
    builder_proc(b, PROC_IDLE, 0, -1, 0, 0);
    builder_set(b, COUNTER_PROCS_RUNNING, 1);
    builder_set(b, COUNTER_PROCS_IDLE, 1);
    builder_set(b, COUNTER_PROCS_SYSCALL, 0);
    builder_set(b, COUNTER_PROCS_STOPPED, 0);
    builder_set(b, COUNTER_RUN_QUEUE, 3);
    builder_set(b, COUNTER_GLOBAL_RUN_QUEUE, 0);
    builder_set(b, COUNTER_MACHINES, 4);
    builder_set(b, COUNTER_MACHINES_IDLE, 1);
    builder_set(b, COUNTER_MACHINES_LOCKED_IDLE, 1);
    builder_set(b, COUNTER_MACHINES_SPINNING, 0);
    builder_set(b, COUNTER_MACHINES_LOCKED, 1);
    builder_set(b, COUNTER_MACHINES_IN_C, 0);
    builder_set(b, COUNTER_FOREIGN_THREADS, 0);
    builder_set(b, COUNTER_SCHEDULE_TICKS, 812345);
    builder_set(b, COUNTER_SYSCALL_TICKS, 90871);
    b->other_heap_bytes = 24 << 20;
    builder_set(b, COUNTER_THREADS, 4);
    builder_set(b, COUNTER_GOMAXPROCS, 2);
    builder_set(b, COUNTER_LIMIT, INT64_C(8) << 30);
    builder_set(b, COUNTER_VIRTUAL, INT64_C(3) << 30);
    builder_set(b, COUNTER_SWAP, 0);
    builder_set(b, COUNTER_STACK_INUSE, 3 << 20);
    builder_set(b, COUNTER_HEAP_IDLE, 22 << 20);
    builder_set(b, COUNTER_HEAP_RELEASED, 14 << 20);
    builder_set(b, COUNTER_CPU, 0);
    builder_set_real(b, COUNTER_GC_CPU_FRACTION, 0.012);
    b->cost = (struct cost){.attach_ns = 61000000, .symbols_ns = 40000000, .rss_bytes = 14 << 20};
    return b;
}

/* What a second does to a program whose GC runs every five, and whose RSS follows the live heap. */
__attribute__((unused)) static void builder_collect_at(struct builder *b, unsigned second)
{
    const uint64_t rest = UINT64_C(50) << 20;
    if (second % 5 == 0)
        builder_gc(b);
    builder_set(b, COUNTER_RSS, b->counters[COUNTER_HEAP_MARKED].value.integer * 3 / 2 + rest);
}

/* One second of its life: second n (from 0) since heaptop attached. A GC every eight seconds. */
__attribute__((unused)) static void builder_demo_second(struct builder *b, unsigned n)
{
    builder_hold(b, BUILDER_DEMO_LEAK, (240 + 2.54 * n) * 1048576);
    builder_hold(b, BUILDER_DEMO_LABELS, (60 + 0.41 * n) * 1048576);
    builder_allocate(b, BUILDER_DEMO_LABELS, 18);
    builder_free(b, BUILDER_DEMO_LABELS, 18);
    builder_hold(b, BUILDER_DEMO_CHUNKS, (31 + (n % 16 < 8 ? 0.5 : -0.5)) * 1048576);
    builder_allocate(b, BUILDER_DEMO_BUFFER, 80);
    builder_free(b, BUILDER_DEMO_BUFFER, 80);
    builder_hold(b, BUILDER_DEMO_BUFFER, 6 * 1048576);
    builder_hold(b, BUILDER_DEMO_HTTP, 2 * 1048576);
    if (n % 8 == 0)
        builder_gc(b);
    int64_t live = b->counters[COUNTER_HEAP_MARKED].value.integer + (int64_t)(n % 8) * (40 << 20);
    builder_set(b, COUNTER_HEAP_LIVE, live);
    builder_set(b, COUNTER_HEAP_ALLOC, live + (2 << 20));
    builder_set(b, COUNTER_HEAP_INUSE, live + (10 << 20));
    builder_set(b, COUNTER_RSS, b->counters[COUNTER_HEAP_MARKED].value.integer * 3 / 2 + (60 << 20));
    builder_set(b, COUNTER_ANON, b->counters[COUNTER_RSS].value.integer - (40 << 20));
    builder_set(b, COUNTER_FILE, 40 << 20);
    b->groups.items[3].count = 20 + 14 * n;
    b->groups.items[3].examined = b->groups.items[3].object.goroutines = b->groups.items[3].object.receivers =
        b->groups.items[3].count;
    builder_set(b, COUNTER_GOROUTINES, 45 + b->groups.items[3].count);
    builder_add(b, COUNTER_CPU, 230000000);
    builder_add(b, COUNTER_SCHEDULE_TICKS, 4200);
    builder_add(b, COUNTER_SYSCALL_TICKS, 350);
    for (size_t i = 0; i < b->threads.count; i++)
        b->threads.items[i].cpu_ns += i == 2 ? 200000000 : 10000000;
    b->cost.cpu_ns += 800000;
    b->cost.sample_cpu_ns = 800000;
    b->cost.sample_ns = 1100000;
    b->cost.bytes_read += 96 << 10;
    b->cost.read_calls += 12;
}

/* Fills snapshots with `count` seconds of it; the caller's references (builder_release). */
__attribute__((unused)) static void builder_demo(struct snapshot **snapshots, size_t count)
{
    struct builder *b = builder_demo_create();
    for (size_t n = 0; n < count; n++) {
        builder_demo_second(b, (unsigned)n);
        snapshots[n] = builder_take(b);
        builder_advance(b, 1);
    }
    builder_destroy(b);
}

#endif
