#include "tests/unit/symbols/fixture.h"

#define MAGIC "\xff Go buildinf:"

/* An ELF file of one writable segment at 0x10000, in which the contents lie from `at` on. */
static struct image *image_with(const void *contents, size_t size, size_t at)
{
    static uint8_t bytes[1 << 20];
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "\x7f" "ELF\2\1\1", 7);
    bytes[16] = 2;
    bytes[18] = 62;
    put_u64(bytes + 32, 64);
    bytes[54] = 56;
    bytes[56] = 1;
    put_u32(bytes + 64, 1);
    put_u32(bytes + 68, 6);
    put_u64(bytes + 72, 128);
    put_u64(bytes + 80, 0x10000);
    put_u64(bytes + 96, at + size);
    put_u64(bytes + 104, at + size);
    memcpy(bytes + 128 + at, contents, size);
    return open_bytes(bytes, 128 + at + size);
}

static void ck_info(struct image *image, const char *version, const char *path, const char *module)
{
    struct go_build_info info __attribute__((cleanup(go_build_info_deinit))) = {0};
    ck_no_error(image_read_go_build_info(image, &info));
    ck_assert_pstr_eq(info.version, version);
    ck_assert_pstr_eq(info.main_path, path);
    ck_assert_pstr_eq(info.main_module, module);
}

START_TEST(real_programs)
{
    static const struct {
        const char *path, *version;
    } programs[] = {{FIXTURE("go1.19.elf"), "go1.19.8"}, {FIXTURE("go1.21.elf"), "go1.21.13"},
                    {FIXTURE("go1.26.elf"), "go1.26.10"}, {FIXTURE("go1.27.elf"), "go1.27.3"}};
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        _cleanup_(image_closep) struct image *image = open_fixture(programs[i].path);
        struct go_build_info info __attribute__((cleanup(go_build_info_deinit))) = {0};
        ck_no_error(image_read_go_build_info(image, &info));
        ck_assert_str_eq(info.version, programs[i].version);
        ck_assert_str_eq(info.main_path, "heaptop.test/symbols_oracle");
        ck_assert_str_eq(info.main_module, "heaptop.test/symbols_oracle");
    }
}
END_TEST

START_TEST(without_section_headers_it_is_searched_for)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(FIXTURE("go1.21.elf"));
    put_u64(bytes.data + 40, 0);
    memset(bytes.data + 58, 0, 6);
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
    ck_assert(!image_has_sections(image));
    ck_info(image, "go1.21.13", "heaptop.test/symbols_oracle", "heaptop.test/symbols_oracle");
}
END_TEST

START_TEST(a_program_of_another_kind_has_none)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("c-dynamic.elf"));
    struct go_build_info info = {0};
    ck_error(image_read_go_build_info(image, &info), ERROR_NOT_FOUND);
}
END_TEST

/* The magic can be a string of a program that reads Go programs, misaligned or with nonsense behind it: the search goes
 * on. */
START_TEST(false_magic_is_passed_over)
{
    static const char header[] = MAGIC "\x08\x02" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\x07go1.2.3" "\0";
    uint8_t contents[700000] = {0};
    memcpy(contents + 5, header, sizeof(header));                   /* Misaligned. */
    memcpy(contents + 256, MAGIC "\x08\x02", 16);                   /* Its version is empty. */
    memcpy(contents + 512, MAGIC "\x08\x02", 16);
    memset(contents + 512 + 32, 0xff, 20);                          /* Its length never ends. */
    memcpy(contents + (512 << 10) - 16, header, sizeof(header) - 1);    /* At the end of a window of the search. */
    _cleanup_(image_closep) struct image *image = image_with(contents, sizeof(contents), 0);
    ck_info(image, "go1.2.3", NULL, NULL);
}
END_TEST

START_TEST(alignment_is_of_addresses)
{
    static const char header[] = MAGIC "\x08\x02" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\x07go1.2.3" "\0";
    _cleanup_(image_closep) struct image *image = image_with(header, sizeof(header), 48);
    ck_info(image, "go1.2.3", NULL, NULL);
    _cleanup_(image_closep) struct image *misaligned = image_with(header, sizeof(header), 40);
    struct go_build_info info = {0};
    ck_error(image_read_go_build_info(misaligned, &info), ERROR_NOT_FOUND);
}
END_TEST

START_TEST(module_information_without_its_frame_is_none)
{
    static const char framed[] = MAGIC "\x08\x02" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\x07go1.2.3"
                                 "\x36" "0123456789abcdef" "path\tsome/path\nmod\tm\t(d)\n" "fedcba9876543210";
    _cleanup_(image_closep) struct image *image = image_with(framed, sizeof(framed) - 1, 0);
    struct go_build_info info __attribute__((cleanup(go_build_info_deinit))) = {0};
    struct error *error = image_read_go_build_info(image, &info);
    /* The length in it is one short of what follows: the line feed is not where the frame wants it. */
    ck_no_error(error);
    ck_assert_ptr_null(info.main_path);
}
END_TEST

START_TEST(pointers_as_before_go_1_18)
{
    uint8_t contents[256] = MAGIC "\x08";
    put_u64(contents + 16, 0x10000 + 64);
    put_u64(contents + 24, 0x10000 + 80);
    put_u64(contents + 64, 0x10000 + 100);
    put_u64(contents + 72, 7);
    put_u64(contents + 80, 0x10000 + 110);
    put_u64(contents + 88, 32 + 18);
    memcpy(contents + 100, "go1.17x", 7);
    memcpy(contents + 110, "0123456789abcdef" "path\tmy/own/place\n" "fedcba9876543210", 50);
    _cleanup_(image_closep) struct image *image = image_with(contents, sizeof(contents), 0);
    ck_info(image, "go1.17x", "my/own/place", NULL);

    put_u64(contents + 72, UINT64_MAX);     /* A version without end. */
    _cleanup_(image_closep) struct image *endless = image_with(contents, sizeof(contents), 0);
    struct go_build_info info = {0};
    ck_error(image_read_go_build_info(endless, &info), ERROR_NOT_FOUND);
}
END_TEST

START_TEST(every_cut_is_survived)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(FIXTURE("go1.19.elf"));
    for (size_t size = bytes.size - 800; size <= bytes.size; size++) {
        struct image *image = open_bytes(bytes.data, size);
        struct go_build_info info = {0};
        struct error *error = image_read_go_build_info(image, &info);
        ck_assert((error == NULL) == (info.version != NULL));
        if (error)
            ck_assert(error->kind == ERROR_NOT_FOUND || error->kind == ERROR_BAD_DATA);
        error_destroy(error);
        go_build_info_deinit(&info);
        image_close(image);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("build_info");
    TCase *tests = tcase_create("build_info");
    tcase_add_test(tests, real_programs);
    tcase_add_test(tests, without_section_headers_it_is_searched_for);
    tcase_add_test(tests, a_program_of_another_kind_has_none);
    tcase_add_test(tests, false_magic_is_passed_over);
    tcase_add_test(tests, alignment_is_of_addresses);
    tcase_add_test(tests, module_information_without_its_frame_is_none);
    tcase_add_test(tests, pointers_as_before_go_1_18);
    tcase_add_test(tests, every_cut_is_survived);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
