/* attach_probe [--bare] PID COUNT INTERVAL: takes COUNT snapshots of a process, INTERVAL apart ("10ms"; "0": one
 * after another in this thread), and prints one line of JSON for each. --bare leaves the runtimes' readers out, to
 * tell what a sample costs without them. Exit status: 3 no permission, 4 no such process. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/live_source.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/units.h"

static int fail(struct error *error)
{
    fprintf(stderr, "attach_probe: %s\n", error->message);
    int status = error->kind == ERROR_PERMISSION ? 3
                 : error->kind == ERROR_GONE     ? 4
                 : error->kind == ERROR_USAGE    ? 2
                                                 : 1;
    error_destroy(error);
    return status;
}

static void print_counter(const struct snapshot *snapshot, enum counter_id id, const char *name)
{
    if (counter_known(&snapshot->counters[id]))
        printf(",\"%s\":%" PRId64, name, snapshot->counters[id].value.integer);
    else
        printf(",\"%s\":null", name);
}

static void print_snapshot(const struct snapshot *snapshot)
{
    const struct cost *cost = &snapshot->cost;
    printf("{\"sequence\":%" PRIu64 ",\"monotonic_ns\":%" PRIu64 ",\"exited\":%s", snapshot->sequence,
           snapshot->monotonic_ns, snapshot->exited ? "true" : "false");
    if (snapshot->exited)
        printf(",\"exit_reason\":\"%s\"", snapshot->exit_reason);
    printf(",\"runtime\":\"%s\",\"version\":\"%s\"", catalog_string(snapshot->catalog, snapshot->target.runtime),
           catalog_string(snapshot->catalog, snapshot->target.runtime_version));
    print_counter(snapshot, COUNTER_RSS, "rss_bytes");
    print_counter(snapshot, COUNTER_NUM_GC, "num_gc");
    print_counter(snapshot, COUNTER_GOROUTINES, "goroutines");
    printf(",\"sites\":%zu,\"threads\":%zu,\"problems\":[", snapshot->num_sites, snapshot->num_threads);
    for (size_t i = 0; i < snapshot->num_problems; i++)
        printf("%s\"%s\"", i ? "," : "", snapshot->problems[i].text);
    printf("],\"sample_ns\":%" PRIu64 ",\"sample_cpu_ns\":%" PRIu64 ",\"attach_ns\":%" PRIu64 ",\"symbols_ns\":%" PRIu64
           ",\"bytes_read\":%" PRIu64 ",\"read_calls\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"retried\":%" PRIu64
           ",\"own_rss_bytes\":%" PRIu64 "}\n",
           cost->sample_ns, cost->sample_cpu_ns, cost->attach_ns, cost->symbols_ns, cost->bytes_read, cost->read_calls,
           cost->samples_dropped, cost->samples_retried, cost->rss_bytes);
    fflush(stdout);
}

/* One after another, as fast as they come. */
static int probe_in_turn(pid_t pid, struct reader_list readers, unsigned long count)
{
    struct session *session;
    struct error *error = session_open(pid, readers, &session);
    for (unsigned long i = 0; i < count && !error; i++) {
        struct snapshot *snapshot;
        error = session_sample(session, 0, 0, &snapshot);
        if (error)
            break;
        print_snapshot(snapshot);
        count = snapshot->exited ? 0 : count;
        snapshot_unref(snapshot);
    }
    if (error)
        return fail(error);
    session_close(session);
    return 0;
}

static int probe_live(pid_t pid, struct reader_list readers, unsigned long count, uint64_t interval_ns)
{
    struct attach_options options = {.interval_ns = interval_ns};
    struct source *source;
    struct error *error = live_source_create(pid, &options, readers, &source);
    if (error)
        return fail(error);
    for (unsigned long i = 0; i < count; i++) {
        struct snapshot *snapshot = NULL;
        error = source->ops->next(source, UINT64_MAX, &snapshot);
        if (error || !snapshot)
            break;
        print_snapshot(snapshot);
        snapshot_unref(snapshot);
    }
    source_close(source);
    return error ? fail(error) : 0;
}

int main(int argc, char **argv)
{
    static const struct reader_ops *const kinds[] = {&go_reader_ops};
    struct reader_list readers = {.items = kinds, .count = ARRAY_SIZE(kinds)};
    if (argc == 5 && strcmp(argv[1], "--bare") == 0) {
        readers.count = 0;
        argv++;
        argc--;
    }
    if (argc != 4) {
        fprintf(stderr, "usage: attach_probe [--bare] PID COUNT INTERVAL\n");
        return 2;
    }
    uint64_t interval_ns;
    struct error *error = units_parse_duration(argv[3], &interval_ns);
    if (error)
        return fail(error);
    pid_t pid = (pid_t)atoi(argv[1]);
    unsigned long count = strtoul(argv[2], NULL, 10);
    return interval_ns ? probe_live(pid, readers, count, interval_ns) : probe_in_turn(pid, readers, count);
}
