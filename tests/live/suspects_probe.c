/* suspects_probe RECORDING [STRETCH]: what would have been suspected at each moment of it, or if all of it had taken
 * STRETCH times as long. suspects_probe PID STRETCH SAMPLES: the same of a process, watched for so many samples at four
 * a second. Prints a line of JSON for each tick: the seconds since the first, and the kind, confidence, line and
 * words of each suspect. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "heaptop/analysis.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/record.h"

#define WAIT_NS UINT64_C(100000000)
#define LIVE_WAIT_NS UINT64_C(10000000000)
#define LIVE_INTERVAL_NS UINT64_C(250000000)

static void print_suspects(const struct analysis *analysis, double seconds)
{
    const struct catalog *catalog = analysis->snapshot->catalog;
    printf("{\"seconds\":%.3f,\"suspects\":[", seconds);
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        const struct suspect *suspect = &analysis->suspects[i];
        struct text frame = {0};
        catalog_write_frame(catalog, suspect->subject, &frame);
        /* The words are heaptop's, and names in them escaped. */
        printf("%s{\"kind\":\"%s\",\"confidence\":\"%s\",\"subject\":\"%s\",\"name\":\"%s\",\"words\":\"%s",
               i ? "," : "", suspect_kind_infos[suspect->kind].name, suspect_confidence_name(suspect->confidence),
               suspect->subject && frame.data ? frame.data : "-", suspect->name ? suspect->name : "", suspect->summary);
        for (unsigned j = 0; j < suspect->num_evidence; j++)
            printf(" %s", suspect->evidence[j]);
        printf("\"}");
        text_deinit(&frame);
    }
    printf("]}\n");
}

static uint64_t stretch_from(uint64_t first, uint64_t moment, uint64_t stretch)
{
    return moment >= first ? first + (moment - first) * stretch : first - (first - moment) * stretch;
}

/* Moves everything in a snapshot that has a time away from the first moment. */
static void stretch_snapshot(struct snapshot *snapshot, uint64_t first_unix_ns, uint64_t first_ns, uint64_t stretch)
{
    snapshot->unix_ns = stretch_from(first_unix_ns, snapshot->unix_ns, stretch);
    snapshot->monotonic_ns = stretch_from(first_ns, snapshot->monotonic_ns, stretch);
    snapshot->target.start_unix_ns = stretch_from(first_unix_ns, snapshot->target.start_unix_ns, stretch);
    for (size_t i = 0; i < snapshot->num_gc_cycles; i++) {
        struct gc_cycle *cycle = &snapshot->gc_cycles[i];
        cycle->end_unix_ns = stretch_from(first_unix_ns, cycle->end_unix_ns, stretch);
    }
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        snapshot->goroutine_groups[i].wait_ns_min *= stretch;
        snapshot->goroutine_groups[i].wait_ns_max *= stretch;
    }
}

static struct error *walk(struct source *source, struct history *history, uint64_t stretch, uint64_t samples)
{
    uint64_t first_ns = 0;
    uint64_t first_unix_ns = 0;
    for (bool exited = false; !exited && samples > 0; samples--) {
        struct snapshot *snapshot = NULL;
        struct analysis *analysis = NULL;
        struct error *error = source->ops->next(source, source->live ? LIVE_WAIT_NS : WAIT_NS, &snapshot);
        /* None is left. */
        if (error || !snapshot)
            return error;
        first_unix_ns = first_unix_ns ? first_unix_ns : snapshot->unix_ns;
        first_ns = first_ns ? first_ns : snapshot->monotonic_ns;
        stretch_snapshot(snapshot, first_unix_ns, first_ns, stretch);
        exited = snapshot->exited;
        error = history_add(history, snapshot);
        snapshot_unref(snapshot);
        if (!error)
            error = analysis_compute(history, &analysis);
        if (error)
            return error;
        print_suspects(analysis, (double)(analysis->snapshot->unix_ns - first_unix_ns) / 1e9);
        analysis_destroy(analysis);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned long stretch = argc >= 3 ? strtoul(argv[2], NULL, 10) : 1;
    unsigned long samples = argc == 4 ? strtoul(argv[3], NULL, 10) : ULONG_MAX;
    if (argc < 2 || argc > 4 || stretch == 0 || samples == 0) {
        fprintf(stderr, "usage: suspects_probe RECORDING|PID [STRETCH [SAMPLES]]\n");
        return 2;
    }
    struct recording *recording = NULL;
    struct source *source = NULL;
    struct history *history = NULL;
    struct error *error = NULL;
    if (argc == 4)
        error = live_source_open((pid_t)strtol(argv[1], NULL, 10),
                                 &(struct attach_options){.interval_ns = LIVE_INTERVAL_NS}, &source);
    else
        error = recording_open(argv[1], &recording);
    if (!error && recording)
        error = replay_source_open(recording, &(struct replay_options){.speed = 0}, &source);
    if (!error)
        error = history_create(NULL, &history);
    if (!error)
        error = walk(source, history, stretch, samples);
    history_destroy(history);
    source_close(source);
    if (error) {
        fprintf(stderr, "suspects_probe: %s\n", error->message);
        error_destroy(error);
        return 1;
    }
    return 0;
}
