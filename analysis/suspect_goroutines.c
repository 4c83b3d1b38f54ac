/* Goroutines that grow in number: those with one origin (a go statement, and the function it starts). */
#include <math.h>
#include <string.h>

#include "analysis/suspects.h"

/* What a goroutine costs at least: its descriptor and its smallest stack (runtime/stack.go, Go 1.19-1.27). */
#define GOROUTINE_BYTES 2560.0
/* What more of the stacks' growth than this for each is due to something else. */
#define MOST_STACK_BYTES (256.0 * 1024)
#define SURE_ERRORS 3
/* How long, and by how many of those there are, they must have risen. */
#define SHORTEST_SECONDS 15
#define SURE_SECONDS 30
#define SMALLEST_RISE 10
#define SMALLEST_PART 0.05
/* Objects for each goroutine: made in its own function it may hold many, below its start or its creator a few. */
#define MOST_OWN_OBJECTS 256
#define MOST_OBJECTS 16
/* Two rates are the same within this factor: goroutines that come in pairs. */
#define SAME_PACE 3
#define MAX_CANDIDATES 16

/* Goroutines of one origin that grow. */
struct candidate {
    const struct goroutine_row *row;    /* All of them. */
    const struct goroutine_group *most; /* The largest group among them, by stack. */
    frame_id subject;
    string_id subject_function, start_function, creator_function;
    bool folded;
};

static string_id function_of(const struct suspect_list *list, frame_id frame)
{
    return catalog_frame(list->catalog, frame)->function;
}

/* Of those with this origin the largest group that waits somewhere, else the largest. */
static const struct goroutine_group *largest_group(const struct suspect_list *list, const struct goroutine_row *row)
{
    const struct analysis *analysis = list->analysis;
    const struct goroutine_group *most = NULL;
    for (size_t i = 0; i < analysis->num_goroutines; i++) {
        const struct goroutine_group *group = &analysis->goroutines[i].group;
        if (!goroutine_groups_match(GOROUTINES_BY_CREATOR, &row->group, group))
            continue;
        bool better = !most || (group->stack && !most->stack) ||
                      (group->count > most->count && (group->stack || !most->stack));
        if (better)
            most = group;
    }
    return most ? most : &row->group;
}

static bool grows_enough(const struct suspect_list *list, const struct goroutine_row *row)
{
    const struct growth *growth = &row->growth;
    double rise = suspect_rise(list, growth);
    return growth->verdict == GROWTH_GROWING && !row->group.system &&
           suspect_seconds(list, growth->since_unix_ns) >= SHORTEST_SECONDS && rise >= SMALLEST_RISE &&
           rise >= SMALLEST_PART * row->group.count;
}

static enum suspect_confidence judge(const struct suspect_list *list, const struct candidate *candidate)
{
    const struct growth *growth = &candidate->row->growth;
    bool waits = candidate->most->wait_reason != 0;
    bool sure = growth->per_second >= SURE_ERRORS * growth->error_per_second && waits &&
                suspect_seconds(list, growth->since_unix_ns) >= SURE_SECONDS &&
                candidate->most->kind != WAIT_NETWORK;
    if (!sure || suspect_is_start_up(list, growth->since_unix_ns))
        return waits ? SUSPECT_LIKELY : SUSPECT_POSSIBLE;
    return SUSPECT_SURE;
}

/* What goroutines of well-known libraries wait for in the end, most telling first: the program's own code is not on
 * their stacks. */
static const struct {
    const char *function;
    uint8_t kind;           /* enum wait_kind */
    const char *advice;
} library_waits[] = {
    /* net/http/transport.go, Go 1.19-1.27: the select waits for the body's end; an idle connection waits in a read. */
    {"net/http.(*persistConn).readLoop", WAIT_SELECT,
     "An HTTP client waits for the program to read a response's body to its end or to close it: look for a response "
     "whose Body is not closed."},
    {"net/http.(*persistConn).readLoop", WAIT_NETWORK,
     "Connections of an HTTP client stay open: look for a transport that is made for each request, instead of one "
     "that all share."},
    {"database/sql.(*DB).connectionOpener", WAIT_SELECT,
     "Each is of an sql.DB: look for sql.Open in code that runs more than once, and for a Close that is missing."},
};

