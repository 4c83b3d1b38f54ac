/* Suspects that are about the process as a whole: GC, idle heap, memory outside Go, the limit. */
#include <math.h>

#include "analysis/suspects.h"

#define SECOND_NS UINT64_C(1000000000)

/* GC: the part of the CPU from which on cycles that free little are surely a harm. */
#define SURE_CPU 0.25
/* Idle heap that is kept: how much, of RSS, for how long. */
#define IDLE_BYTES (64.0 * 1048576)
#define IDLE_PART 0.5
#define IDLE_SPAN_NS (600 * SECOND_NS)
/* Growth outside Go. */
#define OUTSIDE_RISE (4.0 * 1048576)
#define OUTSIDE_SECONDS 30
#define SURE_OUTSIDE_SECONDS 60
/* The part of the growth that pages looked at twice must account for. */
#define SEEN_PART 0.5
/* A limit that is met later is far; nor is it near while less than this part of it is in use. */
#define NEAR_LIMIT_SECONDS (24 * 3600.0)
#define NEAR_LIMIT_PART 0.5
/* What nothing is known of in bytes a second ranks below what grows. */
#define SMALL_WEIGHT 1e-3
/* Above all that grows; below finalizers that stand still. */
#define THRASH_WEIGHT 1e14

/* ---- GC ---- */

