#include "heaptop/base/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/width_table.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

START_TEST(appends_grow)
{
    struct text text = {0};
    for (int i = 0; i < 10000; i++)
        text_append(&text, "0123456789");
    text_append_bytes(&text, NULL, 0);
    text_printf(&text, "%s=%d", "n", 5);
    text_append_bytes(&text, "a\0b", 3);
    ck_assert(!text.failed);
    ck_assert_uint_eq(text.length, 100000 + 3 + 3);
    ck_assert_uint_eq(strlen(text.data), 100000 + 4);
    ck_assert_mem_eq(text.data + 99990, "0123456789n=5a\0b", 17);
    text_deinit(&text);
    ck_assert_ptr_null(text.data);
    text_deinit(&text);
}
END_TEST

START_TEST(take_hands_over)
{
    struct text text = {0};
    _cleanup_free_ char *empty = text_take(&text);
    ck_assert_str_eq(empty, "");
    text_append(&text, "name");
    _cleanup_free_ char *name = text_take(&text);
    ck_assert_str_eq(name, "name");
    ck_assert_ptr_null(text.data);
    ck_assert_uint_eq(text.length, 0);
}
END_TEST

START_TEST(impossible_length_fails_for_good)
{
    struct text text = {0};
    text_append(&text, "kept");
    text_append_bytes(&text, "x", SIZE_MAX);
    ck_assert(text.failed);
    text_append(&text, "y");
    text_printf(&text, "z");
    ck_assert_str_eq(text.data, "kept");
    ck_assert_ptr_null(text_take(&text));
    ck_assert_ptr_null(text.data);
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *expected;
} escapes[] = {
    {"", 0, ""},
    {"plain.(*T).name", 15, "plain.(*T).name"},
    {"a\\b\\x41", 7, "a\\b\\x41"},
    {"\x1b[2J", 4, "\\x1b[2J"},
    {"a\nb\tc\r", 6, "a\\x0ab\\x09c\\x0d"},
    {"\0x\0", 3, "\\x00x\\x00"},
    {"\x7f", 1, "\\x7f"},
    {"\xc2\x9b" "31m", 5, "\\u{9b}31m"},                  /* C1 CSI, which some terminals obey. */
    {"\xc2\x80\xc2\x9f\xc2\xa0", 6, "\\u{80}\\u{9f}\xc2\xa0"},
    {"\xe2\x80\xae" "evil\xe2\x80\xac", 10, "\\u{202e}evil\\u{202c}"},
    {"\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xad", 9, "\\u{202a}\\u{202b}\\u{202d}"},
    {"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", 12, "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"},
    {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 8, "\\u{200e}\\u{200f}\\u{61c}"},
    {"\xe2\x80\xa8\xe2\x80\xa9", 6, "\\u{2028}\\u{2029}"},
    {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"},
    {"\xef\xbf\xbd", 3, "\xef\xbf\xbd"},                    /* U+FFFD itself is well-formed. */
    {"\xff\xfe", 2, "\\xff\\xfe"},
    {"\x80" "a", 2, "\\x80a"},
    {"\xc0\x80", 2, "\\xc0\\x80"},                          /* Overlong NUL. */
    {"\xe0\x80\x9b", 3, "\\xe0\\x80\\x9b"},                 /* Overlong ESC. */
    {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"},                 /* A surrogate. */
    {"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"},        /* Above U+10FFFF. */
    {"\xe2\x80", 2, "\\xe2\\x80"},                          /* Cut short. */
    {"\xe4\xb8" "a", 3, "\\xe4\\xb8" "a"},
};

START_TEST(untrusted_text_is_escaped)
{
    struct text text = {0};
    text_append(&text, "<");
    text_append_escaped(&text, escapes[_i].bytes, escapes[_i].length);
    text_append(&text, ">");
    _cleanup_free_ char *result = text_take(&text);
    size_t length = strlen(escapes[_i].expected);
    ck_assert_uint_eq(strlen(result), length + 2);
    ck_assert_mem_eq(result + 1, escapes[_i].expected, length);
}
END_TEST

/* No bytes at all get a control character through, or anything that is not UTF-8. */
START_TEST(escaped_text_is_always_harmless)
{
    uint64_t state = 1;
    for (int round = 0; round < 20000; round++) {
        char input[24];
        for (size_t i = 0; i < sizeof(input); i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            /* Mostly the lead bytes where trouble is. */
            static const unsigned char likely[] = {0x1b, 0xc2, 0xe2, 0x80, 0xae, 0x81,
                                                   0xa6, 0x9b, 0xed, 0xf0, 0x0a, 'a'};
            unsigned int pick = (unsigned int)(state >> 40);
            input[i] = (char)(pick & 1 ? likely[(pick >> 1) % sizeof(likely)] : (unsigned char)(pick >> 8));
        }
        struct text text = {0};
        text_append_escaped(&text, input, sizeof(input));
        if (text.failed)
            ck_abort();
        for (size_t at = 0; at < text.length;) {
            uint32_t rune = 0;
            size_t taken = utf8_decode(text.data + at, text.length - at, &rune);
            bool is_control = rune < 0x20 || rune == 0x7f || (rune >= 0x80 && rune < 0xa0);
            bool is_bidi = (rune >= 0x202a && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
            if (is_control || is_bidi || (rune == 0xfffd && taken == 1))
                ck_abort_msg("U+%x gets through in round %d", rune, round);
            at += taken;
        }
        text_deinit(&text);
    }
}
END_TEST

START_TEST(decode_and_encode_are_inverse)
{
    for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
        char bytes[4];
        size_t length = utf8_from_rune(rune, bytes);
        uint32_t decoded = 0;
        bool is_surrogate = rune >= 0xd800 && rune <= 0xdfff;
        size_t expected = is_surrogate ? 3 : rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
        if (length != expected || utf8_decode(bytes, length, &decoded) != length ||
            decoded != (is_surrogate ? 0xfffd : rune))
            ck_abort_msg("U+%x", rune);
    }
    char bytes[4];
    uint32_t rune = 5;
    ck_assert_uint_eq(utf8_from_rune(UINT32_MAX, bytes), 3);
    ck_assert_mem_eq(bytes, "\xef\xbf\xbd", 3);
    ck_assert_uint_eq(utf8_decode("a", 0, &rune), 0);
    ck_assert_uint_eq(rune, 5);
}
END_TEST

START_TEST(invalid_bytes_decode_one_by_one)
{
    /* Each first byte that starts nothing, and each sequence cut before its end. */
    for (int first = 0x80; first <= 0xff; first++) {
        char bytes[4] = {(char)first, 'a', 'a', 'a'};
        uint32_t rune = 0;
        ck_assert_uint_eq(utf8_decode(bytes, 4, &rune), 1);
        ck_assert_uint_eq(rune, 0xfffd);
    }
    static const char wide[] = "\xf0\x9f\x98\x80";
    for (size_t length = 1; length < 4; length++) {
        uint32_t rune = 0;
        char *copy = malloc(length); /* Exact, for the address sanitizer. */
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, wide, length);
        ck_assert_uint_eq(utf8_decode(copy, length, &rune), 1);
        ck_assert_uint_eq(rune, 0xfffd);
        free(copy);
    }
}
END_TEST

static const struct {
    uint32_t rune;
    int width;
} widths[] = {
    {'a', 1},     {' ', 1},      {0xe9, 1},    {0xad, 1},     {0x3b1, 1},   {0x2500, 1},  {0x2588, 1},  {0x28ff, 1},
    {0x2581, 1},  {0x25b2, 1},   {0x2026, 1},  {0xfffd, 1},   {0x300, 0},   {0x36f, 0},   {0x370, 1},   {0x200b, 0},
    {0x200d, 0},  {0xfe0f, 0},   {0xfeff, 0},  {0x20e3, 0},   {0x1160, 0},  {0x11ff, 0},  {0x1100, 2},  {0x4e00, 2},
    {0x9fff, 2},  {0x3042, 2},   {0xac00, 2},  {0xd7a3, 2},   {0xff21, 2},  {0xff61, 1},  {0x3000, 2},  {0x303f, 1},
    {0x1f600, 2}, {0x1f680, 2},  {0x1fae8, 2}, {0x2705, 2},   {0x2714, 1},  {0x20000, 2}, {0x3fffd, 2}, {0xe0100, 0},
    {0x302a, 0},  {0x10ffff, 1}, {0x600, 1},   {UINT32_MAX, 1},
};

START_TEST(characters_have_their_width)
{
    ck_assert_msg(rune_width(widths[_i].rune) == widths[_i].width, "U+%x is %d wide", widths[_i].rune,
                  rune_width(widths[_i].rune));
}
END_TEST

START_TEST(width_ranges_are_in_order)
{
    const struct width_range *tables[] = {width_zero_ranges, width_wide_ranges};
    size_t counts[] = {width_zero_count, width_wide_count};
    for (size_t t = 0; t < 2; t++) {
        ck_assert_uint_gt(counts[t], 100);
        for (size_t i = 0; i < counts[t]; i++) {
            ck_assert_uint_le(tables[t][i].first, tables[t][i].last);
            ck_assert(i == 0 || tables[t][i].first > tables[t][i - 1].last + 1);
        }
    }
    /* rune_width takes a short cut for all before it. */
    ck_assert_uint_eq(width_zero_ranges[0].first, 0x300);
    ck_assert_uint_gt(width_wide_ranges[0].first, 0x300);
}
END_TEST

START_TEST(strings_have_the_sum)
{
    ck_assert_uint_eq(utf8_width(""), 0);
    ck_assert_uint_eq(utf8_width("heap"), 4);
    ck_assert_uint_eq(utf8_width("e\xcc\x81t\xcc\x81"), 2);               /* Combining acute. */
    ck_assert_uint_eq(utf8_width("\xe4\xb8\xad\xe6\x96\x87x"), 5);       /* Two ideographs. */
    ck_assert_uint_eq(utf8_width("\xf0\x9f\x98\x80!"), 3);               /* Emoji. */
    ck_assert_uint_eq(utf8_width("\xe2\x96\x81\xe2\x96\x88"), 2);        /* Sparkline blocks. */
    ck_assert_uint_eq(utf8_width("a\xff\xfe"), 3);                       /* As many replacement characters. */
    /* Whatever the locale. */
    ck_assert_ptr_nonnull(setlocale(LC_ALL, "C"));
    ck_assert_uint_eq(utf8_width("\xe4\xb8\xad"), 2);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, appends_grow);
    tcase_add_test(tests, take_hands_over);
    tcase_add_test(tests, impossible_length_fails_for_good);
    tcase_add_loop_test(tests, untrusted_text_is_escaped, 0, (int)ARRAY_SIZE(escapes));
    tcase_add_test(tests, escaped_text_is_always_harmless);
    tcase_add_test(tests, decode_and_encode_are_inverse);
    tcase_add_test(tests, invalid_bytes_decode_one_by_one);
    tcase_add_loop_test(tests, characters_have_their_width, 0, (int)ARRAY_SIZE(widths));
    tcase_add_test(tests, width_ranges_are_in_order);
    tcase_add_test(tests, strings_have_the_sum);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
