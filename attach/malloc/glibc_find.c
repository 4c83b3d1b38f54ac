#include "attach/malloc/glibc_find.h"

#include <string.h>

#include "attach/malloc/glibc_layout.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* Variables of a file larger than this are not looked at: glibc's are 30 KB, those of a large static program some MB.
 */
#define MAX_DATA_BYTES ((size_t)8 << 20)
#define MAX_FILES 8u

static uint64_t word_at(const uint8_t *bytes, size_t size, size_t offset)
{
    uint64_t value = 0;
    bytes_u64_at(bytes, size, offset, &value);
    return value;
}

/* Variables of one file, as they are now. */
struct data {
    uint64_t start;
    size_t size;
    uint8_t *bytes;
};

/* An empty bin points at itself, as if it were a chunk whose header lay before. */
static bool is_empty_bin(const struct data *data, size_t at)
{
    uint64_t self = data->start + at - CHUNK_HEADER_BYTES;
    return word_at(data->bytes, data->size, at) == self && word_at(data->bytes, data->size, at + 8) == self;
}

static bool is_bin(const struct data *data, size_t at)
{
    uint64_t forward = word_at(data->bytes, data->size, at), backward = word_at(data->bytes, data->size, at + 8);
    return is_empty_bin(data, at) || (forward && backward && forward % 16 == 0 && backward % 16 == 0);
}

static bool is_main_arena(const struct data *data, size_t at)
{
    if (at + ARENA_BYTES > data->size)
        return false;
    unsigned empty = 0;
    for (size_t bin = 0; bin < ARENA_NUM_BINS; bin++) {
        size_t place = at + ARENA_BINS + bin * 16;
        if (!is_bin(data, place))
            return false;
        empty += is_empty_bin(data, place);
    }
    uint64_t now = word_at(data->bytes, data->size, at + ARENA_SYSTEM_MEMORY);
    uint64_t most = word_at(data->bytes, data->size, at + ARENA_MOST_SYSTEM_MEMORY);
    uint64_t next = word_at(data->bytes, data->size, at + ARENA_NEXT),
             top = word_at(data->bytes, data->size, at + ARENA_TOP);
    return empty > 0 && now <= most && now % 16 == 0 && next != 0 && next % 8 == 0 && top != 0 && top % 16 == 0;
}

/* The bins are in a row: a first that points at itself may be any of the arena's. */
static bool find_arena(const struct data *data, size_t *ret_at)
{
    for (size_t at = ARENA_BINS; at + 16 <= data->size; at += 8) {
        if (!is_empty_bin(data, at))
            continue;
        for (size_t bin = 0; bin < ARENA_NUM_BINS && at >= ARENA_BINS + bin * 16; bin++) {
            if (is_main_arena(data, at - ARENA_BINS - bin * 16)) {
                *ret_at = at - ARENA_BINS - bin * 16;
                return true;
            }
        }
    }
    return false;
}

static uint32_t half_at(const struct data *data, size_t at)
{
    uint32_t value = 0;
    bytes_u32_at(data->bytes, data->size, at, &value);
    return value;
}

/* What tells mp_ from other variables are the bounds in it that hardly any program sets. */
static bool find_parameters(const struct data *data, const struct maps *maps, struct glibc_malloc *malloc)
{
    for (size_t at = 0; at + PARAMETERS_BYTES <= data->size; at += 8) {
        if (word_at(data->bytes, data->size, at + PARAMETERS_TOP_PAD) != DEFAULT_TOP_PAD ||
            word_at(data->bytes, data->size, at + PARAMETERS_ARENA_TEST) != DEFAULT_ARENA_TEST)
            continue;
        bool is_new = half_at(data, at + PARAMETERS_MAPS + 4) == DEFAULT_MOST_MAPS;
        if (!is_new && half_at(data, at + PARAMETERS_OLD_MAPS + 4) != DEFAULT_MOST_MAPS)
            continue;
        uint64_t start = word_at(data->bytes, data->size, at + (is_new ? PARAMETERS_BREAK : PARAMETERS_OLD_BREAK));
        bool is_mapped = start == 0;
        for (size_t i = 0; i < maps->lines.count && !is_mapped; i++)
            is_mapped = start >= maps->lines.items[i].start && start < maps->lines.items[i].end;
        if (!is_mapped)
            continue;
        malloc->parameters_known = true;
        malloc->break_start = start;
        malloc->mapped_chunks = half_at(data, at + (is_new ? PARAMETERS_MAPS : PARAMETERS_OLD_MAPS));
        malloc->mapped_bytes =
            word_at(data->bytes, data->size, at + (is_new ? PARAMETERS_MAPPED : PARAMETERS_OLD_MAPPED));
        return true;
    }
    return false;
}

/* Whether a line is variables of a file: its own pages, or the zeroed ones behind them. */
static bool is_data(const struct maps *maps, size_t index)
{
    const struct map_line *line = &maps->lines.items[index];
    return line->permissions[0] == 'r' && line->permissions[1] == 'w' && line->permissions[3] == 'p' &&
           line->inode != 0;
}

static struct error *look_in(struct memory *memory, const struct maps *maps, size_t index, struct glibc_malloc *malloc,
                             bool *ret_found)
{
    const struct map_line *line = &maps->lines.items[index];
    uint64_t end = line->end;
    if (index + 1 < maps->lines.count && line[1].start == end && line[1].inode == 0 && line[1].name_length == 0)
        end = line[1].end;
    struct data data = {.start = line->start, .size = (size_t)(end - line->start)};
    *ret_found = false;
    if (end - line->start > MAX_DATA_BYTES)
        data.size = MAX_DATA_BYTES;
    _cleanup_free_ uint8_t *bytes = calloc(1, data.size);
    if (!bytes)
        return error_no_memory();
    data.bytes = bytes;
    struct error *error = memory_read(memory, data.start, bytes, data.size);
    if (error && error->kind != ERROR_FAULT)
        return error;
    size_t at;
    bool found = !error && find_arena(&data, &at);
    error_destroy(error);
    if (!found)
        return NULL;
    malloc->main_arena = data.start + at;
    find_parameters(&data, maps, malloc);
    *ret_found = true;
    return NULL;
}

static bool is_libc(const struct maps *maps, const struct map_line *line)
{
    const char *name = map_line_name(maps, line), *end = name + line->name_length;
    const char *file = end;
    while (file > name && file[-1] != '/')
        file--;
    return end - file >= 5 && (strncmp(file, "libc.", 5) == 0 || strncmp(file, "libc-", 5) == 0);
}

struct error *glibc_malloc_find(struct memory *memory, const struct maps *maps, struct glibc_malloc *ret_malloc)
{
    /* The library first; where there is none the first file, which is the executable, may have it linked in. */
    unsigned looked = 0;
    bool has_library = false;
    for (size_t i = 0; i < maps->lines.count; i++)
        has_library |= is_libc(maps, &maps->lines.items[i]);
    for (size_t i = 0; i < maps->lines.count && looked < MAX_FILES; i++) {
        struct glibc_malloc malloc = {0};
        bool found;
        if (!is_data(maps, i) || (has_library && !is_libc(maps, &maps->lines.items[i])))
            continue;
        looked++;
        struct error *error = look_in(memory, maps, i, &malloc, &found);
        if (error)
            return error;
        if (found) {
            *ret_malloc = malloc;
            return NULL;
        }
    }
    return error_create(ERROR_NOT_FOUND, "no malloc of glibc was found");
}
