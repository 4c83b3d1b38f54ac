/* One sample of one process as plain data. Built by a source (live, or replay), then sealed: const from then on, shared
 * by reference count, and freed all at once with its arena. */
#ifndef HEAPTOP_SNAPSHOT_SNAPSHOT_H
#define HEAPTOP_SNAPSHOT_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/arena.h"
#include "heaptop/base/error.h"
#include "heaptop/snapshot/catalog.h"
#include "heaptop/snapshot/counter.h"
#include "heaptop/snapshot/goroutine.h"
#include "heaptop/snapshot/malloc_heap.h"
#include "heaptop/snapshot/memory_map.h"

/* Whether a yes-or-no fact is known. */
enum known { KNOWN_NOT, KNOWN_NO, KNOWN_YES };

/* Who the target is: fixed for a session, but for a runtime that is recognised late. All strings are catalog ids,
 * escaped. */
struct target_info {
    pid_t pid;                  /* As seen from heaptop. */
    pid_t inner_pid;            /* In the target's innermost pid namespace; equal to pid outside containers. */
    uint64_t start_unix_ns;     /* When the process started. */
    uid_t uid;
    string_id exe, comm, command_line, container;   /* container: a short id from the cgroup path, or 0. */
    string_id runtime;          /* "go", "native", ... */
    string_id runtime_version;  /* "go1.24.4", or 0. */
    string_id main_module;      /* Go: path of the main module or package, or 0. */
    string_id build_id;         /* GNU build id in hex, or 0. */
    enum known stripped;        /* No .symtab. */
    enum known position_independent;
    /* Run-time minus link-time code addresses of the executable; 0 unless position-independent. */
    uint64_t load_bias;
    string_id how_located;      /* "symtab", "dynsym", "dwarf", "operands": how the runtime's variables were found. */
    string_id how_laid_out;     /* "dwarf", "types", "table go1.24": where struct layouts come from. */
};

/* An executable mapping of a file, as pprof lists them. */
struct mapping {
    uint64_t start, limit, offset;
    string_id file, build_id;
};

/* Sampled counts of one heap profile bucket, not yet unsampled. */
struct site_counts {
    uint64_t allocs, frees;             /* Objects. */
    uint64_t alloc_bytes, free_bytes;
};

