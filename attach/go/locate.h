/* The search behind go_process_locate, for the tests and developer tools that want only some of its sources. */
#ifndef HEAPTOP_ATTACH_GO_LOCATE_H
#define HEAPTOP_ATTACH_GO_LOCATE_H

#include "attach/go/process.h"

/* A bit per source of variables that may be used; the layout takes the DWARF and the type descriptors by the bits
 * below. */
#define LOCATE_SYMBOLS (1u << 0)
#define LOCATE_DWARF (1u << 1)          /* Variables and layout. */
#define LOCATE_OPERANDS (1u << 2)
#define LOCATE_TYPES (1u << 3)          /* Layout. */
#define LOCATE_BUILD_INFO (1u << 4)
#define LOCATE_ALL (~0u)

struct locate_options {
    unsigned sources;       /* Of the bits above. */
    /* Read by this version's row of the table, as if the program had said that it is of it; 0: by what it says. */
    unsigned minor;
};

struct error *go_process_locate_by(const struct reader_context *context, const struct locate_options *options,
                                   struct go_process **ret_process);

#endif