/* The index in library_waits of what these wait for, or their number. */
static size_t find_library_wait(const struct suspect_list *list, const struct goroutine_group *group)
{
    struct stack stack = catalog_stack(list->catalog, group->stack);
    for (size_t i = 0; i < ARRAY_SIZE(library_waits); i++) {
        for (uint32_t j = 0; library_waits[i].kind == group->kind && j < stack.depth; j++) {
            if (strcmp(library_waits[i].function, catalog_function(list->catalog, stack.frames[j])) == 0)
                return i;
        }
    }
    return ARRAY_SIZE(library_waits);
}

/* What to do, by what they wait for. */
static const char *advise(const struct suspect_list *list, const struct goroutine_group *group)
{
    static const char *const advices[WAIT_KIND_COUNT] = {
        [WAIT_CHAN_SEND] =
            "Nobody receives from that channel any more: find the receiver that has left, or give the sender a "
            "way out (a context, a buffered channel).",
        [WAIT_CHAN_RECEIVE] =
            "Nobody sends to that channel or closes it any more: find the sender that has left, or end "
            "the wait by a context.",
        [WAIT_SELECT] =
            "None of its cases ever comes: find which was meant to end it, such as a context that nobody cancels.",
        [WAIT_LOCK] = "Find who holds the lock: a goroutine that returned without unlocking, or waits itself.",
        [WAIT_SEMAPHORE] = "Find who should have released it: a Done, Signal or Unlock that is not reached.",
        [WAIT_NETWORK] =
            "Connections are opened and not closed, or more clients come: set deadlines, close response bodies.",
        [WAIT_SLEEP] = "They sleep and go on: find what should make them stop.",
    };
    size_t known = find_library_wait(list, group);
    if (known < ARRAY_SIZE(library_waits))
        return library_waits[known].advice;
    const char *advice = group->kind < WAIT_KIND_COUNT ? advices[group->kind] : NULL;
    return advice ? advice : "Find what should end these goroutines, and why it does not come.";
}

/* Bytes of stack that each more of them brings: what the stacks have gained by what the goroutines have. */
static double stack_bytes_each(const struct suspect_list *list)
{
    const struct series *stacks = history_counter(list->history, COUNTER_STACK_INUSE),
                        *counts = history_counter(list->history, COUNTER_GOROUTINES);
    const struct growth *growth = &list->analysis->goroutine_count;
    double before, after, few, many;
    uint64_t now = list->analysis->snapshot->unix_ns;
    if (growth->verdict != GROWTH_GROWING || !series_value_at(stacks, growth->since_unix_ns, &before) ||
        !series_value_at(stacks, now, &after) || !series_value_at(counts, growth->since_unix_ns, &few) ||
        !series_value_at(counts, now, &many) || !(many > few))
        return GOROUTINE_BYTES;
    return fmin(fmax((after - before) / (many - few), GOROUTINE_BYTES), MOST_STACK_BYTES);
}

/* Whether so many objects of a site stay for each goroutine that stays, by the part of their paths they share. */
static bool explains_site(const struct suspect_list *list, const struct candidate *candidate,
                          const struct allocation_row *site)
{
    double each = suspect_objects_per_second(site) / candidate->row->growth.per_second;
    bool is_program = suspect_is_program(list, candidate->subject);
    if (is_program && suspect_site_has(list, site, candidate->subject_function))
        return each <= MOST_OWN_OBJECTS;
    if (each > MOST_OBJECTS)
        return false;
    return suspect_site_has(list, site, candidate->start_function) ||
           (suspect_is_program(list, candidate->row->group.created_by) &&
            suspect_site_has(list, site, candidate->creator_function));
}

/* The runtime's own objects: the goroutines' descriptors, the list of all, what they wait in. */
static bool is_of_runtime(const struct suspect_list *list, const struct allocation_row *site)
{
    static const char *const functions[] = {"runtime.malg", "runtime.allgadd", "runtime.newproc1",
                                            "runtime.acquireSudog"};
    struct stack stack = catalog_stack(list->catalog, site->stack);
    for (uint32_t i = 0; i < stack.depth; i++) {
        const char *name = catalog_function(list->catalog, stack.frames[i]);
        for (size_t j = 0; j < ARRAY_SIZE(functions); j++) {
            if (strcmp(name, functions[j]) == 0)
                return true;
        }
    }
    return false;
}

