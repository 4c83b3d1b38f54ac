/* What heaptop knows of a session as one JSON document, "schema": "heaptop/1". docs/json.md describes it,
 * docs/heaptop.schema.json binds it. */
#include "export/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- values ---- */

void json_add(struct json_writer *writer, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) != 0)
        writer->failed = true;
}

void json_add_integer(struct json_writer *writer, json_t *object, const char *name, int64_t value)
{
    json_add(writer, object, name, json_integer(value));
}

void json_add_unsigned(struct json_writer *writer, json_t *object, const char *name, uint64_t value)
{
    json_add_integer(writer, object, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void json_add_if(struct json_writer *writer, json_t *object, const char *name, uint64_t value, bool known)
{
    if (known)
        json_add_unsigned(writer, object, name, value);
    else
        json_add(writer, object, name, json_null());
}

void json_add_figures(struct json_writer *writer, json_t *object, const struct json_figure *figures, size_t count)
{
    for (size_t i = 0; i < count && !writer->failed; i++)
        json_add_if(writer, object, figures[i].name, figures[i].value, figures[i].known);
}

void json_add_real(struct json_writer *writer, json_t *object, const char *name, double value)
{
    json_add(writer, object, name, isfinite(value) ? json_real(value) : json_null());
}

void json_add_boolean(struct json_writer *writer, json_t *object, const char *name, bool value)
{
    json_add(writer, object, name, json_boolean(value));
}

static json_t *make_string(const char *value)
{
    json_t *string = json_string(value);
    if (string)
        return string;
    struct text escaped = {0};
    text_append_escaped(&escaped, value, strlen(value));
    if (!escaped.failed && escaped.data)
        string = json_string(escaped.data);
    text_deinit(&escaped);
    return string;
}

void json_add_string(struct json_writer *writer, json_t *object, const char *name, const char *value)
{
    json_add(writer, object, name, value && *value ? make_string(value) : json_null());
}

json_t *json_add_object(struct json_writer *writer, json_t *object, const char *name)
{
    json_t *added = json_object();
    json_add(writer, object, name, added);
    return writer->failed ? NULL : added;
}

json_t *json_add_array(struct json_writer *writer, json_t *object, const char *name)
{
    json_t *added = json_array();
    json_add(writer, object, name, added);
    return writer->failed ? NULL : added;
}

json_t *json_append_object(struct json_writer *writer, json_t *array)
{
    json_t *added = json_object();
    if (json_array_append_new(array, added) != 0) {
        writer->failed = true;
        return NULL;
    }
    return added;
}

void json_append_string(struct json_writer *writer, json_t *array, const char *value)
{
    if (json_array_append_new(array, make_string(value)) != 0)
        writer->failed = true;
}

void json_say_unavailable(struct json_writer *writer, const char *path, const char *reason)
{
    if (!json_object_get(writer->unavailable, path))
        json_add(writer, writer->unavailable, path, make_string(reason && *reason ? reason : "not read"));
}

/* A catalog string that may be missing: null, with the reason. */
static void add_known_string(struct json_writer *writer, json_t *object, const char *group, const char *name,
                             string_id id, const char *reason)
{
    const char *value = catalog_string(writer->snapshot->catalog, id);
    json_add_string(writer, object, name, value);
    if (!*value) {
        char path[64];
        snprintf(path, sizeof(path), "%s.%s", group, name);
        json_say_unavailable(writer, path, reason);
    }
}

static void add_known(struct json_writer *writer, json_t *object, const char *group, const char *name, enum known known)
{
    if (known != KNOWN_NOT) {
        json_add_boolean(writer, object, name, known == KNOWN_YES);
        return;
    }
    char path[64];
    snprintf(path, sizeof(path), "%s.%s", group, name);
    json_add(writer, object, name, json_null());
    json_say_unavailable(writer, path, "the executable could not be read");
}

void json_add_growth(struct json_writer *writer, json_t *object, const struct growth *growth, const char *unit)
{
    char rate[32], error[32];
    snprintf(rate, sizeof(rate), "growth_%s%sper_s", unit, *unit ? "_" : "");
    snprintf(error, sizeof(error), "growth_error_%s%sper_s", unit, *unit ? "_" : "");
    bool judged = growth->verdict != GROWTH_TOO_FEW;
    json_add_string(writer, object, "verdict", growth_verdict_name(growth->verdict));
    json_add_real(writer, object, rate, judged ? growth->per_second : NAN);
    json_add_real(writer, object, error, judged ? growth->error_per_second : NAN);
    json_add(writer, object, "since_unix_ns",
             growth->since_unix_ns ? json_integer((json_int_t)growth->since_unix_ns) : json_null());
    json_add_integer(writer, object, "observations", growth->points);
    json_add_boolean(writer, object, "provisional", growth->provisional);
}

/* ---- the parts that are no lists ---- */

static void add_time(struct json_writer *writer, json_t *object, const char *name, uint64_t unix_ns)
{
    _cleanup_(text_deinit) struct text text = {0};
    if (unix_ns) {
        moment_append_utc(&text, unix_ns, 'T');
        text_append(&text, "Z");
    }
    json_add_string(writer, object, name, text.data);
    writer->failed |= text.failed;
}

static void add_session(struct json_writer *writer, json_t *document)
{
    const struct snapshot *snapshot = writer->snapshot;
    uint64_t first = history_first_unix_ns(writer->history);
    json_t *session = json_add_object(writer, document, "session");
    json_add_unsigned(writer, session, "first_unix_ns", first);
    json_add_unsigned(writer, session, "last_unix_ns", snapshot->unix_ns);
    json_add_unsigned(writer, session, "watched_ns", snapshot->unix_ns > first ? snapshot->unix_ns - first : 0);
    json_add_unsigned(writer, session, "interval_ns", snapshot->interval_ns);
    json_add_unsigned(writer, session, "samples", snapshot->sequence);
    json_add_boolean(writer, session, "exited", snapshot->exited);
    json_add_string(writer, session, "exit_reason", snapshot->exit_reason);
}

static void add_target(struct json_writer *writer, json_t *document)
{
    const struct target_info *target = &writer->snapshot->target;
    json_t *object = json_add_object(writer, document, "target");
    json_add_integer(writer, object, "pid", target->pid);
    json_add_integer(writer, object, "inner_pid", target->inner_pid);
    json_add_integer(writer, object, "uid", target->uid);
    add_known_string(writer, object, "target", "exe", target->exe, "/proc/PID/exe could not be read");
    add_known_string(writer, object, "target", "comm", target->comm, "/proc/PID/comm could not be read");
    add_known_string(writer, object, "target", "cmdline", target->command_line,
                     "/proc/PID/cmdline is empty or could not be read");
    add_known_string(writer, object, "target", "container", target->container, "not in a container that heaptop knows");
    add_known_string(writer, object, "target", "runtime", target->runtime, "not recognised");
    add_known_string(writer, object, "target", "runtime_version", target->runtime_version, "not found");
    add_known_string(writer, object, "target", "main_module", target->main_module, "not found");
    add_known_string(writer, object, "target", "build_id", target->build_id,
                     "the executable carries none, or could not be read");
    add_known(writer, object, "target", "stripped", target->stripped);
    add_known(writer, object, "target", "position_independent", target->position_independent);
    add_time(writer, object, "start_time", target->start_unix_ns);
    json_add_unsigned(writer, object, "start_unix_ns", target->start_unix_ns);
    add_known_string(writer, object, "target", "variables_located_by", target->how_located,
                     "no variables of a runtime were located");
    add_known_string(writer, object, "target", "layouts_from", target->how_laid_out,
                     "no layouts of a runtime were needed");
}

static void add_cost(struct json_writer *writer, json_t *document)
{
    const struct cost *cost = &writer->snapshot->cost;
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"cpu_ns", cost->cpu_ns},
        {"bytes_read", cost->bytes_read},
        {"read_calls", cost->read_calls},
        {"stops", cost->stops},
        {"stop_ns", cost->stop_ns},
        {"writes", cost->writes},
        {"sample_ns", cost->sample_ns},
        {"sample_cpu_ns", cost->sample_cpu_ns},
        {"attach_ns", cost->attach_ns},
        {"symbols_ns", cost->symbols_ns},
        {"rss_bytes", cost->rss_bytes},
        {"samples_taken", cost->samples_taken},
        {"samples_retried", cost->samples_retried},
        {"samples_dropped", cost->samples_dropped},
    };
    json_t *object = json_add_object(writer, document, "cost");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        json_add_unsigned(writer, object, members[i].name, members[i].value);
}

