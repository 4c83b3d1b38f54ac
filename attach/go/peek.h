/* Reads a value at a time from a target that may hold anything: what cannot be read is 0 and sets `failed`, as with a
 * cursor. A target that is gone sets `error`, which ends every further read. */
#ifndef HEAPTOP_ATTACH_GO_PEEK_H
#define HEAPTOP_ATTACH_GO_PEEK_H

#include <stdbool.h>

#include "attach/memory.h"

struct peek {
    struct memory *memory;      /* Borrowed. */
    bool failed;                /* Some read met memory that is not there; stays set. */
    struct error *error;        /* Owned by whoever made the peek: why nothing more can be read, or NULL. */
};

/* False (and the buffer zeroed) when not all of it could be read. */
bool peek_bytes(struct peek *peek, remote_address address, void *buffer, size_t size);
uint64_t peek_u64(struct peek *peek, remote_address address);
uint32_t peek_u32(struct peek *peek, remote_address address);
uint8_t peek_u8(struct peek *peek, remote_address address);

#endif
