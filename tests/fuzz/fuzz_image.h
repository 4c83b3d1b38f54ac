/* An image of a fuzz target's input: the bytes as a file that exists in memory only. */
#ifndef TESTS_FUZZ_FUZZ_IMAGE_H
#define TESTS_FUZZ_FUZZ_IMAGE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/symbols/image.h"

DEFINE_CLEANUP(struct image *, image_close)

/* NULL when the bytes are no ELF file. */
static inline struct image *fuzz_image_open(const uint8_t *data, size_t size)
{
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
        abort();
    struct image *image = NULL;
    error_destroy(image_open(descriptor, "fuzz", &image));
    return image;
}

#endif
