/* Timers and tickers that are never stopped: by their number, and by call sites that make them and grow.
 *
 * Up to Go 1.22 every timer that was started is in a heap until it is stopped or has fired, and a ticker for ever. From
 * 1.23 on the collector frees those that nobody refers to, and those with a channel are in a heap only while somebody
 * waits on it (runtime/time.go): then those that are kept show only as a call site that grows. */
#include <math.h>
#include <string.h>

#include "analysis/suspects.h"

#define SURE_ERRORS 3
#define SHORTEST_SECONDS 20
#define SMALLEST_RISE 32
#define SMALLEST_SITE_RISE (128.0 * 1024)
/* Timers that go with growing goroutines: sleeps, deadlines. */
#define SAME_PACE 3
/* Of a call site, that are looked into. */
#define MAX_STACKS 32
/* runtime.timer, time.Timer and a channel for it (runtime/time.go, time/sleep.go, Go 1.19-1.27). */
#define TIMER_BYTES 250.0
#define LARGEST_TIMER_BYTES 1024

/* Which function of package time is on this stack, or NULL. */
static const char *maker_on_stack(const struct suspect_list *list, stack_id stack)
{
    static const char *const makers[] = {"time.NewTicker", "time.NewTimer", "time.AfterFunc", "time.After",
                                         "time.Tick"};
    struct stack frames = catalog_stack(list->catalog, stack);
    const char *found = NULL;
    for (uint32_t i = 0; i < frames.depth; i++) {
        const char *name = catalog_function(list->catalog, frames.frames[i]);
        for (size_t j = 0; strncmp(name, "time.", 5) == 0 && j < ARRAY_SIZE(makers); j++) {
            if (strcmp(name, makers[j]) == 0)
                found = makers[j];
        }
    }
    return found;
}

/* The runtime's own list of timers, which may grow under whatever call starts one, is larger than any of them. */
static bool holds_timers(const struct allocation_row *stack)
{
    const struct site_values *values = &stack->published;
    return values->alloc_objects <= 0 || values->alloc_bytes / values->alloc_objects <= LARGEST_TIMER_BYTES;
}

/* What makes the timers of this call site, or NULL, and the bytes of them that the last GC found in use. A line that
 * calls time.AfterFunc may hold more by the closure that it gives to it: so all stacks are looked at. */
static const char *maker_of(const struct suspect_list *list, const struct allocation_row *site, int64_t *ret_bytes)
{
    uint32_t count = site->num_stacks < MAX_STACKS ? site->num_stacks : MAX_STACKS;
    const char *maker = NULL;
    *ret_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct allocation_row *stack = &list->analysis->stacks[site->first_stack + i];
        const char *found = holds_timers(stack) ? maker_on_stack(list, stack->stack) : NULL;
        if (found)
            *ret_bytes += stack->published.inuse_bytes;
        maker = maker ? maker : found;
    }
    return maker;
}

static const char *advise(const char *maker)
{
    if (maker && strcmp(maker, "time.AfterFunc") == 0)
        return "Stop the timer (or cancel the context) where what it was made for ends.";
    if (maker && (strcmp(maker, "time.After") == 0))
        return "time.After in a loop makes a timer each time round: make one and reset it.";
    return "Stop the ticker or timer where what it was made for ends: defer t.Stop().";
}

/* The call site that makes timers and grows fastest; else the one that made most of those that the last GC found in
 * use: those made since may be garbage already, as of a site that makes many and stops them all. */
static const struct allocation_row *find_maker(const struct suspect_list *list, const char **ret_maker)
{
    const struct analysis *analysis = list->analysis;
    const struct allocation_row *most = NULL;
    int64_t most_bytes = 0;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        const struct allocation_row *row = &analysis->call_sites[i];
        int64_t bytes;
        const char *maker = maker_of(list, row, &bytes);
        bool grows = row->growth.verdict == GROWTH_GROWING && 2 * bytes >= row->published.inuse_bytes;
        if (!maker || (!grows && bytes <= most_bytes))
            continue;
        most = row;
        most_bytes = bytes;
        *ret_maker = maker;
        if (grows)
            break;
    }
    return most;
}

