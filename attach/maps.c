#include "attach/maps.h"

#include <string.h>

#include "attach/procfs.h"

static const char deleted_suffix[] = " (deleted)";
#define DELETED_LENGTH (sizeof(deleted_suffix) - 1)

/* "55d0c1a00000-55d0c1a22000 r-xp 00002000 fd:01 1234    /usr/bin/x y (deleted)" */
static bool parse_line(struct scanner line, struct map_line *ret_line)
{
    struct map_line parsed = {0};
    struct scanner permissions;
    uint64_t major, minor;
    if (!scanner_number(&line, 16, &parsed.start) || !scanner_accept(&line, '-') ||
        !scanner_number(&line, 16, &parsed.end) || parsed.end <= parsed.start)
        return false;
    if (!scanner_word(&line, &permissions) || scanner_left(&permissions) != 4)
        return false;
    memcpy(parsed.permissions, permissions.next, 4);
    scanner_skip_blanks(&line);
    if (!scanner_number(&line, 16, &parsed.offset))
        return false;
    scanner_skip_blanks(&line);
    if (!scanner_number(&line, 16, &major) || !scanner_accept(&line, ':') || !scanner_number(&line, 16, &minor) ||
        !scanner_number_word(&line, &parsed.inode))
        return false;
    parsed.device_major = (uint32_t)major;
    parsed.device_minor = (uint32_t)minor;

    scanner_skip_blanks(&line);
    parsed.name_length = scanner_left(&line);
    if (parsed.name_length > DELETED_LENGTH && memcmp(line.end - DELETED_LENGTH, deleted_suffix, DELETED_LENGTH) == 0) {
        parsed.name_length -= DELETED_LENGTH;
        parsed.deleted = true;
    }
    *ret_line = parsed;
    return true;
}

struct error *maps_parse(struct text *text, struct maps *ret_maps)
{
    struct maps maps = {.text = *text};
    *text = (struct text){0};
    struct scanner scanner = scanner_over(maps.text.data, maps.text.length), line;
    while (scanner_line(&scanner, &line)) {
        struct map_line parsed;
        if (maps.lines.count >= MAPS_MAX_LINES) {
            maps.truncated = true;
            break;
        }
        /* In the order of addresses, or something is wrong with the text. */
        if (!parse_line(line, &parsed) ||
            (maps.lines.count > 0 && parsed.start < maps.lines.items[maps.lines.count - 1].end)) {
            maps.malformed++;
            continue;
        }
        parsed.name_offset = (size_t)(line.end - maps.text.data) - parsed.name_length -
                             (parsed.deleted ? DELETED_LENGTH : 0);
        if (!vector_append(&maps.lines, parsed)) {
            maps_deinit(&maps);
            return error_no_memory();
        }
    }
    *ret_maps = maps;
    return NULL;
}

struct error *maps_read(int folder, struct maps *ret_maps)
{
    struct text text = {0};
    bool is_cut = false;
    struct error *error = procfs_read_all(folder, "maps", MAPS_MAX_BYTES, &text, &is_cut);
    if (error) {
        text_deinit(&text);
        return error;
    }
    struct maps maps;
    error = maps_parse(&text, &maps);
    if (error)
        return error;
    maps.truncated |= is_cut;
    *ret_maps = maps;
    return NULL;
}

void maps_deinit(struct maps *maps)
{
    text_deinit(&maps->text);
    vector_deinit(&maps->lines);
}

static bool can_join(const struct maps *maps, const struct map_line *first, const struct map_line *second)
{
    return first->end == second->start && memcmp(first->permissions, second->permissions, 4) == 0 &&
           first->inode == second->inode && first->name_length == second->name_length &&
           memcmp(map_line_name(maps, first), map_line_name(maps, second), first->name_length) == 0;
}

bool map_line_file_begins(const struct maps *maps, const struct map_line *line, const char *start)
{
    const char *name = map_line_name(maps, line), *end = name + line->name_length, *file = end;
    while (file > name && file[-1] != '/')
        file--;
    return (size_t)(end - file) >= strlen(start) && strncmp(file, start, strlen(start)) == 0;
}

const struct map_line *maps_find_file(const struct maps *maps, const char *start)
{
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (line->inode != 0 && map_line_file_begins(maps, line, start))
            return line;
    }
    return NULL;
}

bool map_line_is_same_file(const struct map_line *one, const struct map_line *other)
{
    return one->inode == other->inode && one->device_major == other->device_major &&
           one->device_minor == other->device_minor;
}

struct error *maps_make_regions(const struct maps *maps, struct arena *arena, struct name_cache *names,
                                struct region **ret_regions, size_t *ret_count)
{
    struct region *regions = arena_alloc_array(arena, maps->lines.count, sizeof(*regions));
    if (!regions)
        return error_no_memory();
    size_t count = 0;
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (i > 0 && can_join(maps, line - 1, line)) {
            regions[count - 1].size += line->end - line->start;
            continue;
        }
        struct region *region = &regions[count++];
        region->start = line->start;
        region->size = line->end - line->start;
        memcpy(region->permissions, line->permissions, sizeof(region->permissions));
        region->name = name_cache_add(names, map_line_name(maps, line), line->name_length);
    }
    *ret_regions = regions;
    *ret_count = count;
    return NULL;
}
