/* Code of a process's executable as instructions, a function at a time: read from its file, never from its memory. Code
 * of libraries is not looked at: frames do not say which one they are of. */
#include <stdlib.h>
#include <string.h>

#include "attach/go/module_data.h"
#include "attach/target.h"
#include "attach/x86_decoder.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/symbols/pclntab.h"

/* Longer functions are cut: of those no more than what is around the address. */
#define MAX_CODE ((uint64_t)256 << 10)

struct disassembler {
    struct target *target;
    struct image *image;
    struct memory *memory;
    struct pclntab *pclntab;                /* NULL: no Go program. */
    struct program_identity program;        /* Whose image it is. */
    struct x86_decoder decoder;
};

void disassembler_close(struct disassembler *disassembler)
{
    if (!disassembler)
        return;
    x86_decoder_deinit(&disassembler->decoder);
    pclntab_close(disassembler->pclntab);
    image_close(disassembler->image);
    memory_destroy(disassembler->memory);
    target_close(disassembler->target);
    free(disassembler);
}

static struct error *read_program(struct disassembler *disassembler, struct program_identity *ret_program)
{
    struct target_stat stat;
    struct error *error = target_read_stat(disassembler->target, &stat);
    if (!error)
        target_read_program(disassembler->target, &stat.stat, ret_program);
    return error;
}

/* Where Go's functions begin: up to Go 1.25 the table itself tells, later the runtime's moduledata does. */
static struct error *find_functions(struct disassembler *disassembler)
{
    struct reader_context context = {.image = disassembler->image};
    struct go_module_data data;
    struct error *error = pclntab_open(disassembler->image, &disassembler->pclntab);
    if (error && error->kind == ERROR_NOT_FOUND) {
        error_destroy(error);
        return NULL;
    }
    if (!error)
        error = memory_create_live(disassembler->target->pid, &disassembler->memory);
    if (!error)
        error = target_find_load_bias(disassembler->target, disassembler->image, &context.load_bias);
    context.memory = disassembler->memory;
    if (!error)
        error = go_module_data_find(&context, disassembler->pclntab, &data);
    if (!error)
        pclntab_set_text_start(disassembler->pclntab, data.text - context.load_bias);
    return error;
}

struct error *disassembler_open(pid_t pid, struct disassembler **ret_disassembler)
{
    struct disassembler *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return error_no_memory();
    struct error *error = target_open(pid, &opened->target);
    if (!error)
        error = read_program(opened, &opened->program);
    if (!error)
        error = target_open_executable(opened->target, &opened->image);
    if (!error && !image_is_x86_64(opened->image))
        error = error_create(ERROR_UNSUPPORTED, "only amd64 code is shown as instructions");
    if (!error)
        error = x86_decoder_init(&opened->decoder);
    if (!error)
        error = find_functions(opened);
    if (error) {
        disassembler_close(opened);
        return error;
    }
    *ret_disassembler = opened;
    return NULL;
}

/* " <runtime.mallocgc>" behind a jump or a call to a function's first byte. */
static void append_called(struct disassembler *disassembler, struct text *text)
{
    const cs_insn *instruction = disassembler->decoder.instruction;
    const cs_x86 *details = &instruction->detail->x86;
    struct go_function function;
    bool is_branch = cs_insn_group(disassembler->decoder.handle, instruction, CS_GRP_JUMP) ||
                     cs_insn_group(disassembler->decoder.handle, instruction, CS_GRP_CALL);
    if (!disassembler->pclntab || !is_branch || details->op_count == 0 || details->operands[0].type != X86_OP_IMM)
        return;
    uint64_t target = (uint64_t)details->operands[0].imm;
    struct error *error = pclntab_find_function(disassembler->pclntab, target, &function);
    if (!error && function.entry == target) {
        text_append(text, "  <");
        text_append_escaped(text, function.name, strlen(function.name));
        text_append(text, ">");
    }
    error_destroy(error);
}

/* One instruction, and its text where `text` is not NULL; a byte that is none stands alone. Returns its length. */
static uint32_t decode(struct disassembler *disassembler, const uint8_t *code, uint64_t size, uint64_t address,
                       struct text *text)
{
    const cs_insn *instruction = disassembler->decoder.instruction;
    uint8_t first = code[0];
    bool is_known =
        cs_disasm_iter(disassembler->decoder.handle, &code, &size, &address, disassembler->decoder.instruction);
    if (text && is_known) {
        text_printf(text, "%s%s%s", instruction->mnemonic, instruction->op_str[0] ? " " : "", instruction->op_str);
        append_called(disassembler, text);
    } else if (text) {
        text_printf(text, "db 0x%02x", first);
    }
    return is_known ? instruction->size : 1;
}

struct code {
    const uint8_t *bytes;
    uint64_t size, start;
};

/* Fills in what fits in `room`, the address in the middle of it. */
static struct error *decode_around(struct disassembler *disassembler, const struct code *code, uint64_t address,
                                   struct arena *arena, struct instruction *instructions, size_t room,
                                   size_t *ret_count)
{
    size_t here = 0, number = 0, count = 0;
    for (uint64_t at = 0; at < code->size && code->start + at <= address; here++)
        at += decode(disassembler, code->bytes + at, code->size - at, code->start + at, NULL);
    size_t first = here > room / 2 ? here - room / 2 : 0;
    for (uint64_t at = 0; at < code->size && count < room; number++) {
        _cleanup_(text_deinit) struct text text = {0};
        uint32_t length =
            decode(disassembler, code->bytes + at, code->size - at, code->start + at, number < first ? NULL : &text);
        if (number >= first) {
            const char *copy = text.failed ? NULL : arena_copy_string(arena, text.data, text.length);
            if (!copy)
                return error_no_memory();
            instructions[count++] = (struct instruction){.address = code->start + at, .size = length, .text = copy};
        }
        at += length;
    }
    *ret_count = count;
    return NULL;
}

/* By Go's table; of other programs by the symbols, of which those say most that also say where functions end. */
static struct error *find_function(struct disassembler *disassembler, uint64_t address, struct code *ret_code)
{
    struct go_function go;
    struct image_function native = {.address = address};
    struct error *error = disassembler->pclntab ? pclntab_find_function(disassembler->pclntab, address, &go)
                                                : image_find_functions(disassembler->image, &native, 1);
    if (error)
        return error;
    free(native.name);
    uint64_t start = disassembler->pclntab ? go.entry : native.start;
    uint64_t size = disassembler->pclntab ? go.end - go.entry : native.size;
    if (size == 0)
        return error_create(ERROR_NOT_FOUND, "no symbol of the program tells of a function here");
    size = size < MAX_CODE ? size : MAX_CODE;
    if (address - start >= size)
        return error_create(ERROR_UNSUPPORTED, "the function is too long to be shown");
    *ret_code = (struct code){.start = start, .size = size};
    return NULL;
}

struct error *disassembler_read(struct disassembler *disassembler, uint64_t address, struct arena *arena,
                                struct instruction *instructions, size_t room, size_t *ret_count)
{
    struct program_identity program;
    struct code code;
    struct error *error = read_program(disassembler, &program);
    if (!error && !program_is_same(&program, &disassembler->program))
        error = error_create(ERROR_GONE, "the process runs another program now");
    if (!error)
        error = find_function(disassembler, address, &code);
    if (error)
        return error;
    _cleanup_free_ uint8_t *bytes = malloc(code.size);
    if (!bytes)
        return error_no_memory();
    code.bytes = bytes;
    error = image_read(disassembler->image, code.start, bytes, code.size);
    return error ? error : decode_around(disassembler, &code, address, arena, instructions, room, ret_count);
}
