#include "attach/probe/probe_place.h"

#include <Zydis/Zydis.h>

#include "heaptop/base/cleanup.h"

/* The prologue of a function is no longer. */
#define MAX_INSTRUCTIONS 16u

/* By the order in which they are passed (System V ABI for AMD64, 3.2.3). */
static const ZydisRegister arguments_in_order[] = {ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX,
                                                   ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9};

/* By its first byte, as the kernel tells them: calls, jumps and conditional ones to a fixed place, the shortest nop, pushes of a register. */
static bool is_emulated(const uint8_t *bytes, size_t length)
{
    bool is_prefixed = bytes[0] == 0x40 || bytes[0] == 0x41;
    if (is_prefixed)
        return length == 2 && bytes[1] >= 0x50 && bytes[1] <= 0x57;
    return bytes[0] == 0xe8 || bytes[0] == 0xe9 || bytes[0] == 0xeb || bytes[0] == 0x90 ||
           (bytes[0] >= 0x70 && bytes[0] <= 0x7f) || (bytes[0] == 0x0f && bytes[1] >= 0x80 && bytes[1] <= 0x8f) ||
           (length == 1 && bytes[0] >= 0x50 && bytes[0] <= 0x57);
}

static bool changes(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operands, unsigned arguments)
{
    for (unsigned i = 0; i < instruction->operand_count; i++) {
        if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
            !(operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            continue;
        ZydisRegister whole =
            ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operands[i].reg.value);
        if (whole == ZYDIS_REGISTER_RSP)
            return true;
        for (unsigned k = 0; k < arguments && k < ARRAY_SIZE(arguments_in_order); k++) {
            if (whole == arguments_in_order[k])
                return true;
        }
    }
    return false;
}

/* Whether a jump leads to an instruction behind the first: then it is come by more than once a call. */
static bool is_jumped_to(ZydisDecoder *decoder, const uint8_t *code, size_t size, size_t wanted)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZyanU64 target;
    for (size_t at = 0; at < size && wanted > 0; at += instruction.length) {
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, code + at, size - at, &instruction, operands)))
            return false;
        if (instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
            ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[0], at, &target)) && target > 0 &&
            target <= wanted)
            return true;
    }
    return false;
}

struct probe_place probe_place_choose(const uint8_t *code, size_t size, unsigned arguments)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    struct probe_place first = {.stepped = true};
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return first;
    size = size < PROBE_PLACE_CODE ? size : PROBE_PLACE_CODE;
    for (size_t at = 0, i = 0; i < MAX_INSTRUCTIONS && at < size; at += instruction.length, i++) {
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, size - at, &instruction, operands)))
            return first;
        if (is_emulated(code + at, instruction.length)) {
            bool is_jump = instruction.mnemonic == ZYDIS_MNEMONIC_JMP;
            return is_jumped_to(&decoder, code, size, at) ? first : (struct probe_place){.offset = at, .is_jump = is_jump};
        }
        if (instruction.meta.category == ZYDIS_CATEGORY_RET || instruction.meta.category == ZYDIS_CATEGORY_CALL ||
            instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
            instruction.meta.category == ZYDIS_CATEGORY_SYSCALL || instruction.meta.category == ZYDIS_CATEGORY_INTERRUPT || changes(&instruction, operands, arguments))
            return first;
    }
    return first;
}
