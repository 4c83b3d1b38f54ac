/* What grows of a program that is not Go's beside malloc's heap: threads, and memory that it has mapped itself. */
#include <math.h>

#include "analysis/suspects.h"

/* Threads: by how many, and by which part of those there are, they must have risen. */
#define SMALLEST_THREADS 8
#define SMALLEST_THREADS_PART 0.1
/* What a thread costs at least: the pages of its stack and of its descriptor that are touched. */
#define THREAD_BYTES (16.0 * 1024)
/* Most of the threads' rise must be at one place for it to be named. */
#define ONE_PLACE 0.5
/* Mappings: a rise that is worth a word. */
#define SMALLEST_RISE (4.0 * 1024 * 1024)
/* More of it than this part is due to the threads' stacks. */
#define OF_THREADS 0.5

/* Where most threads wait by the same way, and how many they are. */
static const struct thread_group *largest_group(const struct suspect_list *list, double rise)
{
    const struct analysis *analysis = list->analysis;
    const struct thread_group *group = analysis->num_thread_groups > 0 ? &analysis->thread_groups[0] : NULL;
    return group && group->count >= ONE_PLACE * rise ? group : NULL;
}

/* Bytes a second of RSS that they bring. */
static double find_threads(struct suspect_list *list)
{
    const struct growth *growth = &list->history->thread_growth;
    double rise = suspect_rise(list, growth), now = snapshot_counter_or(list->analysis->snapshot, COUNTER_THREADS, 0);
    char count[UNITS_BUFFER], all[UNITS_BUFFER];
    if (growth->verdict != GROWTH_GROWING || suspect_is_early(list, growth) || rise < SMALLEST_THREADS ||
        rise < SMALLEST_THREADS_PART * now)
        return 0;
    const struct thread_group *group = largest_group(list, rise);
    struct suspicion *suspicion = suspect_add_growth(
        list, SUSPECT_THREADS_GROW, group && suspect_is_long(list, growth) ? SUSPECT_SURE : SUSPECT_LIKELY, growth,
        THREAD_BYTES);
    if (!suspicion)
        return 0;
    struct suspect *suspect = &suspicion->suspect;
    if (group) {
        suspect->stack = group->stack;
        suspect->subject = catalog_stack(list->catalog, group->stack)
                               .frames[catalog_stack_subject(list->catalog, group->stack)];
    }
    const char *where = suspect->subject ? suspect_text(list, " in %s", suspect_frame(list, suspect->subject)) : "";
    suspect->summary = suspect_text(list, "Threads%s do not end: %s more%s.", where,
                                    suspect_count_rate(list, growth->per_second),
                                    suspect_since(list, growth->since_unix_ns));
    units_format_exact(all, (int64_t)now);
    if (group)
        suspect_add_evidence(suspicion, suspect_text(list, "%s of %s threads wait at one place, by the same way there.",
                                                     units_format_exact(count, group->count), all));
    else
        suspect_add_evidence(suspicion, suspect_text(list, "There are %s; no place where most of them wait.", all));
    suspect_add_evidence(suspicion, "Each keeps its stack, and what is on it: 16 KB at least, 8 MB of address space.");
    suspect->advice = "Find what should end these threads, and why it does not come: an answer, a signal, a join; the "
                      "screen of threads shows where they wait.";
    return growth->per_second * THREAD_BYTES;
}

/* Anonymous and shared memory beyond what malloc has taken. */
static void find_mappings(struct suspect_list *list, double of_threads)
{
    const struct growth *growth = &list->history->malloc.outside_growth, *rss = &list->analysis->rss;
    const struct series *outside = &list->history->malloc.outside;
    char rate[UNITS_BUFFER], bytes[UNITS_BUFFER];
    if (growth->verdict != GROWTH_GROWING || rss->verdict != GROWTH_GROWING || suspect_is_early(list, growth) ||
        suspect_rise(list, growth) < SMALLEST_RISE || of_threads > OF_THREADS * growth->per_second)
        return;
    struct suspicion *suspicion = suspect_add_growth(
        list, SUSPECT_MAPPINGS_GROW, suspect_is_long(list, growth) ? SUSPECT_SURE : SUSPECT_LIKELY, growth, 1);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    bool is_malloc_known = list->history->malloc.heap.known;
    const char *allocator = list->history->malloc.heap.allocator;
    bool is_named = !is_malloc_known && allocator && *allocator;
    suspect->name = is_named ? allocator : NULL;
    suspect->summary = suspect_text(
        list,
        is_named ? "Memory of %s, and what the program maps itself, grows %s%s." : "Memory that %s itself grows %s%s.",
        is_named ? allocator : "the program maps", units_format_rate(rate, growth->per_second),
        suspect_since(list, growth->since_unix_ns));
    suspect_add_evidence(suspicion,
                         suspect_text(list, "%s resident are in no file%s.",
                                      units_format_bytes(bytes, series_point(outside, outside->count - 1).value),
                                      is_malloc_known ? " and not malloc's" : ""));
    suspect_add_evidence(suspicion, is_malloc_known
                                        ? "malloc's heap was read at the same times, and does not account for it."
                                        : suspect_text(list, "What lies in it cannot be told: %s.",
                                                       list->history->malloc.heap.reason
                                                           ? list->history->malloc.heap.reason
                                                           : "its allocator is not read"));
    suspect->advice =
        is_malloc_known
            ? "Look for mmap without munmap, shared memory, and allocators of its own (arenas, pools, a "
              "JIT); --probe faults (P in the live view) shows which code touches it first."
            : "--probe allocs tells which code allocates it, --probe faults (P in the live view) which code "
              "touches new memory first; so does starting it by heaptop run.";
}

void suspects_find_native(struct suspect_list *list)
{
    find_mappings(list, find_threads(list));
}
