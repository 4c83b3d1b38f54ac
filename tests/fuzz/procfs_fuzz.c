/* Every parser of /proc text. The first character tells which: s(tat), t (status), m(aps), c(group), i (mountinfo). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attach/cgroup.h"
#include "attach/maps.h"
#include "attach/process_stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_stat(const char *text, size_t length)
{
    struct process_stat stat;
    if (process_stat_parse(text, length, &stat) &&
        (stat.comm < text || stat.comm_length > length || stat.comm + stat.comm_length > text + length))
        abort();
}

static void parse_status(const char *text, size_t length)
{
    struct process_status status;
    if (process_status_parse(text, length, &status) && status.inner_pid <= 0)
        abort();
}

static void parse_maps(const char *bytes, size_t length)
{
    struct text text = {0};
    struct maps maps;
    text_append_bytes(&text, bytes, length);
    struct error *error = maps_parse(&text, &maps);
    if (error) {
        error_destroy(error);
        return;
    }
    struct arena arena;
    struct catalog *catalog;
    struct region *regions;
    size_t count = 0;
    arena_init(&arena);
    if (!catalog_create(&catalog)) {
        struct name_cache names;
        name_cache_init(&names, catalog);
        if (!maps_make_regions(&maps, &arena, &names, &regions, &count)) {
            /* In order, not empty, not overlapping, and no name that could change a terminal. */
            for (size_t i = 0; i < count; i++) {
                if (regions[i].size == 0 || (i > 0 && regions[i].start < regions[i - 1].start + regions[i - 1].size))
                    abort();
                for (const char *name = catalog_string(catalog, regions[i].name); *name; name++) {
                    if ((unsigned char)*name < 0x20 || *name == 0x7f)
                        abort();
                }
            }
        }
        name_cache_deinit(&names);
        catalog_unref(catalog);
    }
    arena_deinit(&arena);
    maps_deinit(&maps);
}

static struct cgroup_place place;
static struct cgroup_mount mount;

static void parse_cgroup(const char *text, size_t length)
{
    char container[CGROUP_CONTAINER_SIZE];
    cgroup_parse(text, length, &place);
    if (place.found && (place.path[0] != '/' || strlen(place.path) >= sizeof(place.path)))
        abort();
    if (cgroup_find_container(text, length, container) && strlen(container) >= sizeof(container))
        abort();
}

static void parse_mounts(const char *text, size_t length)
{
    char folder[CGROUP_PATH_SIZE];
    for (unsigned version = 1; version <= 2; version++) {
        struct scanner mounts = scanner_over(text, length);
        place = (struct cgroup_place){.found = true, .version = version, .path = "/docker/x/y"};
        while (cgroup_next_mount(&mounts, version, &mount)) {
            if (cgroup_join(&mount, &place, folder, sizeof(folder)) && strlen(folder) >= sizeof(folder))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    switch (data[0]) {
    case 's': parse_stat(text, size - 1); break;
    case 't': parse_status(text, size - 1); break;
    case 'm': parse_maps(text, size - 1); break;
    case 'c': parse_cgroup(text, size - 1); break;
    case 'i': parse_mounts(text, size - 1); break;
    default: break;
    }
    return 0;
}
