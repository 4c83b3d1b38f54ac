/* The part of the text report about the heap of C code: what malloc has, chunks by size, C++ objects by class. */
#include "export/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of each list. */
#define MAX_ROWS 8u

static const char *write_growth(char buffer[UNITS_BUFFER + 4], const struct malloc_growth *growth)
{
    char bytes[UNITS_BUFFER];
    if (isnan(growth->bytes_per_s))
        return "-";
    snprintf(buffer, UNITS_BUFFER + 4, "%s%s/s", growth->bytes_per_s < 0 ? "-" : "",
             units_format_bytes(bytes, fabs(growth->bytes_per_s)));
    return buffer;
}

static void add_sums(struct report *report, const struct malloc_heap *heap)
{
    char used[UNITS_BUFFER], system[UNITS_BUFFER], kept[UNITS_BUFFER], top[UNITS_BUFFER], ready[UNITS_BUFFER],
        mapped[UNITS_BUFFER];
    struct text line = {0};
    text_printf(&line, "%s of %s in use; free in bins %s, at the top %s, kept ready for threads %s; %u %s",
                units_format_bytes(used, (double)(heap->used_bytes - heap->cache_bytes)),
                units_format_bytes(system, (double)heap->system_bytes),
                units_format_bytes(kept, (double)heap->free_bytes), units_format_bytes(top, (double)heap->top_bytes),
                units_format_bytes(ready, (double)(heap->fast_bytes + heap->cache_bytes)), heap->num_arenas,
                heap->num_arenas == 1 ? "arena" : "arenas");
    if (heap->mapped_known && heap->mapped_chunks > 0)
        text_printf(&line, "; large ones besides, in mappings of their own, %s",
                    units_format_bytes(mapped, (double)heap->mapped_bytes));
    if (heap->torn_arenas > 0)
        text_printf(&line, "; %u changed while they were read and are left out", heap->torn_arenas);
    text_append(&line, ".");
    report_wrap(report, 2, line.data ? line.data : "");
    report->out->failed |= line.failed;
    text_deinit(&line);
}

/* Where the program has another allocator besides. */
static void add_other(struct report *report, const char *allocator)
{
    struct text line = {0};
    text_printf(&line, "This is what glibc's malloc serves; %s serves the rest, and is not read.", allocator);
    report_wrap(report, 2, line.data ? line.data : "");
    report->out->failed |= line.failed;
    text_deinit(&line);
}

/* Used bytes falling. */
static int compare_classes(const void *left, const void *right)
{
    const struct malloc_class_row *a = *(const struct malloc_class_row *const *)left,
                                  *b = *(const struct malloc_class_row *const *)right;
    if (a->class.used_bytes != b->class.used_bytes)
        return a->class.used_bytes > b->class.used_bytes ? -1 : 1;
    return a->smallest < b->smallest ? -1 : 1;
}

static void add_classes(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    const struct malloc_class_row *rows[MALLOC_CLASSES];
    for (size_t i = 0; i < analysis->num_malloc_classes; i++)
        rows[i] = &analysis->malloc_classes[i];
    qsort(rows, analysis->num_malloc_classes, sizeof(rows[0]), compare_classes);
    text_append(report->out, "       in use    growth/s       chunks   chunks of up to\n");
    for (size_t i = 0; i < analysis->num_malloc_classes && i < MAX_ROWS && rows[i]->class.used_bytes > 0; i++) {
        char used[UNITS_BUFFER], growth[UNITS_BUFFER + 4], count[UNITS_BUFFER], size[UNITS_BUFFER];
        bool is_last = rows[i]->class.largest == UINT64_MAX;
        text_printf(report->out, "  %11s %11s %12s   %s\n",
                    units_format_bytes(used, (double)rows[i]->class.used_bytes),
                    write_growth(growth, &rows[i]->growth),
                    units_format_exact(count, (int64_t)rows[i]->class.used_chunks),
                    is_last ? "any size" : units_format_bytes(size, (double)rows[i]->class.largest));
    }
}

static void add_types(struct report *report)
{
    const struct analysis *analysis = report->analysis;
    size_t count = analysis->num_malloc_types;
    if (count == 0)
        return;
    text_append(report->out, "\nLive C++ objects by class\n       in use    growth/s      objects   class\n");
    for (size_t i = 0; i < count && i < MAX_ROWS; i++) {
        const struct malloc_type_row *row = &analysis->malloc_types[i];
        char used[UNITS_BUFFER], growth[UNITS_BUFFER + 4], number[UNITS_BUFFER];
        text_printf(report->out, "  %11s %11s %12s   ", units_format_bytes(used, (double)row->type.bytes),
                    write_growth(growth, &row->growth), units_format_exact(number, (int64_t)row->type.objects));
        report_clip(report->out, catalog_string(analysis->snapshot->catalog, row->type.name), report->columns - 41);
        text_append(report->out, "\n");
    }
    if (count > MAX_ROWS)
        text_printf(report->out, "  and %zu more\n", count - MAX_ROWS);
}

void report_add_malloc(struct report *report)
{
    const struct malloc_heap *heap = report->analysis->malloc_heap;
    bool is_go = analysis_is_go(report->analysis);
    if (!heap || (!heap->known && (is_go || !heap->reason)))
        return;
    /* Of a program of another runtime only where C code has a part in it. */
    if (heap->known && report->analysis->num_malloc_classes == 0)
        return;
    report_section(report, "Heap of C code");
    if (!heap->known) {
        report_wrap(report, 2, heap->reason);
        return;
    }
    if (heap->allocator && *heap->allocator && strcmp(heap->allocator, "glibc") != 0)
        add_other(report, heap->allocator);
    add_sums(report, heap);
    add_classes(report);
    add_types(report);
}
