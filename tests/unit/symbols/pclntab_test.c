#include "heaptop/symbols/pclntab.h"

#include <inttypes.h>

#include "tests/unit/symbols/fixture.h"

/* A program's functions and what its own runtime said of addresses in them: lines of address, function, file, line. */
static const struct program {
    const char *elf, *frames;
    unsigned minor;
    uint8_t version;
    bool has_text_start;
} programs[] = {
    {FIXTURE("go1.19.elf"), FIXTURE("go1.19.frames"), 19, 0xf0, true},
    {FIXTURE("go1.21.elf"), FIXTURE("go1.21.frames"), 21, 0xf1, true},
    {FIXTURE("go1.26.elf"), FIXTURE("go1.26.frames"), 26, 0xf1, false},
    {FIXTURE("go1.27.elf"), FIXTURE("go1.27.frames"), 27, 0xf1, false},
};

/* Offsets in pcHeader. */
#define MAGIC_AT 0
#define COUNT_AT 8
#define NAMES_AT 32
#define FUNCTIONS_AT 64

static FILE *open_frames(const struct program *program, uint64_t *ret_text, uint64_t *ret_gofunc)
{
    FILE *frames = fopen(program->frames, "r");
    ck_assert_ptr_nonnull(frames);
    ck_assert_int_eq(fscanf(frames, "%" SCNx64 " %" SCNx64 "\n", ret_text, ret_gofunc), 2);
    return frames;
}

static struct pclntab *open_table(struct image *image, const struct program *program)
{
    struct pclntab *table = NULL;
    ck_no_error(pclntab_open(image, &table));
    uint64_t text, gofunc;
    fclose(open_frames(program, &text, &gofunc));
    if (program->has_text_start)
        ck_assert_uint_eq(pclntab_text_start(table), text);
    else
        ck_assert_uint_eq(pclntab_text_start(table), 0);
    pclntab_set_text_start(table, text);
    pclntab_set_gofunc(table, gofunc);
    pclntab_set_go_minor(table, program->minor);
    return table;
}

START_TEST(header_is_read)
{
    const struct program *program = &programs[_i];
    _cleanup_(image_closep) struct image *image = open_fixture(program->elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, program);
    ck_assert_uint_eq(pclntab_version(table), program->version);
    ck_assert_uint_eq(pclntab_address(table), image_find_section(image, ".gopclntab")->address);
    ck_assert_uint_gt(pclntab_function_count(table), 20);
    ck_assert_uint_lt(pclntab_memory(table), 100000);
}
END_TEST

/* runtime.CallersFrames leaves type arguments out: of names with brackets only what is around them is held against its
 * answer. */
static void ck_same_function(const char *ours, const char *theirs)
{
    ck_assert_uint_eq(strcspn(ours, "["), strcspn(theirs, "["));
    ck_assert_int_eq(strncmp(ours, theirs, strcspn(theirs, "[")), 0);
    const char *our_rest = strrchr(ours, ']'), *their_rest = strrchr(theirs, ']');
    ck_assert_str_eq(our_rest ? our_rest : "", their_rest ? their_rest : "");
}

/* What runtime.CallersFrames said in the program, for every address: inlined functions, generic names, assembly,
 * gaps. */
START_TEST(frames_are_those_of_the_runtime)
{
    const struct program *program = &programs[_i];
    _cleanup_(image_closep) struct image *image = open_fixture(program->elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, program);
    uint64_t text, gofunc;
    FILE *expected = open_frames(program, &text, &gofunc);
    char line[512];
    size_t lines = 0, inlined = 0, generic = 0;
    while (fgets(line, sizeof(line), expected)) {
        uint64_t address = strtoull(strtok(line, "\t"), NULL, 16);
        const char *function = strtok(NULL, "\t"), *file = strtok(NULL, "\t");
        unsigned long number = strtoul(strtok(NULL, "\n"), NULL, 10);
        struct go_frame frames[PCLNTAB_MAX_INLINE_DEPTH];
        size_t count = 0;
        ck_no_error(pclntab_find_frames(table, address, frames, ARRAY_SIZE(frames), &count));
        ck_assert_uint_ge(count, 1);
        ck_same_function(frames[0].function, function);
        ck_assert_str_eq(frames[0].file ? frames[0].file : "?", file);
        ck_assert_uint_eq(frames[0].line, number);

        struct go_function outer;
        ck_no_error(pclntab_find_function(table, address, &outer));
        ck_assert_ptr_eq(frames[count - 1].function, outer.name);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(frames[i].is_inlined, i + 1 < count);
            ck_assert_uint_eq(frames[i].entry, outer.entry);
        }
        ck_assert(address >= outer.entry && address < outer.end);
        lines++;
        inlined += count > 1;
        generic += strstr(function, "[...]") != NULL;
    }
    fclose(expected);
    ck_assert_uint_ge(lines, 100);
    ck_assert_uint_ge(inlined, 5);
    ck_assert_uint_ge(generic, 3);
}
END_TEST

