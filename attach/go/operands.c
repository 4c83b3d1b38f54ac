#include "attach/go/operands.h"

#include <Zydis/Zydis.h>

static void note_uses(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *decoded,
                      struct operand *operand)
{
    if (instruction->mnemonic == ZYDIS_MNEMONIC_LEA) {
        operand->uses = OPERAND_ADDRESS;
        return;
    }
    operand->size = (uint8_t)(decoded->size / 8);
    if (decoded->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
        operand->uses |= OPERAND_LOAD;
    if (decoded->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
        operand->uses |= OPERAND_STORE;
    if (instruction->mnemonic == ZYDIS_MNEMONIC_CMP || instruction->mnemonic == ZYDIS_MNEMONIC_TEST)
        operand->uses |= OPERAND_COMPARE;
}

struct error *operands_decode(const uint8_t *code, size_t size, uint64_t address, struct operand_list *list)
{
    ZydisDecoder decoder;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return error_create(ERROR_UNSUPPORTED, "the instruction decoder cannot be set up");
    if (size > OPERANDS_MAX_CODE)
        size = OPERANDS_MAX_CODE;
    for (size_t offset = 0; offset < size && list->count < OPERANDS_MAX;) {
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand decoded[ZYDIS_MAX_OPERAND_COUNT];
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + offset, size - offset, &instruction, decoded))) {
            offset++;
            continue;
        }
        /* Most instructions have none: only those with a displacement and a ModRM byte that says RIP. */
        bool relative = instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE;
        for (unsigned i = 0; relative && i < instruction.operand_count_visible; i++) {
            ZyanU64 target;
            if (decoded[i].type != ZYDIS_OPERAND_TYPE_MEMORY || decoded[i].mem.base != ZYDIS_REGISTER_RIP ||
                !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &decoded[i], address + offset, &target)))
                continue;
            struct operand operand = {.target = target};
            note_uses(&instruction, &decoded[i], &operand);
            if (!vector_append(list, operand))
                return error_no_memory();
        }
        offset += instruction.length;
    }
    return NULL;
}
