/* Goroutines in the JSON document: the groups, and one by one. */
#include "export/json.h"

#include <inttypes.h>
#include <stdio.h>

/* Individual goroutines in the document; the groups hold all. */
#define MAX_GOROUTINES 1000

#define WAIT_REASON "the runtime notes it for those that a GC found waiting"

static void add_object(struct json_writer *writer, json_t *object, const struct wait_object *on)
{
    static const char *const kinds[WAIT_OBJECT_KIND_COUNT] = {
        [WAIT_OBJECT_NONE] = "none",
        [WAIT_OBJECT_CHANNEL] = "channel",
        [WAIT_OBJECT_NIL_CHANNEL] = "nil channel",
        [WAIT_OBJECT_SEMAPHORE] = "semaphore",
        [WAIT_OBJECT_NOTIFY_LIST] = "condition",
    };
    char address[32] = "";
    bool known = on->kind == WAIT_OBJECT_CHANNEL && on->is_read;
    if (on->address)
        snprintf(address, sizeof(address), "0x%" PRIx64, on->address);
    json_add_string(writer, object, "kind", kinds[on->kind < WAIT_OBJECT_KIND_COUNT ? on->kind : WAIT_OBJECT_NONE]);
    json_add_string(writer, object, "address", address);
    json_add(writer, object, "length", known ? json_integer((json_int_t)on->length) : json_null());
    json_add(writer, object, "capacity", known ? json_integer((json_int_t)on->capacity) : json_null());
    json_add(writer, object, "closed", known ? json_boolean(on->is_closed) : json_null());
    json_add(writer, object, "timer", known ? json_boolean(on->is_timer) : json_null());
    json_add(writer, object, "senders", known ? json_integer(on->senders) : json_null());
    json_add(writer, object, "receivers", known ? json_integer(on->receivers) : json_null());
    json_add_boolean(writer, object, "counted_in_part", on->is_bounded);
    json_add_integer(writer, object, "goroutines", on->goroutines);
}

/* The labels are the text of a JSON object. */
static void add_labels(struct json_writer *writer, json_t *object, string_id labels)
{
    json_t *value = labels ? json_loads(catalog_string(writer->snapshot->catalog, labels), 0, NULL) : json_object();
    json_add(writer, object, "labels", value && json_is_object(value) ? value : json_null());
    if (!value || !json_is_object(value))
        json_decref(value);
}

static void add_waits(struct json_writer *writer, json_t *object, const struct goroutine_group *group)
{
    json_add_integer(writer, object, "examined", group->examined);
    json_add_integer(writer, object, "wait_objects", group->num_objects);
    if (group->object.kind != WAIT_OBJECT_NONE)
        add_object(writer, json_add_object(writer, object, "waits_on"), &group->object);
    else
        json_add(writer, object, "waits_on", json_null());
}

static void add_group(struct json_writer *writer, json_t *object, const struct goroutine_row *row)
{
    const struct goroutine_group *group = &row->group;
    const struct catalog *catalog = writer->snapshot->catalog;
    json_add_integer(writer, object, "count", group->count);
    json_add_string(writer, object, "state", catalog_string(catalog, group->state));
    json_add_string(writer, object, "wait_reason", catalog_string(catalog, group->wait_reason));
    json_add_string(writer, object, "kind", wait_kind_name(group->kind));
    add_labels(writer, object, group->labels);
    json_add_boolean(writer, object, "system", group->system);
    if (group->wait_known) {
        json_add_unsigned(writer, object, "wait_ns_min", group->wait_ns_min);
        json_add_unsigned(writer, object, "wait_ns_max", group->wait_ns_max);
    } else {
        json_add(writer, object, "wait_ns_min", json_null());
        json_add(writer, object, "wait_ns_max", json_null());
        json_say_unavailable(writer, "goroutine_groups[].wait_ns_min", WAIT_REASON);
    }
    json_add_frame(writer, object, "created_by", group->created_by);
    json_add_frame(writer, object, "start", group->start);
    json_add(writer, object, "parent_ended", group->parent_known ? json_boolean(group->parent_ended) : json_null());
    json_add_frame(writer, object, "parent_created_by", group->parent_created_by);
    json_add_frame(writer, object, "parent_start", group->parent_start);
    if (group->stack) {
        json_add_stack(writer, object, group->stack);
    } else {
        json_add(writer, object, "stack", json_null());
        json_say_unavailable(writer, "goroutine_groups[].stack", "it runs, or moved on while its stack was read");
    }
    json_add_boolean(writer, object, "stack_cut", group->stack_cut);
    add_waits(writer, object, group);
    json_add_growth(writer, object, &row->growth, "");
}

