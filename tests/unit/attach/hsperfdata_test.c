/* The counters of a JVM, and what only looks like them. */
#include "attach/jvm/hsperfdata.h"

#include "heaptop/base/cleanup.h"
#include "unit/attach/hsperfdata_builder.h"
#include "unit/check_main.h"

static struct perf_builder make(void)
{
    struct perf_builder b = perf_begin();
    perf_add_text(&b, "java.property.java.vm.version", "17.0.15+6-Debian");
    perf_add_long(&b, "sun.gc.generation.1.space.0.used", INT64_C(5) << 32);
    perf_add_long(&b, "sun.gc.generation.1.space.0.usedByNobody", 7);
    perf_add_text(&b, "sun.gc.policy.name", "GarbageFirst");
    perf_add_long(&b, "java.cls.loadedClasses", 3);
    perf_add_long(&b, "sun.rt.safepoints", 12);
    return b;
}

static struct error *parse(const struct perf_builder *b, struct hsperfdata *ret_data)
{
    return hsperfdata_parse(b->bytes, b->used, ret_data);
}

static void fails(const struct perf_builder *b, enum error_kind kind)
{
    struct hsperfdata data;
    _cleanup_error_ struct error *error = parse(b, &data);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->kind == kind, "%s", error->message);
}

START_TEST(values_and_texts_are_found_by_name)
{
    struct perf_builder b = make();
    struct hsperfdata data;
    ck_assert_ptr_null(parse(&b, &data));
    ck_assert_str_eq(data.version, "17.0.15+6-Debian");
    ck_assert_str_eq(data.policy, "GarbageFirst");
    size_t known = 0;
    for (size_t i = 0; i < HSPERFDATA_VALUE_COUNT; i++)
        known += data.is_known[i];
    ck_assert_uint_eq(known, 3);
    ck_assert_int_eq(data.values[HSPERFDATA_OLD_USED], INT64_C(5) << 32);
    ck_assert_int_eq(data.values[HSPERFDATA_LOADED_CLASSES], 3);
    ck_assert_int_eq(data.values[HSPERFDATA_SAFEPOINTS], 12);
}
END_TEST

START_TEST(the_table_of_names_is_in_order)
{
    /* Each is found by the binary search. */
    static const char *const names[] = {
#define X(id, name) name,
        HSPERFDATA_VALUES(X)
#undef X
    };
    for (size_t i = 0; i < HSPERFDATA_VALUE_COUNT; i++) {
        struct perf_builder b = perf_begin();
        struct hsperfdata data;
        perf_add_long(&b, names[i], (int64_t)i + 1);
        ck_assert_ptr_null(parse(&b, &data));
        ck_assert_msg(data.is_known[i] && data.values[i] == (int64_t)i + 1, "%s", names[i]);
    }
}
END_TEST

START_TEST(other_types_and_long_texts)
{
    struct perf_builder b = perf_begin();
    struct hsperfdata data;
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    perf_add_text(&b, "sun.rt.safepoints", "many");
    perf_add(&b, "sun.gc.metaspace.used", 'J', "12345678abcdefgh", 16, 2);
    perf_add_long(&b, "java.property.java.vm.version", 17);
    perf_add_text(&b, "sun.gc.policy.name", text);
    ck_assert_ptr_null(parse(&b, &data));
    ck_assert(!data.is_known[HSPERFDATA_SAFEPOINTS]);
    ck_assert(!data.is_known[HSPERFDATA_METASPACE_USED]);
    ck_assert_str_eq(data.version, "");
    ck_assert_uint_eq(strlen(data.policy), HSPERFDATA_TEXT - 1);
}
END_TEST

START_TEST(what_is_none_is_refused)
{
    struct perf_builder b = make();
    b.bytes[0] = 0;
    fails(&b, ERROR_BAD_DATA);
    b = make();
    b.bytes[4] = 0;
    fails(&b, ERROR_UNSUPPORTED);
    b = make();
    b.bytes[5] = 1;
    fails(&b, ERROR_BAD_DATA);
    b = make();
    b.bytes[7] = 0;
    fails(&b, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(malformed_entries_end_it)
{
    static const uint32_t lengths[] = {0, 1, 19, UINT32_MAX, UINT32_MAX - 31, PERF_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct perf_builder b = make();
        perf_put(&b, 32, lengths[i], 4);
        fails(&b, ERROR_BAD_DATA);
    }
    /* More entries than there are; and the first of them beyond the end. */
    struct perf_builder b = make();
    perf_put(&b, 28, UINT32_MAX, 4);
    fails(&b, ERROR_BAD_DATA);
    b = make();
    perf_put(&b, 24, UINT32_MAX, 4);
    fails(&b, ERROR_BAD_DATA);
    /* A name and a value outside their entry. */
    b = perf_begin();
    struct hsperfdata data;
    uint32_t first = perf_add_long(&b, "sun.rt.safepoints", 12), other = perf_add_long(&b, "sun.gc.metaspace.used", 9);
    perf_put(&b, first + 4, UINT32_MAX, 4);
    perf_put(&b, other + 16, UINT32_MAX, 4);
    ck_assert_ptr_null(parse(&b, &data));
    ck_assert(!data.is_known[HSPERFDATA_SAFEPOINTS]);
    ck_assert(!data.is_known[HSPERFDATA_METASPACE_USED]);
}
END_TEST

START_TEST(cut_anywhere_it_is_an_error)
{
    struct perf_builder b = make();
    for (uint32_t size = 0; size < b.used; size++) {
        uint8_t *copy = malloc(size + 1);
        struct hsperfdata data;
        memcpy(copy, b.bytes, size);
        struct error *error = hsperfdata_parse(copy, size, &data);
        ck_assert_msg(error && error->kind == ERROR_BAD_DATA, "at %u", size);
        error_destroy(error);
        free(copy);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("hsperfdata");
    TCase *tests = tcase_create("hsperfdata");
    tcase_add_test(tests, values_and_texts_are_found_by_name);
    tcase_add_test(tests, the_table_of_names_is_in_order);
    tcase_add_test(tests, other_types_and_long_texts);
    tcase_add_test(tests, what_is_none_is_refused);
    tcase_add_test(tests, malformed_entries_end_it);
    tcase_add_test(tests, cut_anywhere_it_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
