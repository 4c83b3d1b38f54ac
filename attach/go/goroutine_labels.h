/* The pprof labels of goroutines (runtime/pprof.Do and SetGoroutineLabels), as text. */
#ifndef HEAPTOP_ATTACH_GO_GOROUTINE_LABELS_H
#define HEAPTOP_ATTACH_GO_GOROUTINE_LABELS_H

#include "attach/go/goroutine.h"
#include "attach/go/process.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* Label sets whose text is kept in a session. Programs that label by request have no end of them: those beyond share
 * one text. */
#define LABELS_MAX_SETS 4096u
/* Different label sets that are read in one sample; the others follow in the next. */
#define LABELS_MAX_READ 1024u
#define LABELS_MAX_PAIRS 32u
#define LABELS_MAX_TEXT 256u

struct goroutine_labels {
    const struct go_process *process;   /* Borrowed. */
    struct table by_address;            /* Of this sample: address of labels -> text's id. */
    struct table texts;                 /* Every text that was given out. */
    size_t read;                        /* In this sample. */
    /* In the last sample: goroutines whose labels were not read for lack of time, and label sets not readable. */
    size_t postponed, unreadable;
    bool too_many;                      /* Sets beyond LABELS_MAX_SETS share one text. */
};

void goroutine_labels_deinit(struct goroutine_labels *labels);

/* Sets label_text of all goroutines; what was read of one before is kept while it has the same labels. ERROR_NO_MEMORY,
 * or when nothing more can ever be read. */
struct error *goroutine_labels_read(struct goroutine_labels *labels, struct goroutine *goroutines, size_t count);

#endif
