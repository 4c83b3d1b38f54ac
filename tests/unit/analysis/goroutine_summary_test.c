/* What is said of a group of goroutines in a sentence. */
#include <string.h>

#include "heaptop/analysis.h"
#include "unit/check_main.h"

static struct catalog *catalog;
static struct goroutine_row row;

static void setup(void)
{
    ck_assert_ptr_null(catalog_create(&catalog));
    static const char reason[] = "chan receive";
    row = (struct goroutine_row){.group = {.count = 335,
                                           .kind = WAIT_CHAN_RECEIVE,
                                           .wait_reason = catalog_add_string(catalog, reason, strlen(reason)),
                                           .examined = 335,
                                           .object = {.kind = WAIT_OBJECT_CHANNEL,
                                                      .is_read = true,
                                                      .capacity = 64,
                                                      .receivers = 1,
                                                      .goroutines = 1}}};
}

static void teardown(void)
{
    catalog_unref(catalog);
}

static void expect(const char *sentence)
{
    struct text text = {0};
    goroutine_write_summary(catalog, &row, &text);
    ck_assert_str_eq(text.data, sentence);
    text_deinit(&text);
}

START_TEST(each_on_its_own)
{
    row.group.num_objects = 335;
    expect("335 goroutines blocked in chan receive, each on a channel of its own, such as one (cap 64, 0 buffered, "
           "no sender).");
    row.group.examined = row.group.num_objects = 256;
    expect("335 goroutines blocked in chan receive, each of 256 looked at on a channel of its own, such as one "
           "(cap 64, 0 buffered, no sender).");
    row.group.object = (struct wait_object){.kind = WAIT_OBJECT_SEMAPHORE, .goroutines = 1};
    row.group.kind = WAIT_LOCK;
    expect("335 goroutines blocked in chan receive, each of 256 looked at on a lock of its own.");
}
END_TEST

START_TEST(most_on_one)
{
    row.group.object.goroutines = 300;
    row.group.num_objects = 12;
    expect("335 goroutines blocked in chan receive, 300 of 335 on 1 channel (cap 64, 0 buffered, no sender); 12 channels "
           "in all.");
}
END_TEST

START_TEST(all_on_one)
{
    row.group.object.goroutines = 335;
    row.group.num_objects = 1;
    expect("335 goroutines blocked in chan receive, all on 1 channel (cap 64, 0 buffered, no sender).");
    row.group.count = row.group.examined = row.group.object.goroutines = 1;
    expect("1 goroutine blocked in chan receive, on 1 channel (cap 64, 0 buffered, no sender).");
    row.group.object = (struct wait_object){.kind = WAIT_OBJECT_NIL_CHANNEL};
    expect("1 goroutine blocked in chan receive, on a nil channel: nothing can ever wake it.");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("goroutine_summary");
    TCase *tests = tcase_create("goroutine_summary");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_on_its_own);
    tcase_add_test(tests, most_on_one);
    tcase_add_test(tests, all_on_one);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
