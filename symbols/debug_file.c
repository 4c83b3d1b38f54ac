#include "heaptop/symbols/debug_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"

#define MAX_PATH 4096
/* A .gnu_debuglink: a file name and a checksum. */
#define MAX_LINK_BYTES 512u
/* What unpacking may take: as much as the best compression asks for, xz(1). */
#define MAX_UNPACK_MEMORY ((uint64_t)256 << 20)
#define CHUNK ((size_t)64 << 10)

DEFINE_CLEANUP(struct image *, image_close)

/* ---- separate files ---- */

/* Only what is a regular file is opened: anything else could wait, or do something. */
static struct error *open_file(const char *path, struct image **ret_image)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return error_create(ERROR_NOT_FOUND, "no debug file");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open a debug file");
    return image_open(descriptor, path, ret_image);
}

static bool is_useful(const struct image *image)
{
    return image_has_symtab(image) || image_has_dwarf(image);
}

/* The file of that path, if its build id is this one. */
static bool open_identified(const char *path, const char *id, struct image **ret_debug)
{
    _cleanup_(image_closep) struct image *debug = NULL;
    _cleanup_error_ struct error *error = open_file(path, &debug);
    if (error || strcmp(image_build_id(debug), id) != 0 || !is_useful(debug))
        return false;
    *ret_debug = take_pointer(debug);
    return true;
}

/* Nothing else need be looked at but the build id. */
static bool open_by_build_id(const char *id, const char *root, struct image **ret_debug)
{
    char path[MAX_PATH];
    int length = snprintf(path, sizeof(path), "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, id, id + 2);
    return strlen(id) >= 4 && length < (int)sizeof(path) && open_identified(path, id, ret_debug);
}

static bool open_in_cache(const char *id, const char *cache, struct image **ret_debug)
{
    char path[MAX_PATH];
    int length = snprintf(path, sizeof(path), "%s/%s/debuginfo", cache ? cache : "", id);
    return cache && strlen(id) >= 4 && length < (int)sizeof(path) && open_identified(path, id, ret_debug);
}

struct link {
    char name[MAX_LINK_BYTES];
    uint32_t checksum;
};

static bool read_link(struct image *image, struct link *ret_link)
{
    const struct named_section *section = image_find_named_section(image, ".gnu_debuglink");
    if (!section || section->place.size > MAX_LINK_BYTES)
        return false;
    uint8_t bytes[MAX_LINK_BYTES];
    _cleanup_error_ struct error *error = image_read_file(image, section->place.offset, bytes, section->place.size);
    if (error)
        return false;
    struct cursor cursor = cursor_over(bytes, section->place.size);
    const char *name = cursor_string(&cursor, MAX_LINK_BYTES);
    /* Only a name: no way out of the folders looked in. */
    if (!name || !name[0] || strchr(name, '/'))
        return false;
    cursor_seek(&cursor, (cursor.offset + 3) & ~(size_t)3);
    ret_link->checksum = cursor_u32(&cursor);
    snprintf(ret_link->name, sizeof(ret_link->name), "%s", name);
    return !cursor.failed;
}

/* Whether it is the file that was split off: by build ids where both have one, else by the checksum of all of it. */
static bool belongs(struct image *image, struct image *debug, uint32_t checksum)
{
    if (image_build_id(image)[0] && image_build_id(debug)[0])
        return strcmp(image_build_id(image), image_build_id(debug)) == 0;
    _cleanup_free_ uint8_t *bytes = malloc(CHUNK);
    uLong sum = crc32(0, NULL, 0);
    uint64_t size = image_file_size(debug);
    for (uint64_t done = 0; bytes && done < size; done += CHUNK) {
        size_t count = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
        _cleanup_error_ struct error *error = image_read_file(debug, done, bytes, count);
        if (error)
            return false;
        sum = crc32(sum, bytes, (uInt)count);
    }
    return bytes && (uint32_t)sum == checksum;
}

static bool open_by_link(struct image *image, const struct link *link, const char *root, const char *path,
                         struct image **ret_debug)
{
    static const struct {
        const char *before, *behind;
    } places[] = {{"", ""}, {"", "/.debug"}, {"/usr/lib/debug", ""}};
    int folder = (int)(strrchr(path, '/') - path);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char file[MAX_PATH];
        int length = snprintf(file, sizeof(file), "%s%s%.*s%s/%s", root, places[i].before, folder, path,
                              places[i].behind, link->name);
        _cleanup_(image_closep) struct image *debug = NULL;
        _cleanup_error_ struct error *error =
            length < (int)sizeof(file) ? open_file(file, &debug) : error_create(ERROR_NOT_FOUND, "path too long");
        if (error || !is_useful(debug) || !belongs(image, debug, link->checksum))
            continue;
        *ret_debug = take_pointer(debug);
        return true;
    }
    return false;
}

struct error *debug_file_open(struct image *image, const char *path, const struct debug_places *places,
                              struct image **ret_debug)
{
    struct link link;
    const char *id = image_build_id(image);
    for (size_t i = 0; i < places->num_roots; i++) {
        if (open_by_build_id(id, places->roots[i], ret_debug))
            return NULL;
    }
    bool has_link = path && path[0] == '/' && read_link(image, &link);
    for (size_t i = 0; i < places->num_roots && has_link; i++) {
        if (open_by_link(image, &link, places->roots[i], path, ret_debug))
            return NULL;
    }
    return open_in_cache(id, places->cache, ret_debug) ? NULL
                                                       : error_create(ERROR_NOT_FOUND, "no separate debug file");
}

/* ---- supplements ---- */

