/* What recording costs: measured on made-up snapshots, so that it is the recorder that is measured and nothing else.
 * Prints one JSON object. tests/bench/record_bench builds and runs it. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/record.h"
#include "tests/unit/snapshot_builder.h"
#include "tui/session.h"

#define TICKS 300
#define SITES 1500
#define CHANGED 500
#define DAY 86400
#define DAY_SITES 1000
#define DAY_CHANGED 20
#define JUMPS 300
#define VIEW_JUMPS 60
/* Eight hours, in the last four of which one call site keeps what it allocates. */
#define NIGHT 28800

static void check(struct error *error)
{
    if (error) {
        fprintf(stderr, "record_bench: %s\n", error->message);
        exit(1);
    }
}

static double now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static struct builder *make_process(size_t sites)
{
    struct builder *b = builder_demo_create();
    for (size_t i = b->sites.count; i < sites; i++) {
        char stack[2048] = "";
        size_t length = 0;
        for (int depth = 0; depth < 16; depth++)
            length += (size_t)snprintf(stack + length, sizeof(stack) - length,
                                       "example.com/app/package%zu.(*Type%d).Method file%zu.go:%d;", i % 100, depth,
                                       i % 37, (int)(i % 500) + depth);
        snprintf(stack + length, sizeof(stack) - length, "main.main main.go:9");
        builder_site(b, 16 + 16 * (i % 64), stack);
    }
    return b;
}

static void change(struct builder *b, size_t tick, size_t changed)
{
    for (size_t i = 0; i < changed; i++)
        builder_allocate(b, (tick * changed + i * 3) % b->sites.count, 1 + i % 3);
    for (size_t i = 0; i < b->threads.count && i < 3; i++)
        b->threads.items[(tick + i) % b->threads.count].cpu_ns += 100000;
    builder_add(b, COUNTER_CPU, 1000000);
    builder_set(b, COUNTER_RSS, (int64_t)(100 << 20) + (int64_t)(tick % 1000) * 4096);
    builder_set(b, COUNTER_HEAP_LIVE, (int64_t)(50 << 20) + (int64_t)(tick % 1777) * 8192);
    builder_set(b, COUNTER_HEAP_ALLOC, (int64_t)(50 << 20) + (int64_t)(tick % 1777) * 8192);
    b->cost.cpu_ns += 800000;
    b->cost.bytes_read += 96 << 10;
    b->cost.read_calls += 12;
    if (tick % 120 == 119)
        builder_gc(b);
}

static void wait_until_written(struct recorder *recorder, uint64_t ticks)
{
    struct recorder_status status;
    do {
        const struct timespec moment = {.tv_nsec = 50000};
        nanosleep(&moment, NULL);
        recorder_status(recorder, &status);
    } while (status.ticks + status.dropped < ticks);
    if (status.dropped)
        check(error_create(ERROR_SYSTEM, "samples were dropped: %s", status.problem));
}

/* CPU time of the recorder's thread. */
static double recorder_cpu_ms(void)
{
    char path[64], name[32] = "";
    for (pid_t tid = getpid() + 1; tid < getpid() + 64; tid++) {
        unsigned long long ns = 0;
        snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)tid);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        bool is_it = fscanf(file, "%31s", name) == 1 && strcmp(name, "recorder") == 0;
        fclose(file);
        if (!is_it)
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)tid);
        file = fopen(path, "re");
        if (!file || fscanf(file, "%llu", &ns) != 1)
            exit(1);
        fclose(file);
        return (double)ns / 1e6;
    }
    check(error_create(ERROR_NOT_FOUND, "there is no thread of the recorder"));
    return 0;
}

