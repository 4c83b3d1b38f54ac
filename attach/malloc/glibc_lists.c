#include "attach/malloc/glibc_lists.h"

#include <string.h>

#include "attach/malloc/glibc_layout.h"
#include "heaptop/base/cursor.h"

/* From 2.32 on a link is mixed with the address that it lies at (malloc.c PROTECT_PTR); before, it is not. */
static uint64_t unprotect(uint64_t place, uint64_t link)
{
    return link ^ place >> 12;
}

/* A chunk's size field and the first word of its memory, which is the link. */
struct element {
    uint64_t head, link;
};

static struct error *read_element(struct memory *memory, uint64_t chunk, struct element *ret_element, bool *ret_good)
{
    uint8_t bytes[16];
    struct error *error = memory_read(memory, chunk + CHUNK_SIZE_OFFSET, bytes, sizeof(bytes));
    *ret_good = !error;
    if (error && error->kind != ERROR_FAULT)
        return error;
    error_destroy(error);
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    if (*ret_good) {
        ret_element->head = cursor_u64(&cursor);
        ret_element->link = cursor_u64(&cursor);
    }
    return NULL;
}

/* Chunks of one size, linked from chunk to chunk, or, in threads' caches, from memory to memory: `distance` before what
 * a link names lies the chunk. */
struct list {
    uint64_t first, distance, size;
    uint64_t most;              /* Elements that there may be. */
};

/* *ret_count: as many as there are; *ret_good: every one made sense, to the end. */
static struct error *follow_links(struct memory *memory, const struct list *list, bool is_protected,
                                  uint64_t *ret_count, bool *ret_good)
{
    uint64_t named = list->first, count = 0;
    bool good = true;
    while (named != 0 && good && count < list->most) {
        struct element element;
        uint64_t chunk = named - list->distance;
        good = chunk % 16 == 0;
        struct error *error = good ? read_element(memory, chunk, &element, &good) : NULL;
        if (error)
            return error;
        good = good && (element.head & ~CHUNK_FLAGS) == list->size;
        if (!good)
            break;
        named = is_protected ? unprotect(chunk + CHUNK_HEADER_BYTES, element.link) : element.link;
        count++;
    }
    *ret_count = count;
    *ret_good = good && named == 0;
    return NULL;
}

/* Which of both ways links are kept the list itself tells: the other one makes no sense. */
static struct error *follow(struct memory *memory, const struct list *list, uint64_t *ret_count, bool *ret_good)
{
    struct error *error = follow_links(memory, list, true, ret_count, ret_good);
    return error || *ret_good ? error : follow_links(memory, list, false, ret_count, ret_good);
}

static void move_to_cached(struct glibc_lists *lists, uint64_t size, uint64_t count)
{
    struct malloc_class *class = &lists->classes[malloc_class_of(size)];
    lists->chunks += count;
    lists->bytes += count * size;
    class->cached_chunks += count;
    class->cached_bytes += count * size;
    class->used_chunks -= count < class->used_chunks ? count : class->used_chunks;
    class->used_bytes -= count * size < class->used_bytes ? count * size : class->used_bytes;
}

struct error *glibc_lists_follow_fastbins(struct glibc_lists *lists, const uint8_t *arena, bool *ret_whole)
{
    lists->chunks = lists->bytes = 0;
    *ret_whole = true;
    for (unsigned i = 0; i < ARENA_NUM_FASTBINS; i++) {
        uint64_t first = 0, count, size = CHUNK_LEAST_BYTES + 16 * i;
        bool good;
        bytes_u64_at(arena, ARENA_BYTES, ARENA_FASTBINS + 8 * (size_t)i, &first);
        const struct list list = {.first = first, .size = size, .most = GLIBC_LIST_MAX};
        struct error *error = follow(lists->memory, &list, &count, &good);
        if (error)
            return error;
        *ret_whole &= good;
        if (good)
            move_to_cached(lists, size, count);
    }
    return NULL;
}

struct error *glibc_lists_follow_cache(struct glibc_lists *lists, uint64_t chunk, bool *ret_is_cache)
{
    uint8_t bytes[CACHE_BYTES];
    uint64_t counts[CACHE_LISTS];
    bool any = false;
    lists->chunks = lists->bytes = 0;
    *ret_is_cache = false;
    struct error *error = memory_read(lists->memory, chunk + CHUNK_HEADER_BYTES, bytes, sizeof(bytes));
    if (error && error->kind != ERROR_FAULT)
        return error;
    if (error) {
        error_destroy(error);
        return NULL;
    }
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    for (unsigned i = 0; i < CACHE_LISTS; i++)
        counts[i] = cursor_u16(&cursor);
    for (unsigned i = 0; i < CACHE_LISTS; i++) {
        uint64_t first = cursor_u64(&cursor), count;
        bool good;
        if ((first == 0) != (counts[i] == 0))
            return NULL;
        any |= first != 0;
        const struct list list = {.first = first,
                                  .distance = CHUNK_HEADER_BYTES,
                                  .size = CHUNK_LEAST_BYTES + 16 * (uint64_t)i,
                                  .most = counts[i]};
        error = follow(lists->memory, &list, &count, &good);
        if (error)
            return error;
        if (!good || count != counts[i])
            return NULL;
    }
    /* One that holds nothing may be any object of zeros, and is of no account. */
    for (unsigned i = 0; i < CACHE_LISTS && any; i++)
        move_to_cached(lists, CHUNK_LEAST_BYTES + 16 * (uint64_t)i, counts[i]);
    *ret_is_cache = any;
    return NULL;
}
