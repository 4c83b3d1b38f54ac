/* Tables for spreadsheets and data frames, as RFC 4180 has them, but for lines that end as text files' do. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "heaptop/export.h"

/* ---- fields ---- */

/* Names are untrusted: quoted where they must be, and never the beginning of a spreadsheet's formula. */
static void append_string(struct text *out, const char *string)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, string, strlen(string));
    const char *value = escaped.data ? escaped.data : "";
    bool is_formula = *value && strchr("=+-@", *value);
    if (!is_formula && !strpbrk(value, ",\"")) {
        text_append(out, value);
    } else {
        text_append(out, is_formula ? "\"'" : "\"");
        for (; *value; value++)
            text_append_bytes(out, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
        text_append(out, "\"");
    }
    out->failed |= escaped.failed;
    text_deinit(&escaped);
}

static void append_time(struct text *out, uint64_t unix_ns)
{
    moment_append_utc(out, unix_ns, 'T');
    text_printf(out, ".%03uZ", (unsigned)(unix_ns / 1000000 % 1000));
}

static struct error *finish(struct text *text, struct text *ret_text)
{
    if (text->failed) {
        text_deinit(text);
        return error_no_memory();
    }
    *ret_text = *text;
    return NULL;
}

/* function,file,line of a frame, each with a comma behind it. */
static void append_frame(struct text *out, const struct catalog *catalog, frame_id id)
{
    const struct frame *frame = catalog_frame(catalog, id);
    if (frame->function)
        append_string(out, catalog_string(catalog, frame->function));
    else if (frame->address)
        text_printf(out, "0x%" PRIx64, frame->address);
    text_append(out, ",");
    append_string(out, catalog_string(catalog, frame->file));
    text_append(out, ",");
    if (frame->line)
        text_printf(out, "%u", frame->line);
    text_append(out, ",");
}

/* The functions of a stack in one field, outermost first, as folded stacks have them. */
static void append_stack(struct text *out, const struct catalog *catalog, stack_id id)
{
    struct stack stack = catalog_stack(catalog, id);
    struct text line = {0};
    for (uint32_t i = stack.depth; i-- > 0;) {
        const struct frame *frame = catalog_frame(catalog, stack.frames[i]);
        text_append(&line, line.length ? ";" : "");
        if (frame->function)
            text_append(&line, catalog_string(catalog, frame->function));
        else
            text_printf(&line, "0x%" PRIx64, frame->address);
    }
    append_string(out, line.data ? line.data : "");
    out->failed |= line.failed;
    text_deinit(&line);
}

/* ---- tables of a moment ---- */

/* Of a profile's samples: the row's subject, its values, its stack. */
static struct error *write_samples(const struct export_request *request, struct text *ret_text)
{
    static const char *const heap_names[] = {"alloc_objects", "alloc_bytes", "inuse_objects", "inuse_bytes"};
    struct sample_set set;
    struct text text = {0};
    const struct sample_request wanted = export_samples(request);
    struct error *error = sample_set_collect(&wanted, &set);
    if (error)
        return error;
    bool of_heap = set.num_values > 1;
    text_append(&text, of_heap ? "function,file,line,object_bytes," : "function,file,line,");
    for (unsigned i = 0; i < set.num_values; i++) {
        const char *name = of_heap ? heap_names[i] : "count";
        if (set.base)
            text_printf(&text, "old_%s,new_%s,change_%s,", name, name, name);
        else
            text_printf(&text, "%s,", name);
    }
    text_append(&text, "stack\n");
    for (size_t i = 0; i < set.samples.count; i++) {
        const struct sample *sample = &set.samples.items[i];
        struct stack stack = catalog_stack(set.catalog, sample->stack);
        /* A bucket of which nothing is published yet. */
        static const struct sample nothing;
        if (memcmp(sample->values, nothing.values, sizeof(nothing.values)) == 0)
            continue;
        append_frame(&text, set.catalog,
                     stack.depth ? stack.frames[catalog_stack_subject(set.catalog, sample->stack)] : 0);
        if (of_heap)
            text_printf(&text, "%" PRIu64 ",", sample->object_bytes);
        for (unsigned k = 0; k < set.num_values; k++) {
            uint64_t before = (uint64_t)sample->values[DIFF_OLD][k], after = (uint64_t)sample->values[DIFF_NEW][k];
            if (set.base)
                text_printf(&text, "%" PRId64 ",%" PRId64 ",", (int64_t)before, (int64_t)after);
            text_printf(&text, "%" PRId64 ",", (int64_t)(after - before));
        }
        append_stack(&text, set.catalog, sample->stack);
        text_append(&text, "\n");
    }
    sample_set_deinit(&set);
    return finish(&text, ret_text);
}

