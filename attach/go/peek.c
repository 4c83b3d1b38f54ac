#include "attach/go/peek.h"

#include <string.h>

bool peek_bytes(struct peek *peek, remote_address address, void *buffer, size_t size)
{
    if (!peek->error) {
        struct memory_request request = {.address = address, .buffer = buffer, .size = size};
        peek->error = memory_read_batch(peek->memory, &request, 1);
        if (!peek->error && !request.failed)
            return true;
    }
    memset(buffer, 0, size);
    peek->failed = true;
    return false;
}

uint64_t peek_u64(struct peek *peek, remote_address address)
{
    uint64_t value;
    peek_bytes(peek, address, &value, sizeof value);
    return value;
}

uint32_t peek_u32(struct peek *peek, remote_address address)
{
    uint32_t value;
    peek_bytes(peek, address, &value, sizeof value);
    return value;
}

uint8_t peek_u8(struct peek *peek, remote_address address)
{
    uint8_t value;
    peek_bytes(peek, address, &value, sizeof value);
    return value;
}
