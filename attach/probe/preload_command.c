/* Which library is preloaded, and into which commands it can be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attach/probe/preload_channel.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/symbols.h"

#define LIBRARY_VARIABLE "HEAPTOP_PRELOAD_LIBRARY"
/* Programs that export more are left unsearched. */
#define MAX_NAMES_BYTES (UINT64_C(16) << 20)

/* ---- the library ---- */

/* Where it was installed, and where it was built. */
static bool find_beside_program(char path[PATH_MAX])
{
    static const char *const places[] = {"/../lib/heaptop/" PRELOAD_LIBRARY, "/" PRELOAD_LIBRARY};
    char folder[PATH_MAX], candidate[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length <= 0)
        return false;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        snprintf(candidate, sizeof(candidate), "%s%s", folder, places[i]);
        if (realpath(candidate, path))
            return true;
    }
    return false;
}

struct error *preload_find_library(char **ret_path)
{
    char path[PATH_MAX];
    const char *chosen = getenv(LIBRARY_VARIABLE);
    if (chosen && *chosen ? !realpath(chosen, path) : !find_beside_program(path))
        return error_create(ERROR_NOT_FOUND, "its allocations are not sampled: " PRELOAD_LIBRARY
                                             " is not where heaptop was installed (" LIBRARY_VARIABLE " says where)");
    /* They would end its name. */
    if (strpbrk(path, ": "))
        return error_create(ERROR_UNSUPPORTED, "its allocations are not sampled: the path of " PRELOAD_LIBRARY
                                               " has a blank or a colon in it");
    *ret_path = strdup(path);
    return *ret_path ? NULL : error_no_memory();
}

/* ---- the command ---- */

/* The file that execvp would take. */
static bool find_program(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    if (strchr(name, '/'))
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    folders = folders ? folders : "/bin:/usr/bin";
    for (const char *start = folders;; start++) {
        const char *end = strchrnul(start, ':');
        struct stat status;
        int length = snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - start), start, end > start ? "/" : "", name);
        if (length < PATH_MAX && stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
            return true;
        if (*end == '\0')
            return false;
        start = end;
    }
}

/* The dynamic linker leaves preloaded libraries out of programs that may do more than who starts them (ld.so(8),
 * secure-execution mode). */
static bool is_privileged(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return false;
    return ((status.st_mode & S_ISUID) && status.st_uid != geteuid()) ||
           ((status.st_mode & S_ISGID) && status.st_gid != getegid()) ||
           (geteuid() != 0 && fgetxattr(descriptor, "security.capability", NULL, 0) > 0);
}

/* Sanitizers' runtimes want to come before all other libraries, and end the program when they do not. Whether it uses
 * one is told by the names of the functions that it is linked with. */
static bool has_sanitizer(struct image *image)
{
    static const char *const names[] = {"__asan_init", "__tsan_init", "__msan_init", "__hwasan_init"};
    bool found[ARRAY_SIZE(names)], any = false;
    struct error *error = image_find_texts(image, ".dynstr", MAX_NAMES_BYTES, names, ARRAY_SIZE(names), found);
    for (size_t i = 0; !error && i < ARRAY_SIZE(names); i++)
        any |= found[i];
    error_destroy(error);
    return any;
}

static bool is_go(struct image *image)
{
    struct go_build_info info;
    struct error *error = image_read_go_build_info(image, &info);
    if (!error)
        go_build_info_deinit(&info);
    error_destroy(error);
    return !error;
}

static const char *judge_image(struct image *image)
{
    if (!image_is_x86_64(image))
        return "it is for another kind of machine";
    if (is_go(image))
        return "it is a Go program, whose runtime keeps a heap profile";
    if (image_has_sections(image) && !image_find_section(image, ".interp"))
        return "it is a static program, into which nothing can be loaded";
    if (has_sanitizer(image))
        return "it is built with a sanitizer, which has an allocator of its own";
    return NULL;
}

const char *preload_judge_program(const char *name)
{
    char path[PATH_MAX], start[4];
    if (!find_program(name, path))
        return NULL;
    _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return NULL;
    if (is_privileged(descriptor))
        return "it may do more than who starts it (setuid, setgid or capabilities), so nothing can be loaded into it";
    /* Of a script it depends on what runs it. */
    if (pread(descriptor, start, sizeof(start), 0) != (ssize_t)sizeof(start) || memcmp(start, "\177ELF", 4) != 0)
        return NULL;
    struct image *image;
    struct error *error = image_open(take_descriptor(descriptor), path, &image);
    const char *reason = error && error->kind == ERROR_UNSUPPORTED ? "it is for another kind of machine" : NULL;
    if (!error) {
        reason = judge_image(image);
        image_close(image);
    }
    error_destroy(error);
    return reason;
}
