/* Goroutines of one sample: groups of those that are alike, and one by one. */
#ifndef HEAPTOP_SNAPSHOT_GOROUTINE_H
#define HEAPTOP_SNAPSHOT_GOROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/snapshot/catalog.h"

/* X(ID, name): what goroutines do or wait for, in the sorts that a person looks for. Names are those of JSON and
 * recordings. */
#define WAIT_KINDS(X) \
    X(UNKNOWN, "unknown")           /* A wait reason that this version of heaptop does not sort. */ \
    X(RUNNING, "running") \
    X(RUNNABLE, "runnable") \
    X(CHAN_SEND, "chan send") \
    X(CHAN_RECEIVE, "chan receive") \
    X(SELECT, "select") \
    X(LOCK, "lock")                 /* sync.Mutex, sync.RWMutex. */ \
    X(SEMAPHORE, "semaphore")       /* sync.WaitGroup, sync.Cond, runtime semaphores. */ \
    X(NETWORK, "network")           /* "IO wait": sockets, pipes, whatever the runtime polls. */ \
    X(SLEEP, "sleep")               /* time.Sleep, and timers. */ \
    X(SYSTEM_CALL, "system call")   /* And C code. */ \
    X(GC, "gc") \
    X(IDLE, "idle")                 /* Goroutines of the runtime that have nothing to do. */

enum wait_kind {
#define X(id, name) WAIT_##id,
    WAIT_KINDS(X)
#undef X
    WAIT_KIND_COUNT
};

/* "chan send"; "unknown" for what is no kind. */
const char *wait_kind_name(unsigned kind);

enum wait_object_kind {
    WAIT_OBJECT_NONE,
    WAIT_OBJECT_CHANNEL,
    WAIT_OBJECT_NIL_CHANNEL,    /* Nobody can ever wake them. */
    WAIT_OBJECT_SEMAPHORE,      /* In a Mutex, RWMutex or WaitGroup: the address of its semaphore. */
    WAIT_OBJECT_NOTIFY_LIST,    /* In a Cond. */
    WAIT_OBJECT_KIND_COUNT
};

/* What goroutines wait on. */
struct wait_object {
    uint64_t address;           /* In the target. */
    uint8_t kind;               /* enum wait_object_kind */
    bool is_read;               /* Of a channel: all below are known. */
    bool is_closed;
    bool is_timer;              /* A timer's channel (Go 1.23 and later tell). */
    bool is_bounded;            /* There are more in its queues than were counted. */
    uint32_t senders, receivers;    /* Goroutines in its queues. */
    uint32_t goroutines;        /* Of those looked at, how many wait on it. */
    uint64_t length, capacity;  /* Elements buffered, and room for. */
};

/* Goroutines with the same state, stack, start, creator and labels. */
struct goroutine_group {
    string_id state;        /* "running", "runnable", "waiting", "syscall", "dead"... */
    string_id wait_reason;  /* "chan receive"; 0 unless waiting. */
    frame_id created_by;    /* The go statement; 0 for main and when unknown. */
    frame_id start;         /* The function the goroutine runs. */
    stack_id stack;         /* Where they wait, or go on; 0 of those that run, and where it is not known. */
    stack_id profile_stack; /* The same with the runtime's frames, as a goroutine profile has it; 0 where `stack` is. */
    string_id labels;       /* pprof labels as the text of a JSON object, {"handler":"/api"}; 0: none. */
    uint8_t kind;           /* enum wait_kind */
    bool stack_cut;         /* Only the inner part of the stack was read. */
    bool system;            /* The runtime's own (not in NumGoroutine). */
    bool wait_known;
    uint32_t count;
    /* How long they have waited; 0, 0 when the runtime has not noted it (it does at GC). */
    uint64_t wait_ns_min, wait_ns_max;
    uint64_t oldest_goid, newest_goid;  /* The least and the greatest id; 0 when not known (recordings). */
    /* Who ran the go statement: the goroutine that one of them names as its parent. */
    frame_id parent_created_by, parent_start;   /* Of that goroutine, 0 when it has ended or is not known. */
    bool parent_known;      /* Go 1.21 and later tell. */
    bool parent_ended;
    /* What they wait on, of those that were looked at. */
    uint32_t examined;      /* How many of them were. */
    uint32_t num_objects;   /* On how many different objects these wait. */
    struct wait_object object;  /* The one that most wait on; `goroutines` is their number. Kind NONE: none is known. */
};

/* One goroutine. */
struct listed_goroutine {
    uint64_t goid;
    uint64_t parent_goid;   /* 0: it has none (main), or not known (before Go 1.21). */
    uint64_t wait_since_ns; /* On the monotonic clock; 0: not noted, or it does not wait. */
    uint32_t group;         /* Index in snapshot->goroutine_groups. */
    uint32_t first_wait;    /* Index in snapshot->waits of the first object it waits on. */
    uint16_t num_waits;     /* So many from there on: of a select, one for each channel that was looked at. */
    bool examined;          /* What it waits on was looked at. */
};

/* snapshot->goroutines_reason of recordings of earlier formats, and before the first list. */
#define GOROUTINES_NOT_RECORDED "not listed one by one in this recording"

/* Above so many goroutines only some of each group are listed. */
#define SNAPSHOT_MAX_LISTED 100000u
/* Goroutines whose waits are looked at in a sample, and channels of one select. */
#define SNAPSHOT_MAX_EXAMINED 8192u
#define SNAPSHOT_MAX_SELECT 16u

#endif
