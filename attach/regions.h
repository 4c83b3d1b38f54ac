/* The memory map as snapshots have it: read anew every now and then, and its pages looked at when asked. */
#ifndef HEAPTOP_ATTACH_REGIONS_H
#define HEAPTOP_ATTACH_REGIONS_H

#include "attach/malloc/object_types.h"
#include "attach/mappings.h"
#include "attach/reader_set.h"
#include "attach/target.h"

/* Pages are not looked at more often than every ten seconds; less the time by which one sample can be earlier than it
 * should, so that who watches for ten seconds has a look at both ends. */
#define REGIONS_PAGES_PERIOD_NS UINT64_C(9700000000)
/* Of a program that no reader knows the heap of malloc is read by itself, as seldom as it takes for that to use at most
 * one part in so many of a processor. */
#define REGIONS_MALLOC_PARTS 200u

/* Zeroed, it is ready to be attached. */
struct region_reader {
    struct target *target;              /* Borrowed, as of the attach. */
    struct memory *memory;              /* Borrowed. */
    struct name_cache *names;           /* Borrowed. */
    struct mapping_list *mappings;      /* Of the program that runs now. */
    uint64_t maps_read_ns, pages_ns;    /* CLOCK_MONOTONIC: when last read, last looked at; 0: never. */
    /* The executable, borrowed; NULL: it cannot be read. Set by whoever attaches. */
    struct image *image;
    const char *allocator;              /* Static: as of program_kind; NULL: not looked for yet. */
    struct type_names type_names;       /* Of the program that runs now. */
    /* CLOCK_MONOTONIC: when malloc's heap is read again; 0: not before a second sample. */
    uint64_t malloc_due_ns;
    bool wants_pages;
};

/* The regions of the program that runs now, into the arena. The others are borrowed until the next attach. */
struct error *region_reader_attach(struct region_reader *reader, struct target *target, struct memory *memory,
                                   struct name_cache *names,
                                   struct arena *arena, struct region **ret_regions, size_t *ret_count);
/* Lets go of all that belongs to one program; also after half an attach. */
void region_reader_detach(struct region_reader *reader);

/* The next sample shall have a memory map, unless the last one is younger than REGIONS_PAGES_PERIOD_NS. */
void region_reader_request_pages(struct region_reader *reader);

/* Fills regions, mappings and, where it was asked for, memory_map of a snapshot that has the readers' sample; and
 * malloc_heap when it is due. What cannot be read is a problem of the snapshot; only final errors
 * (reader_error_is_final). */
struct error *region_reader_sample(struct region_reader *reader, struct reader_set *readers, struct snapshot *snapshot);

#endif
