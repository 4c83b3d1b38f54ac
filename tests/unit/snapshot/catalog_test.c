#include "heaptop/snapshot/catalog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"

static struct catalog *make_catalog(void)
{
    struct catalog *catalog = NULL;
    ck_assert_ptr_null(catalog_create(&catalog));
    return catalog;
}

static string_id add(struct catalog *catalog, const char *text)
{
    return catalog_add_string(catalog, text, strlen(text));
}

static frame_id add_frame(struct catalog *catalog, const char *function, enum frame_origin origin)
{
    struct frame frame = {.function = add(catalog, function), .line = 1, .origin = (uint8_t)origin};
    return catalog_add_frame(catalog, &frame);
}

START_TEST(equal_content_has_one_id)
{
    struct catalog *catalog = make_catalog();
    string_id first = add(catalog, "runtime.main"), second = add(catalog, "main.main");
    ck_assert_uint_eq(first, 1);
    ck_assert_uint_eq(second, 2);
    ck_assert_uint_eq(add(catalog, "runtime.main"), first);
    ck_assert_uint_eq(catalog_add_string(catalog, "main.main.func1", 9), second);
    ck_assert_str_eq(catalog_string(catalog, first), "runtime.main");
    string_id empty = add(catalog, "");
    ck_assert_uint_ne(empty, 0);
    ck_assert_str_eq(catalog_string(catalog, empty), "");

    struct frame frame = {.address = 0x401000, .function = second, .line = 12};
    frame_id id = catalog_add_frame(catalog, &frame);
    ck_assert_uint_eq(catalog_add_frame(catalog, &frame), id);
    frame.address = UINT64_C(0x100000401000);
    ck_assert_uint_ne(catalog_add_frame(catalog, &frame), id);
    ck_assert_str_eq(catalog_function(catalog, id), "main.main");
    ck_assert_str_eq(catalog_file(catalog, id), "");

    frame_id frames[] = {2, 1};
    stack_id stack = catalog_add_stack(catalog, frames, 2);
    ck_assert_uint_eq(catalog_add_stack(catalog, frames, 2), stack);
    ck_assert_uint_ne(catalog_add_stack(catalog, frames, 1), stack);
    ck_assert_uint_eq(catalog_stack(catalog, stack).depth, 2);
    ck_assert_uint_eq(catalog_stack(catalog, stack).frames[0], 2);
    stack_id nothing = catalog_add_stack(catalog, NULL, 0);
    ck_assert_uint_ne(nothing, 0);
    ck_assert_uint_eq(catalog_add_stack(catalog, frames, 0), nothing);
    catalog_unref(catalog);
}
END_TEST

