#include "cli/code.h"

void code_deinit(struct code *code)
{
    disassembler_close(code->disassembler);
    code->disassembler = NULL;
}

static struct error *disassemble(void *context, uint64_t address, struct arena *arena, struct instruction *instructions,
                                 size_t room, size_t *ret_count)
{
    struct code *code = context;
    struct error *error = code->disassembler ? NULL : disassembler_open(code->pid, &code->disassembler);
    if (!error)
        error = disassembler_read(code->disassembler, address, arena, instructions, room, ret_count);
    /* Of another program the next call shall tell. */
    if (error && error->kind == ERROR_GONE)
        code_deinit(code);
    return error;
}

const struct tui_code *code_init(struct code *code, pid_t pid)
{
    *code = (struct code){.pid = pid, .interface = {.disassemble = disassemble, .context = code}};
    return &code->interface;
}
