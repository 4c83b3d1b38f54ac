#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "heaptop/attach.h"

#define SUBJECT_COLUMNS 21
/* Where the details begin: behind a mark of six columns and the subject. */
#define INDENT (6 + 2 + SUBJECT_COLUMNS + 1)
#define LEAST_COLUMNS 60

/* Of the terminal; 0 for output to a file or a pipe, where a line stays whole for those that search in it. */
static unsigned terminal_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < LEAST_COLUMNS)
        return 0;
    return size.ws_col;
}

/* Words behind one another from INDENT on, as many as fit on a line. */
static void write_wrapped(struct text *text, const char *words, unsigned columns)
{
    size_t used = INDENT;
    while (*words) {
        size_t length = strcspn(words, " ");
        if (columns && used > INDENT && used + 1 + length > columns) {
            text_printf(text, "\n%*s", INDENT, "");
            used = INDENT;
        } else if (used > INDENT) {
            text_append(text, " ");
            used++;
        }
        text_append_bytes(text, words, length);
        used += length;
        words += length;
        words += strspn(words, " ");
    }
    text_append(text, "\n");
}

enum exit_status doctor_command(const struct options *options)
{
    static const char *const marks[] = {
        [DOCTOR_YES] = "yes", [DOCTOR_PARTLY] = "partly", [DOCTOR_NO] = "no", [DOCTOR_UNKNOWN] = "?"};
    pid_t pid = 0;
    enum exit_status status = target_choose(options, &pid);
    if (status != STATUS_DONE || !pid)
        return status;
    struct doctor_report report;
    struct error *error = doctor_examine(pid, &report);
    if (error)
        return error_print(error);
    struct text text = {0};
    unsigned columns = terminal_columns();
    for (size_t i = 0; i < report.count; i++) {
        const struct doctor_row *row = &report.rows[i];
        text_printf(&text, "%-6s  %-*s ", marks[row->state], SUBJECT_COLUMNS, row->subject);
        write_wrapped(&text, row->detail ? row->detail : "", columns);
        if (!row->remedy)
            continue;
        struct text remedy = {0};
        text_printf(&remedy, "what would help: %s", row->remedy);
        text_printf(&text, "%*s", INDENT, "");
        write_wrapped(&text, remedy.data ? remedy.data : "", columns);
        text.failed |= remedy.failed;
        text_deinit(&remedy);
    }
    status = report.can_attach ? STATUS_DONE : STATUS_PERMISSION;
    doctor_report_deinit(&report);
    error = text.failed ? error_no_memory() : export_write_file("-", text.data ? text.data : "", text.length);
    text_deinit(&text);
    return error ? error_print(error) : status;
}
