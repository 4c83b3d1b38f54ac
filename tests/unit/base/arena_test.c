#include "heaptop/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "unit/check_main.h"

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena);
}

static void tear_down(void)
{
    arena_deinit(&arena);
}

static bool all_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

START_TEST(allocations_are_aligned_zeroed_and_apart)
{
    /* Sizes around the alignment and around a block; each is filled, so that an overlap shows in the next. */
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4096, 16383, 16384, 16385, 100000, 1 << 20, (1 << 20) + 1, 3};
    unsigned char *made[14 * 20];
    size_t count = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 14; i++) {
            unsigned char *bytes = arena_alloc(&arena, sizes[i]);
            ck_assert_ptr_nonnull(bytes);
            ck_assert_uint_eq((uintptr_t)bytes % 16, 0);
            ck_assert(all_zero(bytes, sizes[i]));
            memset(bytes, (int)count + 1, sizes[i]);
            made[count++] = bytes;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = sizes[i % 14];
        if (size > 0) {
            ck_assert_uint_eq(made[i][0], (unsigned char)(i + 1));
            ck_assert_uint_eq(made[i][size - 1], (unsigned char)(i + 1));
        }
    }
}
END_TEST

START_TEST(accounts_for_what_it_took)
{
    ck_assert_uint_eq(arena.reserved, 0);
    arena_alloc(&arena, 100);
    ck_assert_uint_eq(arena.used, 112);
    ck_assert_uint_ge(arena.reserved, arena.used);
    for (int i = 0; i < 100000; i++) {
        if (!arena_alloc(&arena, 48))
            ck_abort();
    }
    ck_assert_uint_eq(arena.used, 112 + 100000 * 48);
    /* Blocks double, up to 1 MiB: what is reserved in vain is bounded by that. */
    ck_assert_uint_le(arena.reserved - arena.used, (size_t)2 << 20);

    arena_deinit(&arena);
    ck_assert_uint_eq(arena.used, 0);
    ck_assert_uint_eq(arena.reserved, 0);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
}
END_TEST

START_TEST(large_allocation_leaves_the_current_block_in_use)
{
    char *before = arena_alloc(&arena, 16);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 4 << 20));
    char *after = arena_alloc(&arena, 16);
    ck_assert_ptr_eq(after, before + 16);
}
END_TEST

START_TEST(impossible_sizes_give_null)
{
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 15));
    /* Rounds up to a size that fits, but not with the block's header. */
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 20));
    ck_assert_ptr_null(arena_alloc_array(&arena, SIZE_MAX / 8, 16));
    ck_assert_ptr_null(arena_alloc_array(&arena, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(arena_copy_string(&arena, "x", SIZE_MAX));
    ck_assert_uint_eq(arena.used, 0);
    ck_assert_uint_eq(arena.reserved, 0);
    ck_assert_ptr_nonnull(arena_alloc_array(&arena, 0, SIZE_MAX));
    ck_assert_ptr_nonnull(arena_alloc_array(&arena, 10, 8));
}
END_TEST

START_TEST(strings_are_copied_and_end_in_nul)
{
    static const char source[] = {'a', 'b', '\0', 'c', 'd'};
    char *copy = arena_copy_string(&arena, source, sizeof(source));
    ck_assert_mem_eq(copy, source, sizeof(source));
    ck_assert_int_eq(copy[sizeof(source)], 0);
    ck_assert_str_eq(arena_copy_string(&arena, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&arena, "%s:%d", "head.go", 1622), "head.go:1622");
    ck_assert_str_eq(arena_printf(&arena, "%s", ""), "");
    char *wide = arena_printf(&arena, "%*d", 50000, 7);
    ck_assert_uint_eq(strlen(wide), 50000);
    ck_assert_int_eq(wide[49999], '7');
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, allocations_are_aligned_zeroed_and_apart);
    tcase_add_test(tests, accounts_for_what_it_took);
    tcase_add_test(tests, large_allocation_leaves_the_current_block_in_use);
    tcase_add_test(tests, impossible_sizes_give_null);
    tcase_add_test(tests, strings_are_copied_and_end_in_nul);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
