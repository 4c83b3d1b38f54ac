/* Which code first touches new memory, for programs that keep no heap profile: page-fault samples as call sites. Their
 * bytes are pages that were touched for the first time; what becomes of them later is not known. */
#ifndef HEAPTOP_ATTACH_PROBE_FAULT_PROFILE_H
#define HEAPTOP_ATTACH_PROBE_FAULT_PROFILE_H

#include "attach/native/stacks.h"
#include "attach/target.h"
#include "heaptop/snapshot.h"

/* So many samples a second are taken at most, but for the first second: some microseconds of the target's time each. */
#define FAULT_PROFILE_SAMPLES_PER_SECOND 250u

struct fault_profile;

/* All are borrowed. ERROR_NO_MEMORY, errors of fault_events_open, tried here so that a refusal is known at once. */
struct error *fault_profile_create(struct target *target, struct native_stacks *stacks,
                                   struct fault_profile **ret_profile);
void fault_profile_destroy(struct fault_profile *profile); /* Accepts NULL. */

uint64_t fault_profile_look_interval(const struct fault_profile *profile);
/* First counts the faults of a tenth of a second, by which the period is chosen, then opens the events, then reads
 * them. Errors of fault_events_open; ERROR_NO_MEMORY. */
struct error *fault_profile_look(struct fault_profile *profile);
/* The same, and makes of all samples the snapshot's heap profile. */
struct error *fault_profile_sample(struct fault_profile *profile, struct snapshot *snapshot);

/* The mean of bytes between samples with which pprof's scaling gives `period` pages for each sample. For tests, too. */
uint64_t fault_profile_rate(uint64_t period);

#endif
