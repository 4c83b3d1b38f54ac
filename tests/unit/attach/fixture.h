/* Child processes for tests to look at. A child says `ready` through a pipe and then follows one-letter orders. */
#ifndef TESTS_UNIT_ATTACH_FIXTURE_H
#define TESTS_UNIT_ATTACH_FIXTURE_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check_main.h"

struct fixture {
    pid_t pid;
    int orders, answers;
    pid_t other_tid;        /* Of the child's second thread, where it has one. */
};

static void *fixture_sleep(void *argument)
{
    prctl(PR_SET_NAME, "idle) S (x");
    pid_t tid = (pid_t)syscall(SYS_gettid);
    ssize_t written = write(*(int *)argument, &tid, sizeof(tid));
    (void)written;
    for (;;)
        pause();
    return NULL;
}

static void *fixture_exec(void *orders)
{
    dup2(*(int *)orders, 0);
    execl("/bin/cat", "cat", "-", (char *)NULL);
    _exit(1);
}

/* Orders: x exits with status 7, k kills itself, e becomes `cat`, t does so by a thread that is not the main one, b
 * (burn) uses the processor for a while, m ends the main thread alone. Ends with the pipe. */
static void fixture_follow(int orders, int answers)
{
    char order;
    while (read(orders, &order, 1) == 1) {
        if (order == 'x')
            _exit(7);
        if (order == 'k')
            raise(SIGKILL);
        if (order == 'e')
            fixture_exec(&orders);
        if (order == 't') {
            pthread_t thread;
            pthread_create(&thread, NULL, fixture_exec, &orders);
            pthread_join(thread, NULL);
        }
        if (order == 'm')
            syscall(SYS_exit, 0);
        if (order == 'b') {
            for (volatile uint64_t i = 0; i < 50 * 1000 * 1000; i++) {
            }
        }
        if (write(answers, &order, 1) != 1)
            break;
    }
    _exit(0);
}

/* Waits until a thread sleeps in pause(2), which is system call 34. */
static inline void fixture_wait_for_pause(pid_t pid, pid_t tid)
{
    char path[64], text[8] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    while (strncmp(text, "34 ", 3) != 0) {
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
        fclose(file);
        sched_yield();
    }
}

static inline struct fixture fixture_start(unsigned threads)
{
    int orders[2], answers[2];
    struct fixture fixture = {0};
    ck_assert_int_eq(pipe(orders), 0);
    ck_assert_int_eq(pipe(answers), 0);
    fixture.pid = fork();
    ck_assert_int_ge(fixture.pid, 0);
    if (fixture.pid == 0) {
        close(orders[1]);
        close(answers[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0; i < threads; i++) {
            pthread_t thread;
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setstacksize(&attributes, 65536);
            if (pthread_create(&thread, &attributes, fixture_sleep, &answers[1]) != 0)
                _exit(1);
        }
        fixture_follow(orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    fixture.orders = orders[1];
    fixture.answers = answers[0];
    for (unsigned i = 0; i < threads; i++) {
        ck_assert_int_eq(read(fixture.answers, &fixture.other_tid, sizeof(pid_t)), sizeof(pid_t));
        fixture_wait_for_pause(fixture.pid, fixture.other_tid);
    }
    return fixture;
}

static inline void fixture_order(struct fixture *fixture, char order)
{
    ck_assert_int_eq(write(fixture->orders, &order, 1), 1);
}

/* An order that is answered when it is done. */
static inline void fixture_do(struct fixture *fixture, char order)
{
    char answer = 0;
    fixture_order(fixture, order);
    ck_assert_int_eq(read(fixture->answers, &answer, 1), 1);
    ck_assert_int_eq(answer, order);
}

static inline void fixture_end(struct fixture *fixture)
{
    close(fixture->orders);
    close(fixture->answers);
    /* A later child holds the pipe's other end too, so that closing ours may not end this one. */
    kill(fixture->pid, SIGKILL);
    waitpid(fixture->pid, NULL, 0);
}

#endif
