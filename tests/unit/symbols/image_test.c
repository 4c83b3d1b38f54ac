#include "heaptop/symbols/image.h"

#include <elf.h>
#include <stddef.h>

#include "tests/unit/symbols/fixture.h"

#define DYNAMIC FIXTURE("c-dynamic.elf")

/* What readelf says of c-dynamic.elf's symbols is asked for by name; two of them share a name's tail. */
static const char *const names[] = {"allgs", "mbuckets",       "more_mbuckets", "hidden",
                                    "main",  "no_such_symbol", "buckets"};

static void find_all(struct image *image, struct image_symbol *symbols)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        symbols[i] = (struct image_symbol){.name = names[i], .address = 77, .source = SYMBOL_DYNSYM};
    ck_no_error(image_find_symbols(image, symbols, ARRAY_SIZE(names)));
}

START_TEST(properties_are_read)
{
    _cleanup_(image_closep) struct image *image = open_fixture(DYNAMIC);
    ck_assert_str_eq(image_path(image), DYNAMIC);
    ck_assert(image_is_position_independent(image));
    ck_assert(image_is_x86_64(image));
    ck_assert(image_has_sections(image));
    ck_assert(image_has_symtab(image));
    ck_assert(!image_has_dwarf(image));
    ck_assert_uint_eq(strlen(image_build_id(image)), 40);
    ck_assert_uint_eq(image_segment_count(image), 2);
    const struct image_segment *code = image_segment_at(image, 0), *data = image_segment_at(image, 1);
    ck_assert(code->executable && !code->writable && code->readable);
    ck_assert(data->writable && !data->executable);
    ck_assert_uint_gt(data->memory_size, data->file_size);
    ck_assert_ptr_null(image_find_section(image, ".nothing"));
    ck_assert(!image_find_section(image, ".bss")->in_file);
    ck_assert(image_find_section(image, ".text")->in_file);

    _cleanup_(image_closep) struct image *fixed = open_fixture(FIXTURE("c-dwarf5.elf"));
    ck_assert(!image_is_position_independent(fixed));
    ck_assert(image_has_dwarf(fixed));
    _cleanup_(image_closep) struct image *old = open_fixture(FIXTURE("c-zdebug.elf"));
    ck_assert(image_has_dwarf(old));
}
END_TEST

START_TEST(symbols_come_from_both_tables)
{
    _cleanup_(image_closep) struct image *image = open_fixture(DYNAMIC);
    struct image_symbol symbols[ARRAY_SIZE(names)];
    find_all(image, symbols);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(symbols[i].source, SYMBOL_SYMTAB);
    ck_assert_uint_eq(symbols[0].size, 4 * 48);
    ck_assert_uint_eq(symbols[1].size, 8);
    ck_assert_uint_eq(symbols[2].size, 8);
    ck_assert_uint_ne(symbols[1].address, symbols[2].address);
    ck_assert_uint_eq(symbols[3].size, 4);
    ck_assert_int_eq(symbols[5].source, SYMBOL_MISSING);
    ck_assert_uint_eq(symbols[5].address, 0);
    /* A tail of a symbol's name is not a symbol. */
    ck_assert_int_eq(symbols[6].source, SYMBOL_MISSING);

    /* The same variables, as the program says: they begin with 5 and 7. */
    uint8_t value[8];
    ck_no_error(image_read(image, symbols[1].address, value, sizeof(value)));
    ck_assert_uint_eq(get_u64(value), 5);
    ck_no_error(image_read(image, symbols[2].address, value, sizeof(value)));
    ck_assert_uint_eq(get_u64(value), 7);
}
END_TEST

START_TEST(dynamic_symbols_do_without_section_headers)
{
    _cleanup_(image_closep) struct image *whole = open_fixture(DYNAMIC),
                                         *headerless = open_fixture(FIXTURE("c-headerless.elf"));
    ck_assert(!image_has_sections(headerless));
    ck_assert(!image_has_symtab(headerless));
    ck_assert_str_eq(image_build_id(headerless), image_build_id(whole));
    struct image_symbol expected[ARRAY_SIZE(names)], found[ARRAY_SIZE(names)];
    find_all(whole, expected);
    find_all(headerless, found);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        /* Only the static one is not exported. */
        bool is_exported = expected[i].source != SYMBOL_MISSING && strcmp(names[i], "hidden") != 0;
        ck_assert_int_eq(found[i].source, is_exported ? SYMBOL_DYNSYM : SYMBOL_MISSING);
        ck_assert_uint_eq(found[i].address, is_exported ? expected[i].address : 0);
    }
}
END_TEST

