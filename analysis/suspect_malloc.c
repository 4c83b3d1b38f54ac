/* What grows in malloc's heap of a program that is not Go's: C++ objects of a class, chunks of a size, large blocks;
 * and what it keeps without need. Where call sites are known that grow, they are the suspects and this is their
 * evidence. */
#include <math.h>

#include "analysis/suspects.h"

#define SECOND_NS UINT64_C(1000000000)
/* By how much, and by which part of all that is in use, a sort of chunks must have risen. */
#define SMALLEST_RISE (1024.0 * 1024)
#define SMALLEST_PART 0.02
/* A slope of so many times its confidence interval's half width is beyond doubt. */
#define SURE_ERRORS 3
/* Two sorts of chunks that come at one pace, within this factor: parts of one thing. */
#define SAME_PACE 8
/* Sorts that are named among the evidence of what they come with. */
#define MAX_TOLD 3
/* From here on malloc takes mappings of their own (DEFAULT_MMAP_THRESHOLD), and what grows is a block, not their
 * number. */
#define LARGE_BYTES (UINT64_C(128) << 10)
/* The part of RSS's rise that large blocks must account for. */
#define LARGE_PART 0.5
/* Room that is kept without need: how much, of RSS, for how long. */
#define IDLE_BYTES (32.0 * 1024 * 1024)
#define IDLE_PART 0.4
#define IDLE_SPAN_NS (120 * SECOND_NS)
#define MAX_SORTS 6u

/* A sort of chunks that grows. */
struct sort {
    const struct tracked_chunks *tracked;
    string_id type;         /* 0: a size class. */
    uint64_t largest;       /* Of a size class. */
    bool is_told;           /* It is a suspect, or the evidence of one. */
};

/* Those that grow, fastest first, types before sizes: they say more. */
struct sorts {
    VECTOR(struct sort) items;
};

static bool grows(const struct suspect_list *list, const struct tracked_chunks *tracked)
{
    const struct growth *growth = &tracked->growth;
    double rise = suspect_rise(list, growth), used = (double)list->history->malloc.heap.used_bytes;
    return growth->verdict == GROWTH_GROWING && !suspect_is_early(list, growth) && rise >= SMALLEST_RISE &&
           rise >= SMALLEST_PART * used;
}

static int compare_sorts(const void *left, const void *right)
{
    const struct sort *a = left, *b = right;
    if ((a->type == 0) != (b->type == 0))
        return a->type == 0 ? 1 : -1;
    double first = a->tracked->growth.per_second, second = b->tracked->growth.per_second;
    return first == second ? 0 : first > second ? -1 : 1;
}

static bool find_sorts(const struct suspect_list *list, struct sorts *sorts)
{
    const struct malloc_history *malloc = &list->history->malloc;
    bool good = true;
    for (size_t i = 0; good && i < malloc->types.count; i++) {
        const struct tracked_type *type = &malloc->types.items[i];
        if (grows(list, &type->tracked))
            good = vector_append(&sorts->items, (struct sort){.tracked = &type->tracked, .type = type->name});
    }
    for (size_t i = 0; good && i < MALLOC_CLASSES; i++) {
        if (grows(list, &malloc->classes[i]) && malloc_class_largest(i) <= LARGE_BYTES)
            good = vector_append(&sorts->items, (struct sort){.tracked = &malloc->classes[i],
                                                              .largest = malloc_class_largest(i)});
    }
    if (sorts->items.count > 1)
        qsort(sorts->items.items, sorts->items.count, sizeof(*sorts->items.items), compare_sorts);
    return good;
}

static double mean_bytes(const struct tracked_chunks *tracked)
{
    return tracked->chunks ? (double)tracked->bytes / (double)tracked->chunks : 1;
}

static double chunks_per_second(const struct sort *sort)
{
    return sort->tracked->growth.per_second / mean_bytes(sort->tracked);
}

/* "Objects of shop::Session", "Chunks of 48 bytes" */
static const char *name_sort(struct suspect_list *list, const struct sort *sort, const char *objects,
                             const char *chunks)
{
    if (sort->type)
        return suspect_text(list, "%s %s", objects, catalog_string(list->catalog, sort->type));
    size_t class = malloc_class_of(sort->largest);
    bool is_one_size = class > 0 && sort->largest - malloc_class_largest(class - 1) <= 16;
    return suspect_text(list, "%s %s%llu bytes", chunks, is_one_size ? "" : "up to ",
                        (unsigned long long)sort->largest);
}

/* The size that a class's own chunks have: the same memory, counted by size. */
static bool is_own_size(const struct sort *type, const struct sort *size)
{
    return type->type && !size->type &&
           malloc_class_of((uint64_t)mean_bytes(type->tracked)) == malloc_class_of(size->largest);
}

