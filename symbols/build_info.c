/* The Go linker's build information. Format: cmd/link/internal/ld/data.go (buildinfo) and debug/buildinfo/buildinfo.go,
 * Go 1.19 to 1.27. */
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"

#define MAGIC "\xff Go buildinf:"
#define MAGIC_LENGTH ((size_t)14)
#define ALIGNMENT 16u
#define HEADER_SIZE 32u
#define FLAGS_OFFSET 15
#define POINTER_SIZE_OFFSET 14
#define FLAG_BIG_ENDIAN 1u
#define FLAG_INLINE_STRINGS 2u      /* From Go 1.18 on. */

/* "go1.24.4 X:exp1,exp2..."; a long list of modules with replacements. */
#define MAX_VERSION ((size_t)4 << 10)
#define MAX_MODULE_INFO ((size_t)4 << 20)

/* How far the search without a section goes: in the writable segments, where the linker puts it, then in the others. */
#define MAX_SEARCH ((uint64_t)256 << 20)

/* cmd/go/internal/modload frames the module information in two strings of 16 bytes. */
#define FRAME_SIZE ((size_t)16)

static void free_text(char **text)
{
    free(*text);
}

/* `size` bytes at an address as a string. */
static struct error *read_text(struct image *image, uint64_t address, uint64_t size, size_t longest, char **ret_text)
{
    if (size > longest)
        return error_create(ERROR_BAD_DATA, "a string of Go's build information is too long");
    char *text __attribute__((cleanup(free_text))) = malloc(size + 1);
    if (!text)
        return error_no_memory();
    struct error *error = image_read(image, address, text, size);
    if (error)
        return error;
    text[size] = '\0';
    *ret_text = take_pointer(text);
    return NULL;
}

/* A string preceded by its length; *address moves behind it. */
static struct error *read_inline_string(struct image *image, uint64_t *address, size_t longest, char **ret_text,
                                        size_t *ret_length)
{
    uint64_t length = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        struct error *error = shift < 63
                                  ? image_read(image, (*address)++, &byte, 1)
                                  : error_create(ERROR_BAD_DATA, "a length in Go's build information is too long");
        if (error)
            return error;
        length |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    struct error *error = read_text(image, *address, length, longest, ret_text);
    if (error)
        return error;
    *address += length;
    *ret_length = length;
    return NULL;
}

/* Before Go 1.18: a pointer to a Go string header, of 8-byte little-endian words as all our targets are. */
static struct error *read_pointed_string(struct image *image, uint64_t pointer, size_t longest, char **ret_text,
                                         size_t *ret_length)
{
    uint8_t bytes[16];
    struct error *error = image_read(image, pointer, bytes, sizeof(bytes));
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    uint64_t address = cursor_u64(&cursor), length = cursor_u64(&cursor);
    error = read_text(image, address, length, longest, ret_text);
    if (!error)
        *ret_length = length;
    return error;
}

/* The second tab-separated word of a line that begins with `key` and a tab, malloc'd; NULL when there is none. */
static struct error *find_line(const char *text, const char *key, char **ret_word)
{
    size_t key_length = strlen(key);
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        if (length > key_length && memcmp(line, key, key_length) == 0 && line[key_length] == '\t') {
            const char *word = line + key_length + 1;
            size_t word_length = strcspn(word, "\t\n");
            if (word_length == 0)
                return NULL;
            *ret_word = strndup(word, word_length);
            return *ret_word ? NULL : error_no_memory();
        }
        line += length;
        line += *line == '\n';
    }
    return NULL;
}

static struct error *parse_module_info(char *text, size_t length, struct go_build_info *info)
{
    /* As debug/buildinfo does: without the frame it is no module information. */
    if (length < 2 * FRAME_SIZE + 1 || text[length - FRAME_SIZE - 1] != '\n')
        return NULL;
    text[length - FRAME_SIZE] = '\0';
    struct error *error = find_line(text + FRAME_SIZE, "path", &info->main_path);
    if (!error)
        error = find_line(text + FRAME_SIZE, "mod", &info->main_module);
    return error;
}

