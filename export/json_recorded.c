/* What happened when, in the JSON of a recording. */
#include "export/json.h"

static void add_phases(struct json_writer *writer, json_t *recording)
{
    const struct chronicle *chronicle = writer->recorded->chronicle;
    json_t *phases = json_add_array(writer, recording, "phases");
    for (size_t i = 0; i < chronicle->num_phases; i++) {
        const struct chronicle_phase *phase = &chronicle->phases[i];
        json_t *object = json_append_object(writer, phases);
        const struct json_figure figures[] = {{"process", phase->process, true},
                                              {"from_unix_ns", phase->from_unix_ns, true},
                                              {"to_unix_ns", phase->to_unix_ns, true}};
        json_add_string(writer, object, "kind", phase_kind_name(phase->kind));
        json_add_figures(writer, object, figures, ARRAY_SIZE(figures));
        json_add_real(writer, object, "from_bytes", phase->from_bytes);
        json_add_real(writer, object, "to_bytes", phase->to_bytes);
        json_add_real(writer, object, "bytes_per_s", phase->per_second);
        json_add_real(writer, object, "from_rss_bytes", phase->from_rss_bytes);
        json_add_real(writer, object, "to_rss_bytes", phase->to_rss_bytes);
        json_add_real(writer, object, "from_goroutines", phase->from_goroutines);
        json_add_real(writer, object, "to_goroutines", phase->to_goroutines);
        json_add_real(writer, object, "gc_cycles", phase->cycles);
        json_add_real(writer, object, "pause_ns", phase->pause_ns);
    }
}

static void add_processes(struct json_writer *writer, json_t *recording)
{
    const struct chronicle *chronicle = writer->recorded->chronicle;
    json_t *processes = json_add_array(writer, recording, "processes");
    for (size_t i = 0; i < chronicle->num_processes; i++) {
        const struct chronicle_process *process = &chronicle->processes[i];
        json_t *object = json_append_object(writer, processes);
        const struct json_figure figures[] = {{"process", process->process, true},
                                              {"first_unix_ns", process->first_unix_ns, true},
                                              {"last_unix_ns", process->last_unix_ns, true},
                                              {"samples", process->samples, true},
                                              {"peak_rss_unix_ns", process->peak_rss_unix_ns, true}};
        json_add_figures(writer, object, figures, ARRAY_SIZE(figures));
        json_add_boolean(writer, object, "exited", process->exited);
        json_add_real(writer, object, "peak_rss_bytes", process->peak_rss_bytes);
    }
}

static void add_events(struct json_writer *writer, json_t *recording)
{
    const struct timeline *timeline = writer->recorded->timeline;
    json_t *marks = json_add_array(writer, recording, "marks"), *gaps = json_add_array(writer, recording, "gaps"),
           *suspects = json_add_array(writer, recording, "suspects");
    for (size_t i = 0; i < timeline->num_marks; i++) {
        json_t *object = json_append_object(writer, marks);
        json_add_unsigned(writer, object, "unix_ns", timeline->marks[i].unix_ns);
        json_add_string(writer, object, "text", timeline->marks[i].text);
    }
    for (size_t i = 0; i < timeline->num_gaps; i++) {
        json_t *object = json_append_object(writer, gaps);
        json_add_unsigned(writer, object, "from_unix_ns", timeline->gaps[i].from_unix_ns);
        json_add_unsigned(writer, object, "to_unix_ns", timeline->gaps[i].to_unix_ns);
        json_add_string(writer, object, "reason", timeline->gaps[i].reason);
    }
    for (size_t i = 0; i < timeline->num_suspects; i++) {
        const struct timeline_suspect *suspect = &timeline->suspects[i];
        json_t *object = json_append_object(writer, suspects);
        json_add_unsigned(writer, object, "from_unix_ns", suspect->from_unix_ns);
        json_add_unsigned(writer, object, "to_unix_ns", suspect->to_unix_ns);
        json_add_string(writer, object, "kind", suspect->kind);
        json_add_string(writer, object, "confidence", suspect->confidence);
        json_add_string(writer, object, "summary", suspect->summary);
    }
}

