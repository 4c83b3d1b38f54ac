#include "attach/malloc/allocator.h"

#include <string.h>

#include "heaptop/base/cleanup.h"

/* What the names of allocators of cgo programs begin with. */
#define BESIDE_GO "Go+"

/* By how their files' names begin, what takes the others' place first. */
static const struct {
    const char *start;
    enum allocator_kind kind;
    const char *name;
} libraries[] = {
    {"libjemalloc", ALLOCATOR_JEMALLOC, "jemalloc"},
    {"libtcmalloc", ALLOCATOR_TCMALLOC, "tcmalloc"},
    {"libmimalloc", ALLOCATOR_MIMALLOC, "mimalloc"},
    {"ld-musl-", ALLOCATOR_MUSL, "musl's malloc"},
    {"libc.musl-", ALLOCATOR_MUSL, "musl's malloc"},
    {"libc.so.6", ALLOCATOR_GLIBC, "glibc's malloc"},
    {"libc-2.", ALLOCATOR_GLIBC, "glibc's malloc"},
};

struct allocator allocator_of(const struct maps *maps)
{
    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
        for (size_t at = 0; at < maps->lines.count; at++) {
            const struct map_line *line = &maps->lines.items[at];
            if (line->inode != 0 && line->permissions[2] == 'x' && map_line_file_begins(maps, line, libraries[i].start))
                return (struct allocator){libraries[i].kind, libraries[i].name, line};
        }
    }
    return (struct allocator){.kind = ALLOCATOR_UNKNOWN, .name = ""};
}

/* What the first two would say of themselves (mallctl, MallocExtension) is worked out by code that would have to run in
 * the program; their structs have no symbols, and change from one version to the next. */
const char *allocator_why_not_read(const char *name)
{
    static const struct {
        const char *name, *reason;
    } reasons[] = {
        {"jemalloc",
         "jemalloc serves it, which tells its figures (mallctl) only to code that runs in the program: seen are "
         "its mappings and their growth"},
        {"tcmalloc",
         "tcmalloc serves it, which tells its figures (MallocExtension) only to code that runs in the program: "
         "seen are its mappings and their growth"},
        {"mimalloc", "mimalloc serves it, which tells its figures only to code that runs in the program: seen are its "
                     "mappings and their growth"},
        {"musl", "musl's malloc serves it, which keeps no figures: seen are its mappings and their growth"},
    };
    if (strncmp(name, BESIDE_GO, strlen(BESIDE_GO)) == 0)
        name += strlen(BESIDE_GO);
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        if (strcmp(reasons[i].name, name) == 0)
            return reasons[i].reason;
    }
    return NULL;
}
