#include "heaptop/analysis/span.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/history.h"

/* A change of so many standard errors is one. */
#define SIGNIFICANT 2.0
/* Call sites that the sentence names. */
#define NAMED_SITES 2

/* One moment of the span by itself. */
struct edge {
    struct history *history;
    struct analysis *analysis;
    struct table call_sites, stacks;                /* To indices of the analysis's rows. */
    struct table goroutines[GOROUTINE_GROUPINGS];
};

static void edge_deinit(struct edge *edge)
{
    analysis_destroy(edge->analysis);
    history_destroy(edge->history);
    table_deinit(&edge->call_sites);
    table_deinit(&edge->stacks);
    for (int by = 0; by < GOROUTINE_GROUPINGS; by++)
        table_deinit(&edge->goroutines[by]);
}

static bool note(struct table *table, uint64_t key, size_t index)
{
    uint64_t *place = table_insert(table, key, NULL);
    if (place)
        *place = index;
    return place != NULL;
}

static uint64_t call_site_key(const struct analysis *analysis, const struct allocation_row *row)
{
    return history_call_site_key(catalog_frame(analysis->snapshot->catalog, row->subject));
}

static struct error *edge_init(struct edge *edge, const struct snapshot *snapshot)
{
    struct error *error = history_create(NULL, &edge->history);
    /* A history keeps a reference; the snapshot itself stays as it is. */
    if (!error)
        error = history_add(edge->history, (struct snapshot *)snapshot);
    if (!error)
        error = analysis_compute(edge->history, &edge->analysis);
    if (error)
        return error;
    const struct analysis *analysis = edge->analysis;
    bool good = true;
    for (size_t i = 0; i < analysis->num_call_sites; i++)
        good = note(&edge->call_sites, call_site_key(analysis, &analysis->call_sites[i]), i) && good;
    for (size_t i = 0; i < analysis->num_stacks; i++)
        good = note(&edge->stacks, analysis->stacks[i].stack, i) && good;
    for (int by = 0; by < GOROUTINE_GROUPINGS; by++)
        for (size_t i = 0; i < analysis->num_goroutines_by[by]; i++)
            good = note(&edge->goroutines[by],
                        goroutine_group_key((enum goroutine_grouping)by, &analysis->goroutines_by[by][i].group), i) &&
                   good;
    return good ? NULL : error_no_memory();
}

/* ---- changes ---- */

static struct growth growth_of(double change, double error, double seconds)
{
    struct growth growth = {.verdict = GROWTH_PLATEAU, .is_of_span = true, .points = 2};
    if (isnan(change)) {
        growth.verdict = GROWTH_TOO_FEW;
        return growth;
    }
    if (fabs(change) > SIGNIFICANT * error && change != 0)
        growth.verdict = change > 0 ? GROWTH_GROWING : GROWTH_SHRINKING;
    growth.change = change;
    growth.per_second = change / seconds;
    growth.error_per_second = error / seconds;
    return growth;
}

static double weight_of(const struct allocation_row *row)
{
    if (row->sampled_objects > 0)
        return (double)row->published.inuse_bytes / (double)row->sampled_objects;
    return 0;
}

/* As analysis/growth.c derives it: of two figures of one process only what came and went is uncertain. */
static double error_of(const struct allocation_row *start, const struct allocation_row *end)
{
    double weight = fmax(weight_of(start), weight_of(end));
    if (start->relative_error == 0 && end->relative_error == 0)
        weight = 0;
    double allocated = (double)(end->published.alloc_bytes - start->published.alloc_bytes);
    double kept = (double)(end->published.inuse_bytes - start->published.inuse_bytes);
    double churn = fmax(2 * allocated - kept, fabs(kept));
    double held = (double)(end->published.inuse_bytes + start->published.inuse_bytes);
    return sqrt(weight * fmax(fmin(churn, held), 0));
}

static const struct allocation_row no_row;

static const struct allocation_row *row_of(const struct table *table, uint64_t key, const struct allocation_row *rows)
{
    const uint64_t *index = table_find(table, key);
    return index ? &rows[*index] : &no_row;
}

static void set_allocation(struct allocation_row *row, const struct allocation_row *start,
                           const struct allocation_row *end, double seconds)
{
    double change = (double)(end->published.inuse_bytes - start->published.inuse_bytes);
    row->growth = growth_of(change, error_of(start, end), seconds);
    row->alloc_bytes_per_s = (double)(end->published.alloc_bytes - start->published.alloc_bytes) / seconds;
    row->free_bytes_per_s = fmax(row->alloc_bytes_per_s - change / seconds, 0);
    row->alloc_objects_per_s = (double)(end->published.alloc_objects - start->published.alloc_objects) / seconds;
}

static void set_allocations(struct analysis *analysis, const struct edge *start, const struct edge *end,
                            double seconds)
{
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        struct allocation_row *row = &analysis->call_sites[i];
        uint64_t key = call_site_key(analysis, row);
        set_allocation(row, row_of(&start->call_sites, key, start->analysis->call_sites),
                       row_of(&end->call_sites, key, end->analysis->call_sites), seconds);
    }
    for (size_t i = 0; i < analysis->num_stacks; i++) {
        struct allocation_row *row = &analysis->stacks[i];
        set_allocation(row, row_of(&start->stacks, row->stack, start->analysis->stacks),
                       row_of(&end->stacks, row->stack, end->analysis->stacks), seconds);
    }
}

