/* The debug sections that types and variables need, uncompressed, as a small ELF file in memory. libdw reads (and
 * inflates) every debug section of a file it is given, of which line tables and location lists are the larger part:
 * given this instead, it sees only what is wanted, and nothing of a file that may change under it. */
#ifndef HEAPTOP_SYMBOLS_DEBUG_ELF_H
#define HEAPTOP_SYMBOLS_DEBUG_ELF_H

#include <stdbool.h>
#include <stddef.h>

#include "heaptop/symbols/image.h"

struct debug_elf {
    char *bytes;        /* malloc'd. */
    size_t size;
};

/* Whether a compile unit of this name is wanted. */
typedef bool debug_unit_wanted(const char *name);

/* Of the compile units that are not wanted only the headers are there, so that offsets stay what they were, and the
 * pages between them are never touched: a large Go program has 100 MB of types and functions, and its runtime 5.
 * Names are known of Go's units; when none of them is wanted, all units of all compilers are there.
 * ERROR_NOT_FOUND without .debug_info and .debug_abbrev; ERROR_UNSUPPORTED when they are longer than `max_bytes` in all
 * or compressed in a way this build cannot read; ERROR_BAD_DATA. */
struct error *debug_elf_build(struct image *image, uint64_t max_bytes, debug_unit_wanted *is_wanted,
                              struct debug_elf *ret_elf);
void debug_elf_deinit(struct debug_elf *elf);

/* All of one debug section (".debug_frame"), uncompressed, also where it is called ".zdebug_frame". *ret_bytes:
 * malloc'd. ERROR_NOT_FOUND: there is none with contents; ERROR_UNSUPPORTED when it is longer than `max_bytes`, or
 * compressed in a way this build cannot read; ERROR_BAD_DATA. */
struct error *debug_section_load(struct image *image, const char *name, uint64_t max_bytes, uint8_t **ret_bytes,
                                 size_t *ret_size);

#endif
