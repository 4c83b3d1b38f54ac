/* A struct of the target of which some bytes were copied, read by field. */
#ifndef HEAPTOP_ATTACH_GO_COPIED_STRUCT_H
#define HEAPTOP_ATTACH_GO_COPIED_STRUCT_H

#include <stddef.h>

#include "attach/go/layout.h"
#include "heaptop/base/cursor.h"

/* No struct that is read whole is larger in any version (runtime.mstats, 12 KiB, is the largest). */
#define COPIED_STRUCT_MAX_BYTES (64u << 10)

struct copied_struct {
    const struct go_layout *layout;     /* Borrowed. */
    const uint8_t *bytes;               /* Borrowed. */
    size_t size;                        /* Of the copied bytes. */
    size_t start;                       /* Where in the struct they begin. */
};

/* The unsigned value of a field of 1, 2, 4 or 8 bytes. False, and *ret_value untouched, where this version has no
 * such field or its bytes were not copied. */
bool copied_struct_get_small(const struct copied_struct *copied, enum go_field field, uint64_t *ret_value);
static inline bool copied_struct_get(const struct copied_struct *copied, enum go_field field, uint64_t *ret_value)
{
    int32_t offset = copied->layout->offset[field];
    /* Nearly all fields, and there may be a million structs. */
    if (copied->layout->size[field] != 8)
        return copied_struct_get_small(copied, field, ret_value);
    return offset >= 0 && (size_t)offset >= copied->start &&
           bytes_u64_at(copied->bytes, copied->size, (size_t)offset - copied->start, ret_value);
}

/* The same, 0 when missing: for fields that add nothing where they do not exist. */
static inline uint64_t copied_struct_get_or_zero(const struct copied_struct *copied, enum go_field field)
{
    uint64_t value = 0;
    copied_struct_get(copied, field, &value);
    return value;
}

static inline bool go_layout_has(const struct go_layout *layout, enum go_field field)
{
    return layout->offset[field] != GO_OFFSET_MISSING;
}

/* Whether all of these are there. */
bool go_layout_has_all(const struct go_layout *layout, const enum go_field *fields, size_t count);

/* The smallest range of the struct's bytes that holds those of the fields that exist; false when none does, or the
 * range is absurdly wide. */
bool go_layout_range(const struct go_layout *layout, const enum go_field *fields, size_t count, size_t *ret_start,
                     size_t *ret_size);

#endif