static void find_thrash(struct suspect_list *list)
{
    const struct gc_activity *gc = &list->analysis->gc;
    const struct snapshot *snapshot = list->analysis->snapshot;
    char percent[UNITS_BUFFER], limit[UNITS_BUFFER], freed[UNITS_BUFFER];
    if (!gc->thrashing || snapshot->unix_ns - history_first_unix_ns(list->history) < GC_RECENT_NS)
        return;
    /* Cheap cycles are no harm yet, though they come because of the limit. */
    bool sure = gc->cpu_share >= (gc->pinned ? GC_THRASH_CPU : SURE_CPU);
    struct suspicion *suspicion = suspect_add(list, SUSPECT_GC_THRASH, sure ? SUSPECT_SURE : SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    /* Sure, it is a fire: above leaks, for it stands between the program and its work now. */
    suspicion->weight = sure ? THRASH_WEIGHT : SMALL_WEIGHT;
    suspect->per_second = gc->cycles_per_s;
    const char *where = gc->pinned ? ", pinned to GOMEMLIMIT," : "";
    suspect->summary =
        isnan(gc->freed_share)
            ? suspect_text(list, "The GC runs %s%s.", suspect_count_rate(list, gc->cycles_per_s),
                           gc->pinned ? ", pinned to GOMEMLIMIT" : "")
            : suspect_text(list, "The GC runs %s%s and frees only %s of the heap each time.",
                           suspect_count_rate(list, gc->cycles_per_s), where,
                           units_format_percent(freed, gc->freed_share));
    if (!isnan(gc->cpu_share))
        suspect_add_evidence(suspicion, suspect_text(list, "It takes %s of the CPU.",
                                                     units_format_percent(percent, gc->cpu_share)));
    if (gc->pinned)
        suspect_add_evidence(
            suspicion,
            suspect_text(list, "What Go has in use is at GOMEMLIMIT, %s: each allocation near it makes it collect.",
                         units_format_bytes(limit, snapshot_counter_or(snapshot, COUNTER_MEMORY_LIMIT, 0))));
    if (gc->forced)
        suspect_add_evidence(suspicion, "Most of these cycles are forced, by runtime.GC or debug.FreeOSMemory.");
    suspect->advice =
        gc->pinned   ? "Give it a higher GOMEMLIMIT, or find what the live heap holds: the call sites that hold most."
        : gc->forced ? "Find who calls runtime.GC or debug.FreeOSMemory, and how often."
                     : "Set GOGC higher, with GOMEMLIMIT as the bound, or find what the live heap holds.";
}

/* ---- idle heap ---- */

static void find_idle(struct suspect_list *list)
{
    const struct snapshot *snapshot = list->analysis->snapshot;
    double idle = suspect_least_over(list, history_counter(list->history, COUNTER_HEAP_IDLE), IDLE_SPAN_NS);
    double rss = snapshot_counter_or(snapshot, COUNTER_RSS, NAN);
    double released = snapshot_counter_or(snapshot, COUNTER_HEAP_RELEASED, 0);
    const struct memory_parts *parts = &list->analysis->memory_parts;
    double kept = idle - released;
    char bytes[UNITS_BUFFER], whole[UNITS_BUFFER];
    /* Not by fmin: of no number and one it takes the one, and what was not watched so long would be told. */
    if (parts->known && parts->heap_known && kept > (double)parts->bytes[MEMORY_PART_IDLE])
        kept = (double)parts->bytes[MEMORY_PART_IDLE];
    if (!(kept >= IDLE_BYTES) || !(kept >= IDLE_PART * rss))
        return;
    struct suspicion *suspicion = suspect_add_idle(list);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->summary = suspect_text(list, "%s of %s resident is idle heap that Go keeps, for ten minutes and more.",
                                    units_format_bytes(bytes, kept), units_format_bytes(whole, rss));
    suspect_add_evidence(suspicion, "It is no leak: the next peak is served from it.");
    suspect->advice =
        "If the memory is needed elsewhere: set GOMEMLIMIT near what is in use, or call debug.FreeOSMemory after "
        "peaks.";
}

/* ---- outside Go ---- */

/* What parts of RSS outside Go have gained between the two times that its pages were looked at; NAN when they were
 * not. */
static double part_gain(const struct suspect_list *list, enum memory_part part)
{
    const struct memory_parts *first = &list->history->first_parts, *last = &list->analysis->memory_parts;
    if (!first->known || !last->known || last->unix_ns < first->unix_ns + OUTSIDE_SECONDS * SECOND_NS / 2)
        return NAN;
    return (double)last->bytes[part] - (double)first->bytes[part];
}

static const enum memory_part outside_parts[] = {MEMORY_PART_C_HEAP, MEMORY_PART_ANONYMOUS, MEMORY_PART_SHARED,
                                                 MEMORY_PART_THREAD_STACKS};

static const char *advise_outside(enum memory_part most)
{
    switch (most) {
    case MEMORY_PART_C_HEAP:
        return "Look for C.malloc, C.CString and C libraries whose results nobody frees.";
    case MEMORY_PART_ANONYMOUS:
        return "Look for mmap without munmap (syscall.Mmap, an off-heap cache, a database), and C code that allocates "
               "large pieces.";
    case MEMORY_PART_THREAD_STACKS:
        return "Look for goroutines that lock a thread or block in C and system calls: each takes a thread.";
    default:
        return "Look for C code (cgo) and mmap: the Memory screen shows which part of RSS it is.";
    }
}

/* What has come beyond all that Go has mapped. As long as there is less than that, Go may just be touching its own
 * memory for the first time. */
static double gained_beyond_go(const struct series *outside, uint64_t since_unix_ns)
{
    double before;
    if (outside->count == 0 || !series_value_at(outside, since_unix_ns, &before))
        return 0;
    return fmax(series_point(outside, outside->count - 1).value, 0) - fmax(before, 0);
}

static void find_outside(struct suspect_list *list)
{
    const struct growth *growth = &list->history->outside_anonymous_growth, *rss = &list->analysis->rss;
    double rise = gained_beyond_go(&list->history->outside_anonymous, growth->since_unix_ns);
    double seconds = suspect_seconds(list, growth->since_unix_ns), seen = 0, most = 0;
    enum memory_part holder = MEMORY_PART_UNEXPLAINED;
    char rate[UNITS_BUFFER], bytes[UNITS_BUFFER];
    /* By itself it may only say that Go gave back what it had not touched: RSS must rise by it. */
    if (growth->verdict != GROWTH_GROWING || rss->verdict != GROWTH_GROWING || seconds < OUTSIDE_SECONDS)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(outside_parts); i++) {
        double gain = part_gain(list, outside_parts[i]);
        seen += fmax(gain, 0);
        if (gain > most) {
            most = gain;
            holder = outside_parts[i];
        }
    }
    bool looked = !isnan(part_gain(list, MEMORY_PART_C_HEAP));
    bool is_start_up = suspect_is_start_up(list, growth->since_unix_ns);
    if (looked ? seen < SEEN_PART * OUTSIDE_RISE
               : rise < OUTSIDE_RISE || (is_start_up && seconds < SURE_OUTSIDE_SECONDS))
        return;
    bool sure =
        looked && seen >= SEEN_PART * suspect_rise(list, growth) && seconds >= SURE_OUTSIDE_SECONDS && !is_start_up;
    struct suspicion *suspicion =
        suspect_add_growth(list, SUSPECT_OUTSIDE_GO_GROWS, sure ? SUSPECT_SURE : SUSPECT_LIKELY, growth, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->summary = suspect_text(list, "Memory outside Go grows %s%s.", units_format_rate(rate, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    if (looked)
        suspect_add_evidence(suspicion,
                             suspect_text(list, "Most of it is in: %s, %s more since it was first looked at.",
                                          memory_part_infos[holder].label, units_format_bytes(bytes, most)));
    else
        suspect_add_evidence(suspicion, "Which part of RSS it is, the Memory screen tells.");
    suspect_add_evidence(suspicion, "It is anonymous memory (no file's) beyond all that the Go runtime has mapped.");
    suspect->advice = advise_outside(holder);
}

/* ---- the limit ---- */

/* What grows towards it says so itself; alone it stands where nothing else is known to grow. */
static void find_limit(struct suspect_list *list)
{
    const struct analysis *analysis = list->analysis;
    const struct snapshot *snapshot = analysis->snapshot;
    char limit[UNITS_BUFFER], left[UNITS_BUFFER], rate[UNITS_BUFFER];
    if (analysis->limit_bytes == 0 || !(analysis->seconds_to_limit < NEAR_LIMIT_SECONDS))
        return;
    const char *name = analysis->limit_is_soft ? "GOMEMLIMIT" : "The memory limit";
    units_format_bytes(limit, (double)analysis->limit_bytes);
    const char *when =
        analysis->seconds_to_limit > 0
            ? suspect_text(list, "%s, %s, is met in %s at this rate.", name, limit,
                           units_format_duration(left, analysis->seconds_to_limit * 1e9))
            : suspect_text(list, "%s, %s, is met.", name, limit);
    struct suspicion *heaviest = NULL;
    for (size_t i = 0; i < list->found.count; i++) {
        struct suspicion *suspicion = &list->found.items[i];
        enum suspect_kind kind = suspicion->suspect.kind;
        bool grows = kind != SUSPECT_GOROUTINES_STUCK && kind != SUSPECT_GC_THRASH && kind != SUSPECT_HEAP_IDLE;
        if (grows && (!heaviest || suspicion->weight > heaviest->weight))
            heaviest = suspicion;
    }
    if (heaviest)
        suspect_add_evidence(heaviest, when);
    /* RSS rises with garbage too, and stops: it has to come near. */
    double used = analysis->limit_is_soft
                      ? snapshot_counter_or(snapshot, COUNTER_GO_SYS, 0) -
                            snapshot_counter_or(snapshot, COUNTER_HEAP_RELEASED, 0)
                      : snapshot_counter_or(snapshot, COUNTER_RSS, 0);
    if (heaviest || used < NEAR_LIMIT_PART * (double)analysis->limit_bytes)
        return;
    const struct growth *growth = analysis->rss.verdict == GROWTH_GROWING ? &analysis->rss : &analysis->heap;
    bool is_start_up = suspect_is_start_up(list, growth->since_unix_ns);
    struct suspicion *suspicion =
        suspect_add_growth(list, SUSPECT_LIMIT_NEAR, is_start_up ? SUSPECT_POSSIBLE : SUSPECT_LIKELY, growth, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    suspect->summary = when;
    suspect_add_evidence(suspicion,
                         suspect_text(list, "%s grows %s%s.", growth == &analysis->rss ? "RSS" : "The live heap",
                                      units_format_rate(rate, growth->per_second),
                                      suspect_since(list, growth->since_unix_ns)));
    suspect->advice = "Find what grows: the Memory screen tells which part of RSS, the heap profile which code.";
}

void suspects_find_process(struct suspect_list *list)
{
    find_thrash(list);
    find_idle(list);
    find_outside(list);
    find_limit(list);
}
