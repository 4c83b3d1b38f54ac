/* A snapshot, or what was concluded from a session, in the formats other programs read. */
#ifndef HEAPTOP_EXPORT_H
#define HEAPTOP_EXPORT_H

#include "heaptop/analysis.h"

enum export_profile {
    EXPORT_HEAP,        /* Default sample type in use. */
    EXPORT_ALLOCS,      /* The same samples, default sample type allocated. */
};

/* The heap profile as a gzip-compressed profile.proto, the values, stacks, names, lines, mappings and "bytes" labels
 * that the process's own /debug/pprof/heap would give. ERROR_UNSUPPORTED where there is no heap profile. */
struct error *export_pprof(const struct snapshot *snapshot, enum export_profile profile, struct text *ret_bytes);

/* One JSON document, "schema": "heaptop/1", with all that design.md lists; what could not be read is null, with the
 * reason under "unavailable". */
struct error *export_json(const struct history *history, const struct analysis *analysis, struct text *ret_text);

/* What a person would conclude, as plain text of at most `columns` columns. */
struct error *export_report(const struct history *history, const struct analysis *analysis, unsigned columns,
                            struct text *ret_text);

/* Writes a file whole or not at all: a temporary neighbour, fsync, rename. "-" writes to standard output. */
struct error *export_write_file(const char *path, const void *bytes, size_t size);

#endif
