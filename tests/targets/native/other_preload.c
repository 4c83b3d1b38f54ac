/* A library that is preloaded already, and makes things hard: it counts allocations itself, and whoever looks up a
 * function causes allocations before any function is known. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *(*real_malloc)(size_t size);
static _Atomic long calls;

void *malloc(size_t size)
{
    if (!real_malloc)
        *(void **)&real_malloc = dlvsym(RTLD_NEXT, "malloc", "GLIBC_2.2.5");
    calls++;
    return real_malloc(size);
}

static void check(int holds)
{
    if (!holds)
        abort();
}

void *dlsym(void *handle, const char *name)
{
    static void *(*real_dlsym)(void *handle, const char *name);
    /* More than a thread's buffer for errors, which is what a C library allocates here. */
    char *zeros = calloc(3, 100), *block = malloc(10);
    check(zeros && block && zeros[0] == 0 && zeros[299] == 0);
    memset(zeros, 1, 300);
    zeros = realloc(zeros, 2000);
    check(!zeros || zeros[299] == 1);
    free(block);
    free(zeros);
    if (!real_dlsym)
        *(void **)&real_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (!real_dlsym)
        *(void **)&real_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    return real_dlsym(handle, name);
}

/* The environment's order of libraries is part of what is tested. */
__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "other_preload: %ld calls\n", (long)calls);
}
