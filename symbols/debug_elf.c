#include "symbols/debug_elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"
#include "symbols/unit_sieve.h"

/* In the order of the ELF file made; the first two must be there. */
static const char *const wanted_names[] = {".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str",
                                           ".debug_str_offsets"};
#define WANTED ARRAY_SIZE(wanted_names)
#define NEEDED 2
#define INFO 0

/* deflate cannot make bytes shorter than this many times. */
#define LARGEST_INFLATION 1040u
/* In front of the contents of a section named .zdebug_*: "ZLIB" and the size, big-endian. */
#define ZDEBUG_HEADER ((size_t)12)

struct debug_section {
    uint64_t offset, stored_size;   /* In the file, behind any header of compression. */
    uint64_t size;                  /* Uncompressed. */
    bool is_compressed;
};

/* Takes a header of compression (Elf64_Chdr) apart. */
static struct error *parse_compression(struct image *image, struct debug_section *section)
{
    uint8_t bytes[sizeof(Elf64_Chdr)];
    if (section->stored_size < sizeof(bytes))
        return error_create(ERROR_BAD_DATA, "a compressed debug section is cut short");
    struct error *error = file_cache_read(&image->file, section->offset, bytes, sizeof(bytes));
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    uint32_t type = cursor_u32(&cursor);
    cursor_skip(&cursor, 4);
    section->size = cursor_u64(&cursor);
    if (type != ELFCOMPRESS_ZLIB)
        return error_create(ERROR_UNSUPPORTED, "debug sections compressed in way %u", type);
    section->offset += sizeof(bytes);
    section->stored_size -= sizeof(bytes);
    section->is_compressed = true;
    return NULL;
}

static struct error *parse_zdebug(struct image *image, struct debug_section *section)
{
    uint8_t bytes[ZDEBUG_HEADER];
    if (section->stored_size < sizeof(bytes))
        return error_create(ERROR_BAD_DATA, "a compressed debug section is cut short");
    struct error *error = file_cache_read(&image->file, section->offset, bytes, sizeof(bytes));
    if (error)
        return error;
    if (memcmp(bytes, "ZLIB", 4) != 0)
        return error_create(ERROR_UNSUPPORTED, "debug sections compressed in an unknown way");
    section->size = 0;
    for (size_t i = 4; i < sizeof(bytes); i++)
        section->size = section->size << 8 | bytes[i];
    section->offset += sizeof(bytes);
    section->stored_size -= sizeof(bytes);
    section->is_compressed = true;
    return NULL;
}

/* Where a section lies and how long it will be; all zero when the image has none. */
static struct error *find_debug_section(struct image *image, const char *name, struct debug_section *ret_section)
{
    char z_name[32] = ".z";
    strncat(z_name, name + 1, sizeof(z_name) - 3);
    const struct named_section *found = image_find_named_section(image, name);
    const struct named_section *z_found = found ? NULL : image_find_named_section(image, z_name);
    struct debug_section section = {0};
    struct error *error = NULL;
    if (found || z_found) {
        const struct image_section *place = found ? &found->place : &z_found->place;
        section = (struct debug_section){.offset = place->offset, .stored_size = place->size, .size = place->size};
        if (z_found)
            error = parse_zdebug(image, &section);
        else if (found->flags & SHF_COMPRESSED)
            error = parse_compression(image, &section);
    }
    if (!error && section.is_compressed && section.size / LARGEST_INFLATION > section.stored_size)
        error = error_create(ERROR_BAD_DATA, "a debug section claims to be longer than it can be");
    if (!error)
        *ret_section = section;
    return error;
}

static void end_inflation(z_stream *stream)
{
    inflateEnd(stream);
}

/* Inflates a section, window by window, into the sink. It must have exactly its size. */
static struct error *inflate_section(struct image *image, const struct debug_section *section, struct unit_sieve *sink)
{
    _cleanup_free_ uint8_t *in = malloc(FILE_STREAM_WINDOW);
    _cleanup_free_ uint8_t *out = malloc(FILE_STREAM_WINDOW);
    z_stream stream __attribute__((cleanup(end_inflation))) = {0};
    if (!in || !out || inflateInit(&stream) != Z_OK)
        return error_no_memory();
    uint64_t done = 0, written = 0;
    int status = Z_OK;
    while (status == Z_OK && done < section->stored_size) {
        uint64_t left = section->stored_size - done;
        size_t count = left < FILE_STREAM_WINDOW ? (size_t)left : FILE_STREAM_WINDOW;
        struct error *error = file_cache_read(&image->file, section->offset + done, in, count);
        if (error)
            return error;
        stream.next_in = in;
        stream.avail_in = (uInt)count;
        do {
            stream.next_out = out;
            stream.avail_out = (uInt)FILE_STREAM_WINDOW;
            status = inflate(&stream, Z_NO_FLUSH);
            size_t made = FILE_STREAM_WINDOW - stream.avail_out;
            if (made > section->size - written)
                return error_create(ERROR_BAD_DATA, "a debug section is longer than it claims to be");
            unit_sieve_pass(sink, out, made);
            written += made;
        } while (status == Z_OK && stream.avail_out == 0);
        /* No progress for want of input is no error: the next window follows. */
        if (status == Z_BUF_ERROR)
            status = Z_OK;
        done += count;
    }
    if (status != Z_STREAM_END || written != section->size)
        return error_create(ERROR_BAD_DATA, "a debug section cannot be inflated");
    return NULL;
}

