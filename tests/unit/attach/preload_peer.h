/* The other end of a preload channel, as the preloaded library has it, for tests that write there what it would, or
 * never would. */
#ifndef TESTS_UNIT_ATTACH_PRELOAD_PEER_H
#define TESTS_UNIT_ATTACH_PRELOAD_PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "attach/probe/preload_channel.h"

struct preload_peer {
    struct preload_header *header;
    struct preload_slot *slots;
    uint8_t *ring;          /* Mapped once. */
    size_t size;
};

/* From what preload_enter leaves in the environment. */
static inline bool preload_peer_open(struct preload *preload, struct preload_peer *ret_peer)
{
    int descriptor;
    struct stat status;
    unsetenv("LD_PRELOAD");
    if (!preload_enter(preload) || sscanf(getenv(PRELOAD_VARIABLE), "%d:", &descriptor) != 1 ||
        fstat(descriptor, &status) != 0)
        return false;
    uint8_t *start = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (start == MAP_FAILED)
        return false;
    struct preload_header *header = (struct preload_header *)start;
    *ret_peer = (struct preload_peer){
        .header = header,
        .slots = (struct preload_slot *)(start + PRELOAD_HEADER_BYTES),
        .ring = start + PRELOAD_HEADER_BYTES + header->slot_count * sizeof(struct preload_slot),
        .size = (size_t)status.st_size,
    };
    return true;
}

static inline void preload_peer_close(struct preload_peer *peer)
{
    munmap(peer->header, peer->size);
}

/* Bytes at a position, around the end of the ring. */
static inline void preload_peer_write(struct preload_peer *peer, uint64_t position, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        peer->ring[(position + i) % peer->header->ring_bytes] = ((const uint8_t *)bytes)[i];
}

#endif
