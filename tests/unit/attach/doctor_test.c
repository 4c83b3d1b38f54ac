#include "attach/live_source.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"
#include "unit/sanitized.h"

static struct error *refuse_to_open(const struct reader_context *context, struct target_info *info,
                                    struct reader **ret_reader)
{
    (void)context, (void)info, (void)ret_reader;
    return error_create(ERROR_BAD_DATA, "the function table makes no sense");
}

static struct reader examined;

static struct error *open_examined(const struct reader_context *context, struct target_info *info,
                                   struct reader **ret_reader)
{
    (void)context, (void)info;
    *ret_reader = &examined;
    return NULL;
}

static struct error *examine(struct reader *reader, struct doctor_report *report)
{
    (void)reader;
    struct error *error = NULL;
    for (int i = 0; i < 100 && !error; i++)
        error = doctor_report_add(report, "variables", DOCTOR_PARTLY, i % 2 ? "a remedy" : NULL, "row %d", i);
    return error;
}

static void close_examined(struct reader *reader)
{
    (void)reader;
}

static const struct reader_ops refusing = {.name = "refusing", .open = refuse_to_open};
static const struct reader_ops examining = {
    .name = "examining", .open = open_examined, .examine = examine, .close = close_examined};

static const struct doctor_row *find_row(const struct doctor_report *report, const char *subject)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->rows[i].subject, subject) == 0)
            return &report->rows[i];
    }
    ck_abort_msg("no row '%s'", subject);
    return NULL;
}

START_TEST(test_native_program)
{
    struct fixture fixture = fixture_start(1);
    struct doctor_report report;
    ck_assert_ptr_null(doctor_examine_with(fixture.other_tid, (struct reader_list){0}, &report));
    ck_assert(report.can_attach);
    ck_assert_ptr_nonnull(strstr(find_row(&report, "process")->detail, "is one of its threads"));
    ck_assert_int_eq(find_row(&report, "permission")->state, DOCTOR_YES);
    ck_assert_int_eq(find_row(&report, "memory")->state, DOCTOR_YES);
    ck_assert_ptr_nonnull(strstr(find_row(&report, "memory")->detail, "read 64 bytes at 0x"));
    ck_assert_ptr_nonnull(strstr(find_row(&report, "executable")->detail, "doctor_test"));
    ck_assert_int_eq(find_row(&report, "symbols")->state, DOCTOR_YES);
    /* The tests are built with debug information. */
    ck_assert_int_eq(find_row(&report, "source lines")->state, DOCTOR_YES);
    ck_assert_ptr_nonnull(
        strstr(find_row(&report, "source lines")->detail, "the program's own debug information, opened in "));
    ck_assert_int_eq(find_row(&report, "runtime")->state, DOCTOR_NO);
#if defined(__GLIBC__) && !IS_SANITIZED
    /* A child of this program, whose heap stands still meanwhile. */
    ck_assert_int_eq(find_row(&report, "malloc")->state, DOCTOR_YES);
    ck_assert_ptr_nonnull(strstr(find_row(&report, "malloc")->detail, "glibc's: "));
#endif
    ck_assert_ptr_nonnull(strstr(find_row(&report, "program")->detail, "C; allocator: "));
    ck_assert_ptr_nonnull(strstr(find_row(&report, "for free")->detail, "RSS by kind"));
    ck_assert_ptr_nonnull(strstr(find_row(&report, "on request")->detail, "resident pages"));
    ck_assert_ptr_nonnull(strstr(find_row(&report, "threads")->detail, "; where each waits"));
    find_row(&report, "memory limit");
    find_row(&report, "ptrace_scope");
    doctor_report_deinit(&report);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_readers_rows)
{
    static const struct reader_ops *const kinds[] = {&refusing, &examining};
    struct fixture fixture = fixture_start(0);
    struct doctor_report report;
    examined.ops = &examining;
    ck_assert_ptr_null(doctor_examine_with(fixture.pid, (struct reader_list){.items = kinds, .count = 2}, &report));
    ck_assert_ptr_nonnull(
        strstr(find_row(&report, "program")->detail, "refusing reader: the function table makes no sense"));
    int rows = 0;
    for (size_t i = 0; i < report.count; i++) {
        if (strcmp(report.rows[i].subject, "variables") != 0)
            continue;
        char expected[16];
        snprintf(expected, sizeof(expected), "row %d", rows);
        ck_assert_str_eq(report.rows[i].detail, expected);
        ck_assert((report.rows[i].remedy != NULL) == (rows % 2 == 1));
        rows++;
    }
    ck_assert_int_eq(rows, 100);
    doctor_report_deinit(&report);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_nobody_there)
{
    struct doctor_report report;
    _cleanup_error_ struct error *error = doctor_examine_with(0x3fffffff, (struct reader_list){0}, &report);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
}
END_TEST

/* As another user, which only root can become: a process that may not be looked into still gets its report. */
START_TEST(test_without_permission)
{
    if (geteuid() != 0)
        return;
    struct fixture fixture = fixture_start(0);
    ck_assert_int_eq(setgid(65534), 0);
    ck_assert_int_eq(setuid(65534), 0);
    struct doctor_report report;
    ck_assert_ptr_null(doctor_examine_with(fixture.pid, (struct reader_list){0}, &report));
    ck_assert(!report.can_attach);
    const struct doctor_row *row = find_row(&report, "permission");
    ck_assert_int_eq(row->state, DOCTOR_NO);
    ck_assert_ptr_nonnull(strstr(row->detail, "it runs as root (uid 0), heaptop as"));
    ck_assert_ptr_nonnull(row->remedy);
    ck_assert_int_eq(find_row(&report, "threads")->state, DOCTOR_PARTLY);
    doctor_report_deinit(&report);

    struct attach_options options = {0};
    struct source *source;
    _cleanup_error_ struct error *error = live_source_create(fixture.pid, &options, (struct reader_list){0}, &source);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(error->message, "process_vm_readv was refused"));
    fixture_end(&fixture);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("doctor");
    TCase *tests = tcase_create("doctor");
    tcase_add_test(tests, test_native_program);
    tcase_add_test(tests, test_readers_rows);
    tcase_add_test(tests, test_nobody_there);
    tcase_add_test(tests, test_without_permission);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
