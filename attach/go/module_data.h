/* runtime.firstmoduledata: the linker's note, inside every Go program, of where its parts lie. Found without symbols:
 * its first word points at the pclntab's header. */
#ifndef HEAPTOP_ATTACH_GO_MODULE_DATA_H
#define HEAPTOP_ATTACH_GO_MODULE_DATA_H

#include "attach/go/layout.h"
#include "attach/reader.h"

/* Run-time addresses, as the target's memory has them; 0 where the layout has no such field. */
struct go_module_data {
    remote_address address;         /* Of the moduledata itself. */
    remote_address text, end_text;
    remote_address types, end_types;
    remote_address gofunc;
    remote_address noptrdata, data, bss, noptrbss, end_noptrbss;
};

/* How much of a target's memory is looked through at most. */
#define MODULE_DATA_SCAN_MAX (512u << 20)

/* Looks through the executable's segments, the likeliest sections first. The fields that tell a moduledata (text,
 * etext, ftab) have stood at the same offsets since Go 1.18, so any row of the table serves; only address, text and
 * end_text are filled in. ERROR_NOT_FOUND; ERROR_GONE, ERROR_PERMISSION, ERROR_NO_MEMORY. */
struct error *go_module_data_find(const struct reader_context *context, const struct pclntab *pclntab,
                                  struct go_module_data *ret_module_data);

/* Reads its fields with the layout of the target's version. ERROR_BAD_DATA when the ranges make no sense: the layout
 * is not this program's. */
struct error *go_module_data_read(struct memory *memory, const struct go_layout *layout, remote_address address,
                                  struct go_module_data *ret_module_data);

#endif