static void measure_ticks(const char *path)
{
    struct builder *b = make_process(SITES);
    struct recorder *recorder = NULL;
    struct recorder_status status;
    double worst = 0;
    check(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < 2; i++) {
        struct snapshot *first = builder_take(b);
        recorder_add(recorder, first);
        snapshot_unref(first);
        wait_until_written(recorder, i + 1);
        builder_advance(b, 1);
    }
    recorder_status(recorder, &status);
    uint64_t bytes = status.bytes;
    double began = recorder_cpu_ms();
    for (size_t i = 0; i < TICKS; i++) {
        change(b, i, CHANGED);
        struct snapshot *snapshot = builder_take(b);
        double before = recorder_cpu_ms();
        recorder_add(recorder, snapshot);
        wait_until_written(recorder, i + 3);
        double took = recorder_cpu_ms() - before;
        worst = took > worst ? took : worst;
        snapshot_unref(snapshot);
        builder_advance(b, 1);
    }
    double took = recorder_cpu_ms() - began;
    check(recorder_close(recorder, &status));
    printf("\"tick_cpu_ms\": %.3f, \"tick_cpu_worst_ms\": %.2f, \"row_bytes\": %.1f, ", took / TICKS, worst,
           (double)(status.bytes - bytes) / TICKS / CHANGED);
    builder_destroy(b);
}

static void write_day(const char *path)
{
    struct builder *b = make_process(DAY_SITES);
    struct recorder *recorder = NULL;
    struct recorder_status status;
    double began = now_ms(CLOCK_MONOTONIC);
    check(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < DAY; i++) {
        change(b, i, DAY_CHANGED);
        struct snapshot *snapshot = builder_take(b);
        recorder_add(recorder, snapshot);
        snapshot_unref(snapshot);
        builder_advance(b, 1);
        /* Half of the queue at a time. */
        if (i % 8 == 7)
            wait_until_written(recorder, i + 1);
    }
    check(recorder_close(recorder, &status));
    printf("\"day_bytes\": %llu, \"day_written_s\": %.1f, ", (unsigned long long)status.bytes,
           (now_ms(CLOCK_MONOTONIC) - began) / 1e3);
    builder_destroy(b);
}

static void write_night(const char *path)
{
    struct builder *b = make_process(DAY_SITES);
    struct recorder *recorder = NULL;
    check(recorder_open(path, NULL, &recorder));
    for (size_t i = 0; i < NIGHT; i++) {
        change(b, i, DAY_CHANGED);
        for (size_t k = 0; k < DAY_CHANGED; k++)
            builder_free(b, (i * DAY_CHANGED + k * 3) % b->sites.count, 1 + k % 3);
        builder_hold(b, BUILDER_DEMO_LEAK, i < NIGHT / 2 ? 64 << 20 : (64 << 20) + (double)(i - NIGHT / 2) * 40960);
        if (i % 10 == 0)
            builder_gc(b);
        builder_set(b, COUNTER_RSS, b->counters[COUNTER_HEAP_MARKED].value.integer * 2 + (int64_t)(i % 50) * 65536);
        struct snapshot *snapshot = builder_take(b);
        recorder_add(recorder, snapshot);
        snapshot_unref(snapshot);
        builder_advance(b, 1);
        if (i % 8 == 7)
            wait_until_written(recorder, i + 1);
    }
    check(recorder_close(recorder, NULL));
    builder_destroy(b);
}

/* Milliseconds. */
static double jump(struct source *source, uint64_t unix_ns)
{
    struct snapshot *snapshot = NULL;
    double began = now_ms(CLOCK_MONOTONIC);
    check(source->ops->seek(source, unix_ns));
    check(source->ops->next(source, 0, &snapshot));
    double took = now_ms(CLOCK_MONOTONIC) - began;
    snapshot_unref(snapshot);
    return took;
}

