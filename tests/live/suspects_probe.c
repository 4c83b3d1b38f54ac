/* suspects_probe RECORDING: what would have been suspected at each moment of it. Prints a line of JSON for each tick: the
 * seconds since the first, and the kind, confidence and line of each suspect. */
#include <stdio.h>

#include "heaptop/analysis.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/record.h"

#define WAIT_NS UINT64_C(100000000)

static void print_suspects(const struct analysis *analysis, double seconds)
{
    const struct catalog *catalog = analysis->snapshot->catalog;
    printf("{\"seconds\":%.3f,\"suspects\":[", seconds);
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        const struct suspect *suspect = &analysis->suspects[i];
        struct text frame = {0};
        catalog_write_frame(catalog, suspect->subject, &frame);
        printf("%s{\"kind\":\"%s\",\"confidence\":\"%s\",\"subject\":\"%s\"}", i ? "," : "",
               suspect_kind_infos[suspect->kind].name, suspect_confidence_name(suspect->confidence),
               suspect->subject && frame.data ? frame.data : "-");
        text_deinit(&frame);
    }
    printf("]}\n");
}

static struct error *walk(struct source *source, struct history *history)
{
    uint64_t first_unix_ns = 0;
    for (bool exited = false; !exited;) {
        struct snapshot *snapshot = NULL;
        struct analysis *analysis = NULL;
        struct error *error = source->ops->next(source, WAIT_NS, &snapshot);
        /* None is left. */
        if (error || !snapshot)
            return error;
        first_unix_ns = first_unix_ns ? first_unix_ns : snapshot->unix_ns;
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
    if (argc != 2) {
        fprintf(stderr, "usage: suspects_probe RECORDING\n");
        return 2;
    }
    struct recording *recording = NULL;
    struct source *source = NULL;
    struct history *history = NULL;
    struct error *error = recording_open(argv[1], &recording);
    if (!error)
        error = replay_source_open(recording, &(struct replay_options){.speed = 0}, &source);
    if (!error)
        error = history_create(NULL, &history);
    if (!error)
        error = walk(source, history);
    history_destroy(history);
    source_close(source);
    if (error) {
        fprintf(stderr, "suspects_probe: %s\n", error->message);
        error_destroy(error);
        return 1;
    }
    return 0;
}
