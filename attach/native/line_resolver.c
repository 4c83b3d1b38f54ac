#include "attach/native/line_resolver.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/native/line_reader.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/vector.h"

#define PROBLEM_BYTES 160

struct file {
    int descriptor, supplement;
    bool is_sent;                       /* To the process that is there now. */
    char problem[PROBLEM_BYTES];        /* "": none. */
};

struct question {
    uint32_t file;
    uint64_t address, tag;
};

struct line_resolver {
    pid_t process;                      /* 0: there is none. */
    int line;
    unsigned failures;
    uint64_t ended_cpu_ns;              /* Of processes that were there before. */
    uint64_t deadline_ns, waiting_since_ns;
    VECTOR(struct file) files;
    VECTOR(struct question) questions;
    size_t next;                        /* The first without an answer. */
    size_t sent;                        /* Of those from there on, to the process. */
    uint8_t bytes[LINE_ANSWER_MAX_BYTES];
    struct line_answer answer;
};

struct error *line_resolver_create(struct line_resolver **ret_resolver)
{
    struct line_resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return error_no_memory();
    resolver->line = -1;
    resolver->deadline_ns = LINE_RESOLVER_DEADLINE_NS;
    *ret_resolver = resolver;
    return NULL;
}

/* Ends the process. Returns how it has ended, as waitpid tells it. */
static int end_process(struct line_resolver *resolver)
{
    int status = 0;
    if (resolver->process == 0)
        return 0;
    close(take_descriptor(resolver->line));
    resolver->ended_cpu_ns = line_resolver_cpu_ns(resolver);
    kill(resolver->process, SIGKILL);
    while (waitpid(resolver->process, &status, 0) < 0 && errno == EINTR) {
    }
    resolver->process = 0;
    resolver->sent = 0;
    for (size_t i = 0; i < resolver->files.count; i++)
        resolver->files.items[i].is_sent = false;
    return status;
}

void line_resolver_destroy(struct line_resolver *resolver)
{
    if (!resolver)
        return;
    end_process(resolver);
    vector_deinit(&resolver->files);
    vector_deinit(&resolver->questions);
    free(resolver);
}

void line_resolver_set_deadline(struct line_resolver *resolver, uint64_t deadline_ns)
{
    resolver->deadline_ns = deadline_ns;
}

struct error *line_resolver_add_file(struct line_resolver *resolver, int descriptor, int supplement,
                                     uint32_t *ret_file)
{
    struct file file = {.descriptor = descriptor, .supplement = supplement};
    if (!vector_append(&resolver->files, file))
        return error_no_memory();
    *ret_file = (uint32_t)(resolver->files.count - 1);
    return NULL;
}

struct error *line_resolver_ask(struct line_resolver *resolver, uint32_t file, uint64_t address, uint64_t tag)
{
    struct question question = {.file = file, .address = address, .tag = tag};
    return vector_append(&resolver->questions, question) ? NULL : error_no_memory();
}

size_t line_resolver_waiting(const struct line_resolver *resolver)
{
    return resolver->questions.count - resolver->next;
}

uint64_t line_resolver_cpu_ns(const struct line_resolver *resolver)
{
    clockid_t clock;
    struct timespec spent;
    /* It may just have ended. */
    bool is_known = resolver->process != 0 && clock_getcpuclockid(resolver->process, &clock) == 0 &&
                    clock_gettime(clock, &spent) == 0;
    return resolver->ended_cpu_ns +
           (is_known ? (uint64_t)spent.tv_sec * CLOCK_SECOND_NS + (uint64_t)spent.tv_nsec : 0);
}

const char *line_resolver_problem(const struct line_resolver *resolver, uint32_t file)
{
    const char *problem = resolver->files.items[file].problem;
    return *problem ? problem : NULL;
}

/* ---- the process ---- */

/* False when none can be had. */
static bool start_process(struct line_resolver *resolver)
{
    int pair[2];
    pid_t parent = getpid();
    if (resolver->process != 0)
        return true;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pid_t process = fork();
    if (process == 0)
        line_reader_run(pair[1], parent);
    close(pair[1]);
    if (process < 0) {
        close(pair[0]);
        return false;
    }
    resolver->process = process;
    resolver->line = pair[0];
    return true;
}

static bool send_question(struct line_resolver *resolver, struct file *file, struct line_question *question)
{
    int descriptors[] = {file->descriptor, file->supplement};
    size_t size = (file->supplement >= 0 ? 2 : 1) * sizeof(int);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(descriptors))];
    } control = {0};
    struct iovec part = {.iov_base = question, .iov_len = sizeof(*question)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    question->has_file = !file->is_sent;
    if (question->has_file) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    file->is_sent = true;
    return sendmsg(resolver->line, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*question);
}

/* Asks for the next addresses of one file. Those about files of which there will be no answer are passed over by run.
 * */
