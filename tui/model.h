/* What the screens show: the session's history fed from a source, and the analysis of the sample on view. While the
 * view is held the history goes on behind it. */
#ifndef TUI_MODEL_H
#define TUI_MODEL_H

#include "heaptop/analysis.h"

struct frozen_series;

struct model {
    struct source *source;          /* Borrowed. */
    struct history *history;
    struct analysis *analysis;      /* Of `shown`; NULL before the first sample. */
    struct snapshot *shown;         /* A reference. */
    struct snapshot *latest;        /* A reference; newer than `shown` while the view is held. */
    struct snapshot *with_regions;  /* The latest that had regions; a reference, or NULL. */
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
struct error *model_set_paused(struct model *model, bool paused);
/* To the next longer (+1) or shorter (-1) interval between samples. */
void model_change_interval(struct model *model, int direction);
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
