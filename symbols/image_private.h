/* What the files of the symbols room know of an image beyond its public header. */
#ifndef HEAPTOP_SYMBOLS_IMAGE_PRIVATE_H
#define HEAPTOP_SYMBOLS_IMAGE_PRIVATE_H

#include "heaptop/base/vector.h"
#include "heaptop/symbols/image.h"
#include "symbols/file_cache.h"

/* More than any linker writes; a file with more is cut off there as if it had no section headers, or refused for
 * program headers. */
#define IMAGE_MAX_SEGMENTS 1024u
#define IMAGE_MAX_SECTIONS 65536u
#define IMAGE_MAX_SECTION_NAMES ((uint64_t)4 << 20)

/* "" has no name: 64 hex digits of 32 bytes, more than any linker's build id. */
#define IMAGE_BUILD_ID_BYTES 32

struct named_section {
    struct image_section place;
    const char *name;       /* In image.section_names, or "". */
    uint32_t type, link;
    uint64_t entry_size, flags;
};

struct image_note_place {
    uint64_t offset, size;
};

struct image {
    char *path;
    struct file_cache file;
    uint16_t type, machine;
    VECTOR(struct image_segment) segments;
    VECTOR(struct image_note_place) notes;          /* PT_NOTE. */
    VECTOR(struct named_section) sections; /* By index as in the file, those that lie about their place emptied. */
    char *section_names;
    uint64_t dynamic_address, dynamic_size;         /* PT_DYNAMIC; 0 when there is none. */
    uint64_t unwind_header_address, unwind_header_size;     /* PT_GNU_EH_FRAME; 0 when there is none. */
    char build_id[2 * IMAGE_BUILD_ID_BYTES + 1];
};

/* NULL when there is none, or none with contents in the file. */
const struct named_section *image_find_named_section(const struct image *image, const char *name);
const struct named_section *image_find_section_of_type(const struct image *image, uint32_t type);

/* The file offset of a link-time address and the bytes of its segment that follow it in the file; false when it is in
 * none. */
bool image_file_range(const struct image *image, uint64_t address, uint64_t *ret_offset, uint64_t *ret_size);

#endif
