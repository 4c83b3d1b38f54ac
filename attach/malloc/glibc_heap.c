#include "attach/malloc/glibc_heap.h"

#include <stdlib.h>
#include <string.h>

#include "attach/malloc/glibc_find.h"
#include "attach/malloc/glibc_layout.h"
#include "attach/malloc/glibc_lists.h"
#include "attach/malloc/glibc_walk.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/cursor.h"

/* Pieces of an arena: 64 MB each. */
#define MAX_HEAPS 4096u

struct reading {
    struct memory *memory;
    const struct maps *maps;
    struct glibc_malloc malloc;
    struct glibc_walk walk;
    struct malloc_heap *heap;
    uint64_t left;                  /* Of GLIBC_HEAP_MAX_BYTES. */
    const char *obstacle;           /* Of the first arena that has one. */
};

/* One arena, of which all is added to the sums once it is whole. */
struct arena_reading {
    struct malloc_arena arena;
    struct malloc_class classes[MALLOC_CLASSES];
    size_t first_candidate;
    uint64_t overhead;              /* What is neither chunk nor top: headers of pieces, and what closes them. */
    bool is_torn;
    const char *obstacle;           /* What keeps it from being read however often; else NULL. */
};

static uint64_t field(const uint8_t *arena, size_t offset)
{
    uint64_t value = 0;
    bytes_u64_at(arena, ARENA_BYTES, offset, &value);
    return value;
}

/* The end of the mappings that an address lies in, which follow each other; 0 when it lies in none. */
static uint64_t end_of_memory(const struct maps *maps, uint64_t address)
{
    uint64_t end = 0;
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        bool is_here = address >= line->start && address < line->end;
        if ((is_here || (end != 0 && line->start == end)) && line->permissions[1] == 'w')
            end = line->end;
        else if (end != 0)
            break;
    }
    return end;
}

/* The first address at which the memory of a chunk is aligned. */
static uint64_t align_chunk(uint64_t address)
{
    return (address + 15) & ~UINT64_C(15);
}

static void add_result(struct arena_reading *reading, const struct glibc_walk_result *result)
{
    reading->arena.free_bytes += result->free_bytes;
    reading->arena.free_chunks += result->free_chunks;
    reading->arena.used_chunks += result->used_chunks;
    reading->is_torn |= !result->reached_end;
}

/* Whether so much more may be walked over. What the target says of itself can be as large as it likes. */
static bool may_walk(struct reading *reading, struct arena_reading *arena, uint64_t bytes)
{
    if (bytes > reading->left) {
        arena->is_torn = true;
        arena->obstacle = "it is larger than 16 GiB, which would take too long to walk over";
        return false;
    }
    reading->left -= bytes;
    return true;
}

static struct error *walk_main(struct reading *reading, struct arena_reading *arena, uint64_t top, uint64_t *ret_walked)
{
    struct glibc_walk_result result;
    uint64_t start = reading->malloc.break_start;
    /* Without mp_ the program is taken to have left the break to malloc alone: then the heap begins where its mapping
     * does. */
    for (size_t i = 0; i < reading->maps->lines.count && start == 0; i++) {
        const struct map_line *line = &reading->maps->lines.items[i];
        if (top >= line->start && top < line->end)
            start = line->start;
    }
    uint64_t limit = end_of_memory(reading->maps, top), first = align_chunk(start);
    arena->arena.heaps = 1;
    arena->overhead = first - start;
    if (start == 0 || first > top || limit <= top) {
        arena->is_torn = true;
        return NULL;
    }
    if (!may_walk(reading, arena, limit - first))
        return NULL;
    struct error *error = glibc_walk_chunks(&reading->walk, first, top, limit, arena->classes, &result);
    if (error)
        return error;
    add_result(arena, &result);
    *ret_walked = result.used_bytes + result.free_bytes;
    return NULL;
}

struct piece {
    uint64_t arena, previous, size;
};

static struct error *read_piece(struct memory *memory, uint64_t address, struct piece *ret_piece, bool *ret_good)
{
    uint8_t bytes[24];
    struct error *error = memory_read(memory, address, bytes, sizeof(bytes));
    *ret_good = !error;
    if (error && error->kind != ERROR_FAULT)
        return error;
    error_destroy(error);
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    *ret_piece = (struct piece){cursor_u64(&cursor), cursor_u64(&cursor), cursor_u64(&cursor)};
    return NULL;
}

