/* Sampled allocations of a program that keeps no heap profile of its own, summed as Go's runtime sums its own: by stack
 * and size. However they were come by, one in so many bytes must have been sampled (Poisson): what they stand for is
 * then what pprof makes of Go's counts. */
#ifndef ATTACH_PROBE_ALLOCATION_SITES_H
#define ATTACH_PROBE_ALLOCATION_SITES_H

#include "heaptop/snapshot.h"

/* Stacks and sizes beyond are left out, and it is said so. */
#define ALLOCATION_SITES_MAX 65536u

struct allocation_sites;

/* ERROR_NO_MEMORY. */
struct error *allocation_sites_create(struct allocation_sites **ret_sites);
void allocation_sites_destroy(struct allocation_sites *sites);      /* Accepts NULL. */
/* The program has become another, and with it all that it had allocated is gone. */
void allocation_sites_free_all(struct allocation_sites *sites);

/* Counts a sampled allocation. *ret_site: what allocation_sites_free takes when it is freed; ALLOCATION_SITES_MAX when
 * it is left out. ERROR_NO_MEMORY. */
struct error *allocation_sites_add(struct allocation_sites *sites, stack_id stack, uint64_t size, uint32_t *ret_site);
void allocation_sites_free(struct allocation_sites *sites, uint32_t site, uint64_t size);

/* The snapshot's profile, sampled once in `rate` bytes, is this: each call is an observation of its own. */
struct error *allocation_sites_fill(struct allocation_sites *sites, uint64_t rate, struct snapshot *snapshot);

#endif
