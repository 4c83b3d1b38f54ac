/* Figures over a whole session, however long, in a fixed number of slots of equal time: what a time line shows. */
#ifndef TUI_STRIP_H
#define TUI_STRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/snapshot.h"

#define STRIP_SLOTS 512

enum strip_figure { STRIP_RSS, STRIP_HEAP, STRIP_GOROUTINES, STRIP_FIGURES };

struct strip {
    uint64_t first_unix_ns, last_unix_ns;   /* 0, 0 while it is empty. */
    uint64_t slot_ns;                       /* Doubles when the session has outgrown the slots. */
    float most[STRIP_FIGURES][STRIP_SLOTS]; /* NAN where there was no sample. */
    uint32_t cycles[STRIP_SLOTS];           /* GC cycles completed in it. */
    double now[STRIP_FIGURES];              /* Of the newest sample; NAN where not known. */
    double num_gc;
};

void strip_init(struct strip *strip);
/* Samples come in order of time. */
void strip_add(struct strip *strip, const struct timeline_point *point);
/* The point that a snapshot makes. */
struct timeline_point strip_point(const struct snapshot *snapshot);

/* Cuts the session from `from` to `to` into columns and writes the largest value of each; where there was no sample the
 * value before goes on, NAN before the first. */
void strip_columns(const struct strip *strip, enum strip_figure figure, uint64_t from, uint64_t to, double *columns,
                   size_t count);
/* How many cycles were completed between two times, as near as the slots tell. */
uint32_t strip_cycles(const struct strip *strip, uint64_t from, uint64_t to);
/* The end of the slot over which RSS rose most; 0 when it never rose. */
uint64_t strip_largest_rise(const struct strip *strip);

#endif
