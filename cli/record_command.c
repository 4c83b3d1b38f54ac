#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/recording_name.h"
#include "cli/suspects.h"
#include "heaptop/attach.h"
#include "heaptop/base/clock.h"
#include "heaptop/record.h"

#define SECOND_NS UINT64_C(1000000000)
/* A time that is over just before a sample waits for it: "--for 10s" at one a second means eleven samples. */
#define END_SLACK 4

/* Where resident memory is, is looked at so often. */
#define MAP_INTERVAL_NS (300 * SECOND_NS)
/* What to suspect is judged from a sample in so long, and noted so often. */
#define HISTORY_INTERVAL_NS (2 * SECOND_NS)
#define SUSPECTS_INTERVAL_NS (30 * SECOND_NS)
/* A process that is waited for is looked for so often. */
#define LOOK_NS (SECOND_NS / 4)

/* One recording, over all the processes that it follows. */
struct session {
    const struct options *options;
    const char *path;               /* "-": one is to be chosen. */
    char *chosen_path;
    int signals;
    struct recorder *recorder;
    struct source *source;          /* NULL between two processes. */
    pid_t pid;
    uint64_t start_unix_ns;         /* When it started; 0: none has been seen. */
    char *name;                     /* To be followed; NULL: only this process is recorded. */
    uint64_t samples, dropped_told;
    uint64_t end_ns;                /* CLOCK_MONOTONIC. */
    uint64_t map_due_ns;
    struct history *history;        /* Of what to suspect; NULL when memory was out. */
    uint64_t history_due_ns, suspects_due_ns;
    uint64_t last_unix_ns;          /* Of the last snapshot. */
    char reason[128];               /* Why there will be no more of this process. */
    bool exited, is_interrupted;
    unsigned restarts;
};

/* From now on these come by the descriptor; before any thread is started. */
static struct error *open_signals(int *ret_descriptor)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return error_create(ERROR_SYSTEM, "cannot block signals");
    int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot wait for signals");
    *ret_descriptor = descriptor;
    return NULL;
}

/* A sample with everything in it, which a reader needs nothing else for. */
static void take_full_sample(struct session *session)
{
    recorder_request_keyframe(session->recorder);
    if (!session->source)
        return;
    source_request(session->source, SOURCE_REQUEST_MEMORY_MAP);
    source_request(session->source, SOURCE_REQUEST_SAMPLE);
}

static void handle_signals(struct session *session)
{
    struct signalfd_siginfo info;
    while (read(session->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGUSR1)
            recorder_mark(session->recorder, clock_ns(CLOCK_REALTIME), "SIGUSR1");
        else if (info.ssi_signo == SIGUSR2)
            take_full_sample(session);
        else
            session->is_interrupted = true;
    }
}

/* What is lost is said at once, and not again for every sample. */
static void tell_trouble(struct session *session)
{
    struct recorder_status status;
    recorder_status(session->recorder, &status);
    if (status.wants_memory_map)
        source_request(session->source, SOURCE_REQUEST_MEMORY_MAP);
    if (status.dropped > session->dropped_told &&
        (session->dropped_told == 0 || status.dropped >= 2 * session->dropped_told)) {
        session->dropped_told = status.dropped;
        fprintf(stderr, "heaptop: %llu samples are not in the recording: %s\n", (unsigned long long)status.dropped,
                status.problem);
    }
}

/* Waits for a signal, or for the source, at most so long. True when the source has something. */
static bool wait_for(struct session *session, uint64_t timeout_ns)
{
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / SECOND_NS),
                                     .tv_nsec = (long)(timeout_ns % SECOND_NS)};
    struct pollfd descriptors[] = {
        {.fd = session->source ? session->source->ops->descriptor(session->source) : -1, .events = POLLIN},
        {.fd = session->signals, .events = POLLIN}};
    if (ppoll(descriptors, ARRAY_SIZE(descriptors), &timeout, NULL) <= 0)
        return false;
    if (descriptors[1].revents)
        handle_signals(session);
    return descriptors[0].revents != 0;
}

static bool is_over(const struct session *session)
{
    return session->is_interrupted || clock_ns(CLOCK_MONOTONIC) >= session->end_ns;
}

/* What is suspected is for whoever opens the file with nothing but a shell; without it the recording is as good. */
static void heed_suspects(struct session *session, struct snapshot *snapshot)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    struct analysis *analysis = NULL;
    if (now < session->history_due_ns && !snapshot->exited)
        return;
    session->history_due_ns = now + HISTORY_INTERVAL_NS;
    struct error *error = session->history ? NULL : history_create(NULL, &session->history);
    if (!error)
        error = history_add(session->history, snapshot);
    if (!error && now >= session->suspects_due_ns) {
        session->suspects_due_ns = now + SUSPECTS_INTERVAL_NS;
        error = analysis_compute(session->history, &analysis);
    }
    if (!error && analysis)
        suspects_record(analysis, session->recorder);
    analysis_destroy(analysis);
    error_destroy(error);
}

