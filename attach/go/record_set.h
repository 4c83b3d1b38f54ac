/* Records of one size at many scattered addresses of the target, read again and again: in few, large ranges, without
 * an allocation a record. */
#ifndef HEAPTOP_ATTACH_GO_RECORD_SET_H
#define HEAPTOP_ATTACH_GO_RECORD_SET_H

#include "attach/memory.h"
#include "heaptop/base/vector.h"

struct record_range {
    remote_address address;
    uint32_t size, first, count;    /* Of the records order[first] to order[first + count - 1]. */
};

struct record_set {
    struct memory *memory;                      /* Borrowed. */
    size_t record_size;                         /* At most RECORD_SET_MAX_RECORD_BYTES. */
    VECTOR(remote_address) addresses;           /* By the records' index, which is the order they were added in. */
    /* Indices by rising address; shorter than addresses while new ones are not planned yet. */
    VECTOR(uint32_t) order;
    VECTOR(uint32_t) merged;                    /* Scratch. */
    VECTOR(struct record_range) ranges;
    VECTOR(struct memory_request) requests;
    uint8_t *window;
};

#define RECORD_SET_MAX_RECORD_BYTES 4096u

struct error *record_set_init(struct record_set *set, struct memory *memory, size_t record_size);
void record_set_deinit(struct record_set *set);     /* Accepts one that is all zeros. */

/* Forgets all records and keeps the storage. */
void record_set_clear(struct record_set *set);

/* The new record's index is the count before. ERROR_NO_MEMORY. */
struct error *record_set_add(struct record_set *set, remote_address address);

/* Called with each record's bytes (record_size of them), or NULL where they are not readable. */
typedef void record_visitor(void *context, size_t index, const uint8_t *bytes);

/* Reads all records once, by rising address. Errors: ERROR_NO_MEMORY, or when nothing more can ever be read. */
struct error *record_set_read(struct record_set *set, record_visitor *visit, void *context);

#endif
