#include "attach/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/stat.h>

#include "attach/session.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

static struct target *open_target(pid_t pid)
{
    struct target *target = NULL;
    struct error *error = target_open(pid, &target);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return target;
}

/* A new child with this very pid; 0 when we may not choose pids. It waits for the end of the pipe. */
static pid_t fork_with_pid(pid_t pid, int until)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child == 0) {
        char byte;
        ssize_t got = read(until, &byte, 1);
        _exit(got < 0);
    }
    return child > 0 ? (pid_t)child : 0;
}

/* The pid comes to be another process's: nothing of that one is ever read, by any way. */
START_TEST(test_reused_pid_is_not_read)
{
    int until[2];
    ck_assert_int_eq(pipe(until), 0);
    struct fixture fixture = fixture_start(0);
    struct session *session;
    struct snapshot *snapshot;
    struct target *target = open_target(fixture.pid);
    ck_assert_ptr_null(session_open(fixture.pid, (struct reader_list){0}, &session));
    ck_assert_ptr_null(session_sample(session, 0, 0, &snapshot));
    ck_assert(!snapshot->exited);
    snapshot_unref(snapshot);
    ck_assert(target_is_alive(target));
    fixture_order(&fixture, 'x');
    ck_assert_int_eq(waitpid(fixture.pid, NULL, 0), fixture.pid);
    pid_t second = fork_with_pid(fixture.pid, until[0]);
    if (second)
        ck_assert_int_eq(second, fixture.pid);
    else
        ck_assert_msg(errno == EPERM || errno == ENOSYS, "clone3: %s", strerror(errno));

    ck_assert(!target_is_alive(target));
    struct target_stat stat;
    struct process_status status;
    struct error *error = target_read_stat(target, &stat);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    error_destroy(error);
    error = target_read_status(target, &status);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    error_destroy(error);
    struct maps maps;
    error = maps_read(target->folder, &maps);
    ck_assert_ptr_nonnull(error);
    error_destroy(error);
    struct image *image;
    error = target_open_executable(target, &image);
    ck_assert_ptr_nonnull(error);
    error_destroy(error);
    /* Without a pidfd the folder alone tells. */
    close(target->pid_descriptor);
    target->pid_descriptor = -1;
    ck_assert(!target_is_alive(target));
    target_close(target);

    ck_assert_ptr_null(session_sample(session, 0, 0, &snapshot));
    ck_assert(snapshot->exited);
    ck_assert_int_eq(snapshot->counters[COUNTER_RSS].provenance, PROVENANCE_STALE);
    snapshot_unref(snapshot);
    session_close(session);
    close(until[1]);
    close(until[0]);
    if (second) {
        kill(second, SIGKILL);
        ck_assert_int_eq(waitpid(second, NULL, 0), second);
    }
    close(fixture.orders);
    close(fixture.answers);
}
END_TEST

START_TEST(test_without_pidfd)
{
    struct fixture fixture = fixture_start(0);
    struct target *target = open_target(fixture.pid);
    close(target->pid_descriptor);
    target->pid_descriptor = -1;
    ck_assert(target_is_alive(target));
    fixture_order(&fixture, 'x');
    ck_assert_int_eq(waitpid(fixture.pid, NULL, 0), fixture.pid);
    ck_assert(!target_is_alive(target));
    char buffer[128];
    ck_assert_str_eq(target_exit_reason(target, buffer, sizeof(buffer)), "ended");
    target_close(target);
    target_close(NULL);
    fixture_end(&fixture);
}
END_TEST

/* A stopped process is looked at like any other, and stays stopped. */
START_TEST(test_stopped_process)
{
    struct fixture fixture = fixture_start(0);
    siginfo_t info;
    ck_assert_int_eq(kill(fixture.pid, SIGSTOP), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)fixture.pid, &info, WSTOPPED), 0);
    struct session *session;
    struct snapshot *snapshot;
    ck_assert_ptr_null(session_open(fixture.pid, (struct reader_list){0}, &session));
    ck_assert_ptr_null(session_sample(session, 0, 0, &snapshot));
    ck_assert_int_eq(snapshot->threads[0].state, 'T');
    ck_assert(counter_known(&snapshot->counters[COUNTER_RSS]));
    snapshot_unref(snapshot);
    ck_assert_ptr_null(session_sample(session, 0, 0, &snapshot));
    ck_assert_int_eq(snapshot->threads[0].state, 'T');
    snapshot_unref(snapshot);
    session_close(session);
    fixture_end(&fixture);
}
END_TEST

