/* What call sites have in common that grow together, but none enough to be named. Private to the analysis room. */
#ifndef ANALYSIS_COMMON_PATH_H
#define ANALYSIS_COMMON_PATH_H

#include "heaptop/analysis.h"

/* The function of the program, furthest from the start of its stacks, through which most of what the heap has gained
 * since its growth began was allocated. *ret_share: of that gain, 0.7 to 1. Samples are summed over all call sites
 * below it, so that it is told from chance before any of them is. 0: there is none, too few samples came, or memory is
 * out. */
frame_id common_path_find(const struct analysis *analysis, double *ret_share);

#endif
