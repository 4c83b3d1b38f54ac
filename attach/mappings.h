/* The executable mappings of a process with the build ids of their files, as pprof lists them. */
#ifndef HEAPTOP_ATTACH_MAPPINGS_H
#define HEAPTOP_ATTACH_MAPPINGS_H

#include "attach/maps.h"
#include "attach/target.h"
#include "heaptop/snapshot.h"

/* More executable mappings are left out. */
#define MAPPINGS_MAX 1024
/* Build ids remembered; then they are read anew. */
#define MAPPINGS_MAX_FILES 4096

struct mapping_list;

/* Both are borrowed. */
struct error *mapping_list_create(struct target *target, struct name_cache *names, struct mapping_list **ret_list);
void mapping_list_destroy(struct mapping_list *list);       /* Accepts NULL. */

/* From a fresh memory map. A file is opened once; one that cannot be read has no build id. */
struct error *mapping_list_refresh(struct mapping_list *list, const struct maps *maps);
/* Into the snapshot's arena. */
struct error *mapping_list_fill(const struct mapping_list *list, struct snapshot *snapshot);

#endif
