/* The heap's arenas and spans: runtime/mheap.go, Go 1.19-1.27. */
#ifndef HEAPTOP_ATTACH_GO_SPANS_H
#define HEAPTOP_ATTACH_GO_SPANS_H

#include "attach/go/process.h"
#include "attach/heap_survey.h"

/* Spans looked at: 4 GiB where all are of 8 KiB, and in practice more. Beyond them the heap is not split by span. */
#define SPANS_MAX (1u << 19)
/* Arenas of 64 MiB: 1 TiB. */
#define SPANS_MAX_ARENAS (1u << 14)

/* Adds to an empty survey. What cannot be had is said in its reason; errors are for lack of memory or a target that
 * is gone. */
struct error *spans_survey(const struct go_process *process, struct heap_survey *survey);

#endif
