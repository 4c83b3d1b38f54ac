#include "attach/malloc/allocator.h"

#include "heaptop/base/cleanup.h"

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
