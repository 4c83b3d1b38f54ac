/* A report on a recording: a few figures of every sample for what happened when, and a choice of its samples for how it
 * is at the end, so that a night takes no longer to tell of than a minute. */
#include "cli/report_recorded.h"

#include <math.h>
#include <stdlib.h>

#include "cli/commands.h"

#define SCANNED_AT_ONCE 512
/* Samples that are read whole: so many over the last process's life, and so many of its last quarter of an hour. */
#define SAMPLES 120
#define RECENT_SAMPLES 120

DEFINE_CLEANUP(struct source *, source_close)
DEFINE_CLEANUP(struct history *, history_destroy)
DEFINE_CLEANUP(struct analysis *, analysis_destroy)
DEFINE_CLEANUP(struct chronicler *, chronicler_destroy)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)
DEFINE_CLEANUP(struct diff *, diff_destroy)

/* What of the recording is told of. */
struct span {
    uint64_t from_unix_ns, until_unix_ns;
};

/* ---- every sample ---- */

/* What did not change has no figure of its own: that of the sample before holds on, also where the span begins. */
static void carry_on(struct timeline_point *point, const struct timeline_point *previous)
{
    double *const figures[] = {&point->rss_bytes, &point->goroutines, &point->num_gc, &point->heap_marked_bytes,
                               &point->pause_total_ns};
    const double before[] = {previous->rss_bytes, previous->goroutines, previous->num_gc, previous->heap_marked_bytes,
                             previous->pause_total_ns};
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        if (isnan(*figures[i]))
            *figures[i] = before[i];
}

struct reading {
    struct chronicler *chronicler;
    struct timeline_point previous;
    uint32_t process;           /* In the span; 0: none yet. */
};

static struct error *add_point(struct reading *reading, const struct timeline_point *given, const struct span *span)
{
    struct timeline_point point = *given, *previous = &reading->previous;
    bool is_other = point.pid != previous->pid || point.start_unix_ns != previous->start_unix_ns;
    if (!is_other)
        carry_on(&point, previous);
    *previous = point;
    if (point.unix_ns < span->from_unix_ns || point.unix_ns > span->until_unix_ns)
        return NULL;
    if (reading->process == 0 || is_other)
        reading->process++;
    const struct chronicle_sample sample = {.unix_ns = point.unix_ns,
                                            .process = reading->process,
                                            .exited = point.exited,
                                            .rss_bytes = point.rss_bytes,
                                            .heap_marked_bytes = point.heap_marked_bytes,
                                            .goroutines = point.goroutines,
                                            .num_gc = point.num_gc,
                                            .pause_total_ns = point.pause_total_ns};
    return chronicler_add(reading->chronicler, &sample);
}

static struct error *read_chronicle(struct source *source, const struct span *span, struct chronicle *ret_chronicle)
{
    _cleanup_(chronicler_destroyp) struct chronicler *chronicler = NULL;
    struct timeline_point points[SCANNED_AT_ONCE];
    struct reading reading = {.previous = {.unix_ns = 0}};
    int64_t position = 0;
    size_t count = 1;
    struct error *error = chronicler_create(&chronicler);
    reading.chronicler = chronicler;
    while (!error && count > 0) {
        error = source->ops->timeline->scan(source, &position, points, SCANNED_AT_ONCE, &count);
        for (size_t i = 0; !error && i < count; i++)
            error = add_point(&reading, &points[i], span);
    }
    return error ? error : chronicler_finish(chronicler, ret_chronicle);
}

/* ---- some samples ---- */

/* The last at or before a time; ERROR_BAD_DATA where there is none. */
static struct error *take_at(struct source *source, uint64_t unix_ns, struct snapshot **ret_snapshot)
{
    struct snapshot *snapshot = NULL;
    struct error *error = source->ops->seek(source, unix_ns);
    if (!error)
        error = source->ops->next(source, 0, &snapshot);
    if (!error && !snapshot)
        error = error_create(ERROR_BAD_DATA, "the recording has no sample there");
    if (!error)
        *ret_snapshot = snapshot;
    return error;
}

/* When the samples were taken that are read whole; at most, with the two that have memory maps and the last. */
struct choice {
    uint64_t times[SAMPLES + RECENT_SAMPLES + 5];
    size_t count;
};

static void choose(struct choice *choice, uint64_t unix_ns)
{
    choice->times[choice->count++] = unix_ns;
}

static void choose_in_span(struct choice *choice, uint64_t from, uint64_t to, unsigned samples)
{
    for (unsigned i = 0; i <= samples && to > from; i++)
        choose(choice, from + (to - from) / samples * i);
}

/* Where memory is, at first and at last: pages are looked at more seldom than samples are taken. */
static struct error *choose_memory_maps(struct source *source, struct choice *choice, uint64_t from, uint64_t to)
{
    uint64_t first = 0, last = 0;
    /* One at the very end of the span counts as within. */
    struct error *error = source->ops->timeline->find(source, TIMELINE_MEMORY_MAP, 1, from - (from > 0), &first);
    if (!error)
        error = source->ops->timeline->find(source, TIMELINE_MEMORY_MAP, -1, to + 1, &last);
    if (!error && first >= from && first <= to)
        choose(choice, first);
    if (!error && last >= from && last <= to)
        choose(choice, last);
    return error;
}

