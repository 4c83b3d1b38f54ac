/* What only the analysis room does with series. */
#ifndef ANALYSIS_SERIES_H
#define ANALYSIS_SERIES_H

#include "heaptop/analysis.h"

/* A copy with storage of its own; false when memory is out, and the copy is then empty. */
bool series_copy(const struct series *series, struct series *ret_copy);
/* Bytes of storage, the struct itself left out. */
size_t series_memory(const struct series *series);

#endif
