/* The samples of a profile, of one moment or of two: stacks with values, before they are written in some format or made
 * into a tree. */
#ifndef HEAPTOP_ANALYSIS_SAMPLES_H
#define HEAPTOP_ANALYSIS_SAMPLES_H

#include "heaptop/analysis/diff.h"
#include "heaptop/base.h"
#include "heaptop/snapshot.h"

enum sample_profile {
    SAMPLE_HEAP,        /* The heap profile, first of all what is in use. */
    SAMPLE_ALLOCS,      /* The same samples, first of all what was allocated since the process started. */
    SAMPLE_GOROUTINE,   /* Goroutines, the runtime's own left out, by their stacks. */
    SAMPLE_THREADS,     /* Kernel threads by name, state, system call and kernel function: their stacks are not read. */
};

/* Which value of a profile's samples is meant. */
enum sample_value {
    SAMPLE_DEFAULT,     /* Of heap: inuse_bytes; of allocs: alloc_bytes; of the others: count. */
    SAMPLE_INUSE_BYTES,
    SAMPLE_INUSE_OBJECTS,
    SAMPLE_ALLOC_BYTES,
    SAMPLE_ALLOC_OBJECTS,
    SAMPLE_COUNT,       /* Of goroutines and threads: how many. */
};

/* "heap", ...; "inuse_bytes", ...: as on the command line. */
const char *sample_profile_name(enum sample_profile profile);
const char *sample_value_name(enum sample_value value);
/* SAMPLE_DEFAULT resolved. ERROR_USAGE where the profile has no such value. */
struct error *sample_value_resolve(enum sample_profile profile, enum sample_value value, enum sample_value *ret_value);

struct sample_request {
    const struct snapshot *snapshot;
    const struct snapshot *base;    /* Not NULL: what is wanted is how the snapshot differs from it. */
    enum sample_profile profile;
    enum sample_value value;        /* Where there is room for one; may be SAMPLE_DEFAULT. */
    bool by_change;                 /* Of a tree with a base: frames are as wide as what changed in them. */
};

/* alloc_objects, alloc_bytes, inuse_objects, inuse_bytes, as runtime/pprof orders them; or one count. */
#define SAMPLE_MAX_VALUES 4

struct sample {
    stack_id stack;             /* In the set's catalog. */
    uint64_t object_bytes;      /* The "bytes" label of heap profiles; 0: none. */
    string_id labels;           /* pprof labels of goroutines, as the text of a JSON object; 0: none. */
    bool in_base_only;
    int64_t values[2][SAMPLE_MAX_VALUES];   /* By enum diff_side; without a base those of DIFF_OLD are 0. */
};

struct sample_set {
    /* Its own: frames have the addresses at which they ran, those of the base too where that is of the same build. */
    struct catalog *catalog;
    const struct snapshot *snapshot, *base;     /* Borrowed. */
    bool is_same_build;
    enum sample_profile profile;
    unsigned num_values;
    /* Without a base one for each bucket, group or thread, in their order. With one, each stack (and object size) once,
     * also those of which nothing changed. */
    VECTOR(struct sample) samples;
};

/* ERROR_UNSUPPORTED where the snapshot or its base has no such profile. */
struct error *sample_set_collect(const struct sample_request *request, struct sample_set *ret_set);
void sample_set_deinit(struct sample_set *set);
/* `value` is resolved. */
int64_t sample_value_of(const struct sample *sample, enum diff_side side, enum sample_value value);

#endif
