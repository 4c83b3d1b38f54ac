#include "symbols/file_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct error *file_cache_init(struct file_cache *cache, int descriptor)
{
    *cache = (struct file_cache){.descriptor = descriptor};
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return error_from_errno(errno, "cannot look at the file");
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_BAD_DATA, "not a regular file");
    cache->size = (uint64_t)status.st_size;
    return NULL;
}

void file_cache_deinit(struct file_cache *cache)
{
    if (cache->descriptor >= 0)
        close(cache->descriptor);
    free(cache->blocks);
    *cache = (struct file_cache){.descriptor = -1};
}

/* Up to `size` bytes; fewer only at the file's end. */
static struct error *read_fully(int descriptor, uint64_t offset, uint8_t *buffer, size_t size, size_t *ret_length)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = pread(descriptor, buffer + length, size - length, (off_t)(offset + length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_from_errno(errno, "cannot read at offset %#llx", (unsigned long long)offset);
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *ret_length = length;
    return NULL;
}

static struct error *cut_short(uint64_t offset)
{
    return error_create(ERROR_BAD_DATA, "the file ends before offset %#llx", (unsigned long long)offset);
}

/* The slot that holds a block, read if need be over the one of its set that was not used for longest. */
static struct error *load_block(struct file_cache *cache, uint64_t block, struct file_cache_slot **ret_slot,
                                uint8_t **ret_bytes)
{
    size_t set = block % FILE_CACHE_SETS;
    struct file_cache_slot *slots = cache->slots[set], *oldest = &slots[0];
    struct file_cache_slot *found = NULL;
    for (size_t way = 0; way < FILE_CACHE_WAYS && !found; way++) {
        if (slots[way].block == block + 1)
            found = &slots[way];
        else if (slots[way].last_use < oldest->last_use)
            oldest = &slots[way];
    }
    struct file_cache_slot *slot = found ? found : oldest;
    if (!cache->blocks) {
        cache->blocks = malloc(FILE_CACHE_BLOCK * FILE_CACHE_WAYS * FILE_CACHE_SETS);
        if (!cache->blocks)
            return error_no_memory();
    }
    uint8_t *bytes = cache->blocks + (set * FILE_CACHE_WAYS + (size_t)(slot - slots)) * FILE_CACHE_BLOCK;
    if (!found) {
        size_t length;
        slot->block = 0;
        struct error *error = read_fully(cache->descriptor, block * FILE_CACHE_BLOCK, bytes, FILE_CACHE_BLOCK, &length);
        if (error)
            return error;
        slot->block = block + 1;
        slot->length = length;
    }
    slot->last_use = ++cache->clock;
    *ret_slot = slot;
    *ret_bytes = bytes;
    return NULL;
}

struct error *file_cache_peek(struct file_cache *cache, uint64_t offset, const uint8_t **ret_bytes, size_t *ret_count)
{
    if (offset >= cache->size)
        return cut_short(offset);
    struct file_cache_slot *slot = NULL;
    uint8_t *bytes = NULL;
    struct error *error = load_block(cache, offset / FILE_CACHE_BLOCK, &slot, &bytes);
    if (error)
        return error;
    size_t within = offset % FILE_CACHE_BLOCK;
    /* The file may have shrunk since it was opened. */
    if (within >= slot->length)
        return cut_short(offset);
    *ret_bytes = bytes + within;
    *ret_count = slot->length - within;
    return NULL;
}

struct error *file_cache_read(struct file_cache *cache, uint64_t offset, void *buffer, size_t size)
{
    if (size > cache->size || offset > cache->size - size)
        return cut_short(offset > cache->size ? offset : cache->size + 1);
    uint8_t *out = buffer;
    if (size > FILE_CACHE_DIRECT) {
        size_t length;
        struct error *error = read_fully(cache->descriptor, offset, out, size, &length);
        if (!error && length < size)
            error = cut_short(offset + size);
        return error;
    }
    while (size > 0) {
        const uint8_t *bytes;
        size_t count;
        struct error *error = file_cache_peek(cache, offset, &bytes, &count);
        if (error)
            return error;
        if (count > size)
            count = size;
        memcpy(out, bytes, count);
        out += count;
        offset += count;
        size -= count;
    }
    return NULL;
}
