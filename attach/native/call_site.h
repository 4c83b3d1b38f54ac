/* Whether a word on a stack is the address behind a call of some function: told by the instruction before it. */
#ifndef ATTACH_NATIVE_CALL_SITE_H
#define ATTACH_NATIVE_CALL_SITE_H

#include "attach/memory.h"

enum call_site {
    CALL_SITE_NONE,         /* No call stands before it, or one of another function. */
    CALL_SITE_ANY,          /* A call through a pointer, which may have been of the function. */
    CALL_SITE_OF_FUNCTION,  /* A call of the function, directly or through a table of its program's imports. */
};

/* All addresses are run-time ones. x86-64. Errors after which no memory can be read; what cannot be read now is no
 * call. */
struct error *call_site_look(struct memory *memory, uint64_t return_address, uint64_t function,
                             enum call_site *ret_site);

#endif
