/* CPython's state in memory that holds anything: the first byte says of which version, the others are a page around
 * which all else faults. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "attach/python/python_state.h"

#define BASE UINT64_C(0x10000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory *memory;
    struct python_layout layout;
    struct python_state state;
    if (size < 2)
        return 0;
    struct error *error = memory_create_fake(&memory);
    if (error) {
        error_destroy(error);
        return 0;
    }
    error = memory_fake_add(memory, BASE, data + 1, size - 1);
    if (!error)
        error = python_layout_find(8 + data[0] % 8, memory, BASE, &layout);
    if (!error)
        error = python_state_read(&layout, memory, BASE, data[0] & 0x80 ? BASE + 8 : 0, &state);
    if (!error &&
        (state.interpreters > PYTHON_MAX_INTERPRETERS || state.threads > PYTHON_MAX_THREADS || state.arenas < 0))
        abort();
    error_destroy(error);
    memory_destroy(memory);
    return 0;
}