START_TEST(frames_differ_in_every_field)
{
    struct catalog *catalog = make_catalog();
    struct frame frames[] = {{0},         {.address = 1},    {.function = 1}, {.file = 1},
                             {.line = 1}, {.start_line = 1}, {.origin = 1}};
    for (frame_id i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        ck_assert_uint_eq(catalog_add_frame(catalog, &frames[i]), i + 1);
    catalog_unref(catalog);
}
END_TEST

START_TEST(unknown_ids_read_as_nothing)
{
    struct catalog *catalog = make_catalog();
    for (uint32_t id = 0; id < 3; id++) {
        ck_assert_str_eq(catalog_string(catalog, id), "");
        ck_assert_uint_eq(catalog_frame(catalog, id)->line, 0);
        ck_assert_uint_eq(catalog_stack(catalog, id).depth, 0);
        ck_assert_uint_eq(catalog_stack_subject(catalog, id), 0);
    }
    ck_assert_str_eq(catalog_string(catalog, UINT32_MAX), "");
    ck_assert_str_eq(catalog_function(catalog, UINT32_MAX), "");
    catalog_unref(catalog);
}
END_TEST

START_TEST(untrusted_text_is_escaped)
{
    struct catalog *catalog = make_catalog();
    string_id id = catalog_add_untrusted(catalog, "a\033[2Jb\0c", 8);
    ck_assert_str_eq(catalog_string(catalog, id), "a\\x1b[2Jb\\x00c");
    ck_assert_uint_eq(catalog_add_untrusted(catalog, "", 0), add(catalog, ""));
    ck_assert_uint_eq(catalog_add_untrusted(catalog, "plain", 5), add(catalog, "plain"));
    catalog_unref(catalog);
}
END_TEST

START_TEST(strings_end_at_a_nul)
{
    struct catalog *catalog = make_catalog();
    string_id id = catalog_add_string(catalog, "ab\0cd", 5);
    ck_assert_str_eq(catalog_string(catalog, id), "ab");
    ck_assert_uint_eq(add(catalog, "ab"), id);
    catalog_unref(catalog);
}
END_TEST

START_TEST(subject_is_the_first_of_the_best_origin)
{
    struct catalog *catalog = make_catalog();
    frame_id runtime = add_frame(catalog, "runtime.mallocgc", FRAME_RUNTIME);
    frame_id standard = add_frame(catalog, "bytes.(*Buffer).grow", FRAME_STANDARD);
    frame_id native = add_frame(catalog, "malloc", FRAME_NATIVE);
    frame_id dependency = add_frame(catalog, "github.com/x/y.F", FRAME_DEPENDENCY);
    frame_id own = add_frame(catalog, "main.f", FRAME_APPLICATION);
    frame_id caller = add_frame(catalog, "main.main", FRAME_APPLICATION);

    stack_id all = catalog_add_stack(catalog, (frame_id[]){runtime, standard, dependency, own, caller, runtime}, 6);
    ck_assert_uint_eq(catalog_stack_subject(catalog, all), 3);
    stack_id library = catalog_add_stack(catalog, (frame_id[]){runtime, standard, dependency, runtime}, 4);
    ck_assert_uint_eq(catalog_stack_subject(catalog, library), 2);
    stack_id plain = catalog_add_stack(catalog, (frame_id[]){runtime, native, standard}, 3);
    ck_assert_uint_eq(catalog_stack_subject(catalog, plain), 1);
    stack_id inner = catalog_add_stack(catalog, (frame_id[]){runtime, runtime}, 2);
    ck_assert_uint_eq(catalog_stack_subject(catalog, inner), 0);
    catalog_unref(catalog);
}
END_TEST

START_TEST(names_are_short)
{
    ck_assert_str_eq(function_short_name("github.com/prometheus/prometheus/tsdb.(*Head).getOrCreate"),
                     "tsdb.(*Head).getOrCreate");
    ck_assert_str_eq(function_short_name("main.main"), "main.main");
    ck_assert_str_eq(function_short_name("net/http.(*conn).serve"), "http.(*conn).serve");
    ck_assert_str_eq(function_short_name("github.com/jackc/pgx/v5.(*Conn).Query"), "pgx/v5.(*Conn).Query");
    ck_assert_str_eq(function_short_name("example.com/v2.F"), "example.com/v2.F");
    ck_assert_str_eq(function_short_name("v2.F"), "v2.F");
    ck_assert_str_eq(function_short_name("a.b/maps.Clone[go.shape.map[string]a.b/c.T,a/d.E]"),
                     "maps.Clone[go.shape.map[string]a.b/c.T,a/d.E]");
    ck_assert_str_eq(function_short_name("a.b/c.(*T[a/b.E]).M"), "c.(*T[a/b.E]).M");
    ck_assert_str_eq(function_short_name("ns::f<a/b>(int)"), "ns::f<a/b>(int)");
    ck_assert_str_eq(function_short_name(""), "");
    ck_assert_str_eq(file_short_name("/usr/src/a/head.go"), "head.go");
    ck_assert_str_eq(file_short_name("head.go"), "head.go");

    struct catalog *catalog = make_catalog();
    struct frame frames[] = {{.function = add(catalog, "a.b/c.F"), .file = add(catalog, "/x/c.go"), .line = 7},
                             {.function = add(catalog, "a.b/c.F"), .file = add(catalog, "/x/c.go")},
                             {.address = 0x4010a3},
                             {0}};
    const char *expected[] = {"c.F  c.go:7", "c.F  c.go", "0x4010a3", "unknown"};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct text text = {0};
        catalog_write_frame(catalog, catalog_add_frame(catalog, &frames[i]), &text);
        ck_assert_str_eq(text.data, expected[i]);
        text_deinit(&text);
    }
    catalog_unref(catalog);
}
END_TEST