/* Without moduledata's gofunc there is no inlining to be seen, and nothing else is lost. */
START_TEST(without_inline_trees_the_function_itself_is_told)
{
    _cleanup_(image_closep) struct image *image = open_fixture(programs[1].elf);
    _cleanup_(pclntab_closep) struct pclntab *whole = open_table(image, &programs[1]), *table = NULL;
    ck_no_error(pclntab_open(image, &table));
    const char *name = "main.eighth";
    struct go_function function;
    ck_no_error(pclntab_find_names(table, &name, 1, &function));
    /* It may itself have been inlined everywhere: then any function of main with inlined code will do. */
    uint64_t address = function.name ? function.entry : 0;
    name = "main.exercise";
    ck_no_error(pclntab_find_names(table, &name, 1, &function));
    struct go_frame frames[8];
    size_t count = 0;
    for (address = function.entry; address < function.end && count < 2; address++)
        ck_no_error(pclntab_find_frames(whole, address, frames, ARRAY_SIZE(frames), &count));
    ck_assert_uint_ge(count, 2);
    struct go_frame alone[8];
    size_t alone_count = 0;
    ck_no_error(pclntab_find_frames(table, address - 1, alone, ARRAY_SIZE(alone), &alone_count));
    ck_assert_uint_eq(alone_count, 1);
    ck_assert_str_eq(alone[0].function, frames[count - 1].function);
    ck_assert_str_eq(alone[0].file, frames[0].file);
    ck_assert_uint_eq(alone[0].line, frames[0].line);

    /* Room for fewer frames than there are: the first ones, the last of them marked as inlined into something. */
    ck_no_error(pclntab_find_frames(whole, address - 1, alone, 1, &alone_count));
    ck_assert_uint_eq(alone_count, 1);
    ck_assert(alone[0].is_inlined);
}
END_TEST

START_TEST(names_are_found_in_one_pass)
{
    const struct program *program = &programs[_i];
    _cleanup_(image_closep) struct image *image = open_fixture(program->elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, program);
    const char *const names[] = {"main.main", "main.mai", "ain.main",        "runtime.goexit",
                                 "main.main", "",         "runtime.memmove", "g"};
    struct go_function found[ARRAY_SIZE(names)];
    memset(found, 0xee, sizeof(found));
    ck_no_error(pclntab_find_names(table, names, ARRAY_SIZE(names), found));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool is_there = i == 0 || i == 3 || i == 4 || i == 6;
        ck_assert_msg(is_there == (found[i].name != NULL), "%s", names[i]);
        if (!is_there)
            continue;
        ck_assert_str_eq(found[i].name, names[i]);
        struct go_function same;
        ck_no_error(pclntab_find_function(table, found[i].entry, &same));
        ck_assert_uint_eq(same.index, found[i].index);
        ck_assert_uint_eq(same.end, found[i].end);
        ck_assert_ptr_eq(same.name, found[i].name);
        ck_assert_uint_eq(same.func_id, found[i].func_id);
    }
    ck_assert_uint_eq(found[0].entry, found[4].entry);
    if (program->version == 0xf1)
        ck_assert_uint_gt(found[0].start_line, 0);
    else
        ck_assert_uint_eq(found[0].start_line, 0);
}
END_TEST

START_TEST(addresses_outside_are_not_found)
{
    _cleanup_(image_closep) struct image *image = open_fixture(programs[0].elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, &programs[0]);
    struct go_function function = {.index = 77};
    size_t count = 77;
    struct go_frame frame;
    int32_t delta;
    ck_error(pclntab_find_function(table, 0, &function), ERROR_NOT_FOUND);
    ck_error(pclntab_find_function(table, UINT64_MAX, &function), ERROR_NOT_FOUND);
    ck_error(pclntab_find_frames(table, pclntab_text_start(table) - 1, &frame, 1, &count), ERROR_NOT_FOUND);
    ck_error(pclntab_find_stack_delta(table, pclntab_text_start(table) + (UINT64_C(1) << 32), &delta), ERROR_NOT_FOUND);
    ck_assert_uint_eq(function.index, 77);
    ck_assert_uint_eq(count, 77);
}
END_TEST

