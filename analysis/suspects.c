/* Suspects: the list, what outranks what, and the rule of what is no suspect.
 *
 * A false alarm costs more than a late one: a person who was sent the wrong way once does not look again. So each kind
 * has, beside what speaks for it, what healthy programs do that looks the same, and how it is told apart:
 *
 *  - A call site grows (suspect_sites.c). Caches fill, pools warm up, indexes are loaded: all of these end. What counts
 *    is a growth verdict (analysis/growth.c: significant against sampling error, persistent, and not slowing down), and
 *    a rise that is worth a word. A verdict that rests on counts since the last GC only is never more than possible.
 * What began while the program was starting is one grade less sure, and for half a minute none.
 *  - Goroutines grow (suspect_goroutines.c). Traffic rises and falls, and with it goroutines; a pool starts its
 * workers. What counts is that the number of those with one origin rises over tens of seconds without falling back.
 * Network waiters are connections: likely, not sure, for that may be more clients.
 *  - Goroutines are stuck (suspect_stuck.c), though no more of them come. Goroutines that wait for hours are what
 * servers are made of: accept loops, pools that wait for work in a receive, a select or a Cond, one goroutine a client.
 * None of these is a suspect. What counts is a group of many at one line of the program where nobody waits for work: a
 * send, a lock; all of them for minutes, none of them lately. In a select or at a WaitGroup it also takes that they
 * came one after the other (the oldest has waited much longer than the newest), that they are very many, and that no
 * connections stand behind them. What can never go on (a nil channel, a select without cases) needs no such care.
 *  - Timers grow (suspect_timers.c). Each request has its deadline, each connection its own; these come and go. What
 *    counts is their number's growth verdict, less what goes with growing goroutines.
 *  - Finalizers (suspect_finalizers.c): their one goroutine stands in a function of the program. For a moment it does
 * so in every program that has finalizers; at the same place for tens of seconds it does not.
 *  - GC thrashes (suspect_process.c). A small heap that is much allocated in is collected many times a second at little
 *    cost, and frees half of itself each time. What counts is that cycles free little and take a good part of the CPU.
 *  - The heap is held idle. After a peak it is, for minutes, until the scavenger has given it back. What counts is that
 * most of RSS is idle heap, throughout many minutes.
 *  - Memory outside Go grows: threads, C libraries that start up, files that are mapped and read, and memory that Go
 * has mapped long ago and touches now. What counts is anonymous memory that neither Go nor a file accounts for, by a
 *    growth verdict over minutes, and beyond all that Go has mapped; or, where the pages were looked at twice, what
 *    has grown of their parts, and then it may be sure.
 *  - Of programs that are not Go's: C++ objects of a class, malloc's chunks of a size, large blocks (suspect_malloc.c),
 * threads and mappings (suspect_native.c) grow. What counts is a growth verdict on what was counted exactly, over half
 * a minute, a minute if it began while the program started, and a rise that is worth a word. What comes at one pace is
 * one thing: an object's class stands for the sizes of what it refers to. Where a call site grows it is the suspect,
 * and these are its evidence. Room that malloc keeps is held but idle, not leaked: a possible suspect when it is most
 * of RSS, throughout minutes.
 *  - The limit is near: only by something that grows, and then it stands with that; by itself where nothing else is
 *    known to grow.
 *
 * One cause is one suspect: what it brings along is told as its evidence. A goroutine that never ends keeps its stack,
 * its descriptor and what it refers to: call sites whose stacks pass through its function or its creator, and that gain
 * about as many objects as there are more goroutines, are explained by it. So are two call sites on one path that gain
 * objects at one pace.
 *
 * They are ranked by the memory that they account for, bytes a second: a goroutine with its stack and what was folded
 * into it. So a large growing cache stands above a few goroutines, and a leak of goroutines above the small sites
 * that it brings along. What cannot be weighed so stands above all when it is sure (finalizers that do not run
 * keep everything), else below. */
#include "analysis/suspects.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A process that is younger is starting. */
#define START_UP_SECONDS 60
/* What grows in a program that is not Go's must have done so for so long, or so long when it began at the start. */
#define SHORTEST_SECONDS 30
#define SURE_SECONDS 60
/* Less than what little grows has, and than what grows by nobody knows how much. */
#define IDLE_WEIGHT 5e-4
/* Stacks of a call site that are looked into. */
#define MAX_STACKS_OF_SITE 32
/* Call sites that are named among the evidence of what explains them. */
#define MAX_SITES_TOLD 3
/* More would not be read. */
#define MAX_SUSPECTS 12

