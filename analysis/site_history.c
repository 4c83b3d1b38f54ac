/* The heap profile in a history: sums by stack and by call site, and their series. */
#include "analysis/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/growth.h"
#include "analysis/series.h"

const struct tracked *history_call_site_trend(const struct history *history, const struct tracked_call_site *call_site)
{
    return call_site->num_stacks > 1 ? &call_site->tracked : &history->stacks.items[call_site->first_stack].tracked;
}

/* Frames of one function and line are one call site, though their addresses differ. Ids are below 2^24. */
uint64_t history_call_site_key(const struct frame *frame)
{
    return frame->function ? (uint64_t)frame->function << 32 | frame->line : UINT64_C(1) << 63 | frame->address;
}

/* Up to now the call site's history was that of its only stack; from now on it has its own. */
static struct error *start_own_history(const struct history *history, struct tracked_call_site *call_site)
{
    const struct tracked *only = &history->stacks.items[call_site->first_stack].tracked;
    struct series inuse;
    if (!series_copy(&only->inuse, &inuse))
        return error_no_memory();
    if (!series_copy(&only->allocated, &call_site->tracked.allocated)) {
        series_deinit(&inuse);
        return error_no_memory();
    }
    call_site->tracked.inuse = inuse;
    call_site->tracked.growth = only->growth;
    return NULL;
}

/* The call site of a stack that is about to be added; counts it. */
static struct error *find_call_site(struct history *history, const struct snapshot *snapshot, frame_id subject,
                                    uint32_t stack, uint32_t *ret_index)
{
    bool is_new;
    uint64_t key = history_call_site_key(catalog_frame(snapshot->catalog, subject));
    /* Room first: an index in the table must never point at nothing. */
    if (!vector_reserve(&history->call_sites, history->call_sites.count + 1))
        return error_no_memory();
    uint64_t *index = table_insert(&history->call_sites_by_key, key, &is_new);
    if (!index)
        return error_no_memory();
    if (is_new) {
        *index = history->call_sites.count;
        history->call_sites.items[history->call_sites.count++] = (struct tracked_call_site){.first_stack = stack};
    }
    struct tracked_call_site *call_site = &history->call_sites.items[*index];
    if (call_site->num_stacks == 1) {
        struct error *error = start_own_history(history, call_site);
        if (error)
            return error;
    }
    call_site->num_stacks++;
    *ret_index = (uint32_t)*index;
    return NULL;
}

/* The index of a stack in history->stacks, new or known, or NOT_FOLLOWED. */
static struct error *find_stack(struct history *history, const struct snapshot *snapshot, stack_id id,
                                uint32_t *ret_index)
{
    const uint64_t *known = table_find(&history->stacks_by_id, id);
    if (known) {
        *ret_index = (uint32_t)*known;
        return NULL;
    }
    if (history->stacks.count >= history->options.max_rows) {
        *ret_index = NOT_FOLLOWED;
        return NULL;
    }
    if (!vector_reserve(&history->stacks, history->stacks.count + 1))
        return error_no_memory();
    uint64_t *place = table_insert(&history->stacks_by_id, id, NULL);
    if (!place)
        return error_no_memory();
    /* If memory runs out below, this stack is not followed. */
    *place = NOT_FOLLOWED;
    uint32_t index = (uint32_t)history->stacks.count;
    struct stack stack = catalog_stack(snapshot->catalog, id);
    struct tracked_stack tracked = {.stack = id};
    if (stack.depth > 0)
        tracked.subject = stack.frames[catalog_stack_subject(snapshot->catalog, id)];
    struct error *error = find_call_site(history, snapshot, tracked.subject, index, &tracked.call_site);
    if (error)
        return error;
    history->stacks.items[history->stacks.count++] = tracked;
    *place = index;
    *ret_index = index;
    return NULL;
}

/* site_scale, without its exponentials where every object has the bucket's size: the average is then that size exactly.
 * */
static struct site_values scale_counts(const struct bucket *bucket, const struct site_counts *counts, uint64_t size,
                                       int64_t rate)
{
    /* Products and results stay exact, and far from overflow. */
    const uint64_t most = UINT64_C(1) << 52;
    if (size == 0 || size > most || counts->allocs > most / size || counts->frees > counts->allocs ||
        counts->alloc_bytes != counts->allocs * size || counts->free_bytes != counts->frees * size ||
        !(bucket->weight * (double)counts->allocs <= 0x1p62))
        return site_scale(counts, rate);
    double inuse = (double)(counts->allocs - counts->frees);
    return (struct site_values){
        .alloc_objects = (int64_t)((double)counts->allocs * bucket->scale),
        .alloc_bytes = (int64_t)((double)counts->alloc_bytes * bucket->scale),
        .inuse_objects = (int64_t)(inuse * bucket->scale),
        .inuse_bytes = (int64_t)((double)(counts->alloc_bytes - counts->free_bytes) * bucket->scale),
    };
}