/* At its entry a function has pushed nothing; inside, a Go frame is a multiple of a word. */
START_TEST(stack_deltas)
{
    const struct program *program = &programs[_i];
    _cleanup_(image_closep) struct image *image = open_fixture(program->elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, program);
    const char *name = "main.main";
    struct go_function function;
    ck_no_error(pclntab_find_names(table, &name, 1, &function));
    int32_t delta, largest = 0;
    ck_no_error(pclntab_find_stack_delta(table, function.entry, &delta));
    ck_assert_int_eq(delta, 0);
    for (uint64_t address = function.entry; address < function.entry + 200; address++) {
        ck_no_error(pclntab_find_stack_delta(table, address, &delta));
        ck_assert(delta >= 0 && delta % 8 == 0);
        largest = delta > largest ? delta : largest;
    }
    ck_assert_int_gt(largest, 64);
}
END_TEST

static void remove_section_headers(struct bytes *bytes)
{
    put_u64(bytes->data + 40, 0);
    memset(bytes->data + 58, 0, 6);
}

static size_t table_offset(const char *path)
{
    _cleanup_(image_closep) struct image *image = open_fixture(path);
    return image_find_section(image, ".gopclntab")->offset;
}

START_TEST(without_section_headers_it_is_searched_for)
{
    const struct program *program = &programs[_i];
    _cleanup_bytes_ struct bytes bytes = bytes_of(program->elf);
    remove_section_headers(&bytes);
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size),
                                         *whole = open_fixture(program->elf);
    _cleanup_(pclntab_closep) struct pclntab *table = open_table(image, program),
                                             *expected = open_table(whole, program);
    ck_assert_uint_eq(pclntab_address(table), pclntab_address(expected));
    ck_assert_uint_eq(pclntab_function_count(table), pclntab_function_count(expected));
}
END_TEST

START_TEST(a_program_of_another_kind_has_none)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("c-dynamic.elf"));
    struct pclntab *table = NULL;
    ck_error(pclntab_open(image, &table), ERROR_NOT_FOUND);
    ck_assert_ptr_null(table);
    pclntab_close(NULL);
}
END_TEST

/* Changes that make the whole table unbelievable; each alone must do. */
static const struct {
    const char *what;
    size_t at;      /* From the header's start; from the function table's when is_functab. */
    bool is_functab;
    uint64_t value;
} lies[] = {
    {"the magic of Go 1.16", MAGIC_AT, false, UINT64_C(0x08010000fffffffa)},
    {"pointers of 4 bytes", MAGIC_AT, false, UINT64_C(0x04010000fffffff1)},
    {"no functions", COUNT_AT, false, 0},
    {"more functions than bytes", COUNT_AT, false, 100000},
    {"functions without end", COUNT_AT, false, UINT64_MAX},
    {"names before the table", NAMES_AT, false, 8},
    {"names behind all", NAMES_AT, false, UINT64_MAX - 8},
    {"functions beyond the table", FUNCTIONS_AT, false, 1 << 20},
    {"an entry that does not ascend", 8, true, UINT64_C(0x1000ffffffff)},
    {"a record that does not ascend", 8, true, UINT64_C(0x0000000000000010)},
    {"a record beyond the table", 0, true, UINT64_C(0x7fffffff00000000)},
};

START_TEST(lies_are_not_believed)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(programs[1].elf);
    size_t header = table_offset(programs[1].elf);
    size_t base = lies[_i].is_functab ? header + get_u64(bytes.data + header + FUNCTIONS_AT) : header;
    put_u64(bytes.data + base + lies[_i].at, lies[_i].value);
    _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
    struct pclntab *table = NULL;
    struct error *error = pclntab_open(image, &table);
    ck_assert_msg(error && error->kind == ERROR_NOT_FOUND, "%s", lies[_i].what);
    error_destroy(error);
}
END_TEST

