/* Groups of goroutines that are stuck though no more of them come: what is held against them is told in suspects.c. */
#include <math.h>
#include <string.h>

#include "analysis/suspects.h"

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define MAX_LINES 64
/* What a stuck goroutine holds is not known: they rank below what grows. */
#define WEIGHT_EACH 1e-6

/* What a wait is like when many are in it. */
enum stuck_class {
    STUCK_FOR_EVER,    /* A nil channel, a select without cases. */
    STUCK_IN_SEND,
    STUCK_AT_LOCK,
    STUCK_PERHAPS,     /* Where healthy programs wait for work, or for an end that is far: select, WaitGroup. */
    STUCK_NOT,
};

/* How many, how long all of them, how long the oldest. */
static const struct {
    uint32_t count, likely_count;
    uint64_t newest_ns, oldest_ns;
    const char *advice;
} demands[] = {
    [STUCK_FOR_EVER] =
        {10, 10, 0, 0,
         "They can never go on: nothing comes from a nil channel or a select without cases. Find why the "
         "channel was never made."},
    [STUCK_IN_SEND] = {5, 20, MINUTE_NS, 3 * MINUTE_NS,
                       "Nobody receives from that channel: find the receiver that has left or is stuck itself."},
    [STUCK_AT_LOCK] = {3, 3, MINUTE_NS / 2, MINUTE_NS,
                       "Find who holds the lock: a goroutine that returned without unlocking, or waits itself."},
    [STUCK_PERHAPS] =
        {50, UINT32_MAX, 2 * MINUTE_NS, 10 * MINUTE_NS,
         "Find what was meant to end this wait: a context that nobody cancels, a Done that is not reached."},
};

/* All that wait for one thing at one line. */
struct line {
    string_id reason, function;
    uint32_t number, count;
    uint32_t examined, objects; /* On how many objects those wait of which it is known. */
    uint64_t newest_ns, oldest_ns;
    frame_id subject;
    const struct goroutine_group *most;
    bool known;                 /* How long all of them have waited. */
};

static enum stuck_class classify(const struct suspect_list *list, const struct goroutine_group *group)
{
    const char *reason = catalog_string(list->catalog, group->wait_reason);
    /* "chan send (nil chan)", "select (no cases)": runtime/runtime2.go waitReasonStrings, Go 1.19-1.27. */
    if (strstr(reason, "(nil chan)") || strcmp(reason, "select (no cases)") == 0)
        return STUCK_FOR_EVER;
    switch (group->kind) {
    case WAIT_CHAN_SEND:
        return STUCK_IN_SEND;
    case WAIT_LOCK:
        return STUCK_AT_LOCK;
    case WAIT_SELECT:
        return STUCK_PERHAPS;
    case WAIT_SEMAPHORE:
        /* Who waits on a Cond waits for work. */
        return strcmp(reason, "sync.Cond.Wait") == 0 ? STUCK_NOT : STUCK_PERHAPS;
    default:
        return STUCK_NOT;
    }
}

/* The line of a group, made when new; NULL when there are too many. */
static struct line *find_line(struct line *lines, size_t *count, const struct goroutine_group *group, frame_id subject,
                              const struct frame *frame)
{
    for (size_t i = 0; i < *count; i++) {
        struct line *line = &lines[i];
        if (line->reason == group->wait_reason && line->function == frame->function && line->number == frame->line)
            return line;
    }
    if (*count == MAX_LINES)
        return NULL;
    lines[*count] = (struct line){.reason = group->wait_reason,
                                  .function = frame->function,
                                  .number = frame->line,
                                  .subject = subject,
                                  .newest_ns = UINT64_MAX,
                                  .most = group,
                                  .known = true};
    return &lines[(*count)++];
}

