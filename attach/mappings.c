#include "attach/mappings.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

struct mapping_list {
    struct target *target;
    struct name_cache *names;
    struct table build_ids;         /* Hash of device and inode -> string_id. */
    VECTOR(struct mapping) mappings;
};

struct error *mapping_list_create(struct target *target, struct name_cache *names, struct mapping_list **ret_list)
{
    struct mapping_list *list = calloc(1, sizeof(*list));
    if (!list)
        return error_no_memory();
    list->target = target;
    list->names = names;
    table_init(&list->build_ids);
    *ret_list = list;
    return NULL;
}

void mapping_list_destroy(struct mapping_list *list)
{
    if (!list)
        return;
    table_deinit(&list->build_ids);
    vector_deinit(&list->mappings);
    free(list);
}

static string_id read_build_id(struct mapping_list *list, const struct maps *maps, const struct map_line *line)
{
    struct image *image;
    struct error *error = target_open_mapping(list->target, maps, line, &image);
    if (error) {
        error_destroy(error);
        return 0;
    }
    const char *build_id = image_build_id(image);
    string_id id = name_cache_add(list->names, build_id, strlen(build_id));
    image_close(image);
    return id;
}

/* The build id of a mapping's file, looked up once a file. */
static struct error *find_build_id(struct mapping_list *list, const struct maps *maps, const struct map_line *line,
                                   string_id *ret_id)
{
    uint64_t file[3] = {line->device_major, line->device_minor, line->inode};
    bool is_new;
    *ret_id = 0;
    if (line->inode == 0)
        return NULL;
    uint64_t *place = table_insert(&list->build_ids, table_hash_bytes(file, sizeof(file), 0), &is_new);
    if (!place)
        return error_no_memory();
    if (is_new)
        *place = read_build_id(list, maps, line);
    *ret_id = (string_id)*place;
    return NULL;
}

struct error *mapping_list_refresh(struct mapping_list *list, const struct maps *maps)
{
    list->mappings.count = 0;
    if (list->build_ids.count > MAPPINGS_MAX_FILES)
        table_clear(&list->build_ids);
    for (size_t i = 0; i < maps->lines.count && list->mappings.count < MAPPINGS_MAX; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (line->permissions[2] != 'x' || line->name_length == 0)
            continue;
        struct mapping mapping = {
            .start = line->start,
            .limit = line->end,
            .offset = line->offset,
            .file = name_cache_add(list->names, map_line_name(maps, line), line->name_length),
        };
        struct error *error = find_build_id(list, maps, line, &mapping.build_id);
        if (error)
            return error;
        if (!vector_append(&list->mappings, mapping))
            return error_no_memory();
    }
    return NULL;
}

struct error *mapping_list_fill(const struct mapping_list *list, struct snapshot *snapshot)
{
    struct mapping *copy = arena_alloc_array(&snapshot->arena, list->mappings.count, sizeof(*copy));
    if (!copy)
        return error_no_memory();
    if (list->mappings.count > 0)
        memcpy(copy, list->mappings.items, list->mappings.count * sizeof(*copy));
    snapshot->mappings = copy;
    snapshot->num_mappings = list->mappings.count;
    return NULL;
}
