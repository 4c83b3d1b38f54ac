/* CPython's state in memory of a process that never ran. */
#include "attach/python/python_state.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define RUNTIME UINT64_C(0x100000)
#define FIRST UINT64_C(0x200000)
#define SECOND UINT64_C(0x300000)
#define THREAD UINT64_C(0x400000)
#define AREA (16 << 10)

/* Offsets in struct _gc_runtime_state. */
enum { GC_ENABLED = 12, GC_FIRST = 24, GC_POINTER = 96, GC_STATS = 128, GC_LONG_LIVED = 224 };

static struct memory *memory;

static void put(remote_address address, uint64_t value)
{
    ck_assert_ptr_null(memory_fake_add(memory, address, &value, sizeof(value)));
}

static void put_u32(remote_address address, uint32_t value)
{
    ck_assert_ptr_null(memory_fake_add(memory, address, &value, sizeof(value)));
}

static void put_collector(remote_address gc, uint64_t scale)
{
    put_u32(gc + GC_ENABLED, 1);
    put(gc + GC_POINTER, gc + GC_FIRST);
    for (unsigned i = 0; i < 3; i++) {
        put_u32(gc + GC_FIRST + i * 24 + 20, (uint32_t)(7 * scale + i));
        put(gc + GC_STATS + i * 24, scale * (100 >> i));
        put(gc + GC_STATS + i * 24 + 8, scale * (10 + i));
        put(gc + GC_STATS + i * 24 + 16, scale);
    }
    put(gc + GC_LONG_LIVED, 5000 * scale);
}

static void put_thread(const struct python_layout *layout, remote_address thread, remote_address interpreter,
                       remote_address next)
{
    put(thread + layout->thread_next, next);
    put(thread + layout->thread_interpreter, interpreter);
}

/* Two interpreters, the newer first, with two threads and one. */
static struct python_layout set_up(unsigned minor)
{
    struct python_layout layout;
    uint8_t *zeros = calloc(1, AREA);
    static const remote_address areas[] = {RUNTIME, FIRST, SECOND, THREAD};
    ck_assert_ptr_null(memory_create_fake(&memory));
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
        ck_assert_ptr_null(memory_fake_add(memory, areas[i], zeros, AREA));
    free(zeros);
    ck_assert_ptr_null(python_layout_find(minor, memory, RUNTIME, &layout));
    put(RUNTIME + layout.interpreters_head, SECOND);
    put(SECOND + layout.interpreter_next, FIRST);
    put(SECOND + layout.interpreter_id, 1);
    put(FIRST + layout.interpreter_threads, THREAD);
    put_thread(&layout, THREAD, FIRST, THREAD + 512);
    put_thread(&layout, THREAD + 512, FIRST, 0);
    put(SECOND + layout.interpreter_threads, THREAD + 1024);
    put_thread(&layout, THREAD + 1024, SECOND, 0);
    if (layout.interpreter_gc) {
        put_collector(FIRST + layout.interpreter_gc, 1);
        put_collector(SECOND + layout.interpreter_gc, 10);
    } else {
        put_collector(RUNTIME + layout.runtime_gc, 1);
    }
    return layout;
}

static void tear_down(void)
{
    memory_destroy(memory);
    memory = NULL;
}

START_TEST(all_versions_are_read)
{
    for (unsigned minor = 8; minor <= 12; minor++) {
        struct python_layout layout = set_up(minor);
        struct python_state state;
        uint64_t factor = layout.interpreter_gc ? 11 : 1;
        ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, 0, &state));
        ck_assert_uint_eq(state.interpreters, 2);
        ck_assert_uint_eq(state.threads, 3);
        /* Sums over both, but what is the main one's. */
        ck_assert_int_eq(state.collector.collections[0], (int64_t)(100 * factor));
        ck_assert_int_eq(state.collector.collections[2], (int64_t)(25 * factor));
        ck_assert_int_eq(state.collector.collected, (int64_t)(33 * factor));
        ck_assert_int_eq(state.collector.uncollectable, (int64_t)(3 * factor));
        ck_assert_int_eq(state.collector.counts[1], 8);
        ck_assert_int_eq(state.collector.long_lived, 5000);
        /* No variable's address, and in 3.12 no table of them. */
        ck_assert(!state.arenas_known);
        put(THREAD + 8192, 17);
        ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, THREAD + 8192, &state));
        ck_assert(state.arenas_known && state.arenas == 17);
        put(THREAD + 8192, UINT64_MAX);
        ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, THREAD + 8192, &state));
        ck_assert(!state.arenas_known);
        tear_down();
    }
}
END_TEST

/* In the interpreter itself up to some patch level of 3.12, behind a pointer later. */
START_TEST(arenas_are_counted_where_they_are)
{
    for (int pointed = 0; pointed < 2; pointed++) {
        struct python_layout layout = set_up(12);
        struct python_state state;
        remote_address inside = FIRST + layout.interpreter_pymalloc, at = pointed ? THREAD + 4096 : inside;
        /* Used pools, which point back, or where all of it is. */
        put(inside, pointed ? THREAD + 4096 : inside - 16);
        put(at + 512, THREAD);          /* arenas */
        put_u32(at + 512 + 8, 32);      /* maxarenas */
        put(at + 512 + 552, 20);
        put(at + 512 + 560, 30);
        put(at + 512 + 568, 25);
        ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, 0, &state));
        ck_assert(state.arenas_known);
        ck_assert_int_eq(state.arenas, 20);
        /* More now than ever. */
        put(at + 512 + 568, 19);
        ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, 0, &state));
        ck_assert(!state.arenas_known);
        tear_down();
    }
}
END_TEST

