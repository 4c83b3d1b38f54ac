/* The list of rows that doctor shows. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attach/reader.h"

/* Longer details are cut. */
#define DETAIL_BUFFER 1024

struct error *doctor_report_add(struct doctor_report *report, const char *subject, enum doctor_state state,
                                const char *remedy, const char *detail_format, ...)
{
    char detail[DETAIL_BUFFER];
    va_list arguments;
    va_start(arguments, detail_format);
    int length = vsnprintf(detail, sizeof(detail), detail_format, arguments);
    va_end(arguments);
    if (length < 0)
        detail[0] = 0;
    /* Few rows, made once: each time a new array, of which the arena keeps the old. */
    struct doctor_row *rows = arena_alloc_array(&report->arena, report->count + 1, sizeof(*rows));
    struct doctor_row row = {
        .subject = arena_copy_string(&report->arena, subject, strlen(subject)),
        .state = state,
        .detail = arena_copy_string(&report->arena, detail, strlen(detail)),
        .remedy = remedy ? arena_copy_string(&report->arena, remedy, strlen(remedy)) : NULL,
    };
    if (!rows || !row.subject || !row.detail || (remedy && !row.remedy))
        return error_no_memory();
    if (report->count > 0)
        memcpy(rows, report->rows, report->count * sizeof(*rows));
    rows[report->count] = row;
    report->rows = rows;
    report->count++;
    return NULL;
}

void doctor_report_deinit(struct doctor_report *report)
{
    arena_deinit(&report->arena);
    *report = (struct doctor_report){0};
}