/* What a large prometheus has: 8,000 frames and 3,000 stacks of 20 frames. */
START_TEST(a_large_catalog_is_compact_and_does_not_move)
{
    enum { FRAMES = 8000, STACKS = 3000, DEPTH = 20 };
    struct catalog *catalog = make_catalog();
    const char *first_string = catalog_string(catalog, add(catalog, "github.com/prometheus/prometheus/tsdb.f0"));
    const struct frame *first_frame = NULL;
    for (int i = 0; i < FRAMES; i++) {
        char name[96];
        snprintf(name, sizeof(name), "github.com/prometheus/prometheus/tsdb.f%d", i / 2);
        struct frame frame = {.address = 0x400000u + (unsigned)i, .function = add(catalog, name), .line = (uint32_t)i};
        ck_assert_uint_eq(catalog_add_frame(catalog, &frame), i + 1);
        if (i == 0)
            first_frame = catalog_frame(catalog, 1);
    }
    const frame_id *first_stack = NULL;
    for (uint32_t i = 0; i < STACKS; i++) {
        frame_id frames[DEPTH];
        for (uint32_t j = 0; j < DEPTH; j++)
            frames[j] = 1 + (i * 7 + j * 131) % FRAMES;
        frames[0] = 1 + i;
        ck_assert_uint_eq(catalog_add_stack(catalog, frames, DEPTH), i + 1);
        if (i == 0)
            first_stack = catalog_stack(catalog, 1).frames;
    }
    ck_assert_ptr_eq(catalog_frame(catalog, 1), first_frame);
    ck_assert_ptr_eq(catalog_stack(catalog, 1).frames, first_stack);
    ck_assert_ptr_eq(catalog_string(catalog, 1), first_string);
    for (frame_id i = 1; i <= FRAMES; i++)
        ck_assert_uint_eq(catalog_frame(catalog, i)->line, i - 1);
    ck_assert_uint_lt(catalog_memory(catalog), 2 << 20);
    catalog_unref(catalog);
}
END_TEST

/* ---- one writer, several readers; meant for the thread sanitizer ---- */

enum { ENTRIES = 20000, READERS = 3 };

struct handover {
    struct catalog *catalog;
    pthread_mutex_t lock;
    pthread_cond_t more;
    stack_id newest;
    bool done;
};

static void *read_stacks(void *argument)
{
    struct handover *handover = argument;
    stack_id seen = 0;
    size_t wrong = 0;
    for (;;) {
        pthread_mutex_lock(&handover->lock);
        while (handover->newest == seen && !handover->done)
            pthread_cond_wait(&handover->more, &handover->lock);
        stack_id newest = handover->newest;
        bool done = handover->done;
        pthread_mutex_unlock(&handover->lock);
        for (stack_id id = seen + 1; id <= newest; id++) {
            struct stack stack = catalog_stack(handover->catalog, id);
            char expected[32];
            snprintf(expected, sizeof(expected), "f%u", id);
            if (stack.depth != 1 || strcmp(catalog_function(handover->catalog, stack.frames[0]), expected) != 0)
                wrong++;
        }
        /* An id that was not handed over: nothing or the entry, never a fault. */
        catalog_string(handover->catalog, newest + 50);
        seen = newest;
        if (done)
            break;
    }
    catalog_unref(handover->catalog);
    return (void *)(uintptr_t)(wrong + (seen == ENTRIES ? 0 : 1));
}

START_TEST(readers_need_no_lock)
{
    struct handover handover = {.catalog = make_catalog(),
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .more = PTHREAD_COND_INITIALIZER};
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        catalog_ref(handover.catalog);
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_stacks, &handover), 0);
    }
    for (uint32_t i = 1; i <= ENTRIES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "f%u", i);
        frame_id frame = add_frame(handover.catalog, name, FRAME_APPLICATION);
        stack_id stack = catalog_add_stack(handover.catalog, &frame, 1);
        if (i % 64 == 0 || i == ENTRIES) {
            pthread_mutex_lock(&handover.lock);
            handover.newest = stack;
            handover.done = i == ENTRIES;
            pthread_cond_broadcast(&handover.more);
            pthread_mutex_unlock(&handover.lock);
        }
    }
    for (int i = 0; i < READERS; i++) {
        void *wrong = NULL;
        pthread_join(readers[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    catalog_unref(handover.catalog);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("catalog");
    TCase *interning = tcase_create("interning");
    tcase_add_test(interning, equal_content_has_one_id);
    tcase_add_test(interning, frames_differ_in_every_field);
    tcase_add_test(interning, unknown_ids_read_as_nothing);
    tcase_add_test(interning, untrusted_text_is_escaped);
    tcase_add_test(interning, strings_end_at_a_nul);
    tcase_add_test(interning, subject_is_the_first_of_the_best_origin);
    tcase_add_test(interning, names_are_short);
    tcase_add_test(interning, a_large_catalog_is_compact_and_does_not_move);
    suite_add_tcase(suite, interning);
    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, readers_need_no_lock);
    suite_add_tcase(suite, threads);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