static double count_of(const struct edge *edge, enum goroutine_grouping by, const struct goroutine_group *group)
{
    const uint64_t *index = table_find(&edge->goroutines[by], goroutine_group_key(by, group));
    return index ? edge->analysis->goroutines_by[by][*index].group.count : 0;
}

static void set_goroutines(struct analysis *analysis, const struct edge *start, const struct edge *end, double seconds)
{
    for (int by = 0; by < GOROUTINE_GROUPINGS; by++) {
        for (size_t i = 0; i < analysis->num_goroutines_by[by]; i++) {
            struct goroutine_row *row = &analysis->goroutines_by[by][i];
            double change = count_of(end, (enum goroutine_grouping)by, &row->group) -
                            count_of(start, (enum goroutine_grouping)by, &row->group);
            row->growth = growth_of(change, 0, seconds);
        }
    }
}

static double counter_change(const struct chosen_span *span, enum counter_id id)
{
    const struct counter *start = &span->start->counters[id], *end = &span->end->counters[id];
    if (!counter_known(start) || !counter_known(end))
        return NAN;
    return (double)(end->value.integer - start->value.integer);
}

struct error *analysis_set_span(struct analysis *analysis, const struct chosen_span *span)
{
    if (span->end->unix_ns <= span->start->unix_ns)
        return NULL;
    double seconds = (double)(span->end->unix_ns - span->start->unix_ns) / 1e9;
    struct edge start = {0}, end = {0};
    struct error *error = edge_init(&start, span->start);
    if (!error)
        error = edge_init(&end, span->end);
    if (!error) {
        set_allocations(analysis, &start, &end, seconds);
        set_goroutines(analysis, &start, &end, seconds);
        analysis->rss = growth_of(counter_change(span, COUNTER_RSS), 0, seconds);
        analysis->heap = growth_of(counter_change(span, COUNTER_HEAP_LIVE), 0, seconds);
        analysis->goroutine_count = growth_of(counter_change(span, COUNTER_GOROUTINES), 0, seconds);
        if (analysis->managed.kind != MANAGED_NONE)
            analysis->managed.growth = growth_of(counter_change(span, analysis->managed.counter), 0, seconds);
    }
    edge_deinit(&start);
    edge_deinit(&end);
    return error;
}

/* ---- the sentence ---- */

static void write_signed(struct text *text, double change, bool of_bytes)
{
    char buffer[UNITS_BUFFER];
    const char *sign = change < 0 ? "\xe2\x88\x92" : "+";
    text_printf(text, "%s%s", change == 0 ? "" : sign,
                of_bytes ? units_format_bytes(buffer, fabs(change)) : units_format_count(buffer, fabs(change)));
}

static void write_figure(struct text *text, const char *name, const struct growth *growth, bool of_bytes)
{
    if (growth->verdict == GROWTH_TOO_FEW)
        return;
    text_printf(text, "%s %s ", text->length && text->data[text->length - 1] != ' ' ? "," : "", name);
    write_signed(text, growth->change, of_bytes);
}

/* The rows that changed most, the way `is_growth` says, named one by one. */
static void write_sites(struct text *text, const struct analysis *analysis)
{
    const struct allocation_row *named[NAMED_SITES] = {0};
    for (int place = 0; place < NAMED_SITES; place++) {
        for (size_t i = 0; i < analysis->num_call_sites; i++) {
            const struct allocation_row *row = &analysis->call_sites[i];
            bool is_less = named[place] && row->growth.change <= named[place]->growth.change;
            bool is_named = place > 0 && row == named[0];
            if (row->growth.verdict == GROWTH_GROWING && !is_less && !is_named)
                named[place] = row;
        }
        if (!named[place])
            break;
        text_append(text, place == 0 ? " Most: " : ", ");
        catalog_write_frame(analysis->snapshot->catalog, named[place]->subject, text);
        text_append(text, " ");
        write_signed(text, named[place]->growth.change, true);
    }
    if (named[0])
        text_append(text, ".");
}

struct error *analysis_write_span(const struct analysis *analysis, const struct chosen_span *span,
                                  struct text *ret_text)
{
    struct text text = {0}, figures = {0};
    char duration[UNITS_BUFFER];
    text_printf(&text, "In the %s of the span:",
                units_format_duration(duration, (double)(span->end->unix_ns - span->start->unix_ns)));
    write_figure(&figures, "RSS", &analysis->rss, true);
    if (analysis_is_go(analysis)) {
        write_figure(&figures, "live heap", &analysis->heap, true);
        write_figure(&figures, "goroutines", &analysis->goroutine_count, false);
    }
    if (figures.length)
        text_printf(&text, "%s.", figures.data);
    write_sites(&text, analysis);
    if (span->end->profile_state == PROFILE_ON && span->start->profile_cycle == span->end->profile_cycle)
        text_append(&text, " No GC cycle ended in it: of call sites nothing new is known.");
    bool failed = text.failed || figures.failed;
    text_deinit(&figures);
    if (failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
