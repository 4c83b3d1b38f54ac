/* The reader of Go programs: locates the runtime once, then decodes its state into each snapshot. */
#include "attach/go/cgo_stacks.h"
#include "attach/go/collector.h"
#include "attach/go/finalizers.h"
#include "attach/go/frames.h"
#include "attach/go/goroutines.h"
#include "attach/go/heap_profile.h"
#include "attach/go/machines.h"
#include "attach/go/memory_stats.h"
#include "attach/go/profile_rate.h"
#include "attach/go/scheduler.h"
#include "attach/go/spans.h"
#include "attach/go/timers.h"
#include "attach/reader.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/text.h"

struct go_reader {
    struct reader reader;
    struct go_process *process;
    struct go_frames *frames;
    struct heap_profile *heap_profile;
    struct memory_state *memory_state;
    struct memory_stats memory_stats;
    struct allocation_caches caches;
    struct procs procs;
    struct goroutines *goroutines;
    struct collector collector;
    struct machines machines;
    struct scheduler scheduler;
};

static void go_reader_close(struct reader *base)
{
    struct go_reader *reader = (struct go_reader *)base;
    heap_profile_destroy(reader->heap_profile);
    memory_state_destroy(reader->memory_state);
    allocation_caches_deinit(&reader->caches);
    procs_deinit(&reader->procs);
    goroutines_destroy(reader->goroutines);
    machines_deinit(&reader->machines);
    scheduler_deinit(&reader->scheduler);
    go_frames_destroy(reader->frames);
    go_process_destroy(reader->process);
    free(reader);
}

static void go_reader_destroy(struct go_reader *reader)
{
    if (reader)
        go_reader_close(&reader->reader);
}
DEFINE_CLEANUP(struct go_reader *, go_reader_destroy)

static const char *const source_names[] = {
    [GO_VARIABLE_MISSING] = "missing", [GO_VARIABLE_SYMTAB] = "symtab",     [GO_VARIABLE_DYNSYM] = "dynsym",
    [GO_VARIABLE_DWARF] = "dwarf",     [GO_VARIABLE_OPERANDS] = "operands", [GO_VARIABLE_MODULE_DATA] = "moduledata",
};

/* How the variables were found, most of them first: "operands", "symtab and operands". moduledata's own is not
 * counted: it is searched for in any case. */
static void describe_sources(const struct go_process *process, struct text *text)
{
    unsigned counts[ARRAY_SIZE(source_names)] = {0};
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        counts[process->variables[i].source]++;
    counts[GO_VARIABLE_MISSING] = counts[GO_VARIABLE_MODULE_DATA] = 0;
    for (bool first = true;; first = false) {
        size_t most = 0;
        for (size_t i = 1; i < ARRAY_SIZE(counts); i++)
            most = counts[i] > counts[most] ? i : most;
        if (counts[most] == 0)
            break;
        text_printf(text, "%s%s", first ? "" : " and ", source_names[most]);
        counts[most] = 0;
    }
}

static void describe_layout(const struct go_process *process, struct text *text)
{
    static const char *const names[] = {
        [GO_LAYOUT_TABLE] = "table", [GO_LAYOUT_TYPES] = "types", [GO_LAYOUT_DWARF] = "dwarf"};
    text_append(text, names[process->layout_source]);
    if (process->layout_source == GO_LAYOUT_DWARF)
        return;
    bool newer;
    const struct go_layout_row *row = go_layout_find(process->minor, &newer);
    if (process->layout_source == GO_LAYOUT_TYPES)
        text_append(text, " and table");
    text_printf(text, " go1.%u%s", row->minor,
                newer                    ? ", the newest known"
                : process->minor_guessed ? ", guessed"
                                         : "");
}

static string_id add_text(struct catalog *catalog, const struct text *text)
{
    return text->length ? catalog_add_untrusted(catalog, text->data, text->length) : 0;
}

