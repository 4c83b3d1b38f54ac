/* Go's build information in any bytes. */
#include <string.h>

#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(image_closep) struct image *image = fuzz_image_open(data, size);
    if (!image)
        return 0;
    struct go_build_info info = {0};
    struct error *error = image_read_go_build_info(image, &info);
    if (!error && (!info.version || info.version[0] == '\0'))
        abort();
    if (error && (info.version || info.main_path || info.main_module))
        abort();
    error_destroy(error);
    go_build_info_deinit(&info);
    return 0;
}
