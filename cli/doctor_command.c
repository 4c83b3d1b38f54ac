#include "cli/commands.h"

#include <stdio.h>

#include "heaptop/attach.h"

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
    for (size_t i = 0; i < report.count; i++) {
        const struct doctor_row *row = &report.rows[i];
        text_printf(&text, "%-6s  %-18s %s\n", marks[row->state], row->subject, row->detail ? row->detail : "");
        if (row->remedy)
            text_printf(&text, "        %-18s what would help: %s\n", "", row->remedy);
    }
    status = report.can_attach ? STATUS_DONE : STATUS_PERMISSION;
    doctor_report_deinit(&report);
    error = text.failed ? error_no_memory() : export_write_file("-", text.data ? text.data : "", text.length);
    text_deinit(&text);
    return error ? error_print(error) : status;
}
