#include "tui/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define HOUR_NS (60 * MINUTE_NS)
/* Samples taken in before the screen is drawn again: a source that is faster than we are must not hold up the keys. */
#define MAX_PULLED 32
/* A span that fits what was seen stops here, and slides. */
#define AUTOMATIC_SPAN (15 * MINUTE_NS)

static const uint64_t spans[] = {
    15 * SECOND_NS, 30 * SECOND_NS, MINUTE_NS,      90 * SECOND_NS, 2 * MINUTE_NS, 3 * MINUTE_NS, 4 * MINUTE_NS,
    5 * MINUTE_NS,  7 * MINUTE_NS,  10 * MINUTE_NS, 15 * MINUTE_NS, 30 * MINUTE_NS, HOUR_NS,      2 * HOUR_NS,
    6 * HOUR_NS,    12 * HOUR_NS,   24 * HOUR_NS,   72 * HOUR_NS,
};

static const uint64_t intervals[] = {
    SECOND_NS / 20, SECOND_NS / 10, SECOND_NS / 4,  SECOND_NS / 2,  SECOND_NS,
    2 * SECOND_NS,  5 * SECOND_NS,  10 * SECOND_NS, 30 * SECOND_NS, MINUTE_NS,
};

/* A copy of a row's series, in the model's arena; its cells are its own. */
struct frozen_series {
    struct series series;
    struct frozen_series *next;
};

static void release_frozen(struct model *model)
{
    for (struct frozen_series *copy = model->frozen_series; copy; copy = copy->next)
        series_deinit(&copy->series);
    model->frozen_series = NULL;
    arena_deinit(&model->frozen);
    arena_init(&model->frozen);
}

static struct passage passage_of(const struct model *model)
{
    return (struct passage){
        .history = model->history, .latest = model->latest, .with_regions = model->with_regions, .first = model->first};
}

static void set_passage(struct model *model, const struct passage *passage)
{
    model->history = passage->history;
    model->latest = passage->latest;
    model->with_regions = passage->with_regions;
    model->first = passage->first;
}

struct error *model_init(struct model *model, struct source *source, uint64_t interval_ns)
{
    *model = (struct model){.source = source, .interval_ns = interval_ns ? interval_ns : SECOND_NS,
                            .cost_per_second = NAN};
    arena_init(&model->frozen);
    strip_init(&model->strip);
    rewind_init(&model->rewind, source);
    return history_create(NULL, &model->history);
}

void model_deinit(struct model *model)
{
    analysis_destroy(model->analysis);
    snapshot_unref(model->shown);
    snapshot_unref(model->span_start);
    snapshot_unref(model->span_end);
    struct passage passage = passage_of(model);
    passage_deinit(&passage);
    rewind_deinit(&model->rewind);
    release_frozen(model);
    arena_deinit(&model->frozen);
    free(model->failure);
    *model = (struct model){0};
}

static void replace_snapshot(struct snapshot **place, struct snapshot *snapshot)
{
    struct snapshot *before = *place;
    *place = snapshot_ref(snapshot);
    snapshot_unref(before);
}

bool model_span_chosen(const struct model *model, struct chosen_span *ret_span)
{
    const struct snapshot *end = model->span_end ? model->span_end : model->shown;
    if (!model->span_start || !end || end->unix_ns <= model->span_start->unix_ns)
        return false;
    *ret_span = (struct chosen_span){.start = model->span_start, .end = end};
    return true;
}

bool model_growth_span(const struct model *model, struct chosen_span *ret_span)
{
    if (model_span_chosen(model, ret_span))
        return true;
    if (!model->first || !model->shown || model->shown->unix_ns <= model->first->unix_ns)
        return false;
    *ret_span = (struct chosen_span){.start = model->first, .end = model->shown};
    return true;
}

/* The analysis of a history whose latest sample is the one on view. */
static struct error *analyse(const struct model *model, const struct history *history, struct analysis **ret_analysis)
{
    struct chosen_span span;
    struct analysis *analysis;
    struct error *error = analysis_compute(history, &analysis);
    if (!error && model_span_chosen(model, &span))
        error = analysis_set_span(analysis, &span);
    if (error) {
        analysis_destroy(analysis);
        return error;
    }
    *ret_analysis = analysis;
    return NULL;
}

