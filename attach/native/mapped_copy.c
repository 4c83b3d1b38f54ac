#include "attach/native/mapped_copy.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

#define CHUNK ((size_t)256 << 10)
#define MAX_HEADERS 64u
#define MAX_DYNAMIC_BYTES ((size_t)16 << 10)

/* Pages that cannot be read stay zeros. */
static struct error *copy_mapping(struct memory *memory, const struct map_line *line, uint8_t *chunk, int descriptor)
{
    for (uint64_t at = line->start; at < line->end;) {
        size_t size = line->end - at < CHUNK ? (size_t)(line->end - at) : CHUNK;
        struct error *error = memory_read(memory, at, chunk, size);
        if (error && error->kind != ERROR_FAULT)
            return error;
        off_t offset = (off_t)(line->offset + (at - line->start));
        if (!error && pwrite(descriptor, chunk, size, offset) != (ssize_t)size)
            return error_create(ERROR_SYSTEM, "cannot keep a mapped file in memory");
        error_destroy(error);
        at += size;
    }
    return NULL;
}

static struct error *copy_mappings(struct memory *memory, const struct maps *maps, const struct map_line *line,
                                   int descriptor)
{
    _cleanup_free_ uint8_t *chunk = malloc(CHUNK);
    uint64_t total = 0;
    if (!chunk)
        return error_no_memory();
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *other = &maps->lines.items[i];
        if (!map_line_is_same_file(other, line) || other->permissions[0] != 'r')
            continue;
        total += other->end - other->start;
        if (total > MAPPED_COPY_MAX_BYTES)
            return error_create(ERROR_UNSUPPORTED, "a deleted file is larger than %llu MiB",
                                (unsigned long long)(MAPPED_COPY_MAX_BYTES >> 20));
        struct error *error = copy_mapping(memory, other, chunk, descriptor);
        if (error)
            return error;
    }
    return NULL;
}

struct headers {
    Elf64_Phdr list[MAX_HEADERS];
    size_t count;
};

static bool read_headers(int descriptor, Elf64_Ehdr *ret_header, struct headers *ret_headers)
{
    if (pread(descriptor, ret_header, sizeof(*ret_header), 0) != (ssize_t)sizeof(*ret_header) ||
        memcmp(ret_header->e_ident, ELFMAG, SELFMAG) != 0 || ret_header->e_phentsize != sizeof(Elf64_Phdr) ||
        ret_header->e_phnum > MAX_HEADERS)
        return false;
    ret_headers->count = ret_header->e_phnum;
    size_t size = ret_headers->count * sizeof(Elf64_Phdr);
    return pread(descriptor, ret_headers->list, size, (off_t)ret_header->e_phoff) == (ssize_t)size;
}

/* Run-time minus link-time addresses: by the segment that is mapped there. */
static bool find_bias(const struct headers *headers, const struct map_line *line, uint64_t *ret_bias)
{
    for (size_t i = 0; i < headers->count; i++) {
        const Elf64_Phdr *header = &headers->list[i];
        bool is_code = header->p_type == PT_LOAD && (header->p_flags & PF_X);
        if (is_code && header->p_offset + header->p_filesz > line->offset &&
            header->p_offset < line->offset + (line->end - line->start)) {
            *ret_bias = line->start - (header->p_vaddr + (line->offset - header->p_offset));
            return true;
        }
    }
    return false;
}

/* glibc's linker writes run-time addresses into the dynamic section (elf/get-dynamic-info.h, glibc 2.36), musl's does
 * not. */
static void restore_dynamic(int descriptor, const struct headers *headers, uint64_t bias)
{
    static const Elf64_Sxword addresses[] = {DT_SYMTAB, DT_STRTAB, DT_HASH, DT_GNU_HASH};
    for (size_t i = 0; i < headers->count; i++) {
        const Elf64_Phdr *header = &headers->list[i];
        if (header->p_type != PT_DYNAMIC || header->p_filesz > MAX_DYNAMIC_BYTES)
            continue;
        for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= header->p_filesz; at += sizeof(Elf64_Dyn)) {
            Elf64_Dyn entry;
            off_t offset = (off_t)(header->p_offset + at);
            if (pread(descriptor, &entry, sizeof(entry), offset) != (ssize_t)sizeof(entry) || entry.d_tag == DT_NULL)
                return;
            for (size_t k = 0; k < ARRAY_SIZE(addresses); k++) {
                if (entry.d_tag == addresses[k] && bias > 0 && entry.d_un.d_ptr >= bias)
                    entry.d_un.d_ptr -= bias;
            }
            if (pwrite(descriptor, &entry, sizeof(entry), offset) != (ssize_t)sizeof(entry))
                return;
        }
    }
}

/* Section headers are not mapped: what the header says of them leads nowhere. */
static bool make_file_of(int descriptor, const struct map_line *line)
{
    Elf64_Ehdr header;
    struct headers headers;
    uint64_t bias;
    if (!read_headers(descriptor, &header, &headers) || !find_bias(&headers, line, &bias))
        return false;
    restore_dynamic(descriptor, &headers, bias);
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    return pwrite(descriptor, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
}

struct error *mapped_copy_open(struct memory *memory, const struct maps *maps, const struct map_line *line,
                               struct image **ret_image)
{
    _cleanup_close_ int descriptor = memfd_create("heaptop mapped file", MFD_CLOEXEC);
    if (descriptor < 0)
        return error_create(ERROR_SYSTEM, "cannot make a file in memory");
    struct error *error = copy_mappings(memory, maps, line, descriptor);
    if (error)
        return error;
    if (!make_file_of(descriptor, line))
        return error_create(ERROR_UNSUPPORTED, "a deleted file is not of a form that is known");
    return image_open(take_descriptor(descriptor), "a deleted file", ret_image);
}
