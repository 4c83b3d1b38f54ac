/* What the screens show: the session's history fed from a source, and the analysis of the sample on view. While the
 * view is held the history goes on behind it. */
#ifndef TUI_MODEL_H
#define TUI_MODEL_H

#include "heaptop/analysis.h"
#include "tui/rewind.h"
#include "tui/strip.h"

struct frozen_series;

struct model {
    struct source *source;          /* Borrowed. */
    struct history *history;        /* This and the next three: see struct passage. */
    struct snapshot *latest;        /* Newer than `shown` while the view is held. */
    struct snapshot *with_regions;
    struct snapshot *first;
    struct analysis *analysis;      /* Of `shown`; NULL before the first sample. */
    struct snapshot *shown;         /* A reference. */
    struct strip strip;             /* The whole session. */
    struct rewind rewind;           /* Of a source that remembers, or of a live one that is kept. */
    bool is_kept;                   /* The source is live, and its samples are kept: there is a way back. */
    /* What is on view is a single sample whose history is still being read. */
    bool is_reading;
    bool is_coarse;             /* While it is: what was before has been read in part, and is shown. */
    /* The edges of the span over which growth is shown, references; NULL: the start is not chosen, and growth is that
     * over the window; the end is not chosen, and is what is on view. */
    struct snapshot *span_start, *span_end;
    bool paused;
    struct arena frozen;            /* Copies of the series that the held analysis shows. */
    struct frozen_series *frozen_series;
    uint64_t span_ns;               /* Of the graphs; 0: fits what has been seen. */
    uint64_t interval_ns;
    char *failure;                  /* Why the source ended, or NULL. */
    double cost_per_second;         /* heaptop's CPU nanoseconds a second, smoothed; NAN before the second sample. */
};

struct error *model_init(struct model *model, struct source *source, uint64_t interval_ns);
void model_deinit(struct model *model);

/* Takes in what the source has, without waiting. *ret_changed: there is something new to show. A source that fails is
 * `failure`. */
struct error *model_pull(struct model *model, bool *ret_changed);

/* What a live session knows helps the one over its past, which was just made. */
struct error *model_take_over(struct model *past, const struct model *live);

/* Shows the last sample at or before a time, of a source that remembers. Where its history takes long to read, the
 * sample stands alone at first: `is_reading`. */
struct error *model_seek(struct model *model, uint64_t unix_ns);
/* Reads on for so long. *ret_changed: the history is there. */
struct error *model_read_on(struct model *model, uint64_t budget_ns, bool *ret_changed);

/* The sample on view becomes an edge of the span, or, where it is one already, is one no more. */
struct error *model_toggle_span_edge(struct model *model, bool is_end);
/* The span starts at the sample on view and ends with what will be; where one is chosen there is none any more. */
struct error *model_toggle_baseline(struct model *model);
/* False where there is no span, or it ends before it starts. */
bool model_span_chosen(const struct model *model, struct chosen_span *ret_span);

/* The two moments that growth is shown between: the span, else from the session's first sample to the one on view.
 * False where they are one. */
bool model_growth_span(const struct model *model, struct chosen_span *ret_span);

struct error *model_set_paused(struct model *model, bool paused);
/* To the next longer (+1) or shorter (-1) interval between samples. */
void model_change_interval(struct model *model, int direction);
/* The source's interval can be set. */
void model_set_interval(struct model *model, uint64_t interval_ns);
void model_change_span(struct model *model, int direction);

/* The time that the graphs cover, up to the shown sample. */
uint64_t model_span(const struct model *model);
/* Fills in columns for a graph; all NAN before the first sample. */
void model_columns(const struct model *model, const struct series *series, double *columns, size_t count);
/* GC cycles up to the shown sample, oldest first. */
const struct gc_cycle *model_cycles(const struct model *model, size_t *ret_count);
/* The time that a graph of cycles covers: a process remembers some from before it was looked at. */
uint64_t model_cycle_span(const struct model *model);
/* The longest pause of each column of that time; NAN where no cycle ended in it. */
void model_pause_columns(const struct model *model, double *columns, size_t count);

#endif