/* Makes the latest sample the one on view. */
static struct error *show_latest(struct model *model)
{
    struct analysis *analysis;
    replace_snapshot(&model->shown, model->latest);
    struct error *error = analyse(model, model->history, &analysis);
    if (error)
        return error;
    analysis_destroy(model->analysis);
    model->analysis = analysis;
    return NULL;
}

struct error *model_toggle_span_edge(struct model *model, bool is_end)
{
    struct snapshot **edge = is_end ? &model->span_end : &model->span_start;
    bool is_here = *edge && model->shown && (*edge)->unix_ns == model->shown->unix_ns;
    if (!model->shown)
        return NULL;
    if (is_here) {
        snapshot_unref(*edge);
        *edge = NULL;
    } else {
        replace_snapshot(edge, model->shown);
    }
    return show_latest(model);
}

struct error *model_toggle_baseline(struct model *model)
{
    if (!model->shown)
        return NULL;
    bool was_chosen = model->span_start || model->span_end;
    snapshot_unref(model->span_start);
    snapshot_unref(model->span_end);
    model->span_start = was_chosen ? NULL : snapshot_ref(model->shown);
    model->span_end = NULL;
    return show_latest(model);
}

/* How much of the newest value goes into the smoothed cost. */
#define COST_WEIGHT 0.2

static void note_cost(struct model *model, const struct snapshot *snapshot)
{
    const struct snapshot *before = model->latest;
    if (!before || snapshot->monotonic_ns <= before->monotonic_ns || snapshot->cost.cpu_ns < before->cost.cpu_ns)
        return;
    double seconds = (double)(snapshot->monotonic_ns - before->monotonic_ns) / SECOND_NS;
    double cost = (double)(snapshot->cost.cpu_ns - before->cost.cpu_ns) / seconds;
    if (!isnan(model->cost_per_second))
        cost = cost * COST_WEIGHT + model->cost_per_second * (1 - COST_WEIGHT);
    model->cost_per_second = cost;
}

static struct error *take_in(struct model *model, struct snapshot *snapshot)
{
    note_cost(model, snapshot);
    struct passage passage = passage_of(model);
    struct error *error = passage_add(&passage, snapshot);
    set_passage(model, &passage);
    if (error)
        return error;
    if (snapshot->interval_ns > 0)
        model->interval_ns = snapshot->interval_ns;
    if (model->source->ops->timeline)
        return rewind_note(&model->rewind, &passage);
    const struct timeline_point point = strip_point(snapshot);
    strip_add(&model->strip, &point);
    return model->is_kept ? rewind_note_live(&model->rewind, &passage) : NULL;
}

struct error *model_take_over(struct model *past, const struct model *live)
{
    const struct passage present = passage_of(live);
    return rewind_take_over(&past->rewind, &live->rewind, &present);
}

struct error *model_pull(struct model *model, bool *ret_changed)
{
    *ret_changed = false;
    bool any = false;
    for (int i = 0; i < MAX_PULLED && !model->failure; i++) {
        struct snapshot *snapshot = NULL;
        struct error *error = model->source->ops->next(model->source, 0, &snapshot);
        if (error) {
            model->failure = strdup(error->message ? error->message : "the source ended");
            error_destroy(error);
            *ret_changed = true;
            break;
        }
        if (!snapshot)
            break;
        error = take_in(model, snapshot);
        snapshot_unref(snapshot);
        if (error)
            return error;
        any = true;
    }
    if (!any)
        return NULL;
    /* A held view changes only in saying that there is more. */
    *ret_changed = true;
    return model->paused ? NULL : show_latest(model);
}

/* ---- going back, and forward again ---- */

/* How long a jump may keep somebody waiting for its history. */
#define READ_AT_ONCE_NS (UINT64_C(25) * 1000000)