/* A runtime's group in a program that has no such runtime: none of its counters is known, nor would be. */
static bool is_of_other_runtime(const struct snapshot *snapshot, const char *group)
{
    if (strcmp(group, "jvm") != 0 && strcmp(group, "python") != 0)
        return false;
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const enum counter_id counter = (enum counter_id)id;
        if (strcmp(counter_infos[id].group, group) == 0 &&
            (counter_known(&snapshot->counters[id]) || snapshot_misses(snapshot, counter)))
            return false;
    }
    return true;
}

/* Every counter, in the object of its group. */
static void add_counters(struct json_writer *writer, json_t *document)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter *counter = &writer->snapshot->counters[id];
        const struct counter_info *info = &counter_infos[id];
        json_t *group = json_object_get(document, info->group);
        if (!group && is_of_other_runtime(writer->snapshot, info->group)) {
            json_add(writer, document, info->group, json_null());
            json_say_unavailable(writer, info->group, counter->reason);
            continue;
        }
        if (json_is_null(group))
            continue;
        if (!group)
            group = json_add_object(writer, document, info->group);
        char path[96];
        snprintf(path, sizeof(path), "%s.%s", info->group, info->name);
        if (!counter_known(counter)) {
            json_add(writer, group, info->name, json_null());
            json_say_unavailable(writer, path, counter->reason);
        } else if (info->unit == UNIT_FRACTION) {
            json_add_real(writer, group, info->name, counter->value.real);
        } else {
            json_add_integer(writer, group, info->name, counter->value.integer);
        }
    }
}

