/* Finalizers: their goroutine stands still in a function of the program, or their queue grows. Until it is run, a
 * finalizer keeps its object and all that this refers to. */
#include <math.h>
#include <string.h>

#include "analysis/suspects.h"

/* How long it must have stood at one place. */
#define LIKELY_SECONDS 20
#define SURE_SECONDS 60
/* Above all that can be weighed: nothing that has a finalizer is freed any more. */
#define STUCK_WEIGHT 1e15
/* Two rates are the same within this factor. */
#define SAME_PACE 3
/* What an object with a finalizer may weigh; only ranks a queue that grows. */
#define OBJECT_BYTES 256

/* How long the goroutine at this place has waited: by its own account, or as it was watched. */
static double stood_seconds(const struct suspect_list *list, const struct runner *runner)
{
    double seconds = suspect_seconds(list, runner->since_unix_ns);
    for (size_t i = 0; i < list->analysis->num_goroutines; i++) {
        const struct goroutine_group *group = &list->analysis->goroutines[i].group;
        if (group->start == runner->start && group->stack == runner->stack && group->wait_known)
            seconds = fmax(seconds, (double)group->wait_ns_max / 1e9);
    }
    return seconds;
}

/* Sites that gain as many objects as come into the queue. */
static void fold_sites(struct suspect_list *list, struct suspicion *suspicion)
{
    double queued = list->history->finalizer_growth.per_second;
    if (list->history->finalizer_growth.verdict != GROWTH_GROWING)
        return;
    for (size_t i = 0; i < list->analysis->num_call_sites; i++) {
        const struct allocation_row *site = &list->analysis->call_sites[i];
        if (site->growth.verdict != GROWTH_GROWING)
            break;
        double objects = suspect_objects_per_second(site);
        if (!list->is_explained[i] && objects <= SAME_PACE * queued && queued <= SAME_PACE * objects)
            suspect_fold_site(list, suspicion, i);
    }
}

static void tell_queue(struct suspect_list *list, struct suspicion *suspicion)
{
    const struct counter *queued = &list->analysis->snapshot->counters[COUNTER_FINALIZERS_QUEUED];
    const struct growth *growth = &list->history->finalizer_growth;
    char count[UNITS_BUFFER];
    if (!counter_known(queued)) {
        suspect_add_evidence(suspicion, suspect_text(list, "How many wait is not known: %s.",
                                                     queued->reason ? queued->reason : "not read"));
        return;
    }
    suspicion->suspect.per_second = growth->verdict == GROWTH_GROWING ? growth->per_second : NAN;
    const char *more = growth->verdict == GROWTH_GROWING
                           ? suspect_text(list, ", %s more", suspect_count_rate(list, growth->per_second))
                           : "";
    suspect_add_evidence(suspicion, suspect_text(list, "%s objects wait for their finalizers%s.",
                                                 units_format_exact(count, queued->value.integer), more));
}

static void add_stuck(struct suspect_list *list, const struct runner *runner, double seconds)
{
    struct suspicion *suspicion =
        suspect_add(list, SUSPECT_FINALIZERS, seconds >= SURE_SECONDS ? SUSPECT_SURE : SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    struct stack stack = catalog_stack(list->catalog, runner->stack);
    bool cleanup = strcmp(catalog_function(list->catalog, runner->start), "runtime.runCleanups") == 0;
    char duration[UNITS_BUFFER];
    suspicion->weight = STUCK_WEIGHT;
    suspect->subject = stack.frames[catalog_stack_subject(list->catalog, runner->stack)];
    suspect->stack = runner->stack;
    suspect->since_unix_ns = list->analysis->snapshot->unix_ns - (uint64_t)(seconds * 1e9);
    suspect->summary =
        suspect_text(list, "%s stand still in %s for %s.",
                     cleanup ? "Cleanups (runtime.AddCleanup)" : "All finalizers",
                     suspect_frame(list, suspect->subject), units_format_duration(duration, seconds * 1e9));
    suspect_add_evidence(
        suspicion, cleanup ? "A goroutine that runs cleanups does not come back from this function."
                           : "One goroutine runs all finalizers of a program, and does not come back from this one.");
    suspect_add_evidence(suspicion, "What has a finalizer, and all that it refers to, is kept until it has run.");
    if (!cleanup)
        tell_queue(list, suspicion);
    suspect->advice =
        "Finalizers must not wait: start a goroutine in it for what takes time, or close the object where "
        "its use ends.";
    fold_sites(list, suspicion);
}

/* The goroutine comes back, but not fast enough. */
static void add_queue(struct suspect_list *list)
{
    const struct growth *growth = &list->history->finalizer_growth;
    struct suspicion *suspicion = suspect_add(list, SUSPECT_FINALIZERS, SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspicion->weight = growth->per_second * OBJECT_BYTES;
    suspect->since_unix_ns = growth->since_unix_ns;
    suspect->summary = suspect_text(list, "Finalizers are queued faster than they are run%s.",
                                    suspect_since(list, growth->since_unix_ns));
    tell_queue(list, suspicion);
    suspect->advice =
        "See what the finalizers do (runtime.SetFinalizer): they run one after the other, in one goroutine.";
    fold_sites(list, suspicion);
}

void suspects_find_finalizers(struct suspect_list *list)
{
    const struct history *history = list->history;
    const struct runner *longest = NULL;
    double most = LIKELY_SECONDS;
    for (size_t i = 0; i < history->num_runners; i++) {
        double seconds = stood_seconds(list, &history->runners[i]);
        if (seconds >= most) {
            most = seconds;
            longest = &history->runners[i];
        }
    }
    if (longest)
        add_stuck(list, longest, most);
    else if (history->finalizer_growth.verdict == GROWTH_GROWING &&
             suspect_seconds(list, history->finalizer_growth.since_unix_ns) >= SURE_SECONDS)
        add_queue(list);
}
