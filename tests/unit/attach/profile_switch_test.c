#include "attach/profile_switch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "attach/switch_note.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"

#define RATE ATTACH_DEFAULT_PROFILE_RATE

DEFINE_CLEANUP(struct target *, target_close)

/* Stands for the variable: a child has it at the same address. */
static volatile uint64_t variable;
static const uint64_t constant[4] = {0};

static uint64_t value_in(pid_t pid)
{
    uint64_t value = UINT64_MAX;
    struct iovec local = {&value, 8}, remote = {(void *)&variable, 8};
    ck_assert_int_eq(process_vm_readv(pid, &local, 1, &remote, 1, 0), 8);
    return value;
}

static void set_value_in(pid_t pid, uint64_t value)
{
    struct iovec local = {&value, 8}, remote = {(void *)&variable, 8};
    ck_assert_int_eq(process_vm_writev(pid, &local, 1, &remote, 1, 0), 8);
}

static struct target *open_target(pid_t pid)
{
    struct target *target = NULL;
    struct error *error = target_open(pid, &target);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return target;
}

static struct profile_switch *switch_on(struct target *target)
{
    struct profile_switch *made = NULL;
    struct error *error = profile_switch_on(target, (uintptr_t)&variable, RATE, &made);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return made;
}

static void check_refused(struct target *target, remote_address address, uint64_t rate, enum error_kind kind,
                          const char *part)
{
    struct profile_switch *made = NULL;
    struct error *error = profile_switch_on(target, address, rate, &made);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, kind);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s", error->message);
    ck_assert_ptr_null(made);
    error_destroy(error);
}

static bool has_note(struct target *target)
{
    struct switch_note note;
    return switch_note_find(target, &note);
}

static unsigned put_back_left(void)
{
    unsigned count = 77;
    struct error *error = profiling_put_back_left(&count);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return count;
}

/* The guardian among the children of a process. */
static pid_t find_guardian(pid_t parent)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *children = fopen(path, "r");
    ck_assert_ptr_nonnull(children);
    while (fscanf(children, "%d", &pid) == 1) {
        char name[32] = "";
        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        FILE *comm = fopen(path, "r");
        if (comm && fgets(name, sizeof(name), comm) && strcmp(name, "heaptop-guard\n") == 0) {
            fclose(comm);
            fclose(children);
            return pid;
        }
        if (comm)
            fclose(comm);
    }
    fclose(children);
    return 0;
}

/* Waits until a process has ended, waited for or not; one that does not end is stopped by the test's own time limit. */
static void wait_for_end_of(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (;;) {
        FILE *file = fopen(path, "r");
        if (!file)
            return;
        char *got = fgets(text, sizeof(text), file);
        fclose(file);
        const char *state = got ? strrchr(text, ')') : NULL;
        if (!state || state[2] == 'Z' || state[2] == 'X')
            return;
        sched_yield();
    }
}

