/* Calls before return addresses, in every form that compilers write. */
#include "attach/native/call_site.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define CODE UINT64_C(0x401000)
#define FUNCTION UINT64_C(0x402000)
#define PLT UINT64_C(0x403000)
#define SLOT UINT64_C(0x404000)

static enum call_site look(struct memory *memory, const uint8_t *call, size_t length)
{
    uint8_t code[16];
    enum call_site site = CALL_SITE_ANY;
    memset(code, 0x90, sizeof(code));
    memcpy(code + sizeof(code) - length, call, length);
    ck_assert_ptr_null(memory_fake_add(memory, CODE, code, sizeof(code)));
    ck_assert_ptr_null(call_site_look(memory, CODE + sizeof(code), FUNCTION, &site));
    return site;
}

#define LOOK(memory, ...) look(memory, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(test_forms)
{
    struct memory *memory;
    uint64_t slot = FUNCTION, other = FUNCTION + 16;
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(memory_fake_add(memory, SLOT, &slot, sizeof(slot)));
    ck_assert_ptr_null(memory_fake_add(memory, SLOT + 8, &other, sizeof(other)));
    /* jmp *slot: plain, behind endbr64, with a prefix; of another function. */
    static const uint8_t entries[4][16] = {{0xff, 0x25, 0xfa, 0x0f, 0, 0},
                                           {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xe6, 0x0f, 0, 0},
                                           {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0xd5, 0x0f, 0, 0},
                                           {0xff, 0x25, 0xd2, 0x0f, 0, 0}};
    ck_assert_ptr_null(memory_fake_add(memory, PLT, entries, sizeof(entries)));
    /* Code ends at 0x401010. */
    ck_assert_int_eq(LOOK(memory, 0xe8, 0xf0, 0x0f, 0, 0), CALL_SITE_OF_FUNCTION);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0xf1, 0x0f, 0, 0), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0xf0, 0x1f, 0, 0), CALL_SITE_OF_FUNCTION);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0x00, 0x20, 0, 0), CALL_SITE_OF_FUNCTION);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0x10, 0x20, 0, 0), CALL_SITE_OF_FUNCTION);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0x20, 0x20, 0, 0), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xe8, 0, 0, 0, 0x7f), CALL_SITE_NONE);
    /* call *slot(%rip) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x15, 0xf0, 0x2f, 0, 0), CALL_SITE_OF_FUNCTION);
    ck_assert_int_eq(LOOK(memory, 0xff, 0x15, 0xf8, 0x2f, 0, 0), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xff, 0xd0), CALL_SITE_ANY);                          /* *%rax */
    ck_assert_int_eq(LOOK(memory, 0x41, 0xff, 0xd4), CALL_SITE_ANY);                    /* *%r12 */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x10), CALL_SITE_ANY);                          /* *(%rax) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x50, 0x18), CALL_SITE_ANY);                    /* *0x18(%rax) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x90, 0x38, 6, 0, 0), CALL_SITE_ANY);           /* *0x638(%rax) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x14, 0xc7), CALL_SITE_ANY);                    /* *(%rdi,%rax,8) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x54, 0x24, 8), CALL_SITE_ANY);                 /* *8(%rsp) */
    ck_assert_int_eq(LOOK(memory, 0xff, 0x94, 0x24, 0, 1, 0, 0), CALL_SITE_ANY);        /* *0x100(%rsp) */
    ck_assert_int_eq(LOOK(memory, 0x64, 0xff, 0x14, 0x25, 0x40, 6, 0, 0), CALL_SITE_ANY);       /* *%fs:0x640 */
    /* No calls: nothing, a jump, a push, and calls cut short. */
    ck_assert_int_eq(LOOK(memory, 0x90), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xff, 0xe0), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xff, 0x70, 8), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xff, 0x14), CALL_SITE_NONE);
    ck_assert_int_eq(LOOK(memory, 0xff, 0x50), CALL_SITE_NONE);
    memory_destroy(memory);
}
END_TEST

START_TEST(test_unreadable)
{
    struct memory *memory;
    enum call_site site = CALL_SITE_ANY;
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(call_site_look(memory, CODE, FUNCTION, &site));
    ck_assert_int_eq(site, CALL_SITE_NONE);
    ck_assert_ptr_null(call_site_look(memory, 3, FUNCTION, &site));
    ck_assert_int_eq(site, CALL_SITE_NONE);
    memory_destroy(memory);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("call sites");
    TCase *tests = tcase_create("call sites");
    tcase_add_test(tests, test_forms);
    tcase_add_test(tests, test_unreadable);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