static struct error *copy_section(struct image *image, const struct debug_section *section, struct unit_sieve *sink)
{
    _cleanup_free_ uint8_t *window = malloc(FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    for (uint64_t done = 0; done < section->size;) {
        uint64_t left = section->size - done;
        size_t count = left < FILE_STREAM_WINDOW ? (size_t)left : FILE_STREAM_WINDOW;
        struct error *error = file_cache_read(&image->file, section->offset + done, window, count);
        if (error)
            return error;
        unit_sieve_pass(sink, window, count);
        done += count;
    }
    return NULL;
}

/* Loads a section to `out`, which holds zeros. is_wanted is NULL for all but .debug_info. Counts the units kept. */
static struct error *load_section(struct image *image, const struct debug_section *section,
                                  debug_unit_wanted *is_wanted, uint8_t *out, size_t *ret_kept)
{
    struct unit_sieve sink = {.out = out, .size = section->size, .is_wanted = is_wanted, .keeps_rest = !is_wanted};
    struct error *error =
        section->is_compressed ? inflate_section(image, section, &sink) : copy_section(image, section, &sink);
    if (!error)
        *ret_kept = sink.kept;
    return error;
}

struct error *debug_section_load(struct image *image, const char *name, uint64_t max_bytes, uint8_t **ret_bytes,
                                 size_t *ret_size)
{
    struct debug_section section;
    size_t kept;
    struct error *error = find_debug_section(image, name, &section);
    if (error)
        return error;
    if (section.size == 0)
        return error_create(ERROR_NOT_FOUND, "no %s", name);
    if (section.size > max_bytes)
        return error_create(ERROR_UNSUPPORTED, "%s is too long", name);
    _cleanup_free_ uint8_t *bytes = calloc(1, section.size);
    if (!bytes)
        return error_no_memory();
    error = load_section(image, &section, NULL, bytes, &kept);
    if (error)
        return error_prefix(error, "%s", name);
    *ret_bytes = take_pointer(bytes);
    *ret_size = section.size;
    return NULL;
}

/* Section 0, the wanted ones, and the names of all. */
#define SECTIONS (WANTED + 2)

/* Writes the headers around the contents, which begin behind the ELF header. `names_at` and `headers_at` are offsets in
 * the file made. */
static void write_headers(char *bytes, const struct debug_section *sections, size_t names_at, size_t headers_at)
{
    Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_shoff = headers_at,
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = SECTIONS,
                         .e_shstrndx = SECTIONS - 1};
    memcpy(bytes, &header, sizeof(header));
    Elf64_Shdr headers[SECTIONS] = {0};
    size_t at = sizeof(Elf64_Ehdr), name_at = names_at + 1;
    for (size_t i = 0; i < WANTED; i++) {
        Elf64_Shdr *made = &headers[i + 1];
        made->sh_name = (Elf64_Word)(name_at - names_at);
        made->sh_type = sections[i].size > 0 ? SHT_PROGBITS : SHT_NULL;
        made->sh_offset = at;
        made->sh_size = sections[i].size;
        made->sh_addralign = 1;
        at += sections[i].size;
        strcpy(bytes + name_at, wanted_names[i]);
        name_at += strlen(wanted_names[i]) + 1;
    }
    headers[SECTIONS - 1] =
        (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = name_at - names_at, .sh_addralign = 1};
    memcpy(bytes + headers_at, headers, sizeof(headers));
}

/* Loads all sections behind each other, from `out` on. */
static struct error *load_sections(struct image *image, const struct debug_section *sections,
                                   debug_unit_wanted *is_wanted, uint8_t *out)
{
    for (size_t i = 0; i < WANTED; i++) {
        size_t kept = 0;
        if (sections[i].size == 0)
            continue;
        struct error *error = load_section(image, &sections[i], i == INFO ? is_wanted : NULL, out, &kept);
        if (!error && i == INFO && kept == 0)
            error = load_section(image, &sections[i], NULL, out, &kept);
        if (error)
            return error_prefix(error, "%s", wanted_names[i]);
        out += sections[i].size;
    }
    return NULL;
}

struct error *debug_elf_build(struct image *image, uint64_t max_bytes, debug_unit_wanted *is_wanted,
                              struct debug_elf *ret_elf)
{
    struct debug_section sections[WANTED];
    uint64_t total = 0;
    size_t names_size = 1;
    for (size_t i = 0; i < WANTED; i++) {
        struct error *error = find_debug_section(image, wanted_names[i], &sections[i]);
        if (error)
            return error;
        if (i < NEEDED && sections[i].size == 0)
            return error_create(ERROR_NOT_FOUND, "no debug information");
        if (sections[i].size > max_bytes - total)
            return error_create(ERROR_UNSUPPORTED, "too much debug information");
        total += sections[i].size;
        names_size += strlen(wanted_names[i]) + 1;
    }
    size_t names_at = sizeof(Elf64_Ehdr) + (size_t)total;
    size_t headers_at = (names_at + names_size + 7) & ~(size_t)7;
    struct debug_elf elf
        __attribute__((cleanup(debug_elf_deinit))) = {.size = headers_at + SECTIONS * sizeof(Elf64_Shdr)};
    /* Zeros that nobody writes to cost no memory. */
    elf.bytes = calloc(1, elf.size);
    if (!elf.bytes)
        return error_no_memory();
    struct error *error = load_sections(image, sections, is_wanted, (uint8_t *)elf.bytes + sizeof(Elf64_Ehdr));
    if (error)
        return error;
    write_headers(elf.bytes, sections, names_at, headers_at);
    *ret_elf = elf;
    elf = (struct debug_elf){0};
    return NULL;
}

void debug_elf_deinit(struct debug_elf *elf)
{
    free(elf->bytes);
    *elf = (struct debug_elf){0};
}
