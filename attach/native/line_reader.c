#include "attach/native/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attach/child.h"
#include "attach/native/line_answer.h"
#include "attach/procfs.h"
#include "heaptop/base/vector.h"

struct file {
    uint32_t number;
    struct source_lines *lines;         /* NULL: they cannot be read. */
};

struct files {
    VECTOR(struct file) list;
};

/* ---- what it may do ---- */

/* What it has already (/proc/self/statm, sixth word: pages of data and stack), and so much more. */
static void limit_memory(void)
{
    char text[128];
    size_t length;
    uint64_t words[6] = {0};
    if (procfs_read(AT_FDCWD, "/proc/self/statm", text, sizeof(text), &length))
        _exit(1);
    struct scanner scanner = scanner_over(text, length);
    for (size_t i = 0; i < 6; i++)
        scanner_number_word(&scanner, &words[i]);
    struct rlimit limit;
    limit.rlim_cur = limit.rlim_max = words[5] * (uint64_t)sysconf(_SC_PAGESIZE) + LINE_READER_MAX_MEMORY;
    setrlimit(RLIMIT_DATA, &limit);
}

/* Where memory is short it is the first to go. */
static void offer_to_be_killed(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t written = file >= 0 ? write(file, "1000", 4) : 0;
    (void)written;
}

static void confine(int line, pid_t parent)
{
    child_begin("heaptop-lines", parent, line);
    offer_to_be_killed();
    limit_memory();
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
}

/* Files have names of other files in them, which libdw would open: it may not while it reads. */
static void allow_opening(bool is_allowed)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(1);
    limit.rlim_cur = is_allowed ? limit.rlim_max : 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(1);
}

/* ---- questions ---- */

/* False when heaptop has closed the line. */
static bool receive(int line, struct line_question *question, int descriptors[2])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = question, .iov_len = sizeof(*question)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t size;
    do
        size = recvmsg(line, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    descriptors[0] = descriptors[1] = -1;
    struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(descriptors, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return size == (ssize_t)sizeof(*question) && question->count <= LINE_QUESTION_ADDRESSES;
}

static void end_if_no_memory(struct error *error)
{
    if (error && error->kind == ERROR_NO_MEMORY)
        _exit(LINE_READER_NO_MEMORY);
    error_destroy(error);
}

static struct source_lines *find_file(struct files *files, const struct line_question *question,
                                      const int descriptors[2])
{
    struct file file = {.number = question->file};
    if (question->has_file) {
        end_if_no_memory(source_lines_open(descriptors[0], descriptors[1], &file.lines));
        if (!vector_append(&files->list, file))
            _exit(LINE_READER_NO_MEMORY);
        return file.lines;
    }
    for (size_t i = 0; i < files->list.count; i++) {
        if (files->list.items[i].number == question->file)
            return files->list.items[i].lines;
    }
    return NULL;
}

static void answer(int line, struct source_lines *lines, uint64_t address)
{
    static struct source_frame frames[SOURCE_LINES_MAX_INLINED];
    static uint8_t bytes[LINE_ANSWER_MAX_BYTES];
    size_t count = 0;
    if (lines)
        end_if_no_memory(source_lines_find(lines, address, frames, &count));
    size_t size = line_answer_write(!lines, frames, count, bytes);
    ssize_t sent;
    do
        sent = send(line, bytes, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent != (ssize_t)size)
        _exit(0);
}

_Noreturn void line_reader_run(int line, pid_t parent)
{
    static struct line_question question;
    struct files files = {0};
    int descriptors[2];
    confine(line, parent);
    while (receive(line, &question, descriptors)) {
        allow_opening(false);
        struct source_lines *lines = find_file(&files, &question, descriptors);
        for (uint32_t i = 0; i < question.count; i++)
            answer(line, lines, question.addresses[i]);
        allow_opening(true);
    }
    _exit(0);
}