/* From the piece that the top lies in to the first, which holds the arena itself. */
static struct error *walk_pieces(struct reading *reading, struct arena_reading *arena, uint64_t top,
                                 uint64_t *ret_walked)
{
    uint64_t address = top & ~(HEAP_MOST_BYTES - 1), walked = 0;
    uint64_t home = arena->arena.address & ~(HEAP_MOST_BYTES - 1);
    uint64_t header = arena->arena.address - home;
    bool good = header == HEAP_HEADER_BYTES || header == HEAP_OLD_HEADER_BYTES;
    while (good && address != 0 && arena->arena.heaps < MAX_HEAPS) {
        struct piece piece;
        struct glibc_walk_result result;
        struct error *error = read_piece(reading->memory, address, &piece, &good);
        if (error)
            return error;
        good = good && piece.arena == arena->arena.address && piece.size <= HEAP_MOST_BYTES &&
               may_walk(reading, arena, piece.size);
        if (!good)
            break;
        uint64_t first = align_chunk(address + header + (address == home ? ARENA_BYTES : 0));
        error = glibc_walk_chunks(&reading->walk, first, top, address + piece.size, arena->classes, &result);
        if (error)
            return error;
        add_result(arena, &result);
        walked += result.used_bytes + result.free_bytes;
        arena->overhead += first - address + (result.end == top ? 0 : address + piece.size - result.end);
        arena->arena.heaps++;
        address = address == home ? 0 : piece.previous;
    }
    arena->is_torn |= !good || address != 0;
    *ret_walked = walked;
    return NULL;
}

/* Reads the bytes of an arena; *ret_good is false when they cannot be read. */
static struct error *read_arena(struct reading *reading, uint64_t address, uint8_t bytes[ARENA_BYTES], bool *ret_good)
{
    struct error *error = memory_read(reading->memory, address, bytes, ARENA_BYTES);
    *ret_good = !error;
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        return NULL;
    }
    return error;
}

/* The size of its top chunk; 0 while the arena is empty, when it points at itself. */
static struct error *read_top(struct reading *reading, const struct malloc_arena *arena, uint64_t top,
                              uint64_t *ret_size, bool *ret_good)
{
    uint64_t head = 0;
    *ret_size = 0;
    *ret_good = true;
    if (top == arena->address + ARENA_TOP)
        return NULL;
    struct error *error = memory_read_u64(reading->memory, top + CHUNK_SIZE_OFFSET, &head);
    *ret_good = !error;
    if (error && error->kind != ERROR_FAULT)
        return error;
    error_destroy(error);
    *ret_size = head & ~CHUNK_FLAGS;
    return NULL;
}

/* Follows what is kept ready in lists: its fastbins, and the caches among the chunks that were met. */
static struct error *follow_lists(struct reading *reading, struct arena_reading *arena, const uint8_t *bytes)
{
    struct glibc_lists lists = {.memory = reading->memory, .classes = arena->classes};
    bool whole;
    struct error *error = glibc_lists_follow_fastbins(&lists, bytes, &whole);
    arena->arena.fast_bytes = lists.bytes;
    arena->arena.fast_chunks = lists.chunks;
    arena->arena.used_chunks -= lists.chunks < arena->arena.used_chunks ? lists.chunks : arena->arena.used_chunks;
    arena->is_torn |= !whole;
    return error;
}

static struct error *try_arena(struct reading *reading, uint64_t address, struct arena_reading *arena,
                               uint64_t *ret_next)
{
    uint8_t before[ARENA_BYTES], after[ARENA_BYTES];
    uint64_t walked = 0;
    bool good = false;
    size_t candidates = reading->walk.cache_candidates.count;
    memset(arena, 0, sizeof(*arena));
    if (reading->walk.words)
        first_words_begin_arena(reading->walk.words);
    arena->arena.address = address;
    arena->arena.is_main = address == reading->malloc.main_arena;
    arena->first_candidate = candidates;
    struct error *error = read_arena(reading, address, before, &good);
    if (error || !good) {
        arena->is_torn = true;
        *ret_next = 0;
        return error;
    }
    uint64_t top = field(before, ARENA_TOP);
    *ret_next = field(before, ARENA_NEXT);
    arena->arena.system_bytes = field(before, ARENA_SYSTEM_MEMORY);
    error = read_top(reading, &arena->arena, top, &arena->arena.top_bytes, &good);
    if (error)
        return error;
    bool is_empty = top == address + ARENA_TOP;
    if (field(before, ARENA_FLAGS - 4) >> 32 & ARENA_NONCONTIGUOUS && arena->arena.is_main)
        arena->obstacle = "its main arena lies in several pieces, and nothing tells where they are";
    arena->is_torn = !good || arena->obstacle;
    if (!arena->is_torn && !is_empty)
        error =
            arena->arena.is_main ? walk_main(reading, arena, top, &walked) : walk_pieces(reading, arena, top, &walked);
    if (!error)
        error = follow_lists(reading, arena, before);
    if (!error)
        error = read_arena(reading, address, after, &good);
    if (error)
        return error;
    /* Equal before and after, and chunks that fill it: then it was one and the same all the while, or might as well
     * have been. */
    arena->is_torn |= !good || memcmp(before, after, sizeof(before)) != 0 ||
                      (!is_empty && walked + arena->arena.top_bytes + arena->overhead != arena->arena.system_bytes);
    return NULL;
}

