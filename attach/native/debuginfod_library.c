#include "attach/native/debuginfod_library.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#ifdef HEAPTOP_STATIC

bool debuginfod_library_is_configured(void)
{
    return false;
}

bool debuginfod_library_fetch(const char *build_id)
{
    (void)build_id;
    return false;
}

#else

bool debuginfod_library_is_configured(void)
{
    const char *urls = getenv("DEBUGINFOD_URLS");
    return urls && urls[strspn(urls, " \t\n")] != '\0';
}

/* elfutils 0.178 and newer, debuginfod/debuginfod.h: a build id of length 0 is one in hex. */
bool debuginfod_library_fetch(const char *build_id)
{
    void *library = dlopen("libdebuginfod.so.1", RTLD_NOW);
    if (!library)
        return false;
    void *(*begin)(void) = (void *(*)(void))dlsym(library, "debuginfod_begin");
    int (*find)(void *, const unsigned char *, int, char **) =
        (int (*)(void *, const unsigned char *, int, char **))dlsym(library, "debuginfod_find_debuginfo");
    void *client = begin && find ? begin() : NULL;
    return client && find(client, (const unsigned char *)build_id, 0, NULL) >= 0;
}

#endif