/* What pprof prints for a bucket: estimates of all that was allocated. */
struct site_values {
    int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/* One heap profile bucket: a stack and an object size. Several may share a stack. Their order is the order of discovery
 * and an index stays with its bucket for the session. */
struct site {
    stack_id stack;
    uint64_t object_size;               /* bucket.size, bytes. */
    struct site_counts published;       /* As of the last completed GC, as pprof counts. */
    struct site_counts provisional;     /* Everything counted up to now. */
};

/* Unsampled as pprof does (runtime/pprof/protomem.go scaleHeapSample, Go 1.19-1.27): each of the allocated and the
 * in-use pair is scaled by 1 / (1 - exp(-(bytes/objects)/rate)), truncated to integers; rate <= 1 leaves them as
 * they are. */
struct site_values site_scale(const struct site_counts *counts, int64_t rate);

enum profile_state {
    PROFILE_NONE,           /* Not a runtime with a heap profile, or not found: see profile_reason. */
    /* The runtime has one, switched off (MemProfileRate 0): see profile_reason for what turns it on. */
    PROFILE_OFF,
    PROFILE_ON,
};

/* What the call sites' figures mean. */
enum profile_kind {
    PROFILE_OF_RUNTIME,     /* The runtime's own, as of a GC cycle. */
    PROFILE_OF_ALLOCATIONS, /* Sampled allocations, frees matched, as of now. */
    /* Memory that was touched for the first time, whatever became of it: nothing is ever freed in it. */
    PROFILE_OF_FAULTS,
};

/* What heaptop has to do with the profile being on. */
enum profile_switch_state {
    PROFILE_SWITCH_NONE,    /* Nothing: it is on, or cannot be switched on, or this is a recording. */
    /* It is off, or there is none and page faults may be sampled: source_request may ask for it. */
    PROFILE_SWITCH_OFFERED,
    /* The same, and it was counted what probes on its allocator would cost: COUNTER_PROBE_SHARE, and in words
     * profile_reason. */
    PROFILE_SWITCH_COUNTED,
    PROFILE_SWITCH_ON,      /* This session has switched it on, and puts it back at its end. */
};
/* snapshot.profile_since_unix_ns: from outside, at a time that is not known. */
#define PROFILE_SINCE_UNKNOWN 1

/* What a thread does for the Go runtime. */
enum thread_role {
    THREAD_ROLE_UNKNOWN,    /* The runtime's own account of its threads was not read. */
    THREAD_RUNS_GO,         /* Runs a goroutine. */
    THREAD_SCHEDULES,       /* Is at work without a goroutine: between two, or for the GC. */
    THREAD_SPINS,           /* Looks for a goroutine to run. */
    THREAD_SYSTEM_CALL,     /* Its goroutine is in a system call. */
    THREAD_IN_C,            /* Its goroutine has called C code, which has not returned. */
    THREAD_IDLE,            /* Parked: there is nothing to run, or no P to run it with. */
    THREAD_LOCKED_IDLE,     /* Parked until the goroutine that is locked to it can run again. */
    THREAD_RUNTIME,         /* The runtime's own: sysmon, the template thread. */
    THREAD_FOREIGN,         /* None of Go's: started by C code. */
    THREAD_ROLES,
};

/* How far the stack of a thread is known. */
enum stack_quality {
    STACK_WHOLE,            /* Up to where the thread began. */
    STACK_DEDUCED,          /* The same, but the place of a frame was found by searching: most likely so. */
    STACK_CUT,              /* Not up to there: what would tell the next frame is in a register, or is nowhere. */
};

struct thread {
    pid_t tid;
    char state;             /* As in /proc: R S D T Z I. */
    string_id name;
    uint64_t cpu_ns;        /* Since the thread started; whole microseconds. */
    int processor;          /* Last run on. */
    string_id system_call;  /* "futex", "epoll_pwait", or 0 when running or not readable. */
    string_id wait_channel; /* The kernel function it sleeps in, or 0. */
    /* Where in the program it waits, native code only; behind C code that Go has called, also the frames of the
     * goroutine that called. 0: it runs, or it was not read. */
    stack_id stack;
    uint8_t stack_quality;  /* enum stack_quality */
    uint64_t goid;          /* Goroutine that the thread's M runs now, or 0. */
    uint8_t role;           /* enum thread_role */
    int32_t proc;           /* The P that its M holds, or -1. */
    int64_t machine;        /* Its M's id, or -1. */
    uint64_t locked_goid;   /* The goroutine that is locked to it (runtime.LockOSThread), or 0. */
    /* When this was read: before the snapshot's time where a process has very many threads. */
    uint64_t read_monotonic_ns;
};

/* A P: what a thread needs to run Go code; there are GOMAXPROCS. */
enum proc_state {
    PROC_IDLE,
    PROC_RUNNING,           /* A thread runs Go code with it, or the scheduler. */
    PROC_SYSTEM_CALL,       /* Its goroutine is in a system call, from which it may return to it. */
    PROC_STOPPED,           /* For the GC, or whatever else stops the world. */
    PROC_STATES,
};

struct proc {
    uint32_t id;
    uint8_t state;          /* enum proc_state */
    uint32_t queue;         /* Goroutines that wait to run on it. */
    int64_t machine;        /* The id of the M that holds it, or -1. */
    pid_t tid;              /* Of that M, as the process numbers it; 0 when there is none. */
    uint64_t goid;          /* The goroutine that runs on it, or 0. */
    /* Times it took up a goroutine, or lost it to a system call; they wrap. */
    uint32_t schedule_ticks, system_call_ticks;
};

/* What made a GC cycle start. */
enum gc_cause {
    GC_CAUSE_UNKNOWN,
    GC_CAUSE_HEAP,          /* The heap came near the goal that GOGC sets. */
    GC_CAUSE_MEMORY_LIMIT,  /* The same, with a goal that GOMEMLIMIT had lowered. */
    GC_CAUSE_FORCED,        /* runtime.GC, debug.FreeOSMemory. */
    GC_CAUSE_PERIODIC,      /* Two minutes had passed since the last. */
    GC_CAUSES,
};

/* One completed GC cycle. A field not known is 0 with its bit clear. */
struct gc_cycle {
    uint64_t number;        /* 1 is the process's first. */
    uint8_t cause;          /* enum gc_cause */
    uint64_t end_unix_ns;
    uint64_t pause_ns;      /* Stop-the-world in this cycle, all phases. */
    /* Bytes: at start, at mark termination, marked, the goal it ran for. */
    uint64_t heap_before, heap_peak, heap_after, heap_goal;
    uint64_t since_init_ns;             /* From the start of the program to that of the cycle. */
    /* Wall time; the world stands still in the first and the last. */
    uint64_t sweep_termination_ns, mark_ns, mark_termination_ns;
    /* Of marking: by allocating goroutines, by workers, by idle Ps. */
    uint64_t assist_cpu_ns, background_cpu_ns, idle_cpu_ns;
    uint64_t stack_bytes, globals_bytes;                            /* Scanned as roots. */
    uint32_t procs, stop_procs;         /* GOMAXPROCS, and those of them that have a CPU of their own. */
    double cpu_fraction;                /* counter gc_cpu_fraction as of its end. */
    bool times_known, heap_known, goal_known;
    bool phases_known;                  /* The three phases, procs and stop_procs. */
    bool cpu_known;                     /* The CPU times, cpu_fraction, stack_bytes and globals_bytes. */
    bool since_init_known;
};

/* runtime.MemStats.BySize. */
struct size_class {
    uint32_t size;
    uint64_t mallocs, frees;
};

/* Something about this sample that is not as it should be, in a person's words: "allgs: 3 of 2,030 pointers not
 * readable". */
struct problem {
    const char *text;       /* In the snapshot's arena; escaped. */
};

/* What heaptop itself has cost since it attached. */
struct cost {
    uint64_t cpu_ns;            /* heaptop's own CPU time, all threads, and the process that reads debug information. */
    uint64_t bytes_read;        /* From the target's memory. */
    uint64_t read_calls;        /* process_vm_readv calls. */
    uint64_t stops, stop_ns;    /* Of the target. */
    uint64_t writes;            /* To the target. */
    /* A library that heaptop has preloaded into the target samples an allocation in so many bytes; 0: none. */
    uint64_t preload_rate;
    uint64_t sample_ns;         /* Wall time this sample took. */
    uint64_t sample_cpu_ns;     /* CPU time this sample took. */
    /* Wall time from attach to the first sample, and the part of it spent on symbols. */
    uint64_t attach_ns, symbols_ns;
    uint64_t rss_bytes;         /* heaptop's own. */
    uint64_t samples_taken, samples_retried, samples_dropped;
};

struct snapshot {
    atomic_uint references;
    struct arena arena;                 /* Owns everything below but the catalog. */
    struct catalog *catalog;            /* A reference. */
    uint64_t sequence;                  /* 1, 2, 3, ... in the session. */
    uint64_t unix_ns, monotonic_ns;     /* When the reads were made. */
    uint64_t interval_ns;               /* At which the source now samples. */
    struct target_info target;
    bool exited;                        /* The target is gone; figures are the last ones. */
    const char *exit_reason;            /* In the arena; NULL while it lives. */
    struct counter counters[COUNTER_COUNT];