const struct suspect_kind_info suspect_kind_infos[SUSPECT_KIND_COUNT] = {
#define X(id, json_name, rate_unit, words) [SUSPECT_##id] = {.name = json_name, .unit = rate_unit, .label = words},
    SUSPECT_KINDS(X)
#undef X
};

const char *suspect_confidence_name(enum suspect_confidence confidence)
{
    static const char *const names[] = {
        [SUSPECT_POSSIBLE] = "possible", [SUSPECT_LIKELY] = "likely", [SUSPECT_SURE] = "sure"};
    return names[confidence];
}

struct suspicion *suspect_add(struct suspect_list *list, enum suspect_kind kind, enum suspect_confidence confidence)
{
    struct suspicion suspicion = {.suspect = {.kind = kind,
                                              .confidence = confidence,
                                              .per_second = NAN,
                                              .share = NAN,
                                              .summary = "",
                                              .advice = ""}};
    if (!vector_append(&list->found, suspicion)) {
        list->failed = true;
        return NULL;
    }
    return &list->found.items[list->found.count - 1];
}

struct suspicion *suspect_add_growth(struct suspect_list *list, enum suspect_kind kind,
                                     enum suspect_confidence confidence, const struct growth *growth,
                                     double bytes_each)
{
    struct suspicion *suspicion = suspect_add(list, kind, confidence);
    if (!suspicion)
        return NULL;
    suspicion->weight = growth->per_second * bytes_each;
    suspicion->suspect.per_second = growth->per_second;
    suspicion->suspect.since_unix_ns = growth->since_unix_ns;
    return suspicion;
}

struct suspicion *suspect_add_idle(struct suspect_list *list)
{
    struct suspicion *suspicion = suspect_add(list, SUSPECT_HEAP_IDLE, SUSPECT_POSSIBLE);
    if (suspicion)
        suspicion->weight = IDLE_WEIGHT;
    return suspicion;
}

/* ---- words ---- */

const char *suspect_text(struct suspect_list *list, const char *format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    size_t used = (size_t)length < sizeof(buffer) ? (size_t)length : sizeof(buffer) - 1;
    const char *text = arena_copy_string(list->arena, buffer, used);
    list->failed |= !text;
    return text ? text : "";
}

const char *suspect_frame(struct suspect_list *list, frame_id frame)
{
    struct text text = {0};
    catalog_write_frame(list->catalog, frame, &text);
    const char *copy = text.failed ? NULL : arena_copy_string(list->arena, text.data ? text.data : "", text.length);
    text_deinit(&text);
    list->failed |= !copy;
    return copy ? copy : "";
}

const char *suspect_since(struct suspect_list *list, uint64_t since_unix_ns)
{
    char buffer[UNITS_BUFFER];
    uint64_t now = list->analysis->snapshot->unix_ns;
    if (since_unix_ns == 0 || since_unix_ns >= now)
        return "";
    return suspect_text(list, " for %s", units_format_duration(buffer, (double)(now - since_unix_ns)));
}

const char *suspect_count_rate(struct suspect_list *list, double per_second)
{
    const char *unit = "s";
    double rate = per_second;
    if (rate < 0.5) {
        rate *= 60;
        unit = "min";
    }
    return suspect_text(list, rate < 9.95 ? "%.1f/%s" : "%.0f/%s", rate, unit);
}

void suspect_add_evidence(struct suspicion *suspicion, const char *text)
{
    struct suspect *suspect = &suspicion->suspect;
    if (suspect->num_evidence < SUSPECT_MAX_EVIDENCE)
        suspect->evidence[suspect->num_evidence++] = text;
}

void suspect_fold_site(struct suspect_list *list, struct suspicion *suspicion, size_t site)
{
    const struct allocation_row *row = &list->analysis->call_sites[site];
    char rate[UNITS_BUFFER];
    list->is_explained[site] = true;
    if (suspicion->suspect.num_folded++ < MAX_SITES_TOLD)
        suspect_add_evidence(suspicion, suspect_text(list, "With it grows %s, by %s.",
                                                     suspect_frame(list, row->subject),
                                                     units_format_rate(rate, row->growth.per_second)));
    suspicion->folded_per_second += row->growth.per_second;
    suspicion->weight += row->growth.per_second;
    if (!isnan(row->growth_share)) {
        double share = isnan(suspicion->suspect.share) ? 0 : suspicion->suspect.share;
        suspicion->suspect.share = fmin(share + row->growth_share, 1);
    }
}

/* ---- what speaks for a rise ---- */

double suspect_seconds(const struct suspect_list *list, uint64_t since_unix_ns)
{
    uint64_t now = list->analysis->snapshot->unix_ns;
    return since_unix_ns && since_unix_ns < now ? (double)(now - since_unix_ns) / 1e9 : 0;
}

