/* Struct layouts from the type descriptors that every Go program carries for its garbage collector and for reflection
 * (internal/abi/type.go; up to Go
 * 1.20 runtime/type.go, laid out alike): exact for this very program, patched runtimes too. */
#ifndef HEAPTOP_ATTACH_GO_TYPE_DESCRIPTORS_H
#define HEAPTOP_ATTACH_GO_TYPE_DESCRIPTORS_H

#include <stddef.h>

#include "attach/go/layout.h"
#include "attach/memory.h"

struct type_space {
    struct memory *memory;          /* Borrowed. */
    remote_address start, end;      /* moduledata.types and .etypes: where descriptors lie. */
};

/* Most types that are looked at, and fields of one struct. */
#define TYPES_MAX_VISITED 1024
#define TYPES_MAX_FIELDS 1024

/* Starts at the given descriptors, follows fields, pointers and arrays to the structs that GO_FIELDS names, and
 * overwrites their rows in `layout`: a field that such a struct has not becomes missing. *ret_structs counts them. What
 * is no descriptor is passed over. Errors only when nothing more can be read (ERROR_GONE, ERROR_PERMISSION), and
 * ERROR_NO_MEMORY. */
struct error *go_layout_read_types(const struct type_space *space, const remote_address *seeds, size_t num_seeds,
                                   struct go_layout *layout, unsigned *ret_structs);

#endif
