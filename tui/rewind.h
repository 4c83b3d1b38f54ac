/* The history as of any moment of a source that remembers: what a session knew then, to the last verdict. A history is
 * made by adding sample after sample, so going back begins at a copy that was kept on the way and reads on from there;
 * where that takes long it is done bit by bit, between keys. */
#ifndef TUI_REWIND_H
#define TUI_REWIND_H

#include "heaptop/analysis.h"

/* Copies kept, and their memory. When there are more, every second one goes. */
#define REWIND_MAX_CHECKPOINTS 32
#define REWIND_MAX_BYTES (UINT64_C(96) << 20)

/* Of a live session so many are kept, so many samples apart: from the nearer or the other, the last steps are read in
 * no time. */
#define REWIND_RECENT_CHECKPOINTS 2
#define REWIND_RECENT_SPACING 64

/* What lies further back than this is read in part first: so many samples of it, evenly, and all of the last of it.
 * That is shown until all has been read. */
#define REWIND_COARSE_SPAN_NS (UINT64_C(3600) * 1000000000)
#define REWIND_COARSE_SAMPLES 96
#define REWIND_DENSE_SPAN_NS (UINT64_C(600) * 1000000000)

/* What adding samples has led to. */
struct passage {
    struct history *history;
    struct snapshot *latest;        /* The one added last; a reference, or NULL. */
    struct snapshot *with_regions;  /* The latest that had regions; a reference, or NULL. */
    struct snapshot *first;         /* With which the history begins; a reference, or NULL. */
};

void passage_deinit(struct passage *passage);
/* Adds the next sample. */
struct error *passage_add(struct passage *passage, struct snapshot *snapshot);
struct error *passage_copy(const struct passage *passage, struct passage *ret_copy);

struct checkpoint {
    uint64_t unix_ns;       /* Of its latest sample. */
    struct passage passage;
};

struct rewind {
    struct source *source;      /* Borrowed; has a timeline. */
    struct checkpoint checkpoints[REWIND_MAX_CHECKPOINTS + 1];  /* In order of time. */
    size_t num_checkpoints;
    uint64_t spacing;           /* Samples from one to the next. */
    uint64_t since_checkpoint;  /* Samples added to what is being read, or played, since the last one. */
    /* What is being read, from the moment `from` to `goal`; its history is NULL when nothing is. */
    struct passage reading;
    uint64_t from_unix_ns, goal_unix_ns;
    /* Read first, in part; its history is NULL when that is done, or not worth while. */
    struct passage coarse;
    uint64_t coarse_until_unix_ns;  /* Up to where samples are left out. */
};

enum rewind_state {
    REWIND_GOES_ON,
    REWIND_COARSE,          /* What was read in part is handed over; the rest goes on. */
    REWIND_DONE,
};

void rewind_init(struct rewind *rewind, struct source *source);
void rewind_deinit(struct rewind *rewind);

/* A sample was added to what is on view: keeps a copy now and then. */
struct error *rewind_note(struct rewind *rewind, const struct passage *passage);

/* The same in a live session, which cannot go back itself: it keeps the newest few. */
struct error *rewind_note_live(struct rewind *rewind, const struct passage *passage);
/* Takes copies of what a live session has kept, and of what it knows now. */
struct error *rewind_take_over(struct rewind *rewind, const struct rewind *live, const struct passage *present);

/* Begins to read up to the sample of this time, from the best there is: a checkpoint, what is on view (`present`, whose
 * history may be NULL), or the beginning. What was being read is given up. */
struct error *rewind_begin(struct rewind *rewind, const struct passage *present, uint64_t goal_unix_ns);
/* Reads on for so long. What is as of the goal, in part or in whole, is handed over to *ret_passage. */
struct error *rewind_work(struct rewind *rewind, uint64_t budget_ns, enum rewind_state *ret_state,
                          struct passage *ret_passage);
/* How far the reading has come, 0 to 1. */
double rewind_progress(const struct rewind *rewind);

#endif
