/* Goroutines: how many, and in groups of those that wait for the same, started at the same place. */
#ifndef HEAPTOP_ATTACH_GO_GOROUTINES_H
#define HEAPTOP_ATTACH_GO_GOROUTINES_H

#include "attach/go/frames.h"
#include "attach/go/process.h"
#include "attach/go/procs.h"

/* runtime.allgs never shrinks, so this bounds the largest number of goroutines there ever was at once. */
#define GOROUTINES_MAX (1u << 22)
#define GOROUTINES_MAX_GROUPS (1u << 16)

struct goroutines;

/* The process and the frames are borrowed. */
struct error *goroutines_create(const struct go_process *process, struct go_frames *frames,
                                struct goroutines **ret_goroutines);
void goroutines_destroy(struct goroutines *goroutines);     /* Accepts NULL. */

/* The next samples stop the threads of those that run, each for a moment, to read their stacks; or no longer. */
void goroutines_stop_running(struct goroutines *goroutines, bool stops);

/* Fills the counter GOROUTINES and the snapshot's goroutine_groups, the largest first. procs: as of now. */
struct error *goroutines_sample(struct goroutines *goroutines, struct procs *procs, struct snapshot *snapshot);

#endif
