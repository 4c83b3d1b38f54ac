/* Files in a target's own file system, which may be a container's: nothing that lies there leads out of it, blocks, or
 * is more than a plain file. */
#ifndef ATTACH_TARGET_FILE_H
#define ATTACH_TARGET_FILE_H

#include "heaptop/base/error.h"

/* Opens "/path" as the process sees it, for reading. folder: of procfs_open_process. Links are followed within the
 * process's root (before Linux 5.6 only those before the last name, and within ours). ERROR_NOT_FOUND (also what is no
 * regular file), ERROR_PERMISSION, ERROR_GONE, ERROR_SYSTEM. */
struct error *target_file_open(int folder, const char *path, int *ret_descriptor);

#endif
