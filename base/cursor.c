#include "heaptop/base/cursor.h"

#include <endian.h>
#include <string.h>

/* 64 bits in groups of 7. */
#define LONGEST_VARINT 10

/* The next `count` bytes, passed over; NULL (and failed) when there are not as many, or an earlier read failed. */
static const uint8_t *take(struct cursor *cursor, size_t count)
{
    if (cursor->failed || count > cursor_left(cursor)) {
        cursor->failed = true;
        return NULL;
    }
    /* No arithmetic on the NULL of an empty cursor. */
    const uint8_t *bytes = cursor->data ? cursor->data + cursor->offset : NULL;
    cursor->offset += count;
    return bytes;
}

/* At most 8 bytes; neither alignment nor the host's order matters. Inlined, so that for a known size it is one load. */
static inline __attribute__((always_inline)) uint64_t little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, bytes, size);
    return le64toh(value);
}

void cursor_seek(struct cursor *cursor, size_t offset)
{
    if (cursor->failed || offset > cursor->size)
        cursor->failed = true;
    else
        cursor->offset = offset;
}

void cursor_skip(struct cursor *cursor, size_t count)
{
    take(cursor, count);
}

uint8_t cursor_u8(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 1);
    return bytes ? bytes[0] : 0;
}

uint16_t cursor_u16(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 2);
    return bytes ? (uint16_t)little_endian(bytes, 2) : 0;
}

uint32_t cursor_u32(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 4);
    return bytes ? (uint32_t)little_endian(bytes, 4) : 0;
}

uint64_t cursor_u64(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 8);
    return bytes ? little_endian(bytes, 8) : 0;
}

uint64_t cursor_uint(struct cursor *cursor, size_t size)
{
    switch (size) {
    case 1:
        return cursor_u8(cursor);
    case 2:
        return cursor_u16(cursor);
    case 4:
        return cursor_u32(cursor);
    case 8:
        return cursor_u64(cursor);
    default:
        cursor->failed = true;
        return 0;
    }
}

uint64_t cursor_uvarint(struct cursor *cursor)
{
    if (cursor->failed)
        return 0;
    size_t left = cursor_left(cursor);
    uint64_t value = 0;
    for (size_t i = 0; i < left && i < LONGEST_VARINT; i++) {
        uint8_t byte = cursor->data[cursor->offset + i];
        /* The last group has room for one bit only. */
        if (i == LONGEST_VARINT - 1 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            cursor->offset += i + 1;
            return value;
        }
    }
    cursor->failed = true;
    return 0;
}

int64_t cursor_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < LONGEST_VARINT; i++) {
        uint8_t byte = cursor_u8(cursor);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (cursor->failed)
            return 0;
        if (byte & 0x80)
            continue;
        /* The sign is the highest bit that was written. */
        if ((byte & 0x40) && 7 * (i + 1) < 64)
            value |= UINT64_MAX << (7 * (i + 1));
        return (int64_t)value;
    }
    cursor->failed = true;
    return 0;
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t count)
{
    return take(cursor, count);
}

const char *cursor_string(struct cursor *cursor, size_t limit)
{
    size_t left = cursor_left(cursor);
    size_t searched = left < limit ? left : limit;
    if (cursor->failed || searched == 0) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *start = cursor->data + cursor->offset;
    const uint8_t *end = memchr(start, 0, searched);
    if (!end) {
        cursor->failed = true;
        return NULL;
    }
    cursor->offset += (size_t)(end - start) + 1;
    return (const char *)start;
}
