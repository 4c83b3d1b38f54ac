/* The runtime's heap profile (runtime/mprof.go): a list of buckets, one per call stack and object size. */
#ifndef HEAPTOP_ATTACH_GO_HEAP_PROFILE_H
#define HEAPTOP_ATTACH_GO_HEAP_PROFILE_H

#include "attach/go/frames.h"
#include "attach/go/process.h"

/* At most so many buckets are followed; a program has a few thousand. */
#define HEAP_PROFILE_MAX_BUCKETS (1u << 20)
/* runtime/mprof.go maxProfStackDepth, Go 1.23-1.27; 32 before. */
#define HEAP_PROFILE_MAX_DEPTH 1024u
/* Readings of all counts that one sample makes at most until two agree. */
#define HEAP_PROFILE_MAX_READINGS 8u
/* And how often it looks for new buckets at most, should the readings take so long that what was found has aged. */
#define HEAP_PROFILE_MAX_WALKS 4u

struct heap_profile;

/* The process and the frames are borrowed. */
struct error *heap_profile_create(const struct go_process *process, struct go_frames *frames,
                                  struct heap_profile **ret_profile);
void heap_profile_destroy(struct heap_profile *profile);        /* Accepts NULL. */

/* Fills the snapshot's sites, profile_state, profile_reason, profile_cycle and profile_torn, and the counter
 * MEM_PROFILE_RATE. */
struct error *heap_profile_sample(struct heap_profile *profile, struct snapshot *snapshot);

/* Readings that were not consistent and were made again, since the session began. */
uint64_t heap_profile_retries(const struct heap_profile *profile);
/* Buckets known. */
size_t heap_profile_bucket_count(const struct heap_profile *profile);

#endif
