#include "attach/native/call_site.h"

#include <stdbool.h>
#include <string.h>

#include "heaptop/base/cursor.h"

/* The longest call: a prefix, the opcode, ModRM, SIB, four bytes of displacement. */
#define LONGEST_CALL 8u
#define PLT_ENTRY_BYTES 16u

struct look {
    struct memory *memory;
    struct error *error;        /* Ends all reading. */
};

static bool read_bytes(struct look *look, uint64_t address, void *buffer, size_t size)
{
    struct error *error = look->error ? NULL : memory_read(look->memory, address, buffer, size);
    if (look->error)
        return false;
    if (error && error->kind != ERROR_FAULT)
        look->error = error;
    else
        error_destroy(error);
    return !error;
}

static int32_t distance_at(const uint8_t *bytes)
{
    uint32_t value = 0;
    bytes_u32_at(bytes, 4, 0, &value);
    return (int32_t)value;
}

static bool slot_holds(struct look *look, uint64_t slot, uint64_t function)
{
    uint8_t bytes[8];
    uint64_t value;
    return read_bytes(look, slot, bytes, sizeof(bytes)) && bytes_u64_at(bytes, sizeof(bytes), 0, &value) &&
           value == function;
}

/* A PLT entry: endbr64 or not, then `jmp *slot(%rip)`, with a prefix or not (binutils bfd/elf64-x86-64.c, lld
 * ELF/Arch/X86_64.cpp). */
static bool jumps_to(struct look *look, uint64_t entry, uint64_t function)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint8_t bytes[PLT_ENTRY_BYTES];
    if (!read_bytes(look, entry, bytes, sizeof(bytes)))
        return false;
    size_t at = memcmp(bytes, endbr64, sizeof(endbr64)) == 0 ? sizeof(endbr64) : 0;
    at += bytes[at] == 0xf2;
    if (bytes[at] != 0xff || bytes[at + 1] != 0x25)
        return false;
    return slot_holds(look, entry + at + 6 + (uint64_t)(int64_t)distance_at(&bytes[at + 2]), function);
}

/* `call` through a register or memory, by its ModRM byte: how long it is from the opcode on; 0: it is none. */
static size_t indirect_call_length(const uint8_t *opcode)
{
    uint8_t mode = opcode[1] >> 6, base = opcode[1] & 7;
    bool has_sib = base == 4;
    if (opcode[0] != 0xff || (opcode[1] >> 3 & 7) != 2)
        return 0;
    if (mode == 3)
        return 2;
    if (has_sib)
        base = opcode[2] & 7;
    return 2u + has_sib + (mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0);
}

struct error *call_site_look(struct memory *memory, uint64_t return_address, uint64_t function,
                             enum call_site *ret_site)
{
    struct look look = {.memory = memory};
    uint8_t bytes[LONGEST_CALL + 1] = {0};      /* One more than can be read: where a SIB byte would be missing. */
    enum call_site site = CALL_SITE_NONE;
    if (return_address < LONGEST_CALL || !read_bytes(&look, return_address - LONGEST_CALL, bytes, LONGEST_CALL)) {
        *ret_site = CALL_SITE_NONE;
        return look.error;
    }
    /* An instruction cannot be told from its end with certainty: whatever it may be is tried. */
    if (bytes[LONGEST_CALL - 5] == 0xe8) {
        uint64_t target = return_address + (uint64_t)(int64_t)distance_at(&bytes[LONGEST_CALL - 4]);
        if (target == function || jumps_to(&look, target, function))
            site = CALL_SITE_OF_FUNCTION;
    }
    for (size_t length = 2; length < LONGEST_CALL && site != CALL_SITE_OF_FUNCTION; length++) {
        const uint8_t *opcode = &bytes[LONGEST_CALL - length];
        if (indirect_call_length(opcode) != length)
            continue;
        /* Relative to the instruction pointer: an import, whose place tells. */
        if (opcode[1] != 0x15)
            site = CALL_SITE_ANY;
        else if (slot_holds(&look, return_address + (uint64_t)(int64_t)distance_at(&opcode[2]), function))
            site = CALL_SITE_OF_FUNCTION;
    }
    *ret_site = site;
    return look.error;
}
