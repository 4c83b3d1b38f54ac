/* Goroutines as the screens list them: one row a stack, a creator, a state, a kind of wait, a set of labels. */
#include "analysis/history.h"

#include <stdlib.h>
#include <string.h>

static const struct series no_series;

static int compare_goroutines(const void *left, const void *right)
{
    const struct goroutine_row *a = left, *b = right;
    int order = growth_compare(&a->growth, &b->growth);
    if (order)
        return order;
    if (a->group.count != b->group.count)
        return a->group.count > b->group.count ? -1 : 1;
    if (a->group.start != b->group.start)
        return a->group.start < b->group.start ? -1 : 1;
    return a->group.state < b->group.state ? -1 : a->group.state > b->group.state;
}

/* ---- what is in one row ---- */

#define NUM_WORDS 8

/* What rows of a grouping are told apart by. */
static void identify(enum goroutine_grouping grouping, const struct goroutine_group *group, uint32_t words[NUM_WORDS])
{
    bool stack = grouping == GOROUTINES_BY_STACK || grouping == GOROUTINES_BY_GROUP;
    bool state = stack || grouping == GOROUTINES_BY_STATE, creator = stack || grouping == GOROUTINES_BY_CREATOR;
    bool labels = grouping == GOROUTINES_BY_LABELS || grouping == GOROUTINES_BY_GROUP;
    memset(words, 0, NUM_WORDS * sizeof(*words));
    words[0] = state ? group->state : 0;
    words[1] = state ? group->wait_reason : 0;
    words[2] = creator ? group->created_by : 0;
    words[3] = creator ? group->start : 0;
    words[4] = stack ? group->stack : 0;
    words[5] = labels ? group->labels : 0;
    words[6] = stack || grouping == GOROUTINES_BY_KIND ? group->kind : 0;
    words[7] = group->system;
}

bool goroutine_groups_match(enum goroutine_grouping grouping, const struct goroutine_group *a,
                            const struct goroutine_group *b)
{
    uint32_t first[NUM_WORDS], second[NUM_WORDS];
    identify(grouping, a, first);
    identify(grouping, b, second);
    return memcmp(first, second, sizeof(first)) == 0;
}

uint64_t goroutine_group_key(enum goroutine_grouping grouping, const struct goroutine_group *group)
{
    uint32_t words[NUM_WORDS];
    identify(grouping, group, words);
    return table_hash_bytes(words, sizeof(words), (uint64_t)grouping);
}

static int compare_in_grouping(const void *left, const void *right, void *argument)
{
    enum goroutine_grouping grouping = *(const enum goroutine_grouping *)argument;
    uint32_t first[NUM_WORDS], second[NUM_WORDS];
    identify(grouping, &((const struct goroutine_row *)left)->group, first);
    identify(grouping, &((const struct goroutine_row *)right)->group, second);
    int order = memcmp(first, second, sizeof(first));
    return order ? order : compare_goroutines(left, right);
}

/* The function that the goroutine was started with: the outermost frame but that of the runtime's which ends it. */
static frame_id outermost(const struct catalog *catalog, const struct stack *stack)
{
    frame_id last = stack->frames[stack->depth - 1];
    bool ends = strcmp(catalog_string(catalog, catalog_frame(catalog, last)->function), "runtime.goexit") == 0;
    return ends && stack->depth > 1 ? stack->frames[stack->depth - 2] : last;
}

frame_id goroutine_subject(const struct catalog *catalog, const struct goroutine_group *group)
{
    struct stack stack = catalog_stack(catalog, group->stack);
    if (stack.depth == 0)
        return group->start ? group->start : group->created_by;
    frame_id subject = stack.frames[catalog_stack_subject(catalog, group->stack)];
    uint8_t origin = catalog_frame(catalog, subject)->origin;
    /* Nothing of the program's own is on the stack: what it runs says more than where in the library it waits. */
    if (origin == FRAME_STANDARD || origin == FRAME_RUNTIME)
        return !group->stack_cut || !group->start ? outermost(catalog, &stack) : group->start;
    return subject;
}

