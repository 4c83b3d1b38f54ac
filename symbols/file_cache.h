/* Bytes of a file through a small cache of blocks, filled by pread: scattered small reads (a name here, a line table
 * there) cost one system call per block, and heaptop's own memory stays bounded whatever the file's size. Not for use
 * by several threads at once. */
#ifndef HEAPTOP_SYMBOLS_FILE_CACHE_H
#define HEAPTOP_SYMBOLS_FILE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

/* Small blocks: function tables are read at scattered places, and copying more than is looked at costs more than the
 * calls. 2 MiB in all, of which only the blocks in use are touched. */
#define FILE_CACHE_BLOCK ((size_t)4 << 10)
#define FILE_CACHE_WAYS 8
#define FILE_CACHE_SETS 64

/* Reads longer than this go straight to the caller's buffer. */
#define FILE_CACHE_DIRECT ((size_t)32 << 10)

/* The window in which a whole table is passed through. */
#define FILE_STREAM_WINDOW ((size_t)256 << 10)

struct file_cache_slot {
    uint64_t block;     /* Number of the block held, plus 1; 0: none. */
    uint64_t last_use;
    size_t length;      /* Bytes held: less than a block at the file's end. */
};

struct file_cache {
    int descriptor;     /* Owned; -1 when there is none. */
    uint64_t size;      /* Of the file, when it was opened. */
    uint64_t clock;
    uint8_t *blocks;    /* Made with the first cached read. */
    struct file_cache_slot slots[FILE_CACHE_SETS][FILE_CACHE_WAYS];
};

/* Takes ownership of the descriptor, also on failure. */
struct error *file_cache_init(struct file_cache *cache, int descriptor);
void file_cache_deinit(struct file_cache *cache);

/* ERROR_BAD_DATA when the file does not reach so far (any more). */
struct error *file_cache_read(struct file_cache *cache, uint64_t offset, void *buffer, size_t size);

/* The bytes at an offset as far as their block goes (at least one), in place: valid until the next call. */
struct error *file_cache_peek(struct file_cache *cache, uint64_t offset, const uint8_t **ret_bytes, size_t *ret_count);

#endif
