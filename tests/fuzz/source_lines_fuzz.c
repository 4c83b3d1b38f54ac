/* Lines and inlined calls out of any bytes' DWARF, at addresses all over the file's code. Read by libdw: what is found
 * in it rather than in heaptop is met by the process of its own in which heaptop reads, see line_resolver_test. */
#include <string.h>

#include "heaptop/symbols/source_lines.h"
#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

#define BASE UINT64_C(0x400000)
#define ADDRESSES 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    struct source_lines *lines;
    if (!image)
        return 0;
    struct error *error = source_lines_open(image_descriptor(image), -1, &lines);
    error_destroy(error);
    if (error)
        return 0;
    for (uint64_t address = BASE; address < BASE + ADDRESSES; address++) {
        struct source_frame frames[SOURCE_LINES_MAX_INLINED];
        size_t count, length = 0;
        error_destroy(source_lines_find(lines, address, frames, &count));
        if (count > SOURCE_LINES_MAX_INLINED)
            abort();
        for (size_t i = 0; i < count; i++)
            length += length_of(frames[i].file) + length_of(frames[i].function);
        if (length > SOURCE_LINES_MAX_INLINED * 2 * size + 4096)
            abort();
    }
    source_lines_close(lines);
    return 0;
}
