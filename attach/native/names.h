/* From addresses in the code of a process to frames with names, lines of source and inlined calls: symbol tables and
 * debug information, also those in separate files. Each address is looked up once. */
#ifndef ATTACH_NATIVE_NAMES_H
#define ATTACH_NATIVE_NAMES_H

#include "attach/native/modules.h"
#include "heaptop/snapshot.h"

struct native_names;

/* All are borrowed. */
struct error *native_names_create(struct modules *modules, struct catalog *catalog, struct native_names **ret_names);
void native_names_destroy(struct native_names *names);      /* Accepts NULL. */

/* How long native_names_prepare waits for lines of source, which a process of its own reads: 0, as at first, for not at
 * all. What is not there by then is had by one of the next calls. */
void native_names_set_patience(struct native_names *names, uint64_t patience_ns);

/* Other code may lie where some was. */
void native_names_forget(struct native_names *names);

/* Looks up many run-time addresses at once, which costs as much as one: a pass over the symbols of their files.
 * *ret_changed: lines have come, of places that were prepared before, whose frames are others now. ERROR_NO_MEMORY. */
struct error *native_names_prepare(struct native_names *names, const uint64_t *addresses, size_t count,
                                   bool *ret_changed);

/* The frames at an address that was prepared, innermost first: one, and more where calls were inlined. What has no
 * name is called by its file and address, "libfoo.so.1+0x12f0", as other tools take it; what lies in no file has no
 * function. Valid until the next call that prepares. None for an address that was not prepared. */
const frame_id *native_names_frames(const struct native_names *names, uint64_t address, size_t *ret_count);

/* CPU time that other processes have taken for it. */
uint64_t native_names_cpu_ns(const struct native_names *names);
/* Says of which files no lines can be had that should, and of how much they are still to come. */
void native_names_tell_problems(const struct native_names *names, struct snapshot *snapshot);

#endif
