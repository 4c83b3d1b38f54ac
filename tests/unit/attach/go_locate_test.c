#include "attach/go/locate.h"

#include "tests/unit/symbols/fixture.h"

DEFINE_CLEANUP(struct go_process *, go_process_destroy)

/* In go1.21.elf's one writable segment (made to hold its build information), and on behind its end. */
#define DATA_SIZE 640u
#define SEGMENT_SIZE 320u
#define TEXT_AT 0x401000u

static uint64_t data_address(const struct image *image)
{
    size_t last = image_segment_count(image) - 1;
    ck_assert(image_segment_at(image, last)->writable);
    ck_assert_uint_ge(image_segment_at(image, last)->memory_size, SEGMENT_SIZE);
    return image_segment_at(image, last)->address;
}

/* A moduledata of Go 1.21 over the image's pclntab, as the runtime would have it. */
static void make_module_data(struct image *image, uint64_t bias, uint8_t bytes[DATA_SIZE])
{
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    ck_no_error(pclntab_open(image, &table));
    memset(bytes, 0, DATA_SIZE);
    uint64_t header = pclntab_address(table) + bias;
    put_u64(bytes, header);
    put_u64(bytes + 128, header + 0x1000);                          /* ftab */
    put_u64(bytes + 136, pclntab_function_count(table) + 1);
    put_u64(bytes + 176, TEXT_AT + bias);
    put_u64(bytes + 184, TEXT_AT + bias + 0x1000);                  /* etext */
    put_u64(bytes + 296, 0x500000 + bias);                          /* types */
    put_u64(bytes + 304, 0x500100 + bias);
}

static struct go_process *locate(struct image *image, uint64_t bias, const uint8_t *data,
                                 const struct locate_options *options)
{
    struct memory *memory = NULL;
    struct go_process *process = NULL;
    ck_no_error(memory_create_fake(&memory));
    if (data)
        ck_no_error(memory_fake_add(memory, data_address(image) + bias, data, DATA_SIZE));
    const struct reader_context context = {.memory = memory, .image = image, .load_bias = bias};
    ck_no_error(go_process_locate_by(&context, options, &process));
    memory_destroy(memory);
    return process;
}

static const struct locate_options by_all = {.sources = LOCATE_ALL};

START_TEST(another_program_is_no_go_program)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("c-dwarf5.elf"));
    ck_assert_ptr_null(locate(image, 0, NULL, &by_all));
}
END_TEST

START_TEST(nothing_readable_still_gives_a_process)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("go1.21.elf"));
    _cleanup_(go_process_destroyp) struct go_process *process = locate(image, 0, NULL, &by_all);
    ck_assert_ptr_nonnull(process);
    ck_assert_uint_eq(process->minor, 21);
    ck_assert(!process->minor_guessed && !process->newer_than_table);
    ck_assert_int_eq(strncmp(process->version, "go1.21", 6), 0);
    ck_assert_uint_eq(process->module_data, 0);
    ck_assert_int_eq(process->layout_source, GO_LAYOUT_TABLE);
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        ck_assert_uint_eq(process->variables[i].address, 0);
        ck_assert_int_eq(process->variables[i].source, GO_VARIABLE_MISSING);
        ck_assert_ptr_nonnull(process->variables[i].reason);
    }
    ck_assert_uint_gt(process->symbols_ns, 0);
}
END_TEST

START_TEST(module_data_is_found_wherever_the_program_is_loaded)
{
    static const uint64_t biases[] = {0, 0x550000000000};
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("go1.21.elf"));
    uint64_t bias = biases[_i];
    uint8_t data[DATA_SIZE];
    make_module_data(image, bias, data);
    _cleanup_(go_process_destroyp) struct go_process *process = locate(image, bias, data, &by_all);
    ck_assert_uint_eq(process->module_data, data_address(image) + bias);
    ck_assert_uint_eq(go_variable(process, GO_VARIABLE_FIRST_MODULE_DATA), process->module_data);
    ck_assert_int_eq(process->variables[GO_VARIABLE_FIRST_MODULE_DATA].source, GO_VARIABLE_MODULE_DATA);
    ck_assert_uint_eq(process->text, TEXT_AT + bias);
    ck_assert_uint_eq(process->end_text, TEXT_AT + bias + 0x1000);
    ck_assert_uint_eq(process->types, 0x500000 + bias);
    ck_assert_uint_eq(process->end_types, 0x500100 + bias);
    ck_assert_uint_eq(pclntab_text_start(process->pclntab), TEXT_AT);
}
END_TEST

START_TEST(what_only_looks_like_module_data_is_not_taken)
{
    static const struct {
        size_t at;
        uint64_t value;
    } changes[] = {{136, 7}, {136, UINT64_MAX}, {184, TEXT_AT}, {128, 0}, {0, 0}};
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("go1.21.elf"));
    uint8_t data[DATA_SIZE];
    make_module_data(image, 0, data);
    put_u64(data + changes[_i].at, changes[_i].value);
    _cleanup_(go_process_destroyp) struct go_process *process = locate(image, 0, data, &by_all);
    ck_assert_uint_eq(process->module_data, 0);
    ck_assert_uint_eq(process->text, 0);
}
END_TEST

START_TEST(a_version_nobody_told_is_guessed)
{
    static const struct {
        const char *elf;
        unsigned minor;     /* What the function table's version and the table of layouts lead to. */
    } cases[] = {{FIXTURE("go1.19.elf"), 19}, {FIXTURE("go1.21.elf"), 27}};
    const struct locate_options options = {.sources = LOCATE_ALL & ~LOCATE_BUILD_INFO};
    _cleanup_(image_closep) struct image *image = open_fixture(cases[_i].elf);
    _cleanup_(go_process_destroyp) struct go_process *process = locate(image, 0, NULL, &options);
    ck_assert(process->minor_guessed);
    ck_assert_uint_eq(process->minor, cases[_i].minor);
    ck_assert_str_eq(process->version, "");
}
END_TEST

START_TEST(a_newer_version_is_said_to_be_newer)
{
    const struct locate_options options = {.sources = LOCATE_ALL, .minor = 99};
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("go1.21.elf"));
    _cleanup_(go_process_destroyp) struct go_process *process = locate(image, 0, NULL, &options);
    ck_assert(process->newer_than_table);
    ck_assert_uint_eq(process->minor, 99);
    ck_assert_int_eq(process->layout.offset[GO_FIELD_G_GOID],
                     go_layout_table[go_layout_table_count - 1].layout.offset[GO_FIELD_G_GOID]);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_locate");
    TCase *tests = tcase_create("locate");
    tcase_add_test(tests, another_program_is_no_go_program);
    tcase_add_test(tests, nothing_readable_still_gives_a_process);
    tcase_add_loop_test(tests, module_data_is_found_wherever_the_program_is_loaded, 0, 2);
    tcase_add_loop_test(tests, what_only_looks_like_module_data_is_not_taken, 0, 5);
    tcase_add_loop_test(tests, a_version_nobody_told_is_guessed, 0, 2);
    tcase_add_test(tests, a_newer_version_is_said_to_be_newer);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
