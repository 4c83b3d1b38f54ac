/* Layouts and variable addresses from a Go program's own DWARF. */
#ifndef HEAPTOP_ATTACH_GO_LAYOUT_DWARF_H
#define HEAPTOP_ATTACH_GO_LAYOUT_DWARF_H

#include <stddef.h>

#include "attach/go/layout.h"
#include "heaptop/symbols/dwarf.h"

/* Overwrites the rows of every struct that the DWARF describes: a field that such a struct has not becomes missing, and
 * a struct that it does not describe keeps what `layout` had. *ret_structs counts the structs described. Fills
 * `variables` in the same pass. Errors as dwarf_find's. */
struct error *go_layout_read_dwarf(struct image *image, struct go_layout *layout, struct dwarf_variable *variables,
                                   size_t num_variables, unsigned *ret_structs);

#endif
