#include "cli/suspects.h"

#include <stdlib.h>

#define MAX_SUSPECTS 32

/* The evidence as one text, a line each. */
static char *join_evidence(const struct suspect *suspect)
{
    struct text text = {0};
    for (size_t i = 0; i < suspect->num_evidence; i++)
        text_printf(&text, "%s%s", i ? "\n" : "", suspect->evidence[i]);
    return text_take(&text);
}

void suspects_record(const struct analysis *analysis, struct recorder *recorder)
{
    struct recorder_suspect suspects[MAX_SUSPECTS] = {0};
    char *evidence[MAX_SUSPECTS];
    size_t count = analysis->num_suspects < MAX_SUSPECTS ? analysis->num_suspects : MAX_SUSPECTS;
    for (size_t i = 0; i < count; i++) {
        const struct suspect *suspect = &analysis->suspects[i];
        evidence[i] = join_evidence(suspect);
        suspects[i] = (struct recorder_suspect){.kind = suspect_kind_infos[suspect->kind].name,
                                                .confidence = suspect_confidence_name(suspect->confidence),
                                                .unit = suspect_kind_infos[suspect->kind].unit,
                                                .subject = suspect->subject,
                                                .created_by = suspect->created_by,
                                                .name = suspect->name,
                                                .stack = suspect->stack,
                                                .per_second = suspect->per_second,
                                                .share = suspect->share,
                                                .since_unix_ns = suspect->since_unix_ns,
                                                .summary = suspect->summary,
                                                .evidence = evidence[i],
                                                .advice = suspect->advice};
    }
    recorder_set_suspects(recorder, analysis->snapshot, suspects, count);
    for (size_t i = 0; i < count; i++)
        free(evidence[i]);
}
