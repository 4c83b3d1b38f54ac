/* A thread stopped for a moment goes on, whatever becomes of who stopped it. */
#include "attach/thread_stop.h"
#include "tests/unit/check_main.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared with the target. */
struct shared {
    _Atomic uint64_t turns, signals;
};

static struct shared *shared;
static pid_t target;

static void count_signal(int number)
{
    (void)number;
    shared->signals++;
}

/* A target that does nothing but count. */
static void start_target(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    target = fork();
    ck_assert_int_ge(target, 0);
    if (target == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGUSR1, count_signal);
        for (;;)
            shared->turns++;
    }
    while (shared->turns == 0) {
    }
}

static void end_target(void)
{
    kill(target, SIGKILL);
    waitpid(target, NULL, 0);
    munmap(shared, sizeof(*shared));
}

static void wait_until_it_goes_on(void)
{
    uint64_t turns = shared->turns;
    while (shared->turns == turns) {
    }
}

static int tracer_of(pid_t pid)
{
    char path[64], line[128];
    int tracer = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file))
        sscanf(line, "TracerPid: %d", &tracer);
    fclose(file);
    return tracer;
}

static void check_that_it_stands(void *context, const struct thread_registers *registers)
{
    uint64_t turns = shared->turns;
    for (volatile int i = 0; i < 100000; i++) {
    }
    *(bool *)context = shared->turns == turns && registers->pc != 0 && registers->sp != 0;
}

/* On a busy machine a thread may get no processor for so long that it is left alone: then once more. */
static void stop_patiently(bool *ret_stood, struct thread_stop_result *ret_result)
{
    for (;;) {
        struct error *error = thread_stop(target, check_that_it_stands, ret_stood, ret_result);
        if (!error)
            return;
        ck_assert_int_eq(error->kind, ERROR_SYSTEM);
        error_destroy(error);
    }
}

START_TEST(a_stopped_thread_stands_still_and_goes_on)
{
    struct thread_stop_result result;
    bool stood = false;
    start_target();
    stop_patiently(&stood, &result);
    ck_assert(stood);
    ck_assert(result.stopped);
    ck_assert_uint_gt(result.stop_ns, 0);
    wait_until_it_goes_on();
    ck_assert_int_eq(tracer_of(target), 0);
    end_target();
}
END_TEST

START_TEST(signals_reach_a_thread_that_is_stopped_again_and_again)
{
    start_target();
    for (unsigned i = 1; i <= 200; i++) {
        struct thread_stop_result result;
        bool stood;
        kill(target, SIGUSR1);
        stop_patiently(&stood, &result);
        while (shared->signals < i) {
        }
    }
    ck_assert_uint_eq(shared->signals, 200);
    end_target();
}
END_TEST

static int holding[2];

static void hold_it(void *context, const struct thread_registers *registers)
{
    (void)context;
    (void)registers;
    ssize_t written = write(holding[1], "h", 1);
    (void)written;
    for (;;)
        pause();
}

START_TEST(killed_in_the_middle_it_leaves_the_thread_running)
{
    char byte;
    start_target();
    ck_assert_int_eq(pipe(holding), 0);
    pid_t stopper = fork();
    ck_assert_int_ge(stopper, 0);
    if (stopper == 0) {
        struct thread_stop_result result;
        for (;;)
            error_destroy(thread_stop(target, hold_it, NULL, &result));
    }
    close(holding[1]);
    ck_assert_int_eq(read(holding[0], &byte, 1), 1);
    bool stood;
    check_that_it_stands(&stood, &(struct thread_registers){.pc = 1, .sp = 1});
    ck_assert(stood);
    kill(stopper, SIGKILL);
    waitpid(stopper, NULL, 0);
    wait_until_it_goes_on();
    ck_assert_int_eq(tracer_of(target), 0);
    close(holding[0]);
    end_target();
}
END_TEST

/* The parent of a vfork does not stop before its child is done. */
START_TEST(one_that_does_not_stop_is_left_alone)
{
    int orders[2], answers[2];
    char byte;
    ck_assert_int_eq(pipe(orders), 0);
    ck_assert_int_eq(pipe(answers), 0);
    pid_t parent = fork();
    ck_assert_int_ge(parent, 0);
    if (parent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(orders[1]);
        if (vfork() == 0) {
            ssize_t done = write(answers[1], "v", 1);
            done = read(orders[0], &byte, 1);
            _exit(done != 0);
        }
        ssize_t done = write(answers[1], "p", 1);
        (void)done;
        for (;;)
            pause();
    }
    close(orders[0]);
    ck_assert_int_eq(read(answers[0], &byte, 1), 1);
    struct thread_stop_result result;
    struct error *error = thread_stop(parent, hold_it, NULL, &result);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(error->message, "did not stop"));
    ck_assert(!result.stopped);
    error_destroy(error);
    ck_assert_int_eq(tracer_of(parent), 0);
    close(orders[1]);
    ck_assert_int_eq(read(answers[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'p');
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    close(answers[0]);
    close(answers[1]);
}
END_TEST

START_TEST(a_thread_that_is_gone)
{
    struct thread_stop_result result;
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    struct error *error = thread_stop(gone, hold_it, NULL, &result);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    error_destroy(error);
    ck_assert(!result.stopped);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_stop");
    TCase *tests = tcase_create("thread_stop");
    tcase_add_test(tests, a_stopped_thread_stands_still_and_goes_on);
    tcase_add_test(tests, signals_reach_a_thread_that_is_stopped_again_and_again);
    tcase_add_test(tests, killed_in_the_middle_it_leaves_the_thread_running);
    tcase_add_test(tests, one_that_does_not_stop_is_left_alone);
    tcase_add_test(tests, a_thread_that_is_gone);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
