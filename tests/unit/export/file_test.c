#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heaptop/export.h"
#include "unit/check_main.h"

static char folder[64];

static void enter_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/heaptop-file-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    /* Everything a test makes has one of these names; rmdir fails when something else was left behind. */
    unlink("profile");
    unlink("link");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_msg(rmdir(folder) == 0, "a file was left behind in %s", folder);
}

static void check_content(const char *path, const char *expected)
{
    char buffer[64] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(buffer, 1, sizeof(buffer) - 1, file);
    fclose(file);
    ck_assert_uint_eq(length, strlen(expected));
    ck_assert_str_eq(buffer, expected);
}

START_TEST(replaces_a_file_with_the_mode_that_the_umask_allows)
{
    struct stat status;
    umask(027);
    ck_assert_ptr_null(export_write_file("profile", "first, long", 11));
    ck_assert_ptr_null(export_write_file("profile", "second", 6));
    check_content("profile", "second");
    ck_assert_int_eq(stat("profile", &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0640);
}
END_TEST

START_TEST(writes_through_a_link)
{
    struct stat status;
    ck_assert_ptr_null(export_write_file("profile", "old", 3));
    ck_assert_int_eq(symlink("profile", "link"), 0);
    ck_assert_ptr_null(export_write_file("link", "new", 3));
    ck_assert_int_eq(lstat("link", &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    check_content("profile", "new");
}
END_TEST

START_TEST(writes_to_a_device)
{
    ck_assert_ptr_null(export_write_file("/dev/null", "gone", 4));
    struct stat status;
    ck_assert_int_eq(stat("/dev/null", &status), 0);
    ck_assert(S_ISCHR(status.st_mode));
}
END_TEST

START_TEST(says_which_file_it_could_not_write)
{
    struct error *error = export_write_file("missing/profile", "x", 1);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error->message, "missing/profile"));
    error_destroy(error);
    error = export_write_file(".", "x", 1);
    ck_assert_ptr_nonnull(error);
    error_destroy(error);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    if (access("/dev/full", W_OK) != 0)
        return;
    struct error *error = export_write_file("/dev/full", "x", 1);
    ck_assert_ptr_nonnull(error);
    error_destroy(error);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, enter_folder, leave_folder);
    tcase_add_test(tests, replaces_a_file_with_the_mode_that_the_umask_allows);
    tcase_add_test(tests, writes_through_a_link);
    tcase_add_test(tests, writes_to_a_device);
    tcase_add_test(tests, says_which_file_it_could_not_write);
    tcase_add_test(tests, a_full_disk_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