/* Which of the counters are not exact. */
static void add_provenance(struct json_writer *writer, json_t *document)
{
    static const char *const names[] = {
        [PROVENANCE_SAMPLED] = "sampled", [PROVENANCE_PROVISIONAL] = "provisional", [PROVENANCE_STALE] = "stale"};
    json_t *object = json_add_object(writer, document, "not_exact");
    for (int id = 0; id < COUNTER_COUNT; id++) {
        enum provenance provenance = writer->snapshot->counters[id].provenance;
        if ((size_t)provenance >= ARRAY_SIZE(names) || !names[provenance])
            continue;
        char path[96];
        snprintf(path, sizeof(path), "%s.%s", counter_infos[id].group, counter_infos[id].name);
        json_add_string(writer, object, path, names[provenance]);
    }
}

static void add_values(struct json_writer *writer, json_t *object, const char *prefix, const struct site_values *values)
{
    const struct {
        const char *name;
        int64_t value;
    } members[] = {
        {"inuse_bytes", values->inuse_bytes},
        {"inuse_objects", values->inuse_objects},
        {"alloc_bytes", values->alloc_bytes},
        {"alloc_objects", values->alloc_objects},
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        char name[48];
        snprintf(name, sizeof(name), "%s%s", prefix, members[i].name);
        json_add_integer(writer, object, name, members[i].value);
    }
}

/* Whether it was switched on while the process ran, and what is therefore in no site. */
static void add_switched_on(struct json_writer *writer, json_t *object)
{
    const struct snapshot *snapshot = writer->snapshot;
    const struct allocation_row *row = writer->analysis->unattributed;
    uint64_t since = snapshot->profile_since_unix_ns;
    json_add_boolean(writer, object, "switched_on", since != 0);
    json_add(writer, object, "switched_on_unix_ns",
             since > PROFILE_SINCE_UNKNOWN ? json_integer((json_int_t)since) : json_null());
    if (since == PROFILE_SINCE_UNKNOWN)
        json_say_unavailable(writer, "heap_profile.switched_on_unix_ns", "no heaptop has left word of it");
    if (!row) {
        json_add(writer, object, "unattributed", json_null());
        return;
    }
    json_t *unattributed = json_add_object(writer, object, "unattributed");
    json_add_string(writer, unattributed, "what", ANALYSIS_UNATTRIBUTED);
    json_add_integer(writer, unattributed, "inuse_bytes", row->published.inuse_bytes);
    json_add_real(writer, unattributed, "share", row->share);
    json_add_growth(writer, unattributed, &row->growth, "bytes");
    if (row->growth.verdict == GROWTH_TOO_FEW)
        json_say_unavailable(writer, "heap_profile.unattributed.growth_bytes_per_s", "too few GC cycles were seen");
}

