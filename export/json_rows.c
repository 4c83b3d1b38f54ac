/* The lists of the JSON document. */
#include "export/json.h"

#include <math.h>
#include <stdio.h>

/* function, file and line; each null where unknown. */
void json_fill_frame(struct json_writer *writer, json_t *object, frame_id id)
{
    const struct catalog *catalog = writer->catalog;
    const struct frame *frame = catalog_frame(catalog, id);
    json_add_string(writer, object, "function", catalog_string(catalog, frame->function));
    json_add_string(writer, object, "file", catalog_string(catalog, frame->file));
    json_add(writer, object, "line", frame->line ? json_integer(frame->line) : json_null());
    if (frame->address && !frame->function) {
        char address[32];
        snprintf(address, sizeof(address), "0x%llx", (unsigned long long)frame->address);
        json_add_string(writer, object, "address", address);
        json_say_unavailable(writer, "sites[].stack[].function", "no name was found for some addresses");
    }
}

void json_add_frame(struct json_writer *writer, json_t *object, const char *name, frame_id id)
{
    if (!id)
        json_add(writer, object, name, json_null());
    else
        json_fill_frame(writer, json_add_object(writer, object, name), id);
}

void json_add_stack(struct json_writer *writer, json_t *object, stack_id id)
{
    struct stack stack = catalog_stack(writer->catalog, id);
    json_t *frames = json_add_array(writer, object, "stack");
    for (uint32_t i = 0; i < stack.depth && !writer->failed; i++)
        json_fill_frame(writer, json_append_object(writer, frames), stack.frames[i]);
}

static void add_allocation(struct json_writer *writer, json_t *object, const struct allocation_row *row)
{
    json_add_integer(writer, object, "inuse_bytes", row->published.inuse_bytes);
    json_add_integer(writer, object, "inuse_objects", row->published.inuse_objects);
    json_add_integer(writer, object, "alloc_bytes", row->published.alloc_bytes);
    json_add_integer(writer, object, "alloc_objects", row->published.alloc_objects);
    json_add_integer(writer, object, "provisional_inuse_bytes", row->provisional.inuse_bytes);
    json_add_integer(writer, object, "provisional_inuse_objects", row->provisional.inuse_objects);
    json_add_integer(writer, object, "provisional_alloc_bytes", row->provisional.alloc_bytes);
    json_add_integer(writer, object, "provisional_alloc_objects", row->provisional.alloc_objects);
    json_add_unsigned(writer, object, "sampled_objects", row->sampled_objects);
    json_add_real(writer, object, "relative_error", row->relative_error);
    json_add_real(writer, object, "share", row->share);
    json_add_real(writer, object, "growth_share", row->growth_share);
    json_add_real(writer, object, "alloc_bytes_per_s", row->alloc_bytes_per_s);
    json_add_real(writer, object, "free_bytes_per_s", row->free_bytes_per_s);
    json_add_real(writer, object, "alloc_objects_per_s", row->alloc_objects_per_s);
    json_add_growth(writer, object, &row->growth, "bytes");
}

#define TOO_FEW_REASON "too few GC cycles or sampled objects were seen where the verdict says so"

void json_add_sites(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    if (writer->snapshot->profile_state != PROFILE_ON) {
        json_add(writer, document, "sites", json_null());
        return;
    }
    json_t *sites = json_add_array(writer, document, "sites");
    for (size_t i = 0; i < analysis->num_stacks && !writer->failed; i++) {
        const struct allocation_row *row = &analysis->stacks[i];
        json_t *site = json_append_object(writer, sites);
        add_allocation(writer, site, row);
        json_add_stack(writer, site, row->stack);
        if (row->growth.verdict == GROWTH_TOO_FEW)
            json_say_unavailable(writer, "sites[].growth_bytes_per_s", TOO_FEW_REASON);
    }
}

void json_add_call_sites(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    if (writer->snapshot->profile_state != PROFILE_ON) {
        json_add(writer, document, "call_sites", json_null());
        return;
    }
    json_t *sites = json_add_array(writer, document, "call_sites");
    for (size_t i = 0; i < analysis->num_call_sites && !writer->failed; i++) {
        const struct allocation_row *row = &analysis->call_sites[i];
        json_t *site = json_append_object(writer, sites);
        json_fill_frame(writer, site, row->subject);
        json_add_integer(writer, site, "stacks", row->num_stacks);
        add_allocation(writer, site, row);
        if (row->growth.verdict == GROWTH_TOO_FEW)
            json_say_unavailable(writer, "call_sites[].growth_bytes_per_s", TOO_FEW_REASON);
    }
}

static const char *const stack_quality_names[] = {
    [STACK_WHOLE] = "whole", [STACK_DEDUCED] = "deduced", [STACK_CUT] = "cut"};

