/* Call sites that grow. */
#include <math.h>

#include "analysis/suspects.h"

/* A slope of so many times its confidence interval's half width is beyond doubt. */
#define SURE_ERRORS 3

static void add_site(struct suspect_list *list, const struct allocation_row *row)
{
    const struct growth *growth = &row->growth;
    bool sure = !growth->provisional && growth->per_second >= SURE_ERRORS * growth->error_per_second;
    struct suspicion *suspicion =
        suspect_add(list, SUSPECT_SITE_GROWS, sure ? SUSPECT_SURE : growth->provisional ? SUSPECT_POSSIBLE : SUSPECT_LIKELY);
    if (!suspicion)
        return;
    struct suspect *suspect = &suspicion->suspect;
    char rate[UNITS_BUFFER], held[UNITS_BUFFER];
    suspicion->weight = growth->per_second;
    suspect->subject = row->subject;
    suspect->stack = row->stack;
    suspect->per_second = growth->per_second;
    suspect->since_unix_ns = growth->since_unix_ns;
    suspect->summary = suspect_text(list, "%s keeps what it allocates: it grows %s%s.", suspect_frame(list, row->subject),
                                    units_format_rate(rate, growth->per_second), suspect_since(list, growth->since_unix_ns));
    suspect_add_evidence(suspect, suspect_text(list, "In use %s, seen rising over %u GC cycles.",
                                               units_format_bytes(held, (double)row->published.inuse_bytes),
                                               growth->points));
    suspect->advice = "Find what holds on to the objects made at this line, and when they should be let go.";
}

void suspects_find_sites(struct suspect_list *list)
{
    const struct analysis *analysis = list->analysis;
    for (size_t i = 0; i < analysis->num_call_sites; i++) {
        if (analysis->call_sites[i].growth.verdict == GROWTH_GROWING)
            add_site(list, &analysis->call_sites[i]);
    }
}
