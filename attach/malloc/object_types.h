/* Which classes the live C++ objects are of: from the first words of chunks to the names in the classes' type
 * information, which programs have stripped or not. Itanium C++ ABI, 2.5.2 (virtual tables) and 2.9 (type_info), as GCC
 * and Clang keep it on Linux. */
#ifndef ATTACH_MALLOC_OBJECT_TYPES_H
#define ATTACH_MALLOC_OBJECT_TYPES_H

#include "attach/malloc/first_words.h"
#include "attach/memory.h"
#include "heaptop/base/arena.h"
#include "heaptop/snapshot/malloc_heap.h"

/* Names as people read them, remembered from one reading to the next. Zeroed, it is ready. */
struct type_names {
    struct table ids;           /* Hash of the name in the program -> string_id. */
};

void type_names_deinit(struct type_names *names);

/* Fills types, num_types and types_left_out of a heap, in the arena: those with most bytes first, at most
 * MALLOC_MAX_TYPES. Names go into the cache. ERROR_NO_MEMORY; errors after which no memory can be read. */
struct error *object_types_read(struct memory *memory, const struct first_words *words, struct type_names *names,
                                struct name_cache *cache, struct arena *arena, struct malloc_heap *heap);

#endif
