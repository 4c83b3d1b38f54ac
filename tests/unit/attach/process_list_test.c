#include <fcntl.h>
#include <sys/stat.h>

#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

static const struct process_row *find_row(const struct process_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].pid == pid)
            return &list->rows[i];
    }
    return NULL;
}

START_TEST(test_all)
{
    struct fixture fixture = fixture_start(0);
    struct process_list list;
    struct program_kinds *kinds;
    ck_assert_ptr_null(program_kinds_create(&kinds));
    ck_assert_ptr_null(process_list_read(kinds, &list));
    /* Of a busy machine's processes a list may look at a part: the next go on from there. */
    for (int i = 0; i < 1000 && list.unfinished; i++) {
        process_list_deinit(&list);
        ck_assert_ptr_null(process_list_read(kinds, &list));
    }
    ck_assert(!list.unfinished);
    const struct process_row *row = find_row(&list, fixture.pid);
    ck_assert_ptr_nonnull(row);
    ck_assert_int_eq(row->parent, getpid());
    ck_assert_uint_eq(row->uid, getuid());
    ck_assert_uint_gt(strlen(row->user), 0);
    ck_assert_str_eq(row->comm, "process_list_te");
    ck_assert_str_eq(row->runtime, "C");
#if defined(__GLIBC__)
    ck_assert_str_eq(row->allocator, "glibc");
#endif
    ck_assert_uint_gt(row->rss_bytes, 100000);
    ck_assert(row->readable);
    ck_assert_ptr_nonnull(strstr(row->exe, "/process_list_test"));
    ck_assert_ptr_nonnull(strstr(row->command_line, "process_list_test"));
    /* Not ourselves, no threads of the kernel, by falling RSS. */
    ck_assert_ptr_null(find_row(&list, getpid()));
    for (size_t i = 0; i < list.count; i++) {
        ck_assert_str_ne(list.rows[i].comm, "kthreadd");
        if (i > 0)
            ck_assert_uint_le(list.rows[i].rss_bytes, list.rows[i - 1].rss_bytes);
    }
    process_list_deinit(&list);
    program_kinds_destroy(kinds);

    /* A zombie is no target. */
    fixture_order(&fixture, 'x');
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)fixture.pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert_ptr_null(process_list_read(NULL, &list));
    ck_assert_ptr_null(find_row(&list, fixture.pid));
    process_list_deinit(&list);
    fixture_end(&fixture);
}
END_TEST

static void set_child_name(const char *name)
{
    ck_assert_int_eq(prctl(PR_SET_NAME, name), 0);
}

/* A child that heaptop has begun for itself, and one that it only happens to have. */
START_TEST(test_own_children)
{
    static const char *const names[] = {"heaptop-lines", "heaptops"};
    int gate[2], ready[2];
    pid_t children[ARRAY_SIZE(names)];
    struct process_list list;
    char sign;
    ck_assert_int_eq(pipe(gate), 0);
    ck_assert_int_eq(pipe(ready), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            close(gate[1]);
            prctl(PR_SET_NAME, names[i]);
            _exit(write(ready[1], "r", 1) == 1 && read(gate[0], &sign, 1) == 0 ? 0 : 1);
        }
        ck_assert_int_eq(read(ready[0], &sign, 1), 1);
    }
    ck_assert_ptr_null(process_list_read(NULL, &list));
    ck_assert_ptr_null(find_row(&list, children[0]));
    ck_assert_ptr_nonnull(find_row(&list, children[1]));
    process_list_deinit(&list);
    close(gate[1]);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ck_assert_int_eq(waitpid(children[i], NULL, 0), children[i]);
}
END_TEST

START_TEST(test_find)
{
    set_child_name("zq\x1b[31m qzone");
    struct fixture one = fixture_start(0);
    set_child_name("zq\x1b[31m qzone2");
    struct fixture other = fixture_start(0);
    set_child_name("test");
    struct process_list list;

    /* A pid. */
    char number[16];
    snprintf(number, sizeof(number), "%d", (int)one.pid);
    ck_assert_ptr_null(process_list_find(number, &list));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(list.rows[0].pid, one.pid);
    ck_assert_str_eq(list.rows[0].runtime, "C");
    process_list_deinit(&list);

    /* An exact name wins over a part of one. Names are escaped. */
    ck_assert_ptr_null(process_list_find("zq\\x1b[31m qzone", &list));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(list.rows[0].pid, one.pid);
    ck_assert_str_eq(list.rows[0].comm, "zq\\x1b[31m qzone");
    process_list_deinit(&list);
    ck_assert_ptr_null(process_list_find(" qzon", &list));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_ptr_nonnull(find_row(&list, one.pid));
    ck_assert_ptr_nonnull(find_row(&list, other.pid));
    process_list_deinit(&list);

    /* By the file's name, longer than what the kernel keeps of it. */
    ck_assert_ptr_null(process_list_find("process_list_test", &list));
    ck_assert_ptr_nonnull(find_row(&list, one.pid));
    ck_assert_ptr_null(find_row(&list, getpid()));
    process_list_deinit(&list);

    static const char *const none[] = {"no-such-name-anywhere\x1b", ""};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        _cleanup_error_ struct error *error = process_list_find(none[i], &list);
        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(error->kind, ERROR_NOT_FOUND);
        ck_assert_ptr_null(strchr(error->message, '\x1b'));
    }
    snprintf(number, sizeof(number), "%d", (int)getpid());
    _cleanup_error_ struct error *error = process_list_find(number, &list);
    ck_assert_int_eq(error->kind, ERROR_NOT_FOUND);
    _cleanup_error_ struct error *gone = process_list_find("1073741823", &list);
    ck_assert_int_eq(gone->kind, ERROR_GONE);
    fixture_end(&one);
    fixture_end(&other);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("process_list");
    TCase *tests = tcase_create("process_list");
    tcase_add_test(tests, test_all);
    tcase_add_test(tests, test_own_children);
    tcase_add_test(tests, test_find);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
