/* A region of memory that is freed all at once. Allocations are 16-byte aligned and zeroed. */
#ifndef HEAPTOP_BASE_ARENA_H
#define HEAPTOP_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t used;        /* Bytes handed out. */
    size_t reserved;    /* Bytes taken from malloc, for the program's own cost line. */
};

void arena_init(struct arena *arena);
void arena_deinit(struct arena *arena);

/* NULL when memory is out. A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* count * size with a check for overflow; NULL on overflow or when memory is out. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* A copy of so many items; NULL when memory is out. items may be NULL where there are none. */
void *arena_copy_array(struct arena *arena, const void *items, size_t count, size_t size);

/* A copy of length bytes followed by a NUL; NULL when memory is out. */
char *arena_copy_string(struct arena *arena, const char *text, size_t length);

char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