/* What an object refers to comes at its pace. */
static bool keeps_pace(const struct sort *first, const struct sort *other)
{
    double pace = chunks_per_second(first) / chunks_per_second(other);
    return pace <= SAME_PACE && pace >= 1.0 / SAME_PACE;
}

static enum suspect_confidence judge(const struct suspect_list *list, const struct growth *growth)
{
    bool sure = growth->per_second >= SURE_ERRORS * growth->error_per_second &&
                list->analysis->rss.verdict == GROWTH_GROWING && suspect_is_long(list, growth);
    return sure ? SUSPECT_SURE : SUSPECT_LIKELY;
}

static void tell_more(struct suspect_list *list, struct suspicion *suspicion, struct sorts *sorts, size_t chosen)
{
    const struct sort *first = &sorts->items.items[chosen];
    unsigned told = 0;
    for (size_t i = chosen + 1; i < sorts->items.count; i++) {
        struct sort *other = &sorts->items.items[i];
        bool is_own = is_own_size(first, other);
        char rate[UNITS_BUFFER];
        if (other->is_told || !(is_own || keeps_pace(first, other)))
            continue;
        other->is_told = true;
        if (is_own || told++ >= MAX_TOLD)
            continue;
        suspicion->weight += other->tracked->growth.per_second;
        suspect_add_evidence(suspicion, suspect_text(list, "At the same pace come %s, %s.",
                                                     name_sort(list, other, "objects of", "chunks of"),
                                                     units_format_rate(rate, other->tracked->growth.per_second)));
    }
}

static const char *advise(const struct suspect_list *list, const struct sort *sort)
{
    bool is_sampled = snapshot_profile_kind(list->analysis->snapshot) == PROFILE_OF_ALLOCATIONS;
    if (sort->type)
        return "Find who makes objects of this class and who should delete them: a container that is only added to, a "
               "cycle of shared pointers, a request that is never finished.";
    return is_sampled ? "Look at the call sites that hold most: their samples are too few yet to tell which one grows."
                      : "Which code allocates them: started by heaptop run, the program would tell; of the running one "
                        "--probe allocs tells, or --probe faults (P in the live view) who touches new memory.";
}

