/* The runtime functions whose code tells where variables and types lie, found by name and decoded as they are asked
 * for. */
#ifndef HEAPTOP_ATTACH_GO_RUNTIME_CODE_H
#define HEAPTOP_ATTACH_GO_RUNTIME_CODE_H

#include "attach/go/operand_recipes.h"

struct runtime_code {
    struct image *image;                                /* Borrowed. */
    struct go_function functions[GO_FUNCTION_COUNT];    /* name is NULL for those that the program has not. */
    struct operand_list operands[GO_FUNCTION_COUNT];
    bool decoded[GO_FUNCTION_COUNT];
};

/* One pass over the pclntab's names. *code must be zeroed. */
struct error *runtime_code_init(struct runtime_code *code, struct image *image, struct pclntab *pclntab);
void runtime_code_deinit(struct runtime_code *code);

/* A function's operands at link-time addresses; none when the program has no such function, or its code cannot be read.
 * Owned by the code. ERROR_NO_MEMORY. */
struct error *runtime_code_operands(struct runtime_code *code, enum go_function_id id,
                                    const struct operand_list **ret_operands);

#endif
