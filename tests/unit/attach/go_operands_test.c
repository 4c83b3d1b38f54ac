#include "attach/go/operands.h"

#include <capstone/capstone.h>
#include <string.h>

#include "attach/go/operand_recipes.h"
#include "unit/check_main.h"

#define CODE_AT 0x401000u

struct expected {
    uint64_t target;
    unsigned uses, size;
};

static struct operand_list decode(const uint8_t *code, size_t size)
{
    struct operand_list list = {0};
    ck_assert_ptr_null(operands_decode(code, size, CODE_AT, &list));
    return list;
}

static void check(const uint8_t *code, size_t size, const struct expected *expected, size_t count)
{
    struct operand_list list = decode(code, size);
    ck_assert_uint_eq(list.count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(list.items[i].target, expected[i].target);
        ck_assert_uint_eq(list.items[i].uses, expected[i].uses);
        ck_assert_uint_eq(list.items[i].size, expected[i].size);
    }
    operand_list_deinit(&list);
}

START_TEST(operands_are_told_by_use_and_size)
{
    static const uint8_t code[] = {
        0x48, 0x8b, 0x0d, 0x10, 0x00, 0x00, 0x00,                   /* mov 0x10(%rip),%rcx */
        0x89, 0x05, 0x20, 0x00, 0x00, 0x00,                         /* mov %eax,0x20(%rip) */
        0x48, 0x8d, 0x05, 0x30, 0x00, 0x00, 0x00,                   /* lea 0x30(%rip),%rax */
        0x80, 0x3d, 0x40, 0x00, 0x00, 0x00, 0x00,                   /* cmpb $0,0x40(%rip) */
        0xff, 0x05, 0x50, 0x00, 0x00, 0x00,                         /* incl 0x50(%rip) */
        0x48, 0x63, 0x0d, 0x60, 0x00, 0x00, 0x00,                   /* movslq 0x60(%rip),%rcx */
        0xf2, 0x0f, 0x10, 0x05, 0x70, 0x00, 0x00, 0x00,             /* movsd 0x70(%rip),%xmm0 */
        0x48, 0xc7, 0x05, 0x80, 0x00, 0x00, 0x00, 0x07, 0, 0, 0,    /* movq $7,0x80(%rip) */
        0x48, 0x8b, 0x0c, 0x24,                                     /* mov (%rsp),%rcx: not relative */
        0xe8, 0x00, 0x00, 0x00, 0x00,                               /* call: relative, no memory operand */
    };
    static const struct expected expected[] = {
        {CODE_AT + 7 + 0x10, OPERAND_LOAD, 8},
        {CODE_AT + 13 + 0x20, OPERAND_STORE, 4},
        {CODE_AT + 20 + 0x30, OPERAND_ADDRESS, 0},
        {CODE_AT + 27 + 0x40, OPERAND_LOAD | OPERAND_COMPARE, 1},
        {CODE_AT + 33 + 0x50, OPERAND_LOAD | OPERAND_STORE, 4},
        {CODE_AT + 40 + 0x60, OPERAND_LOAD, 4},
        {CODE_AT + 48 + 0x70, OPERAND_LOAD, 8},
        {CODE_AT + 59 + 0x80, OPERAND_STORE, 8},
    };
    check(code, sizeof code, expected, sizeof expected / sizeof expected[0]);
}
END_TEST

START_TEST(what_is_no_instruction_is_passed_over)
{
    /* 0x06 is no instruction in 64-bit mode; the last one is cut short. */
    static const uint8_t code[] = {0x06, 0x06, 0x48, 0x8b, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x48, 0x8b, 0x0d, 0x01};
    static const struct expected expected[] = {{CODE_AT + 9 + 1, OPERAND_LOAD, 8}};
    check(code, sizeof code, expected, 1);
    check(code, 0, NULL, 0);
}
END_TEST