/* Another heaptop, which has switched it on and waits to be killed. */
static pid_t start_heaptop(pid_t target_pid)
{
    int pair[2];
    char sign;
    ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(pair[0]);
        struct target *target;
        struct profile_switch *made;
        struct error *error = target_open(target_pid, &target);
        if (!error)
            error = profile_switch_on(target, (uintptr_t)&variable, RATE, &made);
        if (error || write(pair[1], "w", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(pair[1]);
    ck_assert_int_eq(read(pair[0], &sign, 1), 1);
    close(pair[0]);
    return pid;
}

static void kill_hard(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(test_on_and_off)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    ck_assert_uint_eq(profile_switch_find(target), 0);
    struct profile_switch *made = switch_on(target);
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    ck_assert_uint_eq(profile_switch_rate(made), RATE);
    ck_assert(has_note(target));
    ck_assert_uint_eq(profile_switch_find(target), profile_switch_since(made));
    /* It is looked after: nothing for anybody else to undo. */
    ck_assert_uint_eq(put_back_left(), 0);
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    /* Not in our session or group, so that no Ctrl-C reaches it. */
    pid_t guardian = find_guardian(getpid());
    ck_assert_int_gt(guardian, 0);
    ck_assert_int_eq(getsid(guardian), guardian);
    ck_assert_ptr_null(profile_switch_keep_guarded(made));
    profile_switch_off(made);
    ck_assert_uint_eq(value_in(fixture.pid), 0);
    ck_assert(!has_note(target));
    ck_assert_int_eq(kill(guardian, 0), -1);
    fixture_do(&fixture, 'b');
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_what_is_refused_is_not_written)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    remote_address address = (uintptr_t)&variable;
    check_refused(target, address, 500000, ERROR_USAGE, "rate");
    check_refused(target, address, 0, ERROR_USAGE, "rate");
    check_refused(target, address, 1, ERROR_USAGE, "rate");
    check_refused(target, address + 4, RATE, ERROR_BAD_DATA, "can lie at");
    check_refused(target, (uintptr_t)&constant, RATE, ERROR_BAD_DATA, "can lie at");
    check_refused(target, (uintptr_t)fixture_start & ~(uintptr_t)7, RATE, ERROR_BAD_DATA, "can lie at");
    check_refused(target, 4096, RATE, ERROR_BAD_DATA, "can lie at");
    /* It profiles by itself. */
    set_value_in(fixture.pid, 4096);
    check_refused(target, address, RATE, ERROR_USAGE, "on already");
    ck_assert_uint_eq(value_in(fixture.pid), 4096);
    ck_assert(!has_note(target));
    ck_assert_int_eq(find_guardian(getpid()), 0);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_second_heaptop_does_not_undo_the_first)
{
    struct fixture fixture = fixture_start(1);
    pid_t first = start_heaptop(fixture.pid);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    check_refused(target, (uintptr_t)&variable, RATE, ERROR_USAGE, "on already");
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    ck_assert_uint_ne(profile_switch_find(target), 0);
    /* Its note stands, so that even with the variable back at 0 no other goes ahead. */
    set_value_in(fixture.pid, 0);
    check_refused(target, (uintptr_t)&variable, RATE, ERROR_USAGE, "another heaptop");
    ck_assert(has_note(target));
    kill_hard(first);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_heaptop_is_killed)
{
    struct fixture fixture = fixture_start(1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t heaptop = start_heaptop(fixture.pid), guardian = find_guardian(heaptop);
    ck_assert_int_gt(guardian, 0);
    /* What ends others does not end it. */
    kill(guardian, SIGTERM);
    kill(guardian, SIGINT);
    kill(guardian, SIGHUP);
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    kill_hard(heaptop);
    ck_assert_int_eq(waitpid(guardian, NULL, 0), guardian);
    ck_assert_uint_eq(value_in(fixture.pid), 0);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    ck_assert(!has_note(target));
    fixture_end(&fixture);
}
END_TEST

/* heaptop switches profiling on; then it and its guardian are killed. */
static void leave_switched_on(pid_t pid)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t heaptop = start_heaptop(pid), guardian = find_guardian(heaptop);
    kill(guardian, SIGKILL);
    kill_hard(heaptop);
    waitpid(guardian, NULL, 0);
}

START_TEST(test_heaptop_and_its_guardian_are_killed)
{
    struct fixture fixture = fixture_start(1);
    leave_switched_on(fixture.pid);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    ck_assert(has_note(target));
    ck_assert_uint_eq(put_back_left(), 1);
    ck_assert_uint_eq(value_in(fixture.pid), 0);
    ck_assert(!has_note(target));
    ck_assert_uint_eq(put_back_left(), 0);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_what_is_left_of_another_program_is_let_be)
{
    struct fixture fixture = fixture_start(1);
    leave_switched_on(fixture.pid);
    /* The program sets it to something of its own. */
    set_value_in(fixture.pid, 65536);
    ck_assert_uint_eq(put_back_left(), 0);
    ck_assert_uint_eq(value_in(fixture.pid), 65536);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    ck_assert(!has_note(target));
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_the_program_sets_it_itself)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    struct profile_switch *made = switch_on(target);
    set_value_in(fixture.pid, 1);
    profile_switch_off(made);
    ck_assert_uint_eq(value_in(fixture.pid), 1);
    ck_assert(!has_note(target));
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_the_target_ends)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    struct profile_switch *made = switch_on(target);
    pid_t guardian = find_guardian(getpid());
    fixture_order(&fixture, 'x');
    int status;
    waitpid(fixture.pid, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    wait_for_end_of(guardian);
    ck_assert_ptr_null(profile_switch_keep_guarded(made));
    profile_switch_off(made);
    ck_assert_int_eq(find_guardian(getpid()), 0);
    ck_assert_uint_eq(put_back_left(), 0);
}
END_TEST

