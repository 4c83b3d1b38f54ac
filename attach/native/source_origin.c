#include "attach/native/source_origin.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/snapshot.h"

/* Where headers and sources of the C, C++ and Rust libraries lie when a program is built: GCC's and LLVM's; rustc's
 * own paths and Debian's. (Without the slash in front of it: by the whole of it programs in Rust are told, of which
 * heaptop is none.) */
static const char *const standard[] = {"/include/c++/", "/lib/gcc/", "/lib/clang/", "rustc/", "/usr/src/rustc-",
                                       "/lib/rustlib/"};
/* Of others: what the system or a package manager brings. */
static const char *const dependency[] = {"/usr/include/", "/usr/local/include/", "/.cargo/registry/", "/.cargo/git/",
                                         "/conan/", "/vcpkg/", "/vcpkg_installed/"};

static bool has_any(const char *path, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(path, parts[i]))
            return true;
    }
    return false;
}

static bool is_library_template(const char *symbol)
{
    static const char *const starts[] = {"_ZNSt", "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx"};
    bool is_one = false;
    for (size_t i = 0; symbol && i < ARRAY_SIZE(starts); i++)
        is_one |= strncmp(symbol, starts[i], strlen(starts[i])) == 0;
    return is_one;
}

uint8_t source_origin(uint8_t origin, const char *symbol, const char *path)
{
    if (!path[0])
        return is_library_template(symbol) ? FRAME_STANDARD : origin;
    if (origin != FRAME_APPLICATION)
        return origin;
    if (has_any(path, standard, ARRAY_SIZE(standard)))
        return FRAME_STANDARD;
    return has_any(path, dependency, ARRAY_SIZE(dependency)) ? FRAME_DEPENDENCY : FRAME_APPLICATION;
}
