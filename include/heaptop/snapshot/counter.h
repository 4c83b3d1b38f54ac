/* The process-wide figures of a sample: one table, from which screens, JSON, CSV, OpenMetrics and recordings are all
 * made. */
#ifndef HEAPTOP_SNAPSHOT_COUNTER_H
#define HEAPTOP_SNAPSHOT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/* How a figure came to be known. */
enum provenance {
    PROVENANCE_UNAVAILABLE, /* Not read: `reason` says why. Shown as such, never as zero. */
    PROVENANCE_EXACT,       /* Equal to what the process or the kernel itself would answer now. */
    PROVENANCE_SAMPLED,     /* Estimated from samples, with a sampling error; or counted in part. */
    PROVENANCE_PROVISIONAL, /* Counted since the last completed GC, to be confirmed by the next. */
    PROVENANCE_STALE,       /* The last good reading; this tick's was not consistent. */
};

enum unit {
    UNIT_BYTES,
    UNIT_COUNT,
    UNIT_NANOSECONDS,
    UNIT_UNIX_NANOSECONDS,  /* A point in time. */
    UNIT_FRACTION,          /* In value.real, 0 to 1. */
    UNIT_PERCENT,           /* GOGC; -1 means off. */
};

enum counter_kind {
    COUNTER_GAUGE,
    COUNTER_MONOTONIC,      /* Only rises while the process lives. */
};