START_TEST(memory_beyond_the_file_reads_as_zero)
{
    _cleanup_(image_closep) struct image *image = open_fixture(DYNAMIC);
    const struct image_segment *data = image_segment_at(image, 1);
    uint8_t bytes[16];
    memset(bytes, 0xff, sizeof(bytes));
    ck_no_error(image_read(image, data->address + data->file_size - 8, bytes, sizeof(bytes)));
    ck_assert_uint_eq(get_u64(bytes + 8), 0);
    ck_no_error(image_read(image, data->address + data->memory_size - 8, bytes, 8));
    ck_error(image_read(image, data->address + data->memory_size - 7, bytes, 8), ERROR_FAULT);
    ck_error(image_read(image, data->address - 1, bytes, 1), ERROR_FAULT);
    ck_error(image_read(image, UINT64_MAX - 3, bytes, 8), ERROR_FAULT);
    ck_no_error(image_read(image, 0xdead0000, bytes, 0));
    ck_error(image_read_file(image, image_file_size(image) - 7, bytes, 8), ERROR_BAD_DATA);
    ck_error(image_read_file(image, UINT64_MAX, bytes, 8), ERROR_BAD_DATA);
}
END_TEST

START_TEST(what_is_no_elf_is_refused)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(DYNAMIC);
    struct image *image = NULL;
    ck_error(image_open(file_of("", 0), "empty", &image), ERROR_BAD_DATA);
    ck_error(image_open(file_of("#!/bin/sh\nexit 0\n", 17), "script", &image), ERROR_BAD_DATA);
    ck_error(image_open(file_of(bytes.data, 40), "cut", &image), ERROR_BAD_DATA);
    ck_error(image_open(file_of(bytes.data, 100), "cut in the program headers", &image), ERROR_BAD_DATA);
    bytes.data[EI_CLASS] = ELFCLASS32;
    ck_error(image_open(file_of(bytes.data, bytes.size), "32 bits", &image), ERROR_UNSUPPORTED);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_error(image_open(folder, "/", &image), ERROR_BAD_DATA);
    /* The descriptor was closed although opening failed. */
    ck_assert_int_eq(fcntl(folder, F_GETFD), -1);
    ck_assert_ptr_null(image);
}
END_TEST

START_TEST(headers_that_lie_are_left_out)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(DYNAMIC);
    /* Section headers beyond the file: as if there were none. */
    put_u64(bytes.data + offsetof(Elf64_Ehdr, e_shoff), bytes.size - 10);
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
    ck_assert(!image_has_sections(image));

    /* One section that claims to reach beyond the file is gone, the others stay. */
    _cleanup_bytes_ struct bytes again = bytes_of(DYNAMIC);
    size_t headers = get_u64(again.data + offsetof(Elf64_Ehdr, e_shoff));
    size_t text = headers + 6 * sizeof(Elf64_Shdr);
    put_u64(again.data + text + offsetof(Elf64_Shdr, sh_size), UINT64_MAX - 5);
    _cleanup_(image_closep) struct image *lying = open_bytes(again.data, again.size);
    ck_assert_ptr_null(image_find_section(lying, ".text"));
    ck_assert_ptr_nonnull(image_find_section(lying, ".data"));
    struct image_symbol symbols[ARRAY_SIZE(names)];
    find_all(lying, symbols);
    ck_assert_int_eq(symbols[0].source, SYMBOL_SYMTAB);

    /* A segment whose bytes lie outside the file gives an error when they are read, a segment that wraps around is
     * none. */
    size_t segments = get_u64(again.data + offsetof(Elf64_Ehdr, e_phoff)) + 2 * sizeof(Elf64_Phdr);
    put_u64(again.data + segments + offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 15);
    put_u64(again.data + segments + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_memsz), UINT64_MAX);
    _cleanup_(image_closep) struct image *outside = open_bytes(again.data, again.size);
    ck_assert_uint_eq(image_segment_count(outside), 1);
    uint8_t byte;
    ck_error(image_read(outside, 0x40, &byte, 1), ERROR_BAD_DATA);
}
END_TEST

