#include "attach/target_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"

static int open_within(int root, const char *path)
{
    /* A fifo that was put there must not be waited for. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int descriptor = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    /* Before Linux 5.6, and where a filter knows nothing of it. */
    if (descriptor < 0 && (errno == ENOSYS || errno == EPERM))
        descriptor = openat(root, path + 1, (int)how.flags | O_NOFOLLOW);
    return descriptor;
}

struct error *target_file_open(int folder, const char *path, int *ret_descriptor)
{
    _cleanup_close_ int root = openat(folder, "root", O_PATH | O_CLOEXEC | O_DIRECTORY);
    _cleanup_close_ int descriptor = root < 0 ? -1 : open_within(root, path);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        return error_from_errno(errno, "cannot open '%s' of the process", path);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_NOT_FOUND, "'%s' of the process is no regular file", path);
    *ret_descriptor = take_descriptor(descriptor);
    return NULL;
}