static void bucket_set_rate(struct bucket *bucket, uint64_t object_size, int64_t rate)
{
    double size = (double)object_size;
    bool sampled = rate > 1 && size > 0;
    bucket->missed = sampled ? exp(-size / (double)rate) : 0;
    bucket->scale = 1 / (1 - bucket->missed);
    bucket->weight = size * bucket->scale;
}

static void bucket_update(struct bucket *bucket, const struct site *site, int64_t rate)
{
    bucket->published = scale_counts(bucket, &site->published, site->object_size, rate);
    bucket->provisional = scale_counts(bucket, &site->provisional, site->object_size, rate);
}

static void values_add(struct site_values *sum, const struct site_values *values)
{
    /* Figures of a torn or hostile target may be anything: sums wrap rather than trap. */
    sum->alloc_objects = (int64_t)((uint64_t)sum->alloc_objects + (uint64_t)values->alloc_objects);
    sum->alloc_bytes = (int64_t)((uint64_t)sum->alloc_bytes + (uint64_t)values->alloc_bytes);
    sum->inuse_objects = (int64_t)((uint64_t)sum->inuse_objects + (uint64_t)values->inuse_objects);
    sum->inuse_bytes = (int64_t)((uint64_t)sum->inuse_bytes + (uint64_t)values->inuse_bytes);
}

static void sums_add(struct sums *sums, const struct sums *more)
{
    values_add(&sums->published, &more->published);
    values_add(&sums->provisional, &more->provisional);
    sums->sampled_objects += more->sampled_objects;
    sums->sampled_allocs += more->sampled_allocs;
    sums->sampled_frees += more->sampled_frees;
    sums->alloc_weight += more->alloc_weight;
    sums->inuse_weight += more->inuse_weight;
    sums->variance += more->variance;
    sums->allocated_since += more->allocated_since;
}

static void sums_add_bucket(struct sums *sums, const struct bucket *bucket, const struct site *site)
{
    values_add(&sums->published, &bucket->published);
    values_add(&sums->provisional, &bucket->provisional);
    if (site->published.allocs > site->published.frees)
        sums->sampled_objects += site->published.allocs - site->published.frees;
    sums->sampled_allocs += site->published.allocs;
    sums->sampled_frees += site->published.frees;
    double inuse = fmax((double)bucket->published.inuse_bytes, 0);
    sums->alloc_weight += bucket->weight * fmax((double)bucket->published.alloc_bytes, 0);
    sums->inuse_weight += bucket->weight * inuse;
    /* n objects sampled of n / p: the variance of the estimate is n (1 - p) weights squared. */
    sums->variance += bucket->weight * inuse * bucket->missed;
    sums->allocated_since += (double)bucket->provisional.alloc_bytes - (double)bucket->first_allocated;
}

double sums_weight(const struct sums *sums)
{
    double alloc = sums->published.alloc_bytes > 0 ? sums->alloc_weight / (double)sums->published.alloc_bytes : 0;
    double inuse = sums->published.inuse_bytes > 0 ? sums->inuse_weight / (double)sums->published.inuse_bytes : 0;
    return fmax(alloc, inuse);
}

/* Go's default where it could not be read. */
static int64_t profile_rate(const struct snapshot *snapshot)
{
    const struct counter *rate = &snapshot->counters[COUNTER_MEM_PROFILE_RATE];
    return counter_known(rate) ? rate->value.integer : 512 * 1024;
}

static bool same_counts(const struct site *left, const struct site *right)
{
    return memcmp(&left->published, &right->published, sizeof(left->published)) == 0 &&
           memcmp(&left->provisional, &right->provisional, sizeof(left->provisional)) == 0;
}