static void add_arena(struct reading *reading, struct arena_reading *arena)
{
    struct malloc_heap *heap = reading->heap;
    struct malloc_arena *sums = &arena->arena;
    sums->is_whole = !arena->is_torn;
    heap->num_arenas++;
    heap->system_bytes += sums->system_bytes;
    if (arena->is_torn) {
        heap->torn_arenas++;
    } else {
        if (reading->walk.words)
            first_words_keep_arena(reading->walk.words);
        uint64_t idle = sums->free_bytes + sums->fast_bytes + sums->top_bytes;
        heap->used_bytes += sums->system_bytes > idle ? sums->system_bytes - idle : 0;
        heap->free_bytes += sums->free_bytes;
        heap->free_chunks += sums->free_chunks;
        heap->fast_bytes += sums->fast_bytes;
        heap->fast_chunks += sums->fast_chunks;
        heap->top_bytes += sums->top_bytes;
        heap->used_chunks += sums->used_chunks;
        for (size_t i = 0; i < MALLOC_CLASSES; i++) {
            heap->classes[i].used_chunks += arena->classes[i].used_chunks;
            heap->classes[i].used_bytes += arena->classes[i].used_bytes;
            heap->classes[i].free_chunks += arena->classes[i].free_chunks;
            heap->classes[i].free_bytes += arena->classes[i].free_bytes;
            heap->classes[i].cached_chunks += arena->classes[i].cached_chunks;
            heap->classes[i].cached_bytes += arena->classes[i].cached_bytes;
        }
    }
    if (heap->num_listed < MALLOC_MAX_LISTED)
        heap->arenas[heap->num_listed++] = *sums;
}

static struct error *read_arenas(struct reading *reading, struct arena_reading *arena)
{
    uint64_t address = reading->malloc.main_arena, next = 0;
    do {
        size_t candidates = reading->walk.cache_candidates.count;
        uint64_t left = reading->left;
        for (unsigned attempt = 0; attempt < GLIBC_HEAP_MAX_ATTEMPTS; attempt++) {
            reading->walk.cache_candidates.count = candidates;
            reading->left = left;
            struct error *error = try_arena(reading, address, arena, &next);
            if (error)
                return error;
            if (!arena->is_torn || arena->obstacle)
                break;
        }
        if (!reading->obstacle)
            reading->obstacle = arena->obstacle;
        add_arena(reading, arena);
        address = next;
    } while (address != 0 && address != reading->malloc.main_arena &&
             reading->heap->num_arenas < GLIBC_HEAP_MAX_ARENAS);
    return NULL;
}

static struct error *read_caches(struct reading *reading)
{
    struct malloc_heap *heap = reading->heap;
    struct glibc_lists lists = {.memory = reading->memory, .classes = heap->classes};
    for (size_t i = 0; i < reading->walk.cache_candidates.count; i++) {
        bool is_cache;
        struct error *error = glibc_lists_follow_cache(&lists, reading->walk.cache_candidates.items[i], &is_cache);
        if (error)
            return error;
        heap->caches += is_cache;
        heap->cache_bytes += is_cache ? lists.bytes : 0;
        heap->cache_chunks += is_cache ? lists.chunks : 0;
    }
    return NULL;
}

struct error *glibc_heap_read(struct memory *memory, const struct maps *maps, struct first_words *words,
                              struct malloc_heap *ret_heap)
{
    struct reading reading = {
        .memory = memory, .maps = maps, .walk = {.memory = memory, .words = words}, .heap = ret_heap,
        .left = GLIBC_HEAP_MAX_BYTES};
    uint64_t begin = clock_ns(CLOCK_MONOTONIC), cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t bytes_read = memory->bytes_read;
    memset(ret_heap, 0, sizeof(*ret_heap));
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        ret_heap->classes[i].largest = malloc_class_largest(i);
    struct error *error = glibc_malloc_find(memory, maps, &reading.malloc);
    if (error && error->kind == ERROR_NOT_FOUND) {
        error_destroy(error);
        ret_heap->reason = "no malloc of glibc was found in it";
        return NULL;
    }
    _cleanup_free_ struct arena_reading *arena = malloc(sizeof(*arena));
    if (!error && !arena)
        error = error_no_memory();
    if (!error)
        error = read_arenas(&reading, arena);
    if (!error)
        error = read_caches(&reading);
    glibc_walk_deinit(&reading.walk);
    if (error)
        return error;
    ret_heap->known = ret_heap->torn_arenas < ret_heap->num_arenas;
    ret_heap->reason = ret_heap->known     ? NULL
                       : reading.obstacle ? reading.obstacle
                                          : "it changed while it was read, each time";
    ret_heap->mapped_known = reading.malloc.parameters_known;
    ret_heap->mapped_bytes = reading.malloc.mapped_bytes;
    ret_heap->mapped_chunks = reading.malloc.mapped_chunks;
    ret_heap->took_ns = clock_ns(CLOCK_MONOTONIC) - begin;
    ret_heap->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
    ret_heap->bytes_read = memory->bytes_read - bytes_read;
    return NULL;
}
