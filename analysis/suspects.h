/* What the finders of suspects share. Private to the analysis room. */
#ifndef ANALYSIS_SUSPECTS_H
#define ANALYSIS_SUSPECTS_H

#include "analysis/history.h"
#include "heaptop/analysis.h"

/* A suspect, and what it is ranked by. */
struct suspicion {
    struct suspect suspect;
    double weight;      /* Bytes a second that it accounts for, near enough. */
};

struct suspect_list {
    const struct history *history;
    const struct analysis *analysis;
    struct arena *arena;        /* The analysis's. */
    VECTOR(struct suspicion) found;
    bool failed;                /* Memory ran out: what was found is not to be used. */
};

/* Fills in analysis->suspects, when all else is known. */
struct error *suspects_find(const struct history *history, struct analysis *analysis);

/* A new one, without words; valid until the next. NULL, with `failed` set, when memory is out. */
struct suspicion *suspect_add(struct suspect_list *list, enum suspect_kind kind, enum suspect_confidence confidence);
/* Formatted in the arena; "" when memory is out. */
const char *suspect_text(struct suspect_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "tsdb.(*Head).getOrCreate  head.go:1622" */
const char *suspect_frame(struct suspect_list *list, frame_id frame);
/* " for 12 min", or nothing where it is not known since when. */
const char *suspect_since(struct suspect_list *list, uint64_t since_unix_ns);
/* What is more than fits is left out. */
void suspect_add_evidence(struct suspect *suspect, const char *text);

void suspects_find_sites(struct suspect_list *list);
void suspects_find_goroutines(struct suspect_list *list);

#endif
