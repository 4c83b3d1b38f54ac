/* The program `heaptop` of the portable folder: linked statically, so that it starts where there is no C library at all
 * (an empty container), or another one (musl). It runs the real one with the loader and the libraries that lie beside
 * it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOADER "lib/ld-linux-x86-64.so.2"
#define FIXED_ARGUMENTS 6

int main(int argc, char **argv)
{
    /* Through /proc, or, where that is not mounted, by the name it was called by. */
    char folder[PATH_MAX], loader[PATH_MAX + 64], libraries[PATH_MAX + 64], program[PATH_MAX + 64], terminals[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length < 0)
        length = snprintf(folder, sizeof(folder), "%s", argv[0]);
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash) {
        fputs("heaptop: cannot tell where it lies: call it by its whole path\n", stderr);
        return 1;
    }
    *slash = '\0';
    snprintf(loader, sizeof(loader), "%s/" LOADER, folder);
    snprintf(libraries, sizeof(libraries), "%s/lib", folder);
    snprintf(program, sizeof(program), "%s/lib/heaptop", folder);
    /* What the machine knows of its terminals goes first: the empty part of the list. */
    snprintf(terminals, sizeof(terminals), ":%s/terminfo", folder);
    setenv("TERMINFO_DIRS", terminals, 0);
    char **arguments = calloc((size_t)argc + FIXED_ARGUMENTS, sizeof(*arguments));
    if (!arguments) {
        fputs("heaptop: out of memory\n", stderr);
        return 1;
    }
    char *fixed[FIXED_ARGUMENTS] = {loader, (char *)"--library-path", libraries, (char *)"--argv0", argv[0], program};
    memcpy(arguments, fixed, sizeof(fixed));
    if (argc > 0)
        memcpy(arguments + FIXED_ARGUMENTS, argv + 1, (size_t)argc * sizeof(*argv));
    execv(loader, arguments);
    fprintf(stderr, "heaptop: cannot start %s: %s\n", loader, strerror(errno));
    return 1;
}
