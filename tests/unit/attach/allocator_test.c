/* Allocators told by what is mapped. */
#include "attach/malloc/allocator.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define LIBC "7f10000000-7f10100000 r-xp 00028000 fe:01 11 /usr/lib/x86_64-linux-gnu/libc.so.6\n"
#define PROGRAM "400000-500000 r-xp 00000000 fe:01 10 /usr/bin/server\n"

START_TEST(test_allocators)
{
    static const struct {
        const char *maps;
        enum allocator_kind kind;
    } rows[] = {
        {"", ALLOCATOR_UNKNOWN},
        {PROGRAM, ALLOCATOR_UNKNOWN},
        {PROGRAM LIBC, ALLOCATOR_GLIBC},
        {PROGRAM "7f10000000-7f10100000 r-xp 00028000 fe:01 11 /lib/x86_64-linux-gnu/libc-2.31.so\n", ALLOCATOR_GLIBC},
        {PROGRAM "7f10000000-7f10100000 r-xp 00028000 fe:01 11 /lib/ld-musl-x86_64.so.1\n", ALLOCATOR_MUSL},
        {PROGRAM LIBC "7f20000000-7f20100000 r-xp 00000000 fe:01 12 /usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n",
         ALLOCATOR_JEMALLOC},
        {PROGRAM LIBC "7f20000000-7f20100000 r-xp 00000000 fe:01 12 /opt/libtcmalloc_minimal.so.4\n",
         ALLOCATOR_TCMALLOC},
        {PROGRAM LIBC "7f20000000-7f20100000 r-xp 00000000 fe:01 12 /opt/libmimalloc.so.2.1\n", ALLOCATOR_MIMALLOC},
        /* A folder, data, and what is no file have no say. */
        {PROGRAM LIBC "7f20000000-7f20100000 r-xp 00000000 fe:01 12 /opt/libjemalloc/other.so\n", ALLOCATOR_GLIBC},
        {PROGRAM LIBC "7f20000000-7f20100000 r--p 00000000 fe:01 12 /opt/libjemalloc.so.2\n", ALLOCATOR_GLIBC},
        {PROGRAM LIBC "7f20000000-7f20100000 r-xp 00000000 00:00 0 libjemalloc.so\n", ALLOCATOR_GLIBC},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct text text = {0};
        struct maps maps;
        text_append(&text, rows[i].maps);
        ck_assert_ptr_null(maps_parse(&text, &maps));
        struct allocator allocator = allocator_of(&maps);
        ck_assert_msg(allocator.kind == rows[i].kind, "row %zu: %s", i, allocator.name);
        ck_assert_int_eq(allocator.kind == ALLOCATOR_UNKNOWN, allocator.line == NULL);
        ck_assert_int_eq(allocator.kind == ALLOCATOR_UNKNOWN, allocator.name[0] == '\0');
        maps_deinit(&maps);
    }
}
END_TEST

/* Those that are not read are named, and say what is seen instead. */
START_TEST(test_reasons)
{
    static const char *const names[] = {"jemalloc", "Go+jemalloc", "tcmalloc", "mimalloc", "musl", "Go+musl"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *reason = allocator_why_not_read(names[i]), *plus = strchr(names[i], '+');
        ck_assert_ptr_nonnull(reason);
        ck_assert_ptr_nonnull(strstr(reason, plus ? plus + 1 : names[i]));
        ck_assert_ptr_nonnull(strstr(reason, "mappings"));
    }
    ck_assert_ptr_null(allocator_why_not_read("glibc"));
    ck_assert_ptr_null(allocator_why_not_read("Go+glibc"));
    ck_assert_ptr_null(allocator_why_not_read("Go"));
    ck_assert_ptr_null(allocator_why_not_read(""));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("allocators");
    TCase *tests = tcase_create("allocators");
    tcase_add_test(tests, test_allocators);
    tcase_add_test(tests, test_reasons);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
