#include "heaptop/symbols/image.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"

DEFINE_CLEANUP(struct image *, image_close)

/* Where ELF headers say that things lie. */
struct elf_header {
    uint64_t segment_offset, section_offset;
    uint16_t segment_size, section_size;
    uint32_t segment_count, section_count, names_index;
};

static bool range_in_file(const struct image *image, uint64_t offset, uint64_t size)
{
    return size <= image->file.size && offset <= image->file.size - size;
}

static struct error *read_header(struct image *image, struct elf_header *ret_header)
{
    uint8_t bytes[sizeof(Elf64_Ehdr)];
    if (image->file.size < EI_NIDENT)
        return error_create(ERROR_BAD_DATA, "not an ELF file");
    struct error *error = file_cache_read(&image->file, 0, bytes, EI_NIDENT);
    if (error)
        return error;
    if (memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return error_create(ERROR_BAD_DATA, "not an ELF file");
    if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
        return error_create(ERROR_UNSUPPORTED, "not a 64-bit little-endian ELF file");
    error = file_cache_read(&image->file, 0, bytes, sizeof(bytes));
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    cursor_seek(&cursor, EI_NIDENT);
    image->type = cursor_u16(&cursor);
    image->machine = cursor_u16(&cursor);
    cursor_skip(&cursor, 4 + 8);    /* e_version, e_entry */
    struct elf_header header = {.segment_offset = cursor_u64(&cursor), .section_offset = cursor_u64(&cursor)};
    cursor_skip(&cursor, 4 + 2);    /* e_flags, e_ehsize */
    header.segment_size = cursor_u16(&cursor);
    header.segment_count = cursor_u16(&cursor);
    header.section_size = cursor_u16(&cursor);
    header.section_count = cursor_u16(&cursor);
    header.names_index = cursor_u16(&cursor);
    *ret_header = header;
    return NULL;
}

/* Counts too large for the header's 16 bits are in the first section header (gABI, "extended numbering"). */
static struct error *read_extended_counts(struct image *image, struct elf_header *header)
{
    bool extended = header->segment_count == PN_XNUM || (header->section_count == 0 && header->section_offset != 0) ||
                    header->names_index == SHN_XINDEX;
    if (!extended || header->section_size < sizeof(Elf64_Shdr) ||
        !range_in_file(image, header->section_offset, sizeof(Elf64_Shdr)))
        return NULL;
    uint8_t bytes[sizeof(Elf64_Shdr)];
    struct error *error = file_cache_read(&image->file, header->section_offset, bytes, sizeof(bytes));
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    cursor_seek(&cursor, offsetof(Elf64_Shdr, sh_size));
    uint64_t count = cursor_u64(&cursor);
    uint32_t link = cursor_u32(&cursor);
    uint32_t info = cursor_u32(&cursor);
    if (header->section_count == 0)
        header->section_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    if (header->names_index == SHN_XINDEX)
        header->names_index = link;
    if (header->segment_count == PN_XNUM)
        header->segment_count = info;
    return NULL;
}

static bool append_segment(struct image *image, struct cursor *cursor)
{
    uint32_t type = cursor_u32(cursor);
    uint32_t flags = cursor_u32(cursor);
    uint64_t offset = cursor_u64(cursor);
    uint64_t address = cursor_u64(cursor);
    cursor_u64(cursor);     /* p_paddr */
    uint64_t file_size = cursor_u64(cursor);
    uint64_t memory_size = cursor_u64(cursor);
    if (type == PT_NOTE && range_in_file(image, offset, file_size))
        return vector_append(&image->notes, (struct image_note_place){offset, file_size});
    if (type == PT_DYNAMIC) {
        image->dynamic_address = address;
        image->dynamic_size = file_size;
    }
    if (type == PT_GNU_EH_FRAME) {
        image->unwind_header_address = address;
        image->unwind_header_size = file_size;
    }
    /* One that wraps around the address space can hold nothing. */
    if (type != PT_LOAD || memory_size == 0 || address + memory_size < address)
        return true;
    return vector_append(&image->segments, (struct image_segment){
        .address = address, .memory_size = memory_size, .file_offset = offset,
        .file_size = file_size < memory_size ? file_size : memory_size,
        .readable = flags & PF_R, .writable = flags & PF_W, .executable = flags & PF_X});
}

static struct error *read_segments(struct image *image, const struct elf_header *header)
{
    if (header->segment_count == 0)
        return NULL;
    if (header->segment_count > IMAGE_MAX_SEGMENTS || header->segment_size < sizeof(Elf64_Phdr))
        return error_create(ERROR_BAD_DATA, "the ELF program headers make no sense");
    size_t size = (size_t)header->segment_count * header->segment_size;
    _cleanup_free_ uint8_t *bytes = malloc(size);
    if (!bytes)
        return error_no_memory();
    struct error *error = file_cache_read(&image->file, header->segment_offset, bytes, size);
    if (error)
        return error_prefix(error, "ELF program headers");
    for (uint32_t i = 0; i < header->segment_count; i++) {
        struct cursor cursor = cursor_over(bytes + (size_t)i * header->segment_size, sizeof(Elf64_Phdr));
        if (!append_segment(image, &cursor))
            return error_no_memory();
    }
    return NULL;
}

static struct named_section parse_section(const struct image *image, struct cursor *cursor, uint32_t *ret_name)
{
    struct named_section section = {.name = ""};
    *ret_name = cursor_u32(cursor);
    section.type = cursor_u32(cursor);
    section.flags = cursor_u64(cursor);
    section.place.address = cursor_u64(cursor);
    section.place.offset = cursor_u64(cursor);
    section.place.size = cursor_u64(cursor);
    section.link = cursor_u32(cursor);
    cursor_skip(cursor, 4 + 8);     /* sh_info, sh_addralign */
    section.entry_size = cursor_u64(cursor);
    section.place.in_file = section.type != SHT_NOBITS && section.type != SHT_NULL;
    /* A section that lies about its place keeps its index, which others link to, and is nothing else. */
    if (section.place.in_file && !range_in_file(image, section.place.offset, section.place.size))
        section = (struct named_section){.name = "", .type = SHT_NULL};
    return section;
}

/* Section names, NUL-terminated whatever the file says; NULL without error when there are none. */
static struct error *read_section_names(struct image *image, uint32_t index, uint64_t *ret_size)
{
    *ret_size = 0;
    if (index >= image->sections.count)
        return NULL;
    const struct image_section *names = &image->sections.items[index].place;
    if (!names->in_file || names->size == 0 || names->size > IMAGE_MAX_SECTION_NAMES)
        return NULL;
    image->section_names = malloc(names->size + 1);
    if (!image->section_names)
        return error_no_memory();
    struct error *error = file_cache_read(&image->file, names->offset, image->section_names, names->size);
    if (error)
        return error;
    image->section_names[names->size] = '\0';
    *ret_size = names->size;
    return NULL;
}

/* Section headers are a help and no need: when they are missing, or lie outside the file, the image has none. */
static struct error *read_sections(struct image *image, const struct elf_header *header)
{
    uint64_t size = (uint64_t)header->section_count * header->section_size;
    if (header->section_count == 0 || header->section_count > IMAGE_MAX_SECTIONS ||
        header->section_size < sizeof(Elf64_Shdr) || !range_in_file(image, header->section_offset, size))
        return NULL;
    _cleanup_free_ uint8_t *bytes = malloc(size);
    _cleanup_free_ uint32_t *name_offsets = calloc(header->section_count, sizeof(*name_offsets));
    if (!bytes || !name_offsets || !vector_reserve(&image->sections, header->section_count))
        return error_no_memory();
    struct error *error = file_cache_read(&image->file, header->section_offset, bytes, size);
    if (error)
        return error;
    for (uint32_t i = 0; i < header->section_count; i++) {
        struct cursor cursor = cursor_over(bytes + (size_t)i * header->section_size, sizeof(Elf64_Shdr));
        image->sections.items[i] = parse_section(image, &cursor, &name_offsets[i]);
    }
    image->sections.count = header->section_count;
    uint64_t names_size = 0;
    error = read_section_names(image, header->names_index, &names_size);
    if (error)
        return error;
    for (uint32_t i = 0; i < header->section_count; i++)
        if (name_offsets[i] < names_size && image->sections.items[i].type != SHT_NULL)
            image->sections.items[i].name = image->section_names + name_offsets[i];
    return NULL;
}

/* Takes the GNU build id out of one note section or segment. A note that makes no sense ends the search. */
static void find_build_id(struct image *image, uint64_t offset, uint64_t size)
{
    uint8_t bytes[4096];
    if (size > sizeof(bytes))
        size = sizeof(bytes);
    _cleanup_error_ struct error *error = file_cache_read(&image->file, offset, bytes, size);
    if (error)
        return;
    struct cursor cursor = cursor_over(bytes, size);
    while (cursor_left(&cursor) > 0 && !cursor.failed) {
        uint32_t name_size = cursor_u32(&cursor);
        uint32_t data_size = cursor_u32(&cursor);
        uint32_t type = cursor_u32(&cursor);
        const uint8_t *name = cursor_bytes(&cursor, ((size_t)name_size + 3) & ~(size_t)3);
        const uint8_t *data = cursor_bytes(&cursor, ((size_t)data_size + 3) & ~(size_t)3);
        if (cursor.failed)
            return;
        if (type != NT_GNU_BUILD_ID || name_size != 4 || memcmp(name, "GNU", 4) != 0 || data_size == 0)
            continue;
        for (uint32_t i = 0; i < data_size && i < IMAGE_BUILD_ID_BYTES; i++)
            snprintf(image->build_id + 2 * (size_t)i, 3, "%02x", data[i]);
        return;
    }
}

static void read_build_id(struct image *image)
{
    for (size_t i = 0; i < image->notes.count && !image->build_id[0]; i++)
        find_build_id(image, image->notes.items[i].offset, image->notes.items[i].size);
    for (size_t i = 0; i < image->sections.count && !image->build_id[0]; i++)
        if (image->sections.items[i].type == SHT_NOTE)
            find_build_id(image, image->sections.items[i].place.offset, image->sections.items[i].place.size);
}

static struct error *image_load(struct image *image)
{
    struct elf_header header = {0};
    struct error *error = read_header(image, &header);
    if (!error)
        error = read_extended_counts(image, &header);
    if (!error)
        error = read_segments(image, &header);
    if (!error)
        error = read_sections(image, &header);
    if (error)
        return error;
    read_build_id(image);
    return NULL;
}

struct error *image_open(int descriptor, const char *path, struct image **ret_image)
{
    _cleanup_close_ int owned = descriptor;
    _cleanup_(image_closep) struct image *image = calloc(1, sizeof(*image));
    if (!image)
        return error_no_memory();
    struct error *error = file_cache_init(&image->file, take_descriptor(owned));
    if (error)
        return error;
    image->path = strdup(path);
    if (!image->path)
        return error_no_memory();
    error = image_load(image);
    if (error)
        return error;
    *ret_image = take_pointer(image);
    return NULL;
}

void image_close(struct image *image)
{
    if (!image)
        return;
    file_cache_deinit(&image->file);
    vector_deinit(&image->segments);
    vector_deinit(&image->notes);
    vector_deinit(&image->sections);
    free(image->section_names);
    free(image->path);
    free(image);
}

const char *image_path(const struct image *image)
{
    return image->path;
}

int image_descriptor(const struct image *image)
{
    return image->file.descriptor;
}

bool image_is_position_independent(const struct image *image)
{
    return image->type == ET_DYN;
}

bool image_is_x86_64(const struct image *image)
{
    return image->machine == EM_X86_64;
}

bool image_has_sections(const struct image *image)
{
    return image->sections.count > 0;
}

bool image_has_symtab(const struct image *image)
{
    return image_find_section_of_type(image, SHT_SYMTAB) != NULL;
}

bool image_has_dwarf(const struct image *image)
{
    return image_find_named_section(image, ".debug_info") || image_find_named_section(image, ".zdebug_info");
}

uint64_t image_file_size(const struct image *image)
{
    return image->file.size;
}

size_t image_segment_count(const struct image *image)
{
    return image->segments.count;
}

const struct image_segment *image_segment_at(const struct image *image, size_t index)
{
    return &image->segments.items[index];
}

const char *image_build_id(const struct image *image)
{
    return image->build_id;
}

const struct image_section *image_find_section(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->sections.count; i++)
        if (strcmp(image->sections.items[i].name, name) == 0 && image->sections.items[i].type != SHT_NULL)
            return &image->sections.items[i].place;
    return NULL;
}

