#include "attach/native/perf_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/vector.h"

#define WINDOW ((size_t)256 << 10)
/* Code is made anew where other code was: how many names are looked at that begin before an address. */
#define MAX_STEPS 256u

struct name {
    uint64_t start, end;
    uint32_t order;             /* In the file: the later one holds. */
    uint32_t at, length;        /* In texts. */
};

struct perf_map {
    struct target *target;
    uint64_t device, inode, offset;     /* What has been read of which file. */
    bool is_sorted;
    VECTOR(struct name) names;
    VECTOR(char) texts;
};

struct error *perf_map_create(struct target *target, struct perf_map **ret_map)
{
    struct perf_map *map = calloc(1, sizeof(*map));
    if (!map)
        return error_no_memory();
    map->target = target;
    *ret_map = map;
    return NULL;
}

void perf_map_destroy(struct perf_map *map)
{
    if (!map)
        return;
    vector_deinit(&map->names);
    vector_deinit(&map->texts);
    free(map);
}

/* ---- lines ---- */

static struct error *add_name(struct perf_map *map, uint64_t start, uint64_t size, const char *text, size_t length)
{
    struct name name = {.start = start,
                        .end = start + size,
                        .order = (uint32_t)map->names.count,
                        .at = (uint32_t)map->texts.count,
                        .length = (uint32_t)(length < PERF_MAP_MAX_NAME ? length : PERF_MAP_MAX_NAME)};
    if (size == 0 || name.end < start || length == 0 || map->names.count >= PERF_MAP_MAX_NAMES)
        return NULL;
    if (!vector_reserve(&map->texts, map->texts.count + name.length) || !vector_append(&map->names, name))
        return error_no_memory();
    memcpy(map->texts.items + map->texts.count, text, name.length);
    map->texts.count += name.length;
    map->is_sorted = false;
    return NULL;
}

/* "7f12a4000000 1a0 LazyCompile:*handle /srv/app.js:12"; V8 writes 0x before numbers in some versions. A line that is
 * anything else is passed over. */
static struct error *parse_line(struct perf_map *map, const char *line, size_t length)
{
    struct scanner scanner = scanner_over(line, length);
    uint64_t start, size;
    scanner_accept_text(&scanner, "0x");
    if (!scanner_number(&scanner, 16, &start) || !scanner_accept_text(&scanner, " "))
        return NULL;
    scanner_accept_text(&scanner, "0x");
    if (!scanner_number(&scanner, 16, &size) || !scanner_accept_text(&scanner, " "))
        return NULL;
    return add_name(map, start, size, scanner.next, (size_t)(scanner.end - scanner.next));
}

struct error *perf_map_parse(struct perf_map *map, const char *bytes, size_t size, size_t *ret_taken)
{
    size_t at = 0;
    const char *end;
    while (at < size && (end = memchr(bytes + at, '\n', size - at))) {
        struct error *error = parse_line(map, bytes + at, (size_t)(end - (bytes + at)));
        if (error)
            return error;
        at = (size_t)(end - bytes) + 1;
    }
    *ret_taken = at;
    return NULL;
}

/* ---- the file ---- */

static bool may_be_read(const struct perf_map *map, const struct stat *status)
{
    struct process_status process;
    _cleanup_error_ struct error *error = target_read_status(map->target, &process);
    return !error && S_ISREG(status->st_mode) && (status->st_uid == process.uids[1] || status->st_uid == 0);
}