    enum profile_state profile_state;
    const char *profile_reason;         /* In the arena or static; NULL when PROFILE_ON. */
    uint64_t profile_cycle;             /* The GC cycle that `published` stands for. */
    /* When a heaptop switched profiling on in this process: what was allocated before is in no site. 0: the program has
     * had it on from its start, as far as is known. */
    uint64_t profile_since_unix_ns;
    enum profile_switch_state profile_switch;
    bool profile_torn;                  /* No consistent reading was had; sites repeat the last good one. */
    struct site *sites;
    size_t num_sites;
    bool sites_truncated;               /* The walk met its bound. */

    struct goroutine_group *goroutine_groups;
    size_t num_goroutine_groups;
    /* One by one, where the source has that; NULL with a reason where it has not. Beyond SNAPSHOT_MAX_LISTED only some
     * of each group. */
    struct listed_goroutine *goroutines;
    size_t num_goroutines;
    size_t goroutines_not_listed;
    uint64_t goroutines_monotonic_ns;   /* When they were listed, where that was before the groups were; else 0. */
    const char *goroutines_reason;      /* Static: why none are listed; NULL when they are. */
    struct wait_object *wait_objects;   /* Different ones, in no order. */
    size_t num_wait_objects;
    uint32_t *waits;                    /* Indices in wait_objects, for listed goroutines' first_wait. */
    size_t num_waits;
    struct thread *threads;
    size_t num_threads;
    struct proc *procs;                 /* By id. */
    size_t num_procs;
    /* Completed since the previous snapshot; in the first, all that the ring still holds. Oldest first. */
    struct gc_cycle *gc_cycles;
    size_t num_gc_cycles;
    struct size_class *size_classes;
    size_t num_size_classes;
    struct region *regions;             /* Read seldom; NULL in most snapshots. */
    size_t num_regions;
    struct memory_map *memory_map;      /* Made on request only (source_request); NULL in all other snapshots. */
    /* Of C code. Read with the memory map, and where no other runtime is known as often as that is cheap; NULL in all
     * other snapshots. */
    struct malloc_heap *malloc_heap;
    struct mapping *mappings;           /* Set in every snapshot, small. */
    size_t num_mappings;
    struct problem *problems;
    size_t num_problems;
    struct cost cost;
};

/* An empty snapshot with one reference, every counter unavailable ("not read"). Takes a reference of the catalog. */
struct error *snapshot_create(struct catalog *catalog, struct snapshot **ret_snapshot);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* Accepts NULL. */
void snapshot_unref(struct snapshot *snapshot);

enum profile_kind snapshot_profile_kind(const struct snapshot *snapshot);
/* What call sites have done with their bytes: "in use", "touched". Static. */
const char *snapshot_profile_held(const struct snapshot *snapshot);
/* What they do a second: "allocates", "touches". Static. */
const char *snapshot_profile_gains(const struct snapshot *snapshot);
/* What their bytes are in: "objects", "pages". Static. */
const char *snapshot_profile_units(const struct snapshot *snapshot);
/* What brings new figures of them: "GC cycle", "sample". Static. */
const char *snapshot_profile_step(const struct snapshot *snapshot);
#define SNAPSHOT_MOMENT_BUFFER 64
/* As of when that is: "as of GC 1,204", "as of now", "freed since or not". Static, or in the buffer of
 * SNAPSHOT_MOMENT_BUFFER bytes. */
const char *snapshot_profile_moment(const struct snapshot *snapshot, char *buffer);
/* How long before the snapshot its goroutines were listed one by one; 0: with it. */
uint64_t snapshot_goroutines_age_ns(const struct snapshot *snapshot);
/* How long one of them had waited when they were; false when that is not known. */
bool snapshot_goroutine_waited(const struct snapshot *snapshot, const struct listed_goroutine *goroutine,
                               uint64_t *ret_ns);
/* Whether a counter is not known that should be: those of probes are known only where one was asked for, those of a
 * runtime only in programs of it. */
bool snapshot_misses(const struct snapshot *snapshot, enum counter_id id);
/* The value of an integer counter; `otherwise` when it is not known. */
double snapshot_counter_or(const struct snapshot *snapshot, enum counter_id id, double otherwise);
void snapshot_set(struct snapshot *snapshot, enum counter_id id, int64_t value);
void snapshot_set_real(struct snapshot *snapshot, enum counter_id id, double value);
/* reason: static, or in the arena. */
void snapshot_set_unavailable(struct snapshot *snapshot, enum counter_id id, const char *reason);
/* Appends to problems; at most SNAPSHOT_MAX_PROBLEMS, the last of which says that there were more. */
void snapshot_add_problem(struct snapshot *snapshot, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define SNAPSHOT_MAX_PROBLEMS 64

#endif