static void add_profile(struct json_writer *writer, json_t *document)
{
    static const char *const states[] = {[PROFILE_NONE] = "none", [PROFILE_OFF] = "off", [PROFILE_ON] = "on"};
    const struct snapshot *snapshot = writer->snapshot;
    const struct allocation_totals *totals = &writer->analysis->totals;
    json_t *object = json_add_object(writer, document, "heap_profile");
    json_add_string(writer, object, "state", states[snapshot->profile_state]);
    json_add_string(writer, object, "reason", snapshot->profile_reason);
    if (snapshot->profile_state != PROFILE_ON) {
        json_say_unavailable(writer, "sites", snapshot->profile_reason ? snapshot->profile_reason : "no heap profile");
        json_say_unavailable(writer, "call_sites",
                             snapshot->profile_reason ? snapshot->profile_reason : "no heap profile");
        return;
    }
    double rate = snapshot_counter_or(snapshot, COUNTER_MEM_PROFILE_RATE, NAN);
    json_add_string(writer, object, "provenance", isnan(rate) ? NULL : rate > 1 ? "sampled" : "exact");
    json_add(writer, object, "sample_rate_bytes", isnan(rate) ? json_null() : json_integer((json_int_t)rate));
    if (isnan(rate)) {
        json_say_unavailable(writer, "heap_profile.provenance", "how often allocations are sampled is not known");
        json_say_unavailable(writer, "heap_profile.sample_rate_bytes",
                             "how often allocations are sampled is not known");
    }
    json_add_unsigned(writer, object, "gc_cycle", snapshot->profile_cycle);
    json_add_boolean(writer, object, "torn", snapshot->profile_torn);
    json_add_boolean(writer, object, "truncated", snapshot->sites_truncated);
    json_add_unsigned(writer, object, "buckets", totals->buckets);
    json_add_unsigned(writer, object, "stacks", totals->stacks);
    json_add_unsigned(writer, object, "call_sites", totals->call_sites);
    add_values(writer, object, "", &totals->published);
    add_values(writer, object, "provisional_", &totals->provisional);
    add_switched_on(writer, object);
}

