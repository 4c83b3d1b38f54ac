/* Struct layouts and variable addresses from a Go program's own DWARF (libdw). Loaded when asked, freed right after. */
#ifndef HEAPTOP_SYMBOLS_DWARF_H
#define HEAPTOP_SYMBOLS_DWARF_H

#include "heaptop/symbols/image.h"

/* A struct field that is wanted: "runtime.g" / "atomicstatus". Nested members are named with dots: "sched.sp". A field
 * of "" asks for the struct's size alone. */
struct dwarf_field {
    const char *type_name, *field_name;     /* In. */
    int64_t offset;                         /* Out: -1 when there is no such field. */
    uint64_t size;                          /* Out: of the field, or of the struct for "". */
};

struct dwarf_variable {
    const char *name;                       /* In: "runtime.mbuckets". */
    uint64_t address;                       /* Out: link-time; 0 when not there. */
};

/* Only looks into the compile units of package runtime and what lies beneath it (names "runtime", "internal/abi",
 * "internal/runtime/..."), and gives up with ERROR_UNSUPPORTED beyond DWARF_MAX_BYTES of .debug_info so that attaching
 * stays quick. ERROR_NOT_FOUND without DWARF. Finding nothing is no error. */
#define DWARF_MAX_BYTES (512u << 20)
struct error *dwarf_find(struct image *image, struct dwarf_field *fields, size_t num_fields,
                         struct dwarf_variable *variables, size_t num_variables);

#endif
