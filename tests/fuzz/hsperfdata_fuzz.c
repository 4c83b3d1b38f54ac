/* The counters of a JVM: whatever the process, or who shares its memory, has written there. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attach/jvm/hsperfdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hsperfdata parsed;
    struct error *error = hsperfdata_parse(data, size, &parsed);
    if (!error && (strlen(parsed.version) >= HSPERFDATA_TEXT || strlen(parsed.policy) >= HSPERFDATA_TEXT))
        abort();
    error_destroy(error);
    return 0;
}