static void add_conclusions(struct json_writer *writer, json_t *document)
{
    static const char *const levels[] = {[VERDICT_WAITING] = "waiting",
                                         [VERDICT_CALM] = "calm",
                                         [VERDICT_NOTICE] = "notice",
                                         [VERDICT_GROWING] = "growing"};
    const struct analysis *analysis = writer->analysis;
    struct text sentence = {0};
    struct error *error = analysis_write_verdict(analysis, &sentence);
    json_t *verdict = json_add_object(writer, document, "verdict");
    json_add_string(writer, verdict, "level", levels[analysis_verdict_level(analysis)]);
    json_add_string(writer, verdict, "text", sentence.data);
    if (error || sentence.failed)
        writer->failed = true;
    error_destroy(error);
    text_deinit(&sentence);

    json_t *growth = json_add_object(writer, document, "growth");
    json_add_growth(writer, json_add_object(writer, growth, "rss"), &analysis->rss, "bytes");
    json_add_growth(writer, json_add_object(writer, growth, "heap_marked"), &analysis->heap, "bytes");
    json_add_growth(writer, json_add_object(writer, growth, "goroutines"), &analysis->goroutine_count, "");
    const struct managed_heap *managed = &analysis->managed;
    if (managed->kind != MANAGED_NONE)
        json_add_growth(writer, json_add_object(writer, growth, counter_infos[managed->counter].name), &managed->growth,
                        counter_infos[managed->counter].unit == UNIT_BYTES ? "bytes" : "");

    json_t *rates = json_add_object(writer, document, "rates");
    const struct {
        const char *name, *path;
        double value;
        const char *reason;
    } members[] = {
        {"alloc_bytes_per_s", "rates.alloc_bytes_per_s", analysis->alloc_bytes_per_s,
         "two samples of go.total_alloc_bytes are needed"},
        {"gc_per_s", "rates.gc_per_s", analysis->gc_per_s, "two samples of go.num_gc are needed"},
        {"pause_p99_ns", "rates.pause_p99_ns", analysis->gc.pause_p99_ns, "no GC cycle was seen"},
        {"pause_max_ns", "rates.pause_max_ns", analysis->gc.pause_max_ns, "no GC cycle was seen"},
        {"seconds_to_limit", "rates.seconds_to_limit", analysis->seconds_to_limit, "nothing grows towards a limit"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        json_add_real(writer, rates, members[i].name, members[i].value);
        if (!isfinite(members[i].value))
            json_say_unavailable(writer, members[i].path, members[i].reason);
    }
    if (analysis->limit_bytes) {
        json_add_unsigned(writer, rates, "limit_bytes", analysis->limit_bytes);
        json_add_string(writer, rates, "limit_kind", analysis->limit_is_soft ? "soft" : "hard");
    } else {
        json_add(writer, rates, "limit_bytes", json_null());
        json_add(writer, rates, "limit_kind", json_null());
        json_say_unavailable(writer, "rates.limit_bytes", "neither the cgroup nor GOMEMLIMIT sets one");
        json_say_unavailable(writer, "rates.limit_kind", "there is no limit");
    }
}

static void add_problems(struct json_writer *writer, json_t *document)
{
    json_t *problems = json_add_array(writer, document, "problems");
    for (size_t i = 0; i < writer->snapshot->num_problems; i++)
        if (json_array_append_new(problems, make_string(writer->snapshot->problems[i].text)) != 0)
            writer->failed = true;
}

static void write_document(struct json_writer *writer, json_t *document)
{
    json_add_string(writer, document, "schema", "heaptop/1");
    json_add_string(writer, document, "heaptop_version", HEAPTOP_VERSION);
    add_conclusions(writer, document);
    add_session(writer, document);
    json_add_recording(writer, document);
    add_target(writer, document);
    add_cost(writer, document);
    add_counters(writer, document);
    add_profile(writer, document);
    json_add_suspects(writer, document);
    json_add_call_sites(writer, document);
    json_add_sites(writer, document);
    json_add_goroutines(writer, document);
    json_add_threads(writer, document);
    json_add_thread_groups(writer, document);
    json_add_scheduler(writer, document);
    json_add_gc(writer, document);
    json_add_gc_cycles(writer, document);
    json_add_size_classes(writer, document);
    json_add_memory_parts(writer, document);
    json_add_malloc(writer, document);
    add_problems(writer, document);
    add_provenance(writer, document);
}

struct error *json_finish(struct json_writer *writer, json_t *document, struct text *ret_text)
{
    /* Last, since all of the above adds to it. */
    json_add(writer, document, "unavailable", writer->unavailable);
    char *dumped = writer->failed ? NULL : json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(document);
    if (!dumped)
        return error_no_memory();
    struct text text = {0};
    text_append(&text, dumped);
    text_append(&text, "\n");
    free(dumped);
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}

struct error *export_json(const struct history *history, const struct analysis *analysis, struct text *ret_text)
{
    return export_json_recorded(history, analysis, NULL, ret_text);
}

struct error *export_json_recorded(const struct history *history, const struct analysis *analysis,
                                   const struct export_recorded *recorded, struct text *ret_text)
{
    struct json_writer writer = {.history = history,
                                 .recorded = recorded,
                                 .analysis = analysis,
                                 .snapshot = analysis->snapshot,
                                 .catalog = analysis->snapshot->catalog,
                                 .unavailable = json_object()};
    json_t *document = json_object();
    if (document && writer.unavailable)
        write_document(&writer, document);
    else
        writer.failed = true;
    return json_finish(&writer, document, ret_text);
}
