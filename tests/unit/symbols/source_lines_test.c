/* Lines and inlined calls of the fixtures lines*.elf, whose source is in tools/make-symbols-fixtures. */
#include "tests/unit/symbols/fixture.h"

#define INNER_LINE 4u
#define MIDDLE_LINE 10u
#define OUTER_LINE 15u

DEFINE_CLEANUP(struct source_lines *, source_lines_close)

static struct image_symbol find_symbol(struct image *image, const char *name)
{
    struct image_symbol symbol = {.name = name};
    ck_no_error(image_find_symbols(image, &symbol, 1));
    ck_assert_int_ne(symbol.source, SYMBOL_MISSING);
    return symbol;
}

static void check_frame(const struct source_frame *frame, const char *function, uint32_t line, uint32_t start_line)
{
    ck_assert_str_eq(frame->function, function);
    ck_assert_uint_eq(frame->line, line);
    ck_assert_uint_eq(frame->start_line, start_line);
    ck_assert_str_eq(frame->folder, "/source");
    ck_assert_str_eq(frame->file + strlen(frame->file) - strlen("lines.c"), "lines.c");
}

/* Of all the code of outer, some is that of both calls, and some its own. */
static void check_lines(const char *path)
{
    _cleanup_(image_closep) struct image *image = open_fixture(path);
    _cleanup_(source_lines_closep) struct source_lines *lines = NULL;
    struct source_frame frames[SOURCE_LINES_MAX_INLINED];
    size_t count, inlined = 0, own = 0;
    ck_no_error(source_lines_open(image_descriptor(image), -1, &lines));
    struct image_symbol outer = find_symbol(image, "outer");
    for (uint64_t address = outer.address; address < outer.address + outer.size; address++) {
        ck_no_error(source_lines_find(lines, address, frames, &count));
        ck_assert_uint_ge(count, 1);
        ck_assert_str_eq(frames[count - 1].function, "outer");
        if (count == 3 && frames[0].line == INNER_LINE) {
            check_frame(&frames[0], "inner", INNER_LINE, 2);
            check_frame(&frames[1], "middle", MIDDLE_LINE, 6);
            check_frame(&frames[2], "outer", OUTER_LINE, 13);
            inlined++;
        }
        own += count == 1;
    }
    ck_assert_uint_gt(inlined, 0);
    ck_assert_uint_gt(own, 0);
    ck_no_error(source_lines_find(lines, find_symbol(image, "main").address, frames, &count));
    ck_assert_uint_eq(count, 1);
    check_frame(&frames[0], "main", 19, 17);
    ck_no_error(source_lines_find(lines, 1, frames, &count));
    ck_assert_uint_eq(count, 0);
    ck_no_error(source_lines_find(lines, UINT64_MAX, frames, &count));
    ck_assert_uint_eq(count, 0);
}

START_TEST(both_versions)
{
    check_lines(FIXTURE("lines4.elf"));
    check_lines(FIXTURE("lines5.elf"));
    check_lines(FIXTURE("lines-zlib.elf"));
}
END_TEST

START_TEST(without_debug_information)
{
    struct source_lines *lines;
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("functions.elf"));
    struct error *error = source_lines_open(image_descriptor(image), -1, &lines);
    ck_assert_ptr_nonnull(error);
    error_destroy(error);
    _cleanup_close_ int descriptor = file_of("no ELF file", 11);
    ck_error(source_lines_open(descriptor, -1, &lines), ERROR_BAD_DATA);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("source lines");
    TCase *tests = tcase_create("source lines");
    tcase_add_test(tests, both_versions);
    tcase_add_test(tests, without_debug_information);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
