#include "tui/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAB_WIDTH 4

void source_lines_deinit(struct source_lines *lines)
{
    arena_deinit(&lines->arena);
    lines->count = 0;
}

/* One line as it can be shown. */
static const char *clean_line(struct arena *arena, const char *bytes, size_t length)
{
    struct text text = {0};
    size_t columns = 0, from = 0;
    while (length > 0 && (bytes[length - 1] == '\r'))
        length--;
    if (length > SOURCE_FILE_MAX_COLUMNS)
        length = SOURCE_FILE_MAX_COLUMNS;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && bytes[i] != '\t')
            continue;
        text_append_escaped(&text, bytes + from, i - from);
        from = i + 1;
        if (i < length) {
            columns = text.length;
            for (size_t pad = TAB_WIDTH - columns % TAB_WIDTH; pad > 0; pad--)
                text_append(&text, " ");
        }
    }
    const char *copy = text.failed ? NULL : arena_copy_string(arena, text.data ? text.data : "", text.length);
    text_deinit(&text);
    return copy;
}

static struct error *keep_lines(const char *bytes, size_t size, uint32_t line, struct source_lines *lines)
{
    uint32_t number = 1, before = SOURCE_FILE_MAX_LINES / 2;
    lines->first = line > before ? line - before : 1;
    lines->lines = arena_alloc_array(&lines->arena, SOURCE_FILE_MAX_LINES, sizeof(*lines->lines));
    if (!lines->lines)
        return error_no_memory();
    for (size_t at = 0; at < size; number++) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end - bytes) - at : size - at;
        if (number >= lines->first && lines->count < SOURCE_FILE_MAX_LINES) {
            const char *copy = clean_line(&lines->arena, bytes + at, length);
            if (!copy)
                return error_no_memory();
            lines->lines[lines->count++] = copy;
        }
        if (lines->count == SOURCE_FILE_MAX_LINES)
            break;
        at += length + 1;
    }
    if (lines->first + lines->count <= line)
        return error_create(ERROR_BAD_DATA, "the file has no line %u: it is not the one that was compiled", line);
    return NULL;
}

struct error *source_lines_read(const char *path, uint32_t line, struct source_lines *ret_lines)
{
    /* O_NONBLOCK: a fifo of that name must not hold us up. */
    _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", path);
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return error_from_errno(errno, "cannot read '%s'", path);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_BAD_DATA, "'%s' is not a file", path);
    if (status.st_size <= 0 || (uint64_t)status.st_size > SOURCE_FILE_MAX_BYTES)
        return error_create(ERROR_BAD_DATA, "'%s' is empty or too large", path);
    _cleanup_free_ char *bytes = malloc((size_t)status.st_size);
    if (!bytes)
        return error_no_memory();
    size_t size = 0;
    while (size < (size_t)status.st_size) {
        ssize_t got = pread(descriptor, bytes + size, (size_t)status.st_size - size, (off_t)size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_from_errno(errno, "cannot read '%s'", path);
        if (got == 0)
            break;
        size += (size_t)got;
    }
    struct source_lines lines = {.modified_unix_ns =
                                     (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec};
    arena_init(&lines.arena);
    struct error *error = keep_lines(bytes, size, line, &lines);
    if (error) {
        source_lines_deinit(&lines);
        return error;
    }
    *ret_lines = lines;
    return NULL;
}

/* The length of a map's FROM where the path begins with it, at a folder's end; else 0. */
static size_t mapped_length(const char *map, const char *path)
{
    size_t length = (size_t)(strchr(map, '=') - map);
    while (length > 1 && map[length - 1] == '/')
        length--;
    if (strncmp(map, path, length) != 0)
        return 0;
    return path[length] == '/' || path[length] == '\0' || map[length - 1] == '/' ? length : 0;
}

bool source_path_write(const struct tui_source_maps *maps, const char *path, struct text *ret_path)
{
    const char *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < maps->count; i++) {
        size_t length = mapped_length(maps->maps[i], path);
        if (length > longest) {
            longest = length;
            best = strchr(maps->maps[i], '=') + 1;
        }
    }
    if (!best) {
        text_append(ret_path, path);
        return false;
    }
    size_t length = strlen(best);
    while (length > 1 && best[length - 1] == '/')
        length--;
    text_append_bytes(ret_path, best, length);
    if (path[longest] != '/' && path[longest] != '\0')
        text_append(ret_path, "/");
    text_append(ret_path, path + longest);
    return true;
}
