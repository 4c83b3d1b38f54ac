#include "tui/rewind.h"

#include <math.h>
#include <string.h>

#include "heaptop/base/clock.h"

#define FIRST_SPACING 128
/* Just before the goal a copy is kept too: whoever went there is likely to step back. */
#define SHORTLY_BEFORE 12

void passage_deinit(struct passage *passage)
{
    history_destroy(passage->history);
    snapshot_unref(passage->latest);
    snapshot_unref(passage->with_regions);
    snapshot_unref(passage->first);
    *passage = (struct passage){0};
}

static void replace(struct snapshot **place, struct snapshot *snapshot)
{
    snapshot_ref(snapshot);
    snapshot_unref(*place);
    *place = snapshot;
}

struct error *passage_add(struct passage *passage, struct snapshot *snapshot)
{
    struct error *error = history_add(passage->history, snapshot);
    if (error)
        return error;
    replace(&passage->latest, snapshot);
    if (snapshot->num_regions > 0)
        replace(&passage->with_regions, snapshot);
    /* Another process starts the history over. */
    if (!passage->first || passage->first->unix_ns != history_first_unix_ns(passage->history))
        replace(&passage->first, snapshot);
    return NULL;
}

struct error *passage_copy(const struct passage *passage, struct passage *ret_copy)
{
    struct passage copy = {0};
    struct error *error = history_copy(passage->history, &copy.history);
    if (error)
        return error;
    copy.latest = passage->latest ? snapshot_ref(passage->latest) : NULL;
    copy.with_regions = passage->with_regions ? snapshot_ref(passage->with_regions) : NULL;
    copy.first = passage->first ? snapshot_ref(passage->first) : NULL;
    *ret_copy = copy;
    return NULL;
}

void rewind_init(struct rewind *rewind, struct source *source)
{
    *rewind = (struct rewind){.source = source, .spacing = FIRST_SPACING};
}

void rewind_deinit(struct rewind *rewind)
{
    for (size_t i = 0; i < rewind->num_checkpoints; i++)
        passage_deinit(&rewind->checkpoints[i].passage);
    passage_deinit(&rewind->reading);
    passage_deinit(&rewind->coarse);
    *rewind = (struct rewind){0};
}

/* ---- checkpoints ---- */

static uint64_t latest_ns(const struct passage *passage)
{
    return passage->latest ? passage->latest->unix_ns : 0;
}

/* The number of checkpoints at or before a time. */
static size_t checkpoints_until(const struct rewind *rewind, uint64_t unix_ns)
{
    size_t count = 0;
    while (count < rewind->num_checkpoints && rewind->checkpoints[count].unix_ns <= unix_ns)
        count++;
    return count;
}

/* Every second one goes; the first and the last stay. */
static void thin_out(struct rewind *rewind)
{
    size_t kept = 0;
    for (size_t i = 0; i < rewind->num_checkpoints; i++) {
        if (i % 2 == 1 && i + 1 < rewind->num_checkpoints)
            passage_deinit(&rewind->checkpoints[i].passage);
        else
            rewind->checkpoints[kept++] = rewind->checkpoints[i];
    }
    rewind->num_checkpoints = kept;
    rewind->spacing *= 2;
}

static struct error *keep(struct rewind *rewind, const struct passage *passage)
{
    uint64_t unix_ns = latest_ns(passage);
    size_t at = checkpoints_until(rewind, unix_ns);
    rewind->since_checkpoint = 0;
    if (at > 0 && rewind->checkpoints[at - 1].unix_ns == unix_ns)
        return NULL;
    struct passage copy;
    struct error *error = passage_copy(passage, &copy);
    if (error)
        return error;
    memmove(rewind->checkpoints + at + 1, rewind->checkpoints + at,
            (rewind->num_checkpoints - at) * sizeof(rewind->checkpoints[0]));
    rewind->checkpoints[at] = (struct checkpoint){.unix_ns = unix_ns, .passage = copy};
    rewind->num_checkpoints++;
    uint64_t each = history_memory(copy.history);
    while (rewind->num_checkpoints > REWIND_MAX_CHECKPOINTS ||
           (rewind->num_checkpoints > 2 && rewind->num_checkpoints * each > REWIND_MAX_BYTES))
        thin_out(rewind);
    return NULL;
}

struct error *rewind_note(struct rewind *rewind, const struct passage *passage)
{
    return ++rewind->since_checkpoint >= rewind->spacing ? keep(rewind, passage) : NULL;
}

struct error *rewind_note_live(struct rewind *rewind, const struct passage *passage)
{
    if (++rewind->since_checkpoint < REWIND_RECENT_SPACING)
        return NULL;
    if (rewind->num_checkpoints == REWIND_RECENT_CHECKPOINTS) {
        passage_deinit(&rewind->checkpoints[0].passage);
        rewind->num_checkpoints--;
        memmove(rewind->checkpoints, rewind->checkpoints + 1, rewind->num_checkpoints * sizeof(rewind->checkpoints[0]));
    }
    return keep(rewind, passage);
}

struct error *rewind_take_over(struct rewind *rewind, const struct rewind *live, const struct passage *present)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < live->num_checkpoints; i++)
        error = keep(rewind, &live->checkpoints[i].passage);
    return error || !present->latest ? error : keep(rewind, present);
}

/* ---- reading ---- */

/* A copy of what is known already; of nothing, a history in which nothing is. */
static struct error *copy_or_create(const struct passage *base, struct passage *ret_passage)
{
    return base ? passage_copy(base, ret_passage) : history_create(NULL, &ret_passage->history);
}

