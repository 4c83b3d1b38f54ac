/* A file that was deleted or replaced while a process has it mapped: what of it is in the process's memory, as a
 * file. The kernel gives the file itself only to who has a capability (map_files), which heaptop mostly lacks in
 * containers. */
#ifndef ATTACH_NATIVE_MAPPED_COPY_H
#define ATTACH_NATIVE_MAPPED_COPY_H

#include "attach/maps.h"
#include "attach/memory.h"
#include "heaptop/symbols.h"

/* More of one file is not copied. */
#define MAPPED_COPY_MAX_BYTES ((uint64_t)64 << 20)

/* Of the ELF file that `line`, executable, is a mapping of: all its mappings at their places. It has no section
 * headers, so that its symbols are those that the dynamic linker uses; code, call frame information and build id are
 * as in the file. ERROR_BAD_DATA, ERROR_UNSUPPORTED (too large, not ELF), ERROR_FAULT, errors after which no memory
 * can be read. */
struct error *mapped_copy_open(struct memory *memory, const struct maps *maps, const struct map_line *line,
                               struct image **ret_image);

#endif