/* Buckets that are new or have changed since the latest snapshot. */
static struct error *update_buckets(struct history *history, const struct snapshot *snapshot)
{
    const struct snapshot *previous = history->latest;
    int64_t rate = profile_rate(snapshot);
    bool same_rate = previous && profile_rate(previous) == rate;
    size_t comparable = same_rate && !history->buckets_are_newer ? previous->num_sites : 0;
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct site *site = &snapshot->sites[i];
        if (i >= history->buckets.count) {
            struct bucket bucket = {0};
            struct error *error = find_stack(history, snapshot, site->stack, &bucket.stack);
            if (error)
                return error;
            if (!vector_append(&history->buckets, bucket))
                return error_no_memory();
        } else if (i < comparable && same_counts(site, &previous->sites[i])) {
            continue;
        }
        struct bucket *bucket = &history->buckets.items[i];
        if (i >= comparable)
            bucket_set_rate(bucket, site->object_size, rate);
        bucket_update(bucket, site, rate);
        if (history->profile_is_new)
            bucket->first_allocated = bucket->provisional.alloc_bytes;
    }
    return NULL;
}

static void update_sums(struct history *history, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < history->stacks.count; i++)
        history->stacks.items[i].tracked.sums = (struct sums){0};
    for (size_t i = 0; i < history->call_sites.count; i++)
        history->call_sites.items[i].tracked.sums = (struct sums){0};
    struct allocation_totals totals = {.buckets = snapshot->num_sites,
                                       .stacks = history->stacks.count,
                                       .call_sites = history->call_sites.count};
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct bucket *bucket = &history->buckets.items[i];
        values_add(&totals.published, &bucket->published);
        values_add(&totals.provisional, &bucket->provisional);
        if (bucket->stack == NOT_FOLLOWED)
            totals.buckets_not_followed++;
        else
            sums_add_bucket(&history->stacks.items[bucket->stack].tracked.sums, bucket, &snapshot->sites[i]);
    }
    for (size_t i = 0; i < history->stacks.count; i++) {
        const struct tracked_stack *stack = &history->stacks.items[i];
        sums_add(&history->call_sites.items[stack->call_site].tracked.sums, &stack->tracked.sums);
    }
    history->totals = totals;
}

/* Bytes allocated and freed a second, over the window. */
static void set_rates(const struct history *history, struct tracked *tracked)
{
    const struct series *allocated = &tracked->allocated, *inuse = &tracked->inuse;
    tracked->alloc_bytes_per_s = tracked->free_bytes_per_s = NAN;
    struct point last = series_point(allocated, allocated->count - 1);
    uint64_t first = series_point(allocated, 0).unix_ns, window = history->options.window_ns;
    uint64_t start = last.unix_ns - first > window ? last.unix_ns - window : first;
    double seconds = (double)(last.unix_ns - start) / 1e9, before, held;
    if (!(seconds > 0) || !series_value_at(allocated, start, &before) || !series_value_at(inuse, start, &held))
        return;
    double kept = series_point(inuse, inuse->count - 1).value - held;
    tracked->alloc_bytes_per_s = (last.value - before) / seconds;
    tracked->free_bytes_per_s = fmax((last.value - before - kept) / seconds, 0);
}

static bool observe(struct history *history, struct tracked *tracked, uint64_t unix_ns)
{
    uint32_t points = history->options.site_points;
    if (!series_add(&tracked->inuse, points, unix_ns, (double)tracked->sums.published.inuse_bytes) ||
        !series_add(&tracked->allocated, points, unix_ns, (double)tracked->sums.published.alloc_bytes))
        return false;
    struct growth_input input = {.values = &tracked->inuse,
                                 .allocated = &tracked->allocated,
                                 .weight = sums_weight(&tracked->sums),
                                 .observations = &history->profile_cycles,
                                 .whole = &history->marked,
                                 .min_observations = GROWTH_MIN_OBSERVATIONS,
                                 .window_ns = history->options.window_ns};
    tracked->growth = growth_judge(&input);
    if (history_only_replaces(history, &tracked->inuse, &tracked->growth))
        tracked->growth = (struct growth){.verdict = GROWTH_TOO_FEW, .points = tracked->growth.points};
    set_rates(history, tracked);
    return true;
}

/* A new GC cycle has published the profile. */
static struct error *observe_all(struct history *history, const struct snapshot *snapshot)
{
    history->profile_cycle = snapshot->profile_cycle;
    history->num_profile_cycles++;
    if (!series_add(&history->profile_cycles, history->options.counter_points, snapshot->unix_ns,
                    (double)history->num_profile_cycles))
        return error_no_memory();
    struct error *error = history_observe_unattributed(history, snapshot);
    if (error)
        return error;
    for (size_t i = 0; i < history->stacks.count; i++) {
        if (!observe(history, &history->stacks.items[i].tracked, snapshot->unix_ns))
            return error_no_memory();
    }
    for (size_t i = 0; i < history->call_sites.count; i++) {
        struct tracked_call_site *call_site = &history->call_sites.items[i];
        if (call_site->num_stacks > 1 && !observe(history, &call_site->tracked, snapshot->unix_ns))
            return error_no_memory();
    }
    return NULL;
}

