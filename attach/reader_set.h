/* The readers that know the program which runs now, asked one after the other. */
#ifndef HEAPTOP_ATTACH_READER_SET_H
#define HEAPTOP_ATTACH_READER_SET_H

#include "attach/reader.h"

#define READER_SET_MAX 8

/* The kinds of readers there are, in the order they are tried. */
struct reader_list {
    const struct reader_ops *const *items;
    size_t count;
};

/* Zeroed, it is empty and ready. */
struct reader_set {
    struct reader *items[READER_SET_MAX];
    size_t count;
    bool is_blind;          /* The program could not be looked into as a whole: that no reader knows it says nothing. */
};

/* Why no reader of the set knows the program as Go's. Static. */
const char *reader_set_empty_reason(const struct reader_set *set);

/* Whether a reader of this name is in it. */
bool reader_set_has(const struct reader_set *set, const char *name);
/* Whether a reader is in it that reads a heap profile, or says why there is none. */
bool reader_set_has_profile(const struct reader_set *set);

/* ERROR_NO_MEMORY and ERROR_GONE end whatever is being done; any other error leaves the rest to be looked at. Not for
 * NULL. */
bool reader_error_is_final(const struct error *error);

/* Adds a reader for each kind that recognises the program. A kind that fails does not keep the others from being tried:
 * its error, the first such one, comes at the end, but a final one at once. */
struct error *reader_set_open(struct reader_set *set, struct reader_list kinds, const struct reader_context *context,
                              struct target_info *info);
void reader_set_close(struct reader_set *set);

/* Adds to a snapshot what all of them read. stops_running: as of reader_ops. What one failed at is a problem of the
 * snapshot; only final errors. */
struct error *reader_set_sample(struct reader_set *set, bool stops_running, struct snapshot *snapshot);

/* As of reader_ops: the shortest interval of all; 0: none wants to look. */
uint64_t reader_set_look_interval(const struct reader_set *set);
/* What cannot be read now, the next sample tells of. */
void reader_set_look(struct reader_set *set);

/* What the first that knows tells of where the heap lies; survey->reason says why nothing is known. */
struct error *reader_set_survey(struct reader_set *set, struct heap_survey *survey);

/* As of reader_ops. ERROR_UNSUPPORTED also where no reader knows of such a variable. */
struct error *reader_set_find_profile_rate(const struct reader_set *set, remote_address *ret_address);

struct error *reader_set_examine(struct reader_set *set, struct doctor_report *report);

#endif