/* Decodes the build information at an address. ERROR_NOT_FOUND when the magic is not there or no version follows. */
static struct error *read_at(struct image *image, uint64_t address, struct go_build_info *ret_info)
{
    uint8_t header[HEADER_SIZE];
    struct error *error = image_read(image, address, header, sizeof(header));
    if (error)
        return error;
    if (memcmp(header, MAGIC, MAGIC_LENGTH) != 0)
        return error_create(ERROR_NOT_FOUND, "no Go build information");
    struct go_build_info info __attribute__((cleanup(go_build_info_deinit))) = {0};
    char *modules __attribute__((cleanup(free_text))) = NULL;
    size_t version_length = 0, modules_length = 0;
    uint8_t flags = header[FLAGS_OFFSET];
    if (flags & FLAG_INLINE_STRINGS) {
        address += HEADER_SIZE;
        error = read_inline_string(image, &address, MAX_VERSION, &info.version, &version_length);
        if (!error)
            error = read_inline_string(image, &address, MAX_MODULE_INFO, &modules, &modules_length);
    } else {
        if (header[POINTER_SIZE_OFFSET] != 8 || (flags & FLAG_BIG_ENDIAN))
            return error_create(ERROR_UNSUPPORTED, "Go build information of another machine");
        struct cursor cursor = cursor_over(header, sizeof(header));
        cursor_seek(&cursor, 16);
        uint64_t version = cursor_u64(&cursor), module = cursor_u64(&cursor);
        error = read_pointed_string(image, version, MAX_VERSION, &info.version, &version_length);
        if (!error && module)
            error = read_pointed_string(image, module, MAX_MODULE_INFO, &modules, &modules_length);
    }
    if (error)
        return error;
    if (!info.version || info.version[0] == '\0')
        return error_create(ERROR_NOT_FOUND, "Go build information without a version");
    if (modules)
        error = parse_module_info(modules, modules_length, &info);
    if (error)
        return error;
    *ret_info = info;
    info = (struct go_build_info){0};
    return NULL;
}

/* Tries every place of a segment's bytes where the magic stands; *budget bounds the bytes looked at over all calls. */
static struct error *search_segment(struct image *image, const struct image_segment *segment, uint64_t *budget,
                                    struct go_build_info *ret_info)
{
    uint64_t offset, size;
    if (!image_file_range(image, segment->address, &offset, &size))
        return error_create(ERROR_NOT_FOUND, "no Go build information");
    _cleanup_free_ uint8_t *window = malloc(FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    /* The window is a multiple of the alignment, so that no aligned magic lies across two. */
    uint64_t first = (ALIGNMENT - segment->address % ALIGNMENT) % ALIGNMENT;
    for (uint64_t at = first; at < size && *budget > 0; at += FILE_STREAM_WINDOW) {
        size_t count = size - at < FILE_STREAM_WINDOW ? (size_t)(size - at) : FILE_STREAM_WINDOW;
        struct error *error = file_cache_read(&image->file, offset + at, window, count);
        if (error)
            return error;
        *budget -= *budget < count ? *budget : count;
        for (const uint8_t *hit = window; (hit = memmem(hit, count - (size_t)(hit - window), MAGIC, MAGIC_LENGTH));
             hit++) {
            size_t within = (size_t)(hit - window);
            if (within % ALIGNMENT != 0)
                continue;
            error = read_at(image, segment->address + at + within, ret_info);
            if (!error || error->kind == ERROR_NO_MEMORY)
                return error;
            /* Perhaps a string that a program about Go binaries carries: the next may be the real one. */
            error_destroy(error);
        }
    }
    return error_create(ERROR_NOT_FOUND, "no Go build information");
}

struct error *image_read_go_build_info(struct image *image, struct go_build_info *ret_info)
{
    const struct image_section *section = image_find_section(image, ".go.buildinfo");
    if (section && section->size >= HEADER_SIZE) {
        struct error *error = read_at(image, section->address, ret_info);
        if (!error || error->kind == ERROR_NO_MEMORY)
            return error;
        error_destroy(error);
    }
    uint64_t budget = MAX_SEARCH;
    for (int writable = 1; writable >= 0; writable--) {
        for (size_t i = 0; i < image->segments.count; i++) {
            const struct image_segment *segment = &image->segments.items[i];
            if (segment->writable != (writable == 1))
                continue;
            struct error *error = search_segment(image, segment, &budget, ret_info);
            if (!error || error->kind != ERROR_NOT_FOUND)
                return error;
            error_destroy(error);
        }
    }
    return error_create(ERROR_NOT_FOUND, "no Go build information");
}

void go_build_info_deinit(struct go_build_info *info)
{
    free(info->version);
    free(info->main_path);
    free(info->main_module);
    *info = (struct go_build_info){0};
}
