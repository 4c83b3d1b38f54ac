/* A bounds-checked reader of untrusted bytes. A read past the end gives 0 and sets `failed`, which stays set, as do the
 * zeros: read a whole record and test once. A failed read does not move. Little-endian, as all our targets are. */
#ifndef HEAPTOP_BASE_CURSOR_H
#define HEAPTOP_BASE_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *data;
    size_t size;
    size_t offset;
    bool failed;
};

static inline struct cursor cursor_over(const void *data, size_t size)
{
    return (struct cursor){.data = (const uint8_t *)data, .size = size};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return cursor->size - cursor->offset;
}

/* Moves to an absolute offset; one past the end is allowed. */
void cursor_seek(struct cursor *cursor, size_t offset);
void cursor_skip(struct cursor *cursor, size_t count);
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
/* An unsigned integer of 1, 2, 4 or 8 bytes; any other size fails. */
uint64_t cursor_uint(struct cursor *cursor, size_t size);
/* LEB128, as DWARF and Go's buildinfo and pclntab write it; more than 10 bytes fails. */
uint64_t cursor_uvarint(struct cursor *cursor);
/* Signed LEB128. */
int64_t cursor_varint(struct cursor *cursor);
/* `count` bytes in place, or NULL. */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t count);
/* The NUL-terminated string here, without a copy, or NULL when no NUL follows within `limit` bytes. */
const char *cursor_string(struct cursor *cursor, size_t limit);

/* The same at an offset, without a cursor's state: false (and *ret untouched) when out of bounds. */
static inline bool bytes_u64_at(const void *data, size_t size, size_t offset, uint64_t *ret)
{
    if (size < 8 || offset > size - 8)
        return false;
    memcpy(ret, (const uint8_t *)data + offset, 8);
    *ret = le64toh(*ret);
    return true;
}

static inline bool bytes_u32_at(const void *data, size_t size, size_t offset, uint32_t *ret)
{
    if (size < 4 || offset > size - 4)
        return false;
    memcpy(ret, (const uint8_t *)data + offset, 4);
    *ret = le32toh(*ret);
    return true;
}

#endif
