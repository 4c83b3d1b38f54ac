/* What heaptop and the library that it preloads into a command (preload/) share: a file in memory, made by heaptop,
 * mapped by both. The library writes sampled allocations into a ring; which of them are still allocated is told by a
 * table of slots. Either side may end at any moment: nobody waits for the other. heaptop trusts nothing that it
 * finds in here. */
#ifndef HEAPTOP_PRELOAD_H
#define HEAPTOP_PRELOAD_H

#include <stdatomic.h>
#include <stdint.h>

/* Of the environment of the command: "DESCRIPTOR:TOKEN", the file's descriptor, which the command inherits, and the
 * header's token in hexadecimal, so that no other file is ever taken for it. */
#define PRELOAD_VARIABLE "HEAPTOP_PRELOAD"
#define PRELOAD_LIBRARY "libheaptop-preload.so"

#define PRELOAD_MAGIC UINT64_C(0x6c706f7470616568)     /* "heaptopl" */
#define PRELOAD_VERSION 1u
/* The header's place in the file; slots follow, then the ring. */
#define PRELOAD_HEADER_BYTES 4096u
/* A sampled block is in one of so many slots, from the one that its address hashes to. */
#define PRELOAD_WINDOW 16u
#define PRELOAD_ALIGNMENT 16u
/* More of a stack is never copied. */
#define PRELOAD_STACK_MAX 32768u

/* Of a sample, as DWARF numbers them (System V ABI for AMD64, figure 3.36). */
#define PRELOAD_REGISTERS 17u
/* Those that a sample knows: rbx, rbp, rsp, r12 to r15, rip. */
#define PRELOAD_KNOWN_REGISTERS (1u << 3 | 1u << 6 | 1u << 7 | 0xfu << 12 | 1u << 16)

enum preload_state {
    PRELOAD_NOT_LOADED,         /* No library has come to this file yet. */
    PRELOAD_AT_WORK,
    PRELOAD_FAILED,             /* See `failure`: an errno. */
};

/* Of the numbers that are not atomic, those of heaptop are set before the command starts. */
struct preload_header {
    uint64_t magic;
    uint32_t version;
    uint32_t slot_count;        /* A power of two. */
    uint32_t ring_bytes;        /* A power of two, of whole pages. */
    uint32_t stack_bytes;       /* At most so much of a stack is copied: PRELOAD_STACK_MAX or less. */
    uint64_t rate;              /* Mean bytes from one sample to the next; at least 1. */
    uint64_t token;
    _Atomic int32_t process;    /* The process that is sampled; children that inherit the file are not it. */

    /* By the library. */
    _Atomic uint32_t state;     /* enum preload_state */
    _Atomic int32_t failure;
    _Atomic uint32_t program;   /* Counts the programs (exec) that the library was loaded into. */
    _Atomic uint64_t program_start;         /* Where the samples of the last of them begin in the ring. */
    _Atomic uint64_t code_start, code_end;  /* The library's own code: run-time addresses. */
    _Atomic uint64_t serial;    /* Samples taken: 1 is the first. */
    _Atomic uint64_t dropped;   /* Samples that found the ring full, or no slot. */
    _Atomic uint64_t dropped_bytes;         /* What these stand for. */

    /* Bytes written to the ring, and read from it, since the beginning: positions that only rise. */
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;     /* heaptop's. */
};
_Static_assert(sizeof(struct preload_header) <= PRELOAD_HEADER_BYTES, "the header has its page");

/* A block that was sampled and is still allocated. While realloc is at it, the lowest bit of the address is set. */
struct preload_slot {
    _Atomic uint64_t address;   /* 0: free. */
    _Atomic uint64_t serial;
};

/* In the ring, followed by the copy of the stack, from rsp on; its length is a multiple of PRELOAD_ALIGNMENT. */
struct preload_sample {
    _Atomic uint64_t whole;     /* Its position + 1 once it is. */
    uint32_t length;            /* With the stack. */
    uint32_t stack_bytes;
    uint64_t serial, address, size;     /* size: as asked for. */
    uint64_t slot;
    uint64_t registers[PRELOAD_REGISTERS];
    uint64_t unused;
};
_Static_assert(sizeof(struct preload_sample) % PRELOAD_ALIGNMENT == 0, "samples stay aligned");

/* Where the slots of an address begin. */
static inline uint32_t preload_hash(uint64_t address, unsigned bits)
{
    return (uint32_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

#endif
