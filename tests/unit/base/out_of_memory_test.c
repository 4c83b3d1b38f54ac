/* Runs the room's code with an allocator that fails at the Nth call, for every N. The sources are compiled into this
 * program with malloc and its kin renamed, which works under every sanitizer. */
#include "unit/limited_malloc.h"

#include "base/arena.c"
#include "base/error.c"
#undef SMALLEST_CAPACITY
#include "base/vector.c"
#undef SMALLEST_CAPACITY
#include "base/table.c"
#undef SMALLEST_CAPACITY
#include "base/text.c"
#include "unit/unlimited_malloc.h"

#include <errno.h>

#include "unit/check_main.h"

START_TEST(errors_fall_back_to_the_static_one)
{
    for (size_t calls = 0; calls < 2; calls++) {
        allowed = calls;
        ck_assert_ptr_eq(error_create(ERROR_USAGE, "x %d", 1), error_no_memory());
        allowed = calls;
        ck_assert_ptr_eq(error_create_at(ERROR_FAULT, 1, "x"), error_no_memory());
    }
    for (size_t calls = 0; calls < 3; calls++) {
        allowed = calls;
        ck_assert_ptr_eq(error_from_errno(EIO, "x"), error_no_memory());
    }
    for (size_t calls = 0; calls < 2; calls++) {
        allowed = 2;
        struct error *error = error_create(ERROR_USAGE, "x");
        ck_assert_int_eq(error->kind, ERROR_USAGE);
        allowed = calls;
        ck_assert_ptr_eq(error_prefix(error, "y"), error_no_memory());
    }
    for (size_t calls = 0; calls < 3; calls++) {
        allowed = calls;
        ck_assert_ptr_eq(error_prefix(error_no_memory(), "y"), error_no_memory());
    }
}
END_TEST

START_TEST(arena_stays_usable)
{
    struct arena arena;
    arena_init(&arena);
    allowed = 0;
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    ck_assert_ptr_null(arena_printf(&arena, "x"));
    ck_assert_uint_eq(arena.used + arena.reserved, 0);
    allowed = 1;
    char *kept = arena_copy_string(&arena, "kept", 4);
    ck_assert_ptr_nonnull(kept);
    size_t reserved = arena.reserved;
    ck_assert_ptr_null(arena_alloc(&arena, 1 << 20));
    ck_assert_uint_eq(arena.reserved, reserved);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 100));
    ck_assert_str_eq(kept, "kept");
    arena_deinit(&arena);
}
END_TEST

START_TEST(vector_keeps_what_it_has)
{
    VECTOR(int) numbers = {0};
    allowed = 1;
    int appended = 0;
    while (vector_append(&numbers, appended))
        appended++;
    ck_assert_uint_eq(numbers.count, (size_t)appended);
    ck_assert_uint_eq(numbers.count, numbers.capacity);
    ck_assert_int_eq(numbers.items[appended - 1], appended - 1);
    allowed = 1;
    ck_assert(vector_append(&numbers, 5));
    vector_deinit(&numbers);
}
END_TEST

START_TEST(table_keeps_what_it_has)
{
    struct table table;
    table_init(&table);
    allowed = 0;
    bool is_new = false;
    ck_assert_ptr_null(table_insert(&table, 1, &is_new));
    ck_assert(!is_new);
    ck_assert_ptr_null(table_find(&table, 1));
    allowed = 2;
    uint64_t count = 0;
    for (uint64_t *value; (value = table_insert(&table, count, NULL)); count++)
        *value = count;
    ck_assert_uint_eq(table.count, count);
    ck_assert_uint_gt(count, 16);
    /* Known keys need no memory. */
    for (uint64_t key = 0; key < count; key++) {
        ck_assert_uint_eq(*table_find(&table, key), key);
        ck_assert_uint_eq(*table_insert(&table, key, NULL), key);
    }
    allowed = 1;
    ck_assert_ptr_nonnull(table_insert(&table, count, NULL));
    table_deinit(&table);
}
END_TEST

START_TEST(text_remembers_its_failure)
{
    struct text text = {0};
    allowed = 0;
    ck_assert_ptr_null(text_take(&text));
    allowed = 1;
    text_append(&text, "kept");
    text_printf(&text, "%*d", 1000, 1);
    ck_assert(text.failed);
    ck_assert_str_eq(text.data, "kept");
    allowed = 1;
    text_append_escaped(&text, "\x1b", 1);
    ck_assert_str_eq(text.data, "kept");
    ck_assert_ptr_null(text_take(&text));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("out of memory");
    TCase *tests = tcase_create("out of memory");
    tcase_add_test(tests, errors_fall_back_to_the_static_one);
    tcase_add_test(tests, arena_stays_usable);
    tcase_add_test(tests, vector_keeps_what_it_has);
    tcase_add_test(tests, table_keeps_what_it_has);
    tcase_add_test(tests, text_remembers_its_failure);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
