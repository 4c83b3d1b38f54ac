/* heaptop's end of what it shares with the library that is preloaded into a command (heaptop/preload.h). All that the
 * command can write to is checked before it is believed. */
#ifndef ATTACH_PROBE_PRELOAD_CHANNEL_H
#define ATTACH_PROBE_PRELOAD_CHANNEL_H

#include "heaptop/attach.h"
#include "heaptop/preload.h"

/* A sampled allocation. */
struct preload_event {
    uint64_t serial, address, size;
    uint32_t slot;
    uint64_t registers[PRELOAD_REGISTERS];
    const uint8_t *stack;           /* From rsp on; holds until the next event is taken. */
    uint32_t stack_bytes;
};

struct preload_channel_state {
    enum preload_state state;
    int failure;                    /* An errno, of PRELOAD_FAILED. */
    uint32_t program;               /* How many programs the library has been loaded into so far. */
    uint64_t code_start, code_end;  /* Of the library in the last one. */
    uint64_t dropped, dropped_bytes;
};

void preload_read_state(const struct preload *preload, struct preload_channel_state *ret_state);

/* The next sample, copied; false when there is none yet. Samples of programs before this one are passed over. */
bool preload_next(struct preload *preload, struct preload_event *ret_event);

/* Whether the block of a sample is still allocated. */
bool preload_is_live(const struct preload *preload, uint32_t slot, uint64_t serial, uint64_t address);

uint64_t preload_rate(const struct preload *preload);

#endif
