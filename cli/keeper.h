/* Keeps the samples of a live session: in a private file, so that the view can go back, and in a recording while
 * somebody wants one. */
#ifndef HEAPTOP_CLI_KEEPER_H
#define HEAPTOP_CLI_KEEPER_H

#include "heaptop/record.h"
#include "heaptop/tui.h"

/* The private file stays below: what is older becomes fewer. */
#define KEEPER_MAX_BYTES (UINT64_C(64) << 20)

struct keeper;

/* Takes the live source over, also when this fails. `output`: what a recording is to be called; NULL: a name with the
 * process's and the time in it, in the current folder. */
struct error *keeper_create(struct source *live, const char *output, struct keeper **ret_keeper);
/* Records from the first sample on, as if somebody had asked for it at once. */
struct error *keeper_record(struct keeper *keeper, const char *path, const struct recorder_options *options);
/* Ends the recording, if one goes on. *ret_said: what is in it; "" when nothing was recorded. */
struct error *keeper_end_recording(struct keeper *keeper, struct text *ret_said);
/* Closes the source. Accepts NULL. */
void keeper_destroy(struct keeper *keeper);

/* The live source, from which all that is taken is kept as well. Borrowed. */
struct source *keeper_source(struct keeper *keeper);
const struct tui_keeper *keeper_interface(const struct keeper *keeper);

#endif