START_TEST(test_the_target_calls_exec)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    struct profile_switch *made = switch_on(target);
    fixture_order(&fixture, 'e');
    char comm[8] = "";
    while (strcmp(comm, "cat\n") != 0) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)fixture.pid);
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(fgets(comm, sizeof(comm), file));
        fclose(file);
    }
    /* The address is another program's now, or nobody's: nothing is written there, and nothing goes wrong. */
    ck_assert_ptr_null(profile_switch_keep_guarded(made));
    profile_switch_off(made);
    check_refused(target, (uintptr_t)&variable, RATE, target_is_alive(target) ? ERROR_BAD_DATA : ERROR_GONE, "");
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_the_guardian_is_killed)
{
    struct fixture fixture = fixture_start(1);
    _cleanup_(target_closep) struct target *target = open_target(fixture.pid);
    struct profile_switch *made = switch_on(target);
    struct error *error = NULL;
    unsigned killed = 0;
    while (!error && killed < 100) {
        pid_t guardian = find_guardian(getpid());
        ck_assert_int_gt(guardian, 0);
        kill(guardian, SIGKILL);
        wait_for_end_of(guardian);
        killed++;
        error = profile_switch_keep_guarded(made);
    }
    ck_assert_uint_eq(killed, 8);
    ck_assert_ptr_nonnull(strstr(error->message, "killed 8 times"));
    error_destroy(error);
    ck_assert_uint_eq(value_in(fixture.pid), RATE);
    profile_switch_off(made);
    ck_assert_uint_eq(value_in(fixture.pid), 0);
    fixture_end(&fixture);
}
END_TEST

/* What others may have put where notes lie is neither followed nor believed. */
START_TEST(test_notes_that_are_none)
{
    char folder[] = "/tmp/heaptop-note-XXXXXX", path[128], other[128];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("XDG_RUNTIME_DIR", folder, 1);
    snprintf(path, sizeof(path), "%s/heaptop", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(other, sizeof(other), "%s/precious", folder);
    int file = open(other, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(write(file, "precious", 8), 8);
    close(file);
    snprintf(path, sizeof(path), "%s/heaptop/profiling-1-1", folder);
    ck_assert_int_eq(symlink(other, path), 0);
    snprintf(path, sizeof(path), "%s/heaptop/profiling-1-2", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/heaptop/profiling-1-3", folder);
    file = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(write(file, "heaptop switched memory profiling on 1\npid 1\n", 44), 44);
    close(file);
    ck_assert_uint_eq(put_back_left(), 0);
    struct stat status;
    ck_assert_int_eq(stat(other, &status), 0);
    ck_assert_int_eq(status.st_size, 8);
    /* The one that was cut short is gone. */
    ck_assert_int_ne(access(path, F_OK), 0);
    /* A folder that others may enter is not taken. */
    snprintf(path, sizeof(path), "%s/heaptop", folder);
    ck_assert_int_eq(chmod(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/heaptop/profiling-1-4", folder);
    file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    ck_assert_uint_eq(put_back_left(), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "rm -r '%s'", folder);
    ck_assert_int_eq(system(path), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("profile_switch");
    TCase *tests = tcase_create("profile_switch");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_on_and_off);
    tcase_add_test(tests, test_what_is_refused_is_not_written);
    tcase_add_test(tests, test_a_second_heaptop_does_not_undo_the_first);
    tcase_add_test(tests, test_heaptop_is_killed);
    tcase_add_test(tests, test_heaptop_and_its_guardian_are_killed);
    tcase_add_test(tests, test_what_is_left_of_another_program_is_let_be);
    tcase_add_test(tests, test_the_program_sets_it_itself);
    tcase_add_test(tests, test_the_target_ends);
    tcase_add_test(tests, test_the_target_calls_exec);
    tcase_add_test(tests, test_the_guardian_is_killed);
    tcase_add_test(tests, test_notes_that_are_none);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