/* Takes what the passage has, and shows it. The passage is left empty, also when this fails. */
static struct error *adopt(struct model *model, struct passage *passage, enum rewind_state state)
{
    struct analysis *analysis;
    replace_snapshot(&model->shown, passage->latest);
    struct error *error = analyse(model, passage->history, &analysis);
    if (error) {
        passage_deinit(passage);
        return error;
    }
    /* The analysis goes first: its rows borrow from the history. */
    analysis_destroy(model->analysis);
    model->analysis = analysis;
    struct passage before = passage_of(model);
    passage_deinit(&before);
    set_passage(model, passage);
    *passage = (struct passage){0};
    model->is_reading = state != REWIND_DONE;
    model->is_coarse = state == REWIND_COARSE;
    model->cost_per_second = NAN;
    if (model->latest->interval_ns > 0)
        model->interval_ns = model->latest->interval_ns;
    return NULL;
}

static struct error *show_alone(struct model *model, struct snapshot *snapshot)
{
    struct passage alone = {0};
    struct error *error = history_create(NULL, &alone.history);
    if (!error)
        error = passage_add(&alone, snapshot);
    if (error) {
        passage_deinit(&alone);
        return error;
    }
    return adopt(model, &alone, REWIND_GOES_ON);
}

static struct error *read_history(struct model *model, struct snapshot *snapshot)
{
    enum rewind_state state;
    struct passage read = {0}, present = model->is_reading ? (struct passage){0} : passage_of(model);
    struct error *error = rewind_begin(&model->rewind, &present, snapshot->unix_ns);
    if (!error)
        error = rewind_work(&model->rewind, READ_AT_ONCE_NS, &state, &read);
    if (error)
        return error;
    return state == REWIND_GOES_ON ? show_alone(model, snapshot) : adopt(model, &read, state);
}

struct error *model_seek(struct model *model, uint64_t unix_ns)
{
    const struct source_ops *ops = model->source->ops;
    const struct snapshot *present = model->is_reading ? NULL : model->latest;
    struct snapshot *snapshot = NULL;
    uint64_t after = 0;
    ops->timeline->set_pace(model->source, (double)INFINITY);
    struct error *error = ops->seek(model->source, unix_ns);
    if (!error)
        error = ops->next(model->source, 0, &snapshot);
    if (!error && present)
        error = ops->timeline->find(model->source, TIMELINE_SNAPSHOT, +1, present->unix_ns, &after);
    if (error || !snapshot) {
        snapshot_unref(snapshot);
        return error;
    }
    if (present && after == snapshot->unix_ns) {
        error = take_in(model, snapshot);
        if (!error)
            error = show_latest(model);
    } else if (!present || present->unix_ns != snapshot->unix_ns) {
        error = read_history(model, snapshot);
    }
    snapshot_unref(snapshot);
    return error;
}

struct error *model_read_on(struct model *model, uint64_t budget_ns, bool *ret_changed)
{
    struct passage read = {0};
    enum rewind_state state;
    *ret_changed = false;
    if (!model->is_reading)
        return NULL;
    struct error *error = rewind_work(&model->rewind, budget_ns, &state, &read);
    if (error || state == REWIND_GOES_ON)
        return error;
    *ret_changed = true;
    return adopt(model, &read, state);
}

/* ---- holding the view ---- */

static bool freeze_series(struct model *model, const struct series **series)
{
    if (!*series)
        return true;
    struct frozen_series *copy = arena_alloc(&model->frozen, sizeof(*copy));
    if (!copy)
        return false;
    copy->next = model->frozen_series;
    model->frozen_series = copy;
    for (uint32_t i = 0; i < (*series)->count; i++) {
        struct point point = series_point(*series, i);
        if (!series_add(&copy->series, (*series)->count + 1, point.unix_ns, point.value))
            return false;
    }
    *series = &copy->series;
    return true;
}

/* The rows borrow their series from the history, which goes on: gives them copies. */
static bool freeze_analysis(struct model *model)
{
    struct analysis *analysis = model->analysis;
    bool done = true;
    for (size_t i = 0; i < analysis_num_listed(analysis); i++)
        done = done && freeze_series(model, &analysis->call_sites[i].inuse) &&
               freeze_series(model, &analysis->call_sites[i].allocated);
    for (size_t i = 0; i < analysis->num_stacks; i++)
        done = done && freeze_series(model, &analysis->stacks[i].inuse) &&
               freeze_series(model, &analysis->stacks[i].allocated);
    for (size_t by = 0; by < GOROUTINE_GROUPINGS; by++)
        for (size_t i = 0; i < analysis->num_goroutines_by[by]; i++)
            done = done && freeze_series(model, &analysis->goroutines_by[by][i].counts);
    return done;
}

