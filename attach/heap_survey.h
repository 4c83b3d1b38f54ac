/* What a runtime's reader tells of its heap for a memory map: where it lies and what each part of it is used for. */
#ifndef HEAPTOP_ATTACH_HEAP_SURVEY_H
#define HEAPTOP_ATTACH_HEAP_SURVEY_H

#include "attach/memory.h"
#include "heaptop/base/vector.h"

struct heap_range {
    uint64_t start, end;
};

enum span_use {
    SPAN_OBJECTS,
    SPAN_MANUAL,            /* Goroutine stacks, the GC's work buffers. */
};

/* A run of pages of the heap that is in use. */
struct heap_span {
    uint64_t start, size;
    uint64_t object_size;   /* Of one slot. */
    uint32_t slots, objects;
    uint8_t use;            /* enum span_use */
    bool is_large;          /* One object, of no size class. */
    bool is_unswept;        /* What the last GC found dead in it still counts as an object. */
    uint32_t cache;         /* The cache that holds it, counted from 1; 0: none does. */
    bool no_scan;
};

/* What one of the threads of allocation (a P of Go) keeps to hand out without asking the heap. */
struct heap_cache {
    uint32_t pages;             /* Pages in no span. */
    uint32_t released_pages;    /* Those of them that the system has back. */
    uint32_t tiny_free;         /* Bytes left in the block that tiny objects share. */
};

struct heap_survey {
    VECTOR(struct heap_range) arenas;               /* By address, apart. */
    VECTOR(struct heap_span) spans;                 /* By address, apart. */
    VECTOR(struct heap_range) managed;              /* Another runtime's heap, by address, apart; it is not divided. */
    /* Of things that the runtime keeps outside the heap: their regions are its own. */
    VECTOR(remote_address) runtime_addresses;
    VECTOR(struct heap_cache) caches;               /* None where they could not be read. */
    bool spans_known;
    const char *reason;     /* Static: why spans are not known; NULL when they are. */
};

static inline void heap_survey_deinit(struct heap_survey *survey)
{
    vector_deinit(&survey->arenas);
    vector_deinit(&survey->spans);
    vector_deinit(&survey->caches);
    vector_deinit(&survey->managed);
    vector_deinit(&survey->runtime_addresses);
}

#endif
