#include "symbols/string_match.h"

#include "tests/unit/symbols/fixture.h"

static void file_cache_of(const void *data, size_t size, struct file_cache *ret_cache)
{
    ck_no_error(file_cache_init(ret_cache, file_of(data, size)));
}

START_TEST(reads_equal_the_file_whatever_their_order)
{
    size_t size = 5 * FILE_CACHE_BLOCK * FILE_CACHE_WAYS * FILE_CACHE_SETS / 2 + 123;
    _cleanup_free_ uint8_t *bytes = malloc(size), *read = malloc(size);
    uint64_t seed = 1;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1;
        bytes[i] = (uint8_t)(seed >> 56);
    }
    struct file_cache cache __attribute__((cleanup(file_cache_deinit)));
    file_cache_of(bytes, size, &cache);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1;
        uint64_t at = (seed >> 20) % size;
        size_t length = (seed >> 8) % (i % 50 == 0 ? 3 * FILE_CACHE_DIRECT : 200);
        if (length > size - at)
            length = size - at;
        ck_no_error(file_cache_read(&cache, at, read, length));
        ck_assert_mem_eq(read, bytes + at, length);
    }
    const uint8_t *last;
    size_t count;
    ck_no_error(file_cache_peek(&cache, size - 1, &last, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(*last, bytes[size - 1]);
    ck_error(file_cache_peek(&cache, size, &last, &count), ERROR_BAD_DATA);
    ck_error(file_cache_read(&cache, size - 5, read, 6), ERROR_BAD_DATA);
    ck_error(file_cache_read(&cache, UINT64_MAX, read, 2), ERROR_BAD_DATA);
    ck_error(file_cache_read(&cache, 2, read, SIZE_MAX), ERROR_BAD_DATA);
    ck_no_error(file_cache_read(&cache, size, read, 0));
}
END_TEST

/* Names laid across the edges of the windows in which the table is passed over, and at its very end. */
START_TEST(matches_lie_where_they_should)
{
    static const char *const names[] = {"alpha", "x", NULL, "alpha", "pha", "", "a.very.long.name.of.a.function"};
    size_t size = 3 * FILE_STREAM_WINDOW + 77;
    _cleanup_free_ uint8_t *bytes = calloc(1, size);
    memset(bytes, 'z', size);
    const size_t places[] = {1, FILE_STREAM_WINDOW - 3, 2 * FILE_STREAM_WINDOW - 6, 3 * FILE_STREAM_WINDOW};
    bytes[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        memcpy(bytes + places[i], "\0alpha", 7);
    memcpy(bytes + FILE_STREAM_WINDOW + 100, "\0x\0ax\0a.very.long.name.of.a.function", 37);
    memcpy(bytes + size - 3, "\0x", 3);
    struct file_cache cache __attribute__((cleanup(file_cache_deinit)));
    file_cache_of(bytes, size, &cache);
    for (int whole = 0; whole <= 1; whole++) {
        struct string_match match __attribute__((cleanup(string_match_deinit)));
        ck_no_error(string_match_init(&match, names, ARRAY_SIZE(names)));
        match.whole_strings = whole;
        ck_no_error(string_match_scan(&match, &cache, 0, size));
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
            const uint64_t *alpha = table_find(&match.offsets, places[i] + 1),
                           *tail = table_find(&match.offsets, places[i] + 3);
            ck_assert_msg(alpha && *alpha == 0, "place %zu", i);
            ck_assert_int_eq(tail != NULL, !whole);
        }
        size_t at = FILE_STREAM_WINDOW + 100;
        ck_assert_uint_eq(*table_find(&match.offsets, at + 1), 1);
        ck_assert_int_eq(table_find(&match.offsets, at + 4) != NULL, !whole);
        ck_assert_uint_eq(*table_find(&match.offsets, at + 6), 6);
        ck_assert_uint_eq(*table_find(&match.offsets, size - 2), 1);
        ck_assert_uint_eq(match.offsets.count, whole ? 4 + 3 : 4 + 4 + 4);
        ck_assert_uint_eq(match.matched, whole ? 3 : 4);
        ck_assert_uint_eq(string_match_first(&match, 3), 0);
        ck_assert_uint_eq(string_match_first(&match, 4), 4);
    }
}
END_TEST

/* Strings far longer than a window, and a last one that nothing ends. */
START_TEST(long_strings_are_passed_over)
{
    static const char *const names[] = {"end"};
    size_t size = 4 * FILE_STREAM_WINDOW + 10;
    _cleanup_free_ uint8_t *bytes = malloc(size);
    memset(bytes, 'y', size);
    memcpy(bytes + size - 10, "end\0y\0 end", 10);
    struct file_cache cache __attribute__((cleanup(file_cache_deinit)));
    file_cache_of(bytes, size, &cache);
    struct string_match match __attribute__((cleanup(string_match_deinit)));
    ck_no_error(string_match_init(&match, names, 1));
    ck_no_error(string_match_scan(&match, &cache, 0, size));
    ck_assert_uint_eq(match.offsets.count, 1);
    ck_assert_ptr_nonnull(table_find(&match.offsets, size - 10));
}
END_TEST

START_TEST(endless_repetition_is_an_error)
{
    static const char *const names[] = {"aa"};
    size_t size = 3 * (STRING_MATCH_MAX_OFFSETS + 10);
    _cleanup_free_ uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = i % 3 == 2 ? '\0' : 'a';
    struct file_cache cache __attribute__((cleanup(file_cache_deinit)));
    file_cache_of(bytes, size, &cache);
    struct string_match match __attribute__((cleanup(string_match_deinit)));
    ck_no_error(string_match_init(&match, names, 1));
    ck_error(string_match_scan(&match, &cache, 0, size), ERROR_BAD_DATA);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("string_match");
    TCase *tests = tcase_create("string_match");
    tcase_add_test(tests, reads_equal_the_file_whatever_their_order);
    tcase_add_test(tests, matches_lie_where_they_should);
    tcase_add_test(tests, long_strings_are_passed_over);
    tcase_add_test(tests, endless_repetition_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
