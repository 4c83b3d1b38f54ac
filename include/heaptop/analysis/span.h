/* Growth over a span of time that somebody chose, in place of that over the window. */
#ifndef HEAPTOP_ANALYSIS_SPAN_H
#define HEAPTOP_ANALYSIS_SPAN_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

struct analysis;

/* What is between two snapshots of one session, `end` the later one. */
struct chosen_span {
    const struct snapshot *start, *end;
};

/* Makes the growth of all rows, of RSS, the live heap and the number of goroutines that of the span: `change` over it,
 * and what that is a second. What was not there at its start has grown from nothing. A change that the sampling of the
 * heap profile explains is none: GROWTH_PLATEAU. The snapshots need not be the analysis's own, but share its catalog.
 * Does nothing where the end is not after the start. */
struct error *analysis_set_span(struct analysis *analysis, const struct chosen_span *span);

/* The sentence on top for it: how much RSS, heap and goroutines changed, and which call sites and goroutines most. */
struct error *analysis_write_span(const struct analysis *analysis, const struct chosen_span *span,
                                  struct text *ret_text);

#endif
