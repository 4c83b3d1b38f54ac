/* Where the fields of the Go runtime's structs lie, by name, for one version. Filled from the target's DWARF where it
 * has any, else from its type descriptors, else from the generated table (layout_table.c, made by
 * tools/generate-layouts from the toolchains' DWARF). */
#ifndef HEAPTOP_ATTACH_GO_LAYOUT_H
#define HEAPTOP_ATTACH_GO_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* X(id, type, field): "" as the field stands for the struct's size. Add a row here, run tools/generate-layouts, and it
 * is there. A field that was renamed keeps the row's id; its other names stand in go_field_aliases. Free goroutines
 * (runtime/proc.go gcount): up to 1.24 one count of all, SCHED_GFREE_N; from 1.25 those with a stack, SCHED_GFREE_N,
 * and those without, SCHED_GFREE_NO_STACK_N: add both where both are there. */
#define GO_FIELDS(X) \
    X(G_STACK_LO, "runtime.g", "stack.lo") \
    X(G_STACK_HI, "runtime.g", "stack.hi") \
    X(G_M, "runtime.g", "m") \
    X(G_SCHED_SP, "runtime.g", "sched.sp") \
    X(G_SCHED_PC, "runtime.g", "sched.pc") \
    X(G_SCHED_BP, "runtime.g", "sched.bp") \
    X(G_SYSCALLSP, "runtime.g", "syscallsp") \
    X(G_SYSCALLPC, "runtime.g", "syscallpc") \
    X(G_ATOMICSTATUS, "runtime.g", "atomicstatus") \
    X(G_GOID, "runtime.g", "goid") \
    X(G_WAITSINCE, "runtime.g", "waitsince") \
    X(G_WAITREASON, "runtime.g", "waitreason") \
    X(G_WAITING, "runtime.g", "waiting") \
    X(G_LABELS, "runtime.g", "labels") \
    X(G_PARENT_GOID, "runtime.g", "parentGoid") \
    X(G_GOPC, "runtime.g", "gopc") \
    X(G_STARTPC, "runtime.g", "startpc") \
    X(G_SIZE, "runtime.g", "") \
    X(SUDOG_G, "runtime.sudog", "g") \
    X(SUDOG_NEXT, "runtime.sudog", "next") \
    X(SUDOG_ELEM, "runtime.sudog", "elem") \
    X(SUDOG_WAITLINK, "runtime.sudog", "waitlink") \
    X(SUDOG_C, "runtime.sudog", "c") \
    X(HCHAN_QCOUNT, "runtime.hchan", "qcount") \
    X(HCHAN_DATAQSIZ, "runtime.hchan", "dataqsiz") \
    X(HCHAN_ELEMSIZE, "runtime.hchan", "elemsize") \
    X(HCHAN_CLOSED, "runtime.hchan", "closed") \
    X(HCHAN_TIMER, "runtime.hchan", "timer") \
    X(HCHAN_SENDX, "runtime.hchan", "sendx") \
    X(HCHAN_RECVX, "runtime.hchan", "recvx") \
    X(HCHAN_RECVQ, "runtime.hchan", "recvq.first") \
    X(HCHAN_SENDQ, "runtime.hchan", "sendq.first") \
    X(M_PROCID, "runtime.m", "procid") \
    X(M_CURG, "runtime.m", "curg") \
    X(M_ALLLINK, "runtime.m", "alllink") \
    X(M_ID, "runtime.m", "id") \
    X(M_P, "runtime.m", "p") \
    X(M_LOCKEDG, "runtime.m", "lockedg") \
    X(M_MSTARTFN, "runtime.m", "mstartfn") \
    X(M_SPINNING, "runtime.m", "spinning") \
    X(M_BLOCKED, "runtime.m", "blocked") \
    X(M_INCGO, "runtime.m", "incgo") \
    X(M_NCGO, "runtime.m", "ncgo") \
    X(M_NCGOCALL, "runtime.m", "ncgocall") \
    X(M_LOCKED_EXT, "runtime.m", "lockedExt") \
    X(M_LOCKED_INT, "runtime.m", "lockedInt") \
    X(P_ID, "runtime.p", "id") \
    X(P_STATUS, "runtime.p", "status") \
    X(P_SCHEDTICK, "runtime.p", "schedtick") \
    X(P_SYSCALLTICK, "runtime.p", "syscalltick") \
    X(P_M, "runtime.p", "m") \
    X(P_MCACHE, "runtime.p", "mcache") \
    X(P_PCACHE_CACHE, "runtime.p", "pcache.cache") \
    X(P_PCACHE_SCAV, "runtime.p", "pcache.scav") \
    X(P_RUNQHEAD, "runtime.p", "runqhead") \
    X(P_RUNQTAIL, "runtime.p", "runqtail") \
    X(P_RUNNEXT, "runtime.p", "runnext") \
    X(P_STATSSEQ, "runtime.p", "statsSeq") \
    X(P_GFREE_N, "runtime.p", "gFree.n") \
    X(P_TIMERS_LEN, "runtime.p", "timers.len") \
    X(P_TIMERS_ZOMBIES, "runtime.p", "timers.zombies") \
    X(MCACHE_NEXT_SAMPLE, "runtime.mcache", "nextSample") \
    X(MCACHE_TINY, "runtime.mcache", "tiny") \
    X(MCACHE_TINYOFFSET, "runtime.mcache", "tinyoffset") \
    X(MCACHE_TINY_ALLOCS, "runtime.mcache", "tinyAllocs") \
    X(MCACHE_ALLOC, "runtime.mcache", "alloc") \
    X(MSPAN_START_ADDR, "runtime.mspan", "startAddr") \
    X(MSPAN_NPAGES, "runtime.mspan", "npages") \
    X(MSPAN_STATE, "runtime.mspan", "state") \
    X(MSPAN_SWEEPGEN, "runtime.mspan", "sweepgen") \
    X(MSPAN_SPANCLASS, "runtime.mspan", "spanclass") \
    X(MSPAN_NELEMS, "runtime.mspan", "nelems") \
    X(MSPAN_ALLOC_COUNT, "runtime.mspan", "allocCount") \
    X(MSPAN_ALLOC_COUNT_BEFORE_CACHE, "runtime.mspan", "allocCountBeforeCache") \
    X(MSPAN_ELEMSIZE, "runtime.mspan", "elemsize") \
    X(BUCKET_SIZE, "runtime.bucket", "") \
    X(BUCKET_NEXT, "runtime.bucket", "next") \
    X(BUCKET_ALLNEXT, "runtime.bucket", "allnext") \
    X(BUCKET_TYP, "runtime.bucket", "typ") \
    X(BUCKET_HASH, "runtime.bucket", "hash") \
    X(BUCKET_OBJECT_SIZE, "runtime.bucket", "size") \
    X(BUCKET_NSTK, "runtime.bucket", "nstk") \
    X(MEM_RECORD_ACTIVE, "runtime.memRecord", "active") \
    X(MEM_RECORD_FUTURE, "runtime.memRecord", "future") \
    X(MEM_RECORD_SIZE, "runtime.memRecord", "") \
    X(MEM_RECORD_CYCLE_SIZE, "runtime.memRecordCycle", "") \
    X(MEM_RECORD_CYCLE_ALLOC_BYTES, "runtime.memRecordCycle", "alloc_bytes") \
    X(SCHED_GOIDGEN, "runtime.schedt", "goidgen") \
    X(SCHED_NGSYS, "runtime.schedt", "ngsys") \
    X(SCHED_NMIDLE, "runtime.schedt", "nmidle") \
    X(SCHED_NMIDLELOCKED, "runtime.schedt", "nmidlelocked") \
    X(SCHED_NMSYS, "runtime.schedt", "nmsys") \
    X(SCHED_NPIDLE, "runtime.schedt", "npidle") \
    X(SCHED_NMSPINNING, "runtime.schedt", "nmspinning") \
    X(SCHED_RUNQSIZE, "runtime.schedt", "runqsize") \
    X(SCHED_GCWAITING, "runtime.schedt", "gcwaiting") \
    X(SCHED_PROCRESIZETIME, "runtime.schedt", "procresizetime") \
    X(SCHED_TOTALTIME, "runtime.schedt", "totaltime") \
    X(SCHED_GFREE_N, "runtime.schedt", "gFree.n") \
    X(SCHED_GFREE_NO_STACK_N, "runtime.schedt", "gFree.noStack.size") \
    X(SCHED_MNEXT, "runtime.schedt", "mnext") \
    X(SCHED_NMFREED, "runtime.schedt", "nmfreed") \
    X(MHEAP_LOCK, "runtime.mheap", "lock") \
    X(MHEAP_ALLSPANS, "runtime.mheap", "allspans") \
    X(MHEAP_ARENAS, "runtime.mheap", "arenas") \
    X(MHEAP_HEAP_ARENAS, "runtime.mheap", "heapArenas") \
    X(MHEAP_PAGES_IN_USE, "runtime.mheap", "pagesInUse") \
    X(MHEAP_SWEEPGEN, "runtime.mheap", "sweepgen") \
    X(MHEAP_SWEEP_PAGES_PER_BYTE, "runtime.mheap", "sweepPagesPerByte") \
    X(MHEAP_SPANALLOC_INUSE, "runtime.mheap", "spanalloc.inuse") \
    X(MHEAP_CACHEALLOC_INUSE, "runtime.mheap", "cachealloc.inuse") \
    X(GC_CONTROLLER_GC_PERCENT, "runtime.gcControllerState", "gcPercent") \
    X(GC_CONTROLLER_MEMORY_LIMIT, "runtime.gcControllerState", "memoryLimit") \
    X(GC_CONTROLLER_HEAP_LIVE, "runtime.gcControllerState", "heapLive") \
    X(GC_CONTROLLER_HEAP_MARKED, "runtime.gcControllerState", "heapMarked") \
    X(GC_CONTROLLER_TRIGGERED, "runtime.gcControllerState", "triggered") \
    X(GC_CONTROLLER_SWEEP_DIST_MIN_TRIGGER, "runtime.gcControllerState", "sweepDistMinTrigger") \
    X(GC_CONTROLLER_LAST_HEAP_GOAL, "runtime.gcControllerState", "lastHeapGoal") \
    X(GC_CONTROLLER_HEAP_MINIMUM, "runtime.gcControllerState", "heapMinimum") \
    X(GC_CONTROLLER_LAST_STACK_SCAN, "runtime.gcControllerState", "lastStackScan") \
    X(GC_CONTROLLER_MAX_STACK_SCAN, "runtime.gcControllerState", "maxStackScan") \
    X(GC_CONTROLLER_GLOBALS_SCAN, "runtime.gcControllerState", "globalsScan") \
    X(GC_CONTROLLER_ASSIST_TIME, "runtime.gcControllerState", "assistTime") \
    X(GC_CONTROLLER_DEDICATED_MARK_TIME, "runtime.gcControllerState", "dedicatedMarkTime") \
    X(GC_CONTROLLER_FRACTIONAL_MARK_TIME, "runtime.gcControllerState", "fractionalMarkTime") \
    X(GC_CONTROLLER_IDLE_MARK_TIME, "runtime.gcControllerState", "idleMarkTime") \
    X(GC_CONTROLLER_GC_PERCENT_HEAP_GOAL, "runtime.gcControllerState", "gcPercentHeapGoal") \
    X(GC_CONTROLLER_HEAP_IN_USE, "runtime.gcControllerState", "heapInUse") \
    X(GC_CONTROLLER_HEAP_RELEASED, "runtime.gcControllerState", "heapReleased") \
    X(GC_CONTROLLER_HEAP_FREE, "runtime.gcControllerState", "heapFree") \
    X(GC_CONTROLLER_TOTAL_ALLOC, "runtime.gcControllerState", "totalAlloc") \
    X(GC_CONTROLLER_TOTAL_FREE, "runtime.gcControllerState", "totalFree") \
    X(GC_CONTROLLER_MAPPED_READY, "runtime.gcControllerState", "mappedReady") \
    X(GC_CONTROLLER_SIZE, "runtime.gcControllerState", "") \
    X(MSTATS_HEAP_STATS, "runtime.mstats", "heapStats") \
    X(MSTATS_STACKS_SYS, "runtime.mstats", "stacks_sys") \
    X(MSTATS_MSPAN_SYS, "runtime.mstats", "mspan_sys") \
    X(MSTATS_MCACHE_SYS, "runtime.mstats", "mcache_sys") \
    X(MSTATS_BUCKHASH_SYS, "runtime.mstats", "buckhash_sys") \
    X(MSTATS_GC_MISC_SYS, "runtime.mstats", "gcMiscSys") \
    X(MSTATS_OTHER_SYS, "runtime.mstats", "other_sys") \
    X(MSTATS_LAST_GC_UNIX, "runtime.mstats", "last_gc_unix") \
    X(MSTATS_PAUSE_TOTAL_NS, "runtime.mstats", "pause_total_ns") \
    X(MSTATS_PAUSE_NS, "runtime.mstats", "pause_ns") \
    X(MSTATS_PAUSE_END, "runtime.mstats", "pause_end") \
    X(MSTATS_NUMGC, "runtime.mstats", "numgc") \
    X(MSTATS_NUMFORCEDGC, "runtime.mstats", "numforcedgc") \
    X(MSTATS_GC_CPU_FRACTION, "runtime.mstats", "gc_cpu_fraction") \
    X(MSTATS_ENABLEGC, "runtime.mstats", "enablegc") \
    X(MSTATS_SIZE, "runtime.mstats", "") \
    X(HEAP_STATS_STATS, "runtime.consistentHeapStats", "stats") \
    X(HEAP_STATS_GEN, "runtime.consistentHeapStats", "gen") \
    X(HEAP_STATS_SIZE, "runtime.consistentHeapStats", "") \
    X(DELTA_SIZE, "runtime.heapStatsDelta", "") \
    X(DELTA_COMMITTED, "runtime.heapStatsDelta", "committed") \
    X(DELTA_RELEASED, "runtime.heapStatsDelta", "released") \
    X(DELTA_IN_HEAP, "runtime.heapStatsDelta", "inHeap") \
    X(DELTA_IN_STACKS, "runtime.heapStatsDelta", "inStacks") \
    X(DELTA_IN_WORK_BUFS, "runtime.heapStatsDelta", "inWorkBufs") \
    X(DELTA_IN_PTR_SCALAR_BITS, "runtime.heapStatsDelta", "inPtrScalarBits") \
    X(DELTA_TINY_ALLOC_COUNT, "runtime.heapStatsDelta", "tinyAllocCount") \
    X(DELTA_LARGE_ALLOC, "runtime.heapStatsDelta", "largeAlloc") \
    X(DELTA_LARGE_ALLOC_COUNT, "runtime.heapStatsDelta", "largeAllocCount") \
    X(DELTA_SMALL_ALLOC_COUNT, "runtime.heapStatsDelta", "smallAllocCount") \
    X(DELTA_LARGE_FREE, "runtime.heapStatsDelta", "largeFree") \
    X(DELTA_LARGE_FREE_COUNT, "runtime.heapStatsDelta", "largeFreeCount") \
    X(DELTA_SMALL_FREE_COUNT, "runtime.heapStatsDelta", "smallFreeCount") \
    X(WORK_FULL, "runtime.workType", "full") \
    X(WORK_MODE, "runtime.workType", "mode") \
    X(WORK_CYCLES, "runtime.workType", "cycles") \
    X(WORK_TSTART, "runtime.workType", "tstart") \
    X(WORK_USER_FORCED, "runtime.workType", "userForced") \
    X(WORK_STWPROCS, "runtime.workType", "stwprocs") \
    X(WORK_MAXPROCS, "runtime.workType", "maxprocs") \
    X(WORK_TSWEEP_TERM, "runtime.workType", "tSweepTerm") \
    X(WORK_TMARK, "runtime.workType", "tMark") \
    X(WORK_TMARK_TERM, "runtime.workType", "tMarkTerm") \
    X(WORK_TEND, "runtime.workType", "tEnd") \
    X(WORK_PAUSE_NS, "runtime.workType", "pauseNS") \
    X(WORK_HEAP0, "runtime.workType", "heap0") \
    X(WORK_HEAP1, "runtime.workType", "heap1") \
    X(WORK_HEAP2, "runtime.workType", "heap2") \
    X(WORK_SIZE, "runtime.workType", "") \
    X(MODULE_DATA_TEXT, "runtime.moduledata", "text") \
    X(MODULE_DATA_ETEXT, "runtime.moduledata", "etext") \
    X(MODULE_DATA_NOPTRDATA, "runtime.moduledata", "noptrdata") \
    X(MODULE_DATA_DATA, "runtime.moduledata", "data") \
    X(MODULE_DATA_BSS, "runtime.moduledata", "bss") \
    X(MODULE_DATA_NOPTRBSS, "runtime.moduledata", "noptrbss") \
    X(MODULE_DATA_ENOPTRBSS, "runtime.moduledata", "enoptrbss") \
    X(MODULE_DATA_TYPES, "runtime.moduledata", "types") \
    X(MODULE_DATA_ETYPES, "runtime.moduledata", "etypes") \
    X(MODULE_DATA_GOFUNC, "runtime.moduledata", "gofunc") \
    X(MODULE_DATA_FTAB, "runtime.moduledata", "ftab") \
    X(MODULE_DATA_NEXT, "runtime.moduledata", "next")