static void add_sort(struct suspect_list *list, struct sorts *sorts, size_t chosen)
{
    struct sort *sort = &sorts->items.items[chosen];
    const struct tracked_chunks *tracked = sort->tracked;
    const struct growth *growth = &tracked->growth;
    char rate[UNITS_BUFFER], count[UNITS_BUFFER], bytes[UNITS_BUFFER], first[UNITS_BUFFER];
    struct suspicion *suspicion =
        suspect_add_growth(list, sort->type ? SUSPECT_TYPE_GROWS : SUSPECT_CHUNKS_GROW, judge(list, growth), growth, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    sort->is_told = true;
    if (sort->type)
        suspect->per_second = chunks_per_second(sort);
    suspect->name = sort->type ? catalog_string(list->catalog, sort->type)
                               : name_sort(list, sort, "objects of", "chunks of");
    suspect->summary = suspect_text(list, "%s come and do not go: %s more%s.",
                                    name_sort(list, sort, "Objects of", "Chunks of"),
                                    units_format_rate(rate, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    suspect_add_evidence(suspicion,
                         suspect_text(list, "%s of them take %s; %s when malloc's heap was first read.",
                                      units_format_exact(count, (int64_t)tracked->chunks),
                                      units_format_bytes(bytes, (double)tracked->bytes),
                                      units_format_exact(first, (int64_t)tracked->first_chunks)));
    suspect->advice = advise(list, sort);
    tell_more(list, suspicion, sorts, chosen);
}

/* What is known of what grows stands with the call site that makes it. */
static void tell_site(struct suspect_list *list, struct suspicion *site, const struct sort *sort)
{
    char rate[UNITS_BUFFER];
    suspect_add_evidence(site, suspect_text(list, "In malloc's heap %s grow by %s.",
                                            name_sort(list, sort, "objects of", "chunks of"),
                                            units_format_rate(rate, sort->tracked->growth.per_second)));
}

static struct suspicion *heaviest_site(struct suspect_list *list)
{
    struct suspicion *heaviest = NULL;
    for (size_t i = 0; i < list->found.count; i++) {
        struct suspicion *suspicion = &list->found.items[i];
        if (suspicion->suspect.kind == SUSPECT_SITE_GROWS && (!heaviest || suspicion->weight > heaviest->weight))
            heaviest = suspicion;
    }
    return heaviest;
}

/* A call site that holds blocks so large, and most of them; 0: none is known. */
static frame_id site_of_large(const struct suspect_list *list, stack_id *ret_stack)
{
    const struct analysis *analysis = list->analysis;
    const struct allocation_row *most = NULL;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        const struct allocation_row *row = &analysis->call_sites[i];
        bool is_large = row->published.inuse_objects > 0 &&
                        (uint64_t)(row->published.inuse_bytes / row->published.inuse_objects) >= LARGE_BYTES;
        if (is_large && (!most || row->published.inuse_bytes > most->published.inuse_bytes))
            most = row;
    }
    *ret_stack = most ? most->stack : 0;
    return most ? most->subject : 0;
}

/* A vector or buffer that is only appended to moves to ever larger blocks: no number of chunks rises, but what they
 * take does, in steps, while RSS rises with what is written into them. */
static void find_large(struct suspect_list *list)
{
    const struct malloc_history *malloc = &list->history->malloc;
    const struct growth *rss = &list->analysis->rss;
    double before, now;
    char rate[UNITS_BUFFER], bytes[UNITS_BUFFER], gained[UNITS_BUFFER];
    if (rss->verdict != GROWTH_GROWING || suspect_is_early(list, rss) || malloc->large.count == 0)
        return;
    if (!series_value_at(&malloc->large, rss->since_unix_ns, &before))
        before = series_point(&malloc->large, 0).value;
    now = series_point(&malloc->large, malloc->large.count - 1).value;
    if (now - before < SMALLEST_RISE || now - before < LARGE_PART * suspect_rise(list, rss))
        return;
    struct suspicion *suspicion = suspect_add_growth(list, SUSPECT_CHUNKS_GROW, SUSPECT_LIKELY, rss, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->name = "large blocks";
    suspect->subject = site_of_large(list, &suspect->stack);
    suspect->summary = suspect_text(list, "Large blocks of malloc grow, and RSS with them, %s%s.",
                                    units_format_rate(rate, rss->per_second),
                                    suspect_since(list, rss->since_unix_ns));
    suspect_add_evidence(suspicion, suspect_text(list, "Blocks above 128 KB take %s, %s more than when it began.",
                                                 units_format_bytes(bytes, now),
                                                 units_format_bytes(gained, now - before)));
    suspect_add_evidence(suspicion,
                         "No smaller chunks grow as fast: it is a vector, string, table or buffer that becomes "
                         "larger, or large blocks that become more.");
    suspect->advice =
        suspect->subject
            ? "Find what this line appends to, and where it should be emptied or bounded."
            : "Find the container that is only appended to; started by heaptop run, the program would tell "
              "the line.";
}

/* What malloc has had to spare throughout the last minutes: a peak has gone, or what is left of it lies in between. */
static void find_idle(struct suspect_list *list)
{
    const struct malloc_history *malloc = &list->history->malloc;
    const struct malloc_heap *heap = &malloc->heap;
    double idle = suspect_least_over(list, &malloc->idle, IDLE_SPAN_NS);
    double rss = snapshot_counter_or(list->analysis->snapshot, COUNTER_RSS, NAN);
    char bytes[UNITS_BUFFER], whole[UNITS_BUFFER], bins[UNITS_BUFFER], top[UNITS_BUFFER], used[UNITS_BUFFER];
    if (!(idle >= IDLE_BYTES) || !(idle >= IDLE_PART * rss))
        return;
    struct suspicion *suspicion = suspect_add_idle(list);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->summary = suspect_text(list, "%s of %s resident is held but idle: free in malloc, for minutes.",
                                    units_format_bytes(bytes, idle), units_format_bytes(whole, rss));
    suspect_add_evidence(suspicion, suspect_text(list,
                                                 "%s lie free between blocks in use, %s at the top of the heap; %s "
                                                 "are in use.",
                                                 units_format_bytes(bins, (double)heap->free_bytes),
                                                 units_format_bytes(top, (double)heap->top_bytes),
                                                 units_format_bytes(used, (double)heap->used_bytes)));
    suspect_add_evidence(suspicion, "It is no leak: what is allocated next is served from it, if it fits.");
    suspect->advice =
        heap->top_bytes > heap->free_bytes
            ? "Call malloc_trim(0) after peaks, or set M_TRIM_THRESHOLD lower."
            : "What was freed lies between what is kept: call malloc_trim(0) after peaks, which gives whole "
              "free pages back, or keep what lives long apart from what does not.";
}

void suspects_find_malloc(struct suspect_list *list)
{
    struct sorts sorts = {0};
    struct suspicion *site = heaviest_site(list);
    unsigned found = 0;
    if (!list->history->malloc.heap.known)
        return;
    list->failed |= !find_sorts(list, &sorts);
    for (size_t i = 0; i < sorts.items.count && !list->failed && found < MAX_SORTS; i++) {
        if (sorts.items.items[i].is_told)
            continue;
        if (site && found == 0)
            tell_site(list, site, &sorts.items.items[i]);
        else if (!site)
            add_sort(list, &sorts, i);
        found++;
    }
    vector_deinit(&sorts.items);
    if (found == 0 && !site)
        find_large(list);
    find_idle(list);
}
