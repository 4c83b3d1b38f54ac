/* Which spans the Ps' allocation caches (mcache) hold, for a survey of the heap. */
#ifndef HEAPTOP_ATTACH_GO_CACHED_SPANS_H
#define HEAPTOP_ATTACH_GO_CACHED_SPANS_H

#include "attach/go/process.h"
#include "heaptop/base/table.h"

struct cached_spans {
    struct table by_address;    /* Of the mspan: the P's number + 1. */
    bool known;
};

/* Reads allp and each P's cache anew; adds a heap_cache for each P to the survey. Not known where the layout is not, or
 * some cache was not readable. Errors only when nothing more can ever be read. */
struct error *cached_spans_read(struct cached_spans *cached, const struct go_process *process,
                                struct heap_survey *survey);
void cached_spans_deinit(struct cached_spans *cached);

#endif
