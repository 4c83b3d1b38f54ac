/* Starts a command and watches it from its first moment on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "heaptop/attach.h"
#include "heaptop/base.h"
#include "heaptop/record.h"

/* What shells say of a command that could not be started. */
#define STATUS_CANNOT_START 127
#define SIGNAL_STATUS 128

/* Puts the file at this descriptor; false when it cannot be opened. */
static bool place_file(const char *path, int flags, int descriptor)
{
    int opened = open(path, flags | O_CLOEXEC, 0600);
    bool placed = opened >= 0 && dup2(opened, descriptor) >= 0;
    if (opened >= 0)
        close(opened);
    return placed;
}

/* In the child: never returns. What goes wrong is written to `report` as an errno. */
static void become(const struct options *options, bool has_screen, int report)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    bool placed = true;
    if (has_screen) {
        /* The terminal is the screen's. In a group of its own, Ctrl-C and Ctrl-Z are not for it either. */
        const char *log = options->log ? options->log : "/dev/null";
        setpgid(0, 0);
        placed = place_file("/dev/null", O_RDONLY, STDIN_FILENO) &&
                 place_file(log, O_WRONLY | O_CREAT | O_APPEND, STDOUT_FILENO) &&
                 dup2(STDOUT_FILENO, STDERR_FILENO) >= 0;
    }
    placed = placed && (!options->preload || preload_enter(options->preload));
    if (placed)
        execvp(options->arguments[0], options->arguments);
    int reason = errno;
    ssize_t written = write(report, &reason, sizeof(reason));
    _exit(written < 0 ? STATUS_FAILED : STATUS_CANNOT_START);
}

/* Returns when the command runs, not before: until then the process is still heaptop. */
static struct error *start(const struct options *options, bool has_screen, pid_t *ret_pid)
{
    int report[2], reason = 0;
    if (pipe2(report, O_CLOEXEC) != 0)
        return error_from_errno(errno, "cannot start the command");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(options, has_screen, report[1]);
    close(report[1]);
    ssize_t size = pid > 0 ? read(report[0], &reason, sizeof(reason)) : 0;
    close(report[0]);
    if (pid < 0)
        return error_from_errno(errno, "cannot start the command");
    if (size == (ssize_t)sizeof(reason)) {
        _cleanup_(text_deinit) struct text name = {0};
        waitpid(pid, NULL, 0);
        text_append_escaped(&name, options->arguments[0], strlen(options->arguments[0]));
        return error_from_errno(reason, "cannot start '%s'", name.data ? name.data : "");
    }
    *ret_pid = pid;
    return NULL;
}

/* Its exit status as a shell would give it. A command that still runs is asked to end first: it was started to be
 * watched. */
static int finish(pid_t pid)
{
    int status = 0;
    bool asked = waitpid(pid, &status, WNOHANG) == 0;
    if (asked) {
        kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (asked && WTERMSIG(status) == SIGTERM)
        return STATUS_DONE;
    return SIGNAL_STATUS + WTERMSIG(status);
}

static void tell_end(const struct options *options, int status)
{
    _cleanup_(text_deinit) struct text name = {0};
    text_append_escaped(&name, options->arguments[0], strlen(options->arguments[0]));
    fprintf(stderr, "heaptop: '%s' ended with status %d%s\n", name.data ? name.data : "", status,
            options->log ? "" : "; its output was discarded (--log FILE keeps it)");
}

DEFINE_CLEANUP(struct preload *, preload_destroy)

/* Prepares what samples the command's allocations; with NULL the refusal says why it is left out. */
static struct error *prepare_preload(const struct options *options, struct text *refusal, struct preload **ret_preload)
{
    _cleanup_free_ char *library = NULL;
    const char *reason = preload_judge_program(options->arguments[0]);
    struct error *error = reason ? NULL : preload_find_library(&library);
    if (reason)
        text_printf(refusal, "its allocations are not sampled: %s", reason);
    else if (!error)
        error = preload_create(library, options->preload_rate, ret_preload);
    else
        text_append(refusal, error->message);
    if (!error || (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_UNSUPPORTED))
        return error;
    error_destroy(error);
    return NULL;
}

enum exit_status run_command(const struct options *given)
{
    _cleanup_(preload_destroyp) struct preload *preload = NULL;
    _cleanup_(text_deinit) struct text refusal = {0};
    struct options with_preload = *given;
    const struct options *options = &with_preload;
    bool has_screen = terminal_present(), pick_again;
    pid_t pid = 0;
    if (!has_screen && !options->record)
        return error_print(error_create(
            ERROR_UNSUPPORTED,
            "the live view needs a terminal; what would help: heaptop run --record FILE -- COMMAND"));
    /* A command is not started only for its recording to fail. */
    struct error *error = options->record ? recorder_try(options->record, &options->recorder) : NULL;
    if (error)
        return error_print(error);
    error = options->no_preload ? NULL : prepare_preload(options, &refusal, &preload);
    with_preload.preload = preload;
    with_preload.preload_refusal = options->no_preload ? "its allocations are not sampled, as was asked" : refusal.data;
    if (!error)
        error = start(options, has_screen, &pid);
    if (error) {
        error_print(error);
        return (enum exit_status)STATUS_CANNOT_START;
    }
    enum exit_status watched =
        has_screen ? attach_process(pid, options, &pick_again) : record_process(pid, options, options->record);
    int status = finish(pid);
    if (has_screen)
        tell_end(options, status);
    /* The command's own status counts, as with time(1); where it has nothing to say, what became of watching it. */
    return status ? (enum exit_status)status : watched;
}
