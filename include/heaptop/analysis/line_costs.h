/* What the lines of one source file account for: of each stack that has the line, what it holds and has allocated. */
#ifndef HEAPTOP_ANALYSIS_LINE_COSTS_H
#define HEAPTOP_ANALYSIS_LINE_COSTS_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

struct analysis;

struct line_cost {
    uint32_t line;              /* From 1. */
    struct site_values values;  /* Unsampled, as published, summed over the stacks that have the line; each counts once,
                                 * however often it has it. */
};

/* `file` is a string of the analysis's catalog: a whole path, as frames have it. By line, lines without any cost left
 * out; in the arena. ERROR_NO_MEMORY. */
struct error *line_costs_of(const struct analysis *analysis, string_id file, struct arena *arena,
                            struct line_cost **ret_costs, size_t *ret_count);

#endif
