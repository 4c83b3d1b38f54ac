#include "export/protobuf.h"

/* Wire types (protobuf.dev, "Encoding"). */
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

#define MAX_VARINT_BYTES 10

static void append_varint(struct text *out, uint64_t value)
{
    uint8_t bytes[MAX_VARINT_BYTES];
    size_t length = 0;
    while (value >= 0x80) {
        bytes[length++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (uint8_t)value;
    text_append_bytes(out, bytes, length);
}

void protobuf_uint(struct text *out, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    append_varint(out, field << 3 | WIRE_VARINT);
    append_varint(out, value);
}

void protobuf_int(struct text *out, unsigned field, int64_t value)
{
    protobuf_uint(out, field, (uint64_t)value);
}

void protobuf_bytes(struct text *out, unsigned field, const void *bytes, size_t length)
{
    append_varint(out, field << 3 | WIRE_BYTES);
    append_varint(out, length);
    text_append_bytes(out, bytes, length);
}

void protobuf_message(struct text *out, unsigned field, struct text *message)
{
    protobuf_bytes(out, field, message->data ? message->data : "", message->length);
    out->failed |= message->failed;
    message->length = 0;
}

void protobuf_packed(struct text *out, uint64_t value)
{
    append_varint(out, value);
}
