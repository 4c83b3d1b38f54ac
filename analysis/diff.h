/* What the files that compare two moments share. Private to the analysis room. */
#ifndef ANALYSIS_DIFF_H
#define ANALYSIS_DIFF_H

#include "heaptop/analysis/diff.h"

/* Names of one moment's catalog in the diff's. A frame is there twice: as people see it, and as it is matched, with no
 * more of it than its function, and its line where lines are compared. */
struct translator {
    const struct catalog *from;
    struct catalog *to;
    bool by_line;
    struct table frames, stacks;        /* Id -> struct translated, packed. */
    VECTOR(frame_id) shown_frames, matched_frames;  /* Scratch. */
};

struct translated {
    uint32_t shown, matched;
};

void translator_deinit(struct translator *translator);
/* Each false when memory is out. Id 0 is 0. */
bool translate_string(struct translator *translator, string_id id, string_id *ret_id);
bool translate_frame(struct translator *translator, frame_id id, struct translated *ret_ids);
bool translate_stack(struct translator *translator, stack_id id, struct translated *ret_ids);

/* Figures may come from a damaged recording: stays at the largest or smallest rather than overflow. */
void diff_add(int64_t *sum, int64_t value);
/* Fills kind, change and error; share is left. */
struct diff_change diff_change_of(int64_t old_value, int64_t new_value, bool in_old, bool in_new, double variance);
/* For qsort: 0 where the changes do not tell the two apart. */
int diff_change_compare(const struct diff_change *left, const struct diff_change *right);
double diff_share(int64_t change, int64_t grown, int64_t shrunk);

struct error *diff_compute_sites(struct diff *diff, const struct diff_source *const sources[2],
                                 struct translator translators[2]);
struct error *diff_compute_goroutines(struct diff *diff, const struct diff_source *const sources[2],
                                      struct translator translators[2]);

#endif
