/* The parts of the text report. */
#ifndef HEAPTOP_EXPORT_REPORT_H
#define HEAPTOP_EXPORT_REPORT_H

#include "heaptop/export.h"

struct report {
    struct text *out;
    const struct history *history;
    const struct analysis *analysis;
    const struct export_recorded *recorded;     /* NULL: it is no recording. */
    unsigned columns;
};

/* Appends as much of a string as fits, with ".." for the rest; returns the columns used. */
size_t report_clip(struct text *out, const char *string, size_t columns);
/* Appends the words of a string as whole lines, each indented. */
void report_wrap(struct report *report, unsigned indent, const char *string);

/* The same behind what stands in the first line already, `indent` columns. */
void report_wrap_behind(struct report *report, unsigned indent, const char *string);

/* A section's heading. */
void report_section(struct report *report, const char *title);

const struct counter *report_counter(const struct report *report, enum counter_id id);
bool report_known(const struct report *report, enum counter_id id);
/* Of an integer counter that is known. */
double report_value(const struct report *report, enum counter_id id);

/* "tsdb.(*Head).getOrCreate  head.go:1622" in so many columns, and a newline: the place is kept whole, the name is
 * cut. */
void report_add_frame(struct report *report, const struct catalog *catalog, frame_id id, size_t columns);

/* "  label       text", wrapped below its own column. */
void report_add_figure(struct report *report, const char *label, const struct text *value);
/* ", growing 3.1 MB/s", or nothing where it cannot be said. */
void report_write_growth(struct text *text, const struct growth *growth, bool bytes);

/* The heap of a JVM, or CPython's (report_managed.c). */
void report_add_managed_heap(struct report *report);

/* What happened when (report_recorded.c). */
void report_add_recorded(struct report *report);

/* What to look at first (report_suspects.c). */
void report_add_suspects(struct report *report);

/* The heap of C code (report_malloc.c). */
void report_add_malloc(struct report *report);

/* The closing parts (report_memory.c). */
void report_add_memory(struct report *report);
void report_add_unavailable(struct report *report);
void report_add_cost(struct report *report);

#endif
