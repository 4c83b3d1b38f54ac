#include "attach/malloc/glibc_walk.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "attach/malloc/glibc_layout.h"
#include "heaptop/base/cursor.h"

#define PAGE 4096u
/* Where chunks lie close together the window grows; behind a large one it is small again, as what the program keeps
 * within is neither of use nor, perhaps, in memory. */
#define LEAST_STEP ((size_t)2 * PAGE)
#define STEP_FACTOR 4u

/* Chunks below this many times their alignment are counted by their size. */
#define SMALL_SIZES 65u

void glibc_walk_deinit(struct glibc_walk *walk)
{
    free(walk->window);
    walk->window = NULL;
    vector_deinit(&walk->cache_candidates);
}

/* Fills the window from the page of an address on, up to `limit`. *ret_good: something was read. */
static struct error *move_window(struct glibc_walk *walk, uint64_t address, uint64_t limit, bool *ret_good)
{
    uint64_t start = address & ~(uint64_t)(PAGE - 1), left = limit - start;
    bool goes_on = walk->window_size > 0 && start == walk->window_start + walk->window_size;
    walk->step = goes_on ? walk->step * STEP_FACTOR : LEAST_STEP;
    walk->step = walk->step < GLIBC_WALK_WINDOW ? walk->step : GLIBC_WALK_WINDOW;
    walk->window_start = start;
    walk->window_size = left < walk->step ? (size_t)left : walk->step;
    struct error *error = memory_read(walk->memory, walk->window_start, walk->window, walk->window_size);
    *ret_good = !error;
    if (!error || error->kind != ERROR_FAULT)
        return error;
    error_destroy(error);
    walk->window_size = 0;
    return NULL;
}

/* The size field of the chunk at an address; *ret_good is false when it cannot be read. */
static struct error *read_head(struct glibc_walk *walk, uint64_t chunk, uint64_t limit, uint64_t *ret_head,
                               bool *ret_good)
{
    uint64_t place = chunk + CHUNK_SIZE_OFFSET;
    *ret_good = place + 8 <= limit;
    if (!*ret_good)
        return NULL;
    if (place < walk->window_start || place + 8 > walk->window_start + walk->window_size) {
        struct error *error = move_window(walk, place, limit, ret_good);
        if (error || !*ret_good)
            return error;
    }
    *ret_good = bytes_u64_at(walk->window, walk->window_size, (size_t)(place - walk->window_start), ret_head);
    return NULL;
}

/* What one walk is at. Small chunks are counted by size alone: a heap of a gigabyte has sixteen million of them. */
struct state {
    uint64_t chunk, head;
    uint64_t small_used[SMALL_SIZES], small_free[SMALL_SIZES];
    struct malloc_class *classes;
    struct glibc_walk_result result;
};

static void add(struct state *state, uint64_t size, uint64_t count, bool is_used)
{
    struct malloc_class *class = &state->classes[malloc_class_of(size)];
    uint64_t bytes = size * count;
    *(is_used ? &class->used_chunks : &class->free_chunks) += count;
    *(is_used ? &class->used_bytes : &class->free_bytes) += bytes;
    *(is_used ? &state->result.used_chunks : &state->result.free_chunks) += count;
    *(is_used ? &state->result.used_bytes : &state->result.free_bytes) += bytes;
}

static bool add_chunk(struct glibc_walk *walk, struct state *state, uint64_t size, bool is_used)
{
    if (size < SMALL_SIZES * CHUNK_ALIGNMENT)
        (is_used ? state->small_used : state->small_free)[size / CHUNK_ALIGNMENT]++;
    else
        add(state, size, 1, is_used);
    return size != CACHE_CHUNK_BYTES || !is_used || walk->cache_candidates.count >= GLIBC_WALK_MAX_CANDIDATES ||
           vector_append(&walk->cache_candidates, state->chunk);
}

static bool makes_sense(uint64_t head, uint64_t left)
{
    uint64_t size = head & ~CHUNK_FLAGS;
    return size >= CHUNK_HEADER_BYTES && size % CHUNK_ALIGNMENT == 0 && size <= left && !(head & CHUNK_MAPPED);
}

