#include "record/goroutine_rows.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "record/schema.h"

/* ---- what is waited on ---- */

void wait_object_columns(const struct wait_object *object, int64_t columns[WAIT_OBJECT_COLUMNS])
{
    columns[0] = object->kind;
    columns[1] = (object->is_read ? RECORD_OBJECT_READ : 0) | (object->is_closed ? RECORD_OBJECT_CLOSED : 0) |
                 (object->is_timer ? RECORD_OBJECT_TIMER : 0) | (object->is_bounded ? RECORD_OBJECT_BOUNDED : 0);
    columns[2] = (int64_t)object->address;
    columns[3] = object->goroutines;
    columns[4] = (int64_t)object->length;
    columns[5] = (int64_t)object->capacity;
    columns[6] = object->senders;
    columns[7] = object->receivers;
}

/* Numbers that a damaged file makes too large stay at the largest. */
static uint32_t count_of(const struct span *span, int column)
{
    int64_t value = span_integer(span, column);
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

struct wait_object wait_object_read(const struct span *span, int first_column)
{
    int64_t kind = span_integer(span, first_column), flags = span_integer(span, first_column + 1);
    return (struct wait_object){
        .kind = kind > 0 && kind < WAIT_OBJECT_KIND_COUNT ? (uint8_t)kind : WAIT_OBJECT_NONE,
        .is_read = flags & RECORD_OBJECT_READ,
        .is_closed = flags & RECORD_OBJECT_CLOSED,
        .is_timer = flags & RECORD_OBJECT_TIMER,
        .is_bounded = flags & RECORD_OBJECT_BOUNDED,
        .address = (uint64_t)span_integer(span, first_column + 2),
        .goroutines = count_of(span, first_column + 3),
        .length = (uint64_t)span_integer(span, first_column + 4),
        .capacity = (uint64_t)span_integer(span, first_column + 5),
        .senders = count_of(span, first_column + 6),
        .receivers = count_of(span, first_column + 7),
    };
}

/* ---- writing ---- */

static void group_words(const struct goroutine_group *group, uint32_t words[8])
{
    words[0] = group->state;
    words[1] = group->wait_reason;
    words[2] = group->created_by;
    words[3] = group->start;
    words[4] = group->stack;
    words[5] = group->system;
    words[6] = group->kind;
    words[7] = group->labels;
}

static bool group_matches(const void *groups, size_t index, const uint32_t *words)
{
    uint32_t own[8];
    group_words(&((const struct written_group *)groups)[index].group, own);
    return memcmp(own, words, sizeof(own)) == 0;
}

static struct written_group *find_written(struct tick_writer *writer, const struct goroutine_group *group)
{
    uint32_t words[8];
    group_words(group, words);
    uint64_t *place = tick_writer_find_identity(&writer->groups_by_identity, words, ARRAY_SIZE(words), group_matches,
                                                writer->groups.items);
    if (place && *place != 0)
        return &writer->groups.items[*place - 1];
    if (!place || !vector_append(&writer->groups, (struct written_group){.group = *group})) {
        tick_writer_out_of_memory(writer);
        return NULL;
    }
    *place = writer->groups.count;
    return &writer->groups.items[writer->groups.count - 1];
}

/* What they wait on and who made them; a row where anything of it is known and has changed. */
static void write_group_waits(struct tick_writer *writer, struct written_group *written,
                              const struct goroutine_group *group, bool is_new)
{
    int64_t waits[GROUP_WAIT_COLUMNS] = {
        group->stack_cut,
        group->parent_ended ? RECORD_PARENT_ENDED : group->parent_known ? RECORD_PARENT_ALIVE : 0,
        dictionary_frame(&writer->dictionary, group->parent_created_by),
        dictionary_frame(&writer->dictionary, group->parent_start),
        group->examined,
        group->num_objects,
    };
    _Static_assert(GROUP_WAIT_COLUMNS == 6 + WAIT_OBJECT_COLUMNS, "an object behind the group's own columns");
    wait_object_columns(&group->object, waits + 6);
    static const int64_t nothing[GROUP_WAIT_COLUMNS];
    /* What is new, or what a keyframe does not name, is all zeros; of a group that comes back it is not known. */
    const int64_t *before = writer->keyframe || is_new ? nothing : written->waits;
    bool comes_back = !writer->keyframe && !is_new && !written->present;
    if (comes_back || memcmp(waits, before, sizeof(waits)) != 0) {
        struct row row = tick_writer_begin(writer, INSERT_GROUP_WAITS);
        row_integer(&row, tick_writer_key(writer, written->id));
        row_integers(&row, waits, ARRAY_SIZE(waits));
        row_done(&row);
    }
    memcpy(written->waits, waits, sizeof(waits));
}

/* Returns its id in the file; 0 where it is not there. */
static int64_t write_group(struct tick_writer *writer, const struct snapshot *snapshot,
                           const struct goroutine_group *group)
{
    struct written_group *written = find_written(writer, group);
    /* Two groups of one identity would be one in the file: the readers make none such. */
    if (!written || (written->present && written->seen_in == writer->tick))
        return written ? written->id : 0;
    /* Since when they wait stays as it is while they do; how long they have would change in every tick. */
    const int64_t values[] = {group->count, (int64_t)(snapshot->monotonic_ns - group->wait_ns_min),
                              (int64_t)(snapshot->monotonic_ns - group->wait_ns_max)};
    bool is_new = written->id == 0;
    if (is_new && writer->last_group == RECORD_MAX_IDENTITY)
        return 0;
    if (is_new) {
        const int64_t identity[] = {++writer->last_group,
                                    tick_writer_string(writer, group->state),
                                    tick_writer_string(writer, group->wait_reason),
                                    dictionary_frame(&writer->dictionary, group->created_by),
                                    dictionary_frame(&writer->dictionary, group->start),
                                    dictionary_stack(&writer->dictionary, group->stack),
                                    group->system};
        written->id = identity[0];
        struct row row = tick_writer_begin(writer, INSERT_GROUP);
        row_integers(&row, identity, ARRAY_SIZE(identity));
        row_text(&row, wait_kind_name(group->kind), strlen(wait_kind_name(group->kind)));
        row_integer(&row, writer->redact ? 0 : tick_writer_string(writer, group->labels));
        row_integer(&row, dictionary_stack(&writer->dictionary, group->profile_stack));
        row_done(&row);
    }
    bool is_same = written->present && written->group.wait_known == group->wait_known &&
                   written->values[0] == values[0] &&
                   (!group->wait_known || (written->values[1] == values[1] && written->values[2] == values[2]));
    if (writer->keyframe || is_new || !is_same) {
        struct row row = tick_writer_begin(writer, INSERT_GROUP_VALUES);
        row_integer(&row, tick_writer_key(writer, written->id));
        row_integer(&row, values[0]);
        if (group->wait_known) {
            row_integers(&row, values + 1, 2);
        } else {
            row_nulls(&row, 2);
        }
        row_done(&row);
    }
    write_group_waits(writer, written, group, is_new);
    written->group = *group;
    memcpy(written->values, values, sizeof(values));
    written->present = true;
    written->seen_in = writer->tick;
    return written->id;
}

void goroutine_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    _cleanup_free_ int64_t *ids = calloc(snapshot->num_goroutine_groups + 1, sizeof(*ids));
    if (!ids) {
        tick_writer_out_of_memory(writer);
        return;
    }
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++)
        ids[i] = write_group(writer, snapshot, &snapshot->goroutine_groups[i]);
    goroutine_list_rows_write(writer, snapshot, ids);
    for (size_t i = 0; i < writer->groups.count; i++) {
        struct written_group *group = &writer->groups.items[i];
        if (!group->present || group->seen_in == writer->tick)
            continue;
        group->present = false;
        if (writer->keyframe)
            continue;
        struct row row = tick_writer_begin(writer, INSERT_GROUP_VALUES);
        row_integer(&row, tick_writer_key(writer, group->id));
        row_nulls(&row, 3);
        row_done(&row);
    }
}

