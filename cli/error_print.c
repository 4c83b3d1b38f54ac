#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

enum exit_status status_of_error(const struct error *error)
{
    switch (error->kind) {
    case ERROR_USAGE:
        return STATUS_USAGE;
    case ERROR_PERMISSION:
        return STATUS_PERMISSION;
    case ERROR_GONE:
    case ERROR_NOT_FOUND:
        return STATUS_GONE;
    case ERROR_UNSUPPORTED:
        return STATUS_UNSUPPORTED;
    default:
        return STATUS_FAILED;
    }
}

/* Between the cause and the remedy in the messages of attach. */
#define REMEDY "; what would help: "

static void print_message(const char *prefix, const char *message)
{
    struct text line = {0};
    const char *remedy = strstr(message, REMEDY);
    text_printf(&line, "heaptop: %s", prefix);
    /* Messages quote what was typed: nothing in them may steer the terminal. */
    text_append_escaped(&line, message, remedy ? (size_t)(remedy - message) : strlen(message));
    text_append(&line, "\n");
    if (remedy) {
        text_append(&line, "  what would help: ");
        text_append_escaped(&line, remedy + strlen(REMEDY), strlen(remedy + strlen(REMEDY)));
        text_append(&line, "\n");
    }
    fputs(line.failed ? "heaptop: out of memory\n" : line.data, stderr);
    text_deinit(&line);
}

enum exit_status error_print_usage(struct error *error, const struct options *options)
{
    enum exit_status status = status_of_error(error);
    const char *name = options->is_named ? command_infos[options->command].name : NULL;
    print_message("", error->message);
    fprintf(stderr, "  heaptop %s%s--help lists what it understands\n", name ? name : "", name ? " " : "");
    error_destroy(error);
    return status;
}

enum exit_status error_print(struct error *error)
{
    enum exit_status status = status_of_error(error);
    print_message("", error->message);
    if (status == STATUS_USAGE)
        fputs("  heaptop --help lists the commands, heaptop help COMMAND the options of one\n", stderr);
    error_destroy(error);
    return status;
}

enum exit_status error_print_attach(struct error *error, pid_t pid)
{
    enum exit_status status = status_of_error(error);
    char prefix[64], subject[32];
    size_t length = (size_t)snprintf(subject, sizeof(subject), "process %d ", (int)pid);
    /* Which process has been said by then. */
    bool repeats = strncmp(error->message, subject, length) == 0;
    snprintf(prefix, sizeof(prefix), "cannot attach to process %d: %s", (int)pid, repeats ? "it " : "");
    print_message(prefix, error->message + (repeats ? length : 0));
    if (status == STATUS_PERMISSION)
        fprintf(stderr, "  heaptop doctor %d says more\n", (int)pid);
    error_destroy(error);
    return status;
}
