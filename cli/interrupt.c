#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>

int interrupt_open(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    /* Without it the usual effect of the signals is the better one. */
    if (descriptor < 0)
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    return descriptor;
}

enum wait_result interrupt_wait(int interrupt, struct source *source, uint64_t timeout_ns)
{
    struct pollfd descriptors[] = {
        {.fd = source->ops->descriptor(source), .events = POLLIN},
        {.fd = interrupt, .events = POLLIN},
    };
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                                     .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int count = ppoll(descriptors, 2, &timeout, NULL);
    if (count < 0)
        return errno == EINTR ? WAIT_TIME_OUT : WAIT_INTERRUPTED;
    if (descriptors[1].revents)
        return WAIT_INTERRUPTED;
    return descriptors[0].revents ? WAIT_SNAPSHOT : WAIT_TIME_OUT;
}
