#include "attach/go/profile_rate.h"

#include "attach/go/runtime_code.h"
#include "heaptop/base/cleanup.h"

/* Functions that load it (mcache.go allocmcache, malloc.go nextSample and profilealloc) and that store it (runtime1.go
 * parsedebugvars; proc.go schedinit, in Go 1.19 mprof.go's initializer), Go 1.19-1.27. Which of them are there depends
 * on what was inlined. */
static const enum go_function_id witnesses[] = {
    GO_FUNCTION_ALLOCMCACHE,    GO_FUNCTION_NEXT_SAMPLE, GO_FUNCTION_PROFILEALLOC,
    GO_FUNCTION_PARSEDEBUGVARS, GO_FUNCTION_SCHEDINIT,   GO_FUNCTION_INIT,
};
#define NEEDED_WITNESSES 2

/* Whether a function uses the whole variable. */
static bool touches(const struct operand_list *operands, uint64_t address)
{
    for (size_t i = 0; i < operands->count; i++) {
        const struct operand *operand = &operands->items[i];
        if (operand->target == address && operand->size == 8 && operand->uses & (OPERAND_LOAD | OPERAND_STORE))
            return true;
    }
    return false;
}

static struct error *count_witnesses(const struct go_process *process, remote_address address, unsigned *ret_count)
{
    _cleanup_(runtime_code_deinit) struct runtime_code code = {0};
    struct error *error = runtime_code_init(&code, process->context.image, process->pclntab);
    unsigned count = 0;
    for (size_t i = 0; !error && i < ARRAY_SIZE(witnesses); i++) {
        const struct operand_list *operands;
        error = runtime_code_operands(&code, witnesses[i], &operands);
        count += !error && touches(operands, address - process->context.load_bias);
    }
    if (!error)
        *ret_count = count;
    return error;
}

struct error *go_profile_rate_find(const struct go_process *process, remote_address *ret_address)
{
    const struct go_location *location = &process->variables[GO_VARIABLE_MEM_PROFILE_RATE];
    unsigned count = 0;
    if (!location->address)
        return error_create(ERROR_UNSUPPORTED, "runtime.MemProfileRate was not found (%s)",
                            location->reason ? location->reason : "not looked for");
    if (location->source == GO_VARIABLE_OPERANDS) {
        struct error *error = count_witnesses(process, location->address, &count);
        if (error)
            return error;
        if (count < NEEDED_WITNESSES)
            return error_create(ERROR_UNSUPPORTED,
                                "where runtime.MemProfileRate lies is not sure enough to write there");
    }
    *ret_address = location->address;
    return NULL;
}
