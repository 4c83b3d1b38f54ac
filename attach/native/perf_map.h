/* Names of code that a just-in-time compiler has made, as runtimes write them for perf(1): /tmp/perf-PID.map of the
 * process, lines of start, size and name (Linux, tools/perf/Documentation/jit-interface.txt). Who wrote it is not to
 * be trusted. */
#ifndef ATTACH_NATIVE_PERF_MAP_H
#define ATTACH_NATIVE_PERF_MAP_H

#include "attach/target.h"
#include "heaptop/snapshot.h"

/* Names, bytes of the file and bytes of one name that are read. */
#define PERF_MAP_MAX_NAMES (1u << 20)
#define PERF_MAP_MAX_BYTES ((uint64_t)64 << 20)
#define PERF_MAP_MAX_NAME 512u

struct perf_map;

/* The target is borrowed. ERROR_NO_MEMORY. */
struct error *perf_map_create(struct target *target, struct perf_map **ret_map);
void perf_map_destroy(struct perf_map *map);        /* Accepts NULL. */

/* Reads what was written since, if there is a file, it is a regular one, and it belongs to the user that the process
 * runs as, or to root; anything else leaves the map as it was. ERROR_NO_MEMORY. */
struct error *perf_map_refresh(struct perf_map *map);

/* The same of bytes that follow those before: takes whole lines. *ret_taken: bytes of these. For tests, and for
 * fuzzing. */
struct error *perf_map_parse(struct perf_map *map, const char *bytes, size_t size, size_t *ret_taken);

/* The name at a run-time address, by the last line that holds it; false when there is none. It is not escaped, and
 * valid until the map is read again. */
bool perf_map_find(struct perf_map *map, uint64_t address, const char **ret_name, size_t *ret_length);

/* A name taken apart: V8 appends where the function was written, "LazyCompile:*handle /srv/app.js:12:34". */
struct perf_map_name {
    size_t function_length;     /* Bytes of it that are the function's name. */
    size_t file_start, file_length;     /* 0, 0: no file is told. */
    uint32_t line;
    bool is_runtime;            /* Of the runtime itself: builtins, stubs, the interpreter. */
};
struct perf_map_name perf_map_name(const char *name, size_t length);

#endif
