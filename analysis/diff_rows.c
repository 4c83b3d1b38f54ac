/* The lists of a comparison: call sites and stacks, goroutines and their groups. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/diff.h"

/* ---- heap profile ---- */

/* Objects that one sampled object may stand for: a rate out of a damaged recording is no reason for infinity. */
#define MAX_SCALE 0x1p40

/* Buckets of one stack and size: what the sampling error of a change is computed from. */
struct bucket {
    uint32_t row;               /* Of its stack. */
    uint64_t size;
    struct site_counts counts[2];
};

struct stack_row {
    struct diff_allocation_row row;
    uint32_t matched_stack, matched_subject;
    uint32_t call_site;
    double variance;
    bool is_in[2];
};

struct call_site_row {
    struct diff_allocation_row row;
    double variance;
    bool is_in[2];
    uint32_t position;          /* Among the sorted ones. */
};

struct comparison {
    struct diff *diff;
    VECTOR(struct stack_row) stacks;
    VECTOR(struct call_site_row) call_sites;
    VECTOR(struct bucket) buckets;
    struct table stacks_by_id, call_sites_by_subject, buckets_by_key;
    double rates[2];
};

static void comparison_deinit(struct comparison *comparison)
{
    vector_deinit(&comparison->stacks);
    vector_deinit(&comparison->call_sites);
    vector_deinit(&comparison->buckets);
    table_deinit(&comparison->stacks_by_id);
    table_deinit(&comparison->call_sites_by_subject);
    table_deinit(&comparison->buckets_by_key);
}

static void add_values(struct site_values *sum, const struct site_values *more)
{
    diff_add(&sum->alloc_objects, more->alloc_objects);
    diff_add(&sum->alloc_bytes, more->alloc_bytes);
    diff_add(&sum->inuse_objects, more->inuse_objects);
    diff_add(&sum->inuse_bytes, more->inuse_bytes);
}

/* The row of a stack, made when it is new; NULL in *ret_row where the bound is met. */
static struct error *find_stack_row(struct comparison *comparison, struct translator *translator, stack_id id,
                                    struct stack_row **ret_row)
{
    struct translated ids;
    bool is_new = false;
    if (!translate_stack(translator, id, &ids) ||
        !vector_reserve(&comparison->stacks, comparison->stacks.count + 1))
        return error_no_memory();
    if (comparison->stacks.count >= DIFF_MAX_ROWS && !table_find(&comparison->stacks_by_id, ids.matched)) {
        comparison->diff->sites_are_cut = true;
        *ret_row = NULL;
        return NULL;
    }
    uint64_t *index = table_insert(&comparison->stacks_by_id, ids.matched, &is_new);
    if (!index)
        return error_no_memory();
    if (is_new) {
        *index = comparison->stacks.count;
        comparison->stacks.items[comparison->stacks.count++] =
            (struct stack_row){.matched_stack = ids.matched, .row = {.num_stacks = 1}};
    }
    struct stack_row *row = &comparison->stacks.items[*index];
    struct stack stack = catalog_stack(translator->from, id);
    if (stack.depth > 0) {
        struct translated subject;
        frame_id frame = stack.frames[catalog_stack_subject(translator->from, id)];
        if (!translate_frame(translator, frame, &subject))
            return error_no_memory();
        /* The new moment is read last, and is what people see. */
        row->row.subject = subject.shown;
        row->matched_subject = subject.matched;
    }
    row->row.stack = ids.shown;
    *ret_row = row;
    return NULL;
}

static struct error *count_bucket(struct comparison *comparison, const struct site *site, uint32_t row,
                                  enum diff_side side)
{
    const uint64_t key[] = {row, site->object_size};
    bool is_new = false;
    if (!vector_reserve(&comparison->buckets, comparison->buckets.count + 1))
        return error_no_memory();
    uint64_t *index = table_insert(&comparison->buckets_by_key, table_hash_bytes(key, sizeof(key), 0), &is_new);
    if (!index)
        return error_no_memory();
    if (is_new) {
        *index = comparison->buckets.count;
        comparison->buckets.items[comparison->buckets.count++] =
            (struct bucket){.row = row, .size = site->object_size};
    }
    struct site_counts *counts = &comparison->buckets.items[*index].counts[side];
    counts->allocs += site->published.allocs;
    counts->frees += site->published.frees;
    return NULL;
}

