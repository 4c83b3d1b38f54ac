/* Ranges of different sizes at scattered addresses, read once: neighbours together. */
#ifndef HEAPTOP_ATTACH_GO_RANGE_BATCH_H
#define HEAPTOP_ATTACH_GO_RANGE_BATCH_H

#include "attach/memory.h"
#include "heaptop/base/vector.h"

struct range {
    remote_address address;
    uint32_t size;
    uint32_t request;           /* Out, for the batch's own use. */
    const uint8_t *bytes;       /* Out: NULL where not all of it is readable. Valid until the next read or clear. */
};

/* Zeroed, it is empty and ready. */
struct range_batch {
    VECTOR(struct range) ranges;        /* In the order they were added. */
    VECTOR(uint64_t) addresses;         /* Of these: what they are ordered by. */
    VECTOR(uint32_t) order, scratch;
    VECTOR(struct memory_request) requests;
    VECTOR(uint8_t) window;
};

/* A batch holds at most so many ranges, of at most so many bytes each. */
#define RANGE_BATCH_MAX_RANGES 128u
#define RANGE_BATCH_MAX_BYTES (1u << 20)

void range_batch_deinit(struct range_batch *batch);
void range_batch_clear(struct range_batch *batch);
/* ERROR_NO_MEMORY. The caller keeps to the bounds above. */
struct error *range_batch_add(struct range_batch *batch, remote_address address, size_t size);
/* Errors: ERROR_NO_MEMORY, or when nothing more can ever be read. */
struct error *range_batch_read(struct range_batch *batch, struct memory *memory);

#endif
