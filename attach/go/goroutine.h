/* What one g says: the goroutine's status, where its stack is, where it came from. */
#ifndef HEAPTOP_ATTACH_GO_GOROUTINE_H
#define HEAPTOP_ATTACH_GO_GOROUTINE_H

#include "attach/go/copied_struct.h"
#include "heaptop/snapshot/catalog.h"

/* runtime/runtime2.go, Go 1.19-1.27: the values of g.atomicstatus; the scan bit may be added to each. */
enum goroutine_status {
    GOROUTINE_IDLE,
    GOROUTINE_RUNNABLE,
    GOROUTINE_RUNNING,
    GOROUTINE_SYSCALL,
    GOROUTINE_WAITING,
    GOROUTINE_MORIBUND,
    GOROUTINE_DEAD,
    GOROUTINE_ENQUEUE,
    GOROUTINE_COPYSTACK,
    GOROUTINE_PREEMPTED,
    GOROUTINE_LEAKED,
    GOROUTINE_DEADEXTRA,
    GOROUTINE_STATUS_COUNT
};

/* In no group of the sample. */
#define NO_GROUP UINT32_MAX

/* 104 bytes: there can be millions. */
struct goroutine {
    uint64_t goid, parent;      /* Of the one whose go statement made it; 0 when it has none, or not known. */
    uint64_t pc, sp;            /* Where it goes on; of a goroutine in a system call, where it was entered. */
    uint64_t stack_high;        /* g.stack.hi. */
    /* 0 until a GC has seen the goroutine wait (runtime/mgcmark.go); set back when it runs. */
    uint64_t wait_since;
    uint64_t created_by, start; /* g.gopc, g.startpc. */
    uint64_t waiting;           /* g.waiting: the sudog that it waits with, 0 when there is none. */
    uint64_t labels;            /* g.labels: where its pprof labels are, 0 when it has none. */
    stack_id stack;
    string_id label_text;       /* What was last read of its labels. */
    uint32_t group;             /* Of the sample: index of its group, or NO_GROUP. */
    uint8_t status;             /* Without the scan bit; GOROUTINE_STATUS_COUNT if it is no goroutine's. */
    uint8_t wait_reason;
    bool in_syscall;            /* pc and sp are g.syscallpc and g.syscallsp. */
    bool stack_read, stack_cut; /* `stack` is what was last read for it; not all of it. */
    bool labels_read;
};

/* The bytes of a g that goroutine_decode needs; false when the layout is not known. */
bool goroutine_range(const struct go_layout *layout, size_t *ret_start, size_t *ret_size);

/* The stack and the text of labels are none. */
struct goroutine goroutine_decode(const struct copied_struct *copied);
/* Only what goroutine_same_place compares; all else is 0. */
struct goroutine goroutine_decode_place(const struct copied_struct *copied);

/* Whether both are one goroutine where it was before, as far as its g tells. */
bool goroutine_same_place(const struct goroutine *before, const struct goroutine *now);

#endif
