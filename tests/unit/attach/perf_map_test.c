/* Maps of compiled code: what is in them, whose they are, how they grow. And whose code it is by the path of its
 * source. */
#include "attach/native/perf_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attach/native/source_origin.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

DEFINE_CLEANUP(struct perf_map *, perf_map_destroy)

static struct perf_map *parse(const char *text)
{
    struct perf_map *map;
    size_t taken;
    ck_assert_ptr_null(perf_map_create(NULL, &map));
    ck_assert_ptr_null(perf_map_parse(map, text, strlen(text), &taken));
    /* Whole lines only. */
    ck_assert_uint_eq(taken, strrchr(text, '\n') ? (size_t)(strrchr(text, '\n') - text) + 1 : 0);
    return map;
}

static void check_name(struct perf_map *map, uint64_t address, const char *expected)
{
    const char *name;
    size_t length;
    bool found = perf_map_find(map, address, &name, &length);
    ck_assert_int_eq(found, expected != NULL);
    if (expected) {
        ck_assert_uint_eq(length, strlen(expected));
        ck_assert_mem_eq(name, expected, length);
    }
}

START_TEST(test_lines)
{
    _cleanup_(perf_map_destroyp) struct perf_map *map = parse("7f0000001000 20 later\n"
                                                              "7f0000000000 10 first function\n"
                                                              "0x7f0000000010 0x10 with prefix\n"
                                                              "no address\n"
                                                              "7f0000000020\n"
                                                              "7f0000000020 10\n"
                                                              "7f0000000020 0 nothing\n"
                                                              "fffffffffffffff0 20 around the end\n"
                                                              "7f0000000030 10 cut");
    check_name(map, 0x7f0000000000, "first function");
    check_name(map, 0x7f000000000f, "first function");
    check_name(map, 0x7f0000000010, "with prefix");
    check_name(map, 0x7f0000000020, NULL);
    check_name(map, 0x7f0000000030, NULL);
    check_name(map, 0x7f000000101f, "later");
    check_name(map, 0x7f0000001020, NULL);
    check_name(map, 0xfffffffffffffff8, NULL);
    check_name(map, 0, NULL);
}
END_TEST

/* Code is made anew where other code was. */
START_TEST(test_overwritten)
{
    _cleanup_(perf_map_destroyp) struct perf_map *map = parse("1000 100 old\n1040 20 within\n1000 40 new\n");
    check_name(map, 0x1000, "new");
    check_name(map, 0x1040, "within");
    check_name(map, 0x1060, "old");
    size_t taken;
    ck_assert_ptr_null(perf_map_parse(map, "1000 100 newest\n", 16, &taken));
    check_name(map, 0x1040, "newest");
}
END_TEST