static struct error *write_groups(const struct snapshot *snapshot, struct text *ret_text)
{
    struct text text = {0};
    const struct counter *count = &snapshot->counters[COUNTER_GOROUTINES];
    if (!snapshot->num_goroutine_groups && !counter_known(count))
        return error_create(ERROR_UNSUPPORTED, "goroutines are not known: %s",
                            count->reason ? count->reason : "not read");
    text_append(&text, "count,state,wait_reason,wait_ns_min,wait_ns_max,system,created_by,created_by_file,"
                       "created_by_line,start,start_file,start_line,stack\n");
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        text_printf(&text, "%u,", group->count);
        append_string(&text, catalog_string(snapshot->catalog, group->state));
        text_append(&text, ",");
        append_string(&text, catalog_string(snapshot->catalog, group->wait_reason));
        text_append(&text, ",");
        if (group->wait_known)
            text_printf(&text, "%" PRIu64 ",%" PRIu64, group->wait_ns_min, group->wait_ns_max);
        else
            text_append(&text, ",");
        text_append(&text, group->system ? ",true," : ",false,");
        append_frame(&text, snapshot->catalog, group->created_by);
        append_frame(&text, snapshot->catalog, group->start);
        append_stack(&text, snapshot->catalog, group->stack);
        text_append(&text, "\n");
    }
    return finish(&text, ret_text);
}

static struct error *write_threads(const struct snapshot *snapshot, struct text *ret_text)
{
    struct text text = {0};
    text_append(&text, "tid,name,state,cpu_ns,processor,system_call,wait_channel,goid\n");
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        const struct thread *thread = &snapshot->threads[i];
        const char state[] = {thread->state, '\0'};
        text_printf(&text, "%d,", (int)thread->tid);
        append_string(&text, catalog_string(snapshot->catalog, thread->name));
        text_append(&text, ",");
        append_string(&text, state);
        text_printf(&text, ",%" PRIu64 ",%d,", thread->cpu_ns, thread->processor);
        append_string(&text, catalog_string(snapshot->catalog, thread->system_call));
        text_append(&text, ",");
        append_string(&text, catalog_string(snapshot->catalog, thread->wait_channel));
        text_append(&text, ",");
        if (thread->goid)
            text_printf(&text, "%" PRIu64, thread->goid);
        text_append(&text, "\n");
    }
    return finish(&text, ret_text);
}

struct error *export_csv(const struct export_request *request, struct text *ret_text)
{
    if (request->profile == SAMPLE_THREADS && request->base)
        return error_create(ERROR_UNSUPPORTED, "threads are no table that has a difference");
    if (request->profile == SAMPLE_THREADS)
        return write_threads(request->snapshot, ret_text);
    if (request->profile == SAMPLE_GOROUTINE && !request->base)
        return write_groups(request->snapshot, ret_text);
    return write_samples(request, ret_text);
}

/* ---- counters over time ---- */

struct error *export_csv_counters_header(struct text *text)
{
    text_append(text, "time,unix_ns");
    for (int id = 0; id < COUNTER_COUNT; id++)
        text_printf(text, ",%s_%s", counter_infos[id].group, counter_infos[id].name);
    text_append(text, "\n");
    return text->failed ? error_no_memory() : NULL;
}

struct error *export_csv_counters_row(const struct snapshot *snapshot, struct text *text)
{
    append_time(text, snapshot->unix_ns);
    text_printf(text, ",%" PRIu64, snapshot->unix_ns);
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *counter = &snapshot->counters[id];
        text_append(text, ",");
        if (!counter_known(counter))
            continue;
        if (counter_infos[id].unit != UNIT_FRACTION)
            text_printf(text, "%" PRId64, counter->value.integer);
        else if (isfinite(counter->value.real))
            text_printf(text, "%.9g", counter->value.real);
    }
    text_append(text, "\n");
    return text->failed ? error_no_memory() : NULL;
}