/* ---- the order of the rows ---- */

int growth_compare(const struct growth *left, const struct growth *right)
{
    bool left_grows = left->verdict == GROWTH_GROWING, right_grows = right->verdict == GROWTH_GROWING;
    if (left_grows != right_grows)
        return left_grows ? -1 : 1;
    if (left_grows && left->per_second != right->per_second)
        return left->per_second > right->per_second ? -1 : 1;
    return 0;
}

/* What rows are sorted by, kept together as sorting goes over it many times. */
struct row_key {
    uint32_t rank;          /* Stacks: of their call site. */
    uint32_t index;
    struct growth growth;   /* Call sites only. */
    int64_t inuse, allocated;
};

static int compare_row_keys(const void *left, const void *right)
{
    const struct row_key *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int order = growth_compare(&a->growth, &b->growth);
    if (order)
        return order;
    if (a->inuse != b->inuse)
        return a->inuse > b->inuse ? -1 : 1;
    if (a->allocated != b->allocated)
        return a->allocated > b->allocated ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Call sites by falling growth, then in-use bytes; stacks grouped by call site in that order, in-use bytes falling. */
static struct error *sort_rows(struct history *history)
{
    size_t num_sites = history->call_sites.count, num_stacks = history->stacks.count;
    _cleanup_free_ struct row_key *keys = calloc((num_sites > num_stacks ? num_sites : num_stacks) + 1, sizeof(*keys));
    _cleanup_free_ uint32_t *ranks = calloc(num_sites + 1, sizeof(*ranks));
    if (!keys || !ranks || !vector_reserve(&history->call_site_order, num_sites) ||
        !vector_reserve(&history->stack_order, num_stacks))
        return error_no_memory();
    for (size_t i = 0; i < num_sites; i++) {
        const struct tracked_call_site *call_site = &history->call_sites.items[i];
        keys[i] = (struct row_key){.index = (uint32_t)i,
                                   .growth = history_call_site_trend(history, call_site)->growth,
                                   .inuse = call_site->tracked.sums.published.inuse_bytes,
                                   .allocated = call_site->tracked.sums.published.alloc_bytes};
    }
    qsort(keys, num_sites, sizeof(*keys), compare_row_keys);
    for (size_t i = 0; i < num_sites; i++) {
        history->call_site_order.items[i] = keys[i].index;
        ranks[keys[i].index] = (uint32_t)i;
    }
    for (size_t i = 0; i < num_stacks; i++) {
        const struct tracked_stack *stack = &history->stacks.items[i];
        keys[i] = (struct row_key){.rank = ranks[stack->call_site],
                                   .index = (uint32_t)i,
                                   .inuse = stack->tracked.sums.published.inuse_bytes,
                                   .allocated = stack->tracked.sums.published.alloc_bytes};
    }
    qsort(keys, num_stacks, sizeof(*keys), compare_row_keys);
    for (size_t i = 0; i < num_stacks; i++)
        history->stack_order.items[i] = keys[i].index;
    history->call_site_order.count = num_sites;
    history->stack_order.count = num_stacks;
    return NULL;
}

struct error *history_add_sites(struct history *history, const struct snapshot *snapshot)
{
    if (snapshot->profile_state != PROFILE_ON)
        return NULL;
    history_begin_profile(history, snapshot, profile_rate(snapshot));
    struct error *error = update_buckets(history, snapshot);
    /* Until all has gone well they are ahead of the latest snapshot, and may not be compared with it. */
    history->buckets_are_newer = true;
    if (error)
        return error;
    update_sums(history, snapshot);
    history_measure_unattributed(history, snapshot);
    bool is_new_cycle = history->num_profile_cycles == 0 || snapshot->profile_cycle != history->profile_cycle;
    bool changed = history->stack_order.count != history->stacks.count;
    if (is_new_cycle && !snapshot->profile_torn) {
        error = observe_all(history, snapshot);
        changed = true;
    }
    if (!error)
        error = history_heed_provisional(history, snapshot, &changed);
    return error || !changed ? error : sort_rows(history);
}