static void fold_sites(struct suspect_list *list, struct suspicion *suspicion, const struct candidate *candidate)
{
    const struct analysis *analysis = list->analysis;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        const struct allocation_row *site = &analysis->call_sites[i];
        if (site->growth.verdict != GROWTH_GROWING)
            break;
        if (!list->is_explained[i] && (is_of_runtime(list, site) || explains_site(list, candidate, site)))
            suspect_fold_site(list, suspicion, i);
    }
}

static void tell_wait(struct suspect_list *list, const struct candidate *candidate, struct suspicion *suspicion)
{
    const struct goroutine_group *most = candidate->most, *all = &candidate->row->group;
    const char *state = catalog_string(list->catalog, most->wait_reason ? most->wait_reason : most->state);
    char count[UNITS_BUFFER], part[UNITS_BUFFER], oldest[UNITS_BUFFER];
    const char *waited = "";
    if (most->wait_known)
        waited = suspect_text(list, ", the oldest for %s", units_format_duration(oldest, (double)most->wait_ns_max));
    units_format_exact(count, all->count);
    if (most->count == all->count)
        suspect_add_evidence(suspicion, suspect_text(list, "%s of them, all in \"%s\"%s.", count, state, waited));
    else
        suspect_add_evidence(suspicion, suspect_text(list, "%s of them, %s in \"%s\"%s.", count,
                                                     units_format_exact(part, most->count), state, waited));
}

/* What they wait on, as far as it was looked at. */
static void tell_object(struct suspect_list *list, const struct goroutine_group *group, struct suspicion *suspicion)
{
    const struct wait_object *object = &group->object;
    char senders[UNITS_BUFFER], receivers[UNITS_BUFFER], length[UNITS_BUFFER];
    if (object->kind == WAIT_OBJECT_NIL_CHANNEL) {
        suspect_add_evidence(suspicion, "The channel is nil: nothing can ever wake them.");
    } else if (group->examined > 1 && group->num_objects == 1 && object->kind == WAIT_OBJECT_CHANNEL &&
               object->is_read) {
        suspect_add_evidence(
            suspicion, suspect_text(list, "All on one channel: %s wait to send, %s to receive; %s elements in it.",
                                    units_format_exact(senders, object->senders),
                                    units_format_exact(receivers, object->receivers),
                                    units_format_exact(length, (int64_t)object->length)));
    } else if (group->examined > 1 && group->num_objects == group->examined && object->kind == WAIT_OBJECT_CHANNEL) {
        suspect_add_evidence(suspicion, "Each waits on a channel of its own.");
    }
}

static void add_goroutines(struct suspect_list *list, struct candidate *candidates, size_t count, size_t chosen)
{
    const struct candidate *candidate = &candidates[chosen];
    const struct growth *growth = &candidate->row->growth;
    struct suspicion *suspicion = suspect_add(list, SUSPECT_GOROUTINES_GROW, judge(list, candidate));
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char bytes[UNITS_BUFFER];
    double each = stack_bytes_each(list), number = growth->per_second;
    suspect->subject = candidate->subject;
    suspect->created_by = candidate->row->group.created_by;
    suspect->stack = candidate->most->stack;
    suspect->per_second = growth->per_second;
    suspect->since_unix_ns = growth->since_unix_ns;
    suspect->summary = suspect_text(list, "Goroutines in %s do not end: %s more%s.",
                                    suspect_frame(list, suspect->subject),
                                    suspect_count_rate(list, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    suspect->advice = advise(list, candidate->most);
    tell_wait(list, candidate, suspicion);
    tell_object(list, candidate->most, suspicion);
    if (suspect->created_by)
        suspect_add_evidence(suspicion, suspect_text(list, "Started by %s.", suspect_frame(list, suspect->created_by)));
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].folded || i == chosen)
            continue;
        candidates[i].folded = false;
        number += candidates[i].row->growth.per_second;
        suspect_add_evidence(suspicion, suspect_text(list, "With them come those in %s, %s.",
                                                     suspect_frame(list, candidates[i].subject),
                                                     suspect_count_rate(list, candidates[i].row->growth.per_second)));
        fold_sites(list, suspicion, &candidates[i]);
    }
    suspicion->weight += number * each;
    fold_sites(list, suspicion, candidate);
    suspect_add_evidence(suspicion, suspect_text(list, "Their stacks take about %s each.",
                                                 units_format_bytes(bytes, each)));
}

