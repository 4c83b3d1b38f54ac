#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "heaptop/attach.h"
#include "heaptop/record.h"

#define SECOND_NS UINT64_C(1000000000)
/* A time that is over just before a sample waits for it: "-d 10s" at one a second means eleven samples. */
#define END_SLACK 4

DEFINE_CLEANUP(struct source *, source_close)

/* What has been going on, for the closing line and for telling of new trouble once. */
struct progress {
    uint64_t samples, dropped_told;
    bool exited;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* From now on these come by the descriptor; before any thread is started. */
static struct error *open_signals(int *ret_descriptor)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    /* Means nothing yet, and must not end a recording that somebody counts on. */
    sigaddset(&signals, SIGUSR2);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return error_create(ERROR_SYSTEM, "cannot block signals");
    int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot wait for signals");
    *ret_descriptor = descriptor;
    return NULL;
}

/* False when it shall end. */
static bool handle_signals(int descriptor, struct recorder *recorder)
{
    struct signalfd_siginfo info;
    bool goes_on = true;
    while (read(descriptor, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGUSR1)
            recorder_mark(recorder, clock_ns(CLOCK_REALTIME), "SIGUSR1");
        else if (info.ssi_signo != SIGUSR2)
            goes_on = false;
    }
    return goes_on;
}

/* What is lost is said at once, and not again for every sample. */
static void tell_trouble(struct recorder *recorder, struct progress *progress)
{
    struct recorder_status status;
    recorder_status(recorder, &status);
    if (status.dropped > progress->dropped_told &&
        (progress->dropped_told == 0 || status.dropped >= 2 * progress->dropped_told)) {
        progress->dropped_told = status.dropped;
        fprintf(stderr, "heaptop: %llu samples are not in the recording: %s\n", (unsigned long long)status.dropped,
                status.problem);
    }
}

static struct error *record_source(struct source *source, int signals, uint64_t duration_ns, struct recorder *recorder,
                                   struct progress *progress)
{
    uint64_t end_ns = UINT64_MAX;
    for (;;) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        if (now >= end_ns)
            return NULL;
        uint64_t left = end_ns - now < SECOND_NS ? end_ns - now : SECOND_NS;
        const struct timespec timeout = {.tv_sec = (time_t)(left / SECOND_NS), .tv_nsec = (long)(left % SECOND_NS)};
        struct pollfd descriptors[] = {{.fd = source->ops->descriptor(source), .events = POLLIN},
                                       {.fd = signals, .events = POLLIN}};
        if (ppoll(descriptors, ARRAY_SIZE(descriptors), &timeout, NULL) <= 0)
            continue;
        if (descriptors[1].revents && !handle_signals(signals, recorder))
            return NULL;
        if (!descriptors[0].revents)
            continue;
        struct snapshot *snapshot = NULL;
        struct error *error = source->ops->next(source, 0, &snapshot);
        if (error)
            return error;
        if (!snapshot)
            return NULL;    /* Readable with nothing to give: the source has ended. */
        recorder_add(recorder, snapshot);
        if (progress->samples++ == 0 && duration_ns)
            end_ns = clock_ns(CLOCK_MONOTONIC) + duration_ns + snapshot->interval_ns / END_SLACK;
        progress->exited = snapshot->exited;
        snapshot_unref(snapshot);
        tell_trouble(recorder, progress);
        if (progress->exited)
            return NULL;
    }
}

static void tell_end(const struct recorder_status *status, const struct progress *progress)
{
    char bytes[UNITS_BUFFER];
    fprintf(stderr, "heaptop: %s%llu samples recorded, %s", progress->exited ? "the process has ended; " : "",
            (unsigned long long)status->ticks, units_format_bytes(bytes, (double)status->bytes));
    if (status->dropped)
        fprintf(stderr, ", %llu lost", (unsigned long long)status->dropped);
    fputc('\n', stderr);
}

enum exit_status record_process(pid_t pid, const struct options *options, const char *path)
{
    enum exit_status status = STATUS_DONE;
    _cleanup_close_ int signals = -1;
    _cleanup_(source_closep) struct source *source = NULL;
    struct recorder *recorder = NULL;
    const struct attach_options attach = {.interval_ns = options->interval_ns, .profile_rate = options->profile_rate};
    struct error *error = open_signals(&signals);
    if (error)
        return error_print(error);
    /* A file that may not grow any more is a write that fails, and no end. */
    signal(SIGXFSZ, SIG_IGN);
    error = live_source_open(pid, &attach, &source);
    if (error)
        return error_print_attach(error, pid);
    error = recorder_open(path, NULL, &recorder);
    if (error)
        return error_print(error);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "heaptop: recording process %d; Ctrl-C ends it, SIGUSR1 sets a mark\n", (int)pid);
    struct progress progress = {0};
    struct recorder_status reached;
    error = record_source(source, signals, options->duration_ns, recorder, &progress);
    if (error)
        status = error_print_attach(error, pid);
    error = recorder_close(recorder, &reached);
    if (error) {
        error_print(error);
        status = STATUS_FAILED;
    }
    tell_end(&reached, &progress);
    return status == STATUS_DONE && reached.dropped ? STATUS_FAILED : status;
}

enum exit_status record_command(const struct options *options)
{
    pid_t pid = 0;
    enum exit_status status = target_choose(options, &pid);
    return status == STATUS_DONE && pid ? record_process(pid, options, options->output) : status;
}