struct supplement_link {
    char name[MAX_LINK_BYTES];
    char id[DEBUG_FILE_BUILD_ID_BUFFER];
};

/* .gnu_debugaltlink: a path and the build id of the file there. */
static bool read_supplement_link(struct image *debug, struct supplement_link *ret_link)
{
    uint8_t bytes[MAX_LINK_BYTES];
    const struct named_section *section = image_find_named_section(debug, ".gnu_debugaltlink");
    if (!section || section->place.size > sizeof(bytes))
        return false;
    _cleanup_error_ struct error *error = image_read_file(debug, section->place.offset, bytes, section->place.size);
    if (error)
        return false;
    struct cursor cursor = cursor_over(bytes, section->place.size);
    const char *name = cursor_string(&cursor, sizeof(bytes));
    size_t size = cursor_left(&cursor);
    if (!name || !name[0] || size == 0 || size > IMAGE_BUILD_ID_BYTES)
        return false;
    snprintf(ret_link->name, sizeof(ret_link->name), "%s", name);
    for (size_t i = 0; i < size; i++)
        snprintf(ret_link->id + 2 * i, 3, "%02x", cursor_u8(&cursor));
    return true;
}

bool debug_file_supplement_id(struct image *debug, char build_id[DEBUG_FILE_BUILD_ID_BUFFER])
{
    struct supplement_link link;
    if (!read_supplement_link(debug, &link))
        return false;
    snprintf(build_id, DEBUG_FILE_BUILD_ID_BUFFER, "%s", link.id);
    return true;
}

struct error *debug_file_open_supplement(struct image *debug, const struct debug_places *places,
                                         struct image **ret_supplement)
{
    struct supplement_link link;
    char path[MAX_PATH];
    if (!read_supplement_link(debug, &link))
        return error_create(ERROR_NOT_FOUND, "no supplementary debug file is needed");
    for (size_t i = 0; i < places->num_roots; i++) {
        if (open_by_build_id(link.id, places->roots[i], ret_supplement))
            return NULL;
        int length = snprintf(path, sizeof(path), "%s%s", places->roots[i], link.name);
        if (link.name[0] == '/' && length < (int)sizeof(path) && open_identified(path, link.id, ret_supplement))
            return NULL;
    }
    /* Beside the debug file. */
    const char *slash = strrchr(image_path(debug), '/');
    int folder = slash ? (int)(slash - image_path(debug)) : 0;
    int length = snprintf(path, sizeof(path), "%.*s/%s", folder, image_path(debug), link.name);
    if (slash && link.name[0] != '/' && length < (int)sizeof(path) && open_identified(path, link.id, ret_supplement))
        return NULL;
    return open_in_cache(link.id, places->cache, ret_supplement)
               ? NULL
               : error_create(ERROR_NOT_FOUND, "the supplementary debug file is not there");
}

/* ---- MiniDebugInfo ---- */

static bool write_fully(int descriptor, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

struct unpacking {
    lzma_stream stream;
    struct image *image;
    uint64_t offset, end;       /* Of what is still packed. */
    uint8_t in[CHUNK], out[CHUNK];
};

static struct error *unpack(struct unpacking *unpacking, int descriptor)
{
    lzma_stream *stream = &unpacking->stream;
    for (lzma_ret status = LZMA_OK; status != LZMA_STREAM_END;) {
        if (stream->avail_in == 0 && unpacking->offset < unpacking->end) {
            uint64_t left = unpacking->end - unpacking->offset;
            stream->next_in = unpacking->in;
            stream->avail_in = left < CHUNK ? (size_t)left : CHUNK;
            struct error *error =
                image_read_file(unpacking->image, unpacking->offset, unpacking->in, stream->avail_in);
            if (error)
                return error;
            unpacking->offset += stream->avail_in;
        }
        stream->next_out = unpacking->out;
        stream->avail_out = CHUNK;
        status = lzma_code(stream, unpacking->offset < unpacking->end ? LZMA_RUN : LZMA_FINISH);
        if (status == LZMA_MEM_ERROR)
            return error_no_memory();
        if (status != LZMA_OK && status != LZMA_STREAM_END)
            return error_create(ERROR_BAD_DATA, ".gnu_debugdata is damaged");
        if (stream->total_out > DEBUG_FILE_MAX_MINI)
            return error_create(ERROR_UNSUPPORTED, ".gnu_debugdata is larger than %zu MiB", DEBUG_FILE_MAX_MINI >> 20);
        if (!write_fully(descriptor, unpacking->out, CHUNK - stream->avail_out))
            return error_from_errno(errno, "cannot keep .gnu_debugdata in memory");
    }
    return NULL;
}

struct error *debug_file_open_mini(struct image *image, struct image **ret_debug)
{
    const struct named_section *section = image_find_named_section(image, ".gnu_debugdata");
    if (!section)
        return error_create(ERROR_NOT_FOUND, "no .gnu_debugdata");
    _cleanup_free_ struct unpacking *unpacking = calloc(1, sizeof(*unpacking));
    if (!unpacking)
        return error_no_memory();
    unpacking->image = image;
    unpacking->offset = section->place.offset;
    unpacking->end = section->place.offset + section->place.size;
    _cleanup_close_ int descriptor = memfd_create("heaptop symbols", MFD_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot make a file in memory");
    if (lzma_stream_decoder(&unpacking->stream, MAX_UNPACK_MEMORY, 0) != LZMA_OK)
        return error_no_memory();
    struct error *error = unpack(unpacking, descriptor);
    lzma_end(&unpacking->stream);
    return error ? error : image_open(take_descriptor(descriptor), image_path(image), ret_debug);
}
