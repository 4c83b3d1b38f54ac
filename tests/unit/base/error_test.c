#include "heaptop/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

START_TEST(create_formats_and_keeps_the_address)
{
    _cleanup_error_ struct error *error = error_create(ERROR_BAD_DATA, "section %d of '%s'", 7, "a.out");
    ck_assert_int_eq(error->kind, ERROR_BAD_DATA);
    ck_assert_uint_eq(error->address, 0);
    ck_assert_str_eq(error->message, "section 7 of 'a.out'");

    _cleanup_error_ struct error *at = error_create_at(ERROR_FAULT, UINT64_C(0xc000123400), "cannot read");
    ck_assert_int_eq(at->kind, ERROR_FAULT);
    ck_assert_uint_eq(at->address, UINT64_C(0xc000123400));
    ck_assert_str_eq(at->message, "cannot read");
}
END_TEST

START_TEST(long_messages_are_whole)
{
    char name[5000];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    _cleanup_error_ struct error *error = error_create(ERROR_SYSTEM, "%s!", name);
    ck_assert_uint_eq(strlen(error->message), sizeof(name));
    ck_assert_int_eq(error->message[sizeof(name) - 1], '!');
}
END_TEST

static const struct {
    int errno_value;
    enum error_kind kind;
} errno_kinds[] = {
    {EPERM, ERROR_PERMISSION}, {EACCES, ERROR_PERMISSION}, {ESRCH, ERROR_GONE},    {ENOENT, ERROR_NOT_FOUND},
    {EFAULT, ERROR_FAULT},     {ENOMEM, ERROR_NO_MEMORY},  {EINVAL, ERROR_SYSTEM}, {EIO, ERROR_SYSTEM},
};

START_TEST(errno_gives_kind_and_text)
{
    _cleanup_error_ struct error *error = error_from_errno(errno_kinds[_i].errno_value, "cannot open '%s'", "x");
    ck_assert_int_eq(error->kind, errno_kinds[_i].kind);
    char expected[200];
    snprintf(expected, sizeof(expected), "cannot open 'x': %s", strerror(errno_kinds[_i].errno_value));
    ck_assert_str_eq(error->message, expected);
}
END_TEST

START_TEST(prefix_goes_in_front_and_keeps_the_rest)
{
    struct error *error = error_create_at(ERROR_FAULT, 42, "inner");
    _cleanup_error_ struct error *prefixed = error_prefix(error, "outer %s", "context");
    ck_assert_ptr_eq(prefixed, error);
    ck_assert_str_eq(prefixed->message, "outer context: inner");
    ck_assert_int_eq(prefixed->kind, ERROR_FAULT);
    ck_assert_uint_eq(prefixed->address, 42);
    ck_assert_ptr_null(error_prefix(NULL, "nothing"));
}
END_TEST

START_TEST(static_error_is_never_changed)
{
    struct error *shared = error_no_memory();
    ck_assert_int_eq(shared->kind, ERROR_NO_MEMORY);
    _cleanup_error_ struct error *prefixed = error_prefix(shared, "while reading");
    ck_assert_ptr_ne(prefixed, shared);
    ck_assert_int_eq(prefixed->kind, ERROR_NO_MEMORY);
    ck_assert_str_eq(prefixed->message, "while reading: out of memory");
    ck_assert_str_eq(shared->message, "out of memory");
    error_destroy(shared);
    error_destroy(NULL);
    ck_assert_str_eq(error_no_memory()->message, "out of memory");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, create_formats_and_keeps_the_address);
    tcase_add_test(tests, long_messages_are_whole);
    tcase_add_loop_test(tests, errno_gives_kind_and_text, 0, (int)ARRAY_SIZE(errno_kinds));
    tcase_add_test(tests, prefix_goes_in_front_and_keeps_the_rest);
    tcase_add_test(tests, static_error_is_never_changed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
