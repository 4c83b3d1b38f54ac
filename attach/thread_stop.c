#include "attach/thread_stop.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "heaptop/base/cleanup.h"

/* Between two looks at whether it has stopped; at first, as it should be soon, without a pause. */
#define LOOK_PERIOD_NS 20000
#define NO_PAUSE_NS 200000

struct stop {
    pid_t tid;
    thread_stop_visitor *visit;
    void *context;
    struct thread_stop_result *result;
    struct error *error;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static struct error *ptrace_error(int errno_value, pid_t tid, const char *what)
{
    if (errno_value == ESRCH)
        return error_create(ERROR_GONE, "thread %d has ended", (int)tid);
    if (errno_value == EPERM)
        return error_create(ERROR_PERMISSION, "thread %d may not be stopped: no permission, or a debugger holds it",
                            (int)tid);
    return error_from_errno(errno_value, "cannot %s thread %d", what, (int)tid);
}

/* Waits until it has stopped; *ret_status is then what stopped it, and *ret_since when it had not stopped yet. */
static struct error *wait_for_stop(pid_t tid, int *ret_status, uint64_t *ret_since)
{
    uint64_t begun = now_ns(), looked = begun;
    for (;;) {
        int status;
        /* By its id alone: no other child's end is taken from whoever waits for it. */
        pid_t waited = waitpid(tid, &status, __WALL | WNOHANG);
        if (waited == tid && WIFSTOPPED(status)) {
            *ret_status = status;
            *ret_since = looked;
            return NULL;
        }
        if (waited == tid)
            return error_create(ERROR_GONE, "thread %d has ended", (int)tid);
        if (waited < 0 && errno != EINTR)
            return ptrace_error(errno, tid, "wait for");
        looked = now_ns();
        if (looked - begun > THREAD_STOP_MAX_WAIT_NS)
            return error_create(ERROR_SYSTEM, "thread %d did not stop within %u ms", (int)tid,
                                (unsigned)(THREAD_STOP_MAX_WAIT_NS / 1000000));
        if (looked - begun > NO_PAUSE_NS)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_PERIOD_NS}, NULL);
    }
}

/* The signal that it was about to get when it stopped, to be handed on; 0 when it stopped because it was asked to. */
static int pending_signal(int status)
{
    return status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
}

static struct error *read_registers(pid_t tid, struct thread_registers *ret_registers)
{
#if defined(__x86_64__)
    struct user_regs_struct registers;
    struct iovec into = {.iov_base = &registers, .iov_len = sizeof(registers)};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &into) < 0)
        return ptrace_error(errno, tid, "read the registers of");
    *ret_registers = (struct thread_registers){
        .pc = registers.rip,
        .sp = registers.rsp,
        .all = {registers.rax, registers.rdx, registers.rcx, registers.rbx, registers.rsi, registers.rdi, registers.rbp,
                registers.rsp, registers.r8, registers.r9, registers.r10, registers.r11, registers.r12, registers.r13,
                registers.r14, registers.r15, registers.rip},
    };
    return NULL;
#else
    (void)ret_registers;
    return error_create(ERROR_UNSUPPORTED, "threads are not stopped on this processor (thread %d)", (int)tid);
#endif
}

static struct error *stop_now(const struct stop *stop)
{
    struct thread_registers registers;
    int status = 0;
    /* Seizing neither stops it nor sends a signal. */
    if (ptrace(PTRACE_SEIZE, stop->tid, NULL, NULL) < 0)
        return ptrace_error(errno, stop->tid, "trace");
    uint64_t since = 0;
    if (ptrace(PTRACE_INTERRUPT, stop->tid, NULL, NULL) < 0)
        return ptrace_error(errno, stop->tid, "interrupt");
    struct error *error = wait_for_stop(stop->tid, &status, &since);
    if (error)
        return error;
    error = read_registers(stop->tid, &registers);
    if (!error)
        stop->visit(stop->context, &registers);
    long detached = ptrace(PTRACE_DETACH, stop->tid, NULL, (void *)(intptr_t)pending_signal(status));
    *stop->result = (struct thread_stop_result){.stopped = true, .stop_ns = now_ns() - since};
    return error ? error : detached < 0 && errno != ESRCH ? ptrace_error(errno, stop->tid, "release") : NULL;
}

/* In a thread of its own: at its end the kernel releases whatever it has traced, also a thread that would not stop in
 * time and could not be detached from. */
static void *run(void *argument)
{
    struct stop *stop = argument;
    stop->error = stop_now(stop);
    return NULL;
}

struct error *thread_stop(pid_t tid, thread_stop_visitor *visit, void *context, struct thread_stop_result *ret_result)
{
    struct thread_stop_result result = {.stopped = false};
    struct stop stop = {.tid = tid, .visit = visit, .context = context, .result = &result};
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errno_value = pthread_create(&thread, NULL, run, &stop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno_value)
        return error_from_errno(errno_value, "cannot start a thread");
    pthread_join(thread, NULL);
    *ret_result = result;
    return stop.error;
}