/* X(ID, group, name, unit, kind, help): group and name are the JSON object and member. */
#define SNAPSHOT_COUNTERS(X)                                                                                           \
    X(RSS, "memory", "rss_bytes", UNIT_BYTES, COUNTER_GAUGE, "Resident set size")                                      \
    X(ANON, "memory", "anon_bytes", UNIT_BYTES, COUNTER_GAUGE, "Resident anonymous memory")                            \
    X(FILE, "memory", "file_bytes", UNIT_BYTES, COUNTER_GAUGE, "Resident pages of files")                              \
    X(SHMEM, "memory", "shmem_bytes", UNIT_BYTES, COUNTER_GAUGE, "Resident shared memory")                             \
    X(SWAP, "memory", "swap_bytes", UNIT_BYTES, COUNTER_GAUGE, "Swapped-out anonymous memory")                         \
    X(VIRTUAL, "memory", "virtual_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                   \
      "Address space reserved; costs nothing by itself")                                                               \
    X(LIMIT, "memory", "limit_bytes", UNIT_BYTES, COUNTER_GAUGE, "Memory limit of the process's cgroup")               \
    X(CGROUP_USAGE, "memory", "cgroup_usage_bytes", UNIT_BYTES, COUNTER_GAUGE,                                         \
      "Memory charged to the process's cgroup")                                                                        \
    X(CPU, "process", "cpu_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC, "CPU time of the process, user and system")       \
    X(THREADS, "process", "threads", UNIT_COUNT, COUNTER_GAUGE, "Kernel threads")                                      \
    X(MINOR_FAULTS, "process", "minor_faults", UNIT_COUNT, COUNTER_MONOTONIC, "Page faults served without I/O")        \
    X(MAJOR_FAULTS, "process", "major_faults", UNIT_COUNT, COUNTER_MONOTONIC, "Page faults that needed I/O")           \
    X(HEAP_LIVE, "go", "heap_live_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                   \
      "Bytes the GC takes for live: marked at the last cycle, plus allocated since")                                   \
    X(HEAP_MARKED, "go", "heap_marked_bytes", UNIT_BYTES, COUNTER_GAUGE, "Bytes marked by the last GC cycle")          \
    X(HEAP_ALLOC, "go", "heap_alloc_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                 \
      "MemStats.HeapAlloc: allocated objects, unswept garbage included")                                               \
    X(HEAP_OBJECTS, "go", "heap_objects", UNIT_COUNT, COUNTER_GAUGE, "MemStats.HeapObjects")                           \
    X(HEAP_INUSE, "go", "heap_inuse_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                 \
      "MemStats.HeapInuse: spans with at least one object")                                                            \
    X(HEAP_IDLE, "go", "heap_idle_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.HeapIdle: spans without objects")       \
    X(HEAP_RELEASED, "go", "heap_released_bytes", UNIT_BYTES, COUNTER_GAUGE,                                           \
      "MemStats.HeapReleased: idle memory returned to the system")                                                     \
    X(HEAP_SYS, "go", "heap_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.HeapSys")                                 \
    X(HEAP_GOAL, "go", "heap_goal_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                   \
      "MemStats.NextGC: heap size at which the next cycle ends")                                                       \
    X(TOTAL_ALLOC, "go", "total_alloc_bytes", UNIT_BYTES, COUNTER_MONOTONIC, "MemStats.TotalAlloc")                    \
    X(MALLOCS, "go", "mallocs", UNIT_COUNT, COUNTER_MONOTONIC, "MemStats.Mallocs")                                     \
    X(FREES, "go", "frees", UNIT_COUNT, COUNTER_MONOTONIC, "MemStats.Frees")                                           \
    X(STACK_INUSE, "go", "stack_inuse_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.StackInuse: goroutine stacks")      \
    X(STACK_SYS, "go", "stack_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.StackSys")                              \
    X(MSPAN_INUSE, "go", "mspan_inuse_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.MSpanInuse")                        \
    X(MSPAN_SYS, "go", "mspan_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.MSpanSys")                              \
    X(MCACHE_INUSE, "go", "mcache_inuse_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.MCacheInuse")                     \
    X(MCACHE_SYS, "go", "mcache_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.MCacheSys")                           \
    X(BUCKHASH_SYS, "go", "buckhash_sys_bytes", UNIT_BYTES, COUNTER_GAUGE,                                             \
      "MemStats.BuckHashSys: the heap profile's own buckets")                                                          \
    X(GC_SYS, "go", "gc_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.GCSys: GC metadata")                          \
    X(OTHER_SYS, "go", "other_sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.OtherSys")                              \
    X(GO_SYS, "go", "sys_bytes", UNIT_BYTES, COUNTER_GAUGE, "MemStats.Sys: all the runtime obtained from the system")  \
    X(NUM_GC, "go", "num_gc", UNIT_COUNT, COUNTER_MONOTONIC, "Completed GC cycles")                                    \
    X(NUM_FORCED_GC, "go", "num_forced_gc", UNIT_COUNT, COUNTER_MONOTONIC, "Cycles forced by runtime.GC")              \
    X(GC_CPU_FRACTION, "go", "gc_cpu_fraction", UNIT_FRACTION, COUNTER_GAUGE,                                          \
      "Share of the program's CPU spent in GC since it started")                                                       \
    X(PAUSE_TOTAL, "go", "pause_total_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC, "Total stop-the-world time of GC")     \
    X(LAST_GC, "go", "last_gc_unix_ns", UNIT_UNIX_NANOSECONDS, COUNTER_GAUGE, "When the last cycle ended")             \
    X(GOGC, "go", "gogc", UNIT_PERCENT, COUNTER_GAUGE, "GOGC; -1 is off")                                              \
    X(MEMORY_LIMIT, "go", "memory_limit_bytes", UNIT_BYTES, COUNTER_GAUGE,                                             \
      "GOMEMLIMIT; the largest integer when there is none")                                                            \
    X(MEM_PROFILE_RATE, "go", "mem_profile_rate", UNIT_BYTES, COUNTER_GAUGE,                                           \
      "runtime.MemProfileRate: mean bytes between samples; 0 is off")                                                  \
    X(GOROUTINES, "go", "goroutines", UNIT_COUNT, COUNTER_GAUGE,                                                       \
      "Goroutines, the runtime's own left out, as runtime.NumGoroutine counts")                                        \
    X(TIMERS, "go", "timers", UNIT_COUNT, COUNTER_GAUGE,                                                               \
      "Timers that the runtime waits for: time.Timer, Ticker, AfterFunc, Sleep, deadlines; from Go 1.23 those with a " \
      "channel only while somebody waits on it")                                                                       \
    X(FINALIZERS_QUEUED, "go", "finalizers_queued", UNIT_COUNT, COUNTER_GAUGE,                                         \
      "Objects whose finalizers are queued and have not begun to run")                                                 \
    X(GOMAXPROCS, "go", "gomaxprocs", UNIT_COUNT, COUNTER_GAUGE, "Number of Ps")                                       \
    X(PROCS_RUNNING, "scheduler", "procs_running", UNIT_COUNT, COUNTER_GAUGE, "Ps that run Go code")                   \
    X(PROCS_SYSCALL, "scheduler", "procs_syscall", UNIT_COUNT, COUNTER_GAUGE,                                          \
      "Ps whose goroutine is in a system call")                                                                        \
    X(PROCS_IDLE, "scheduler", "procs_idle", UNIT_COUNT, COUNTER_GAUGE, "Ps with nothing to run")                      \
    X(PROCS_STOPPED, "scheduler", "procs_stopped", UNIT_COUNT, COUNTER_GAUGE, "Ps stopped for the GC")                 \
    X(RUN_QUEUE, "scheduler", "run_queue", UNIT_COUNT, COUNTER_GAUGE, "Goroutines in the run queues of all Ps")        \
    X(GLOBAL_RUN_QUEUE, "scheduler", "global_run_queue", UNIT_COUNT, COUNTER_GAUGE,                                    \
      "Goroutines in the global run queue")                                                                            \
    X(MACHINES, "scheduler", "machines", UNIT_COUNT, COUNTER_GAUGE, "Ms: threads that the Go runtime knows")           \
    X(MACHINES_IDLE, "scheduler", "machines_idle", UNIT_COUNT, COUNTER_GAUGE, "Ms that are parked for want of work")   \
    X(MACHINES_LOCKED_IDLE, "scheduler", "machines_locked_idle", UNIT_COUNT, COUNTER_GAUGE,                            \
      "Ms that are parked until the goroutine locked to them runs")                                                    \
    X(MACHINES_SPINNING, "scheduler", "machines_spinning", UNIT_COUNT, COUNTER_GAUGE, "Ms that look for work")         \
    X(MACHINES_LOCKED, "scheduler", "machines_locked", UNIT_COUNT, COUNTER_GAUGE, "Ms that a goroutine is locked to")  \
    X(MACHINES_IN_C, "scheduler", "machines_in_c", UNIT_COUNT, COUNTER_GAUGE, "Ms whose goroutine is in C code")       \
    X(FOREIGN_THREADS, "scheduler", "foreign_threads", UNIT_COUNT, COUNTER_GAUGE, "Threads that are none of Go's")     \
    X(SCHEDULE_TICKS, "scheduler", "schedule_ticks", UNIT_COUNT, COUNTER_MONOTONIC, "Times a P took up a goroutine")   \
    X(SYSCALL_TICKS, "scheduler", "syscall_ticks", UNIT_COUNT, COUNTER_MONOTONIC,                                      \
      "Times a P left a system call, or was taken from one")                                                           \
    X(JAVA_HEAP_USED, "jvm", "java_heap_used_bytes", UNIT_BYTES, COUNTER_GAUGE,                                        \
      "Java heap: used in all spaces, as jstat counts; some collectors count at each collection only")                 \
    X(JAVA_HEAP_COMMITTED, "jvm", "java_heap_committed_bytes", UNIT_BYTES, COUNTER_GAUGE,                              \
      "Java heap: capacity of all generations now")                                                                    \
    X(JAVA_HEAP_MAX, "jvm", "java_heap_max_bytes", UNIT_BYTES, COUNTER_GAUGE, "Java heap: what it may grow to (-Xmx)") \
    X(JAVA_YOUNG_USED, "jvm", "java_young_used_bytes", UNIT_BYTES, COUNTER_GAUGE,                                      \
      "Young generation: used in eden and survivor spaces")                                                            \
    X(JAVA_YOUNG_COMMITTED, "jvm", "java_young_committed_bytes", UNIT_BYTES, COUNTER_GAUGE,                            \
      "Young generation: capacity now")                                                                                \
    X(JAVA_OLD_USED, "jvm", "java_old_used_bytes", UNIT_BYTES, COUNTER_GAUGE,                                          \
      "Old generation: used, garbage included until it is collected; of a collector without generations the heap")     \
    X(JAVA_OLD_COMMITTED, "jvm", "java_old_committed_bytes", UNIT_BYTES, COUNTER_GAUGE,                                \
      "Old generation: capacity now")                                                                                  \
    X(JAVA_METASPACE_USED, "jvm", "java_metaspace_used_bytes", UNIT_BYTES, COUNTER_GAUGE,                              \
      "Metaspace: used by classes")                                                                                    \
    X(JAVA_METASPACE_COMMITTED, "jvm", "java_metaspace_committed_bytes", UNIT_BYTES, COUNTER_GAUGE,                    \
      "Metaspace: capacity now")                                                                                       \
    X(JAVA_YOUNG_GCS, "jvm", "java_young_gcs", UNIT_COUNT, COUNTER_MONOTONIC,                                          \
      "Collections of the young generation (jstat's YGC)")                                                             \
    X(JAVA_YOUNG_GC_TIME, "jvm", "java_young_gc_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC, "Time in them (YGCT)")       \
    X(JAVA_FULL_GCS, "jvm", "java_full_gcs", UNIT_COUNT, COUNTER_MONOTONIC, "Full collections (FGC)")                  \
    X(JAVA_FULL_GC_TIME, "jvm", "java_full_gc_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC, "Time in them (FGCT)")         \
    X(JAVA_CONCURRENT_GCS, "jvm", "java_concurrent_gcs", UNIT_COUNT, COUNTER_MONOTONIC,                                \
      "Pauses of concurrent collections (CGC)")                                                                        \
    X(JAVA_CONCURRENT_GC_TIME, "jvm", "java_concurrent_gc_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC,                    \
      "Time in them (CGCT)")                                                                                           \
    X(JAVA_SAFEPOINTS, "jvm", "java_safepoints", UNIT_COUNT, COUNTER_MONOTONIC,                                        \
      "Times all Java threads were stopped, for the GC or else")                                                       \
    X(JAVA_SAFEPOINT_TIME, "jvm", "java_safepoint_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC,                            \
      "Time for which they were")                                                                                      \
    X(JAVA_THREADS, "jvm", "java_threads", UNIT_COUNT, COUNTER_GAUGE, "Java threads that live")                        \
    X(JAVA_CLASSES, "jvm", "java_classes", UNIT_COUNT, COUNTER_GAUGE, "Classes loaded and not unloaded")               \
    X(PY_INTERPRETERS, "python", "py_interpreters", UNIT_COUNT, COUNTER_GAUGE, "Interpreters")                         \
    X(PY_THREADS, "python", "py_threads", UNIT_COUNT, COUNTER_GAUGE, "Threads that run Python code, or have")          \
    X(PY_GEN0_COUNT, "python", "py_gen0_count", UNIT_COUNT, COUNTER_GAUGE,                                             \
      "gc.get_count()[0] of the main interpreter: objects made less those freed since its last collection")            \
    X(PY_GEN1_COUNT, "python", "py_gen1_count", UNIT_COUNT, COUNTER_GAUGE,                                             \
      "gc.get_count()[1]: collections of generation 0 since the last of generation 1")                                 \
    X(PY_GEN2_COUNT, "python", "py_gen2_count", UNIT_COUNT, COUNTER_GAUGE,                                             \
      "gc.get_count()[2]: collections of generation 1 since the last of generation 2")                                 \
    X(PY_GEN0_GCS, "python", "py_gen0_gcs", UNIT_COUNT, COUNTER_MONOTONIC,                                             \
      "Collections of generation 0 (gc.get_stats), of all interpreters")                                               \
    X(PY_GEN1_GCS, "python", "py_gen1_gcs", UNIT_COUNT, COUNTER_MONOTONIC, "Collections of generation 1")              \
    X(PY_GEN2_GCS, "python", "py_gen2_gcs", UNIT_COUNT, COUNTER_MONOTONIC, "Full collections")                         \
    X(PY_COLLECTED, "python", "py_collected", UNIT_COUNT, COUNTER_MONOTONIC,                                           \
      "Objects that collections have freed: those in cycles")                                                          \
    X(PY_UNCOLLECTABLE, "python", "py_uncollectable", UNIT_COUNT, COUNTER_MONOTONIC,                                   \
      "Objects in cycles that could not be freed")                                                                     \
    X(PY_LONG_LIVED, "python", "py_long_lived", UNIT_COUNT, COUNTER_GAUGE,                                             \
      "Objects that the last full collection has left, of the main interpreter")                                       \
    X(PY_ARENAS, "python", "py_arenas", UNIT_COUNT, COUNTER_GAUGE,                                                     \
      "pymalloc's arenas, which hold objects of up to 512 bytes")                                                      \
    X(PY_ARENA_BYTES, "python", "py_arena_bytes", UNIT_BYTES, COUNTER_GAUGE, "Bytes of those arenas")                  \
    X(FAULT_PERIOD, "probe", "fault_period", UNIT_COUNT, COUNTER_GAUGE,                                                \
      "Page faults that one sample stands for, where call sites are made of those")                                    \
    X(PROBE_SAMPLES, "probe", "samples", UNIT_COUNT, COUNTER_MONOTONIC, "Samples that heaptop's probe has taken")      \
    X(PROBE_LOST, "probe", "lost", UNIT_COUNT, COUNTER_MONOTONIC, "Samples that were lost for want of room")           \
    X(PROBE_COST, "probe", "target_cpu_ns", UNIT_NANOSECONDS, COUNTER_MONOTONIC,                                       \
      "CPU time of the process that the probe has cost, estimated")                                                    \
    X(PROBE_CALLS, "probe", "calls", UNIT_COUNT, COUNTER_MONOTONIC,                                                    \
      "Calls of the allocator that heaptop's probes have seen")                                                        \
    X(PROBE_SHARE, "probe", "processor_share", UNIT_FRACTION, COUNTER_GAUGE,                                           \
      "Share of one processor that these probes take, estimated")                                                      \
    X(PROBE_BEFORE, "probe", "before_bytes", UNIT_BYTES, COUNTER_GAUGE,                                                \
      "Bytes in use of what malloc had given out before the probes were placed, estimated")

enum counter_id {
#define X(id, ...) COUNTER_##id,
    SNAPSHOT_COUNTERS(X)
#undef X
    COUNTER_COUNT
};

struct counter_info {
    const char *group;
    const char *name;
    enum unit unit;
    enum counter_kind kind;
    const char *help;
};

extern const struct counter_info counter_infos[COUNTER_COUNT];

struct counter {
    union {
        int64_t integer;    /* All units but UNIT_FRACTION. */
        double real;        /* UNIT_FRACTION. */
    } value;
    enum provenance provenance;
    const char *reason;     /* Why it is unavailable or stale: a static or catalog string; NULL otherwise. */
};

static inline bool counter_known(const struct counter *counter)
{
    return counter->provenance != PROVENANCE_UNAVAILABLE;
}

#endif
