/* A made-up process with a glibc heap, in fake memory: for tests and fuzz targets of attach/malloc. */
#ifndef TESTS_FAKE_MALLOC_H
#define TESTS_FAKE_MALLOC_H

#include <stdlib.h>
#include <string.h>

#include "attach/malloc/glibc_heap.h"
#include "attach/malloc/glibc_layout.h"
#include "attach/malloc/object_types.h"

#define FAKE_DATA UINT64_C(0x7f0000000000)
#define FAKE_DATA_BYTES 0x2000u
#define FAKE_ARENA (FAKE_DATA + 0x400)
#define FAKE_HEAP UINT64_C(0x555500000000)
#define FAKE_HEAP_BYTES 0x3000u
#define FAKE_PARAMETERS 0x1800u
/* Of a thread's arena: the piece that it lies in itself, and the one that its top lies in. */
#define FAKE_HOME UINT64_C(0x7e0000000000)
#define FAKE_PIECE (FAKE_HOME + HEAP_MOST_BYTES)
#define FAKE_PIECE_BYTES 0x1000u

struct fake_malloc {
    uint8_t data[FAKE_DATA_BYTES];
    uint8_t heap[FAKE_HEAP_BYTES];
    uint8_t home[FAKE_PIECE_BYTES], piece[FAKE_PIECE_BYTES];
    uint64_t heap_mapped;       /* More than the heap's bytes: what its mapping is said to have. */
};

static inline void fake_put(uint8_t *bytes, size_t offset, uint64_t value)
{
    memcpy(bytes + offset, &value, sizeof(value));
}

/* A chunk at an offset of the heap; `head` is its size and flags. Returns where the next one is. */
static inline size_t fake_chunk(struct fake_malloc *fake, size_t at, uint64_t head)
{
    fake_put(fake->heap, at + CHUNK_SIZE_OFFSET, head);
    return at + (size_t)(head & ~CHUNK_FLAGS);
}

/* A thread's cache with two chunks of 32 bytes; a used chunk of 0x100; a free one of 0x200, in a bin; one of 0x40 in a
 * fastbin; a used one of 0x1000; the top. */
static inline void fake_malloc_init(struct fake_malloc *fake)
{
    memset(fake, 0, sizeof(*fake));
    uint8_t *arena = fake->data + (FAKE_ARENA - FAKE_DATA);
    for (size_t bin = 0; bin < ARENA_NUM_BINS; bin++) {
        fake_put(arena, ARENA_BINS + bin * 16, FAKE_ARENA + ARENA_TOP + bin * 16);
        fake_put(arena, ARENA_BINS + bin * 16 + 8, FAKE_ARENA + ARENA_TOP + bin * 16);
    }
    fake_put(arena, ARENA_NEXT, FAKE_ARENA);
    fake_put(arena, ARENA_SYSTEM_MEMORY, FAKE_HEAP_BYTES);
    fake_put(arena, ARENA_MOST_SYSTEM_MEMORY, FAKE_HEAP_BYTES);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_TOP_PAD, DEFAULT_TOP_PAD);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_ARENA_TEST, DEFAULT_ARENA_TEST);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_MAPS - 4, UINT64_C(3) << 32);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_MAPS + 4, DEFAULT_MOST_MAPS);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_MAPPED, 0x300000);
    fake_put(fake->data, FAKE_PARAMETERS + PARAMETERS_BREAK, FAKE_HEAP);

    size_t cache = 0, next = fake_chunk(fake, 0, CACHE_CHUNK_BYTES | CHUNK_PREVIOUS_IN_USE);
    size_t first = next, second = fake_chunk(fake, first, 0x20 | CHUNK_PREVIOUS_IN_USE);
    next = fake_chunk(fake, second, 0x20 | CHUNK_PREVIOUS_IN_USE);
    fake->heap[cache + CHUNK_HEADER_BYTES] = 2;
    fake_put(fake->heap, cache + CHUNK_HEADER_BYTES + CACHE_HEADS, FAKE_HEAP + first + CHUNK_HEADER_BYTES);
    fake_put(fake->heap, first + CHUNK_HEADER_BYTES,
             (FAKE_HEAP + second + CHUNK_HEADER_BYTES) ^ (FAKE_HEAP + first + CHUNK_HEADER_BYTES) >> 12);
    fake_put(fake->heap, second + CHUNK_HEADER_BYTES, (FAKE_HEAP + second + CHUNK_HEADER_BYTES) >> 12);
    next = fake_chunk(fake, next, 0x100 | CHUNK_PREVIOUS_IN_USE);
    next = fake_chunk(fake, next, 0x200 | CHUNK_PREVIOUS_IN_USE);
    size_t fast = next;
    next = fake_chunk(fake, next, 0x40);
    fake_put(fake->heap, fast + CHUNK_HEADER_BYTES, (FAKE_HEAP + fast + CHUNK_HEADER_BYTES) >> 12);
    fake_put(arena, ARENA_FASTBINS + 8 * 2, FAKE_HEAP + fast);
    next = fake_chunk(fake, next, 0x1000 | CHUNK_PREVIOUS_IN_USE);
    fake_put(arena, ARENA_TOP, FAKE_HEAP + next);
    fake_chunk(fake, next, (FAKE_HEAP_BYTES - next) | CHUNK_PREVIOUS_IN_USE);
}

