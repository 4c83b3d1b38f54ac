/* Where probes go, in the beginnings of functions as compilers write them. */
#include "attach/probe/probe_place.h"

#include "unit/check_main.h"

#define PLACE(arguments, ...) \
    probe_place_choose((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), arguments)

static void check_place(struct probe_place place, size_t offset, bool stepped)
{
    ck_assert_uint_eq(place.offset, offset);
    ck_assert_int_eq(place.stepped, stepped);
    ck_assert(!place.is_jump);
}

START_TEST(test_first)
{
    check_place(PLACE(1, 0x55, 0xc3), 0, false);                        /* push %rbp */
    check_place(PLACE(1, 0x41, 0x54, 0xc3), 0, false);                  /* push %r12 */
    check_place(PLACE(1, 0x90, 0xc3), 0, false);                        /* nop */
    check_place(PLACE(1, 0x74, 0x01, 0x90, 0xc3), 0, false);            /* je */
    check_place(PLACE(1, 0x0f, 0x84, 1, 0, 0, 0, 0x90, 0xc3), 0, false);
}
END_TEST

START_TEST(test_behind)
{
    /* endbr64; push %rbx */
    check_place(PLACE(1, 0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0x5b, 0xc3), 4, false);
    /* cmpb $0,(%rip); push %r12, as glibc's posix_memalign */
    check_place(PLACE(3, 0x80, 0x3d, 0, 0, 0, 0, 0, 0x41, 0x54, 0x41, 0x5c, 0xc3), 7, false);
    /* cmp $0x1000,%rdi; ja, as jemalloc's malloc */
    check_place(PLACE(1, 0x48, 0x81, 0xff, 0, 0x10, 0, 0, 0x77, 0x01, 0xc3, 0xc3), 7, false);
    /* test %rdi,%rdi; je, as glibc's free */
    check_place(PLACE(1, 0x48, 0x85, 0xff, 0x74, 0x01, 0x50, 0x58, 0xc3), 3, false);
    /* mov %rdi,%rax: what is read stays. */
    check_place(PLACE(1, 0x48, 0x89, 0xf8, 0x53, 0x5b, 0xc3), 3, false);
}
END_TEST

START_TEST(test_stepped)
{
    /* sub $0x58,%rsp: behind it the return address lies elsewhere. */
    check_place(PLACE(3, 0x48, 0x83, 0xec, 0x58, 0x53, 0x5b, 0xc3), 0, true);
    /* mov %rsi,%rdi; push: the first argument is lost, but not to who needs none. */
    check_place(PLACE(1, 0x48, 0x89, 0xf7, 0x53, 0x5b, 0xc3), 0, true);
    check_place(PLACE(0, 0x48, 0x89, 0xf7, 0x53, 0x5b, 0xc3), 3, false);
    /* xor %edi,%edi changes all of rdi. */
    check_place(PLACE(1, 0x31, 0xff, 0x53, 0x5b, 0xc3), 0, true);
    /* mov $12,%eax; syscall; ret */
    check_place(PLACE(1, 0xb8, 0x0c, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x53), 0, true);
    /* mov $12,%eax; syscall; push, as glibc's brk: what it does has been done by then. */
    check_place(PLACE(1, 0xb8, 0x0c, 0, 0, 0, 0x0f, 0x05, 0x53, 0x5b, 0xc3), 0, true);
    /* ret; call *%rax; jmp *%rax: the code behind is not run straight through. */
    check_place(PLACE(1, 0xc3, 0x53), 0, true);
    check_place(PLACE(1, 0xff, 0xd0, 0x53), 0, true);
    check_place(PLACE(1, 0xff, 0xe0, 0x53), 0, true);
    /* What is no code, or cut short. */
    check_place(PLACE(1, 0x06, 0x53), 0, true);
    check_place(PLACE(1, 0x48), 0, true);
    check_place(probe_place_choose((const uint8_t[]){0}, 0, 1), 0, true);
}
END_TEST

/* mov %rdi,%rax; push %rbx; ... jmp back to the push: it is met again and again. */
START_TEST(test_loop)
{
    check_place(PLACE(1, 0x48, 0x89, 0xf8, 0x53, 0x5b, 0xeb, 0xfc, 0xc3), 0, true);
    check_place(PLACE(1, 0x48, 0x89, 0xf8, 0x53, 0x5b, 0x90, 0xeb, 0xfd, 0xc3), 3, false);
    /* Back to the beginning is a call of its own. */
    check_place(PLACE(1, 0x53, 0x5b, 0xeb, 0xfc), 0, false);
}
END_TEST

START_TEST(test_jump)
{
    ck_assert(PLACE(1, 0xe9, 0, 1, 0, 0).is_jump);
    ck_assert(PLACE(1, 0xf3, 0x0f, 0x1e, 0xfa, 0xeb, 0x10).is_jump);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("places of probes");
    TCase *tests = tcase_create("places of probes");
    tcase_add_test(tests, test_first);
    tcase_add_test(tests, test_behind);
    tcase_add_test(tests, test_stepped);
    tcase_add_test(tests, test_loop);
    tcase_add_test(tests, test_jump);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
