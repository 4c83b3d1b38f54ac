/* The samples of a profile, of one moment or of two, before they are written in some format. */
#ifndef HEAPTOP_EXPORT_SAMPLES_H
#define HEAPTOP_EXPORT_SAMPLES_H

#include "heaptop/export.h"

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
    enum export_profile profile;
    unsigned num_values;
    /* Without a base one for each bucket, group or thread, in their order. With one, each stack (and object size) once,
     * also those of which nothing changed. */
    VECTOR(struct sample) samples;
};

/* ERROR_UNSUPPORTED where the snapshot or its base has no such profile. */
struct error *sample_set_collect(const struct export_request *request, struct sample_set *ret_set);
void sample_set_deinit(struct sample_set *set);
/* `value` is resolved. */
int64_t sample_value(const struct sample *sample, enum diff_side side, enum export_value value);

#endif
