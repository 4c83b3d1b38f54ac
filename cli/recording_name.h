/* What a recording is called that nobody has given a name. */
#ifndef HEAPTOP_CLI_RECORDING_NAME_H
#define HEAPTOP_CLI_RECORDING_NAME_H

#include "heaptop/base/error.h"

/* "heaptop-PROCESS-20260102-030405.heaptop", by the local time: what of the process's name cannot stand in a file's is
 * an underscore. *ret_path: the caller's. ERROR_NO_MEMORY. */
struct error *recording_name(const char *process, char **ret_path);

#endif
