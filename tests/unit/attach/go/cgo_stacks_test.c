/* Stacks of threads in C code that Go has called, with the frames of the goroutine behind. */
#include "attach/go/cgo_stacks.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

/* Go's code, in link-time addresses. */
#define TEXT 0x1000
#define END_TEXT 0x2000

static struct catalog *catalog;
static struct snapshot *snapshot;
static struct thread threads[2];
static struct goroutine_group groups[2];
static struct listed_goroutine goroutines[3];

static stack_id make_stack(const char *const *names, const uint64_t *addresses, size_t depth)
{
    frame_id frames[8];
    for (size_t i = 0; i < depth; i++) {
        struct frame frame = {.address = addresses[i],
                              .function = catalog_add_string(catalog, names[i], strlen(names[i]))};
        frames[i] = catalog_add_frame(catalog, &frame);
    }
    return catalog_add_stack(catalog, frames, depth);
}

static void set_up(void)
{
    static const char *const c[] = {"pause", "_cgo_8ab_Cfunc_wait", "runtime.asmcgocall.abi0"};
    static const char *const go[] = {"main._Cfunc_wait", "main.block", "main.main"};
    static const uint64_t of_c[] = {0x7f00, 0x3100, 0x1500}, of_go[] = {0x1100, 0x1200, 0x1300};
    ck_assert_ptr_null(catalog_create(&catalog));
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    memset(threads, 0, sizeof(threads));
    memset(groups, 0, sizeof(groups));
    memset(goroutines, 0, sizeof(goroutines));
    groups[1].stack = make_stack(go, of_go, 3);
    goroutines[0].goid = 1;
    goroutines[1].goid = 20;
    goroutines[1].group = 1;
    goroutines[2].goid = 21;
    threads[0].goid = 1;
    threads[1] =
        (struct thread){.goid = 20, .role = THREAD_IN_C, .stack = make_stack(c, of_c, 3), .stack_quality = STACK_CUT};
    snapshot->threads = threads;
    snapshot->num_threads = 2;
    snapshot->goroutine_groups = groups;
    snapshot->num_goroutine_groups = 2;
    snapshot->goroutines = goroutines;
    snapshot->num_goroutines = 3;
}

static void tear_down(void)
{
    snapshot_unref(snapshot);
    catalog_unref(catalog);
}

/* Whether it was joined; else nothing has changed. */
static bool joins(void)
{
    stack_id before = threads[1].stack;
    ck_assert_ptr_null(cgo_stacks_join(snapshot, TEXT, END_TEXT));
    ck_assert_uint_eq(threads[0].stack, 0);
    ck_assert_int_eq(threads[1].stack == before, threads[1].stack_quality == STACK_CUT);
    return threads[1].stack != before;
}

START_TEST(the_goroutine_stands_in_the_place_of_what_called_c)
{
    static const char *const expected[] = {"pause", "_cgo_8ab_Cfunc_wait", "main._Cfunc_wait", "main.block",
                                           "main.main"};
    ck_assert(joins());
    struct stack stack = catalog_stack(catalog, threads[1].stack);
    ck_assert_uint_eq(stack.depth, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        ck_assert_str_eq(catalog_function(catalog, stack.frames[i]), expected[i]);
    ck_assert_uint_eq(threads[1].stack_quality, STACK_WHOLE);
}
END_TEST

START_TEST(a_cut_stack_of_the_goroutine_stays_cut)
{
    stack_id before = threads[1].stack;
    groups[1].stack_cut = true;
    ck_assert_ptr_null(cgo_stacks_join(snapshot, TEXT, END_TEXT));
    ck_assert_uint_ne(threads[1].stack, before);
    ck_assert_uint_eq(threads[1].stack_quality, STACK_CUT);
}
END_TEST

START_TEST(c_code_without_symbols_is_joined_too)
{
    static const char *const c[] = {"pause", "server+0x3100", "server+0x1500"};
    static const uint64_t of_c[] = {0x7f00, 0x3100, 0x1500};
    threads[1].stack = make_stack(c, of_c, 3);
    ck_assert(joins());
}
END_TEST

START_TEST(what_does_not_fit_together_stays_apart)
{
    static const char *const other[] = {"pause", "_cgo_8ab_Cfunc_other", "runtime.asmcgocall.abi0"};
    static const char *const cut[] = {"pause", "helper"}, *const waiting[] = {"main.wait"};
    static const uint64_t of_c[] = {0x7f00, 0x3100, 0x1500}, of_go[] = {0x1100};
    /* It has moved on to another call; the C code was not left behind; the goroutine is no longer in C. */
    stack_id stack = threads[1].stack;
    threads[1].stack = make_stack(other, of_c, 3);
    ck_assert(!joins());
    threads[1].stack = make_stack(cut, of_c, 2);
    ck_assert(!joins());
    threads[1].stack = stack;
    stack_id go = groups[1].stack;
    groups[1].stack = make_stack(waiting, of_go, 1);
    ck_assert(!joins());
    groups[1].stack = 0;
    ck_assert(!joins());
    groups[1].stack = go;
    /* Not in C, not known, not listed. */
    threads[1].role = THREAD_SYSTEM_CALL;
    ck_assert(!joins());
    threads[1].role = THREAD_IN_C;
    threads[1].goid = 22;
    ck_assert(!joins());
    threads[1].goid = 20;
    goroutines[1].group = 2;
    ck_assert(!joins());
    goroutines[1].group = 1;
    ck_assert(joins());
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("cgo_stacks");
    TCase *tests = tcase_create("cgo_stacks");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_goroutine_stands_in_the_place_of_what_called_c);
    tcase_add_test(tests, a_cut_stack_of_the_goroutine_stays_cut);
    tcase_add_test(tests, c_code_without_symbols_is_joined_too);
    tcase_add_test(tests, what_does_not_fit_together_stays_apart);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
