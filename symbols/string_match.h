/* Finds a set of names in a table of NUL-terminated strings (.strtab, Go's function names) in one pass over the file.
 * The result is offsets, which a pass over the records that point into the table can then look for without reading any
 * string. */
#ifndef HEAPTOP_SYMBOLS_STRING_MATCH_H
#define HEAPTOP_SYMBOLS_STRING_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/table.h"
#include "symbols/file_cache.h"

/* A name is often the tail of longer strings, and linkers share tails, so one name can have many offsets. Beyond this
 * many in all the table is not one that a linker wrote. */
#define STRING_MATCH_MAX_OFFSETS ((size_t)1 << 18)

struct string_match {
    const char *const *names;   /* Borrowed; NULL names are passed over. */
    size_t count;
    size_t *lengths;
    uint32_t *next;             /* The next name (index + 1) of the same bucket. */
    uint32_t *buckets;          /* By the last bytes of the name: index + 1, 0 for none. */
    bool whole_strings;         /* Set by the caller before a scan: a name must be a whole string, not just its tail. */
    bool *is_matched;           /* By name, for those that `offsets` tells of. */
    size_t matched;             /* How many of them. */
    struct table offsets;       /* Offset in the table -> index of the name, of which equal names share the first's. */
};

struct error *string_match_init(struct string_match *match, const char *const *names, size_t count);
void string_match_deinit(struct string_match *match);

/* Passes over `size` bytes of the file and notes the offset, from `base`, of every place where a wanted name is, or
 * ends, a string. */
struct error *string_match_scan(struct string_match *match, struct file_cache *file, uint64_t base, uint64_t size);

/* The index under which a name's offsets are noted: that of the first equal name. */
size_t string_match_first(const struct string_match *match, size_t index);

#endif