static void add_snapshot(struct session *session, struct snapshot *snapshot)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (session->last_unix_ns && session->reason[0])
        recorder_gap(session->recorder, session->last_unix_ns, snapshot->unix_ns, session->reason);
    session->reason[0] = '\0';
    recorder_add(session->recorder, snapshot);
    heed_suspects(session, snapshot);
    if (session->samples++ == 0 && session->options->for_ns)
        session->end_ns = snapshot->monotonic_ns + session->options->for_ns + snapshot->interval_ns / END_SLACK;
    if (!session->name && session->options->follow_name)
        session->name = strdup(catalog_string(snapshot->catalog, snapshot->target.comm));
    session->last_unix_ns = snapshot->unix_ns;
    session->start_unix_ns = snapshot->target.start_unix_ns;
    session->exited = snapshot->exited;
    if (snapshot->exited)
        snprintf(session->reason, sizeof(session->reason), "process %d ended: %s", (int)session->pid,
                 snapshot->exit_reason ? snapshot->exit_reason : "nothing is known of why");
    if (now >= session->map_due_ns) {
        source_request(session->source, SOURCE_REQUEST_MEMORY_MAP);
        session->map_due_ns = now + MAP_INTERVAL_NS;
    }
}

/* To the end of one process, or of the recording. */
static struct error *record_one(struct session *session)
{
    session->exited = false;
    while (!session->exited && !is_over(session)) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC), left = session->end_ns > now ? session->end_ns - now : 0;
        struct snapshot *snapshot = NULL;
        if (!wait_for(session, left < SECOND_NS ? left : SECOND_NS))
            continue;
        struct error *error = session->source->ops->next(session->source, 0, &snapshot);
        if (error)
            return error;
        if (!snapshot)
            return NULL;    /* Readable with nothing to give: the source has ended. */
        add_snapshot(session, snapshot);
        snapshot_unref(snapshot);
        tell_trouble(session);
    }
    return NULL;
}

/* ---- one process after the other ---- */

/* The youngest of the name that is younger than the one that has ended, if any has; 0 when there is none. */
static pid_t find_next(const struct session *session)
{
    struct process_list list;
    struct error *error = process_list_find(session->name, &list);
    if (error) {
        error_destroy(error);
        return 0;
    }
    const struct process_row *found = NULL;
    for (size_t i = 0; i < list.count; i++)
        if (list.rows[i].start_unix_ns > (found ? found->start_unix_ns : session->start_unix_ns))
            found = &list.rows[i];
    pid_t pid = found ? found->pid : 0;
    process_list_deinit(&list);
    return pid;
}

static struct error *attach_to(struct session *session, pid_t pid)
{
    const struct attach_options attach = {.interval_ns = session->options->interval_ns,
                                          .profile_rate = session->options->profile_rate,
                                          .stop_running = session->options->stop_running,
                                          .preload = session->options->preload,
                                          .preload_refusal = session->options->preload_refusal,
                                          .probe = session->options->probe,
                                          .probe_budget = session->options->probe_budget,
                                          .memory_map = true};
    struct error *error = live_source_open(pid, &attach, &session->source);
    if (error)
        return error;
    session->pid = pid;
    session->map_due_ns = clock_ns(CLOCK_MONOTONIC) + MAP_INTERVAL_NS;
    return NULL;
}

/* Until there is a process of the name that can be attached to, or the end. */
static struct error *wait_for_process(struct session *session)
{
    while (!session->source && !is_over(session)) {
        pid_t pid = find_next(session);
        struct error *error = pid ? attach_to(session, pid) : NULL;
        /* One that is gone already is none, and another may come. */
        if (error && error->kind != ERROR_GONE && error->kind != ERROR_NOT_FOUND)
            return error;
        error_destroy(error);
        if (!session->source)
            wait_for(session, LOOK_NS);
    }
    return NULL;
}

static bool is_gone(const struct error *error)
{
    return error && error->kind == ERROR_GONE;
}

static struct error *record_all(struct session *session)
{
    for (;;) {
        struct error *error = session->source ? record_one(session) : NULL;
        bool goes_on = session->name && !is_over(session) && (session->exited || is_gone(error));
        if (session->source && !goes_on)
            return error;
        if (is_gone(error))
            snprintf(session->reason, sizeof(session->reason), "process %d is gone", (int)session->pid);
        error_destroy(error);
        bool is_first = !session->source;
        if (!is_first)
            fprintf(stderr, "heaptop: %s; waiting for the next '%s'\n", session->reason, session->name);
        source_close(session->source);
        session->source = NULL;
        error = wait_for_process(session);
        if (error || !session->source)
            return error;
        session->restarts += !is_first;
    }
}