/* ---- sums ---- */

static void merge_waits(struct goroutine_group *sum, const struct goroutine_group *group)
{
    bool is_same = sum->num_objects == 1 && group->num_objects == 1 && sum->object.kind == group->object.kind &&
                   sum->object.address == group->object.address;
    uint32_t goroutines = sum->object.goroutines + group->object.goroutines;
    if (!is_same && group->object.goroutines > sum->object.goroutines)
        sum->object = group->object;
    if (is_same)
        sum->object.goroutines = goroutines;
    else
        sum->num_objects += group->num_objects;
    sum->examined += group->examined;
}

/* Adds a group to a row of several. */
static void merge_group(struct goroutine_row *row, const struct goroutine_group *group)
{
    struct goroutine_group *sum = &row->group;
    row->labels_differ |= sum->labels != group->labels;
    sum->state = sum->state == group->state ? sum->state : 0;
    sum->wait_reason = sum->wait_reason == group->wait_reason ? sum->wait_reason : 0;
    sum->created_by = sum->created_by == group->created_by ? sum->created_by : 0;
    sum->start = sum->start == group->start ? sum->start : 0;
    sum->stack = sum->stack == group->stack ? sum->stack : 0;
    sum->labels = sum->labels == group->labels ? sum->labels : 0;
    sum->kind = sum->kind == group->kind ? sum->kind : WAIT_UNKNOWN;
    sum->stack_cut |= group->stack_cut;
    sum->count += group->count;
    if (group->oldest_goid && (!sum->oldest_goid || group->oldest_goid < sum->oldest_goid))
        sum->oldest_goid = group->oldest_goid;
    sum->newest_goid = group->newest_goid > sum->newest_goid ? group->newest_goid : sum->newest_goid;
    if (sum->parent_created_by != group->parent_created_by || sum->parent_start != group->parent_start)
        sum->parent_created_by = sum->parent_start = 0;
    sum->parent_known &= group->parent_known;
    sum->parent_ended &= group->parent_ended;
    merge_waits(sum, group);
    if (group->wait_known) {
        if (!sum->wait_known || group->wait_ns_min < sum->wait_ns_min)
            sum->wait_ns_min = group->wait_ns_min;
        if (!sum->wait_known || group->wait_ns_max > sum->wait_ns_max)
            sum->wait_ns_max = group->wait_ns_max;
        sum->wait_known = true;
    }
    row->num_groups++;
}

/* What is counted over time like this grouping's rows. */
static enum goroutine_scope scope_of(enum goroutine_grouping grouping)
{
    static const enum goroutine_scope scopes[GOROUTINE_GROUPINGS] = {
        [GOROUTINES_BY_STACK] = SCOPE_GROUP, [GOROUTINES_BY_CREATOR] = SCOPE_CREATOR,
        [GOROUTINES_BY_STATE] = SCOPE_STATE, [GOROUTINES_BY_KIND] = SCOPE_KIND,
        [GOROUTINES_BY_LABELS] = SCOPE_LABELS, [GOROUTINES_BY_GROUP] = SCOPE_GROUP,
    };
    return scopes[grouping];
}