enum go_field {
#define X(id, type, field) GO_FIELD_##id,
    GO_FIELDS(X)
#undef X
    GO_FIELD_COUNT
};

#define GO_OFFSET_MISSING (-1)

struct go_layout {
    /* Bytes from the struct's start (the struct's size for size rows), or GO_OFFSET_MISSING. */
    int32_t offset[GO_FIELD_COUNT];
    uint16_t size[GO_FIELD_COUNT];      /* Bytes of the field, capped at 65,535. */
};

struct go_layout_row {
    unsigned minor;                     /* 19 for Go 1.19; rows ascend. */
    struct go_layout layout;
};

/* The generated table. */
extern const struct go_layout_row go_layout_table[];
extern const unsigned go_layout_table_count;

struct go_field_name {
    const char *type, *field;
};
extern const struct go_field_name go_field_names[GO_FIELD_COUNT];

/* Names that some versions give a field in place of the one in go_field_names. */
struct go_field_alias {
    enum go_field id;
    const char *field;
};
extern const struct go_field_alias go_field_aliases[];
extern const unsigned go_field_alias_count;

/* The row for Go 1.`minor`: the row itself, else the nearest newer one, else the newest (*ret_newer is then true). */
const struct go_layout_row *go_layout_find(unsigned minor, bool *ret_newer);
/* Every offset missing. */
void go_layout_clear(struct go_layout *layout);

#endif
