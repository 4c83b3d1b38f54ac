/* RSS reconciled: parts that sum to it, with what is unexplained shown as such. */
#ifndef HEAPTOP_ANALYSIS_MEMORY_PARTS_H
#define HEAPTOP_ANALYSIS_MEMORY_PARTS_H

#include "heaptop/base.h"
#include "heaptop/snapshot.h"

/* X(ID, name, label, help): name is the JSON member. The order is the one they are shown in. */
#define MEMORY_PARTS(X) \
    X(LIVE, "heap_live", "live heap", "objects that the last GC found in use") \
    X(RECENT, "heap_not_collected", "not yet collected", "allocated since the last GC, or garbage not swept yet") \
    X(SLACK, "heap_span_slack", "free slots in spans", \
      "room in heap spans that hold objects: reused for objects of the same size") \
    X(IDLE, "heap_idle", "free spans kept", \
      "heap kept for reuse, and given back to the system bit by bit: not a leak") \
    X(UNDIVIDED, "heap_undivided", "Go heap, undivided", "pages of the Go heap of which no more is known") \
    X(GOROUTINES, "goroutine_stacks", "goroutine stacks", "stacks of goroutines, free ones that are kept included") \
    X(RUNTIME, "go_runtime", "Go runtime", "metadata of GC and heap, profile buckets, the GC's work buffers") \
    X(MANAGED_HEAP, "managed_heap", "Java heap", \
      "objects of a JVM, garbage not collected yet, room kept for new ones") \
    X(PROGRAM, "program", "program", "the executable: code, tables, global variables") \
    X(C_HEAP, "c_heap", "C heaps", "malloc of C code: [heap] and the arenas of threads") \
    X(THREAD_STACKS, "thread_stacks", "thread stacks", "stacks of operating system threads") \
    X(FILES, "files", "mapped files", "libraries, and other files that are mapped") \
    X(SHARED, "shared", "shared memory", "shared memory, memfd and the like") \
    X(ANONYMOUS, "anonymous", "other anonymous", "mmap by the program or by libraries, large allocations of C code") \
    X(UNEXPLAINED, "unexplained", "unexplained", "counted in RSS, and not seen when its pages were looked at")

enum memory_part {
#define X(id, ...) MEMORY_PART_##id,
    MEMORY_PARTS(X)
#undef X
    MEMORY_PART_COUNT
};

struct memory_part_info {
    const char *name, *label, *help;
};
extern const struct memory_part_info memory_part_infos[MEMORY_PART_COUNT];

struct memory_parts {
    bool known;                 /* False until a snapshot had a memory map; all else is 0 then. */
    uint64_t unix_ns;           /* When its pages were looked at. */
    uint64_t took_ns;           /* What that took, wall time. */
    uint64_t rss_bytes;
    uint64_t bytes[MEMORY_PART_COUNT];
    /* The parts sum to rss_bytes + excess_bytes: more pages were seen than the kernel counts, as when some came
     * while they were looked at. */
    uint64_t excess_bytes;
    uint64_t released_bytes;    /* Heap given back to the system: not resident, in no part. */
    bool released_known;
    uint64_t not_looked_at;     /* Address space beyond a bound: its pages are in `unexplained`. */
    bool heap_known;            /* The Go heap is divided; else heap_reason says why it is not. */
    const char *heap_reason;    /* Static, or of the catalog. */
};

/* Of a snapshot that has a memory map; of others `known` is false. */
struct memory_parts memory_parts_of(const struct snapshot *snapshot);

/* What the parts mean, in one to three sentences for a person: which of them is the most, what of it is no leak, what
 * stays open. Nothing where the parts are not known. */
struct error *memory_parts_write_note(const struct memory_parts *parts, struct text *ret_text);

#endif