/* ---- one by one ---- */

static void add_goroutine(struct json_writer *writer, json_t *object, const struct listed_goroutine *goroutine,
                          uint32_t group)
{
    const struct snapshot *snapshot = writer->snapshot;
    json_add_unsigned(writer, object, "goid", goroutine->goid);
    json_add(writer, object, "parent_goid",
             goroutine->parent_goid ? json_integer((json_int_t)goroutine->parent_goid) : json_null());
    json_add_integer(writer, object, "group", group);
    uint64_t waited;
    if (snapshot_goroutine_waited(snapshot, goroutine, &waited)) {
        json_add_unsigned(writer, object, "wait_ns", waited);
    } else {
        json_add(writer, object, "wait_ns", json_null());
        json_say_unavailable(writer, "goroutines[].wait_ns", WAIT_REASON);
    }
    if (!goroutine->examined) {
        json_add(writer, object, "waits_on", json_null());
        json_say_unavailable(writer, "goroutines[].waits_on",
                             "it waits on no channel or lock that was looked at");
        return;
    }
    json_t *waits = json_add_array(writer, object, "waits_on");
    for (unsigned i = 0; i < goroutine->num_waits && !writer->failed; i++)
        add_object(writer, json_append_object(writer, waits),
                   &snapshot->wait_objects[snapshot->waits[goroutine->first_wait + i]]);
}

static void add_singles(struct json_writer *writer, json_t *document)
{
    const struct snapshot *snapshot = writer->snapshot;
    const struct analysis *analysis = writer->analysis;
    const char *reason = snapshot->goroutines_reason;
    if (!snapshot->goroutines) {
        json_add(writer, document, "goroutines", json_null());
        json_say_unavailable(writer, "goroutines", reason ? reason : "not read");
        return;
    }
    /* From a group of the snapshot to its place in the document. */
    uint32_t *places = calloc(snapshot->num_goroutine_groups + 1, sizeof(*places));
    if (!places) {
        writer->failed = true;
        return;
    }
    for (size_t i = 0; i < analysis->num_goroutines_by[GOROUTINES_BY_GROUP]; i++)
        places[analysis->goroutines_by[GOROUTINES_BY_GROUP][i].group_index] = (uint32_t)i;
    json_t *list = json_add_array(writer, document, "goroutines");
    for (size_t i = 0; i < snapshot->num_goroutines && i < MAX_GOROUTINES && !writer->failed; i++)
        add_goroutine(writer, json_append_object(writer, list), &snapshot->goroutines[i],
                      places[snapshot->goroutines[i].group]);
    free(places);
}

void json_add_goroutines(struct json_writer *writer, json_t *document)
{
    const struct analysis *analysis = writer->analysis;
    const struct snapshot *snapshot = writer->snapshot;
    const struct counter *count = &snapshot->counters[COUNTER_GOROUTINES];
    size_t num_groups = analysis->num_goroutines_by[GOROUTINES_BY_GROUP];
    if (!num_groups && !counter_known(count)) {
        json_add(writer, document, "goroutine_groups", json_null());
        json_add(writer, document, "goroutines", json_null());
        json_add(writer, document, "goroutines_not_listed", json_null());
        json_add(writer, document, "goroutines_age_ns", json_null());
        json_say_unavailable(writer, "goroutine_groups", count->reason);
        json_say_unavailable(writer, "goroutines", count->reason);
        json_say_unavailable(writer, "goroutines_not_listed", count->reason);
        json_say_unavailable(writer, "goroutines_age_ns", count->reason);
        return;
    }
    json_t *groups = json_add_array(writer, document, "goroutine_groups");
    for (size_t i = 0; i < num_groups && !writer->failed; i++)
        add_group(writer, json_append_object(writer, groups), &analysis->goroutines_by[GOROUTINES_BY_GROUP][i]);
    add_singles(writer, document);
    size_t beyond = snapshot->num_goroutines > MAX_GOROUTINES ? snapshot->num_goroutines - MAX_GOROUTINES : 0;
    json_add_unsigned(writer, document, "goroutines_not_listed", snapshot->goroutines_not_listed + beyond);
    json_add_unsigned(writer, document, "goroutines_age_ns", snapshot_goroutines_age_ns(snapshot));
}