/* ---- the command ---- */

static void tell_begin(const struct session *session, pid_t pid)
{
    struct text path = {0};
    text_append_escaped(&path, session->path, strlen(session->path));
    fprintf(stderr, "heaptop: recording process %d to %s; Ctrl-C ends it, SIGUSR1 sets a mark\n", (int)pid,
            path.data ? path.data : "a file");
    text_deinit(&path);
}

static void tell_end(const struct recorder_status *status, const struct session *session)
{
    char bytes[UNITS_BUFFER];
    fprintf(stderr, "heaptop: %s%llu sample%s recorded, %s", session->exited ? "the process has ended; " : "",
            (unsigned long long)status->ticks, status->ticks == 1 ? "" : "s",
            units_format_bytes(bytes, (double)status->bytes));
    if (status->files > 1)
        fprintf(stderr, " in the last of %llu files", (unsigned long long)status->files);
    if (session->restarts)
        fprintf(stderr, ", %u restart%s", session->restarts, session->restarts == 1 ? "" : "s");
    if (status->dropped)
        fprintf(stderr, ", %llu lost", (unsigned long long)status->dropped);
    struct text path = {0};
    text_append_escaped(&path, session->path, strlen(session->path));
    /* A set of files has names that begin as its own. */
    fprintf(stderr, "; heaptop replay %s shows them\n", path.data && status->files < 2 ? path.data : "FILE");
    text_deinit(&path);
}

/* Of a name that is to be followed, the process may be yet to come. */
static enum exit_status choose(struct session *session, pid_t *ret_pid)
{
    const struct options *options = session->options;
    bool is_number = options->target[strspn(options->target, "0123456789")] == '\0';
    if (!options->follow_name || is_number)
        return target_choose(options, ret_pid);
    session->name = strdup(options->target);
    *ret_pid = session->name ? find_next(session) : 0;
    return session->name ? STATUS_DONE : error_print(error_no_memory());
}

/* By the process's name, where none was given. */
static struct error *choose_path(struct session *session)
{
    char path[32], name[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)session->pid);
    FILE *file = session->name ? NULL : fopen(path, "re");
    if (file && !fgets(name, sizeof(name), file))
        name[0] = '\0';
    if (file)
        fclose(file);
    name[strcspn(name, "\n")] = '\0';
    struct error *error = recording_name(session->name ? session->name : name, &session->chosen_path);
    session->path = session->chosen_path;
    return error;
}

static enum exit_status run_session(struct session *session, pid_t pid)
{
    struct recorder_status reached;
    enum exit_status status = STATUS_DONE;
    struct error *error = pid ? attach_to(session, pid) : NULL;
    if (error)
        return error_print_attach(error, pid);
    error = strcmp(session->path, "-") == 0 ? choose_path(session) : NULL;
    if (!error)
        error = recorder_open(session->path, &session->options->recorder, &session->recorder);
    if (error)
        return error_print(error);
    if (isatty(STDERR_FILENO) && pid)
        tell_begin(session, pid);
    else if (!pid)
        fprintf(stderr, "heaptop: there is no '%s' yet; waiting for it\n", session->name);
    error = record_all(session);
    if (error)
        status = error_print_attach(error, session->pid);
    error = recorder_close(session->recorder, &reached);
    if (error) {
        error_print(error);
        status = STATUS_FAILED;
    }
    tell_end(&reached, session);
    return status == STATUS_DONE && reached.dropped ? STATUS_FAILED : status;
}

/* Takes the session's name. */
static enum exit_status run_and_end(struct session *session, pid_t pid)
{
    struct error *error = open_signals(&session->signals);
    /* A file that may not grow any more is a write that fails, and no end. */
    signal(SIGXFSZ, SIG_IGN);
    enum exit_status status = error ? error_print(error) : run_session(session, pid);
    source_close(session->source);
    history_destroy(session->history);
    if (session->signals >= 0)
        close(session->signals);
    free(session->name);
    free(session->chosen_path);
    return status;
}

enum exit_status record_process(pid_t pid, const struct options *options, const char *path)
{
    struct session session = {.options = options, .path = path, .signals = -1, .end_ns = UINT64_MAX};
    return run_and_end(&session, pid);
}

enum exit_status record_command(const struct options *options)
{
    struct session session = {.options = options, .path = options->output, .signals = -1, .end_ns = UINT64_MAX};
    pid_t pid = 0;
    enum exit_status status = choose(&session, &pid);
    if (status != STATUS_DONE || (!pid && !session.name)) {
        free(session.name);
        return status;
    }
    return run_and_end(&session, pid);
}