/* Of a long way a part is read first. */
static struct error *begin_coarse(struct rewind *rewind, const struct passage *base)
{
    const struct source_ops *ops = rewind->source->ops;
    uint64_t goal = rewind->goal_unix_ns, from = rewind->from_unix_ns;
    struct error *error = from ? NULL : ops->timeline->find(rewind->source, TIMELINE_SNAPSHOT, +1, 0, &from);
    if (error || from == 0 || goal < from || goal - from < REWIND_COARSE_SPAN_NS)
        return error;
    rewind->coarse_until_unix_ns = goal - REWIND_DENSE_SPAN_NS;
    return copy_or_create(base, &rewind->coarse);
}

struct error *rewind_begin(struct rewind *rewind, const struct passage *present, uint64_t goal_unix_ns)
{
    passage_deinit(&rewind->reading);
    passage_deinit(&rewind->coarse);
    size_t until = checkpoints_until(rewind, goal_unix_ns);
    const struct passage *base = until > 0 ? &rewind->checkpoints[until - 1].passage : NULL;
    uint64_t now = latest_ns(present);
    if (now != 0 && now <= goal_unix_ns && (!base || now > latest_ns(base)))
        base = present;
    struct error *error = copy_or_create(base, &rewind->reading);
    if (error)
        return error;
    rewind->from_unix_ns = latest_ns(&rewind->reading);
    rewind->goal_unix_ns = goal_unix_ns;
    rewind->since_checkpoint = 0;
    error = begin_coarse(rewind, base);
    if (error)
        return error;
    rewind->source->ops->timeline->set_pace(rewind->source, (double)INFINITY);
    return rewind->source->ops->seek(rewind->source, rewind->from_unix_ns);
}

/* A copy shortly before the goal, unless there is one already. */
static bool is_worth_keeping(const struct rewind *rewind, const struct snapshot *snapshot)
{
    uint64_t left = rewind->goal_unix_ns - snapshot->unix_ns;
    uint64_t interval = snapshot->interval_ns ? snapshot->interval_ns : UINT64_C(1000000000);
    return rewind->since_checkpoint > SHORTLY_BEFORE && left / SHORTLY_BEFORE < interval &&
           left / SHORTLY_BEFORE * 4 > interval * 3;
}

/* Goes to the next sample that is read of a long way. */
static struct error *skip(struct rewind *rewind)
{
    uint64_t now = latest_ns(&rewind->coarse), first = history_first_unix_ns(rewind->coarse.history);
    uint64_t from = rewind->from_unix_ns ? rewind->from_unix_ns : first, until = rewind->coarse_until_unix_ns;
    if (now == 0 || now >= until || until <= from)
        return NULL;
    uint64_t next = now + (until - from) / REWIND_COARSE_SAMPLES;
    return rewind->source->ops->seek(rewind->source, next < until ? next : until);
}

/* The next sample, for one of the two that are read; *ret_ended: there is none. */
static struct error *read_next(struct rewind *rewind, struct passage *passage, bool *ret_ended)
{
    struct snapshot *snapshot = NULL;
    bool is_coarse = passage == &rewind->coarse;
    uint64_t before = latest_ns(passage);
    struct error *error = is_coarse ? skip(rewind) : NULL;
    if (!error)
        error = rewind->source->ops->next(rewind->source, 0, &snapshot);
    /* Between two samples that lie far apart, as where none were taken: the one behind. */
    if (!error && is_coarse && snapshot && snapshot->unix_ns <= before) {
        snapshot_unref(snapshot);
        snapshot = NULL;
        error = rewind->source->ops->next(rewind->source, 0, &snapshot);
    }
    *ret_ended = !error && !snapshot;
    if (error || !snapshot)
        return error;
    bool is_new = snapshot->unix_ns > before;
    if (is_new)
        error = passage_add(passage, snapshot);
    if (!error && is_new && !is_coarse)
        error = rewind_note(rewind, passage);
    if (!error && is_new && !is_coarse && is_worth_keeping(rewind, snapshot))
        error = keep(rewind, passage);
    snapshot_unref(snapshot);
    return error;
}

struct error *rewind_work(struct rewind *rewind, uint64_t budget_ns, enum rewind_state *ret_state,
                          struct passage *ret_passage)
{
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + budget_ns;
    struct passage *passage = rewind->coarse.history ? &rewind->coarse : &rewind->reading;
    bool has_ended = false;
    *ret_state = REWIND_GOES_ON;
    /* The goal is a sample of this source: it ends before only when the file has lost it meanwhile. */
    while (latest_ns(passage) < rewind->goal_unix_ns && !has_ended) {
        struct error *error = read_next(rewind, passage, &has_ended);
        if (error)
            return error;
        if (clock_ns(CLOCK_MONOTONIC) >= end && latest_ns(passage) < rewind->goal_unix_ns)
            return NULL;
    }
    bool is_coarse = passage == &rewind->coarse;
    struct error *error = is_coarse ? rewind->source->ops->seek(rewind->source, rewind->from_unix_ns) : NULL;
    if (error)
        return error;
    *ret_state = is_coarse ? REWIND_COARSE : REWIND_DONE;
    *ret_passage = *passage;
    *passage = (struct passage){0};
    return NULL;
}

double rewind_progress(const struct rewind *rewind)
{
    const struct passage *passage = rewind->coarse.history ? &rewind->coarse : &rewind->reading;
    uint64_t now = latest_ns(passage), from = rewind->from_unix_ns, goal = rewind->goal_unix_ns;
    /* From the very beginning, whose time is known with the first sample. */
    if (from == 0 && passage->history)
        from = history_first_unix_ns(passage->history);
    return goal > from && now > from ? (double)(now - from) / (double)(goal - from) : 0;
}
