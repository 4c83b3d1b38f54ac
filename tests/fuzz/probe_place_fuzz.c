/* Functions of any bytes, the first of which says how many arguments are needed: a place is an instruction of them. */
#include <stdlib.h>
#include <string.h>

#include "attach/probe/probe_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    /* In memory of its very size, that what is read behind it be seen. */
    uint8_t *code = malloc(size - 1);
    if (!code)
        return 0;
    memcpy(code, data + 1, size - 1);
    struct probe_place place = probe_place_choose(code, size - 1, data[0] % 8);
    if (place.offset >= size - 1 || place.offset >= PROBE_PLACE_CODE || (place.stepped && place.offset != 0))
        abort();
    free(code);
    return 0;
}
