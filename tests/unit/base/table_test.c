#include "heaptop/base/table.h"

#include <string.h>

#include "unit/check_main.h"

static struct table table;

static void set_up(void)
{
    table_init(&table);
}

static void tear_down(void)
{
    table_deinit(&table);
}

START_TEST(empty_table_finds_nothing)
{
    ck_assert_ptr_null(table_find(&table, 0));
    ck_assert_ptr_null(table_find(&table, 1));
    table_clear(&table);
    ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(any_value_is_a_key)
{
    static const uint64_t keys[] = {0, 1, 2, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, UINT64_C(0xc000000000)};
    for (size_t i = 0; i < 7; i++) {
        ck_assert_ptr_null(table_find(&table, keys[i]));
        bool is_new = false;
        uint64_t *value = table_insert(&table, keys[i], &is_new);
        ck_assert_ptr_nonnull(value);
        ck_assert(is_new);
        ck_assert_uint_eq(*value, 0);
        *value = i * 10;
    }
    ck_assert_uint_eq(table.count, 7);
    for (size_t i = 0; i < 7; i++) {
        bool is_new = true;
        ck_assert_uint_eq(*table_find(&table, keys[i]), i * 10);
        ck_assert_uint_eq(*table_insert(&table, keys[i], &is_new), i * 10);
        ck_assert(!is_new);
        ck_assert_ptr_nonnull(table_insert(&table, keys[i], NULL));
    }
    ck_assert_uint_eq(table.count, 7);
}
END_TEST

/* Keys as targets have them: small numbers, pointers a page or 8 KiB apart, one bit each in the upper half. */
static uint64_t dense(uint64_t i)
{
    return i;
}

static uint64_t pages(uint64_t i)
{
    return UINT64_C(0xc000000000) + i * 8192;
}

static uint64_t upper_half(uint64_t i)
{
    return i << 40;
}

static uint64_t (*const key_shapes[])(uint64_t) = {dense, pages, upper_half};

START_TEST(a_million_keys)
{
    uint64_t (*key)(uint64_t) = key_shapes[_i];
    const uint64_t count = 1000000;
    for (uint64_t i = 0; i < count; i++) {
        bool is_new = false;
        uint64_t *value = table_insert(&table, key(i), &is_new);
        if (!value || !is_new) /* Not ck_assert, which writes to a file each time. */
            ck_abort_msg("key %lu is not inserted", (unsigned long)i);
        *value = i + 1;
    }
    ck_assert_uint_eq(table.count, count);
    ck_assert_uint_le(table.capacity, count * 4);
    ck_assert_uint_gt(table.capacity, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t *value = table_find(&table, key(i));
        if (!value || *value != i + 1)
            ck_abort_msg("key %lu is lost", (unsigned long)i);
    }
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_ptr_null(table_find(&table, key(i) + (UINT64_C(1) << 35) + 1));
}
END_TEST

START_TEST(clear_keeps_the_storage)
{
    for (uint64_t i = 0; i < 1000; i++)
        *table_insert(&table, i, NULL) = 7;
    size_t capacity = table.capacity;
    table_clear(&table);
    ck_assert_uint_eq(table.count, 0);
    ck_assert_uint_eq(table.capacity, capacity);
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_ptr_null(table_find(&table, i));
    ck_assert_uint_eq(*table_insert(&table, 0, NULL), 0);
    ck_assert_uint_eq(*table_insert(&table, 5, NULL), 0);
    ck_assert_uint_eq(table.count, 2);
}
END_TEST

START_TEST(hash_depends_on_every_byte_the_length_and_the_seed)
{
    unsigned char bytes[64] = {0};
    struct table seen;
    table_init(&seen);
    bool is_new;
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        /* Zeros alone: only the length tells these apart. */
        table_insert(&seen, table_hash_bytes(bytes, size, 0), &is_new);
        ck_assert_msg(is_new, "size %zu", size);
        for (size_t at = 0; at < size; at++) {
            for (int bit = 0; bit < 8; bit++) {
                bytes[at] = (unsigned char)(1 << bit);
                table_insert(&seen, table_hash_bytes(bytes, size, 0), &is_new);
                if (!is_new)
                    ck_abort_msg("size %zu, byte %zu, bit %d", size, at, bit);
            }
            bytes[at] = 0;
        }
    }
    table_deinit(&seen);
    ck_assert_uint_eq(table_hash_bytes("call site", 9, 3), table_hash_bytes("call site", 9, 3));
    ck_assert_uint_ne(table_hash_bytes("call site", 9, 3), table_hash_bytes("call site", 9, 4));
    ck_assert_uint_eq(table_hash_bytes(NULL, 0, 1), table_hash_bytes("", 0, 1));
    /* Alignment does not matter. */
    char shifted[] = "xcall site";
    ck_assert_uint_eq(table_hash_bytes(shifted + 1, 9, 3), table_hash_bytes("call site", 9, 3));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("table");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, empty_table_finds_nothing);
    tcase_add_test(tests, any_value_is_a_key);
    tcase_add_loop_test(tests, a_million_keys, 0, 3);
    tcase_add_test(tests, clear_keeps_the_storage);
    tcase_add_test(tests, hash_depends_on_every_byte_the_length_and_the_seed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
