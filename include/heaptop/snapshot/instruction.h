/* One machine instruction as people read it. */
#ifndef HEAPTOP_SNAPSHOT_INSTRUCTION_H
#define HEAPTOP_SNAPSHOT_INSTRUCTION_H

#include <stdint.h>

struct instruction {
    uint64_t address;       /* Link-time, of its first byte. */
    uint32_t size;          /* Bytes. */
    const char *text;       /* "mov rax, [rsp+0x18]"; escaped. */
};

#endif