static struct error *add_side(struct comparison *comparison, const struct snapshot *snapshot,
                              struct translator *translator, enum diff_side side)
{
    int64_t rate = snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer;
    struct diff_moment *moment = &comparison->diff->moments[side];
    comparison->rates[side] = (double)rate;
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct site *site = &snapshot->sites[i];
        const struct site_values values = site_scale(&site->published, rate);
        struct stack_row *row;
        add_values(&moment->totals, &values);
        /* A bucket of which nothing is published yet is not in the profile. */
        if (site->published.allocs == 0)
            continue;
        struct error *error = find_stack_row(comparison, translator, site->stack, &row);
        if (error)
            return error;
        if (!row)
            continue;
        add_values(&row->row.values[side], &values);
        row->row.lines[side] = catalog_frame(comparison->diff->catalog, row->row.subject)->line;
        error = count_bucket(comparison, site, (uint32_t)(row - comparison->stacks.items), side);
        if (error)
            return error;
    }
    return NULL;
}

/* Of an estimate that rests on so many sampled objects: each stands for `scale` objects, and was sampled with the
 * probability 1/scale. In objects, or in bytes of `each`. */
static double estimate_variance(double sampled, double scale, double each)
{
    return fmax(sampled, 0) * scale * (scale - 1) * each * each;
}

static double bucket_variance(const struct comparison *comparison, const struct bucket *bucket)
{
    enum site_value value = comparison->diff->value;
    bool of_allocs = value == SITE_ALLOC_BYTES || value == SITE_ALLOC_OBJECTS;
    double each = value == SITE_INUSE_OBJECTS || value == SITE_ALLOC_OBJECTS ? 1 : (double)bucket->size;
    double sampled[2], scales[2], sum = 0;
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
        const struct site_counts *counts = &bucket->counts[side];
        double rate = comparison->rates[side];
        scales[side] = rate > 1 && bucket->size ? fmin(1 / (1 - exp(-(double)bucket->size / rate)), MAX_SCALE) : 1;
        sampled[side] = (double)counts->allocs - (of_allocs ? 0 : (double)counts->frees);
        sum += estimate_variance(sampled[side], scales[side], each);
    }
    if (!comparison->diff->is_same_process)
        return sum;
    /* What both moments hold are the same sampled objects: uncertain is only what came and went in between. */
    const struct site_counts *counts = bucket->counts;
    double moved = fabs((double)counts[DIFF_NEW].allocs - (double)counts[DIFF_OLD].allocs);
    if (!of_allocs)
        moved += fabs((double)counts[DIFF_NEW].frees - (double)counts[DIFF_OLD].frees);
    return fmin(sum, estimate_variance(moved, fmax(scales[DIFF_OLD], scales[DIFF_NEW]), each));
}

static bool has_value(const struct site_values *values, enum site_value which)
{
    return site_value_of(values, which) != 0;
}

/* Sums the stacks of one subject. */
static struct error *make_call_sites(struct comparison *comparison)
{
    enum site_value value = comparison->diff->value;
    for (size_t i = 0; i < comparison->buckets.count; i++) {
        const struct bucket *bucket = &comparison->buckets.items[i];
        comparison->stacks.items[bucket->row].variance += bucket_variance(comparison, bucket);
    }
    for (size_t i = 0; i < comparison->stacks.count; i++) {
        struct stack_row *stack = &comparison->stacks.items[i];
        bool is_new = false;
        if (!vector_reserve(&comparison->call_sites, comparison->call_sites.count + 1))
            return error_no_memory();
        uint64_t *index = table_insert(&comparison->call_sites_by_subject, stack->matched_subject, &is_new);
        if (!index)
            return error_no_memory();
        if (is_new) {
            *index = comparison->call_sites.count;
            comparison->call_sites.items[comparison->call_sites.count++] = (struct call_site_row){0};
        }
        struct call_site_row *site = &comparison->call_sites.items[*index];
        stack->call_site = (uint32_t)*index;
        site->variance += stack->variance;
        site->row.num_stacks++;
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
            add_values(&site->row.values[side], &stack->row.values[side]);
            stack->is_in[side] = has_value(&stack->row.values[side], value);
            site->is_in[side] |= stack->is_in[side];
            if (stack->row.lines[side])
                site->row.lines[side] = stack->row.lines[side];
        }
        stack->row.change = diff_change_of(site_value_of(&stack->row.values[DIFF_OLD], value),
                                           site_value_of(&stack->row.values[DIFF_NEW], value), stack->is_in[DIFF_OLD],
                                           stack->is_in[DIFF_NEW], stack->variance);
    }
    return NULL;
}

