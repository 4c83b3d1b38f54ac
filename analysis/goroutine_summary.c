/* What is to be said of goroutines at a glance, in words. */
#include <inttypes.h>
#include <string.h>

#include "heaptop/analysis.h"

static void write_count(uint64_t count, const char *noun, struct text *text)
{
    char figure[UNITS_BUFFER];
    text_printf(text, "%s %s%s", units_format_exact(figure, (int64_t)count), noun, count == 1 ? "" : "s");
}

/* ---- what they wait on ---- */

/* "no receiver", "2 receivers", "256 or more senders". */
static void write_queue(uint32_t count, bool is_bounded, const char *noun, struct text *text)
{
    char figure[UNITS_BUFFER];
    text_printf(text, ", %s%s %s%s", count ? units_format_exact(figure, count) : "no",
                count && is_bounded ? " or more" : "", noun, count > 1 ? "s" : "");
}

static void write_channel(const struct wait_object *object, enum wait_kind kind, struct text *text)
{
    if (!object->is_read) {
        text_append(text, " (not readable)");
        return;
    }
    text_printf(text, " (cap %" PRIu64, object->capacity);
    if (object->capacity > 0)
        text_printf(text, object->length == object->capacity ? ", full" : ", %" PRIu64 " buffered", object->length);
    if (object->is_timer)
        text_append(text, ", a timer's");
    if (object->is_closed)
        text_append(text, ", closed");
    if (kind != WAIT_CHAN_RECEIVE)
        write_queue(object->receivers, object->is_bounded, "receiver", text);
    if (kind != WAIT_CHAN_SEND && !object->is_timer)
        write_queue(object->senders, object->is_bounded, "sender", text);
    text_append(text, ")");
}

void wait_object_write(const struct wait_object *object, enum wait_kind kind, struct text *text)
{
    switch (object->kind) {
    case WAIT_OBJECT_CHANNEL:
        text_append(text, "channel");
        write_channel(object, WAIT_SELECT, text);
        break;
    case WAIT_OBJECT_NIL_CHANNEL:
        text_append(text, "a nil channel: nothing can ever wake it");
        break;
    case WAIT_OBJECT_SEMAPHORE:
        text_append(text, kind == WAIT_LOCK ? "lock" : "semaphore");
        break;
    case WAIT_OBJECT_NOTIFY_LIST:
        text_append(text, "condition");
        break;
    default:
        text_append(text, "not known");
    }
}

static const char *object_noun(const struct goroutine_group *group)
{
    switch (group->object.kind) {
    case WAIT_OBJECT_SEMAPHORE:
        return group->kind == WAIT_LOCK ? "lock" : "semaphore";
    case WAIT_OBJECT_NOTIFY_LIST:
        return "condition";
    default:
        return "channel";
    }
}

/* As of goroutines that nobody will ever wake: none shares what it waits on with another. */
static void write_own_objects(const struct goroutine_group *group, struct text *text)
{
    char figure[UNITS_BUFFER];
    text_append(text, "each");
    if (group->examined < group->count)
        text_printf(text, " of %s looked at", units_format_exact(figure, group->examined));
    text_printf(text, " on a %s of its own", object_noun(group));
    if (group->object.kind != WAIT_OBJECT_CHANNEL)
        return;
    text_append(text, ", such as one");
    write_channel(&group->object, (enum wait_kind)group->kind, text);
}

