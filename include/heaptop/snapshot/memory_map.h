/* Where a process's memory is: its regions, and on request which of their pages are resident and what they hold. */
#ifndef HEAPTOP_SNAPSHOT_MEMORY_MAP_H
#define HEAPTOP_SNAPSHOT_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/snapshot/catalog.h"

/* What a region is for. */
enum region_kind {
    REGION_ANONYMOUS,       /* Nothing more is known of it: mmap by the program, large allocations of C code. */
    REGION_GO_HEAP,         /* Arenas of the Go heap: objects, goroutine stacks, free spans. */
    REGION_GO_RUNTIME,      /* The Go runtime's own: spans, bitmaps, profile buckets. */
    REGION_PROGRAM,         /* The executable: its file, and the data and bss behind it. */
    REGION_C_HEAP,          /* [heap], and glibc's arenas. */
    REGION_THREAD_STACK,
    REGION_FILE,            /* Libraries and other mapped files. */
    REGION_SHARED,          /* Shared memory. */
    REGION_RESERVED,        /* May not be touched: address space only. */
    REGION_MANAGED_HEAP,    /* Where another runtime than Go's keeps its objects: the Java heap. */
    REGION_KIND_COUNT
};

/* One line of /proc/PID/maps, neighbours of one file joined. */
struct region {
    uint64_t start, size;
    char permissions[5];
    string_id name;         /* Path, "[heap]", "[stack]", "[anon: Go: heap]", or 0. */
    bool is_measured;       /* The two below are known: the snapshot has a memory map. */
    uint8_t kind;           /* enum region_kind */
    uint64_t resident_bytes;
};

struct resident_bytes {
    uint64_t file;          /* Pages of files and of shared memory. */
    uint64_t anonymous;
};

/* The pages of the Go heap's arenas. Bytes; "resident" is what is in memory of them. */
struct heap_use {
    /* In spans of objects: allocated slots, the rest; in spans of stacks and the like. */
    uint64_t object_bytes, slack_bytes, manual_bytes;
    uint64_t object_resident;       /* Of allocated slots, garbage not swept yet included. */
    uint64_t slack_resident;        /* Of spans that have objects: free slots, and what no slot fits in. */
    uint64_t manual_resident;       /* Goroutine stacks, the GC's work buffers. */
    uint64_t free_resident;         /* In no span: kept for reuse. */
};

/* Spans of objects of one size. */
struct span_class {
    uint32_t object_size;           /* 0: large objects, a span each. */
    bool no_scan;                   /* Holds no pointers. */
    uint64_t spans, bytes, resident_bytes;
    uint64_t slots, objects, object_bytes;
    uint64_t free_bytes;            /* Of slots without an object. */
    uint64_t tail_bytes;            /* What is left of spans behind their last slot. */
    /* Who holds the spans: a P's cache (mcache), else the list of their class (mcentral), with free slots or
     * without. */
    uint64_t cached_spans, partial_spans, full_spans;
    uint64_t unswept_spans;         /* Of all of them: what the last GC found dead still counts as objects. */
};

/* What one P keeps to allocate from without asking the heap. */
struct heap_cache_use {
    uint64_t spans, bytes;
    uint64_t free_slots, free_bytes;
    uint32_t tiny_free_bytes;       /* In the block that tiny objects share. */
    uint32_t page_bytes, released_page_bytes;   /* Of pages in no span; of these, given back to the system. */
};

struct memory_map {
    uint64_t rss_bytes;             /* As the kernel counted it just before and after, the mean. */
    uint64_t took_ns;               /* Wall time of all of it. */
    uint64_t not_looked_at;         /* Address space whose pages were not looked at: a bound was met. */
    struct resident_bytes resident[REGION_KIND_COUNT];
    bool heap_known;                /* `heap` and span_classes. */
    const char *heap_reason;        /* Static, or of the catalog: why they are not known; NULL when they are. */
    struct heap_use heap;
    struct span_class *span_classes;    /* By object size, those with pointers first; large objects last. */
    size_t num_span_classes;
    struct heap_cache_use *caches;  /* By P; none where the caches could not be read. */
    size_t num_caches;
};

#endif
