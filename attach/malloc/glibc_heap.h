/* The heap of glibc's malloc, arena by arena, read while the program goes on. */
#ifndef ATTACH_MALLOC_GLIBC_HEAP_H
#define ATTACH_MALLOC_GLIBC_HEAP_H

#include "attach/malloc/first_words.h"
#include "attach/maps.h"
#include "attach/memory.h"
#include "heaptop/snapshot/malloc_heap.h"

/* An arena that has changed while it was read is read so often at most. */
#define GLIBC_HEAP_MAX_ATTEMPTS 3u
/* Beyond, arenas are left out. */
#define GLIBC_HEAP_MAX_ARENAS 4096u
/* Arenas beyond so much together are not walked, as that would take seconds. */
#define GLIBC_HEAP_MAX_BYTES (UINT64_C(16) << 30)

/* Fills *ret_heap, but for the types; what keeps it from being known is told there. `words`, of first_words_init, gets
 * those of the arenas that are whole; NULL: nobody wants them. ERROR_NO_MEMORY; errors after which no memory can be
 * read. */
struct error *glibc_heap_read(struct memory *memory, const struct maps *maps, struct first_words *words,
                              struct malloc_heap *ret_heap);

#endif
