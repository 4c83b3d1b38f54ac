/* The main of every unit test: `int main(void) { return run_suite(make_suite()); }`. */
#ifndef TESTS_UNIT_CHECK_MAIN_H
#define TESTS_UNIT_CHECK_MAIN_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

/* Check writes to a file where each assertion stands that holds, so as to tell behind which one a test has crashed, and
 * reads all of it: in loops that takes longer than what is tested. A place is told once, or again when another has
 * taken its place here. */
static inline void mark_once(const char *file, int line)
{
    static struct {
        const char *file;
        int line;
    } told[256], *place;
    place = &told[((uintptr_t)file + (unsigned)line) % 256];
    if (place->file == file && place->line == line)
        return;
    place->file = file;
    place->line = line;
    _mark_point(file, line);
}
#define _mark_point(file, line) mark_once(file, line)

/* Runs the suite, prints what failed and Check's closing line, and returns main's exit status. Each test runs in a
 * process of its own whatever CK_FORK says, so that one that crashes does not hide the others; to debug one, follow the
 * child. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    int run = srunner_ntests_run(runner);
    srunner_free(runner);
    /* A suite without tests is a mistake, not a success. */
    return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A suite of this name that has these tests, START_TEST's names, one after the other; run, it is main's exit status.
 * For those that need loops or fixtures, run_suite. */
static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *only = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(only, tests[i]);
    suite_add_tcase(suite, only);
    return run_suite(suite);
}
#define RUN_TESTS(name, ...) \
    run_tests((name), (const TTest *const[]){__VA_ARGS__}, \
              sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

/* Check reads its time limit (4 s by itself) when a test case is made; sanitizers on a busy machine need more. */
__attribute__((constructor)) static void set_time_limit(void)
{
    setenv("CK_DEFAULT_TIMEOUT", "280", 0);
}

#endif