static void write_objects(const struct goroutine_group *group, struct text *text)
{
    const struct wait_object *object = &group->object;
    char figure[UNITS_BUFFER];
    if (object->kind == WAIT_OBJECT_NIL_CHANNEL) {
        text_printf(text, "on a nil channel: nothing can ever wake %s", group->count == 1 ? "it" : "them");
        return;
    }
    if (object->goroutines == 1 && group->num_objects > 1 && group->num_objects == group->examined) {
        write_own_objects(group, text);
        return;
    }
    bool all = object->goroutines == group->examined;
    text_append(text, group->count == 1 ? "on" : all ? "all" : "");
    if (group->count > 1 && all && group->examined < group->count)
        text_printf(text, " of %s looked at", units_format_exact(figure, group->examined));
    if (group->count > 1 && all)
        text_append(text, " on");
    if (!all)
        text_printf(text, "%s", units_format_exact(figure, object->goroutines));
    if (!all)
        text_printf(text, " of %s on", units_format_exact(figure, group->examined));
    text_printf(text, " 1 %s", object_noun(group));
    if (object->kind == WAIT_OBJECT_CHANNEL)
        write_channel(object, (enum wait_kind)group->kind, text);
    if (group->num_objects > 1) {
        text_append(text, all ? ", and each on others" : "; ");
        if (!all)
            write_count(group->num_objects, object_noun(group), text);
        text_append(text, all ? "" : " in all");
    }
}

/* ---- the sentence ---- */

static void write_state(const struct catalog *catalog, const struct goroutine_group *group, struct text *text)
{
    const char *reason = catalog_string(catalog, group->wait_reason), *state = catalog_string(catalog, group->state);
    switch (group->kind) {
    case WAIT_RUNNING:
        text_append(text, " running");
        return;
    case WAIT_RUNNABLE:
        text_append(text, " ready to run");
        return;
    case WAIT_SYSTEM_CALL:
        text_append(text, " in a system call or C code");
        return;
    case WAIT_SLEEP:
        text_append(text, " asleep");
        return;
    case WAIT_NETWORK:
        text_append(text, " waiting for the network");
        return;
    case WAIT_IDLE:
        text_append(text, " idle");
        return;
    case WAIT_UNKNOWN:
        text_printf(text, "%s%s", reason[0] || state[0] ? " in " : " in several states", reason[0] ? reason : state);
        return;
    default:
        text_printf(text, " blocked in %s", reason[0] ? reason : wait_kind_name(group->kind));
    }
}

void goroutine_write_details(const struct goroutine_row *row, struct text *text)
{
    const struct goroutine_group *group = &row->group;
    char oldest[UNITS_BUFFER], newest[UNITS_BUFFER];
    size_t begins = text->length;
    if (group->wait_known) {
        units_format_duration(oldest, (double)group->wait_ns_max);
        units_format_duration(newest, (double)group->wait_ns_min);
        text_printf(text, group->count == 1 || strcmp(oldest, newest) == 0 ? "for %s" : "oldest %s", oldest);
    }
    if (row->growth.verdict == GROWTH_GROWING || row->growth.verdict == GROWTH_SHRINKING)
        text_printf(text, "%s%+.3g/s", text->length > begins ? ", " : "", row->growth.per_second);
    if (group->examined > 0 && group->object.kind != WAIT_OBJECT_NONE) {
        text_append(text, text->length > begins ? ", " : "");
        write_objects(group, text);
    }
}

void goroutine_write_summary(const struct catalog *catalog, const struct goroutine_row *row, struct text *text)
{
    write_count(row->group.count, "goroutine", text);
    write_state(catalog, &row->group, text);
    size_t length = text->length;
    text_append(text, ", ");
    goroutine_write_details(row, text);
    if (!text->failed && text->length == length + 2) {
        text->length = length;
        text->data[length] = '\0';
    }
    text_append(text, ".");
}

/* ---- labels ---- */

/* One string of the JSON text: behind its opening quote. Where it ends. */
static const char *write_string(const char *at, struct text *text)
{
    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        text_append_bytes(text, at, 1);
    }
    return *at ? at + 1 : at;
}

void goroutine_write_labels(const struct catalog *catalog, string_id labels, struct text *text)
{
    bool is_key = true;
    for (const char *at = catalog_string(catalog, labels); *at;) {
        if (*at == '"') {
            at = write_string(at + 1, text);
            is_key = !is_key;
            text_append(text, is_key ? "" : "=");
            continue;
        }
        text_append(text, *at == ',' ? " " : "");
        at++;
    }
}
