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
    bool no_scan;
};

struct heap_survey {
    VECTOR(struct heap_range) arenas;               /* By address, apart. */
    VECTOR(struct heap_span) spans;                 /* By address, apart. */
    VECTOR(remote_address) runtime_addresses;       /* Of things that the runtime keeps outside the heap: their regions are its own. */
    bool spans_known;
    const char *reason;     /* Static: why spans are not known; NULL when they are. */
};

static inline void heap_survey_deinit(struct heap_survey *survey)
{
    vector_deinit(&survey->arenas);
    vector_deinit(&survey->spans);
    vector_deinit(&survey->runtime_addresses);
}

#endif
