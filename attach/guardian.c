#include "attach/guardian.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"

/* How long it may take to begin: it is one of many processes of a busy machine. */
#define BEGIN_MILLISECONDS 5000
/* Without a pidfd the target's end is looked for this often. */
#define LOOK_MILLISECONDS 2000
#define SIGN_WATCHING 'w'
#define SIGN_DONE 'd'

bool changed_word_read(const struct changed_word *word, uint64_t *ret_value)
{
    uint64_t value;
    if (pread(word->memory, &value, sizeof(value), (off_t)word->address) != (ssize_t)sizeof(value))
        return false;
    *ret_value = value;
    return true;
}

bool changed_word_write(const struct changed_word *word, uint64_t value)
{
    return pwrite(word->memory, &value, sizeof(value), (off_t)word->address) == (ssize_t)sizeof(value);
}

bool changed_word_put_back(const struct changed_word *word)
{
    uint64_t value;
    return changed_word_read(word, &value) && value == word->value && changed_word_write(word, 0);
}

/* ---- the guardian itself: after a fork of a program with threads, so nothing but system calls ---- */

/* Closes all descriptors but these: what heaptop has open must not stay open for the guardian's sake. */
static void close_others(int *kept, size_t count)
{
    /* By insertion: there are five. */
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && kept[j - 1] > kept[j]; j--) {
            int swapped = kept[j];
            kept[j] = kept[j - 1];
            kept[j - 1] = swapped;
        }
    }
    unsigned from = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept[i] < 0)
            continue;
        if ((unsigned)kept[i] > from)
            close_range(from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    close_range(from, ~0u, 0);
}

/* True when heaptop is gone, false when it says that all is done, or the target has ended. */
static bool wait_for_end(const struct changed_word *word, int line, int target)
{
    for (;;) {
        struct pollfd descriptors[] = {{.fd = line, .events = POLLIN}, {.fd = target, .events = POLLIN}};
        uint64_t value;
        char sign;
        if (poll(descriptors, ARRAY_SIZE(descriptors), target < 0 ? LOOK_MILLISECONDS : -1) < 0 && errno != EINTR)
            return true;
        if (descriptors[0].revents)
            return read(line, &sign, 1) != 1 || sign != SIGN_DONE;
        if (descriptors[1].revents || (target < 0 && !changed_word_read(word, &value)))
            return false;
    }
}

static _Noreturn void guard(const struct changed_word *word, int line, int target, struct switch_file *file)
{
    int kept[] = {word->memory, line, target, file->folder, file->file};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    /* Ctrl-C and a terminal that closes are for heaptop. */
    setsid();
    prctl(PR_SET_NAME, "heaptop-guard");
    if (chdir("/") != 0)
        _exit(1);
    close_others(kept, ARRAY_SIZE(kept));
    char sign = SIGN_WATCHING;
    if (write(line, &sign, 1) != 1)
        _exit(1);
    if (wait_for_end(word, line, target)) {
        changed_word_put_back(word);
        switch_file_remove(file);
    }
    _exit(0);
}

/* ---- heaptop's side ---- */

struct error *guardian_start(const struct changed_word *word, int target_descriptor, const struct switch_file *file,
                             struct guardian *ret_guardian)
{
    int pair[2];
    char sign = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_from_errno(errno, "cannot make a line to the guardian process");
    _cleanup_close_ int ours = pair[0];
    _cleanup_close_ int theirs = pair[1];
    /* Copies of all that the child needs: memory is shared with nobody after the fork. */
    struct changed_word copied_word = *word;
    struct switch_file copied_file = *file;
    pid_t pid = fork();
    if (pid < 0)
        return error_from_errno(errno, "cannot start the guardian process");
    if (pid == 0)
        guard(&copied_word, theirs, target_descriptor, &copied_file);
    close(take_descriptor(theirs));
    struct pollfd descriptor = {.fd = ours, .events = POLLIN};
    while (poll(&descriptor, 1, BEGIN_MILLISECONDS) < 0 && errno == EINTR) {
    }
    if (!descriptor.revents || read(ours, &sign, 1) != 1 || sign != SIGN_WATCHING) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return error_create(ERROR_SYSTEM, "the guardian process did not begin in time");
    }
    *ret_guardian = (struct guardian){.pid = pid, .line = take_descriptor(ours)};
    return NULL;
}

static void forget(struct guardian *guardian)
{
    close_p(&guardian->line);
    *guardian = (struct guardian){.line = -1};
}

bool guardian_is_there(struct guardian *guardian)
{
    if (guardian->pid == 0)
        return false;
    if (waitpid(guardian->pid, NULL, WNOHANG) == 0)
        return true;
    forget(guardian);
    return false;
}

void guardian_end(struct guardian *guardian)
{
    char sign = SIGN_DONE;
    if (guardian->pid == 0)
        return;
    /* One that is gone already does not take it: no signal for that. */
    ssize_t sent = send(guardian->line, &sign, 1, MSG_NOSIGNAL);
    (void)sent;
    while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    forget(guardian);
}