static int compare_rows(const struct diff_allocation_row *a, const struct diff_allocation_row *b, enum site_value value)
{
    int order = diff_change_compare(&a->change, &b->change);
    if (order)
        return order;
    int64_t left = site_value_of(&a->values[DIFF_NEW], value), right = site_value_of(&b->values[DIFF_NEW], value);
    if (left != right)
        return left > right ? -1 : 1;
    return (a->stack > b->stack) - (a->stack < b->stack);
}

static int compare_call_sites(const void *left, const void *right, void *argument)
{
    const struct call_site_row *a = *(struct call_site_row *const *)left, *b = *(struct call_site_row *const *)right;
    return compare_rows(&a->row, &b->row, *(enum site_value *)argument);
}

struct stack_order {
    const struct comparison *comparison;
    enum site_value value;
};

static int compare_stacks(const void *left, const void *right, void *argument)
{
    const struct stack_row *a = left, *b = right;
    const struct stack_order *order = argument;
    uint32_t first = order->comparison->call_sites.items[a->call_site].position;
    uint32_t second = order->comparison->call_sites.items[b->call_site].position;
    return first != second ? (first > second) - (first < second) : compare_rows(&a->row, &b->row, order->value);
}

/* The finished rows of both lists, in the diff's arena. */
static struct error *sort_rows(struct comparison *comparison)
{
    struct diff *diff = comparison->diff;
    size_t num_sites = comparison->call_sites.count, num_stacks = comparison->stacks.count;
    _cleanup_free_ struct call_site_row **order = calloc(num_sites + 1, sizeof(struct call_site_row *));
    diff->call_sites = arena_alloc_array(&diff->arena, num_sites, sizeof(*diff->call_sites));
    diff->stacks = arena_alloc_array(&diff->arena, num_stacks, sizeof(*diff->stacks));
    if (!order || !diff->call_sites || !diff->stacks)
        return error_no_memory();
    for (size_t i = 0; i < num_sites; i++)
        order[i] = &comparison->call_sites.items[i];
    if (num_sites > 1)
        qsort_r(order, num_sites, sizeof(struct call_site_row *), compare_call_sites, &diff->value);
    for (size_t i = 0; i < num_sites; i++)
        order[i]->position = (uint32_t)i;
    if (num_stacks > 1)
        qsort_r(comparison->stacks.items, num_stacks, sizeof(*comparison->stacks.items), compare_stacks,
                &(struct stack_order){.comparison = comparison, .value = diff->value});
    uint32_t next = 0;
    for (size_t i = 0; i < num_sites; i++) {
        struct diff_allocation_row *site = &diff->call_sites[i];
        *site = order[i]->row;
        site->first_stack = next;
        site->stack = comparison->stacks.items[next].row.stack;
        site->subject = comparison->stacks.items[next].row.subject;
        /* What is there at the new moment is shown as it is there. */
        for (uint32_t k = 0; k < site->num_stacks; k++, next++) {
            diff->stacks[next] = comparison->stacks.items[next].row;
            diff->stacks[next].first_stack = next;
            diff->stacks[next].change.share = diff_share(diff->stacks[next].change.change, diff->grown, diff->shrunk);
            if (catalog_frame(diff->catalog, site->subject)->line != site->lines[DIFF_NEW] &&
                catalog_frame(diff->catalog, diff->stacks[next].subject)->line == site->lines[DIFF_NEW])
                site->subject = diff->stacks[next].subject;
        }
    }
    diff->num_call_sites = num_sites;
    diff->num_stacks = num_stacks;
    return NULL;
}

