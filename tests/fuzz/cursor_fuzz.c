/* Any sequence of reads stays inside the bytes. The first byte tells how many bytes of orders follow; the rest is
 * read. */
#include <stdint.h>
#include <stdlib.h>

#include "heaptop/base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t touched;

/* Reads what the cursor says is there, for the address sanitizer to judge. */
static void touch(const void *bytes, size_t count)
{
    for (size_t i = 0; bytes && i < count; i++)
        touched ^= ((const uint8_t *)bytes)[i];
}

static void follow(struct cursor *cursor, uint8_t order, size_t operand)
{
    switch (order % 8) {
    case 0:
        cursor_uint(cursor, operand);
        break;
    case 1:
        cursor_uvarint(cursor);
        break;
    case 2:
        touch(cursor_bytes(cursor, operand), operand);
        break;
    case 3: {
        size_t before = cursor->offset;
        const char *string = cursor_string(cursor, operand);
        touch(string, string ? cursor->offset - before : 0);
        break;
    }
    case 4:
        cursor_seek(cursor, operand);
        break;
    case 5:
        cursor_skip(cursor, operand);
        break;
    case 6:
        cursor_skip(cursor, SIZE_MAX - operand);
        break;
    default: {
        uint64_t wide;
        uint32_t narrow;
        if (bytes_u64_at(cursor->data, cursor->size, operand, &wide) &&
            !bytes_u32_at(cursor->data, cursor->size, operand, &narrow))
            abort();
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t orders = data[0] < size - 1 ? data[0] : size - 1;
    struct cursor cursor = cursor_over(data + 1 + orders, size - 1 - orders);
    for (size_t i = 0; i + 1 < orders; i += 2) {
        bool had_failed = cursor.failed;
        size_t before = cursor.offset;
        follow(&cursor, data[1 + i], data[2 + i]);
        if (cursor.offset > cursor.size || (had_failed && !cursor.failed))
            abort();
        if (cursor.failed && cursor.offset != before)
            abort();
    }
    return 0;
}
