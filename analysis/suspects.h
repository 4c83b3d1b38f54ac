/* What the finders of suspects share. Private to the analysis room. */
#ifndef ANALYSIS_SUSPECTS_H
#define ANALYSIS_SUSPECTS_H

#include "analysis/history.h"
#include "heaptop/analysis.h"

/* A suspect, and what it is ranked by. */
struct suspicion {
    struct suspect suspect;
    double weight;              /* Bytes a second that it accounts for, near enough. */
    double folded_per_second;   /* Bytes, of these. */
};

struct suspect_list {
    const struct history *history;
    const struct analysis *analysis;
    const struct catalog *catalog;
    struct arena *arena;        /* The analysis's. */
    VECTOR(struct suspicion) found;
    bool *is_explained;         /* Of each of analysis->call_sites: its growth is the consequence of a suspect. */
    bool failed;                /* Memory ran out: what was found is not to be used. */
};

/* Fills in analysis->suspects, when all else is known. */
struct error *suspects_find(const struct history *history, struct analysis *analysis);

/* A new one, without words; valid until the next. NULL, with `failed` set, when memory is out. */
struct suspicion *suspect_add(struct suspect_list *list, enum suspect_kind kind, enum suspect_confidence confidence);
/* The same of what grows by this, ranked by how fast; each of what it counts stands for so many bytes. */
struct suspicion *suspect_add_growth(struct suspect_list *list, enum suspect_kind kind,
                                     enum suspect_confidence confidence, const struct growth *growth,
                                     double bytes_each);
/* The same of room that is kept without need: ranked below all that grows. */
struct suspicion *suspect_add_idle(struct suspect_list *list);
/* Formatted in the arena; "" when memory is out. */
const char *suspect_text(struct suspect_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "tsdb.(*Head).getOrCreate  head.go:1622" */
const char *suspect_frame(struct suspect_list *list, frame_id frame);
/* " for 12 min", or nothing where it is not known since when. */
const char *suspect_since(struct suspect_list *list, uint64_t since_unix_ns);
/* "14/s", "3/min" */
const char *suspect_count_rate(struct suspect_list *list, double per_second);
/* What is more than fits is left out. */
void suspect_add_evidence(struct suspicion *suspicion, const char *text);
/* The call site's growth is a consequence of the suspicion, which is told among its evidence. */
void suspect_fold_site(struct suspect_list *list, struct suspicion *suspicion, size_t site);

/* The least that a series was over the last span; NAN when it was not watched so long. */
double suspect_least_over(const struct suspect_list *list, const struct series *series, uint64_t span_ns);
/* How a rise is seen. */
double suspect_rise(const struct suspect_list *list, const struct growth *growth);      /* Since it began. */
double suspect_seconds(const struct suspect_list *list, uint64_t since_unix_ns);        /* Until now. */
/* It began while the program was starting: what is loaded and filled then is no leak yet. */
bool suspect_is_start_up(const struct suspect_list *list, uint64_t since_unix_ns);
/* Of programs that are not Go's: it has lasted too short to be named; so long that it may be called sure. */
bool suspect_is_early(const struct suspect_list *list, const struct growth *growth);
bool suspect_is_long(const struct suspect_list *list, const struct growth *growth);

/* Whether any frame of a stack is in this function; whether any of a call site's stacks has one. */
bool suspect_stack_has(const struct suspect_list *list, stack_id stack, string_id function);
bool suspect_site_has(const struct suspect_list *list, const struct allocation_row *site, string_id function);
/* Objects of a call site that come to stay, a second. */
double suspect_objects_per_second(const struct allocation_row *site);
/* Not the runtime's and not the standard library's. */
bool suspect_is_program(const struct suspect_list *list, frame_id frame);

/* In this order: causes claim the call sites that grow because of them. */
void suspects_find_finalizers(struct suspect_list *list);
void suspects_find_goroutines(struct suspect_list *list);
void suspects_find_timers(struct suspect_list *list);
void suspects_find_sites(struct suspect_list *list);
void suspects_find_stuck(struct suspect_list *list);
/* For programs that are not Go's, both. */
void suspects_find_malloc(struct suspect_list *list);
void suspects_find_native(struct suspect_list *list);
void suspects_find_process(struct suspect_list *list);

#endif
