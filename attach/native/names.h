/* From addresses in the code of a process to frames with names: symbol tables, also those in separate files. Each
 * address is looked up once. */
#ifndef ATTACH_NATIVE_NAMES_H
#define ATTACH_NATIVE_NAMES_H

#include "attach/native/modules.h"
#include "heaptop/snapshot.h"

struct native_names;

/* All are borrowed. */
struct error *native_names_create(struct modules *modules, struct catalog *catalog, struct native_names **ret_names);
void native_names_destroy(struct native_names *names);      /* Accepts NULL. */

/* Other code may lie where some was. */
void native_names_forget(struct native_names *names);

/* Looks up many run-time addresses at once, which costs as much as one: a pass over the symbols of their files. */
struct error *native_names_prepare(struct native_names *names, const uint64_t *addresses, size_t count);

/* The frame at an address that was prepared. What has no name is called by its file and address, "libfoo.so.1+0x12f0",
 * as other tools take it; what lies in no file has no function. */
frame_id native_names_frame(const struct native_names *names, uint64_t address);

#endif