static struct error *fill_target_info(const struct go_process *process, struct target_info *info)
{
    const struct reader_context *context = &process->context;
    _cleanup_(text_deinit) struct text located = {0};
    _cleanup_(text_deinit) struct text laid_out = {0};
    describe_sources(process, &located);
    describe_layout(process, &laid_out);
    if (located.failed || laid_out.failed)
        return error_no_memory();
    info->runtime = catalog_add_string(context->catalog, "go", 2);
    info->runtime_version =
        *process->version ? catalog_add_untrusted(context->catalog, process->version, strlen(process->version)) : 0;
    info->main_module = *process->main_module ? catalog_add_untrusted(context->catalog, process->main_module,
                                                                      strlen(process->main_module))
                                              : 0;
    info->stripped = image_has_symtab(context->image) ? KNOWN_NO : KNOWN_YES;
    info->position_independent = image_is_position_independent(context->image) ? KNOWN_YES : KNOWN_NO;
    info->load_bias = context->load_bias;
    info->how_located = add_text(context->catalog, &located);
    info->how_laid_out = add_text(context->catalog, &laid_out);
    return NULL;
}

static struct error *go_reader_open(const struct reader_context *context, struct target_info *info,
                                    struct reader **ret_reader)
{
    _cleanup_(go_reader_destroyp) struct go_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return error_no_memory();
    reader->reader.ops = &go_reader_ops;
    struct error *error = go_process_locate(context, &reader->process);
    if (error)
        return error;
    if (!reader->process) {
        *ret_reader = NULL;
        return NULL;
    }
    error = go_frames_create(reader->process, &reader->frames);
    if (!error)
        error = heap_profile_create(reader->process, reader->frames, &reader->heap_profile);
    if (!error)
        error = memory_state_create(reader->process, &reader->memory_state);
    if (!error)
        error = allocation_caches_init(&reader->caches, reader->process);
    if (!error)
        error = goroutines_create(reader->process, reader->frames, &reader->goroutines);
    if (!error)
        error = fill_target_info(reader->process, info);
    if (error)
        return error;
    *ret_reader = &take_pointer(reader)->reader;
    return NULL;
}

/* Ms are bounded by the threads there are, with some to spare for those that come and go meanwhile. */
static struct error *sample_scheduler(struct go_reader *reader, struct snapshot *snapshot)
{
    size_t most = snapshot->num_threads > 0 ? snapshot->num_threads * 2 + 64 : MACHINES_MAX;
    struct error *error = machines_read(&reader->machines, reader->process, most);
    if (!error)
        error = scheduler_sample(&reader->scheduler, reader->process, &reader->procs, &reader->machines, snapshot);
    if (!error)
        error = machines_note_threads(&reader->machines, &reader->procs, snapshot);
    return error;
}

static struct error *go_reader_sample(struct reader *base, struct snapshot *snapshot)
{
    struct go_reader *reader = (struct go_reader *)base;
    uint64_t retries = heap_profile_retries(reader->heap_profile);
    struct error *error = memory_state_read(reader->memory_state);
    if (!error)
        error = procs_read(&reader->procs, reader->process);
    if (!error)
        error = allocation_caches_read(&reader->caches, &reader->procs);
    if (!error)
        error = memory_stats_sample(&reader->memory_stats, reader->memory_state, &reader->caches, snapshot);
    if (!error)
        error = collector_sample(&reader->collector, reader->memory_state, snapshot);
    if (!error)
        error = heap_profile_sample(reader->heap_profile, snapshot);
    if (!error)
        error = goroutines_sample(reader->goroutines, &reader->procs, snapshot);
    if (!error)
        error = sample_scheduler(reader, snapshot);
    if (!error) {
        uint64_t bias = reader->process->context.load_bias;
        error = cgo_stacks_join(snapshot, reader->process->text - bias, reader->process->end_text - bias);
    }
    if (!error)
        error = timers_sample(&reader->procs, reader->process, snapshot);
    if (!error)
        error = finalizers_sample(reader->process, snapshot);
    snapshot->cost.samples_retried += heap_profile_retries(reader->heap_profile) > retries;
    return error;
}

/* GC cycles that would pass unseen between two samples. */
static struct error *go_reader_look(struct reader *base)
{
    struct go_reader *reader = (struct go_reader *)base;
    struct error *error = memory_state_read(reader->memory_state);
    if (!error)
        collector_note(&reader->collector, reader->memory_state);
    return error;
}

static uint64_t go_reader_look_interval(struct reader *base)
{
    return collector_look_interval(&((struct go_reader *)base)->collector);
}

static void go_reader_stop_running(struct reader *base, bool stops)
{
    goroutines_stop_running(((struct go_reader *)base)->goroutines, stops);
}