static size_t gather_lines(const struct suspect_list *list, struct line *lines, uint64_t *ret_connections)
{
    const struct analysis *analysis = list->analysis;
    size_t count = 0;
    *ret_connections = 0;
    for (size_t i = 0; i < analysis->num_goroutines; i++) {
        const struct goroutine_group *group = &analysis->goroutines[i].group;
        if (group->kind == WAIT_NETWORK)
            *ret_connections += group->count;
        frame_id subject = goroutine_subject(list->catalog, group);
        /* Main waits for the end of the program. */
        if (group->system || !group->stack || !group->created_by || classify(list, group) == STUCK_NOT ||
            !suspect_is_program(list, subject))
            continue;
        struct line *line = find_line(lines, &count, group, subject, catalog_frame(list->catalog, subject));
        if (!line)
            continue;
        line->count += group->count;
        line->examined += group->examined;
        line->objects += group->num_objects;
        line->known &= group->wait_known;
        if (group->count > line->most->count)
            line->most = group;
        if (group->wait_ns_min < line->newest_ns)
            line->newest_ns = group->wait_ns_min;
        if (group->wait_ns_max > line->oldest_ns)
            line->oldest_ns = group->wait_ns_max;
    }
    return count;
}

static bool is_stuck(const struct line *line, enum stuck_class class, uint64_t connections)
{
    if (line->count < demands[class].count)
        return false;
    if (demands[class].oldest_ns == 0)
        return true;
    if (!line->known || line->newest_ns < demands[class].newest_ns || line->oldest_ns < demands[class].oldest_ns)
        return false;
    /* A pool waits on one channel, and when it has had nothing to do since some moment it has waited since then;
     * clients stay for hours. */
    return class != STUCK_PERHAPS || (line->oldest_ns >= 2 * line->newest_ns && connections * 2 < line->count &&
                                      line->objects * 2 >= line->examined);
}

/* Goroutines that are growing have been told already. */
static bool is_told(const struct suspect_list *list, const struct line *line)
{
    for (size_t i = 0; i < list->found.count; i++) {
        const struct suspect *suspect = &list->found.items[i].suspect;
        const struct frame *frame = catalog_frame(list->catalog, suspect->subject);
        if ((suspect->kind == SUSPECT_GOROUTINES_GROW || suspect->kind == SUSPECT_FINALIZERS) &&
            ((frame->function == line->function && frame->line == line->number) ||
             (suspect->created_by && suspect->created_by == line->most->created_by)))
            return true;
    }
    return false;
}

static void add_stuck(struct suspect_list *list, const struct line *line, enum stuck_class class)
{
    struct suspicion *suspicion =
        suspect_add(list, SUSPECT_GOROUTINES_STUCK,
                    line->count >= demands[class].likely_count ? SUSPECT_LIKELY : SUSPECT_POSSIBLE);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char count[UNITS_BUFFER], oldest[UNITS_BUFFER], newest[UNITS_BUFFER];
    const char *reason = catalog_string(list->catalog, line->reason);
    suspicion->weight = line->count * WEIGHT_EACH;
    suspect->subject = line->subject;
    suspect->created_by = line->most->created_by;
    suspect->stack = line->most->stack;
    units_format_exact(count, line->count);
    suspect->summary =
        suspect_text(list, "%s goroutines are stuck in %s (%s).", count, suspect_frame(list, line->subject), reason);
    if (line->known)
        suspect_add_evidence(suspicion, suspect_text(list, "None of them has moved for %s, the oldest not for %s.",
                                                     units_format_duration(newest, (double)line->newest_ns),
                                                     units_format_duration(oldest, (double)line->oldest_ns)));
    if (class == STUCK_FOR_EVER)
        suspect_add_evidence(suspicion, "Nothing can end this wait.");
    if (suspect->created_by)
        suspect_add_evidence(suspicion, suspect_text(list, "Started by %s.", suspect_frame(list, suspect->created_by)));
    suspect->advice = demands[class].advice;
}

void suspects_find_stuck(struct suspect_list *list)
{
    struct line lines[MAX_LINES];
    uint64_t connections;
    size_t count = gather_lines(list, lines, &connections);
    for (size_t i = 0; i < count; i++) {
        enum stuck_class class = classify(list, lines[i].most);
        if (is_stuck(&lines[i], class, connections) && !is_told(list, &lines[i]))
            add_stuck(list, &lines[i], class);
    }
}
