/* ELF headers, sections, segments and symbols of any bytes. */
#include <string.h>

#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    if (!image)
        return 0;
    char bytes[64];
    for (size_t i = 0; i < image_segment_count(image); i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        /* Across both edges of a segment and of its part in the file. */
        const uint64_t edges[] = {segment->address, segment->address + segment->file_size,
                                  segment->address + segment->memory_size};
        for (size_t edge = 0; edge < ARRAY_SIZE(edges); edge++) {
            error_destroy(image_read(image, edges[edge] - 32, bytes, sizeof(bytes)));
            error_destroy(image_read(image, edges[edge], bytes, sizeof(bytes)));
        }
    }
    error_destroy(image_read_file(image, size - 10, bytes, sizeof(bytes)));
    const struct image_section *section = image_find_section(image, ".text");
    if (section)
        error_destroy(image_read(image, section->address, bytes, sizeof(bytes)));
    if (strlen(image_build_id(image)) > 64)
        abort();

    struct image_symbol symbols[] = {{.name = "allgs"}, {.name = "main"}, {.name = "t"}, {.name = ""}, {.name = "main"},
                                     {.name = "runtime.mheap_"}, {.name = "mbuckets"}};
    struct error *error = image_find_symbols(image, symbols, ARRAY_SIZE(symbols));
    if (!error && (symbols[1].source != symbols[4].source || symbols[1].address != symbols[4].address))
        abort();
    error_destroy(error);
    return 0;
}
