/* The runtime's Ps: the list allp, read once a sample for all who look into each P. */
#ifndef HEAPTOP_ATTACH_GO_PROCS_H
#define HEAPTOP_ATTACH_GO_PROCS_H

#include "attach/go/process.h"
#include "heaptop/base/vector.h"

/* GOMAXPROCS is as many at most; more is not believed. */
#define PROCS_MAX 4096u

struct procs {
    VECTOR(remote_address) addresses;   /* None where allp is not readable. */
    VECTOR(uint8_t) bytes;              /* Scratch. */
    VECTOR(struct memory_request) requests;
};

void procs_deinit(struct procs *procs);

/* Reads allp anew. */
struct error *procs_read(struct procs *procs, const struct go_process *process);

/* Reads `size` bytes at the same place of every P, one after another, into *ret_bytes, which is valid until the next
 * call. *ret_ok: all were readable. */
struct error *procs_read_field(struct procs *procs, const struct go_process *process, size_t offset, size_t size,
                               const uint8_t **ret_bytes, bool *ret_ok);

#endif
