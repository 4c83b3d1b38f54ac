/* Any bytes as the part of a program that holds its type descriptors: the first words are where the search begins. */
#include <stdlib.h>

#include "attach/go/type_descriptors.h"
#include "heaptop/base/cursor.h"

#define TYPES_AT 0x500000u
#define SEEDS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    remote_address seeds[SEEDS];
    for (size_t i = 0; i < SEEDS; i++)
        seeds[i] = cursor_u64(&cursor);
    struct memory *memory = NULL;
    if (memory_create_fake(&memory) || memory_fake_add(memory, TYPES_AT, data, size))
        abort();
    struct go_layout layout = go_layout_table[size % go_layout_table_count].layout;
    const struct type_space space = {.memory = memory, .start = TYPES_AT, .end = TYPES_AT + size};
    unsigned structs = 0;
    error_destroy(go_layout_read_types(&space, seeds, SEEDS, &layout, &structs));
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++) {
        /* What a reader adds to an address stays an offset into a struct of a sane size. */
        if (layout.offset[i] < GO_OFFSET_MISSING || layout.offset[i] > 64 << 20 ||
            (layout.offset[i] == GO_OFFSET_MISSING && layout.size[i]))
            abort();
    }
    if (structs > GO_FIELD_COUNT)
        abort();
    memory_destroy(memory);
    return 0;
}