START_TEST(operands_are_bounded)
{
    size_t size = OPERANDS_MAX_CODE + 700;
    uint8_t *code = malloc(size);
    ck_assert_ptr_nonnull(code);
    static const uint8_t load[] = {0x48, 0x8b, 0x0d, 0x10, 0x00, 0x00, 0x00};
    for (size_t at = 0; at + sizeof load <= size; at += sizeof load)
        memcpy(code + at, load, sizeof load);
    struct operand_list list = decode(code, size);
    ck_assert_uint_eq(list.count, OPERANDS_MAX);
    operand_list_deinit(&list);
    memset(code, 0x06, size);
    list = decode(code, size);
    ck_assert_uint_eq(list.count, 0);
    free(code);
}
END_TEST

/* From the linker: this program's own code, some of which is its libraries'. */
extern const uint8_t etext[];

static bool is_relative(const cs_x86_op *operand)
{
    return operand->type == X86_OP_MEM && operand->mem.base == X86_REG_RIP;
}

/* Capstone 4 calls the stores of SETcc and of vectors loads, so of what is done it is asked for that only which it
 * knows. A load behind the instruction is found only if its length is. */
static void check_against(const cs_insn *instruction, uint64_t address, size_t *count)
{
    static const uint8_t load[] = {0x8b, 0x05, 0x00, 0x00, 0x00, 0x00};
    uint8_t code[sizeof instruction->bytes + sizeof load];
    const cs_x86 *details = &instruction->detail->x86;
    struct operand_list list = {0};
    memcpy(code, instruction->bytes, instruction->size);
    memcpy(code + instruction->size, load, sizeof load);
    ck_assert_ptr_null(operands_decode(code, instruction->size + sizeof load, address, &list));
    ck_assert_msg(list.count > 0 && list.items[list.count - 1].target == address + instruction->size + sizeof load,
                  "%s %s", instruction->mnemonic, instruction->op_str);
    for (unsigned i = 0; i < details->op_count; i++) {
        const cs_x86_op *wanted = &details->operands[i];
        if (!is_relative(wanted) || instruction->id == X86_INS_NOP)
            continue;
        uint64_t target = address + instruction->size + (uint64_t)wanted->mem.disp;
        ck_assert_msg(list.count == 2, "%s %s", instruction->mnemonic, instruction->op_str);
        ck_assert_uint_eq(list.items[0].target, target);
        if (instruction->id != X86_INS_LEA && list.items[0].size)
            ck_assert_msg(list.items[0].size == wanted->size, "%s %s: %u", instruction->mnemonic, instruction->op_str,
                          list.items[0].size);
        if (instruction->id == X86_INS_MOV || instruction->id == X86_INS_ADD || instruction->id == X86_INS_XCHG)
            ck_assert_uint_eq(list.items[0].uses, wanted->access);
        ck_assert((instruction->id == X86_INS_LEA) == (list.items[0].uses == OPERAND_ADDRESS));
        ++*count;
    }
    operand_list_deinit(&list);
}

START_TEST(compiled_code_is_read_as_capstone_reads_it)
{
    csh capstone;
    ck_assert_int_eq(cs_open(CS_ARCH_X86, CS_MODE_64, &capstone), CS_ERR_OK);
    ck_assert_int_eq(cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON), CS_ERR_OK);
    cs_insn *instruction = cs_malloc(capstone);
    /* From the start of a function on. */
    const uint8_t *code = (const uint8_t *)(uintptr_t)operands_decode;
    size_t size = (size_t)(etext - code), count = 0;
    ck_assert(code < etext);
    for (uint64_t address = CODE_AT, at = address; size > 0; at = address) {
        if (cs_disasm_iter(capstone, &code, &size, &address, instruction)) {
            check_against(instruction, at, &count);
            continue;
        }
        code++;
        size--;
        address++;
    }
    ck_assert_uint_gt(count, 50);
    cs_free(instruction, 1);
    cs_close(&capstone);
}
END_TEST

static struct operand some_operands[] = {
    {0x1000, OPERAND_LOAD | OPERAND_COMPARE, 1},
    {0x2000, OPERAND_LOAD, 8},
    {0x3000, OPERAND_LOAD, 8},
    {0x4000, OPERAND_ADDRESS, 0},
    {0x5000, OPERAND_LOAD | OPERAND_COMPARE, 1},
    {0x9000, OPERAND_STORE, 8},
    {0x6000, OPERAND_LOAD, 8},
};

