/* The few expressions that call frame information is made of: of PLT entries, signal frames, hand-written assembly. */
#include <dwarf.h>

#include "heaptop/base/cursor.h"
#include "heaptop/symbols/call_frames.h"

#define MAX_DEPTH 32
/* An expression can jump backwards. */
#define MAX_STEPS 1000

struct evaluation {
    struct cursor cursor;
    const struct call_frame_state *state;
    uint64_t values[MAX_DEPTH];
    unsigned depth;
    bool failed;
};

static void push(struct evaluation *evaluation, uint64_t value)
{
    if (evaluation->depth == MAX_DEPTH)
        evaluation->failed = true;
    else
        evaluation->values[evaluation->depth++] = value;
}

static uint64_t pop(struct evaluation *evaluation)
{
    if (evaluation->depth > 0)
        return evaluation->values[--evaluation->depth];
    evaluation->failed = true;
    return 0;
}

static void push_register(struct evaluation *evaluation, uint64_t number, int64_t offset)
{
    if (number >= CALL_FRAME_REGISTERS || !(evaluation->state->known >> number & 1))
        evaluation->failed = true;
    else
        push(evaluation, evaluation->state->registers[number] + (uint64_t)offset);
}

static void pick(struct evaluation *evaluation, unsigned index)
{
    if (index >= evaluation->depth)
        evaluation->failed = true;
    else
        push(evaluation, evaluation->values[evaluation->depth - 1 - index]);
}

static void dereference(struct evaluation *evaluation)
{
    uint64_t value = 0;
    if (!evaluation->state->read(evaluation->state->context, pop(evaluation), &value))
        evaluation->failed = true;
    push(evaluation, value);
}

static void jump(struct evaluation *evaluation, int16_t distance)
{
    cursor_seek(&evaluation->cursor, evaluation->cursor.offset + (size_t)(ptrdiff_t)distance);
}

static uint64_t shift(uint8_t operation, uint64_t value, uint64_t count)
{
    if (count > 63)
        return operation == DW_OP_shra && (int64_t)value < 0 ? UINT64_MAX : 0;
    return operation == DW_OP_shl ? value << count
           : operation == DW_OP_shr ? value >> count
                                    : (uint64_t)((int64_t)value >> count);
}

/* Operations on the two topmost values; false: it is none of them. */
static bool combine(struct evaluation *evaluation, uint8_t operation)
{
    uint64_t first, second;
    if (operation < DW_OP_and || operation > DW_OP_ne || operation == DW_OP_bra || operation == DW_OP_neg ||
        operation == DW_OP_not || operation == DW_OP_plus_uconst || operation == DW_OP_div || operation == DW_OP_mod)
        return false;
    second = pop(evaluation);
    first = pop(evaluation);
    int64_t left = (int64_t)first, right = (int64_t)second;
    switch (operation) {
    case DW_OP_and:
        push(evaluation, first & second);
        break;
    case DW_OP_minus:
        push(evaluation, first - second);
        break;
    case DW_OP_mul:
        push(evaluation, first * second);
        break;
    case DW_OP_or:
        push(evaluation, first | second);
        break;
    case DW_OP_plus:
        push(evaluation, first + second);
        break;
    case DW_OP_xor:
        push(evaluation, first ^ second);
        break;
    case DW_OP_eq:
        push(evaluation, left == right);
        break;
    case DW_OP_ge:
        push(evaluation, left >= right);
        break;
    case DW_OP_gt:
        push(evaluation, left > right);
        break;
    case DW_OP_le:
        push(evaluation, left <= right);
        break;
    case DW_OP_lt:
        push(evaluation, left < right);
        break;
    case DW_OP_ne:
        push(evaluation, left != right);
        break;
    default:
        push(evaluation, shift(operation, first, second));
    }
    return true;
}

/* Operations that bring a constant, or a register's value; false: it is none of them. */
static bool bring(struct evaluation *evaluation, uint8_t operation)
{
    struct cursor *cursor = &evaluation->cursor;
    uint64_t number;
    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
        push(evaluation, operation - DW_OP_lit0);
        return true;
    }
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
        push_register(evaluation, operation - DW_OP_breg0, cursor_varint(cursor));
        return true;
    }
    switch (operation) {
    case DW_OP_addr:
    case DW_OP_const8u:
    case DW_OP_const8s:
        push(evaluation, cursor_u64(cursor));
        return true;
    case DW_OP_const1u:
        push(evaluation, cursor_u8(cursor));
        return true;
    case DW_OP_const1s:
        push(evaluation, (uint64_t)(int64_t)(int8_t)cursor_u8(cursor));
        return true;
    case DW_OP_const2u:
        push(evaluation, cursor_u16(cursor));
        return true;
    case DW_OP_const2s:
        push(evaluation, (uint64_t)(int64_t)(int16_t)cursor_u16(cursor));
        return true;
    case DW_OP_const4u:
        push(evaluation, cursor_u32(cursor));
        return true;
    case DW_OP_const4s:
        push(evaluation, (uint64_t)(int64_t)(int32_t)cursor_u32(cursor));
        return true;
    case DW_OP_constu:
        push(evaluation, cursor_uvarint(cursor));
        return true;
    case DW_OP_consts:
        push(evaluation, (uint64_t)cursor_varint(cursor));
        return true;
    case DW_OP_bregx:
        number = cursor_uvarint(cursor);
        push_register(evaluation, number, cursor_varint(cursor));
        return true;
    default:
        return false;
    }
}

static void run(struct evaluation *evaluation, uint8_t operation)
{
    struct cursor *cursor = &evaluation->cursor;
    uint64_t first, second;
    int16_t distance;
    if (bring(evaluation, operation) || combine(evaluation, operation))
        return;
    switch (operation) {
    case DW_OP_deref:
        dereference(evaluation);
        break;
    case DW_OP_dup:
        pick(evaluation, 0);
        break;
    case DW_OP_over:
        pick(evaluation, 1);
        break;
    case DW_OP_pick:
        pick(evaluation, cursor_u8(cursor));
        break;
    case DW_OP_drop:
        pop(evaluation);
        break;
    case DW_OP_swap:
        first = pop(evaluation);
        second = pop(evaluation);
        push(evaluation, first);
        push(evaluation, second);
        break;
    case DW_OP_plus_uconst:
        push(evaluation, pop(evaluation) + cursor_uvarint(cursor));
        break;
    case DW_OP_neg:
        push(evaluation, -pop(evaluation));
        break;
    case DW_OP_not:
        push(evaluation, ~pop(evaluation));
        break;
    case DW_OP_skip:
        jump(evaluation, (int16_t)cursor_u16(cursor));
        break;
    case DW_OP_bra:
        distance = (int16_t)cursor_u16(cursor);
        if (pop(evaluation) != 0)
            jump(evaluation, distance);
        break;
    case DW_OP_nop:
        break;
    default:
        evaluation->failed = true;
    }
}

bool call_frame_evaluate(const uint8_t *bytes, size_t size, const struct call_frame_state *state, const uint64_t *cfa,
                         uint64_t *ret_value)
{
    struct evaluation evaluation = {.cursor = cursor_over(bytes, size), .state = state};
    if (cfa)
        push(&evaluation, *cfa);
    for (unsigned step = 0; cursor_left(&evaluation.cursor) > 0; step++) {
        run(&evaluation, cursor_u8(&evaluation.cursor));
        if (evaluation.failed || evaluation.cursor.failed || step == MAX_STEPS)
            return false;
    }
    if (evaluation.depth == 0)
        return false;
    *ret_value = evaluation.values[evaluation.depth - 1];
    return true;
}
