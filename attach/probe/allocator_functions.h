/* The functions by which a process allocates and frees: in which of its files they are, and where in them probes go. By
 * symbols, of which an allocator that is a library always has those that it is called by. */
#ifndef ATTACH_PROBE_ALLOCATOR_FUNCTIONS_H
#define ATTACH_PROBE_ALLOCATOR_FUNCTIONS_H

#include "attach/target.h"

/* An allocator with a name of its own in the program, malloc, and mmap of the C library. */
#define ALLOCATOR_FILES_MAX 3u
#define ALLOCATOR_PROBES_MAX 64u
#define ALLOCATOR_PATH_SIZE 4200u

struct allocator_probe {
    uint64_t offset;                    /* In the file. */
    uint64_t cookie;                    /* As of allocation_shared.h. */
};

struct allocator_file {
    char path[ALLOCATOR_PATH_SIZE];     /* By which heaptop, and the kernel for it, finds the file; not escaped. */
    struct allocator_probe probes[ALLOCATOR_PROBES_MAX];
    size_t num_probes;
};

struct allocator_functions {
    struct allocator_file files[ALLOCATOR_FILES_MAX];
    size_t num_files;
    size_t num_stepped;                 /* Probes that cost ten times as much as the others. */
    /* Run-time addresses of their code; 0, 0: not to be told apart. */
    uint64_t allocator_start, allocator_end, libc_start, libc_end;
};

/* ERROR_UNSUPPORTED: no file has a malloc that can be found, or the program is for another processor. Errors of
 * reading the memory map. */
struct error *allocator_functions_find(struct target *target, struct allocator_functions *ret_functions);

#endif
