/* Which allocator serves a program's malloc, told by the files that it has mapped. */
#ifndef ATTACH_MALLOC_ALLOCATOR_H
#define ATTACH_MALLOC_ALLOCATOR_H

#include "attach/maps.h"

enum allocator_kind {
    ALLOCATOR_UNKNOWN,          /* No library is known: linked in, or there is none. */
    ALLOCATOR_GLIBC,
    ALLOCATOR_MUSL,
    ALLOCATOR_JEMALLOC,
    ALLOCATOR_TCMALLOC,
    ALLOCATOR_MIMALLOC,
};

struct allocator {
    enum allocator_kind kind;
    const char *name;           /* Static, for people: "glibc's malloc", "jemalloc"; "" when unknown. */
    /* The library that it is in, as mapped (map_line_name), NULL when unknown. */
    const struct map_line *line;
};

/* A library made for it goes before the C library's own, which it takes the place of. One that is linked into the
 * program is not seen here. */
struct allocator allocator_of(const struct maps *maps);

/* Why the heap of an allocator of this name ("jemalloc", as of program_kind.allocator) is not read, and what is seen of
 * it instead; static. NULL: it is glibc's, or not known. */
const char *allocator_why_not_read(const char *name);

#endif