static size_t apply(struct operand_recipe recipe, uint64_t before, uint64_t *addresses, size_t capacity)
{
    const struct operand_list list = {.items = some_operands, .count = sizeof some_operands / sizeof some_operands[0]};
    struct go_layout layout;
    go_layout_clear(&layout);
    layout.offset[GO_FIELD_SCHED_MNEXT] = 0x48;
    return operand_recipe_apply(&recipe, &list, &layout, before, addresses, capacity);
}

START_TEST(recipes_pick)
{
    uint64_t found[8];
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 8, .pick = PICK_EACH}, 0, found, 8),
                      3);
    ck_assert_uint_eq(found[0], 0x2000);
    ck_assert_uint_eq(found[2], 0x6000);
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 8, .pick = PICK_FIRST}, 0, found, 8),
                      1);
    ck_assert_uint_eq(found[0], 0x2000);
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 8, .pick = PICK_SECOND}, 0, found, 8),
                      1);
    ck_assert_uint_eq(found[0], 0x3000);
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 8, .pick = PICK_LAST}, 0, found, 8),
                      1);
    ck_assert_uint_eq(found[0], 0x6000);
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_ADDRESS, .pick = PICK_EACH}, 0, found, 8), 1);
    ck_assert_uint_eq(found[0], 0x4000);
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 4, .pick = PICK_FIRST}, 0, found, 8),
                      0);
    /* No more than there is room for. */
    ck_assert_uint_eq(apply((struct operand_recipe){.uses = OPERAND_LOAD, .size = 8, .pick = PICK_EACH}, 0, found, 2),
                      2);
}
END_TEST

START_TEST(recipes_look_before_a_variable)
{
    uint64_t found[8];
    const struct operand_recipe recipe = {.uses = OPERAND_LOAD, .size = 1, .pick = PICK_BEFORE};
    ck_assert_uint_eq(apply(recipe, 0x9000, found, 8), 1);
    ck_assert_uint_eq(found[0], 0x5000);
    ck_assert_uint_eq(apply(recipe, 0, found, 8), 0);
}
END_TEST

START_TEST(recipes_subtract_a_field)
{
    uint64_t found[8];
    struct operand_recipe recipe = {
        .uses = OPERAND_STORE, .size = 8, .pick = PICK_EACH, .within = true, .field = GO_FIELD_SCHED_MNEXT};
    ck_assert_uint_eq(apply(recipe, 0, found, 8), 1);
    ck_assert_uint_eq(found[0], 0x9000 - 0x48);
    /* A field that the version has not names nothing. */
    recipe.field = GO_FIELD_SCHED_NGSYS;
    ck_assert_uint_eq(apply(recipe, 0, found, 8), 0);
}
END_TEST

START_TEST(fields_are_confirmed)
{
    const struct operand_list list = {.items = some_operands, .count = sizeof some_operands / sizeof some_operands[0]};
    ck_assert(operand_confirms(&list, 0x4000));
    ck_assert(!operand_confirms(&list, 0x4008));
    /* Code that is not there speaks against nothing. */
    ck_assert(operand_confirms(&(const struct operand_list){0}, 0x4008));
}
END_TEST

START_TEST(every_variable_has_a_recipe)
{
    bool has_one[GO_VARIABLE_COUNT] = {[GO_VARIABLE_FIRST_MODULE_DATA] = true};
    for (unsigned i = 0; i < go_operand_recipe_count; i++)
        has_one[go_operand_recipes[i].variable] = true;
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        ck_assert_msg(has_one[i], "%s", go_variable_names[i]);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_operands");
    TCase *tests = tcase_create("operands");
    tcase_add_test(tests, operands_are_told_by_use_and_size);
    tcase_add_test(tests, what_is_no_instruction_is_passed_over);
    tcase_add_test(tests, operands_are_bounded);
    tcase_add_test(tests, compiled_code_is_read_as_capstone_reads_it);
    tcase_add_test(tests, recipes_pick);
    tcase_add_test(tests, recipes_look_before_a_variable);
    tcase_add_test(tests, recipes_subtract_a_field);
    tcase_add_test(tests, fields_are_confirmed);
    tcase_add_test(tests, every_variable_has_a_recipe);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
