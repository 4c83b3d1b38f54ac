/* Two moments compared, as one JSON document. docs/json.md describes it, docs/heaptop-diff.schema.json binds it. */
#include <math.h>

#include "export/json.h"

static const char *const side_names[] = {[DIFF_OLD] = "old", [DIFF_NEW] = "new"};

static void add_change(struct json_writer *writer, json_t *object, const struct diff_change *change)
{
    json_add_string(writer, object, "kind", diff_kind_name(change->kind));
    json_add_integer(writer, object, "change", change->change);
    json_add_real(writer, object, "error", change->error);
    json_add_real(writer, object, "share", change->share);
}

static void add_values(struct json_writer *writer, json_t *object, const char *name, const struct site_values *values)
{
    json_t *added = json_add_object(writer, object, name);
    for (int value = 0; value < SITE_VALUE_COUNT; value++)
        json_add_integer(writer, added, site_value_name((enum site_value)value),
                         site_value_of(values, (enum site_value)value));
}

static void add_moment(struct json_writer *writer, json_t *document, const struct diff *diff, enum diff_side side)
{
    const struct diff_moment *moment = &diff->moments[side];
    const struct target_info *target = &moment->target;
    const struct {
        const char *name;
        string_id value;
    } strings[] = {
        {"exe", target->exe},
        {"comm", target->comm},
        {"cmdline", target->command_line},
        {"container", target->container},
        {"runtime", target->runtime},
        {"runtime_version", target->runtime_version},
        {"main_module", target->main_module},
        {"build_id", target->build_id},
    };
    json_t *object = json_add_object(writer, document, side_names[side]);
    json_add_unsigned(writer, object, "unix_ns", moment->unix_ns);
    json_t *who = json_add_object(writer, object, "target");
    json_add_integer(writer, who, "pid", target->pid);
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
        json_add_string(writer, who, strings[i].name, catalog_string(diff->catalog, strings[i].value));
    json_add_unsigned(writer, who, "start_unix_ns", target->start_unix_ns);
    json_add_unsigned(writer, object, "goroutines", moment->goroutines);
    json_add_if(writer, object, "memory_parts_unix_ns", moment->memory_parts.unix_ns, moment->memory_parts.known);
    if (!moment->memory_parts.known)
        json_say_unavailable(writer, side == DIFF_OLD ? "old.memory_parts_unix_ns" : "new.memory_parts_unix_ns",
                             "the pages of memory were not looked at");
    if (moment->has_sites) {
        add_values(writer, object, "heap_profile", &moment->totals);
    } else {
        json_add(writer, object, "heap_profile", json_null());
        json_say_unavailable(writer, side == DIFF_OLD ? "old.heap_profile" : "new.heap_profile", moment->sites_reason);
    }
}

static void add_counter_value(struct json_writer *writer, json_t *object, const struct diff_counter *row,
                              enum counter_id id, enum diff_side side)
{
    const struct counter *counter = &row->values[side];
    if (!counter_known(counter))
        json_add(writer, object, side_names[side], json_null());
    else if (counter_infos[id].unit == UNIT_FRACTION)
        json_add_real(writer, object, side_names[side], counter->value.real);
    else
        json_add_integer(writer, object, side_names[side], counter->value.integer);
}

static void add_counters(struct json_writer *writer, json_t *document, const struct diff *diff)
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter_info *info = &counter_infos[id];
        const struct diff_counter *row = &diff->counters[id];
        json_t *group = json_object_get(document, info->group);
        if (!group)
            group = json_add_object(writer, document, info->group);
        json_t *object = json_add_object(writer, group, info->name);
        add_counter_value(writer, object, row, (enum counter_id)id, DIFF_OLD);
        add_counter_value(writer, object, row, (enum counter_id)id, DIFF_NEW);
        json_add_real(writer, object, "change", row->is_known ? row->change : NAN);
        json_add_real(writer, object, "ratio", row->ratio);
        if (!row->is_known) {
            int side = counter_known(&row->values[DIFF_OLD]) ? DIFF_NEW : DIFF_OLD;
            struct text path = {0};
            text_printf(&path, "%s.%s", info->group, info->name);
            writer->failed |= path.failed;
            if (path.data)
                json_say_unavailable(writer, path.data, row->values[side].reason);
            text_deinit(&path);
        }
    }
}

void json_add_memory_changes(struct json_writer *writer, json_t *object, const char *path, const struct diff *diff)
{
    if (!diff->has_memory_parts) {
        json_add(writer, object, "memory_parts", json_null());
        json_say_unavailable(writer, path, "the pages of memory were not looked at, at both moments");
        return;
    }
    json_t *parts = json_add_array(writer, object, "memory_parts");
    for (int part = 0; part < MEMORY_PART_COUNT && !writer->failed; part++) {
        const struct diff_memory_part *row = &diff->memory_parts[part];
        json_t *member = json_append_object(writer, parts);
        json_add_string(writer, member, "name", memory_part_infos[part].name);
        json_add_unsigned(writer, member, "old_bytes", row->bytes[DIFF_OLD]);
        json_add_unsigned(writer, member, "new_bytes", row->bytes[DIFF_NEW]);
        add_change(writer, member, &row->change);
    }
}

