/* Maps of compiled code that are any bytes, read in two parts. */
#include <stdlib.h>

#include "attach/native/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name, size_t length)
{
    struct perf_map_name parts = perf_map_name(name, length);
    if (length == 0 || length > PERF_MAP_MAX_NAME || parts.function_length == 0 || parts.function_length > length ||
        parts.file_start > length || parts.file_length > length - parts.file_start)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct perf_map *map;
    const char *bytes = (const char *)data, *name;
    size_t first = size / 2, taken, length;
    if (perf_map_create(NULL, &map))
        return 0;
    error_destroy(perf_map_parse(map, bytes, first, &taken));
    if (taken > first)
        abort();
    for (uint64_t address = 0; address < 0x4000; address += 0x40)
        if (perf_map_find(map, address, &name, &length))
            check_name(name, length);
    error_destroy(perf_map_parse(map, bytes + taken, size - taken, &taken));
    for (uint64_t address = 0; address < 0x4000; address += 0x10)
        if (perf_map_find(map, address, &name, &length))
            check_name(name, length);
    perf_map_destroy(map);
    return 0;
}
