/* What heaptop and its BPF program (allocations.bpf.c) share: the sort of a call, and what a sample looks like.
 * Included by both, so of plain integers only. */
#ifndef ATTACH_PROBE_ALLOCATION_SHARED_H
#define ATTACH_PROBE_ALLOCATION_SHARED_H

#include <linux/types.h>

/* What of a function's arguments is what; the System V ABI for AMD64 says where they are. */
enum allocation_call {
    ALLOCATION_CALL_MALLOC,         /* (size) */
    ALLOCATION_CALL_CALLOC,         /* (count, size) */
    ALLOCATION_CALL_REALLOC,        /* (old, size) */
    ALLOCATION_CALL_ALIGNED,        /* (alignment, size) */
    ALLOCATION_CALL_POSIX_MEMALIGN, /* (address of the result, alignment, size) */
    ALLOCATION_CALL_FREE,           /* (old) */
    ALLOCATION_CALL_MMAP,           /* (hint, size, protection, flags, ...) */
    ALLOCATION_CALL_MREMAP,         /* (old, old size, size, ...) */
    ALLOCATION_CALL_MUNMAP,         /* (old, size) */
    ALLOCATION_CALL_BRK,            /* (end) */
    ALLOCATION_CALL_SBRK,           /* (difference) */
};

/* The cookie of a probe: its enum allocation_call, and these. */
#define ALLOCATION_CALL_MASK 0xffu
#define ALLOCATION_NOT_FROM_ALLOCATOR 0x100u    /* Calls from the allocator's own code are part of another one. */
#define ALLOCATION_NOT_FROM_LIBC 0x200u         /* From the C library's as well. */
#define ALLOCATION_NOTHING_IS_MALLOC 0x400u     /* realloc(NULL, size) calls malloc, where it is seen. */
#define ALLOCATION_STEPPED 0x800u               /* The kernel steps the probed instruction instead of emulating it. */

/* Of a stack as much is copied at most. */
#define ALLOCATION_PAGE 4096u
#define ALLOCATION_STACK_BYTES (4 * ALLOCATION_PAGE)
/* Sampled blocks that are told apart; more are lost, and it is said so. */
#define ALLOCATION_MAX_LIVE 65536u
/* Distances to the next sample that are drawn from: a power of two. */
#define ALLOCATION_DISTANCES 4096u

enum allocation_record { ALLOCATION_RECORD_SAMPLE, ALLOCATION_RECORD_RANGE };

/* In the ring: memory that was given back to the kernel otherwise than a block was had, with all blocks that begin
 * in it. */
struct allocation_range {
    __u32 record;                   /* ALLOCATION_RECORD_RANGE */
    __u32 unused;
    __u64 start, end;
};

/* In the ring: a sampled allocation as it returns to its caller. */
struct allocation_sample {
    __u32 record;                   /* ALLOCATION_RECORD_SAMPLE */
    __u32 call;                     /* enum allocation_call */
    __u64 serial, address, size;
    __u64 rbx, rbp, rsp, r12, r13, r14, r15, rip;   /* As they are when it has returned. */
    __u32 stack_bytes, unused;
    __u8 stack[ALLOCATION_STACK_BYTES];             /* From rsp on. */
};

/* What each processor counts for itself. */
struct allocation_counts {
    __u64 calls[2];                 /* Of probed instructions that are emulated, and of those that are stepped. */
    __u64 samples, lost;
    __u64 countdown;                /* Bytes to the next sample. */
    __u64 serial;
    __u64 is_started;
};

#endif