struct error *diff_compute_sites(struct diff *diff, const struct diff_source *const sources[2],
                                 struct translator translators[2])
{
    _cleanup_(comparison_deinit) struct comparison comparison = {.diff = diff};
    struct error *error = NULL;
    for (int side = DIFF_OLD; !error && side <= DIFF_NEW; side++)
        if (diff->moments[side].has_sites)
            error = add_side(&comparison, sources[side]->snapshot, &translators[side], (enum diff_side)side);
    if (error || !diff->has_sites)
        return error;
    error = make_call_sites(&comparison);
    if (error)
        return error;
    for (size_t i = 0; i < comparison.call_sites.count; i++) {
        struct call_site_row *site = &comparison.call_sites.items[i];
        site->row.change = diff_change_of(site_value_of(&site->row.values[DIFF_OLD], diff->value),
                                          site_value_of(&site->row.values[DIFF_NEW], diff->value),
                                          site->is_in[DIFF_OLD], site->is_in[DIFF_NEW], site->variance);
        diff->num_of_kind[site->row.change.kind]++;
        diff_add(site->row.change.change > 0 ? &diff->grown : &diff->shrunk, site->row.change.change);
    }
    for (size_t i = 0; i < comparison.call_sites.count; i++) {
        struct diff_change *change = &comparison.call_sites.items[i].row.change;
        change->share = diff_share(change->change, diff->grown, diff->shrunk);
    }
    return sort_rows(&comparison);
}

/* ---- goroutines ---- */

struct goroutine_key {
    uint32_t created_by, start;     /* As matched. */
    uint32_t state, wait_reason, stack;
    uint32_t system;
};

struct group_row {
    struct diff_goroutine_row row;
    struct goroutine_key key;
};

typedef VECTOR(struct group_row) group_vector;

static bool make_key(struct translator *translator, const struct goroutine_group *group, struct goroutine_key *ret_key,
                     struct diff_goroutine_row *ret_row)
{
    struct translated created_by, start, stack;
    struct diff_goroutine_row row = {.system = group->system, .num_groups = 1};
    if (!translate_frame(translator, group->created_by, &created_by) ||
        !translate_frame(translator, group->start, &start) || !translate_stack(translator, group->stack, &stack) ||
        !translate_string(translator, group->state, &row.state) ||
        !translate_string(translator, group->wait_reason, &row.wait_reason))
        return false;
    row.created_by = created_by.shown;
    row.start = start.shown;
    row.stack = stack.shown;
    *ret_row = row;
    *ret_key = (struct goroutine_key){.created_by = created_by.matched,
                                      .start = start.matched,
                                      .state = row.state,
                                      .wait_reason = row.wait_reason,
                                      .stack = stack.matched,
                                      .system = group->system};
    return true;
}

static uint32_t add_counts(uint32_t left, uint32_t right)
{
    return left > UINT32_MAX - right ? UINT32_MAX : left + right;
}

static struct error *add_group(group_vector *groups, struct table *by_key, struct diff *diff,
                               struct translator *translator, const struct goroutine_group *group, enum diff_side side)
{
    struct goroutine_key key;
    struct diff_goroutine_row row;
    bool is_new = false;
    if (!make_key(translator, group, &key, &row) || !vector_reserve(groups, groups->count + 1))
        return error_no_memory();
    uint64_t hash = table_hash_bytes(&key, sizeof(key), 0);
    if (groups->count >= DIFF_MAX_ROWS && !table_find(by_key, hash)) {
        diff->goroutines_are_cut = true;
        return NULL;
    }
    uint64_t *index = table_insert(by_key, hash, &is_new);
    if (!index)
        return error_no_memory();
    if (is_new) {
        *index = groups->count;
        groups->items[groups->count++] = (struct group_row){.key = key};
    }
    struct group_row *found = &groups->items[*index];
    memcpy(row.counts, found->row.counts, sizeof(row.counts));
    row.counts[side] = add_counts(row.counts[side], group->count);
    found->row = row;
    return NULL;
}

static int compare_creators(const struct goroutine_key *a, const struct goroutine_key *b)
{
    if (a->created_by != b->created_by)
        return a->created_by < b->created_by ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (int)a->system - (int)b->system;
}

static int compare_numbers(uint32_t left, uint32_t right)
{
    return (left > right) - (left < right);
}

static int compare_groups(const void *left, const void *right)
{
    const struct group_row *a = left, *b = right;
    int order = compare_creators(&a->key, &b->key);
    if (!order)
        order = diff_change_compare(&a->row.change, &b->row.change);
    if (!order)
        order = compare_numbers(b->row.counts[DIFF_NEW], a->row.counts[DIFF_NEW]);
    return order ? order : compare_numbers(a->row.stack, b->row.stack);
}

