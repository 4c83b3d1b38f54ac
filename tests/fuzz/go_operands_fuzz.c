/* Any bytes as amd64 code: decoded, and every recipe applied to what comes of it. */
#include <stdlib.h>

#include "attach/go/operand_recipes.h"

#define CODE_AT 0x401000u
#define CAPACITY 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct operand_list list = {0};
    error_destroy(operands_decode(data, size, CODE_AT, &list));
    if (list.count > OPERANDS_MAX || list.count > size)
        abort();
    for (size_t i = 0; i < list.count; i++) {
        const struct operand *operand = &list.items[i];
        if (operand->uses & OPERAND_ADDRESS && (operand->size || operand->uses != OPERAND_ADDRESS))
            abort();
    }
    for (unsigned i = 0; i < go_operand_recipe_count; i++) {
        uint64_t addresses[CAPACITY + 1];
        addresses[CAPACITY] = CODE_AT;
        uint64_t before = list.count ? list.items[list.count / 2].target : 0;
        size_t count = operand_recipe_apply(&go_operand_recipes[i], &list,
                                            &go_layout_table[size % go_layout_table_count].layout, before, addresses,
                                            CAPACITY);
        if (count > CAPACITY || addresses[CAPACITY] != CODE_AT)
            abort();
    }
    operand_list_deinit(&list);
    return 0;
}