/* A sleeping goroutine has a timer, a connection with a deadline two. */
static bool go_with_goroutines(const struct suspect_list *list)
{
    const struct growth *goroutines = &list->analysis->goroutine_count, *timers = &list->history->timer_growth;
    return goroutines->verdict == GROWTH_GROWING && timers->per_second <= SAME_PACE * goroutines->per_second;
}

static bool grow_in_number(const struct suspect_list *list)
{
    const struct growth *growth = &list->history->timer_growth;
    return growth->verdict == GROWTH_GROWING && suspect_seconds(list, growth->since_unix_ns) >= SHORTEST_SECONDS &&
           suspect_rise(list, growth) >= SMALLEST_RISE && !go_with_goroutines(list);
}

static void fold_makers(struct suspect_list *list, struct suspicion *suspicion)
{
    for (size_t i = 0; i < list->analysis->num_call_sites; i++) {
        const struct allocation_row *row = &list->analysis->call_sites[i];
        if (row->growth.verdict != GROWTH_GROWING)
            break;
        int64_t bytes;
        if (!list->is_explained[i] && maker_of(list, row, &bytes))
            suspect_fold_site(list, suspicion, i);
    }
}

static void add_by_number(struct suspect_list *list)
{
    const struct growth *growth = &list->history->timer_growth;
    const char *maker = NULL;
    const struct allocation_row *site = find_maker(list, &maker);
    int64_t number = list->analysis->snapshot->counters[COUNTER_TIMERS].value.integer;
    bool sure = growth->per_second >= SURE_ERRORS * growth->error_per_second &&
                !suspect_is_start_up(list, growth->since_unix_ns);
    struct suspicion *suspicion =
        suspect_add_growth(list, SUSPECT_TIMERS_GROW, sure ? SUSPECT_SURE : SUSPECT_LIKELY, growth, TIMER_BYTES);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char count[UNITS_BUFFER];
    suspect->subject = site ? site->subject : 0;
    suspect->stack = site ? site->stack : 0;
    suspect->summary = suspect_text(list, "Timers are started%s%s and not stopped: %s more%s.", site ? " by " : "",
                                    site ? suspect_frame(list, site->subject) : "",
                                    suspect_count_rate(list, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    suspect_add_evidence(suspicion,
                         suspect_text(list, "%s timers are running now.", units_format_exact(count, number)));
    if (site && site->growth.verdict != GROWTH_GROWING)
        suspect_add_evidence(suspicion, suspect_text(list, "Of those sampled when they were made most come from this "
                                                           "line, by %s; too few were sampled to see it grow.", maker));
    else if (site)
        suspect_add_evidence(suspicion, suspect_text(list, "Made by %s, as the heap profile shows.", maker));
    else
        suspect_add_evidence(suspicion, "None of them was sampled when it was made: the line is not known yet.");
    suspect->advice = advise(maker);
    fold_makers(list, suspicion);
}

/* Kept, though not in a heap. */
static void add_by_site(struct suspect_list *list, size_t index, const char *maker)
{
    const struct allocation_row *row = &list->analysis->call_sites[index];
    const struct growth *growth = &row->growth;
    struct suspicion *suspicion =
        suspect_add(list, SUSPECT_TIMERS_GROW, growth->provisional ? SUSPECT_POSSIBLE : SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->subject = row->subject;
    suspect->stack = row->stack;
    suspect->per_second = suspect_objects_per_second(row);
    suspect->since_unix_ns = growth->since_unix_ns;
    suspect->summary = suspect_text(list, "%s makes timers (%s) that are kept: %s more%s.",
                                    suspect_frame(list, row->subject), maker,
                                    suspect_count_rate(list, suspect->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    suspect->advice = advise(maker);
    fold_makers(list, suspicion);
}

void suspects_find_timers(struct suspect_list *list)
{
    if (grow_in_number(list)) {
        add_by_number(list);
        return;
    }
    for (size_t i = 0; i < list->analysis->num_call_sites; i++) {
        const struct allocation_row *row = &list->analysis->call_sites[i];
        if (row->growth.verdict != GROWTH_GROWING)
            break;
        int64_t bytes;
        const char *maker = list->is_explained[i] ? NULL : maker_of(list, row, &bytes);
        if (maker && suspect_rise(list, &row->growth) >= SMALLEST_SITE_RISE) {
            add_by_site(list, i, maker);
            break;
        }
    }
}