static struct error *go_reader_survey(struct reader *base, struct heap_survey *survey)
{
    return spans_survey(((struct go_reader *)base)->process, survey);
}

static struct error *go_reader_find_profile_rate(struct reader *base, remote_address *ret_address)
{
    return go_profile_rate_find(((struct go_reader *)base)->process, ret_address);
}

/* One thing that heaptop shows, and the variables it needs. */
struct capability {
    const char *subject;
    enum go_variable needed[8];
    unsigned num_needed;
    const char *without;        /* What is lost when one is missing. */
};

static const struct capability capabilities[] = {
    {"heap profile", {GO_VARIABLE_MBUCKETS, GO_VARIABLE_MPROF_CYCLE, GO_VARIABLE_MEM_PROFILE_RATE}, 3, "call sites"},
    {"memory statistics",
     {GO_VARIABLE_MEMSTATS, GO_VARIABLE_GC_CONTROLLER, GO_VARIABLE_MHEAP, GO_VARIABLE_GOMAXPROCS},
     4,
     "some counters"},
    {"garbage collector",
     {GO_VARIABLE_MEMSTATS, GO_VARIABLE_WORK, GO_VARIABLE_GC_CONTROLLER},
     3,
     "GC cycles or their heap sizes"},
    {"goroutines",
     {GO_VARIABLE_ALLGPTR, GO_VARIABLE_ALLGLEN, GO_VARIABLE_SCHED, GO_VARIABLE_ALLP, GO_VARIABLE_WAIT_REASON_STRINGS},
     5,
     "the count, the groups or the names of wait reasons"},
    {"scheduler",
     {GO_VARIABLE_ALLM, GO_VARIABLE_ALLP, GO_VARIABLE_SCHED},
     3,
     "what threads are at, the run queues or the counts of threads"},
    {"timers and finalizers", {GO_VARIABLE_ALLP, GO_VARIABLE_FINQ}, 2, "their number"},
};

static const char rebuild_remedy[] = "a build with symbols (without -ldflags=-s) can be read in full";

static struct error *examine_variables(const struct go_process *process, struct doctor_report *report)
{
    unsigned found = 0;
    _cleanup_(text_deinit) struct text missing = {0};
    _cleanup_(text_deinit) struct text sources = {0};
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        if (process->variables[i].address)
            found++;
        else
            text_printf(&missing, "%s%s (%s)", missing.length ? ", " : "; missing: ", go_variable_names[i],
                        process->variables[i].reason);
    }
    describe_sources(process, &sources);
    if (missing.failed || sources.failed)
        return error_no_memory();
    enum doctor_state state = found == GO_VARIABLE_COUNT ? DOCTOR_YES : found > 0 ? DOCTOR_PARTLY : DOCTOR_NO;
    return doctor_report_add(report, "runtime variables", state, state == DOCTOR_YES ? NULL : rebuild_remedy,
                             "%u of %u%s%s%s", found, (unsigned)GO_VARIABLE_COUNT, sources.length ? " by " : "",
                             sources.length ? sources.data : "", missing.length ? missing.data : "");
}

static struct error *examine_layout(const struct go_process *process, struct doctor_report *report)
{
    _cleanup_(text_deinit) struct text laid_out = {0};
    describe_layout(process, &laid_out);
    if (laid_out.failed)
        return error_no_memory();
    bool doubtful = process->layout_source != GO_LAYOUT_DWARF && (process->newer_than_table || process->minor_guessed);
    const char *remedy =
        !doubtful ? NULL
                  : "a build with DWARF (without -ldflags=-w) carries its own layout, or a newer heaptop knows it";
    return doctor_report_add(report, "struct layouts", doubtful ? DOCTOR_PARTLY : DOCTOR_YES, remedy, "%s",
                             laid_out.data);
}

static struct error *examine_capability(const struct go_process *process, const struct capability *capability,
                                        struct doctor_report *report)
{
    unsigned found = 0;
    const char *missing = NULL;
    for (unsigned i = 0; i < capability->num_needed; i++) {
        if (go_variable(process, capability->needed[i]))
            found++;
        else if (!missing)
            missing = go_variable_names[capability->needed[i]];
    }
    if (!missing)
        return doctor_report_add(report, capability->subject, DOCTOR_YES, NULL, "%u of %u variables", found,
                                 capability->num_needed);
    return doctor_report_add(report, capability->subject, found > 0 ? DOCTOR_PARTLY : DOCTOR_NO, rebuild_remedy,
                             "%u of %u variables; without %s: not %s", found, capability->num_needed, missing,
                             capability->without);
}