static int compare_times(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The last process of the recording. */
static struct error *feed_history(struct source *source, const struct chronicle *chronicle, struct history *history)
{
    const struct chronicle_process *process = &chronicle->processes[chronicle->num_processes - 1];
    uint64_t from = process->first_unix_ns, to = chronicle->last_unix_ns, fed = 0,
             recent = to - from > SERIES_RECENT_NS ? to - SERIES_RECENT_NS : from;
    struct choice choice = {.count = 0};
    replay_source_gather_cycles(source);
    choose_in_span(&choice, from, recent, SAMPLES);
    choose_in_span(&choice, recent, to, RECENT_SAMPLES);
    choose(&choice, to);
    /* Told of at the end: what can be read is fed all the same. */
    struct error *unfound = choose_memory_maps(source, &choice, from, to), *error = NULL;
    qsort(choice.times, choice.count, sizeof(choice.times[0]), compare_times);
    for (size_t i = 0; i < choice.count && !error; i++) {
        _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
        error = take_at(source, choice.times[i], &snapshot);
        if (error || snapshot->unix_ns <= fed)
            continue;
        fed = snapshot->unix_ns;
        error = history_add(history, snapshot);
    }
    if (!error)
        return unfound;
    error_destroy(unfound);
    return error;
}

/* Where memory was at one end: as its pages were looked at nearest to it. */
static struct error *find_parts(struct source *source, const struct snapshot *end, struct memory_parts *ret_parts)
{
    _cleanup_(snapshot_unrefp) struct snapshot *with_map = NULL;
    struct error *error = recorded_find_memory(source, end, &with_map);
    if (!error && with_map)
        *ret_parts = memory_parts_of(with_map);
    return error;
}

static struct error *compare_ends(struct source *source, const struct chronicle *chronicle, struct diff **ret_diff)
{
    _cleanup_(snapshot_unrefp) struct snapshot *before = NULL;
    _cleanup_(snapshot_unrefp) struct snapshot *after = NULL;
    const struct chronicle_phase *first = &chronicle->phases[chronicle->growth_first],
                                 *last = first + chronicle->growth_count - 1;
    struct error *error = take_at(source, first->from_unix_ns, &before);
    if (!error)
        error = take_at(source, last->to_unix_ns, &after);
    struct memory_parts parts[2] = {{.known = false}};
    if (!error)
        error = find_parts(source, before, &parts[0]);
    if (!error)
        error = find_parts(source, after, &parts[1]);
    if (error)
        return error;
    /* One look is none at both ends. */
    parts[1].known = parts[1].known && parts[1].unix_ns != parts[0].unix_ns;
    const struct diff_source ends[] = {{.snapshot = before, .memory_parts = &parts[0]},
                                       {.snapshot = after, .memory_parts = &parts[1]}};
    return diff_compute(&ends[0], &ends[1], NULL, ret_diff);
}

/* ---- all of it ---- */

/* Of marks, gaps and suspects those within. */
static void cut_timeline(struct timeline *timeline, const struct span *span)
{
    size_t marks = 0, gaps = 0, suspects = 0;
    for (size_t i = 0; i < timeline->num_marks; i++)
        if (timeline->marks[i].unix_ns >= span->from_unix_ns && timeline->marks[i].unix_ns <= span->until_unix_ns)
            timeline->marks[marks++] = timeline->marks[i];
    for (size_t i = 0; i < timeline->num_gaps; i++)
        if (timeline->gaps[i].to_unix_ns >= span->from_unix_ns && timeline->gaps[i].from_unix_ns <= span->until_unix_ns)
            timeline->gaps[gaps++] = timeline->gaps[i];
    for (size_t i = 0; i < timeline->num_suspects; i++)
        if (timeline->suspects[i].to_unix_ns >= span->from_unix_ns &&
            timeline->suspects[i].from_unix_ns <= span->until_unix_ns)
            timeline->suspects[suspects++] = timeline->suspects[i];
    timeline->num_suspects = suspects;
    timeline->num_marks = marks;
    timeline->num_gaps = gaps;
}

static struct error *write_report(struct source *source, const struct chronicle *chronicle, const struct span *span,
                                  unsigned columns, bool json, struct text *ret_text)
{
    _cleanup_(history_destroyp) struct history *history = NULL;
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    _cleanup_(diff_destroyp) struct diff *growth = NULL;
    struct arena arena;
    struct timeline timeline = {0};
    arena_init(&arena);
    struct error *error = source->ops->timeline->read(source, &arena, &timeline);
    cut_timeline(&timeline, span);
    if (!error && chronicle->growth_count > 0)
        error = compare_ends(source, chronicle, &growth);
    if (!error)
        error = history_create(NULL, &history);
    if (!error)
        error = feed_history(source, chronicle, history);
    /* What came before a damaged place is reported all the same. */
    if (error && history && history_latest(history)) {
        error_print(error);
        error = NULL;
    }
    if (!error)
        error = analysis_compute(history, &analysis);
    const struct export_recorded recorded = {.chronicle = chronicle, .timeline = &timeline, .growth = growth};
    if (!error)
        error = json ? export_json_recorded(history, analysis, &recorded, ret_text)
                     : export_report_recorded(history, analysis, &recorded, columns, ret_text);
    arena_deinit(&arena);
    return error;
}

enum exit_status report_recorded(struct recorded *recorded, unsigned columns, bool json)
{
    _cleanup_(source_closep) struct source *source = NULL;
    _cleanup_(text_deinit) struct text text = {0};
    _cleanup_free_ struct chronicle *chronicle = calloc(1, sizeof(*chronicle));
    struct span span;
    struct error *error = chronicle ? recorded_open_span(recorded, &source, &span.from_unix_ns, &span.until_unix_ns)
                                    : error_no_memory();
    if (!error)
        error = read_chronicle(source, &span, chronicle);
    if (!error && chronicle->num_processes == 0)
        error = error_create(ERROR_BAD_DATA, "the recording has no samples that can be read%s",
                             recorded->moment ? " there" : "");
    if (!error)
        error = write_report(source, chronicle, &span, columns, json, &text);
    if (!error)
        error = export_write_file("-", text.data, text.length);
    return error ? error_print(error) : STATUS_DONE;
}