static void add_grown(struct json_writer *writer, json_t *growth)
{
    const struct diff *diff = writer->recorded->growth;
    const struct catalog *before = writer->catalog;
    json_t *sites = json_add_array(writer, growth, "call_sites");
    json_t *goroutines = json_add_array(writer, growth, "goroutine_groups");
    writer->catalog = diff->catalog;
    for (size_t i = 0; i < diff->num_call_sites; i++) {
        const struct diff_allocation_row *row = &diff->call_sites[i];
        if (row->change.kind != DIFF_GREW && row->change.kind != DIFF_APPEARED)
            continue;
        json_t *object = json_append_object(writer, sites);
        json_fill_frame(writer, object, row->subject);
        json_add_integer(writer, object, "grown_bytes", row->change.change);
        json_add_real(writer, object, "share", row->change.share);
        json_add_integer(writer, object, "inuse_bytes", row->values[DIFF_NEW].inuse_bytes);
    }
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        const struct diff_goroutine_row *row = &diff->goroutines[i];
        if (row->change.change <= 0)
            continue;
        json_t *object = json_append_object(writer, goroutines);
        json_add_frame(writer, object, "start", row->start);
        json_add_frame(writer, object, "created_by", row->created_by);
        json_add_integer(writer, object, "more", row->change.change);
        json_add_unsigned(writer, object, "count", row->counts[DIFF_NEW]);
    }
    writer->catalog = before;
    json_add_memory_changes(writer, growth, "recording.growth.memory_parts", diff);
}

static void add_growth(struct json_writer *writer, json_t *recording)
{
    const struct chronicle *chronicle = writer->recorded->chronicle;
    if (chronicle->growth_count == 0) {
        json_add(writer, recording, "growth", json_null());
        json_say_unavailable(writer, "recording.growth", "nothing grew");
        return;
    }
    const struct chronicle_phase *first = &chronicle->phases[chronicle->growth_first],
                                 *last = first + chronicle->growth_count - 1;
    double seconds = (double)(last->to_unix_ns - first->from_unix_ns) / 1e9;
    json_t *growth = json_add_object(writer, recording, "growth");
    json_add_unsigned(writer, growth, "since_unix_ns", first->from_unix_ns);
    json_add_unsigned(writer, growth, "until_unix_ns", last->to_unix_ns);
    json_add_boolean(writer, growth, "goes_on", last + 1 == chronicle->phases + chronicle->num_phases);
    json_add_real(writer, growth, "from_bytes", first->from_bytes);
    json_add_real(writer, growth, "to_bytes", last->to_bytes);
    json_add_real(writer, growth, "bytes_per_s", seconds > 0 ? (last->to_bytes - first->from_bytes) / seconds : 0);
    if (writer->recorded->growth)
        add_grown(writer, growth);
}

void json_add_recording(struct json_writer *writer, json_t *document)
{
    if (!writer->recorded)
        return;
    const struct chronicle *chronicle = writer->recorded->chronicle;
    json_t *recording = json_add_object(writer, document, "recording");
    json_add_unsigned(writer, recording, "first_unix_ns", chronicle->first_unix_ns);
    json_add_unsigned(writer, recording, "last_unix_ns", chronicle->last_unix_ns);
    json_add_unsigned(writer, recording, "samples", chronicle->samples);
    json_add_string(writer, recording, "judged_by", chronicle->by_heap ? "heap_marked_bytes" : "rss_bytes");
    json_add_real(writer, recording, "peak_rss_bytes", chronicle->peak_rss_bytes);
    json_add_unsigned(writer, recording, "peak_rss_unix_ns", chronicle->peak_rss_unix_ns);
    json_add_real(writer, recording, "peak_goroutines", chronicle->peak_goroutines);
    json_add_unsigned(writer, recording, "peak_goroutines_unix_ns", chronicle->peak_goroutines_unix_ns);
    add_processes(writer, recording);
    add_phases(writer, recording);
    add_growth(writer, recording);
    add_events(writer, recording);
}