/* ---- reading ---- */

static uint8_t kind_of_name(const char *name)
{
    uint8_t kind = 0;
    while (name && kind < WAIT_KIND_COUNT && strcmp(name, wait_kind_name(kind)) != 0)
        kind++;
    return name && kind < WAIT_KIND_COUNT ? kind : WAIT_UNKNOWN;
}

static struct read_group *find_read(struct tick_reader *reader, int64_t id)
{
    struct row row;
    if (id > RECORD_MAX_IDENTITY) {
        reader->damaged++;
        return NULL;
    }
    if (!TICK_READER_GROW(reader, &reader->groups, (size_t)id + 1))
        return NULL;
    struct read_group *group = &reader->groups.items[id];
    if (group->id == id && id != 0)
        return group;
    if (!tick_reader_find_row(reader, SELECT_GROUP, id, &row)) {
        reader->damaged++;
        return NULL;
    }
    int64_t values[8];
    for (int i = 0; i < 8; i++)
        values[i] = sqlite3_column_int64(row.statement, i);
    uint8_t kind = kind_of_name((const char *)sqlite3_column_text(row.statement, 8));
    row_reset(&row);
    struct names *names = &reader->names;
    *group = (struct read_group){.id = id,
                                 .group = {.state = names_string(names, values[0]),
                                           .wait_reason = names_string(names, values[1]),
                                           .created_by = names_frame(names, values[2]),
                                           .start = names_frame(names, values[3]),
                                           .stack = names_stack(names, values[4]),
                                           .system = values[5] != 0,
                                           .labels = names_string(names, values[6]),
                                           .profile_stack = names_stack(names, values[7]),
                                           .kind = kind}};
    return group;
}