/* The main thread has ended, another runs on: said, and not taken for a zombie. */
START_TEST(test_main_thread_ended)
{
    struct fixture fixture = fixture_start(1);
    struct target *before = open_target(fixture.pid);
    struct target_stat stat;
    fixture_order(&fixture, 'm');
    do {
        ck_assert_ptr_null(target_read_stat(before, &stat));
    } while (stat.stat.state != 'Z');
    ck_assert(target_is_alive(before));
    struct target *target = NULL;
    _cleanup_error_ struct error *error = target_open(fixture.pid, &target);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error->message, "main thread"));
    target_close(before);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_load_bias)
{
    struct fixture fixture = fixture_start(0);
    struct target *target = open_target(fixture.pid);
    struct image *image;
    uint64_t bias;
    ck_assert_ptr_null(target_open_executable(target, &image));
    ck_assert_ptr_null(target_find_load_bias(target, image, &bias));
    ck_assert_uint_eq(bias % 4096, 0);
    ck_assert_int_eq(bias != 0, image_is_position_independent(image));
    /* A function's address in the file and in memory. */
    struct image_symbol symbol = {.name = "main"};
    ck_assert_ptr_null(image_find_symbols(image, &symbol, 1));
    int main(void);
    ck_assert_uint_eq(symbol.address + bias, (uintptr_t)main);
    image_close(image);
    target_close(target);
    fixture_end(&fixture);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    ssize_t length;
    _cleanup_close_ int source = open(from, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ck_assert_int_ge(source, 0);
    ck_assert_int_ge(target, 0);
    while ((length = read(source, buffer, sizeof(buffer))) > 0)
        ck_assert_int_eq(write(target, buffer, (size_t)length), length);
}

/* The file was replaced, as an upgrade does, and the new one is another program: what is opened is what runs. */
START_TEST(test_replaced_executable)
{
    char folder[] = "/tmp/heaptop-test-XXXXXX", program[64], own[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(program, sizeof(program), "%s/program", folder);
    copy_file("/bin/cat", program);
    int input[2], output[2];
    ck_assert_int_eq(pipe(input), 0);
    ck_assert_int_eq(pipe(output), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        close(input[1]);
        execl(program, program, (char *)NULL);
        _exit(1);
    }
    char byte = 'x';
    ck_assert_int_eq(write(input[1], &byte, 1), 1);
    ck_assert_int_eq(read(output[0], &byte, 1), 1);

    struct target *target = open_target(pid);
    struct image *before, *after;
    struct target_info info = {0};
    struct catalog *catalog;
    ck_assert_ptr_null(target_open_executable(target, &before));
    unlink(program);
    snprintf(own, sizeof(own), "/proc/%d/exe", (int)getpid());
    copy_file(own, program);
    ck_assert_ptr_null(target_open_executable(target, &after));
    ck_assert_str_eq(image_build_id(after), image_build_id(before));
    ck_assert_uint_eq(image_file_size(after), image_file_size(before));
    ck_assert_ptr_null(catalog_create(&catalog));
    ck_assert_ptr_null(target_describe(target, catalog, &info));
    ck_assert_ptr_nonnull(strstr(catalog_string(catalog, info.exe), "/program (deleted)"));
    catalog_unref(catalog);
    image_close(before);
    image_close(after);
    target_close(target);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(program);
    rmdir(folder);
}
END_TEST

START_TEST(test_command_line)
{
    int input[2];
    ck_assert_int_eq(pipe(input), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char byte;
        dup2(input[0], 0);
        close(input[1]);
        ssize_t got = read(input[0], &byte, 1);
        execl("/bin/cat", "a\x1b[31mb", "-", "", "-", (char *)NULL);
        _exit(got < 0);
    }
    struct target *target = open_target(pid);
    struct target_info info = {0};
    struct catalog *catalog;
    ck_assert_int_eq(write(input[1], "x", 1), 1);
    ck_assert_ptr_null(catalog_create(&catalog));
    /* Until the exec is through: the name changes first, and then there is no command line for a moment. */
    do {
        ck_assert_ptr_null(target_describe(target, catalog, &info));
    } while (strcmp(catalog_string(catalog, info.comm), "cat") != 0 || info.command_line == 0);
    ck_assert_str_eq(catalog_string(catalog, info.command_line), "a\\x1b[31mb -  -");
    catalog_unref(catalog);
    target_close(target);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("target");
    TCase *tests = tcase_create("target");
    tcase_add_test(tests, test_reused_pid_is_not_read);
    tcase_add_test(tests, test_without_pidfd);
    tcase_add_test(tests, test_stopped_process);
    tcase_add_test(tests, test_main_thread_ended);
    tcase_add_test(tests, test_load_bias);
    tcase_add_test(tests, test_replaced_executable);
    tcase_add_test(tests, test_command_line);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