const struct named_section *image_find_named_section(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->sections.count; i++) {
        const struct named_section *section = &image->sections.items[i];
        if (section->place.in_file && section->place.size > 0 && strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

const struct named_section *image_find_section_of_type(const struct image *image, uint32_t type)
{
    for (size_t i = 0; i < image->sections.count; i++) {
        const struct named_section *section = &image->sections.items[i];
        if (section->place.in_file && section->place.size > 0 && section->type == type)
            return section;
    }
    return NULL;
}

static const struct image_segment *find_segment(const struct image *image, uint64_t address)
{
    for (size_t i = 0; i < image->segments.count; i++)
        if (address - image->segments.items[i].address < image->segments.items[i].memory_size)
            return &image->segments.items[i];
    return NULL;
}

bool image_file_range(const struct image *image, uint64_t address, uint64_t *ret_offset, uint64_t *ret_size)
{
    const struct image_segment *segment = find_segment(image, address);
    if (!segment || address - segment->address >= segment->file_size)
        return false;
    uint64_t within = address - segment->address;
    uint64_t offset = segment->file_offset + within, size = segment->file_size - within;
    if (offset < within || offset >= image->file.size)
        return false;
    *ret_offset = offset;
    *ret_size = size < image->file.size - offset ? size : image->file.size - offset;
    return true;
}

struct error *image_read(struct image *image, uint64_t address, void *buffer, size_t size)
{
    uint8_t *out = buffer;
    while (size > 0) {
        const struct image_segment *segment = find_segment(image, address);
        if (!segment)
            return error_create_at(ERROR_FAULT, address, "address %#llx lies in no segment",
                                   (unsigned long long)address);
        uint64_t within = address - segment->address;
        bool in_file = within < segment->file_size;
        uint64_t left = (in_file ? segment->file_size : segment->memory_size) - within;
        size_t count = left < size ? (size_t)left : size;
        if (in_file) {
            uint64_t offset = segment->file_offset + within;
            if (offset < within)
                return error_create_at(ERROR_BAD_DATA, address, "a segment lies outside the file");
            struct error *error = file_cache_read(&image->file, offset, out, count);
            if (error)
                return error;
        } else {
            memset(out, 0, count);
        }
        out += count;
        address += count;
        size -= count;
    }
    return NULL;
}

struct error *image_read_file(struct image *image, uint64_t offset, void *buffer, size_t size)
{
    return file_cache_read(&image->file, offset, buffer, size);
}
