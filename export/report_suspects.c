/* The report's list of suspects. */
#include "export/report.h"

/* Columns before its text; in the first line they hold its number. */
#define INDENT 5

/* Appends one suspect's lines, the first of them without a number. */
static void add_lines(struct report *report, const struct suspect *suspect)
{
    struct text line = {0};
    text_printf(&line, "%s: %s", suspect_confidence_name(suspect->confidence), suspect->summary);
    if (line.data)
        report_wrap(report, INDENT, line.data);
    for (size_t i = 0; i < suspect->num_evidence; i++)
        report_wrap(report, INDENT, suspect->evidence[i]);
    line.length = 0;
    text_printf(&line, "Next: %s", suspect->advice);
    if (line.data)
        report_wrap(report, INDENT, line.data);
    report->out->failed |= line.failed;
    text_deinit(&line);
}

void report_add_suspects(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    if (!analysis->num_suspects)
        return;
    report_section(report, "Suspects");
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        struct text lines = {0};
        struct report inner = {.out = &lines, .columns = report->columns, .analysis = analysis};
        add_lines(&inner, &analysis->suspects[i]);
        text_printf(report->out, "%3zu. ", i + 1);
        if (!lines.failed && lines.length > INDENT)
            text_append(report->out, lines.data + INDENT);
        report->out->failed |= lines.failed;
        text_deinit(&lines);
    }
}