static void add_thread_stack(struct json_writer *writer, json_t *object, const struct thread *thread)
{
    if (thread->stack) {
        json_add_stack(writer, object, thread->stack);
        json_add_string(writer, object, "stack_quality", stack_quality_names[thread->stack_quality]);
        return;
    }
    json_add(writer, object, "stack", json_null());
    json_add(writer, object, "stack_quality", json_null());
    json_say_unavailable(writer, "threads[].stack",
                         writer->recorded
                             ? "recordings keep no stacks of threads"
                             : "a thread that runs has none without a stop, nor has one in code that does not tell "
                               "of its frames, as Go's");
}

void json_add_threads(struct json_writer *writer, json_t *document)
{
    const struct catalog *catalog = writer->snapshot->catalog;
    json_t *threads = json_add_array(writer, document, "threads");
    for (size_t i = 0; i < writer->analysis->num_threads && !writer->failed; i++) {
        const struct thread_row *row = &writer->analysis->threads[i];
        const struct thread *thread = &row->thread;
        json_t *object = json_append_object(writer, threads);
        const char state[] = {thread->state, '\0'};
        json_add_integer(writer, object, "tid", thread->tid);
        json_add_string(writer, object, "name", catalog_string(catalog, thread->name));
        json_add_string(writer, object, "state", state);
        json_add_unsigned(writer, object, "cpu_ns", thread->cpu_ns);
        json_add_real(writer, object, "cpu_fraction", row->cpu_fraction);
        json_add_integer(writer, object, "processor", thread->processor);
        json_add_string(writer, object, "system_call", catalog_string(catalog, thread->system_call));
        json_add_string(writer, object, "wait_channel", catalog_string(catalog, thread->wait_channel));
        json_add(writer, object, "goid", thread->goid ? json_integer((json_int_t)thread->goid) : json_null());
        json_add_thread_role(writer, object, thread);
        add_thread_stack(writer, object, thread);
    }
}

void json_add_thread_groups(struct json_writer *writer, json_t *document)
{
    json_t *groups = json_add_array(writer, document, "thread_groups");
    for (size_t i = 0; i < writer->analysis->num_thread_groups && !writer->failed; i++) {
        const struct thread_group *group = &writer->analysis->thread_groups[i];
        json_t *object = json_append_object(writer, groups);
        json_add_integer(writer, object, "count", group->count);
        json_add_integer(writer, object, "first_tid", group->first_tid);
        json_add_real(writer, object, "cpu_fraction", group->cpu_fraction);
        json_add_string(writer, object, "system_call", catalog_string(writer->snapshot->catalog, group->system_call));
        json_add_stack(writer, object, group->stack);
        json_add_string(writer, object, "stack_quality", stack_quality_names[group->stack_quality]);
    }
}

void json_add_size_classes(struct json_writer *writer, json_t *document)
{
    const struct snapshot *snapshot = writer->snapshot;
    if (!snapshot->num_size_classes) {
        json_add(writer, document, "size_classes", json_null());
        json_say_unavailable(writer, "size_classes", "not read");
        return;
    }
    json_t *classes = json_add_array(writer, document, "size_classes");
    for (size_t i = 0; i < snapshot->num_size_classes && !writer->failed; i++) {
        json_t *object = json_append_object(writer, classes);
        json_add_integer(writer, object, "size_bytes", snapshot->size_classes[i].size);
        json_add_unsigned(writer, object, "mallocs", snapshot->size_classes[i].mallocs);
        json_add_unsigned(writer, object, "frees", snapshot->size_classes[i].frees);
    }
}

/* ---- suspects ---- */

void json_add_suspects(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    json_t *list = json_add_array(writer, document, "suspects");
    for (size_t i = 0; i < analysis->num_suspects && !writer->failed; i++) {
        const struct suspect *suspect = &analysis->suspects[i];
        const struct suspect_kind_info *kind = &suspect_kind_infos[suspect->kind];
        json_t *object = json_append_object(writer, list);
        json_add_string(writer, object, "kind", kind->name);
        json_add_string(writer, object, "confidence", suspect_confidence_name(suspect->confidence));
        json_add_frame(writer, object, "subject", suspect->subject);
        json_add_string(writer, object, "name", suspect->name);
        json_add_frame(writer, object, "created_by", suspect->created_by);
        json_add_string(writer, object, "summary", suspect->summary);
        json_t *evidence = json_add_array(writer, object, "evidence");
        for (size_t j = 0; j < suspect->num_evidence && !writer->failed; j++)
            json_append_string(writer, evidence, suspect->evidence[j]);
        json_add_string(writer, object, "next", suspect->advice);
        json_add_real(writer, object, "per_second", suspect->per_second);
        json_add_string(writer, object, "unit", kind->unit);
        json_add_if(writer, object, "since_unix_ns", suspect->since_unix_ns, suspect->since_unix_ns != 0);
        json_add_real(writer, object, "share", suspect->share);
        if (suspect->stack)
            json_add_stack(writer, object, suspect->stack);
        else
            json_add(writer, object, "stack", json_null());
    }
}