/* That profiling is off, and what switching it on here and now would do and cost; or why that cannot be. */
static struct error *examine_off(const struct go_process *process, const char *reason, struct doctor_report *report)
{
    remote_address address;
    struct error *error = go_profile_rate_find(process, &address);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    struct text remedy = {0};
    if (error)
        text_printf(&remedy, "only a start with it on: %s", error->message);
    else
        text_append(&remedy, "heaptop --enable-profiling PID, or P in the live view: it writes 8 bytes to the process, "
                             "once, and the process then takes the stack of one in 512 KB that it allocates, some "
                             "microseconds each, until heaptop ends");
    error_destroy(error);
    error = remedy.failed ? error_no_memory()
                          : doctor_report_add(report, "profile sampling", DOCTOR_NO, remedy.data, "%s", reason);
    text_deinit(&remedy);
    return error;
}

/* Takes a sample for what only the state itself tells: whether profiling is on, and whether readings are consistent. */
static struct error *examine_sample(struct go_reader *reader, struct doctor_report *report)
{
    struct snapshot *snapshot;
    struct error *error = snapshot_create(reader->process->context.catalog, &snapshot);
    if (error)
        return error;
    error = go_reader_sample(&reader->reader, snapshot);
    if (!error && snapshot->profile_state == PROFILE_ON)
        error = doctor_report_add(
            report, "profile sampling", snapshot->profile_torn ? DOCTOR_PARTLY : DOCTOR_YES, NULL,
            "on, one sample in %lld bytes; %zu call stacks%s%s",
            (long long)snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer, snapshot->num_sites,
            snapshot->profile_since_unix_ns ? "; switched on while it ran: older memory has none" : "",
            snapshot->profile_torn ? "; no consistent reading yet" : "");
    else if (!error && snapshot->profile_state == PROFILE_OFF)
        error = examine_off(reader->process, snapshot->profile_reason ? snapshot->profile_reason : "off", report);
    else if (!error)
        error = doctor_report_add(report, "profile sampling", DOCTOR_NO, NULL, "%s",
                                  snapshot->profile_reason ? snapshot->profile_reason : "no profile");
    for (size_t i = 0; !error && i < snapshot->num_problems; i++)
        error = doctor_report_add(report, "sample", DOCTOR_PARTLY, NULL, "%s", snapshot->problems[i].text);
    snapshot_unref(snapshot);
    return error;
}

static struct error *go_reader_examine(struct reader *base, struct doctor_report *report)
{
    struct go_reader *reader = (struct go_reader *)base;
    const struct go_process *process = reader->process;
    _cleanup_(text_deinit) struct text version = {0};
    text_append_escaped(&version, process->version, strlen(process->version));
    text_append(&version, *process->version ? ", main module " : "version not found, main module ");
    text_append_escaped(&version, process->main_module, strlen(process->main_module));
    if (version.failed)
        return error_no_memory();
    enum doctor_state state = process->minor_guessed || process->newer_than_table ? DOCTOR_PARTLY : DOCTOR_YES;
    struct error *error = doctor_report_add(report, "go runtime", state, NULL, "%s%s", version.data,
                                            *process->main_module ? "" : "unknown");
    if (!error)
        error = examine_variables(process, report);
    if (!error)
        error = examine_layout(process, report);
    for (size_t i = 0; !error && i < ARRAY_SIZE(capabilities); i++)
        error = examine_capability(process, &capabilities[i], report);
    return error ? error : examine_sample(reader, report);
}

const struct reader_ops go_reader_ops = {
    .name = "go",
    .open = go_reader_open,
    .sample = go_reader_sample,
    .look = go_reader_look,
    .look_interval = go_reader_look_interval,
    .survey = go_reader_survey,
    .stop_running = go_reader_stop_running,
    .find_profile_rate = go_reader_find_profile_rate,
    .examine = go_reader_examine,
    .close = go_reader_close,
};
