/* Where runtime.MemProfileRate lies, surely enough to be written to. */
#ifndef HEAPTOP_ATTACH_GO_PROFILE_RATE_H
#define HEAPTOP_ATTACH_GO_PROFILE_RATE_H

#include "attach/go/process.h"

/* The address that was located, if a symbol names it or at least two of the runtime's functions that are known to touch
 * the variable do. ERROR_UNSUPPORTED when it was not located, or nothing more bears it out; ERROR_NO_MEMORY. */
struct error *go_profile_rate_find(const struct go_process *process, remote_address *ret_address);

#endif
