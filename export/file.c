#include "heaptop/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error *write_whole(int descriptor, const char *path, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_from_errno(errno, "cannot write '%s'", path);
        bytes += written;
        size -= (size_t)written;
    }
    return NULL;
}

/* mkstemp makes files for the owner alone; what a person asks for gets what their umask allows. */
static mode_t wanted_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static struct error *write_temporary(int descriptor, const char *temporary, const char *path, const void *bytes,
                                     size_t size)
{
    struct error *error = write_whole(descriptor, temporary, bytes, size);
    if (!error && (fchmod(descriptor, wanted_mode()) != 0 || fsync(descriptor) != 0))
        error = error_from_errno(errno, "cannot write '%s'", temporary);
    if (close(descriptor) != 0 && !error)
        error = error_from_errno(errno, "cannot write '%s'", temporary);
    if (!error && rename(temporary, path) != 0)
        error = error_from_errno(errno, "cannot rename '%s' to '%s'", temporary, path);
    return error;
}

struct error *export_write_file(const char *path, const void *bytes, size_t size)
{
    if (strcmp(path, "-") == 0)
        return write_whole(STDOUT_FILENO, "standard output", bytes, size);
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        /* A pipe or a device such as /dev/stdout cannot be replaced: write to it. */
        int descriptor = open(path, O_WRONLY | O_CLOEXEC);
        if (descriptor < 0)
            return error_from_errno(errno, "cannot open '%s'", path);
        struct error *error = write_whole(descriptor, path, bytes, size);
        close(descriptor);
        return error;
    }
    /* Through a symbolic link the file it names is replaced, not the link. */
    _cleanup_free_ char *resolved = realpath(path, NULL);
    struct text temporary = {0};
    text_printf(&temporary, "%s.XXXXXX", resolved ? resolved : path);
    if (temporary.failed) {
        text_deinit(&temporary);
        return error_no_memory();
    }
    int descriptor = mkostemp(temporary.data, O_CLOEXEC);
    struct error *error = descriptor < 0
                              ? error_from_errno(errno, "cannot create '%s'", path)
                              : write_temporary(descriptor, temporary.data, resolved ? resolved : path, bytes, size);
    if (error && descriptor >= 0)
        unlink(temporary.data);
    text_deinit(&temporary);
    return error;
}
