/* Goroutines that grow in number, and groups of them that are stuck. */
#include <math.h>

#include "analysis/suspects.h"

/* What a goroutine costs at least: its descriptor and its smallest stack (runtime/stack.go, Go 1.19-1.27). */
#define GOROUTINE_BYTES 2560
#define SURE_ERRORS 3

static void add_growing(struct suspect_list *list, const struct goroutine_row *row)
{
    const struct goroutine_group *group = &row->group;
    const struct growth *growth = &row->growth;
    struct suspicion *suspicion =
        suspect_add(list, SUSPECT_GOROUTINES_GROW,
                    growth->per_second >= SURE_ERRORS * growth->error_per_second ? SUSPECT_SURE : SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char count[UNITS_BUFFER];
    suspicion->weight = growth->per_second * GOROUTINE_BYTES;
    suspect->subject = goroutine_subject(list->analysis->snapshot->catalog, group);
    suspect->created_by = group->created_by;
    suspect->stack = group->stack;
    suspect->per_second = growth->per_second;
    suspect->since_unix_ns = growth->since_unix_ns;
    suspect->summary =
        suspect_text(list, "Goroutines grow %.3g/s%s in %s.", growth->per_second,
                     suspect_since(list, growth->since_unix_ns), suspect_frame(list, suspect->subject));
    suspect_add_evidence(suspect, suspect_text(list, "%s of them now.", units_format_exact(count, group->count)));
    suspect->advice = "Find what should end these goroutines.";
}

void suspects_find_goroutines(struct suspect_list *list)
{
    const struct analysis *analysis = list->analysis;
    for (size_t i = 0; i < analysis->num_goroutines; i++) {
        const struct goroutine_row *row = &analysis->goroutines[i];
        if (row->growth.verdict == GROWTH_GROWING && !row->group.system)
            add_growing(list, row);
    }
}