/* A thread's arena, whose pieces lead in a circle. */
static inline void fake_malloc_add_circle(struct fake_malloc *fake)
{
    uint64_t arena = FAKE_HOME + HEAP_HEADER_BYTES;
    fake_put(fake->data + (FAKE_ARENA - FAKE_DATA), ARENA_NEXT, arena);
    fake_put(fake->home + HEAP_HEADER_BYTES, ARENA_NEXT, FAKE_ARENA);
    fake_put(fake->home + HEAP_HEADER_BYTES, ARENA_TOP, FAKE_PIECE + 0x800);
    fake_put(fake->piece, HEAP_ARENA, arena);
    fake_put(fake->piece, HEAP_PREVIOUS, FAKE_PIECE);
    fake_put(fake->piece, HEAP_BYTES_OFFSET, HEAP_MOST_BYTES);
}

/* Where a class's table, its type information, that of the class which describes it, and the names lie in the data. */
#define FAKE_TABLE 0x1900u
#define FAKE_INFO 0x1920u
#define FAKE_KIND_TABLE 0x1940u
#define FAKE_KIND_INFO 0x1960u
#define FAKE_NAME 0x1980u
#define FAKE_KIND_NAME 0x19c0u

/* Lets the used chunks of 0x100 and 0x1000 bytes be objects of the class ns::Session. */
static inline void fake_malloc_add_type(struct fake_malloc *fake)
{
    size_t first = CACHE_CHUNK_BYTES + 0x40, second = first + 0x100 + 0x200 + 0x40;
    fake_put(fake->heap, first + CHUNK_HEADER_BYTES, FAKE_DATA + FAKE_TABLE);
    fake_put(fake->heap, second + CHUNK_HEADER_BYTES, FAKE_DATA + FAKE_TABLE);
    fake_put(fake->data, FAKE_TABLE - 8, FAKE_DATA + FAKE_INFO);
    fake_put(fake->data, FAKE_INFO, FAKE_DATA + FAKE_KIND_TABLE);
    fake_put(fake->data, FAKE_INFO + 8, FAKE_DATA + FAKE_NAME);
    fake_put(fake->data, FAKE_KIND_TABLE - 8, FAKE_DATA + FAKE_KIND_INFO);
    fake_put(fake->data, FAKE_KIND_INFO + 8, FAKE_DATA + FAKE_KIND_NAME);
    strcpy((char *)fake->data + FAKE_NAME, "N2ns7SessionE");
    strcpy((char *)fake->data + FAKE_KIND_NAME, "N10__cxxabiv117__class_type_infoE");
}

/* "NAME OBJECTS BYTES;" of each class, those with most bytes first. */
static inline struct error *fake_malloc_write_types(struct memory *memory, const struct first_words *words,
                                                    struct text *types)
{
    struct arena arena;
    struct name_cache cache;
    struct type_names names = {0};
    struct malloc_heap heap = {0};
    struct catalog *catalog = NULL;
    struct error *error = catalog_create(&catalog);
    if (error)
        return error;
    arena_init(&arena);
    name_cache_init(&cache, catalog);
    error = object_types_read(memory, words, &names, &cache, &arena, &heap);
    for (size_t i = 0; i < heap.num_types && !error; i++)
        text_printf(types, "%s %llu %llu;", catalog_string(catalog, heap.types[i].name),
                    (unsigned long long)heap.types[i].objects, (unsigned long long)heap.types[i].bytes);
    type_names_deinit(&names);
    name_cache_deinit(&cache);
    arena_deinit(&arena);
    catalog_unref(catalog);
    return error;
}

/* What heaptop makes of it, and, unless NULL, of the classes of its objects; NULL when memory is out. */
static inline struct malloc_heap *fake_malloc_read(const struct fake_malloc *fake, struct text *types)
{
    static struct first_words words;
    struct text text = {0};
    struct maps maps = {0};
    struct memory *memory = NULL;
    struct malloc_heap *heap = malloc(sizeof(*heap));
    text_printf(&text, "%llx-%llx rw-p 00000000 00:00 0 [heap]\n", (unsigned long long)FAKE_HEAP,
                (unsigned long long)FAKE_HEAP + (fake->heap_mapped ? fake->heap_mapped : FAKE_HEAP_BYTES));
    text_printf(&text, "%llx-%llx rw-p 001d0000 fe:01 42 /usr/lib/libc.so.6\n", (unsigned long long)FAKE_DATA,
                (unsigned long long)FAKE_DATA + FAKE_DATA_BYTES);
    struct error *error = maps_parse(&text, &maps);
    if (!error)
        error = memory_create_fake(&memory);
    if (!error)
        error = memory_fake_add(memory, FAKE_DATA, fake->data, sizeof(fake->data));
    if (!error)
        error = memory_fake_add(memory, FAKE_HEAP, fake->heap, sizeof(fake->heap));
    if (!error)
        error = memory_fake_add(memory, FAKE_HOME, fake->home, sizeof(fake->home));
    if (!error)
        error = memory_fake_add(memory, FAKE_PIECE, fake->piece, sizeof(fake->piece));
    if (!error)
        error = first_words_init(&words, &maps);
    if (!error && heap)
        error = glibc_heap_read(memory, &maps, &words, heap);
    if (!error && types)
        error = fake_malloc_write_types(memory, &words, types);
    first_words_deinit(&words);
    memory_destroy(memory);
    maps_deinit(&maps);
    if (error) {
        error_destroy(error);
        free(heap);
        return NULL;
    }
    return heap;
}

#endif
