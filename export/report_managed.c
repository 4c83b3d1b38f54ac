/* The report's key figures of the heaps that a JVM and CPython keep. */
#include "export/report.h"
#include "heaptop/base/units.h"

/* "name 12 MB", after a comma where something stands before. */
static void write_bytes(struct report *report, struct text *text, const char *name, enum counter_id id)
{
    char buffer[UNITS_BUFFER];
    if (report_known(report, id))
        text_printf(text, "%s%s %s", text->length ? ", " : "", name,
                    units_format_bytes(buffer, report_value(report, id)));
}

static void write_count(struct report *report, struct text *text, const char *format_name, enum counter_id id)
{
    char buffer[UNITS_BUFFER];
    if (report_known(report, id))
        text_printf(text, "%s%s %s", text->length ? ", " : "",
                    units_format_exact(buffer, report_counter(report, id)->value.integer), format_name);
}

/* "122 young in 1.2 s" */
static void write_collections(struct report *report, struct text *text, const char *name, enum counter_id count,
                              enum counter_id time)
{
    char buffer[UNITS_BUFFER];
    write_count(report, text, name, count);
    if (report_known(report, count) && report_known(report, time))
        text_printf(text, " in %s", units_format_duration(buffer, report_value(report, time)));
}

static void add_java(struct report *report, struct text *text)
{
    write_bytes(report, text, "used", COUNTER_JAVA_HEAP_USED);
    write_bytes(report, text, "committed", COUNTER_JAVA_HEAP_COMMITTED);
    write_bytes(report, text, "at most", COUNTER_JAVA_HEAP_MAX);
    report_add_figure(report, "Java heap", text);
    text->length = 0;
    write_bytes(report, text, "young", COUNTER_JAVA_YOUNG_USED);
    write_bytes(report, text, report_known(report, COUNTER_JAVA_YOUNG_USED) ? "old" : "one generation",
                COUNTER_JAVA_OLD_USED);
    report_write_growth(text, &report->analysis->managed.growth, true);
    report_add_figure(report, "generations", text);
    text->length = 0;
    write_collections(report, text, "young", COUNTER_JAVA_YOUNG_GCS, COUNTER_JAVA_YOUNG_GC_TIME);
    write_collections(report, text, "full", COUNTER_JAVA_FULL_GCS, COUNTER_JAVA_FULL_GC_TIME);
    write_collections(report, text, "concurrent pauses", COUNTER_JAVA_CONCURRENT_GCS, COUNTER_JAVA_CONCURRENT_GC_TIME);
    report_add_figure(report, "Java GC", text);
    text->length = 0;
    write_bytes(report, text, "metaspace", COUNTER_JAVA_METASPACE_USED);
    write_count(report, text, "classes", COUNTER_JAVA_CLASSES);
    write_count(report, text, "threads", COUNTER_JAVA_THREADS);
    report_add_figure(report, "Java", text);
}

static void add_python(struct report *report, struct text *text)
{
    write_bytes(report, text, "arenas", COUNTER_PY_ARENA_BYTES);
    if (report->analysis->managed.counter == COUNTER_PY_ARENA_BYTES)
        report_write_growth(text, &report->analysis->managed.growth, true);
    write_count(report, text, "containers after the last full collection", COUNTER_PY_LONG_LIVED);
    report_add_figure(report, "Python heap", text);
    text->length = 0;
    write_count(report, text, "collections of generation 0", COUNTER_PY_GEN0_GCS);
    write_count(report, text, "of 1", COUNTER_PY_GEN1_GCS);
    write_count(report, text, "full", COUNTER_PY_GEN2_GCS);
    write_count(report, text, "objects freed", COUNTER_PY_COLLECTED);
    write_count(report, text, "uncollectable", COUNTER_PY_UNCOLLECTABLE);
    report_add_figure(report, "Python GC", text);
    text->length = 0;
    write_count(report, text, "interpreters", COUNTER_PY_INTERPRETERS);
    write_count(report, text, "threads", COUNTER_PY_THREADS);
    report_add_figure(report, "Python", text);
}

void report_add_managed_heap(struct report *report)
{
    struct text text = {0};
    if (report_known(report, COUNTER_JAVA_HEAP_USED))
        add_java(report, &text);
    else if (report_known(report, COUNTER_PY_GEN0_GCS))
        add_python(report, &text);
    report->out->failed |= text.failed;
    text_deinit(&text);
}
