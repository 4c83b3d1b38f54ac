/* The memory operands of a piece of amd64 code whose address the code itself tells: RIP-relative ones. Where they point
 * is where a runtime's variables and type descriptors lie. */
#ifndef HEAPTOP_ATTACH_GO_OPERANDS_H
#define HEAPTOP_ATTACH_GO_OPERANDS_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"
#include "heaptop/base/vector.h"

/* What an instruction does with its memory operand. */
enum operand_use {
    OPERAND_LOAD = 1 << 0,      /* Reads it, comparisons too. */
    OPERAND_STORE = 1 << 1,
    OPERAND_COMPARE = 1 << 2,   /* CMP or TEST: a load as well. */
    OPERAND_ADDRESS = 1 << 3,   /* LEA: takes its address. */
};

struct operand {
    uint64_t target;            /* In the address space the code was given in. */
    uint8_t uses;               /* Of enum operand_use. */
    uint8_t size;               /* Bytes; 0 for OPERAND_ADDRESS, and where rare instructions do not tell. */
};

struct operand_list {
    struct operand *items;
    size_t count, capacity;
};

/* Longest code that is decoded, and most operands that are kept of it. */
#define OPERANDS_MAX_CODE ((size_t)64 << 10)
#define OPERANDS_MAX 4096

/* Appends the operands of `code`, which stands at `address`, in the order of the code. What is no instruction is passed
 * over a byte at a time. Beyond the bounds above nothing is decoded. ERROR_NO_MEMORY. */
struct error *operands_decode(const uint8_t *code, size_t size, uint64_t address, struct operand_list *list);

static inline void operand_list_deinit(struct operand_list *list)
{
    vector_deinit(list);
}

#endif
