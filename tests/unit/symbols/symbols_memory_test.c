/* Runs the room with an allocator that fails at the Nth call, for every N. The sources are compiled into this program
 * with malloc and its kin renamed, which works under every sanitizer. dwarf.c is not among them: libdw allocates too.
 */
#include "unit/limited_malloc.h"

#include "base/arena.c"
#undef ALIGNMENT
#include "base/error.c"
#undef SMALLEST_CAPACITY
#include "base/vector.c"
#undef SMALLEST_CAPACITY
#include "base/table.c"
#undef SMALLEST_CAPACITY
#include "base/text.c"
#include "symbols/file_cache.c"
#include "symbols/image.c"
#include "symbols/string_match.c"
#include "symbols/image_symbols.c"
/* Names that two sources have for themselves. */
#define find_line find_module_line
#include "symbols/build_info.c"
#undef find_line
#undef HEADER_SIZE
#include "symbols/pclntab.c"
#include "symbols/pclntab_lookup.c"
#include "unit/unlimited_malloc.h"

#include <fcntl.h>

#include "unit/check_main.h"

#define FIXTURE SOURCE_DIR "/tests/unit/symbols/fixtures/go1.21.elf"
#define SYMBOLS SOURCE_DIR "/tests/unit/symbols/fixtures/c-dynamic.elf"
#define ENOUGH ((size_t)1 << 20)

/* True for success; a failure must be for want of memory. */
static bool succeeds(struct error *error)
{
    if (!error)
        return true;
    ck_assert_msg(error->kind == ERROR_NO_MEMORY, "%s", error->message);
    error_destroy(error);
    return false;
}

/* Everything that is asked of a program when heaptop attaches; stops at the first failure. */
static bool use_image(struct image *image)
{
    struct image_symbol symbols[] = {{.name = "main"}, {.name = "allgs"}};
    if (!succeeds(image_find_symbols(image, symbols, ARRAY_SIZE(symbols))))
        return false;
    struct go_build_info info = {0};
    struct error *error = image_read_go_build_info(image, &info);
    bool is_go = !error || error->kind != ERROR_NOT_FOUND;
    if (!is_go)
        error_destroy(error);
    else if (!succeeds(error))
        return false;
    go_build_info_deinit(&info);
    if (!is_go)
        return true;

    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    if (!succeeds(pclntab_open(image, &table)))
        return false;
    const char *const names[] = {"main.main", "runtime.goexit"};
    struct go_function functions[ARRAY_SIZE(names)] = {0};
    if (!succeeds(pclntab_find_names(table, names, ARRAY_SIZE(names), functions))) {
        ck_assert_ptr_null(functions[0].name);
        return false;
    }
    ck_assert_str_eq(functions[0].name, "main.main");
    struct go_frame frames[4];
    size_t count = 0;
    if (succeeds(pclntab_find_frames(table, functions[0].entry + 20, frames, ARRAY_SIZE(frames), &count)))
        return true;
    /* A table that met the end of memory once answers as before when there is some again. */
    allowed = ENOUGH;
    ck_assert_ptr_null(pclntab_find_frames(table, functions[0].entry + 20, frames, ARRAY_SIZE(frames), &count));
    ck_assert_str_eq(frames[count - 1].function, "main.main");
    ck_assert_ptr_nonnull(frames[count - 1].file);
    return false;
}

static bool use_file(const char *path)
{
    _cleanup_(image_closep) struct image *image = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (!succeeds(image_open(descriptor, path, &image))) {
        ck_assert_int_eq(fcntl(descriptor, F_GETFD), -1);
        return false;
    }
    return use_image(image);
}

START_TEST(every_failed_allocation_is_an_error)
{
    static const char *const paths[] = {FIXTURE, SYMBOLS};
    size_t failures = 0;
    for (allowed = 0; !use_file(paths[_i]); allowed = failures) {
        failures++;
        ck_assert_uint_lt(failures, 500);
    }
    ck_assert_uint_gt(failures, 8);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("symbols_memory");
    TCase *tests = tcase_create("memory");
    tcase_add_loop_test(tests, every_failed_allocation_is_an_error, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
