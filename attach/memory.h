/* Reading the target's memory: one interface; a live process, and a fake for tests, behind it. */
#ifndef HEAPTOP_ATTACH_MEMORY_H
#define HEAPTOP_ATTACH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/error.h"

/* An address in the target. An integer, so that dereferencing one does not compile. */
typedef uint64_t remote_address;

struct memory_request {
    remote_address address;
    void *buffer;
    size_t size;
    bool failed;            /* Out: not all of it could be read; the buffer's contents are then zeroed. */
};

struct memory;

struct memory_ops {
    /* Serves all requests, setting `failed` one by one. An error only when nothing more can ever be read (the target
     * is gone, permission lost). */
    struct error *(*read_batch)(struct memory *memory, struct memory_request *requests, size_t count);
    void (*destroy)(struct memory *memory);
};

struct memory {
    const struct memory_ops *ops;
    uint64_t bytes_read, read_calls;    /* Totals, for the cost line. */
};

/* process_vm_readv, up to 1,024 ranges a call; where a range faults, reading goes on behind it, so that its
 * neighbours are not lost. */
struct error *memory_create_live(pid_t pid, struct memory **ret_memory);

/* For tests: segments are added by copy, over what is already there; anything else faults. Reads across adjacent
 * segments work. */
struct error *memory_create_fake(struct memory **ret_memory);
struct error *memory_fake_add(struct memory *memory, remote_address address, const void *bytes, size_t size);

void memory_destroy(struct memory *memory);     /* Accepts NULL. */

struct error *memory_read_batch(struct memory *memory, struct memory_request *requests, size_t count);

/* One range, whole, or ERROR_FAULT with the address. */
struct error *memory_read(struct memory *memory, remote_address address, void *buffer, size_t size);
struct error *memory_read_u8(struct memory *memory, remote_address address, uint8_t *ret_value);
struct error *memory_read_u32(struct memory *memory, remote_address address, uint32_t *ret_value);
struct error *memory_read_u64(struct memory *memory, remote_address address, uint64_t *ret_value);

#endif