START_TEST(a_file_that_shrinks_gives_errors)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(DYNAMIC);
    int descriptor = file_of(bytes.data, bytes.size), other = dup(descriptor);
    _cleanup_(image_closep) struct image *image = NULL;
    ck_no_error(image_open(descriptor, "shrinking", &image));
    ck_assert_int_eq(ftruncate(other, 0), 0);
    close(other);
    _cleanup_free_ uint8_t *much = calloc(1, 1 << 16);
    struct image_symbol symbol = {.name = "main"};
    /* Bytes read before may still be there, those in no block yet are not. */
    struct error *error = image_find_symbols(image, &symbol, 1);
    error_destroy(error);
    ck_error(image_read_file(image, 0, much, (1 << 16)), ERROR_BAD_DATA);
}
END_TEST

START_TEST(counts_beyond_16_bits_are_in_the_first_section)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(DYNAMIC);
    size_t headers = get_u64(bytes.data + offsetof(Elf64_Ehdr, e_shoff));
    uint16_t segments, sections, strings;
    memcpy(&segments, bytes.data + offsetof(Elf64_Ehdr, e_phnum), 2);
    memcpy(&sections, bytes.data + offsetof(Elf64_Ehdr, e_shnum), 2);
    memcpy(&strings, bytes.data + offsetof(Elf64_Ehdr, e_shstrndx), 2);
    const uint16_t extended[] = {PN_XNUM, 0, SHN_XINDEX};
    memcpy(bytes.data + offsetof(Elf64_Ehdr, e_phnum), &extended[0], 2);
    memcpy(bytes.data + offsetof(Elf64_Ehdr, e_shnum), &extended[1], 2);
    memcpy(bytes.data + offsetof(Elf64_Ehdr, e_shstrndx), &extended[2], 2);
    put_u64(bytes.data + headers + offsetof(Elf64_Shdr, sh_size), sections);
    put_u32(bytes.data + headers + offsetof(Elf64_Shdr, sh_link), strings);
    put_u32(bytes.data + headers + offsetof(Elf64_Shdr, sh_info), segments);
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
    ck_assert_uint_eq(image_segment_count(image), 2);
    ck_assert_ptr_nonnull(image_find_section(image, ".data"));
    ck_assert(image_has_symtab(image));
}
END_TEST

/* Every length that a file can be cut to: never a crash, and whatever can still be opened can be asked everything. */
START_TEST(every_cut_is_survived)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(DYNAMIC);
    size_t opened = 0;
    for (size_t size = 0; size <= bytes.size; size++) {
        struct image *image = NULL;
        struct error *error = image_open(file_of(bytes.data, size), "cut", &image);
        if (error) {
            ck_assert_int_eq(error->kind, ERROR_BAD_DATA);
            error_destroy(error);
            continue;
        }
        opened++;
        struct image_symbol symbols[ARRAY_SIZE(names)];
        find_all(image, symbols);
        struct go_build_info info = {0};
        struct error *none = image_read_go_build_info(image, &info);
        ck_assert_ptr_nonnull(none);
        error_destroy(none);
        image_close(image);
    }
    ck_assert_uint_gt(opened, 1000);
}
END_TEST

START_TEST(null_is_closed)
{
    image_close(NULL);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("image");
    TCase *tests = tcase_create("image");
    tcase_add_test(tests, properties_are_read);
    tcase_add_test(tests, symbols_come_from_both_tables);
    tcase_add_test(tests, dynamic_symbols_do_without_section_headers);
    tcase_add_test(tests, memory_beyond_the_file_reads_as_zero);
    tcase_add_test(tests, what_is_no_elf_is_refused);
    tcase_add_test(tests, headers_that_lie_are_left_out);
    tcase_add_test(tests, a_file_that_shrinks_gives_errors);
    tcase_add_test(tests, counts_beyond_16_bits_are_in_the_first_section);
    tcase_add_test(tests, every_cut_is_survived);
    tcase_add_test(tests, null_is_closed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
