#include "heaptop/symbols/dwarf.h"

#include "tests/unit/symbols/fixture.h"

/* One C program whose compile unit is named as Go's runtime: DWARF 4 and 5, plain and compressed in both ways. */
static const char *const files[] = {FIXTURE("c-dwarf4.elf"), FIXTURE("c-dwarf5.elf"), FIXTURE("c-zlib.elf"),
                                    FIXTURE("c-zdebug.elf")};

START_TEST(fields_and_variables_are_found)
{
    _cleanup_(image_closep) struct image *image = open_fixture(files[_i]);
    /* struct g { long stack[2]; const volatile gobuf_alias sched; unsigned int status; struct g *next; } */
    struct dwarf_field fields[] = {
        {.type_name = "g", .field_name = ""},
        {.type_name = "g", .field_name = "stack"},
        {.type_name = "g", .field_name = "sched"},
        {.type_name = "g", .field_name = "sched.pc"},
        {.type_name = "g", .field_name = "status"},
        {.type_name = "g", .field_name = "next"},
        {.type_name = "gobuf", .field_name = "pc"},
        {.type_name = "g", .field_name = "status"},
        {.type_name = "g", .field_name = "nothing"},
        {.type_name = "g", .field_name = "sched.nothing"},
        {.type_name = "nothing", .field_name = ""},
        {.type_name = "g", .field_name = "statu"},
        {.type_name = "g", .field_name = "status.more"},
    };
    static const struct {
        int64_t offset;
        uint64_t size;
    } expected[] = {{0, 48}, {0, 0},  {16, 16}, {24, 8}, {32, 4}, {40, 8}, {8, 8},
                    {32, 4}, {-1, 0}, {-1, 0},  {-1, 0}, {-1, 0}, {-1, 0}};
    struct dwarf_variable variables[] = {
        {.name = "allgs"}, {.name = "mbuckets"}, {.name = "nothing"}, {.name = "mbuckets"}};
    ck_no_error(dwarf_find(image, fields, ARRAY_SIZE(fields), variables, ARRAY_SIZE(variables)));
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        ck_assert_msg(fields[i].offset == expected[i].offset, "%s.%s: %ld", fields[i].type_name, fields[i].field_name,
                      (long)fields[i].offset);
        /* A C array has no size of its own, unlike Go's. */
        ck_assert_msg(fields[i].size == expected[i].size, "%s.%s: %lu", fields[i].type_name, fields[i].field_name,
                      (unsigned long)fields[i].size);
    }
    struct image_symbol symbols[] = {{.name = "allgs"}, {.name = "mbuckets"}};
    ck_no_error(image_find_symbols(image, symbols, 2));
    ck_assert_uint_eq(variables[0].address, symbols[0].address);
    ck_assert_uint_eq(variables[1].address, symbols[1].address);
    ck_assert_uint_eq(variables[2].address, 0);
    ck_assert_uint_eq(variables[3].address, symbols[1].address);
}
END_TEST

/* As Go's linker writes it, behind a unit of another package that is passed over, with a struct of the same name in it.
 */
START_TEST(go_units_are_told_by_their_names)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("godwarf.elf"));
    struct dwarf_field fields[] = {{.type_name = "runtime.g", .field_name = ""},
                                   {.type_name = "runtime.g", .field_name = "goid"},
                                   {.type_name = "runtime.g", .field_name = "stack"},
                                   {.type_name = "runtime.g", .field_name = "sched.pc"},
                                   {.type_name = "runtime.gobuf", .field_name = "sp"},
                                   {.type_name = "runtime.m", .field_name = ""}};
    static const int64_t offsets[] = {0, 32, 0, 24, 0, -1};
    static const uint64_t sizes[] = {40, 8, 16, 8, 8, 0};
    struct dwarf_variable variables[] = {
        {.name = "runtime.mbuckets"}, {.name = "runtime.indirect"}, {.name = "main.padding"}};
    ck_no_error(dwarf_find(image, fields, ARRAY_SIZE(fields), variables, ARRAY_SIZE(variables)));
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        ck_assert_int_eq(fields[i].offset, offsets[i]);
        ck_assert_uint_eq(fields[i].size, sizes[i]);
    }
    ck_assert_uint_eq(variables[0].address, 0x5432100);
    /* Not at a fixed address; not the runtime's. */
    ck_assert_uint_eq(variables[1].address, 0);
    ck_assert_uint_eq(variables[2].address, 0);
}
END_TEST

