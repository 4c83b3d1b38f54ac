/* What a program may write into the memory that it shares with heaptop. The input is written over the header's second
 * part, from `state` on, and into the ring, where the first byte says. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/attach/preload_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOME 64

static void take_some(struct preload *preload)
{
    struct preload_event event;
    for (int i = 0; i < SOME && preload_next(preload, &event); i++) {
        uint8_t sum = 0;
        for (uint32_t j = 0; j < event.stack_bytes; j++)
            sum ^= event.stack[j];
        /* Both that the stack can be read and that the slot is one. */
        preload_is_live(preload, event.slot, event.serial + sum, event.address);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct preload *preload;
    struct preload_peer peer;
    struct preload_channel_state state;
    const size_t first = offsetof(struct preload_header, state), header_size = sizeof(struct preload_header) - first;
    if (size < 1 + header_size || preload_create("/lib/none.so", UINT64_C(1) << 19, &preload))
        return 0;
    if (!preload_peer_open(preload, &peer))
        abort();
    memcpy((uint8_t *)peer.header + first, data + 1, header_size);
    preload_peer_write(&peer, data[0] % 16 * (uint64_t)PRELOAD_ALIGNMENT, data + 1 + header_size,
                       size - 1 - header_size);
    preload_read_state(preload, &state);
    take_some(preload);
    /* As if the program had gone on, from where heaptop is. */
    uint64_t tail = peer.header->tail, whole = tail + 1;
    preload_peer_write(&peer, tail, data + 1 + header_size, size - 1 - header_size);
    preload_peer_write(&peer, tail, &whole, sizeof(whole));
    peer.header->head = tail + sizeof(struct preload_sample) + data[0] * (uint64_t)PRELOAD_ALIGNMENT;
    take_some(preload);
    preload_peer_close(&peer);
    preload_destroy(preload);
    return 0;
}
