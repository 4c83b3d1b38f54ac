/* What the sampler asks of one kind of runtime: one table of functions a folder (attach/go/, attach/jvm/,
 * attach/python/). */
#ifndef HEAPTOP_ATTACH_READER_H
#define HEAPTOP_ATTACH_READER_H

#include "attach/heap_survey.h"
#include "attach/memory.h"
#include "attach/target.h"
#include "heaptop/attach.h"
#include "heaptop/snapshot.h"
#include "heaptop/symbols.h"

/* What a reader is given to look at; all borrowed, all outlive it. */
struct reader_context {
    struct target *target;          /* For its files; NULL in tests that have none. */
    struct memory *memory;
    struct image *image;            /* The executable. */
    uint64_t load_bias;             /* Run-time minus link-time addresses of the executable; 0 for ET_EXEC. */
    struct catalog *catalog;
    const struct region *regions;   /* The memory map at attach, for checking that a pointer can be valid. */
    size_t num_regions;
};

struct reader {
    const struct reader_ops *ops;
};

struct reader_ops {
    const char *name;               /* "go" */
    bool no_profile;                /* It says nothing of a heap profile. */
    /* Looks whether the target is of this kind and finds its way in it. *ret_reader is NULL when it is not of this
     * kind. When it is, but cannot be read in full, a reader is returned all the same and says why through its
     * samples and doctor rows. Fills its part of *info. */
    struct error *(*open)(const struct reader_context *context, struct target_info *info, struct reader **ret_reader);
    /* Adds what it reads to a snapshot under construction. What cannot be read is marked there; errors are only for
     * lack of memory or a target that is gone. Readings repeated within this sample are added to
     * snapshot->cost.samples_retried; the rest of the cost is the sampler's. */
    struct error *(*sample)(struct reader *reader, struct snapshot *snapshot);
    /* A quick look at what the runtime will have forgotten by the next sample, which then tells of it. Costs a few
     * microseconds. Errors as of sample. */
    struct error *(*look)(struct reader *reader);
    /* How soon after a sample or a look to look again, in nanoseconds; 0: not before the next sample. Both NULL where
     * there is nothing to look at. */
    uint64_t (*look_interval)(struct reader *reader);
    /* Tells where the runtime's heap lies and what it is used for, into an empty survey; NULL where there is nothing
     * to tell. Errors as of sample. */
    struct error *(*survey)(struct reader *reader, struct heap_survey *survey);
    /* Where the variable lies that holds how often allocations are sampled, 0 meaning never; borne out by more than one
     * witness, since it will be written to. NULL where there is none. ERROR_NO_MEMORY, ERROR_UNSUPPORTED (why it is
     * not known). */
    struct error *(*find_profile_rate)(struct reader *reader, remote_address *ret_address);
    /* The next samples stop threads that run the program's own code, each for a moment, to read their stacks; or no
     * longer. Stops are added to snapshot->cost.stops and stop_ns. NULL where nothing is gained by it. */
    void (*stop_running)(struct reader *reader, bool stops);
    /* Appends doctor rows for what it can and cannot read; strings in the report's arena. */
    struct error *(*examine)(struct reader *reader, struct doctor_report *report);
    void (*close)(struct reader *reader);
};

extern const struct reader_ops go_reader_ops, jvm_reader_ops, python_reader_ops;

/* For every room-internal user that adds rows: formats into the report's arena. remedy may be NULL. */
struct error *doctor_report_add(struct doctor_report *report, const char *subject, enum doctor_state state,
                                const char *remedy, const char *detail_format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