static void add_allocation(struct json_writer *writer, json_t *object, const struct diff_allocation_row *row)
{
    add_change(writer, object, &row->change);
    add_values(writer, object, "old", &row->values[DIFF_OLD]);
    add_values(writer, object, "new", &row->values[DIFF_NEW]);
}

static void add_sites(struct json_writer *writer, json_t *document, const struct diff *diff)
{
    if (!diff->has_sites) {
        json_add(writer, document, "call_sites", json_null());
        json_add(writer, document, "sites", json_null());
        int side = diff->moments[DIFF_OLD].has_sites ? DIFF_NEW : DIFF_OLD;
        json_say_unavailable(writer, "call_sites", diff->moments[side].sites_reason);
        json_say_unavailable(writer, "sites", diff->moments[side].sites_reason);
        return;
    }
    json_t *call_sites = json_add_array(writer, document, "call_sites");
    for (size_t i = 0; i < diff->num_call_sites && !writer->failed; i++) {
        const struct diff_allocation_row *row = &diff->call_sites[i];
        json_t *object = json_append_object(writer, call_sites);
        json_fill_frame(writer, object, row->subject);
        json_add(writer, object, "old_line", row->lines[DIFF_OLD] ? json_integer(row->lines[DIFF_OLD]) : json_null());
        json_add_integer(writer, object, "stacks", row->num_stacks);
        add_allocation(writer, object, row);
    }
    json_t *sites = json_add_array(writer, document, "sites");
    for (size_t i = 0; i < diff->num_stacks && !writer->failed; i++) {
        json_t *object = json_append_object(writer, sites);
        add_allocation(writer, object, &diff->stacks[i]);
        json_add_stack(writer, object, diff->stacks[i].stack);
    }
}

static void add_goroutine_counts(struct json_writer *writer, json_t *object, const struct diff_goroutine_row *row)
{
    add_change(writer, object, &row->change);
    json_add_integer(writer, object, "old", row->counts[DIFF_OLD]);
    json_add_integer(writer, object, "new", row->counts[DIFF_NEW]);
}

static void add_goroutines(struct json_writer *writer, json_t *document, const struct diff *diff)
{
    json_t *list = json_add_array(writer, document, "goroutines");
    for (size_t i = 0; i < diff->num_goroutines && !writer->failed; i++) {
        const struct diff_goroutine_row *row = &diff->goroutines[i];
        json_t *object = json_append_object(writer, list);
        add_goroutine_counts(writer, object, row);
        json_add_boolean(writer, object, "system", row->system);
        json_add_frame(writer, object, "created_by", row->created_by);
        json_add_frame(writer, object, "start", row->start);
        json_t *groups = json_add_array(writer, object, "groups");
        for (uint32_t k = 0; k < row->num_groups && !writer->failed; k++) {
            const struct diff_goroutine_row *group = &diff->goroutine_groups[row->first_group + k];
            json_t *added = json_append_object(writer, groups);
            add_goroutine_counts(writer, added, group);
            json_add_string(writer, added, "state", catalog_string(diff->catalog, group->state));
            json_add_string(writer, added, "wait_reason", catalog_string(diff->catalog, group->wait_reason));
            json_add_stack(writer, added, group->stack);
        }
    }
}

static void add_head(struct json_writer *writer, json_t *document, const struct diff *diff)
{
    struct text sentence = {0};
    struct error *error = diff_write_verdict(diff, &sentence);
    writer->failed |= error != NULL;
    error_destroy(error);
    json_add_string(writer, document, "schema", "heaptop/1");
    json_add_string(writer, document, "document", "diff");
    json_add_string(writer, document, "verdict", sentence.data);
    text_deinit(&sentence);
    json_add_string(writer, document, "value", site_value_name(diff->value));
    json_add_boolean(writer, document, "same_build", diff->is_same_build);
    json_add_boolean(writer, document, "same_process", diff->is_same_process);
    json_add_integer(writer, document, "elapsed_ns",
                     (int64_t)(diff->moments[DIFF_NEW].unix_ns - diff->moments[DIFF_OLD].unix_ns));
    add_moment(writer, document, diff, DIFF_OLD);
    add_moment(writer, document, diff, DIFF_NEW);
    json_t *summary = json_add_object(writer, document, "summary");
    json_add_integer(writer, summary, "grown", diff->grown);
    json_add_integer(writer, summary, "shrunk", diff->shrunk);
    json_add_boolean(writer, summary, "truncated", diff->sites_are_cut || diff->goroutines_are_cut);
    for (int kind = 0; kind < DIFF_KIND_COUNT; kind++)
        json_add_integer(writer, summary, diff_kind_name((enum diff_kind)kind), diff->num_of_kind[kind]);
}

struct error *export_diff_json(const struct diff *diff, struct text *ret_text)
{
    struct json_writer writer = {.catalog = diff->catalog, .unavailable = json_object()};
    json_t *document = json_object();
    if (document && writer.unavailable) {
        add_head(&writer, document, diff);
        add_counters(&writer, document, diff);
        json_add_memory_changes(&writer, document, "memory_parts", diff);
        add_sites(&writer, document, diff);
        add_goroutines(&writer, document, diff);
    } else {
        writer.failed = true;
    }
    return json_finish(&writer, document, ret_text);
}