static bool send_next(struct line_resolver *resolver)
{
    const struct question *next = &resolver->questions.items[resolver->next];
    struct line_question question = {.file = next->file};
    size_t left = line_resolver_waiting(resolver);
    while (question.count < left && question.count < LINE_QUESTION_ADDRESSES &&
           next[question.count].file == question.file) {
        question.addresses[question.count] = next[question.count].address;
        question.count++;
    }
    resolver->sent = question.count;
    resolver->waiting_since_ns = clock_ns(CLOCK_MONOTONIC);
    return send_question(resolver, &resolver->files.items[question.file], &question);
}

static void set_problem(struct line_resolver *resolver, const char *problem)
{
    struct file *file = &resolver->files.items[resolver->questions.items[resolver->next].file];
    snprintf(file->problem, sizeof(file->problem), "%s", problem);
}

/* Over the file that it was asked about it has ended, or must end. */
static void give_up_file(struct line_resolver *resolver, bool is_late)
{
    char late[PROBLEM_BYTES];
    int status = end_process(resolver);
    snprintf(late, sizeof(late), "reading its debug information took more than %.3g s",
             (double)resolver->deadline_ns / 1e9);
    resolver->failures++;
    if (is_late)
        set_problem(resolver, late);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == LINE_READER_NO_MEMORY)
        set_problem(resolver, "reading its debug information takes too much memory");
    else
        set_problem(resolver, "the process that reads its debug information has crashed over it");
}

/* ---- answers ---- */

static struct error *deliver(struct line_resolver *resolver, line_visitor *visit, void *context)
{
    uint64_t tag = resolver->questions.items[resolver->next++].tag;
    resolver->sent -= resolver->sent > 0;
    resolver->waiting_since_ns = clock_ns(CLOCK_MONOTONIC);
    if (resolver->next == resolver->questions.count)
        resolver->next = resolver->questions.count = 0;
    return visit(context, tag, &resolver->answer);
}

/* Of a file that cannot be read, or when no process can be had. */
static struct error *deliver_nothing(struct line_resolver *resolver, line_visitor *visit, void *context)
{
    resolver->answer.count = 0;
    return deliver(resolver, visit, context);
}

enum arrival { ARRIVED, NOT_YET, FAILED };

static enum arrival receive(struct line_resolver *resolver, uint64_t until_ns)
{
    uint64_t late_ns = resolver->waiting_since_ns + resolver->deadline_ns;
    for (;;) {
        ssize_t size = recv(resolver->line, resolver->bytes, sizeof(resolver->bytes), MSG_DONTWAIT);
        if (size > 0)
            return line_answer_read(resolver->bytes, (size_t)size, &resolver->answer) ? ARRIVED : FAILED;
        if (size == 0 || (errno != EAGAIN && errno != EINTR))
            return FAILED;
        uint64_t now = clock_ns(CLOCK_MONOTONIC), end = late_ns < until_ns ? late_ns : until_ns;
        if (now >= end)
            return NOT_YET;
        struct pollfd descriptor = {.fd = resolver->line, .events = POLLIN};
        struct timespec left = {.tv_sec = (time_t)((end - now) / CLOCK_SECOND_NS),
                                .tv_nsec = (long)((end - now) % CLOCK_SECOND_NS)};
        ppoll(&descriptor, 1, &left, NULL);
    }
}

/* Sees to the first question; *ret_waits: its answer is not there yet. */
static struct error *run_first(struct line_resolver *resolver, uint64_t until_ns, line_visitor *visit, void *context,
                               bool *ret_waits)
{
    *ret_waits = false;
    if (resolver->sent == 0) {
        const struct file *file = &resolver->files.items[resolver->questions.items[resolver->next].file];
        if (!file->problem[0] && resolver->failures >= LINE_RESOLVER_MAX_FAILURES)
            set_problem(resolver, "the process that reads debug information has crashed too often");
        else if (!file->problem[0] && !start_process(resolver))
            set_problem(resolver, "the process that reads debug information cannot be started");
        if (file->problem[0])
            return deliver_nothing(resolver, visit, context);
        if (!send_next(resolver)) {
            /* It has ended while nothing was asked of it: no file is to blame. */
            end_process(resolver);
            resolver->failures++;
        }
        return NULL;
    }
    switch (receive(resolver, until_ns)) {
    case ARRIVED:
        if (resolver->answer.is_unreadable)
            set_problem(resolver, "its debug information cannot be read");
        return deliver(resolver, visit, context);
    case FAILED:
        give_up_file(resolver, false);
        return NULL;
    default:
        *ret_waits = true;
        if (clock_ns(CLOCK_MONOTONIC) >= resolver->waiting_since_ns + resolver->deadline_ns)
            give_up_file(resolver, true);
        return NULL;
    }
}

struct error *line_resolver_run(struct line_resolver *resolver, uint64_t patience_ns, line_visitor *visit,
                                void *context)
{
    uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + patience_ns;
    struct error *error = NULL;
    bool waits = false;
    while (!error && line_resolver_waiting(resolver) > 0) {
        error = run_first(resolver, until_ns, visit, context, &waits);
        if (waits && clock_ns(CLOCK_MONOTONIC) >= until_ns)
            break;
    }
    return error;
}
