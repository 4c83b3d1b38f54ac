#include "attach/probe/probe_place.h"

#include "attach/x86_decoder.h"
#include "heaptop/base/cleanup.h"

/* The prologue of a function is no longer. */
#define MAX_INSTRUCTIONS 16u

#define NAMES 4
/* By the order in which they are passed (System V ABI for AMD64, 3.2.3); each by the names of its parts. */
static const x86_reg arguments_in_order[][NAMES] = {
    {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL}, {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
    {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL},  {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL},
    {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B}, {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
};
static const x86_reg stack_pointer[NAMES] = {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL};

/* By its first byte, as the kernel tells them: calls, jumps and conditional ones to a fixed place, the shortest nop,
 * pushes of a register. */
static bool is_emulated(const uint8_t *bytes, size_t length)
{
    bool is_prefixed = bytes[0] == 0x40 || bytes[0] == 0x41;
    if (is_prefixed)
        return length == 2 && bytes[1] >= 0x50 && bytes[1] <= 0x57;
    return bytes[0] == 0xe8 || bytes[0] == 0xe9 || bytes[0] == 0xeb || bytes[0] == 0x90 ||
           (bytes[0] >= 0x70 && bytes[0] <= 0x7f) || (bytes[0] == 0x0f && bytes[1] >= 0x80 && bytes[1] <= 0x8f) ||
           (length == 1 && bytes[0] >= 0x50 && bytes[0] <= 0x57);
}

static bool is_part_of(unsigned part, const x86_reg names[NAMES])
{
    for (size_t i = 0; i < NAMES; i++) {
        if (part == (unsigned)names[i])
            return true;
    }
    return false;
}

/* Whether writing this register changes what is still to be read. */
static bool is_wanted(unsigned part, unsigned arguments)
{
    for (unsigned i = 0; i < arguments && i < ARRAY_SIZE(arguments_in_order); i++) {
        if (is_part_of(part, arguments_in_order[i]))
            return true;
    }
    /* The second argument's upper byte and its like have names of their own. */
    return is_part_of(part, stack_pointer) || (arguments > 2 && (part == X86_REG_DH || part == X86_REG_CH));
}

/* What is not surely left as it is counts as changed: an instruction's first register, unless it only compares. */
static bool changes(const cs_insn *instruction, unsigned arguments)
{
    const cs_x86 *details = &instruction->detail->x86;
    bool compares = instruction->id == X86_INS_CMP || instruction->id == X86_INS_TEST || instruction->id == X86_INS_BT;
    for (unsigned i = 0; i < instruction->detail->regs_write_count; i++) {
        if (is_wanted(instruction->detail->regs_write[i], arguments))
            return true;
    }
    for (unsigned i = 0; i < details->op_count; i++) {
        const cs_x86_op *operand = &details->operands[i];
        bool is_written = operand->access & CS_AC_WRITE || i == 0;
        if (operand->type == X86_OP_REG && is_written && !compares && is_wanted((unsigned)operand->reg, arguments))
            return true;
    }
    return false;
}

static bool is_of(const struct x86_decoder *decoder, unsigned group)
{
    return cs_insn_group(decoder->handle, decoder->instruction, group);
}

/* Behind it the code is not run straight through. */
static bool leaves(const struct x86_decoder *decoder)
{
    unsigned id = decoder->instruction->id;
    return is_of(decoder, CS_GRP_JUMP) || is_of(decoder, CS_GRP_CALL) || is_of(decoder, CS_GRP_RET) ||
           is_of(decoder, CS_GRP_INT) || is_of(decoder, CS_GRP_IRET) || id == X86_INS_SYSCALL ||
           id == X86_INS_SYSENTER;
}

/* Whether a jump leads to an instruction behind the first: then it is come by more than once a call. */
static bool is_jumped_to(const struct x86_decoder *decoder, const uint8_t *code, size_t size, size_t wanted)
{
    uint64_t at = 0;
    while (size > 0 && wanted > 0) {
        if (!cs_disasm_iter(decoder->handle, &code, &size, &at, decoder->instruction))
            return false;
        const cs_x86 *details = &decoder->instruction->detail->x86;
        if (!is_of(decoder, CS_GRP_JUMP) && !is_of(decoder, CS_GRP_CALL))
            continue;
        if (details->op_count == 1 && details->operands[0].type == X86_OP_IMM && details->operands[0].imm > 0 &&
            (uint64_t)details->operands[0].imm <= wanted)
            return true;
    }
    return false;
}

static struct probe_place choose(const struct x86_decoder *decoder, const uint8_t *code, size_t size,
                                 unsigned arguments)
{
    struct probe_place first = {.stepped = true};
    const uint8_t *next = code;
    uint64_t address = 0;
    for (size_t at = 0, left = size, i = 0; i < MAX_INSTRUCTIONS && left > 0; at = address, i++) {
        const cs_insn *instruction = decoder->instruction;
        if (!cs_disasm_iter(decoder->handle, &next, &left, &address, decoder->instruction))
            return first;
        if (is_emulated(code + at, instruction->size)) {
            bool is_jump = instruction->id == X86_INS_JMP;
            return is_jumped_to(decoder, code, size, at) ? first
                                                         : (struct probe_place){.offset = at, .is_jump = is_jump};
        }
        if (leaves(decoder) || changes(instruction, arguments))
            return first;
    }
    return first;
}

struct probe_place probe_place_choose(const uint8_t *code, size_t size, unsigned arguments)
{
    struct x86_decoder decoder = {0};
    struct error *error = x86_decoder_init(&decoder);
    struct probe_place place = {.stepped = true};
    if (!error)
        place = choose(&decoder, code, size < PROBE_PLACE_CODE ? size : PROBE_PLACE_CODE, arguments);
    error_destroy(error);
    x86_decoder_deinit(&decoder);
    return place;
}
