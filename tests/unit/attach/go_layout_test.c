#include "attach/go/layout.h"

#include <string.h>

#include "attach/go/version.h"
#include "unit/check_main.h"

START_TEST(rows_ascend_and_hold_what_every_version_has)
{
    static const enum go_field always[] = {
        GO_FIELD_G_GOID,
        GO_FIELD_G_ATOMICSTATUS,
        GO_FIELD_M_ALLLINK,
        GO_FIELD_BUCKET_SIZE,
        GO_FIELD_MEM_RECORD_SIZE,
        GO_FIELD_MSTATS_NUMGC,
        GO_FIELD_GC_CONTROLLER_HEAP_LIVE,
        GO_FIELD_MODULE_DATA_TYPES,
        GO_FIELD_SCHED_GFREE_N,
        GO_FIELD_P_GFREE_N,
    };
    for (unsigned i = 0; i < go_layout_table_count; i++) {
        const struct go_layout_row *row = &go_layout_table[i];
        ck_assert(i == 0 || row->minor > go_layout_table[i - 1].minor);
        for (unsigned j = 0; j < sizeof always / sizeof always[0]; j++)
            ck_assert_int_ne(row->layout.offset[always[j]], GO_OFFSET_MISSING);
    }
    ck_assert_uint_ge(go_layout_table_count, 8);
}
END_TEST

/* What module_data.c relies on before it knows the version. */
START_TEST(the_fields_that_tell_moduledata_never_moved)
{
    static const enum go_field fixed[] = {GO_FIELD_MODULE_DATA_TEXT, GO_FIELD_MODULE_DATA_ETEXT,
                                          GO_FIELD_MODULE_DATA_FTAB};
    for (unsigned i = 1; i < go_layout_table_count; i++) {
        for (unsigned j = 0; j < sizeof fixed / sizeof fixed[0]; j++)
            ck_assert_int_eq(go_layout_table[i].layout.offset[fixed[j]], go_layout_table[0].layout.offset[fixed[j]]);
    }
}
END_TEST

START_TEST(a_struct_s_rows_stand_together)
{
    /* layout_dwarf.c asks once a struct. */
    for (unsigned i = 1; i < GO_FIELD_COUNT; i++) {
        if (strcmp(go_field_names[i].type, go_field_names[i - 1].type) == 0)
            continue;
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(go_field_names[j].type, go_field_names[i].type);
    }
}
END_TEST

START_TEST(rows_are_found_by_version)
{
    bool is_newer = true;
    ck_assert_uint_eq(go_layout_find(24, &is_newer)->minor, 24);
    ck_assert(!is_newer);
    /* No toolchain of Go 1.20 is to be had. */
    ck_assert_uint_eq(go_layout_find(20, &is_newer)->minor, 21);
    ck_assert(!is_newer);
    ck_assert_uint_eq(go_layout_find(18, &is_newer)->minor, 19);
    unsigned newest = go_layout_table[go_layout_table_count - 1].minor;
    ck_assert_uint_eq(go_layout_find(newest + 1, &is_newer)->minor, newest);
    ck_assert(is_newer);
}
END_TEST

START_TEST(versions_are_parsed)
{
    static const struct {
        const char *text;
        int minor;      /* -1: none can be told. */
    } cases[] = {
        {"go1.24.4", 24},
        {"go1.27", 27},
        {"go1.25rc1", 25},
        {"go1.26.1 X:nogreenteagc", 26},
        {"devel go1.28-abcdef Mon Jan 1", 28},
        {"go1.19.8 (Debian)", 19},
        {"", -1},
        {"devel +abcdef", -1},
        {"go2.0", -1},
        {"go1.", -1},
        {"go1.99999999999999999999", -1},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned minor = 7;
        bool parsed = go_version_parse(cases[i].text, &minor);
        ck_assert_msg(parsed == (cases[i].minor >= 0), "%s", cases[i].text);
        ck_assert_uint_eq(minor, parsed ? (unsigned)cases[i].minor : 7);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_layout");
    TCase *tests = tcase_create("layout");
    tcase_add_test(tests, rows_ascend_and_hold_what_every_version_has);
    tcase_add_test(tests, the_fields_that_tell_moduledata_never_moved);
    tcase_add_test(tests, a_struct_s_rows_stand_together);
    tcase_add_test(tests, rows_are_found_by_version);
    tcase_add_test(tests, versions_are_parsed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