/* A program that carries another, smaller program's table in its data, before its own. */
START_TEST(the_larger_table_is_taken)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(programs[1].elf);
    size_t header = table_offset(programs[1].elf), length = bytes.size - header;
    size_t copy = (bytes.size + 15) & ~(size_t)15;
    uint8_t both[1 << 16] = {0};
    ck_assert_uint_lt(copy + length, sizeof(both));
    memcpy(both, bytes.data, bytes.size);
    /* A third segment with the whole table again; the first one loses its last functions. */
    memcpy(both + copy, bytes.data + header, length);
    put_u64(both + header + COUNT_AT, 5);
    size_t functab = header + get_u64(both + header + FUNCTIONS_AT);
    ck_assert_uint_gt(get_u64(both + functab + 8), 0);
    put_u64(both + 64 + 2 * 56 + 8, copy);
    put_u64(both + 64 + 2 * 56 + 16, 0x600000);
    put_u64(both + 64 + 2 * 56 + 32, length);
    put_u64(both + 64 + 2 * 56 + 40, length);
    struct bytes headerless = {both, sizeof(both)};
    remove_section_headers(&headerless);
    _cleanup_(image_closep) struct image *image = open_bytes(both, copy + length);
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    ck_no_error(pclntab_open(image, &table));
    ck_assert_uint_eq(pclntab_address(table), 0x600000);
}
END_TEST

/* Bytes changed one at a time, all through the table: whatever is still opened answers without a crash, in bounds. */
START_TEST(every_changed_byte_is_survived)
{
    const struct program *program = &programs[_i];
    _cleanup_bytes_ struct bytes bytes = bytes_of(program->elf);
    size_t header = table_offset(program->elf);
    uint64_t text, gofunc;
    fclose(open_frames(program, &text, &gofunc));
    size_t opened = 0;
    for (size_t at = header; at < bytes.size; at += 3) {
        uint8_t kept = bytes.data[at];
        bytes.data[at] = (uint8_t)(kept ^ (1 + at % 255));
        _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
        _cleanup_(pclntab_closep) struct pclntab *table = NULL;
        struct error *error = pclntab_open(image, &table);
        bytes.data[at] = kept;
        error_destroy(error);
        if (!table)
            continue;
        opened++;
        pclntab_set_text_start(table, text);
        pclntab_set_gofunc(table, gofunc);
        const char *const names[] = {"main.main", "main.exercise"};
        struct go_function functions[2] = {0};
        error_destroy(pclntab_find_names(table, names, 2, functions));
        for (uint64_t address = functions[0].entry; address < functions[0].end && address < functions[0].entry + 64;
             address += 7) {
            struct go_frame frames[PCLNTAB_MAX_INLINE_DEPTH];
            size_t count = 0;
            error_destroy(pclntab_find_frames(table, address, frames, ARRAY_SIZE(frames), &count));
            ck_assert_uint_le(count, PCLNTAB_MAX_INLINE_DEPTH);
        }
    }
    ck_assert_uint_gt(opened, 100);
}
END_TEST

START_TEST(every_cut_is_survived)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(programs[0].elf);
    remove_section_headers(&bytes);
    for (size_t size = 300; size <= bytes.size; size += 5) {
        _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, size);
        _cleanup_(pclntab_closep) struct pclntab *table = NULL;
        error_destroy(pclntab_open(image, &table));
        /* A table that ends in the middle of a record is none. */
        ck_assert(table == NULL || size > bytes.size - 2000);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("pclntab");
    TCase *tests = tcase_create("pclntab");
    int all = (int)ARRAY_SIZE(programs);
    tcase_add_loop_test(tests, header_is_read, 0, all);
    tcase_add_loop_test(tests, frames_are_those_of_the_runtime, 0, all);
    tcase_add_test(tests, without_inline_trees_the_function_itself_is_told);
    tcase_add_loop_test(tests, names_are_found_in_one_pass, 0, all);
    tcase_add_test(tests, addresses_outside_are_not_found);
    tcase_add_loop_test(tests, stack_deltas, 0, all);
    tcase_add_loop_test(tests, without_section_headers_it_is_searched_for, 0, all);
    tcase_add_test(tests, a_program_of_another_kind_has_none);
    tcase_add_loop_test(tests, lies_are_not_believed, 0, (int)ARRAY_SIZE(lies));
    tcase_add_test(tests, the_larger_table_is_taken);
    tcase_add_loop_test(tests, every_changed_byte_is_survived, 0, all);
    tcase_add_test(tests, every_cut_is_survived);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