double suspect_rise(const struct suspect_list *list, const struct growth *growth)
{
    return growth->per_second * suspect_seconds(list, growth->since_unix_ns);
}

bool suspect_is_early(const struct suspect_list *list, const struct growth *growth)
{
    double least = suspect_is_start_up(list, growth->since_unix_ns) ? SURE_SECONDS : SHORTEST_SECONDS;
    return suspect_seconds(list, growth->since_unix_ns) < least;
}

bool suspect_is_long(const struct suspect_list *list, const struct growth *growth)
{
    return suspect_seconds(list, growth->since_unix_ns) >= SURE_SECONDS &&
           !suspect_is_start_up(list, growth->since_unix_ns);
}

double suspect_least_over(const struct suspect_list *list, const struct series *series, uint64_t span_ns)
{
    uint64_t now = list->analysis->snapshot->unix_ns;
    double least;
    if (now < span_ns || !series_value_at(series, now - span_ns, &least))
        return NAN;
    for (uint32_t i = series->count; i > 0; i--) {
        struct point point = series_point(series, i - 1);
        if (point.unix_ns < now - span_ns)
            break;
        least = fmin(least, point.value);
    }
    return least;
}

bool suspect_is_start_up(const struct suspect_list *list, uint64_t since_unix_ns)
{
    uint64_t start = list->analysis->snapshot->target.start_unix_ns;
    return start && since_unix_ns < start + START_UP_SECONDS * UINT64_C(1000000000);
}

/* ---- which belongs to which ---- */

bool suspect_stack_has(const struct suspect_list *list, stack_id stack, string_id function)
{
    struct stack frames = catalog_stack(list->catalog, stack);
    for (uint32_t i = 0; function && i < frames.depth; i++) {
        if (catalog_frame(list->catalog, frames.frames[i])->function == function)
            return true;
    }
    return false;
}

bool suspect_site_has(const struct suspect_list *list, const struct allocation_row *site, string_id function)
{
    uint32_t count = site->num_stacks < MAX_STACKS_OF_SITE ? site->num_stacks : MAX_STACKS_OF_SITE;
    for (uint32_t i = 0; i < count; i++) {
        if (suspect_stack_has(list, list->analysis->stacks[site->first_stack + i].stack, function))
            return true;
    }
    return false;
}

double suspect_objects_per_second(const struct allocation_row *site)
{
    const struct site_values *held = &site->published;
    if (held->inuse_bytes <= 0 || held->inuse_objects <= 0)
        held = &site->provisional;
    if (held->inuse_bytes <= 0)
        return 0;
    return site->growth.per_second * (double)held->inuse_objects / (double)held->inuse_bytes;
}

bool suspect_is_program(const struct suspect_list *list, frame_id frame)
{
    uint8_t origin = catalog_frame(list->catalog, frame)->origin;
    return origin == FRAME_APPLICATION || origin == FRAME_DEPENDENCY;
}

/* ---- the list ---- */

static int compare_suspicions(const void *left, const void *right)
{
    const struct suspicion *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->suspect.confidence != b->suspect.confidence)
        return a->suspect.confidence > b->suspect.confidence ? -1 : 1;
    return a->suspect.kind < b->suspect.kind ? -1 : a->suspect.kind > b->suspect.kind;
}

struct error *suspects_find(const struct history *history, struct analysis *analysis)
{
    struct suspect_list list = {.history = history,
                                .analysis = analysis,
                                .catalog = analysis->snapshot->catalog,
                                .arena = &analysis->arena};
    list.is_explained = arena_alloc_array(&analysis->arena, analysis->num_call_sites, sizeof(*list.is_explained));
    if (!list.is_explained)
        return error_no_memory();
    suspects_find_finalizers(&list);
    suspects_find_goroutines(&list);
    suspects_find_timers(&list);
    suspects_find_sites(&list);
    suspects_find_stuck(&list);
    if (!analysis_is_go(analysis)) {
        suspects_find_malloc(&list);
        suspects_find_native(&list);
    }
    suspects_find_process(&list);
    size_t count = list.found.count;
    if (count > 1)
        qsort(list.found.items, count, sizeof(*list.found.items), compare_suspicions);
    if (count > MAX_SUSPECTS)
        count = MAX_SUSPECTS;
    struct suspect *suspects = arena_alloc_array(&analysis->arena, count, sizeof(*suspects));
    for (size_t i = 0; suspects && i < count; i++)
        suspects[i] = list.found.items[i].suspect;
    vector_deinit(&list.found);
    if (!suspects || list.failed)
        return error_no_memory();
    analysis->suspects = suspects;
    analysis->num_suspects = count;
    return NULL;
}