START_TEST(test_parts)
{
    static const struct {
        const char *name, *function, *file;
        uint32_t line;
        bool is_runtime;
    } rows[] = {
        {"LazyCompile:*handle /srv/app.js:12:34", "LazyCompile:*handle", "/srv/app.js", 12, false},
        {"JS:~run node:internal/main/run:23:5", "JS:~run", "node:internal/main/run", 23, false},
        {"Function:a b /x y.js:3", "Function:a b /x y.js:3", "", 0, false},
        {"Script:~ file:///srv/a.mjs:1:1", "Script:~", "file:///srv/a.mjs", 1, false},
        {"Builtin:ArgumentsAdaptor", "Builtin:ArgumentsAdaptor", "", 0, true},
        {"Interpreter", "Interpreter", "", 0, true},
        {"Ljava/lang/String;::hashCode", "Ljava/lang/String;::hashCode", "", 0, false},
        {":1:2", ":1:2", "", 0, false},
        {"x :1", "x :1", "", 0, false},
        {" /a:1", " /a:1", "", 0, false},
        {"1", "1", "", 0, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t length = strlen(rows[i].name);
        struct perf_map_name parts = perf_map_name(rows[i].name, length);
        ck_assert_msg(parts.function_length == strlen(rows[i].function), "%s: %zu", rows[i].name,
                      parts.function_length);
        ck_assert_uint_eq(parts.file_length, strlen(rows[i].file));
        ck_assert_mem_eq(rows[i].name + parts.file_start, rows[i].file, parts.file_length);
        ck_assert_uint_eq(parts.line, rows[i].line);
        ck_assert_int_eq(parts.is_runtime, rows[i].is_runtime);
    }
}
END_TEST

static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "ae");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* The file of a process, as it grows, is begun anew, and is another's. */
START_TEST(test_file)
{
    struct fixture fixture = fixture_start(0);
    struct target *target;
    struct perf_map *map;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)fixture.pid);
    ck_assert_ptr_null(target_open(fixture.pid, &target));
    ck_assert_ptr_null(perf_map_create(target, &map));
    unlink(path);
    ck_assert_ptr_null(perf_map_refresh(map));
    append(path, "1000 10 one\n2000 10 tw");
    ck_assert_ptr_null(perf_map_refresh(map));
    check_name(map, 0x1000, "one");
    check_name(map, 0x2000, NULL);
    append(path, "o\n3000 10 three\n");
    ck_assert_ptr_null(perf_map_refresh(map));
    check_name(map, 0x1000, "one");
    check_name(map, 0x2000, "two");
    check_name(map, 0x3000, "three");
    /* Shorter than it was: another one. */
    ck_assert_int_eq(truncate(path, 0), 0);
    append(path, "1000 10 anew\n");
    ck_assert_ptr_null(perf_map_refresh(map));
    check_name(map, 0x1000, "anew");
    check_name(map, 0x2000, NULL);
    /* Neither a link nor what is no file is followed. */
    unlink(path);
    ck_assert_int_eq(symlink("/proc/self/maps", path), 0);
    ck_assert_ptr_null(perf_map_refresh(map));
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(perf_map_refresh(map));
    check_name(map, 0x1000, "anew");
    unlink(path);
    if (geteuid() == 0) {
        /* Of another user's there is nothing to be had for a process that is not theirs. */
        append(path, "1000 10 stranger\n");
        ck_assert_int_eq(chown(path, 12345, 12345), 0);
        ck_assert_ptr_null(perf_map_refresh(map));
        check_name(map, 0x1000, "anew");
        unlink(path);
    }
    perf_map_destroy(map);
    target_close(target);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_source_origin)
{
    static const struct {
        const char *path;
        uint8_t origin;
    } rows[] = {
        {"/home/me/service/main.cc", FRAME_APPLICATION},
        {"", FRAME_APPLICATION},
        {"/usr/include/c++/12/bits/stl_vector.h", FRAME_STANDARD},
        {"/usr/lib/gcc/x86_64-linux-gnu/12/include/xmmintrin.h", FRAME_STANDARD},
        {"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs", FRAME_STANDARD},
        {"/usr/src/rustc-1.63.0/library/core/src/ptr/mod.rs", FRAME_STANDARD},
        {"/root/.cargo/registry/src/github.com-1ecc6299db9ec823/serde-1.0.1/src/lib.rs", FRAME_DEPENDENCY},
        {"/usr/include/boost/asio/io_context.hpp", FRAME_DEPENDENCY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ck_assert_msg(source_origin(FRAME_APPLICATION, "_ZN1aEv", rows[i].path) == rows[i].origin, "%s", rows[i].path);
        /* Of a library's code the library says it. */
        ck_assert_int_eq(source_origin(FRAME_DEPENDENCY, NULL, rows[i].path), FRAME_DEPENDENCY);
    }
    /* The path says more than the name, which says something where there is none: a lambda in std::sort is the
     * program's. */
    ck_assert_int_eq(source_origin(FRAME_APPLICATION, "_ZNSt6vectorIiSaIiEE9push_backERKi", ""), FRAME_STANDARD);
    ck_assert_int_eq(source_origin(FRAME_APPLICATION, "_ZNSt6vectorIiSaIiEE9push_backERKi", "/srv/a.cc"),
                     FRAME_APPLICATION);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("perf map");
    TCase *tests = tcase_create("perf map");
    tcase_add_test(tests, test_lines);
    tcase_add_test(tests, test_overwritten);
    tcase_add_test(tests, test_parts);
    tcase_add_test(tests, test_file);
    tcase_add_test(tests, test_source_origin);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