static int compare_goroutines(const void *left, const void *right)
{
    const struct diff_goroutine_row *a = left, *b = right;
    int order = diff_change_compare(&a->change, &b->change);
    if (order)
        return order;
    if (a->counts[DIFF_NEW] != b->counts[DIFF_NEW])
        return a->counts[DIFF_NEW] > b->counts[DIFF_NEW] ? -1 : 1;
    return (a->first_group > b->first_group) - (a->first_group < b->first_group);
}

static struct diff_change count_change(const uint32_t counts[2])
{
    return diff_change_of(counts[DIFF_OLD], counts[DIFF_NEW], counts[DIFF_OLD] > 0, counts[DIFF_NEW] > 0, 0);
}

/* Rows of one creator and start out of groups that stand next to each other. */
static void merge_groups(const group_vector *groups, struct diff_goroutine_row *rows, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < groups->count; i++) {
        const struct group_row *group = &groups->items[i];
        if (i == 0 || compare_creators(&groups->items[i - 1].key, &group->key) != 0) {
            rows[count] = group->row;
            rows[count++].first_group = (uint32_t)i;
            continue;
        }
        struct diff_goroutine_row *row = &rows[count - 1];
        if (row->state != group->row.state || row->wait_reason != group->row.wait_reason)
            row->state = row->wait_reason = 0;
        row->num_groups++;
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
            row->counts[side] = add_counts(row->counts[side], group->row.counts[side]);
    }
    *ret_count = count;
}

static void set_shares(struct diff_goroutine_row *rows, size_t count, int64_t grown, int64_t shrunk)
{
    for (size_t i = 0; i < count; i++)
        rows[i].change.share = diff_share(rows[i].change.change, grown, shrunk);
}

/* The finished rows of both lists, in the diff's arena. */
static struct error *sort_goroutines(struct diff *diff, group_vector *groups)
{
    size_t count = groups->count;
    int64_t grown = 0, shrunk = 0;
    diff->goroutines = arena_alloc_array(&diff->arena, count, sizeof(*diff->goroutines));
    diff->goroutine_groups = arena_alloc_array(&diff->arena, count, sizeof(*diff->goroutine_groups));
    if (!diff->goroutines || !diff->goroutine_groups)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        groups->items[i].row.change = count_change(groups->items[i].row.counts);
    if (count > 1)
        qsort(groups->items, count, sizeof(*groups->items), compare_groups);
    merge_groups(groups, diff->goroutines, &diff->num_goroutines);
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        struct diff_goroutine_row *row = &diff->goroutines[i];
        row->change = count_change(row->counts);
        diff_add(row->change.change > 0 ? &grown : &shrunk, row->change.change);
    }
    if (diff->num_goroutines > 1)
        qsort(diff->goroutines, diff->num_goroutines, sizeof(*diff->goroutines), compare_goroutines);
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        struct diff_goroutine_row *row = &diff->goroutines[i];
        uint32_t first = row->first_group;
        row->first_group = (uint32_t)diff->num_goroutine_groups;
        for (uint32_t k = 0; k < row->num_groups; k++) {
            diff->goroutine_groups[diff->num_goroutine_groups] = groups->items[first + k].row;
            diff->goroutine_groups[diff->num_goroutine_groups].first_group = (uint32_t)diff->num_goroutine_groups;
            diff->num_goroutine_groups++;
        }
    }
    set_shares(diff->goroutines, diff->num_goroutines, grown, shrunk);
    set_shares(diff->goroutine_groups, count, grown, shrunk);
    return NULL;
}

struct error *diff_compute_goroutines(struct diff *diff, const struct diff_source *const sources[2],
                                      struct translator translators[2])
{
    group_vector groups = {0};
    struct table by_key = {0};
    struct error *error = NULL;
    for (int side = DIFF_OLD; !error && side <= DIFF_NEW; side++) {
        const struct snapshot *snapshot = sources[side]->snapshot;
        struct diff_moment *moment = &diff->moments[side];
        for (size_t i = 0; !error && i < snapshot->num_goroutine_groups; i++) {
            const struct goroutine_group *group = &snapshot->goroutine_groups[i];
            if (!group->system)
                moment->goroutines = add_counts(moment->goroutines, group->count);
            error = add_group(&groups, &by_key, diff, &translators[side], group, (enum diff_side)side);
        }
    }
    if (!error)
        error = sort_goroutines(diff, &groups);
    vector_deinit(&groups);
    table_deinit(&by_key);
    return error;
}
