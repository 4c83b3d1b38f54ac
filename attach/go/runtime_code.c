#include "attach/go/runtime_code.h"

#include "heaptop/base/cleanup.h"

struct error *runtime_code_init(struct runtime_code *code, struct image *image, struct pclntab *pclntab)
{
    code->image = image;
    return pclntab_find_names(pclntab, go_function_names, GO_FUNCTION_COUNT, code->functions);
}

void runtime_code_deinit(struct runtime_code *code)
{
    for (unsigned i = 0; i < GO_FUNCTION_COUNT; i++)
        operand_list_deinit(&code->operands[i]);
}

struct error *runtime_code_operands(struct runtime_code *code, enum go_function_id id,
                                    const struct operand_list **ret_operands)
{
    const struct go_function *function = &code->functions[id];
    if (!code->decoded[id] && function->name && function->end > function->entry) {
        uint64_t size = function->end - function->entry;
        size_t length = size < OPERANDS_MAX_CODE ? (size_t)size : OPERANDS_MAX_CODE;
        _cleanup_free_ uint8_t *bytes = malloc(length);
        if (!bytes)
            return error_no_memory();
        struct error *error = image_read(code->image, function->entry, bytes, length);
        if (!error)
            error = operands_decode(bytes, length, function->entry, &code->operands[id]);
        if (error && error->kind == ERROR_NO_MEMORY)
            return error;
        /* Code that is not in the file names nothing. */
        error_destroy(error);
    }
    code->decoded[id] = true;
    *ret_operands = &code->operands[id];
    return NULL;
}