/* What a used chunk begins with, if the window has it. */
static bool add_first_word(struct glibc_walk *walk, uint64_t chunk, uint64_t size)
{
    uint64_t place = chunk + CHUNK_HEADER_BYTES, word;
    if (place < walk->window_start || place + sizeof(word) > walk->window_start + walk->window_size)
        return false;
    memcpy(&word, walk->window + (place - walk->window_start), sizeof(word));
    first_words_add(walk->words, le64toh(word), size);
    return true;
}

/* The same where the window may have to move: back, as the head of the next chunk has been read already. */
static struct error *fetch_first_word(struct glibc_walk *walk, uint64_t chunk, uint64_t size)
{
    uint64_t word;
    if (!walk->words || add_first_word(walk, chunk, size))
        return NULL;
    struct error *error = memory_read_u64(walk->memory, chunk + CHUNK_HEADER_BYTES, &word);
    if (!error)
        first_words_add(walk->words, word, size);
    if (error && error->kind != ERROR_FAULT)
        return error;
    error_destroy(error);
    return NULL;
}

/* As far as the window reaches, which the heads of nearly all chunks of a heap of small ones do. False when memory is
 * out. */
static bool walk_window(struct glibc_walk *walk, struct state *state, uint64_t top, uint64_t limit)
{
    uint64_t end = walk->window_start + walk->window_size;
    while (state->chunk != top && makes_sense(state->head, limit - state->chunk)) {
        uint64_t size = state->head & ~CHUNK_FLAGS, next = state->chunk + size, next_head;
        if (next + CHUNK_HEADER_BYTES > end || next < walk->window_start)
            return true;
        memcpy(&next_head, walk->window + (next + CHUNK_SIZE_OFFSET - walk->window_start), sizeof(next_head));
        bool is_used = le64toh(next_head) & CHUNK_PREVIOUS_IN_USE;
        if (!add_chunk(walk, state, size, is_used))
            return false;
        if (is_used && walk->words)
            add_first_word(walk, state->chunk, size);
        state->chunk = next;
        state->head = le64toh(next_head);
    }
    return true;
}

/* Whether a chunk is used is told by a flag of the next one, which is read before it is counted. */
struct error *glibc_walk_chunks(struct glibc_walk *walk, uint64_t start, uint64_t top, uint64_t limit,
                                struct malloc_class *classes, struct glibc_walk_result *ret_result)
{
    struct state state = {.chunk = start, .classes = classes};
    uint64_t next_head;
    bool good;
    if (!walk->window && !(walk->window = malloc(GLIBC_WALK_WINDOW)))
        return error_no_memory();
    walk->window_size = 0;
    struct error *error = read_head(walk, start, limit, &state.head, &good);
    while (!error && good) {
        if (!walk_window(walk, &state, top, limit))
            return error_no_memory();
        uint64_t size = state.head & ~CHUNK_FLAGS;
        if (state.chunk == top || size == 0) {
            state.result.reached_end = state.chunk == top || top < start || top >= limit;
            break;
        }
        good = makes_sense(state.head, limit - state.chunk);
        if (good)
            error = read_head(walk, state.chunk + size, limit, &next_head, &good);
        if (error || !good)
            break;
        if (!add_chunk(walk, &state, size, next_head & CHUNK_PREVIOUS_IN_USE))
            return error_no_memory();
        if (next_head & CHUNK_PREVIOUS_IN_USE)
            error = fetch_first_word(walk, state.chunk, size);
        state.chunk += size;
        state.head = next_head;
    }
    for (size_t i = 0; i < SMALL_SIZES; i++) {
        add(&state, i * CHUNK_ALIGNMENT, state.small_used[i], true);
        add(&state, i * CHUNK_ALIGNMENT, state.small_free[i], false);
    }
    state.result.end = state.chunk;
    *ret_result = state.result;
    return error;
}