struct error *model_set_paused(struct model *model, bool paused)
{
    if (paused == model->paused || !model->analysis)
        return NULL;
    if (paused) {
        release_frozen(model);
        if (!freeze_analysis(model)) {
            /* Some rows point to copies by now, which stay until the view is held again. */
            struct error *error = show_latest(model);
            return error ? error : error_no_memory();
        }
        model->paused = true;
        return NULL;
    }
    model->paused = false;
    struct error *error = show_latest(model);
    if (error) {
        model->paused = true;
        return error;
    }
    release_frozen(model);
    return NULL;
}

/* ---- interval and span ---- */

static uint64_t step_through(const uint64_t *steps, size_t count, uint64_t now, int direction)
{
    if (direction > 0) {
        for (size_t i = 0; i < count; i++)
            if (steps[i] > now)
                return steps[i];
        return steps[count - 1];
    }
    for (size_t i = count; i > 0; i--)
        if (steps[i - 1] < now)
            return steps[i - 1];
    return steps[0];
}

void model_change_interval(struct model *model, int direction)
{
    if (!model->source->ops->set_interval)
        return;
    model_set_interval(model, step_through(intervals, ARRAY_SIZE(intervals), model->interval_ns, direction));
}

void model_set_interval(struct model *model, uint64_t interval_ns)
{
    model->interval_ns = interval_ns;
    model->source->ops->set_interval(model->source, interval_ns);
}

void model_change_span(struct model *model, int direction)
{
    model->span_ns = step_through(spans, ARRAY_SIZE(spans), model_span(model), direction);
}

/* The shortest automatic span that covers so much. */
static uint64_t span_for(uint64_t seen)
{
    for (size_t i = 0; i < ARRAY_SIZE(spans) && spans[i] < AUTOMATIC_SPAN; i++)
        if (seen <= spans[i])
            return spans[i];
    return AUTOMATIC_SPAN;
}

uint64_t model_span(const struct model *model)
{
    if (model->span_ns > 0)
        return model->span_ns;
    if (!model->shown)
        return MINUTE_NS;
    uint64_t first = history_first_unix_ns(model->history);
    return span_for(model->shown->unix_ns > first ? model->shown->unix_ns - first : 0);
}

uint64_t model_cycle_span(const struct model *model)
{
    uint64_t span = model_span(model);
    if (model->span_ns > 0 || !model->shown)
        return span;
    size_t count;
    const struct gc_cycle *cycles = model_cycles(model, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t age = model->shown->unix_ns - cycles[i].end_unix_ns;
        if (cycles[i].times_known && cycles[i].end_unix_ns <= model->shown->unix_ns && age < AUTOMATIC_SPAN)
            return span_for(age) > span ? span_for(age) : span;
    }
    return span;
}

void model_columns(const struct model *model, const struct series *series, double *columns, size_t count)
{
    if (!model->shown || !series || series->count == 0) {
        for (size_t i = 0; i < count; i++)
            columns[i] = NAN;
        return;
    }
    series_columns(series, model->shown->unix_ns, model_span(model), columns, count);
}

const struct gc_cycle *model_cycles(const struct model *model, size_t *ret_count)
{
    size_t count;
    const struct gc_cycle *cycles = history_cycles(model->history, &count);
    while (model->paused && count > 0 && cycles[count - 1].end_unix_ns > model->shown->unix_ns)
        count--;
    *ret_count = count;
    return cycles;
}

void model_pause_columns(const struct model *model, double *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        columns[i] = NAN;
    if (!model->shown || count == 0)
        return;
    uint64_t span = model_cycle_span(model), now = model->shown->unix_ns;
    size_t num_cycles;
    const struct gc_cycle *cycles = model_cycles(model, &num_cycles);
    for (size_t i = 0; i < num_cycles; i++) {
        if (!cycles[i].times_known || cycles[i].end_unix_ns > now || now - cycles[i].end_unix_ns >= span)
            continue;
        size_t column = count - 1 - (size_t)((double)(now - cycles[i].end_unix_ns) / (double)span * (double)count);
        if (column < count && !(columns[column] >= (double)cycles[i].pause_ns))
            columns[column] = (double)cycles[i].pause_ns;
    }
}
