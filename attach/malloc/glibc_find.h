/* Finds glibc's malloc in a process, with and without symbols, in a shared library or linked in. */
#ifndef ATTACH_MALLOC_GLIBC_FIND_H
#define ATTACH_MALLOC_GLIBC_FIND_H

#include "attach/maps.h"
#include "attach/memory.h"

struct glibc_malloc {
    remote_address main_arena;
    /* Of mp_; not known where the program has set other bounds than usual, by which it is recognised. */
    bool parameters_known;
    remote_address break_start;     /* Where the main arena begins; 0: not used yet. */
    uint64_t mapped_bytes, mapped_chunks;
};

/* ERROR_NOT_FOUND: the process has none, or one that is not understood. */
struct error *glibc_malloc_find(struct memory *memory, const struct maps *maps, struct glibc_malloc *ret_malloc);

#endif
