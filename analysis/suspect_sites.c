/* Call sites that grow. */
#include <math.h>

#include "analysis/suspects.h"

/* A slope of so many times its confidence interval's half width is beyond doubt. */
#define SURE_ERRORS 3
/* A rise of less is not worth a word; nor is a site with less than this part of what the fastest gains. */
#define SMALLEST_RISE (256.0 * 1024)
#define SMALLEST_PART 0.02
#define MAX_SITES 6
#define START_UP_FILLING_SECONDS 30
/* Two sites on one path gain objects at one pace when their rates are within this factor. */
#define SAME_PACE 4

/* What a program fills while it starts is no suspect at all before it has done so for a while, and before cycles have
 * confirmed it. */
static bool is_too_early(const struct suspect_list *list, const struct growth *growth)
{
    return suspect_is_start_up(list, growth->since_unix_ns) &&
           (growth->provisional || suspect_seconds(list, growth->since_unix_ns) < START_UP_FILLING_SECONDS);
}

static enum suspect_confidence judge(const struct suspect_list *list, const struct growth *growth)
{
    int confidence = SUSPECT_LIKELY;
    if (growth->provisional)
        confidence = SUSPECT_POSSIBLE;
    else if (growth->per_second >= SURE_ERRORS * growth->error_per_second)
        confidence = SUSPECT_SURE;
    if (confidence > SUSPECT_POSSIBLE && suspect_is_start_up(list, growth->since_unix_ns))
        confidence--;
    return (enum suspect_confidence)confidence;
}

static void tell_evidence(struct suspect_list *list, const struct allocation_row *row, struct suspicion *suspicion)
{
    char held[UNITS_BUFFER], objects[UNITS_BUFFER], each[UNITS_BUFFER], percent[UNITS_BUFFER], made[UNITS_BUFFER],
        freed[UNITS_BUFFER];
    const struct growth *growth = &row->growth;
    const struct site_values *values = growth->provisional ? &row->provisional : &row->published;
    const char *size = "";
    enum profile_kind kind = snapshot_profile_kind(list->analysis->snapshot);
    bool is_touched = kind == PROFILE_OF_FAULTS;
    if (values->inuse_objects > 0 && !is_touched)
        size = suspect_text(list, " in %s objects of %s", units_format_count(objects, (double)values->inuse_objects),
                            units_format_bytes(each, (double)values->inuse_bytes / (double)values->inuse_objects));
    suspect_add_evidence(suspicion, suspect_text(list,
                                                 is_touched ? "It has touched %s%s, %s of all new memory."
                                                            : "It holds %s%s, %s of the heap profile.",
                                                 units_format_bytes(held, (double)values->inuse_bytes), size,
                                                 units_format_percent(percent, row->share)));
    if (growth->provisional)
        suspect_add_evidence(suspicion,
                             suspect_text(list, "Too few %ss have come to confirm it: of what it ever allocated hardly "
                                                "anything was freed so far.",
                                          snapshot_profile_step(list->analysis->snapshot)));
    else if (is_touched)
        suspect_add_evidence(suspicion, "Page faults tell who touches new memory first, not whether it is kept; RSS "
                                        "grows as well.");
    else if (row->alloc_bytes_per_s > 0)
        suspect_add_evidence(suspicion,
                             suspect_text(list, "Seen over %u %s: it allocates %s and frees %s.", growth->points,
                                          kind == PROFILE_OF_RUNTIME ? "GC cycles" : "samples",
                                          units_format_rate(made, row->alloc_bytes_per_s),
                                          units_format_rate(freed, fmax(row->free_bytes_per_s, 0))));
    if (!isnan(row->growth_share))
        suspect_add_evidence(suspicion, suspect_text(list, "%s of what the live heap has gained.",
                                                     units_format_percent(percent, row->growth_share)));
    else if (list->analysis->heap.verdict == GROWTH_PLATEAU || list->analysis->heap.verdict == GROWTH_SHRINKING)
        suspect_add_evidence(suspicion, "As a whole the heap does not grow: other call sites give up what it gains.");
}

/* Whether b lies on a's path, or is in the same function. */
static bool on_one_path(const struct suspect_list *list, const struct allocation_row *a, const struct allocation_row *b)
{
    string_id first = catalog_frame(list->catalog, a->subject)->function,
              second = catalog_frame(list->catalog, b->subject)->function;
    if (!first || !second)
        return false;
    return first == second || suspect_site_has(list, a, second) || suspect_site_has(list, b, first);
}

static bool at_one_pace(const struct allocation_row *a, const struct allocation_row *b)
{
    double first = suspect_objects_per_second(a), second = suspect_objects_per_second(b);
    return first <= SAME_PACE * second && second <= SAME_PACE * first;
}

static void add_site(struct suspect_list *list, size_t index)
{
    const struct analysis *analysis = list->analysis;
    const struct allocation_row *row = &analysis->call_sites[index];
    const struct growth *growth = &row->growth;
    struct suspicion *suspicion = suspect_add_growth(list, SUSPECT_SITE_GROWS, judge(list, growth), growth, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char rate[UNITS_BUFFER];
    list->is_explained[index] = true;
    suspect->subject = row->subject;
    suspect->stack = row->stack;
    suspect->share = row->growth_share;
    bool is_touched = snapshot_profile_kind(analysis->snapshot) == PROFILE_OF_FAULTS;
    const char *keeps = is_touched                                         ? "touches new memory"
                        : growth->provisional                                ? "seems to keep what it allocates"
                        : row->free_bytes_per_s > row->alloc_bytes_per_s / 5 ? "keeps some of what it allocates"
                                                                             : "keeps what it allocates";
    suspect->summary = suspect_text(list, "%s %s: %s more%s.", suspect_frame(list, row->subject), keeps,
                                    units_format_rate(rate, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    suspect->advice = is_touched
                          ? "Look at what this code allocates and whether it is freed; started by heaptop run, the "
                            "program would tell what is kept."
                          : "Find what holds on to the objects that are made at this line (a map, slice, cache or "
                            "channel that is only added to) and where they should be let go.";
    tell_evidence(list, row, suspicion);
    for (size_t i = index + 1; i < analysis->num_call_sites; i++) {
        const struct allocation_row *other = &analysis->call_sites[i];
        if (other->growth.verdict != GROWTH_GROWING)
            break;
        if (!list->is_explained[i] && on_one_path(list, row, other) && at_one_pace(row, other))
            suspect_fold_site(list, suspicion, i);
    }
}

void suspects_find_sites(struct suspect_list *list)
{
    const struct analysis *analysis = list->analysis;
    unsigned found = 0;
    /* What is touched and given back again is no growth. */
    if (snapshot_profile_kind(analysis->snapshot) == PROFILE_OF_FAULTS && analysis->rss.verdict != GROWTH_GROWING)
        return;
    for (size_t i = 0; i < analysis->num_call_sites && found < MAX_SITES; i++) {
        const struct growth *growth = &analysis->call_sites[i].growth;
        /* They stand in falling order of growth. */
        if (growth->verdict != GROWTH_GROWING ||
            growth->per_second < SMALLEST_PART * analysis->call_sites[0].growth.per_second)
            break;
        if (list->is_explained[i] || suspect_rise(list, growth) < SMALLEST_RISE || is_too_early(list, growth))
            continue;
        add_site(list, i);
        found++;
    }
}
