/* The heaps of runtimes that keep their own but Go's, a JVM's and CPython's, as verdicts speak of them. */
#ifndef ANALYSIS_MANAGED_HEAP_H
#define ANALYSIS_MANAGED_HEAP_H

#include "heaptop/analysis.h"

struct managed_heap managed_heap_judge(const struct series *counters, uint64_t window_ns);

/* "Java heap 412 MB of 1.0 GB, old generation grows 2.1 MB/s for 3 min." without what comes before or after. Nothing
 * where there is no such heap. */
void managed_heap_write(const struct analysis *analysis, struct text *text);

#endif
