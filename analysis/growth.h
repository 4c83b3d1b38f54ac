/* Judging whether a series grows. Private to the analysis room. */
#ifndef ANALYSIS_GROWTH_H
#define ANALYSIS_GROWTH_H

#include "heaptop/analysis.h"

struct growth_input {
    const struct series *values;
    /* Sampled figures: bytes allocated so far, observed at the same times. NULL: the values are exact. */
    const struct series *allocated;
    double weight;                      /* Bytes that one sampled object stands for; 0 where the values are exact. */
    /* The number of observations so far, over time. NULL: `values` got a value at each, at an even pace. */
    const struct series *observations;
    /* Sampled figures: the exact size of what they are a part of (the live heap), at about the same times; or NULL. */
    const struct series *whole;
    double smallest_rise;
    uint32_t min_observations;          /* Fewer give GROWTH_TOO_FEW. */
    uint64_t window_ns;
};

struct growth growth_judge(const struct growth_input *input);

#endif