START_TEST(nothing_wanted_is_fine)
{
    _cleanup_(image_closep) struct image *image = open_fixture(files[1]);
    ck_no_error(dwarf_find(image, NULL, 0, NULL, 0));
}
END_TEST

START_TEST(without_dwarf_it_is_said)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("c-dynamic.elf"));
    struct dwarf_field field = {.type_name = "g", .field_name = "sched", .offset = 5};
    ck_error(dwarf_find(image, &field, 1, NULL, 0), ERROR_NOT_FOUND);
    ck_assert_int_eq(field.offset, -1);
}
END_TEST

static size_t section_offset(const char *path, const char *name)
{
    _cleanup_(image_closep) struct image *image = open_fixture(path);
    return image_find_section(image, name)->offset;
}

START_TEST(bad_compression_is_an_error)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(files[2]);
    size_t at = section_offset(files[2], ".debug_info");
    struct dwarf_field field = {.type_name = "g", .field_name = "sched"};
    /* Elf64_Chdr: type, reserved, size. */
    uint64_t size = get_u64(bytes.data + at + 8);
    static const struct {
        uint32_t type;
        uint64_t claimed;
        enum error_kind kind;
    } cases[] = {{2, 0, ERROR_UNSUPPORTED},
                 {9, 0, ERROR_UNSUPPORTED},
                 {1, 1, ERROR_BAD_DATA},
                 {1, UINT64_C(-1), ERROR_BAD_DATA},
                 {1, UINT64_C(0x7fffffffffffff00), ERROR_BAD_DATA},
                 {1, UINT64_C(1) << 33, ERROR_BAD_DATA}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put_u32(bytes.data + at, cases[i].type);
        put_u64(bytes.data + at + 8, cases[i].claimed ? size + cases[i].claimed : size);
        _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
        ck_error(dwarf_find(image, &field, 1, NULL, 0), cases[i].kind);
    }
    put_u32(bytes.data + at, 1);
    put_u64(bytes.data + at + 8, size);
    bytes.data[at + 40] ^= 0x55;
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
    ck_error(dwarf_find(image, &field, 1, NULL, 0), ERROR_BAD_DATA);
}
END_TEST

/* Each byte of the debug sections changed: found or not, but never a crash or an endless loop. */
START_TEST(every_changed_byte_is_survived)
{
    const char *path = files[_i];
    _cleanup_bytes_ struct bytes bytes = bytes_of(path);
    size_t start = section_offset(path, ".debug_info");
    for (size_t at = start; at < bytes.size; at++) {
        uint8_t kept = bytes.data[at];
        bytes.data[at] = (uint8_t)(kept + 1 + at % 7);
        struct image *image = NULL;
        struct error *error = image_open(file_of(bytes.data, bytes.size), "changed", &image);
        bytes.data[at] = kept;
        struct dwarf_field fields[] = {{.type_name = "g", .field_name = "sched.pc"},
                                       {.type_name = "g", .field_name = "next"}};
        struct dwarf_variable variable = {.name = "allgs"};
        if (!error)
            error = dwarf_find(image, fields, ARRAY_SIZE(fields), &variable, 1);
        error_destroy(error);
        image_close(image);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("dwarf");
    TCase *tests = tcase_create("dwarf");
    tcase_add_loop_test(tests, fields_and_variables_are_found, 0, (int)ARRAY_SIZE(files));
    tcase_add_test(tests, go_units_are_told_by_their_names);
    tcase_add_test(tests, nothing_wanted_is_fine);
    tcase_add_test(tests, without_dwarf_it_is_said);
    tcase_add_test(tests, bad_compression_is_an_error);
    tcase_add_loop_test(tests, every_changed_byte_is_survived, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