static void tears(const struct python_layout *layout, enum error_kind kind)
{
    struct python_state state;
    _cleanup_error_ struct error *error = python_state_read(layout, memory, RUNTIME, 0, &state);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->kind == kind, "%s", error->message);
}

START_TEST(what_does_not_hold_together_is_not_believed)
{
    struct python_layout layout = set_up(11);
    put(RUNTIME + layout.interpreters_head, 0);
    tears(&layout, ERROR_BAD_DATA);
    put(RUNTIME + layout.interpreters_head, 0xdead0000);
    tears(&layout, ERROR_FAULT);
    /* In a circle. */
    put(RUNTIME + layout.interpreters_head, SECOND);
    put(FIRST + layout.interpreter_next, SECOND);
    tears(&layout, ERROR_BAD_DATA);
    put(FIRST + layout.interpreter_next, 0);
    put_thread(&layout, THREAD + 512, FIRST, THREAD);
    tears(&layout, ERROR_BAD_DATA);
    put_thread(&layout, THREAD + 512, FIRST, 0);
    /* A thread of another interpreter. */
    put(SECOND + layout.interpreter_threads, THREAD);
    tears(&layout, ERROR_BAD_DATA);
    put(SECOND + layout.interpreter_threads, THREAD + 1024);
    /* Not where the collector's state is. */
    put(FIRST + layout.interpreter_gc + GC_POINTER, 0);
    tears(&layout, ERROR_BAD_DATA);
    put(FIRST + layout.interpreter_gc + GC_POINTER, FIRST + layout.interpreter_gc + GC_FIRST);
    put(FIRST + layout.interpreter_gc + GC_STATS + 8, UINT64_MAX);
    tears(&layout, ERROR_BAD_DATA);
    put(FIRST + layout.interpreter_gc + GC_STATS + 8, 0);
    put(FIRST + layout.interpreter_gc + GC_STATS, INT64_MAX);
    tears(&layout, ERROR_BAD_DATA);
    put(FIRST + layout.interpreter_gc + GC_STATS, 0);
    struct python_state state;
    ck_assert_ptr_null(python_state_read(&layout, memory, RUNTIME, 0, &state));
    tear_down();
}
END_TEST

START_TEST(from_3_13_on_the_runtime_tells_its_layout)
{
    struct python_layout layout;
    static const struct {
        unsigned at;
        uint64_t value;
    } fields[] = {{8, 0x030d00f0}, {40, 632}, {56, 7272}, {64, 7264}, {72, 7344}, {80, 7400}, {168, 8}, {176, 16}};
    uint8_t zeros[512] = {0};
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(memory_fake_add(memory, RUNTIME, zeros, sizeof(zeros)));
    _cleanup_error_ struct error *blank = python_layout_find(13, memory, RUNTIME, &layout);
    ck_assert(blank && blank->kind == ERROR_BAD_DATA);
    ck_assert_ptr_null(memory_fake_add(memory, RUNTIME, "xdebugpy", 8));
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        put(RUNTIME + fields[i].at, fields[i].value);
    ck_assert_ptr_null(python_layout_find(13, memory, RUNTIME, &layout));
    ck_assert_uint_eq(layout.interpreters_head, 632);
    ck_assert_uint_eq(layout.interpreter_id, 7272);
    ck_assert_uint_eq(layout.interpreter_next, 7264);
    ck_assert_uint_eq(layout.interpreter_threads, 7344);
    ck_assert_uint_eq(layout.interpreter_gc, 7400);
    ck_assert_uint_eq(layout.interpreter_pymalloc, 10800);
    ck_assert_uint_eq(layout.thread_next, 8);
    put(RUNTIME + 72, UINT64_C(1) << 40);
    _cleanup_error_ struct error *huge = python_layout_find(13, memory, RUNTIME, &layout);
    ck_assert(huge && huge->kind == ERROR_BAD_DATA);
    put(RUNTIME + 16, 1);
    _cleanup_error_ struct error *free_threaded = python_layout_find(13, memory, RUNTIME, &layout);
    ck_assert(free_threaded && free_threaded->kind == ERROR_UNSUPPORTED);
    tear_down();
}
END_TEST

START_TEST(other_versions_are_named_as_such)
{
    static const unsigned minors[] = {0, 7, 14, 99};
    for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
        struct python_layout layout;
        _cleanup_error_ struct error *error = python_layout_find(minors[i], NULL, RUNTIME, &layout);
        ck_assert(error && error->kind == ERROR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(error->message, "only 3.8 to 3.13 are known"));
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("python_state");
    TCase *tests = tcase_create("python_state");
    tcase_add_test(tests, all_versions_are_read);
    tcase_add_test(tests, arenas_are_counted_where_they_are);
    tcase_add_test(tests, what_does_not_hold_together_is_not_believed);
    tcase_add_test(tests, from_3_13_on_the_runtime_tells_its_layout);
    tcase_add_test(tests, other_versions_are_named_as_such);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
