#include "heaptop/base/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "unit/check_main.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88, 'o', 'k', 0x00, 'x'};

START_TEST(reads_are_little_endian_and_move)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    ck_assert_uint_eq(cursor_u8(&cursor), 0x01);
    ck_assert_uint_eq(cursor_u16(&cursor), 0x0302);
    ck_assert_uint_eq(cursor_u32(&cursor), 0x07060504);
    ck_assert_uint_eq(cursor.offset, 7);
    cursor_seek(&cursor, 0);
    ck_assert_uint_eq(cursor_u64(&cursor), UINT64_C(0x8807060504030201));
    ck_assert_str_eq(cursor_string(&cursor, 100), "ok");
    ck_assert_uint_eq(cursor_left(&cursor), 1);
    ck_assert_int_eq(*cursor_bytes(&cursor, 1), 'x');
    ck_assert_uint_eq(cursor_left(&cursor), 0);
    ck_assert(!cursor.failed);
}
END_TEST

START_TEST(integers_by_size)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    static const struct {
        size_t size;
        uint64_t value;
    } cases[] = {{1, 0x01}, {2, 0x0201}, {4, 0x04030201}, {8, UINT64_C(0x8807060504030201)}};
    for (size_t i = 0; i < 4; i++) {
        cursor_seek(&cursor, 0);
        ck_assert_uint_eq(cursor_uint(&cursor, cases[i].size), cases[i].value);
        ck_assert_uint_eq(cursor.offset, cases[i].size);
    }
    static const size_t refused[] = {0, 3, 5, 16, SIZE_MAX};
    for (size_t i = 0; i < 5; i++) {
        cursor = cursor_over(bytes, sizeof(bytes));
        ck_assert_uint_eq(cursor_uint(&cursor, refused[i]), 0);
        ck_assert(cursor.failed);
    }
}
END_TEST

START_TEST(past_the_end_fails_for_good)
{
    struct cursor cursor = cursor_over(bytes, 7);
    ck_assert_uint_eq(cursor_u64(&cursor), 0);
    ck_assert(cursor.failed);
    ck_assert_uint_eq(cursor.offset, 0);
    /* All that follows gives zeros, though a byte would be there. */
    ck_assert_uint_eq(cursor_u8(&cursor), 0);
    ck_assert_uint_eq(cursor_uvarint(&cursor), 0);
    ck_assert_ptr_null(cursor_bytes(&cursor, 1));
    ck_assert_ptr_null(cursor_string(&cursor, 7));
    cursor_seek(&cursor, 0);
    cursor_skip(&cursor, 0);
    ck_assert(cursor.failed);
    ck_assert_uint_eq(cursor.offset, 0);
}
END_TEST

START_TEST(every_short_size_fails_every_read)
{
    /* Exact heap copies, so that the address sanitizer sees a byte too many. */
    for (size_t size = 0; size < 8; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        ck_assert_ptr_nonnull(copy);
        memset(copy, 0xff, size ? size : 1);
        struct cursor cursor = cursor_over(copy, size);
        cursor_u64(&cursor);
        ck_assert(cursor.failed);
        cursor = cursor_over(copy, size);
        cursor_u32(&cursor);
        ck_assert_int_eq(cursor.failed, size < 4);
        cursor = cursor_over(copy, size);
        cursor_u16(&cursor);
        ck_assert_int_eq(cursor.failed, size < 2);
        cursor = cursor_over(copy, size);
        cursor_u8(&cursor);
        ck_assert_int_eq(cursor.failed, size < 1);
        cursor = cursor_over(copy, size);
        cursor_uvarint(&cursor);
        ck_assert(cursor.failed);
        cursor = cursor_over(copy, size);
        ck_assert_ptr_null(cursor_string(&cursor, SIZE_MAX));
        ck_assert(cursor.failed);
        free(copy);
    }
}
END_TEST

START_TEST(seek_and_skip_stay_inside)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    cursor_seek(&cursor, sizeof(bytes));
    ck_assert(!cursor.failed);
    ck_assert_uint_eq(cursor_left(&cursor), 0);
    cursor_seek(&cursor, 2);
    cursor_skip(&cursor, sizeof(bytes) - 2);
    ck_assert(!cursor.failed);
    cursor_skip(&cursor, 1);
    ck_assert(cursor.failed);

    cursor = cursor_over(bytes, sizeof(bytes));
    cursor_seek(&cursor, sizeof(bytes) + 1);
    ck_assert(cursor.failed);
    cursor = cursor_over(bytes, sizeof(bytes));
    cursor_skip(&cursor, 4);
    cursor_skip(&cursor, SIZE_MAX); /* Must not wrap around to 3. */
    ck_assert(cursor.failed);
    ck_assert_uint_eq(cursor.offset, 4);
    cursor = cursor_over(bytes, sizeof(bytes));
    cursor_skip(&cursor, 4);
    ck_assert_ptr_null(cursor_bytes(&cursor, SIZE_MAX - 1));
    ck_assert(cursor.failed);
}
END_TEST

