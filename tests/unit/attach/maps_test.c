#include "attach/maps.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

static struct maps parse(const char *string)
{
    struct text text = {0};
    struct maps maps;
    text_append(&text, string);
    ck_assert_ptr_null(maps_parse(&text, &maps));
    ck_assert_ptr_null(text.data);
    return maps;
}

static void assert_name(const struct maps *maps, size_t index, const char *expected)
{
    const struct map_line *line = &maps->lines.items[index];
    ck_assert_uint_eq(line->name_length, strlen(expected));
    ck_assert_mem_eq(map_line_name(maps, line), expected, line->name_length);
}

START_TEST(test_lines)
{
    struct maps maps =
        parse("00400000-0040b000 r-xp 00002000 fd:01 1234567                            /usr/bin/a b (deleted)\n"
              "0040b000-0040c000 rw-p 00000000 00:00 0 \n"
              "c000000000-c004000000 rw-p 00000000 00:00 0                              [anon: Go: heap]\n"
              "7f0000000000-7f0000001000 ---s 00000000 00:01 9                          /memfd:x (deleted) (deleted)\n"
              "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");
    ck_assert_uint_eq(maps.lines.count, 5);
    ck_assert_uint_eq(maps.malformed, 0);
    const struct map_line *line = &maps.lines.items[0];
    ck_assert_uint_eq(line->start, 0x400000);
    ck_assert_uint_eq(line->end, 0x40b000);
    ck_assert_uint_eq(line->offset, 0x2000);
    ck_assert_uint_eq(line->device_major, 0xfd);
    ck_assert_uint_eq(line->device_minor, 1);
    ck_assert_uint_eq(line->inode, 1234567);
    ck_assert_str_eq(line->permissions, "r-xp");
    ck_assert(line->deleted);
    assert_name(&maps, 0, "/usr/bin/a b");
    ck_assert(!maps.lines.items[1].deleted);
    assert_name(&maps, 1, "");
    assert_name(&maps, 2, "[anon: Go: heap]");
    assert_name(&maps, 3, "/memfd:x (deleted)");
    assert_name(&maps, 4, "[vsyscall]");
    ck_assert_uint_eq(maps.lines.items[4].end, 0xffffffffff601000);
    maps_deinit(&maps);
}
END_TEST

START_TEST(test_malformed)
{
    struct maps maps =
        parse("\n-\nzz-yy r-xp 0 0:0 0\n2000-1000 r-xp 00000000 00:00 0\n1000-2000\n1000-2000 rwxpp 00000000 00:00 0\n"
              "1000-2000 r--p 00000000 0000 0\n10000000000000000-2 r--p 00000000 00:00 0\n"
              "5000-6000 r--p 00000000 00:00 0\n"
              "4000-5000 r--p 00000000 00:00 0\n"
              "5800-7000 r--p 00000000 00:00 0\n"
              "6000-7000 r--p 0 0:0 0 x\n");
    ck_assert_uint_eq(maps.lines.count, 2);
    ck_assert_uint_eq(maps.malformed, 10);
    assert_name(&maps, 1, "x");
    maps_deinit(&maps);
    maps = parse("");
    ck_assert_uint_eq(maps.lines.count, 0);
    maps_deinit(&maps);
}
END_TEST

START_TEST(test_bound)
{
    struct text text = {0};
    for (size_t i = 0; i < MAPS_MAX_LINES + 10; i++)
        text_printf(&text, "%zx-%zx r--p 00000000 00:00 0\n", i * 4096 + 4096, i * 4096 + 8192);
    struct maps maps;
    ck_assert_ptr_null(maps_parse(&text, &maps));
    ck_assert_uint_eq(maps.lines.count, MAPS_MAX_LINES);
    ck_assert(maps.truncated);
    maps_deinit(&maps);
}
END_TEST

START_TEST(test_regions_join)
{
    struct maps maps = parse("1000-2000 r--p 00000000 fd:01 5  /lib/a\x1b[0m\n"
                             "2000-3000 r--p 00001000 fd:01 5  /lib/a\x1b[0m\n"
                             "3000-4000 rw-p 00002000 fd:01 5  /lib/a\x1b[0m\n"
                             "4000-5000 rw-p 00000000 00:00 0 \n"
                             "5000-6000 rw-p 00000000 00:00 0 \n"
                             "7000-8000 rw-p 00000000 00:00 0 \n");
    struct arena arena;
    struct catalog *catalog;
    struct name_cache names;
    struct region *regions;
    size_t count;
    arena_init(&arena);
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    ck_assert_ptr_null(maps_make_regions(&maps, &arena, &names, &regions, &count));
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(regions[0].start, 0x1000);
    ck_assert_uint_eq(regions[0].size, 0x2000);
    ck_assert_str_eq(regions[0].permissions, "r--p");
    ck_assert_str_eq(catalog_string(catalog, regions[0].name), "/lib/a\\x1b[0m");
    ck_assert_str_eq(regions[1].permissions, "rw-p");
    ck_assert_uint_eq(regions[2].size, 0x2000);
    ck_assert_uint_eq(regions[2].name, 0);
    ck_assert_uint_eq(regions[3].start, 0x7000);
    name_cache_deinit(&names);
    catalog_unref(catalog);
    arena_deinit(&arena);
    maps_deinit(&maps);
}
END_TEST

START_TEST(test_own_maps)
{
    _cleanup_close_ int folder = -1;
    struct maps maps;
    ck_assert_ptr_null(procfs_open_process(getpid(), &folder));
    ck_assert_ptr_null(maps_read(folder, &maps));
    ck_assert_uint_eq(maps.malformed, 0);
    ck_assert(!maps.truncated);
    bool found_code = false, found_stack = false;
    for (size_t i = 0; i < maps.lines.count; i++) {
        const struct map_line *line = &maps.lines.items[i];
        uintptr_t code = (uintptr_t)maps_read, stack = (uintptr_t)&maps;
        found_code |= code >= line->start && code < line->end && line->permissions[2] == 'x' && line->inode;
        found_stack |= stack >= line->start && stack < line->end && line->permissions[1] == 'w';
    }
    ck_assert(found_code);
    ck_assert(found_stack);
    maps_deinit(&maps);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("maps");
    TCase *tests = tcase_create("maps");
    tcase_add_test(tests, test_lines);
    tcase_add_test(tests, test_malformed);
    tcase_add_test(tests, test_bound);
    tcase_add_test(tests, test_regions_join);
    tcase_add_test(tests, test_own_maps);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