static void read_values(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_GROUP_VALUES, first, last);
    while (span_next(&span)) {
        struct read_group *group = find_read(reader, span_key(&span));
        if (!group)
            continue;
        group->present = !span_is_null(&span, 1);
        group->group.count = (uint32_t)span_integer(&span, 1);
        group->group.wait_known = !span_is_null(&span, 2);
        group->newest_wait = span_integer(&span, 2);
        group->oldest_wait = span_integer(&span, 3);
    }
}

static void read_waits(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_GROUP_WAITS, first, last);
    while (span_next(&span)) {
        int64_t parent = span_integer(&span, 2), created_by = span_integer(&span, 3), start = span_integer(&span, 4);
        struct read_group *place = find_read(reader, span_key(&span));
        if (!place)
            continue;
        struct goroutine_group *group = &place->group;
        group->stack_cut = span_integer(&span, 1) != 0;
        group->parent_known = parent != 0;
        group->parent_ended = parent == RECORD_PARENT_ENDED;
        group->examined = count_of(&span, 5);
        group->num_objects = count_of(&span, 6);
        group->object = wait_object_read(&span, 7);
        group->parent_created_by = names_frame(&reader->names, created_by);
        group->parent_start = names_frame(&reader->names, start);
    }
}

void goroutine_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    read_values(reader, first, last);
    read_waits(reader, first, last);
    goroutine_list_rows_read(reader, first, last);
}

/* As it is in a keyframe that does not name it. */
static void forget(struct read_group *group)
{
    group->present = false;
    group->group.stack_cut = group->group.parent_known = group->group.parent_ended = false;
    group->group.parent_created_by = group->group.parent_start = 0;
    group->group.examined = group->group.num_objects = 0;
    group->group.object = (struct wait_object){.kind = WAIT_OBJECT_NONE};
}

void goroutine_rows_forget(struct tick_reader *reader)
{
    for (size_t i = 0; i < reader->groups.count; i++)
        forget(&reader->groups.items[i]);
    goroutine_list_rows_forget(reader);
}