START_TEST(nothing_at_all)
{
    struct cursor cursor = cursor_over(NULL, 0);
    cursor_skip(&cursor, 0);
    cursor_bytes(&cursor, 0);
    ck_assert(!cursor.failed);
    ck_assert_uint_eq(cursor_u8(&cursor), 0);
    ck_assert(cursor.failed);
    cursor = cursor_over(NULL, 0);
    ck_assert_ptr_null(cursor_string(&cursor, 10));
    cursor = cursor_over(NULL, 0);
    ck_assert_uint_eq(cursor_uvarint(&cursor), 0);
    ck_assert(cursor.failed);
}
END_TEST

static const struct {
    uint8_t bytes[12];
    size_t size;
    bool fails;
    uint64_t value;
    size_t taken;
} varints[] = {
    {{0x00}, 1, false, 0, 1},
    {{0x7f}, 1, false, 127, 1},
    {{0x80, 0x01}, 2, false, 128, 2},
    {{0xe5, 0x8e, 0x26, 0xff}, 4, false, 624485, 3}, /* The example of the DWARF standard's LEB128 figure. */
    {{0x80, 0x00}, 2, false, 0, 2},                   /* Padded, as linkers write it. */
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 10, false, UINT64_MAX, 10},
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 10, true, 0, 0},
    {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 11, true, 0, 0},
    {{0x80}, 1, true, 0, 0},
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, true, 0, 0},
};

START_TEST(unsigned_varints)
{
    struct cursor cursor = cursor_over(varints[_i].bytes, varints[_i].size);
    ck_assert_uint_eq(cursor_uvarint(&cursor), varints[_i].value);
    ck_assert_int_eq(cursor.failed, varints[_i].fails);
    ck_assert_uint_eq(cursor.offset, varints[_i].taken);
}
END_TEST

START_TEST(strings_need_their_nul_within_the_limit)
{
    static const char text[] = "abc\0def"; /* The last NUL is the literal's own. */
    struct cursor cursor = cursor_over(text, sizeof(text));
    ck_assert_str_eq(cursor_string(&cursor, 4), "abc");
    ck_assert_uint_eq(cursor.offset, 4);
    ck_assert_str_eq(cursor_string(&cursor, SIZE_MAX), "def");
    ck_assert_uint_eq(cursor_left(&cursor), 0);

    cursor = cursor_over(text, sizeof(text));
    ck_assert_ptr_null(cursor_string(&cursor, 3));
    ck_assert(cursor.failed);
    cursor = cursor_over(text, sizeof(text));
    ck_assert_ptr_null(cursor_string(&cursor, 0));
    ck_assert(cursor.failed);
    cursor = cursor_over(text, 3);
    ck_assert_ptr_null(cursor_string(&cursor, 100));
    ck_assert(cursor.failed);
}
END_TEST

START_TEST(reads_at_an_offset)
{
    uint64_t wide = 77;
    uint32_t narrow = 77;
    ck_assert(bytes_u64_at(bytes, 8, 0, &wide));
    ck_assert_uint_eq(wide, UINT64_C(0x8807060504030201));
    ck_assert(bytes_u32_at(bytes, 8, 4, &narrow));
    ck_assert_uint_eq(narrow, 0x88070605);

    wide = narrow = 77;
    ck_assert(!bytes_u64_at(bytes, 8, 1, &wide));
    ck_assert(!bytes_u64_at(bytes, 7, 0, &wide));
    ck_assert(!bytes_u64_at(bytes, 0, 0, &wide));
    ck_assert(!bytes_u64_at(bytes, 8, SIZE_MAX, &wide));
    ck_assert(!bytes_u64_at(bytes, 8, SIZE_MAX - 7, &wide));
    ck_assert(!bytes_u32_at(bytes, 8, 5, &narrow));
    ck_assert(!bytes_u32_at(bytes, 3, 0, &narrow));
    ck_assert(!bytes_u32_at(NULL, 0, 0, &narrow));
    ck_assert(!bytes_u32_at(bytes, 8, SIZE_MAX - 3, &narrow));
    ck_assert_uint_eq(wide, 77);
    ck_assert_uint_eq(narrow, 77);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("cursor");
    TCase *tests = tcase_create("cursor");
    tcase_add_test(tests, reads_are_little_endian_and_move);
    tcase_add_test(tests, integers_by_size);
    tcase_add_test(tests, past_the_end_fails_for_good);
    tcase_add_test(tests, every_short_size_fails_every_read);
    tcase_add_test(tests, seek_and_skip_stay_inside);
    tcase_add_test(tests, nothing_at_all);
    tcase_add_loop_test(tests, unsigned_varints, 0, (int)(sizeof(varints) / sizeof(varints[0])));
    tcase_add_test(tests, strings_need_their_nul_within_the_limit);
    tcase_add_test(tests, reads_at_an_offset);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
