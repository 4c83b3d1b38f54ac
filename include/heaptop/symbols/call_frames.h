/* Call frame information of an ELF file: how to get from a function's frame to its caller's, as compilers note it for
 * exceptions and debuggers (DWARF 5, 6.4; Linux Standard Base 5, 10.6, .eh_frame). Programs carry it also when they are
 * stripped. x86-64 only. Everything in it is untrusted. */
#ifndef HEAPTOP_SYMBOLS_CALL_FRAMES_H
#define HEAPTOP_SYMBOLS_CALL_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/base/error.h"
#include "heaptop/symbols/image.h"

/* Registers by their DWARF numbers (System V ABI, AMD64 supplement 1.0, figure 3.36). */
enum {
    CALL_FRAME_RBX = 3,
    CALL_FRAME_RBP = 6,
    CALL_FRAME_RSP = 7,
    CALL_FRAME_R12 = 12,
    CALL_FRAME_R15 = 15,
    CALL_FRAME_RIP = 16,        /* The return address. */
    CALL_FRAME_REGISTERS
};

/* Where the caller's value of a register is. CFA: the stack pointer as it was before the call. */
enum call_frame_rule_kind {
    RULE_SAME,                  /* Still in the register. */
    RULE_UNDEFINED,             /* Lost; for the return address: this is the outermost frame. */
    RULE_SAVED,                 /* In memory at CFA + offset. */
    RULE_CFA,                   /* CFA + offset itself. */
    RULE_REGISTER,              /* In another register. */
    RULE_SAVED_EXPRESSION,      /* In memory at the expression's value. */
    RULE_EXPRESSION,            /* The expression's value. */
};

struct call_frame_rule {
    uint8_t kind;               /* enum call_frame_rule_kind */
    uint8_t reg;                /* RULE_REGISTER; for the CFA: the register that offset is added to. */
    uint16_t expression_size;   /* Bytes, of expressions. */
    int64_t offset;
    uint64_t expression;        /* Link-time address of the expression's bytes; in .debug_frame: their offset. */
};

struct call_frame_row {
    struct call_frame_rule cfa; /* RULE_REGISTER: register + offset; or RULE_EXPRESSION. */
    struct call_frame_rule registers[CALL_FRAME_REGISTERS];
    uint64_t function;          /* Link-time address at which the function begins. */
    bool is_signal_frame;       /* The caller was interrupted: its address is not behind a call. */
};

struct call_frames;

/* The image is borrowed. ERROR_NOT_FOUND: it has none. ERROR_UNSUPPORTED: another processor, or an encoding that no
 * linker for x86-64 writes. ERROR_BAD_DATA. */
struct error *call_frames_open(struct image *image, struct call_frames **ret_frames);
/* The same of .debug_frame, which is there for debuggers only, also compressed and in a separate debug file: for code
 * of which .eh_frame says nothing. It is read as a whole. Not of Go programs, whose stacks are another reader's.
 * Errors as above, and ERROR_UNSUPPORTED when it is longer than CALL_FRAMES_MAX_DEBUG bytes. */
struct error *call_frames_open_debug(struct image *image, struct call_frames **ret_frames);
#define CALL_FRAMES_MAX_DEBUG ((uint64_t)64 << 20)
void call_frames_close(struct call_frames *frames);     /* Accepts NULL. */

/* How to leave the function that holds a link-time address, at that instruction. ERROR_NOT_FOUND: nothing is said of
 * it. */
struct error *call_frames_find(struct call_frames *frames, uint64_t address, struct call_frame_row *ret_row);

/* What an expression may ask of the frame that is left. */
struct call_frame_state {
    uint64_t registers[CALL_FRAME_REGISTERS];
    uint32_t known;             /* Bits by register: the others' values were lost. */
    /* Reads eight bytes of the target's memory; false when they cannot be read. */
    bool (*read)(void *context, uint64_t address, uint64_t *ret_value);
    void *context;
};

/* The value of an expression (DWARF 5, 2.5), with `cfa` on the stack at first unless it is NULL. False when it is not
 * understood, or needs what is not known. */
bool call_frame_evaluate(const uint8_t *bytes, size_t size, const struct call_frame_state *state, const uint64_t *cfa,
                         uint64_t *ret_value);

/* Leaves a frame: what the caller's registers were, sp being the CFA. False when it cannot be told. A return address
 * that is undefined is not known in *ret_caller: the frame was the outermost. */
bool call_frames_step(struct call_frames *frames, const struct call_frame_row *row,
                      const struct call_frame_state *state, struct call_frame_state *ret_caller);

#endif