static int open_map(const struct perf_map *map)
{
    char path[64];
    struct process_status process;
    _cleanup_error_ struct error *error = target_read_status(map->target, &process);
    if (error)
        return -1;
    /* As the process sees itself, and its files: in a container both are others. */
    snprintf(path, sizeof(path), "root/tmp/perf-%d.map", (int)process.inner_pid);
    return openat(map->target->folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
}

static void begin_anew(struct perf_map *map, const struct stat *status)
{
    map->device = status->st_dev;
    map->inode = status->st_ino;
    map->offset = 0;
    map->names.count = 0;
    map->texts.count = 0;
}

struct error *perf_map_refresh(struct perf_map *map)
{
    struct stat status;
    _cleanup_close_ int descriptor = open_map(map);
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !may_be_read(map, &status))
        return NULL;
    if (map->device != status.st_dev || map->inode != status.st_ino || (uint64_t)status.st_size < map->offset)
        begin_anew(map, &status);
    if ((uint64_t)status.st_size == map->offset || map->offset >= PERF_MAP_MAX_BYTES)
        return NULL;
    _cleanup_free_ char *window = malloc(WINDOW);
    if (!window)
        return error_no_memory();
    ssize_t count;
    while (map->offset < PERF_MAP_MAX_BYTES && (count = pread(descriptor, window, WINDOW, (off_t)map->offset)) > 0) {
        size_t taken;
        struct error *error = perf_map_parse(map, window, (size_t)count, &taken);
        if (error)
            return error;
        /* A line that no window holds is none; one that is not whole yet is read when it is. */
        if (taken == 0 && (size_t)count < WINDOW)
            break;
        map->offset += taken > 0 ? taken : (size_t)count;
    }
    return NULL;
}

/* ---- looking up ---- */

static int compare_names(const void *left, const void *right)
{
    const struct name *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

bool perf_map_find(struct perf_map *map, uint64_t address, const char **ret_name, size_t *ret_length)
{
    if (!map->is_sorted && map->names.count > 1)
        qsort(map->names.items, map->names.count, sizeof(*map->names.items), compare_names);
    map->is_sorted = true;
    size_t low = 0, high = map->names.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->names.items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct name *found = NULL;
    for (size_t i = low; i > 0 && low - i < MAX_STEPS; i--) {
        const struct name *name = &map->names.items[i - 1];
        if (address < name->end && (!found || name->order > found->order))
            found = name;
    }
    if (!found)
        return false;
    *ret_name = map->texts.items + found->at;
    *ret_length = found->length;
    return true;
}

/* What V8, HotSpot's agents and others call what is theirs. */
static bool is_of_runtime(const char *name, size_t length)
{
    static const char *const starts[] = {"Builtin:",     "BytecodeHandler:", "Stub:",         "Interpreter",
                                         "StubRoutines", "vtable stub",      "RegExp:",       "call_stub",
                                         "I2C/C2I",      "py_trampoline",    "JS entry stub"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        size_t count = strlen(starts[i]);
        if (count <= length && memcmp(name, starts[i], count) == 0)
            return true;
    }
    return false;
}

/* Takes ":123" off the end. */
static bool take_number(const char *name, size_t *length, uint32_t *ret_number)
{
    size_t digits = 0;
    uint64_t number = 0, factor = 1;
    while (digits < *length && digits < 9 && name[*length - digits - 1] >= '0' && name[*length - digits - 1] <= '9') {
        number += (uint64_t)(name[*length - digits - 1] - '0') * factor;
        factor *= 10;
        digits++;
    }
    if (digits == 0 || digits + 1 >= *length || name[*length - digits - 1] != ':')
        return false;
    *length -= digits + 1;
    *ret_number = (uint32_t)number;
    return true;
}

struct perf_map_name perf_map_name(const char *name, size_t length)
{
    struct perf_map_name parts = {.function_length = length, .is_runtime = is_of_runtime(name, length)};
    size_t left = length;
    uint32_t last, before;
    if (!take_number(name, &left, &last))
        return parts;
    /* With a column, or without. */
    parts.line = take_number(name, &left, &before) ? before : last;
    const char *blank = memrchr(name, ' ', left);
    size_t start = blank ? (size_t)(blank - name) + 1 : 0;
    bool is_path = blank && start < left && (name[start] == '/' || memmem(name + start, left - start, ":", 1));
    if (!is_path || blank == name)
        return (struct perf_map_name){.function_length = length, .is_runtime = parts.is_runtime};
    parts.file_start = start;
    parts.file_length = left - start;
    parts.function_length = (size_t)(blank - name);
    return parts;
}