static void measure_reading(const char *path)
{
    struct recording *recording = NULL;
    struct recording_info info;
    struct source *source = NULL;
    struct snapshot *snapshot = NULL;
    double jumps[JUMPS], began = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    check(recording_open(path, &recording));
    check(replay_source_open(recording, &(struct replay_options){0}, &source));
    check(source->ops->next(source, 0, &snapshot));
    printf("\"open_ms\": %.1f, \"open_cpu_ms\": %.1f, ", now_ms(CLOCK_MONOTONIC) - began,
           now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    snapshot_unref(snapshot);
    began = now_ms(CLOCK_MONOTONIC);
    check(recording_read_info(recording, &info));
    printf("\"info_ms\": %.1f, \"ticks\": %llu, ", now_ms(CLOCK_MONOTONIC) - began, (unsigned long long)info.ticks);
    uint32_t random = 1;
    for (int i = 0; i < JUMPS; i++) {
        random = random * 1664525 + 1013904223;
        uint64_t to = info.first_unix_ns + (random >> 4) % DAY * BUILDER_SECOND_NS;
        double first = jump(source, to);
        /* On a machine that does something else as well, the better of two is what the jump takes. */
        jump(source, info.first_unix_ns);
        double second = jump(source, to);
        jumps[i] = first < second ? first : second;
    }
    qsort(jumps, JUMPS, sizeof(jumps[0]), compare);
    began = now_ms(CLOCK_THREAD_CPUTIME_ID);
    check(source->ops->seek(source, info.first_unix_ns));
    for (int i = 0; i < 2000; i++) {
        check(source->ops->next(source, 0, &snapshot));
        snapshot_unref(snapshot);
    }
    printf("\"jump_median_ms\": %.1f, \"jump_p99_ms\": %.1f, \"jump_worst_ms\": %.1f, \"step_ms\": %.3f, ",
           jumps[JUMPS / 2], jumps[JUMPS * 99 / 100], jumps[JUMPS - 1],
           (now_ms(CLOCK_THREAD_CPUTIME_ID) - began) / 2000);
    source_close(source);
}

/* The same as a person sees it: until the tick is on the screen, and until all that was before it has been read. */
static void measure_view(const char *path)
{
    struct recording *recording = NULL;
    struct source *source = NULL;
    struct session *session = NULL;
    struct session_options options = {.width = 160, .height = 44};
    double jumps[VIEW_JUMPS], began = now_ms(CLOCK_THREAD_CPUTIME_ID);
    check(recording_open(path, &recording));
    check(replay_source_open(recording, &(struct replay_options){0}, &source));
    check(session_create(source, &options, &session));
    session_draw(session);
    printf("\"view_open_ms\": %.1f, ", now_ms(CLOCK_THREAD_CPUTIME_ID) - began);
    while (session_is_busy(session) && !session->model.is_coarse)
        check(session_pull(session));
    printf("\"view_coarse_ms\": %.0f, ", now_ms(CLOCK_THREAD_CPUTIME_ID) - began);
    while (session_is_busy(session))
        check(session_pull(session));
    printf("\"view_whole_s\": %.1f, ", (now_ms(CLOCK_THREAD_CPUTIME_ID) - began) / 1e3);
    uint32_t random = 7;
    double longest = 0;
    for (int i = 0; i < VIEW_JUMPS; i++) {
        random = random * 1664525 + 1013904223;
        uint64_t moment = session->playback.timeline.first_unix_ns + (random >> 4) % DAY * BUILDER_SECOND_NS;
        began = now_ms(CLOCK_THREAD_CPUTIME_ID);
        check(playback_jump(session, moment));
        session_draw(session);
        jumps[i] = now_ms(CLOCK_THREAD_CPUTIME_ID) - began;
        while (session_is_busy(session))
            check(session_pull(session));
        double took = now_ms(CLOCK_THREAD_CPUTIME_ID) - began;
        longest = took > longest ? took : longest;
    }
    qsort(jumps, VIEW_JUMPS, sizeof(jumps[0]), compare);
    printf("\"view_jump_median_ms\": %.1f, \"view_jump_worst_ms\": %.1f, \"view_settled_worst_ms\": %.0f",
           jumps[VIEW_JUMPS / 2], jumps[VIEW_JUMPS - 1], longest);
    session_destroy(session);
    source_close(source);
}

int main(int argc, char **argv)
{
    char path[512];
    if (argc != 2) {
        fputs("usage: record_bench FOLDER\n", stderr);
        return 2;
    }
    printf("{");
    snprintf(path, sizeof(path), "%s/ticks", argv[1]);
    measure_ticks(path);
    snprintf(path, sizeof(path), "%s/day", argv[1]);
    write_day(path);
    measure_reading(path);
    measure_view(path);
    snprintf(path, sizeof(path), "%s/night", argv[1]);
    write_night(path);
    printf("}\n");
    return 0;
}