/* The rows of one grouping out of those of single groups; they are not sorted yet. */
static struct error *merge_rows(const struct history *history, struct analysis *analysis,
                                enum goroutine_grouping grouping, const struct goroutine_row *groups, size_t count)
{
    size_t merged = 0;
    struct goroutine_row *rows = arena_copy_array(&analysis->arena, groups, count, sizeof(*rows));
    if (!rows)
        return error_no_memory();
    if (count > 1)
        qsort_r(rows, count, sizeof(*rows), compare_in_grouping, &grouping);
    struct goroutine_group first = {0};
    for (size_t i = 0; i < count; i++) {
        struct goroutine_row row = rows[i];
        if (i > 0 && goroutine_groups_match(grouping, &first, &row.group)) {
            merge_group(&rows[merged - 1], &row.group);
            continue;
        }
        first = row.group;
        row.grouping = grouping;
        const struct tracked_goroutines *tracked = history_find_goroutines(history, scope_of(grouping), &first);
        row.counts = tracked ? &tracked->counts : &no_series;
        row.growth = (struct growth){.verdict = GROWTH_TOO_FEW};
        if (tracked && grouping != GOROUTINES_BY_STACK && grouping != GOROUTINES_BY_GROUP)
            row.growth = tracked->growth;
        rows[merged++] = row;
    }
    analysis->goroutines_by[grouping] = rows;
    analysis->num_goroutines_by[grouping] = merged;
    return NULL;
}

static void sort_rows(struct analysis *analysis, enum goroutine_grouping grouping)
{
    if (analysis->num_goroutines_by[grouping] > 1)
        qsort(analysis->goroutines_by[grouping], analysis->num_goroutines_by[grouping],
              sizeof(struct goroutine_row), compare_goroutines);
}

/* ---- which rows of stacks, or of single groups, are judged ---- */

static uint32_t *find_largest(const struct history *history, uint32_t *largest, enum goroutine_scope scope,
                              const struct goroutine_group *group, const struct tracked_goroutines **ret_tracked)
{
    *ret_tracked = history_find_goroutines(history, scope, group);
    return *ret_tracked ? &largest[*ret_tracked - history->goroutines.items] : NULL;
}

static struct error *judge_rows(const struct history *history, struct goroutine_row *rows, size_t count)
{
    _cleanup_free_ uint32_t *largest = calloc(history->goroutines.count + 1, sizeof(*largest));
    if (!largest)
        return error_no_memory();
    const struct tracked_goroutines *own, *creator;
    for (size_t i = 0; i < count; i++) {
        for (int scope = SCOPE_GROUP; scope <= SCOPE_CREATOR; scope++) {
            uint32_t *most = find_largest(history, largest, (enum goroutine_scope)scope, &rows[i].group, &own);
            if (most && rows[i].group.count > *most)
                *most = rows[i].group.count;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct goroutine_group *group = &rows[i].group;
        const uint32_t *most_of_own = find_largest(history, largest, SCOPE_GROUP, group, &own);
        const uint32_t *most_of_creator = find_largest(history, largest, SCOPE_CREATOR, group, &creator);
        if (creator && group->count == *most_of_creator)
            rows[i].growth = creator->growth;
        else if (own && creator && group->count == *most_of_own && *most_of_own != *most_of_creator)
            rows[i].growth = own->growth;
    }
    return NULL;
}

struct error *analysis_compute_goroutines(const struct history *history, struct analysis *analysis)
{
    const struct snapshot *snapshot = analysis->snapshot;
    size_t count = snapshot->num_goroutine_groups;
    struct goroutine_row *groups = arena_alloc_array(&analysis->arena, count, sizeof(*groups));
    if (!groups)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        groups[i] = (struct goroutine_row){
            .group = snapshot->goroutine_groups[i], .group_index = (uint32_t)i, .num_groups = 1, .counts = &no_series};
    for (enum goroutine_grouping grouping = 0; grouping < GOROUTINE_GROUPINGS; grouping++) {
        struct error *error = merge_rows(history, analysis, grouping, groups, count);
        if (!error && (grouping == GOROUTINES_BY_STACK || grouping == GOROUTINES_BY_GROUP))
            error = judge_rows(history, analysis->goroutines_by[grouping], analysis->num_goroutines_by[grouping]);
        if (error)
            return error;
        sort_rows(analysis, grouping);
    }
    analysis->goroutines = analysis->goroutines_by[GOROUTINES_BY_STACK];
    analysis->num_goroutines = analysis->num_goroutines_by[GOROUTINES_BY_STACK];
    return NULL;
}