/* Both started by the same package of the standard library: what net/http starts for one request, for instance. */
static bool of_one_library(const struct suspect_list *list, const struct candidate *a, const struct candidate *b)
{
    const struct frame *left = catalog_frame(list->catalog, a->row->group.created_by),
                       *right = catalog_frame(list->catalog, b->row->group.created_by);
    if (left->origin != FRAME_STANDARD || right->origin != FRAME_STANDARD)
        return false;
    const char *first = catalog_string(list->catalog, left->function),
               *second = catalog_string(list->catalog, right->function);
    size_t length = (size_t)(function_short_name(first) - first);
    length += strcspn(first + length, ".") + 1;
    return strncmp(first, second, length) == 0;
}

/* Goroutines that come together: of one creator, or one starts the other. */
static bool come_together(const struct suspect_list *list, const struct candidate *a, const struct candidate *b)
{
    double first = a->row->growth.per_second, second = b->row->growth.per_second;
    bool related = (a->creator_function && a->creator_function == b->creator_function) ||
                   (a->start_function && a->start_function == b->creator_function) ||
                   (b->start_function && b->start_function == a->creator_function) ||
                   (a->subject_function && a->subject_function == b->creator_function) ||
                   (b->subject_function && b->subject_function == a->creator_function) || of_one_library(list, a, b);
    return related && first <= SAME_PACE * second && second <= SAME_PACE * first;
}

/* Of those that come together the one to name: that waits in the program's own code; then what is known of a library.
 * Their rates are all but the same: of equals always the same one. */
static bool tells_more(const struct suspect_list *list, const struct candidate *a, const struct candidate *b)
{
    const struct frame *left = catalog_frame(list->catalog, a->subject);
    const struct frame *right = catalog_frame(list->catalog, b->subject);
    bool is_program = suspect_is_program(list, a->subject);
    if (left->origin != right->origin && (is_program || suspect_is_program(list, b->subject)))
        return left->origin > right->origin && is_program;
    size_t known = find_library_wait(list, a->most), other = find_library_wait(list, b->most);
    if (known != other)
        return known < other;
    int order = strcmp(catalog_string(list->catalog, left->function), catalog_string(list->catalog, right->function));
    return order ? order < 0 : left->line < right->line;
}

void suspects_find_goroutines(struct suspect_list *list)
{
    const struct analysis *analysis = list->analysis;
    struct candidate candidates[MAX_CANDIDATES];
    bool done[MAX_CANDIDATES] = {false};
    size_t count = 0, num_rows = analysis->num_goroutines_by[GOROUTINES_BY_CREATOR];
    for (size_t i = 0; i < num_rows && count < MAX_CANDIDATES; i++) {
        const struct goroutine_row *row = &analysis->goroutines_by[GOROUTINES_BY_CREATOR][i];
        if (row->growth.verdict != GROWTH_GROWING)
            break;
        if (!grows_enough(list, row))
            continue;
        const struct goroutine_group *most = largest_group(list, row);
        frame_id subject = goroutine_subject(list->catalog, most);
        candidates[count++] = (struct candidate){.row = row,
                                                 .most = most,
                                                 .subject = subject,
                                                 .subject_function = function_of(list, subject),
                                                 .start_function = function_of(list, row->group.start),
                                                 .creator_function = function_of(list, row->group.created_by)};
    }
    for (size_t i = 0; i < count; i++) {
        size_t chosen = i;
        if (done[i])
            continue;
        for (size_t j = i; j < count; j++) {
            candidates[j].folded = !done[j] && (j == i || come_together(list, &candidates[i], &candidates[j]));
            done[j] |= candidates[j].folded;
            if (candidates[j].folded && tells_more(list, &candidates[j], &candidates[chosen]))
                chosen = j;
        }
        add_goroutines(list, candidates, count, chosen);
    }
}
