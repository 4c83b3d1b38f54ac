/* Files out of what is mapped of them: the C library of a child, against its file. And the vdso's names. */
#include "attach/native/mapped_copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "attach/native/names.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

#define STEP 997u

DEFINE_CLEANUP(struct image *, image_close)
DEFINE_CLEANUP(struct call_frames *, call_frames_close)

static const struct map_line *find_library(const struct maps *maps)
{
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (line->permissions[2] == 'x' &&
            (map_line_file_begins(maps, line, "libc.") || map_line_file_begins(maps, line, "libc-")))
            return line;
    }
    return NULL;
}

/* The functions that the dynamic linker knows, of both. */
static void compare_symbols(struct image *copy, struct image *file)
{
    static const char *const names[] = {"malloc", "qsort", "pthread_create", "fopen", "__libc_start_main"};
    struct image_symbol one[ARRAY_SIZE(names)] = {0}, other[ARRAY_SIZE(names)] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        one[i].name = other[i].name = names[i];
    ck_assert_ptr_null(image_find_symbols(copy, one, ARRAY_SIZE(one)));
    ck_assert_ptr_null(image_find_symbols(file, other, ARRAY_SIZE(other)));
    size_t found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ck_assert_uint_eq(one[i].address, other[i].address);
        found += one[i].source == SYMBOL_DYNSYM;
        struct image_function function = {.address = one[i].address + 1};
        ck_assert_ptr_null(image_find_functions(copy, &function, 1));
        ck_assert_ptr_nonnull(function.name);
        ck_assert_uint_eq(function.start, one[i].address);
        free(function.name);
    }
    ck_assert_uint_ge(found, 4);
}

static void compare_frames(struct image *copy, struct image *file)
{
    _cleanup_(call_frames_closep) struct call_frames *one = NULL, *other = NULL;
    size_t compared = 0;
    ck_assert_ptr_null(call_frames_open(copy, &one));
    ck_assert_ptr_null(call_frames_open(file, &other));
    for (size_t i = 0; i < image_segment_count(file); i++) {
        const struct image_segment *segment = image_segment_at(file, i);
        for (uint64_t at = 0; segment->executable && at < segment->file_size; at += STEP) {
            struct call_frame_row row = {0}, expected = {0};
            _cleanup_error_ struct error *error = call_frames_find(one, segment->address + at, &row);
            _cleanup_error_ struct error *missing = call_frames_find(other, segment->address + at, &expected);
            ck_assert_int_eq(error != NULL, missing != NULL);
            ck_assert_mem_eq(&row, &expected, sizeof(row));
            compared += !error;
        }
    }
    ck_assert_uint_gt(compared, 100);
}

START_TEST(test_library)
{
    struct fixture fixture = fixture_start(0);
    struct target *target;
    struct memory *memory;
    struct maps maps;
    _cleanup_(image_closep) struct image *copy = NULL, *file = NULL;
    ck_assert_ptr_null(target_open(fixture.pid, &target));
    ck_assert_ptr_null(memory_create_live(fixture.pid, &memory));
    ck_assert_ptr_null(maps_read(target->folder, &maps));
    const struct map_line *line = find_library(&maps);
    /* A static program has none. */
    if (line) {
        ck_assert_ptr_null(mapped_copy_open(memory, &maps, line, &copy));
        ck_assert_ptr_null(target_open_mapping(target, &maps, line, &file));
        ck_assert_str_eq(image_build_id(copy), image_build_id(file));
        ck_assert(!image_has_sections(copy));
        compare_symbols(copy, file);
        compare_frames(copy, file);
    }
    maps_deinit(&maps);
    memory_destroy(memory);
    target_close(target);
    fixture_end(&fixture);
}
END_TEST

/* What is no ELF file: a mapping of text. */
START_TEST(test_no_program)
{
    struct memory *memory;
    static uint8_t bytes[4096] = "no program";
    struct maps maps = {0};
    struct map_line line = {
        .start = (uintptr_t)bytes, .end = (uintptr_t)bytes + sizeof(bytes), .inode = 7, .permissions = "r-x"};
    struct image *image;
    ck_assert_ptr_null(memory_create_live(getpid(), &memory));
    ck_assert(vector_append(&maps.lines, line));
    struct error *error = mapped_copy_open(memory, &maps, &line, &image);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_UNSUPPORTED);
    error_destroy(error);
    maps_deinit(&maps);
    memory_destroy(memory);
}
END_TEST

START_TEST(test_vdso)
{
    uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    struct target *target;
    struct memory *memory;
    struct catalog *catalog;
    struct name_cache files;
    struct modules *modules;
    struct native_names *names;
    struct module *module;
    uint32_t index;
    uint64_t link_address;
    bool changed;
    size_t count;
    if (vdso == 0)
        return;
    ck_assert_ptr_null(target_open(getpid(), &target));
    ck_assert_ptr_null(memory_create_live(getpid(), &memory));
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&files, catalog);
    ck_assert_ptr_null(modules_create(target, memory, &files, &modules));
    ck_assert_ptr_null(modules_refresh(modules, &changed));
    ck_assert_ptr_null(native_names_create(modules, catalog, &names));
    ck_assert_ptr_null(modules_find(modules, vdso, &module, &index, &link_address));
    ck_assert_ptr_nonnull(module);
    ck_assert_ptr_nonnull(module->image);
    struct image_symbol symbol = {.name = "__vdso_clock_gettime"};
    ck_assert_ptr_null(image_find_symbols(module->image, &symbol, 1));
    ck_assert_int_ne(symbol.source, SYMBOL_MISSING);
    uint64_t address = vdso + symbol.address - link_address + 2;
    ck_assert_ptr_null(native_names_prepare(names, &address, 1, &changed));
    const frame_id *frames = native_names_frames(names, address, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(catalog_function(catalog, frames[0]), "__vdso_clock_gettime");
    ck_assert_str_eq(catalog_file(catalog, frames[0]), "[vdso]");
    native_names_destroy(names);
    modules_destroy(modules);
    name_cache_deinit(&files);
    catalog_unref(catalog);
    memory_destroy(memory);
    target_close(target);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("mapped copy");
    TCase *tests = tcase_create("mapped copy");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_library);
    tcase_add_test(tests, test_no_program);
    tcase_add_test(tests, test_vdso);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
