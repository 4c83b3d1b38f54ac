/* A snapshot, a difference of two, or what was concluded from a session, in the formats other programs read. */
#ifndef HEAPTOP_EXPORT_H
#define HEAPTOP_EXPORT_H

#include "heaptop/analysis.h"
#include "heaptop/analysis/diff.h"
#include "heaptop/analysis/samples.h"

/* ---- profiles: stacks with values ---- */

struct export_request {
    const struct snapshot *snapshot;
    const struct snapshot *base;    /* Not NULL: what is exported is how the snapshot differs from it. */
    enum sample_profile profile;
    enum sample_value value;        /* Of folded stacks and graphs. */
    bool icicle;                    /* Of a graph: callers on top. */
    const char *title;              /* Of a graph; NULL: made from the target. */
};

static inline struct sample_request export_samples(const struct export_request *request)
{
    return (struct sample_request){.snapshot = request->snapshot,
                                   .base = request->base,
                                   .profile = request->profile,
                                   .value = request->value};
}

/* A gzip-compressed profile.proto: the values, stacks, names, lines, mappings and labels that the process's own
 * /debug/pprof/heap, allocs or goroutine would give. With a base, new minus old, as `go tool pprof -base` computes it.
 * ERROR_UNSUPPORTED where there is no such profile, as in the two below. */
struct error *export_pprof(const struct export_request *request, struct text *ret_bytes);

/* One line a stack, "main.main;main.work 4096", outermost first, sorted; with a base two values, the old one first, as
 * difffolded.pl writes and flamegraph.pl reads it. Only functions' names; ';' in them is ':'. */
struct error *export_folded(const struct export_request *request, struct text *ret_text);

/* A flame graph as one SVG file that needs nothing else: a picture anywhere, with zoom and search where scripts run.
 * With a base a frame is as wide as the larger of its two values, red where it grew and blue where it shrank. */
struct error *export_svg(const struct export_request *request, struct text *ret_text);

/* ---- tables and figures ---- */

/* The samples of a moment as a table with a header: of heap and allocs the stacks, of goroutine the groups, of threads
 * the threads. With a base (not of threads) old, new and change of each. */
struct error *export_csv(const struct export_request *request, struct text *ret_text);

/* Counters over time: the header, then one line a snapshot. What is not known is empty. */
struct error *export_csv_counters_header(struct text *text);
struct error *export_csv_counters_row(const struct snapshot *snapshot, struct text *text);

/* All counters and the largest call sites and goroutine groups of a moment as OpenMetrics text, which is valid
 * Prometheus text as well. */
struct error *export_openmetrics(const struct history *history, const struct analysis *analysis,
                                 struct text *ret_text);

/* ---- documents ---- */

/* One JSON document, "schema": "heaptop/1", with all that design.md lists; what could not be read is null, with the
 * reason under "unavailable". */
struct error *export_json(const struct history *history, const struct analysis *analysis, struct text *ret_text);

/* What a recording tells beside its last moment. Nothing is owned. */
struct export_recorded {
    const struct chronicle *chronicle;
    const struct timeline *timeline;    /* Its marks and gaps. */
    const struct diff *growth;          /* Between the ends of the growth in the chronicle; NULL where there is none. */
};

/* The same of a recording, with a member "recording". */
struct error *export_json_recorded(const struct history *history, const struct analysis *analysis,
                                   const struct export_recorded *recorded, struct text *ret_text);

/* Two moments compared, as JSON ("schema": "heaptop/1", "document": "diff"), or as plain text of at most `columns`
 * columns. */
struct error *export_diff_json(const struct diff *diff, struct text *ret_text);
struct error *export_diff_report(const struct diff *diff, unsigned columns, struct text *ret_text);

/* What a person would conclude, as plain text of at most `columns` columns. */
struct error *export_report(const struct history *history, const struct analysis *analysis, unsigned columns,
                            struct text *ret_text);

/* The same of a recording: what happened when, before how it is at the end. Times of day are local. */
struct error *export_report_recorded(const struct history *history, const struct analysis *analysis,
                                     const struct export_recorded *recorded, unsigned columns, struct text *ret_text);

/* ---- files ---- */

/* Writes a file whole or not at all: a temporary neighbour, fsync, rename. "-" writes to standard output. */
struct error *export_write_file(const char *path, const void *bytes, size_t size);

#endif
