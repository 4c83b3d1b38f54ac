/* /proc/PID/maps (Linux: fs/proc/task_mmu.c show_map_vma). Read at attach and seldom after: it takes the target's
 * mmap lock for reading. */
#ifndef HEAPTOP_ATTACH_MAPS_H
#define HEAPTOP_ATTACH_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach/name_cache.h"
#include "heaptop/base/error.h"
#include "heaptop/base/text.h"
#include "heaptop/base/vector.h"
#include "heaptop/snapshot.h"

/* The kernel allows 65,530 mappings unless told otherwise (vm.max_map_count). */
#define MAPS_MAX_LINES 131072
#define MAPS_MAX_BYTES ((size_t)32 << 20)

struct map_line {
    uint64_t start, end, offset, inode;
    uint32_t device_major, device_minor;
    char permissions[5];        /* "r-xp" */
    size_t name_offset;         /* In maps.text. */
    size_t name_length;
    bool deleted;               /* The name ended with " (deleted)", which is taken off. */
};

struct maps {
    struct text text;
    VECTOR(struct map_line) lines;      /* By address. */
    size_t malformed;           /* Lines that made no sense and were left out. */
    bool truncated;             /* A bound was met: there are more. */
};

/* Takes the text over. Only ERROR_NO_MEMORY, and the text is freed then. */
struct error *maps_parse(struct text *text, struct maps *ret_maps);
/* folder: of procfs_open_process. */
struct error *maps_read(int folder, struct maps *ret_maps);
void maps_deinit(struct maps *maps);

/* The name as the kernel writes it, not escaped; its length in line->name_length. */
static inline const char *map_line_name(const struct maps *maps, const struct map_line *line)
{
    return maps->text.data + line->name_offset;
}

/* Whether the name of its file, without folders, begins so. */
bool map_line_file_begins(const struct maps *maps, const struct map_line *line, const char *start);
/* The first line of a file whose name begins so; NULL: there is none. */
const struct map_line *maps_find_file(const struct maps *maps, const char *start);
/* Whether both are of one file, or of none. */
bool map_line_is_same_file(const struct map_line *one, const struct map_line *other);

/* Regions for a snapshot, in the arena: neighbours of one name and the same permissions are joined. */
struct error *maps_make_regions(const struct maps *maps, struct arena *arena, struct name_cache *names,
                                struct region **ret_regions, size_t *ret_count);

#endif
